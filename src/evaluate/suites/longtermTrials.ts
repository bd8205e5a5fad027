import { Rng } from "../../base/rng.ts";
import { asCategory, Dataset } from "../../data/dataset.ts";
import { combineSamples } from "../../data/longterm.ts";
import { openDataset } from "../../data/open.ts";
import { averageEffects } from "../../experiment/ate.ts";

/** A randomised trial with a long-term outcome, cut in two: half of its units are history, the others an experiment whose outcome is held back. */
export interface LongtermTrial {
  readonly name: string;
  /** Whether history keeps its arms. */
  readonly labelled: boolean;
  open(): Promise<{ readonly pooled: Dataset; readonly effect: number; readonly se: number }>;
}

interface Cut {
  readonly treatment: string;
  readonly control: string;
  readonly outcome: string;
  readonly surrogates: readonly string[];
  /** Whether history keeps its arms. */
  readonly arms: "hidden" | "logged";
  /** The effect where it is known; estimated otherwise. */
  readonly known?: number;
}

// The later effect is that of all units of the experiment's half, by a regression-adjusted difference: computed here, after and apart from every fit.
function cut(
  data: Dataset,
  { treatment, control, outcome, surrogates, arms, known }: Cut,
): { readonly pooled: Dataset; readonly effect: number; readonly se: number } {
  const y = data.number(outcome, "outcome");
  const arm = asCategory(data.column(treatment), data.at(treatment));
  const whole = Array.from({ length: data.rows }, (_, i) => i).filter(
    (i) => !Number.isNaN(y[i]) && arm.codes[i] >= 0 && surrogates.some((name) => !Number.isNaN(data.number(name)[i])),
  );
  const order = new Rng(7).split("cut").shuffle(Int32Array.from(whole));
  const half = Math.floor(order.length / 2);
  const past = order.slice(0, half);
  const now = order.slice(half);
  const features = data.roles.features;
  const plain = (rows: Int32Array, names: readonly string[], name: string): Dataset =>
    new Dataset(
      names.map((column) => data.column(column)),
      { features: [], outcomes: [] },
      name,
    ).take(rows);
  const history = plain(past, [...features, ...surrogates, outcome, ...(arms === "logged" ? [treatment] : [])], "history");
  const experiment = plain(now, [...features, ...surrogates, treatment], "experiment");
  const pooled = combineSamples(history, experiment, { treatment, control, outcome: [outcome], surrogates, features });
  if (known !== undefined) return { pooled, effect: known, se: 0 };
  const later = data.withRoles({ treatment: { column: treatment, control }, outcomes: [outcome], propensity: undefined }).take(now);
  const [found] = averageEffects(later, { outcome });
  return { pooled, effect: found.value, se: found.se };
}

const jobcorps = async (): Promise<Dataset> => openDataset("jobcorps");

export const longtermTrials: readonly LongtermTrial[] = [
  {
    // Not a trial, but the published series of LTEE, whose true effect at step 100 stands in Series_groundtruth_1.
    name: "IHDP-long, file 1, step 100 from steps 1 to 10",
    labelled: true,
    open: async () =>
      cut(await openDataset("ihdp-longterm/1"), {
        treatment: "treatment",
        control: "0",
        outcome: "step_100",
        surrogates: Array.from({ length: 10 }, (_, t) => `step_${t + 1}`),
        arms: "logged",
        known: 26.92,
      }),
  },
  {
    name: "Job Corps, earnings of year 4 from year 1",
    labelled: false,
    open: async () =>
      cut(await jobcorps(), {
        treatment: "assignment",
        control: "0",
        outcome: "earny4",
        surrogates: ["everwkdy1", "earnq4", "pworky1", "health12"],
        arms: "hidden",
      }),
  },
  {
    name: "Job Corps, earnings of year 4 from years 1 and 2",
    labelled: false,
    open: async () =>
      cut(await jobcorps(), {
        treatment: "assignment",
        control: "0",
        outcome: "earny4",
        surrogates: ["everwkdy1", "earnq4", "pworky1", "health12", "earny2", "pworky2"],
        arms: "hidden",
      }),
  },
  {
    name: "JTPA, earnings of 30 months from enrolment",
    labelled: false,
    open: async () => {
      const data = await openDataset("jtpa");
      return cut(data, { treatment: "assignmt", control: "0", outcome: "earnings", surrogates: ["training"], arms: "hidden" });
    },
  },
  {
    name: "STAR, grade 3 reading from kindergarten scores",
    labelled: false,
    open: async () => {
      const data = await openDataset("star");
      const arm = asCategory(data.column("gkclasstype"), "star");
      const kept = Int32Array.from(arm.codes.keys()).filter((i) => ["regular", "small"].includes(arm.levels[arm.codes[i]]));
      const { codes, levels } = asCategory(data.take(kept).column("gkclasstype"), "star");
      const two = data
        .take(kept)
        .withColumns([{ kind: "category", name: "gkclasstype", codes: codes.map((c) => (levels[c] === "small" ? 1 : 0)), levels: ["regular", "small"] }]);
      return cut(two, { treatment: "gkclasstype", control: "regular", outcome: "g3treadss", surrogates: ["gktreadss", "gktmathss"], arms: "hidden" });
    },
  },
];

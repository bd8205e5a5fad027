import { parse } from "../../base/parse.ts";
import { Rng } from "../../base/rng.ts";
import type { Dataset } from "../../data/dataset.ts";
import { generatorById } from "../../data/synth/index.ts";
import type { LongtermPrediction, Model } from "../../model/contract.ts";
import { fit } from "../../model/fit.ts";
import { sharedRun, type SharedRun } from "../../model/run.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { longtermTrials } from "./longtermTrials.ts";
import { overReplications, type Suite, type SuiteOptions, type SuiteRow, type SuiteValue } from "./suite.ts";

type LongtermSuiteModel = Model<string, "longterm">;

const zetas = [0, 0.5, 1, 2] as const;
const shifts = [0, 0.5, 1] as const;
const cheapSeeds = 20;
const netSeeds = 5;
/** Of the other data sets, for nets that are there for comparison. */
const otherNetSeeds = 2;

/** The nets: fits take seconds each; they get fewer seeds. */
const slow = new Set(["steal", "ltee", "trans-ltee", "laser", "surrogate-index-neural"]);
/** Models that need courses of more than one step, or the same metric in surrogates and outcome, are of no use on G7. */
const notOnG7 = new Set(["caecb", "fcaecb"]);
/** Models that surrogacy alone does not help: they need history's arms, or do not forecast the outcome at all. */
const labelled = new Set(["short-term", "imputation", "lope", "ltee", "trans-ltee"]);

/** G7 where metrics stay as they were on day 7: surrogacy holds exactly, and intervals must hold the truth as often as they say. */
const holding = [0, 0.5].map((shift) => ({ name: `surrogacy shift ${shift}`, config: { zeta: 0, shift, later: "level" } }));

/** Further data sets, and how many seeds of each. */
const others = [
  { name: "G1", id: "longterm-g1", config: {}, seeds: 5 },
  { name: "G2", id: "longterm-g2", config: {}, seeds: 5 },
  { name: "G3", id: "longterm-g3", config: {}, seeds: 5 },
  { name: "G4 ihdp", id: "longterm-g4", config: { form: "ihdp" }, seeds: 2 },
  { name: "G4 news", id: "longterm-g4", config: { form: "news", history: 1600, experiment: 400 }, seeds: 2 },
  { name: "G5 all", id: "longterm-g5", config: { missing: "none" }, seeds: 3 },
  { name: "G5 no observed", id: "longterm-g5", config: { missing: "observed" }, seeds: 3 },
  { name: "G5 no latent", id: "longterm-g5", config: { missing: "latent" }, seeds: 3 },
  { name: "G6", id: "longterm-g6", config: {}, seeds: 3 },
] as const;

/** The lists of a run: `quick` keeps one seed and the corner cells. */
interface Job {
  readonly name: string;
  readonly id: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly models: readonly LongtermSuiteModel[];
}

/**
 * Long-term effects. G7: four strengths of the effect beyond the surrogates by three shifts, 5,000 rows of history and 2,000 of the experiment, 20 seeds for the cheap methods and 5 for the
 * nets; and G7 with surrogacy holding exactly, where the intervals of all that rests on it are judged. G1 to G6 as the methods' authors simulate. Three real trials whose long-term effect is held back until scoring. Metrics: root-pehe, ate-error (signed), covers (share of
 * intervals that hold the true average) and rank (Spearman correlation of predicted and true effects). Defaults throughout.
 */
export const longtermSuite: Suite = {
  id: "longterm",
  summary: "Long-term effects: root PEHE, error and coverage of the average on G1 to G7, and three real trials with the later effect held back.",
  run: async (options) => {
    const ledger = await openLedger(options.resume);
    const models = options.models.filter((model): model is LongtermSuiteModel => model.task === "longterm");
    const jobs = jobsOf(models, options);
    const values: SuiteValue[] = [];
    for (const [k, job] of jobs.entries()) {
      const shared = sharedRun();
      // Simulated when first needed: a run that is resumed passes over what is done.
      let data: Dataset | undefined;
      for (const model of job.models) {
        options.signal.throwIfAborted();
        options.progress(k / (jobs.length + 1), `${job.name}, seed ${job.seed}, ${model.id}`);
        const config = parse(model.config, {}, model.id);
        const key = JSON.stringify(["longterm", job.name, job.seed, model.id, config, options.seed]);
        const scores = await ledger.once(key, () => scored(model, config, (data ??= simulated(job)), options, shared));
        for (const [metric, value] of Object.entries(scores)) values.push({ model: model.id, case: job.name, metric, replication: job.seed, value });
      }
    }
    values.push(...(await trials(models, options, ledger)));
    return { rows: rowsOf(values), values: kept(values) };
  },
};

// Single replications of what is compared in pairs, to six digits; all of them would make a file of several megabytes. The rows summarise every metric.
function kept(values: readonly SuiteValue[]): SuiteValue[] {
  const compared = values.filter(({ metric, case: where }) => metric === "root-pehe" || metric === "ate-error" || !/^(G\d|surrogacy)/.test(where));
  return compared.map((one) => ({ ...one, value: Number(one.value.toPrecision(6)) }));
}

function jobsOf(models: readonly LongtermSuiteModel[], { quick, seeds }: SuiteOptions): Job[] {
  const jobs: Job[] = [];
  const most = seeds ?? (quick ? 1 : cheapSeeds);
  const nets = Math.min(netSeeds, most);
  for (let seed = 1; seed <= most; seed++) {
    const onG7 = models.filter(({ id }) => !notOnG7.has(id) && (seed <= nets || !slow.has(id)));
    for (const zeta of quick ? [0, 1] : zetas)
      for (const shift of quick ? [0.5] : shifts)
        jobs.push({ name: `G7 zeta ${zeta} shift ${shift}`, id: "longterm-g7", config: { zeta, shift }, seed, models: onG7 });
    for (const { name, config } of quick ? [] : holding)
      jobs.push({ name, id: "longterm-g7", config, seed, models: onG7.filter(({ id }) => !labelled.has(id)) });
    for (const other of quick ? others.slice(0, 3) : others)
      if (seed <= other.seeds) {
        const here = models.filter((model) => suits(model, other.id) && (seed <= otherNetSeeds || !slow.has(model.id) || model.id === "steal"));
        jobs.push({ name: other.name, id: other.id, config: other.config, seed, models: here });
      }
  }
  return jobs;
}

// fcaecb follows a bias over steps and needs several; on the hundred steps of G4 its power of f has no bound.
function suits({ id }: LongtermSuiteModel, generator: string): boolean {
  return id !== "fcaecb" || generator === "longterm-g1" || generator === "longterm-g4";
}

function simulated({ id, config, seed }: Job): Dataset {
  const generator = generatorById(id);
  return generator.simulate(parse(generator.config, config, id), new Rng(seed).split(id));
}

async function scored(
  model: LongtermSuiteModel,
  config: unknown,
  data: Dataset,
  { seed, threads, signal }: SuiteOptions,
  shared: SharedRun,
): Promise<Record<string, number>> {
  const fitted = await fit(model, data, { config, seed, threads, signal, shared });
  try {
    const experiment = experimentOf(data);
    return judged((await fitted.predict(experiment)) as LongtermPrediction, experiment);
  } finally {
    fitted.dispose();
  }
}

/** The rows of the experiment. */
export function experimentOf(data: Dataset): Dataset {
  const { sample } = data.roles;
  const column = data.column(sample?.column ?? "");
  if (column.kind !== "category") return data;
  const past = column.levels.indexOf(sample?.history ?? "");
  return data.take(Int32Array.from(column.codes.keys()).filter((i) => column.codes[i] !== past));
}

/** Scores against the true effects of the experiment's rows, means over treated arms. */
export function judged({ arms, effect, average }: LongtermPrediction, experiment: Dataset): Record<string, number> {
  const sums: Record<string, number> = {};
  const add = (name: string, value: number): void => {
    sums[name] = (sums[name] ?? 0) + value / arms.length;
  };
  arms.forEach((arm, a) => {
    const truth = experiment.trueEffect(arm) as Float64Array;
    const n = truth.length;
    const mean = truth.reduce((sum, v) => sum + v, 0) / n;
    const { effect: estimate, lower, upper, se } = average[a];
    add("root-pehe", Math.sqrt(truth.reduce((sum, v, i) => sum + (effect[a][i] - v) ** 2, 0) / n));
    add("ate-error", estimate - mean);
    if (Number.isFinite(se)) {
      add("covers", lower <= mean && mean <= upper ? 1 : 0);
      add("se", se);
    }
    add("rank", spearman(effect[a], truth));
  });
  return sums;
}

function spearman(a: Float64Array, b: Float64Array): number {
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (a.length - 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    xy += (x[i] - middle) * (y[i] - middle);
    xx += (x[i] - middle) ** 2;
    yy += (y[i] - middle) ** 2;
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : 0;
}

// Tied values share the mean of their places.
function ranks(values: Float64Array): Float64Array {
  const order = Int32Array.from(values.keys()).sort((i, j) => values[i] - values[j]);
  const out = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let k = from; k < to; k++) out[order[k]] = (from + to - 1) / 2;
    from = to;
  }
  return out;
}

async function trials(models: readonly LongtermSuiteModel[], options: SuiteOptions, ledger: Ledger): Promise<SuiteValue[]> {
  const values: SuiteValue[] = [];
  for (const trial of longtermTrials) {
    const data = await trial.open().catch((cause: Error) => {
      options.progress(1, `${trial.name}: left out, ${cause.message}`);
      return undefined;
    });
    if (data === undefined) continue;
    const shared = sharedRun();
    for (const model of models.filter(({ id }) => id !== "fcaecb" && (trial.labelled || !notOnG7.has(id)))) {
      options.signal.throwIfAborted();
      options.progress(1, `${trial.name}, ${model.id}`);
      const config = parse(model.config, {}, model.id);
      const scores = await ledger.once(JSON.stringify(["longterm", trial.name, model.id, config, options.seed]), async () => {
        const fitted = await fit(model, data.pooled, { config, seed: options.seed, threads: options.threads, signal: options.signal, shared });
        try {
          const { average } = (await fitted.predict(data.pooled)) as LongtermPrediction;
          const [one] = average;
          return {
            forecast: one.effect,
            ...(Number.isFinite(one.se) ? { "forecast se": one.se, "holds the truth": one.lower <= data.effect && data.effect <= one.upper ? 1 : 0 } : {}),
            "later effect": data.effect,
            "later effect se": data.se,
            "sign right": Math.sign(one.effect) === Math.sign(data.effect) ? 1 : 0,
          };
        } finally {
          fitted.dispose();
        }
      });
      for (const [metric, value] of Object.entries(scores)) values.push({ model: model.id, case: trial.name, metric, replication: 1, value });
    }
  }
  return values;
}

function rowsOf(values: readonly SuiteValue[]): SuiteRow[] {
  const groups = new Map<string, SuiteValue[]>();
  for (const value of values) {
    const key = JSON.stringify([value.case, value.metric, value.model]);
    groups.set(key, [...(groups.get(key) ?? []), value]);
  }
  return [...groups.values()].map((group) => ({
    model: group[0].model,
    case: group[0].case,
    metric: group[0].metric,
    ...overReplications(group.map(({ value }) => value)),
  }));
}

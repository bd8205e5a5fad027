import { z } from "zod";
import type { Rng } from "../../base/rng.ts";
import { normalQuantile } from "../../base/stats/normal.ts";
import type { Json, State } from "../../base/state.ts";
import type { Features, OutcomeKind } from "../../data/schema.ts";
import { bundle, unbundle } from "../../learn/bundle.ts";
import type { Citation, Fitted, Model, UpliftPrediction } from "../../model/contract.ts";
import { type Experiment, experimentOf, ownOnce, takeRows, type Workshop, workshop } from "./experiment.ts";

/** What a recipe must know to be restored. */
export interface About {
  readonly arms: readonly string[];
  readonly kind: OutcomeKind;
}

/** Effects of n units: one array of n a treated arm. */
export interface Estimate {
  readonly effect: readonly Float64Array[];
  /** Standard errors of the effects, where the learners give them. */
  readonly standardError?: readonly Float64Array[];
  /** Expected outcome under each arm, control first. */
  readonly outcome?: readonly Float64Array[];
}

export interface Learned {
  readonly report: Readonly<Record<string, Json>>;
  estimate(x: Features): Promise<Estimate>;
  state(): State;
}

/** How effects are made of regressions. The rest of a model (intervals, saving, the contract) is the same for all recipes. */
export interface Recipe<C> {
  learn(config: C, experiment: Experiment, shop: Workshop): Promise<Learned>;
  restore(config: C, about: About, state: State): Promise<Learned>;
}

/** Settings that every meta-learner has. */
export interface IntervalConfig {
  readonly bootstrap: number;
  readonly level: number;
}

export const intervalConfig: { readonly [K in keyof IntervalConfig]: z.ZodType<IntervalConfig[K]> } = {
  bootstrap: z
    .union([z.literal(0), z.int().min(10).max(10_000)])
    .default(0)
    .describe(
      "Resamples (at least 10) the whole learner is fitted on again to give intervals; 0 fits once, with intervals only where the learners have standard errors.",
    ),
  level: z.number().gt(0).lt(1).default(0.95).describe("Coverage of the intervals."),
};

export interface MetaLearner<Id extends string, C> {
  readonly id: Id;
  readonly summary: string;
  readonly source: readonly Citation[];
  readonly config: z.ZodType<C>;
  readonly quick: Readonly<Record<string, unknown>>;
  readonly recipe: Recipe<C>;
}

/**
 * A model out of a recipe. Intervals are effect +- z * se, with the standard error of the learners where they have one, or, with
 * `bootstrap`, the standard deviation over fits to resamples: rows (of groups: groups) drawn with replacement inside each arm, which enter
 * as weights, so that copies of a row never stand on both sides of a fold.
 */
export function metaLearner<Id extends string, C extends IntervalConfig>(definition: MetaLearner<Id, C>): Model<Id, "uplift", z.ZodType<C>> {
  const { id, summary, source, config, quick, recipe } = definition;
  return {
    id,
    task: "uplift",
    summary,
    source,
    traits: {
      needs: ["feature", "treatment", "outcome"],
      sees: ["feature"],
      arms: "many",
      outcomes: ["binary", "count", "continuous"],
      weights: true,
      intervals: true,
      engine: "plain",
    },
    config,
    quick: quick as never,
    fit: async (settings, data, context) => {
      const experiment = experimentOf(data);
      const shop = workshop(context);
      const share = 1 / (1 + settings.bootstrap);
      const point = await recipe.learn(settings, experiment, { ...shop, progress: (done, what) => shop.progress(done * share, what) });
      const replicates: Learned[] = [];
      for (let b = 0; b < settings.bootstrap; b++) {
        // Without a turn of the event loop no signal can come in.
        await new Promise(setImmediate);
        context.signal.throwIfAborted();
        context.progress(share * (1 + b), `bootstrap ${b + 1} of ${settings.bootstrap}`);
        const rng = context.rng.split("bootstrap", b);
        replicates.push(await recipe.learn(settings, resampled(experiment, rng), { ...shop, errors: false, rng, once: ownOnce(rng), progress: () => {} }));
      }
      return fitted({ arms: experiment.arms, kind: experiment.kind }, settings, point, replicates);
    },
    restore: async (settings, state) => {
      const about = (unbundle(state, "about").json ?? {}) as unknown as About;
      const point = await recipe.restore(settings, about, unbundle(state, "point"));
      const replicates: Learned[] = [];
      for (let b = 0; b < settings.bootstrap; b++) replicates.push(await recipe.restore(settings, about, unbundle(state, `bootstrap${b}`)));
      return fitted(about, settings, point, replicates);
    },
  };
}

function fitted(about: About, config: IntervalConfig, point: Learned, replicates: readonly Learned[]): Fitted<"uplift"> {
  return {
    report: point.report,
    predict: async (data) => {
      const x = data.features();
      const { effect, standardError, outcome } = await point.estimate(x);
      const errors = replicates.length > 0 ? await spread(effect.length, x, replicates) : standardError;
      return {
        arms: about.arms.slice(1),
        effect,
        ...(outcome === undefined ? {} : { outcome }),
        ...(errors === undefined ? {} : bounds(effect, errors, config.level)),
      };
    },
    state: async () =>
      bundle({
        about: { json: about as unknown as Json, arrays: {} },
        point: point.state(),
        ...Object.fromEntries(replicates.map((replicate, b) => [`bootstrap${b}`, replicate.state()])),
      }),
    dispose: () => {},
  };
}

function bounds(effect: readonly Float64Array[], errors: readonly Float64Array[], level: number): Pick<UpliftPrediction, "lower" | "upper" | "level"> {
  const z = normalQuantile((1 + level) / 2);
  return {
    lower: effect.map((values, a) => values.map((value, i) => value - z * errors[a][i])),
    upper: effect.map((values, a) => values.map((value, i) => value + z * errors[a][i])),
    level,
  };
}

/** Standard deviation of each effect over the replicates. */
async function spread(arms: number, x: Features, replicates: readonly Learned[]): Promise<Float64Array[]> {
  const means = Array.from({ length: arms }, () => new Float64Array(x.rows));
  const squares = Array.from({ length: arms }, () => new Float64Array(x.rows));
  for (let b = 0; b < replicates.length; b++) {
    const { effect } = await replicates[b].estimate(x);
    for (let a = 0; a < arms; a++) {
      for (let i = 0; i < x.rows; i++) {
        const step = effect[a][i] - means[a][i];
        means[a][i] += step / (b + 1);
        squares[a][i] += step * (effect[a][i] - means[a][i]);
      }
    }
  }
  return squares.map((sums) => sums.map((sum) => Math.sqrt(sum / (replicates.length - 1))));
}

/** Rows drawn with replacement inside each arm (groups as a whole where there are groups), each row once with its count as weight. */
export function resampled(experiment: Experiment, rng: Rng): Experiment {
  const { arm, arms, group, weight } = experiment;
  const counts = new Float64Array(arm.length);
  if (group === undefined) {
    for (let a = 0; a < arms.length; a++) {
      const rows: number[] = [];
      for (let i = 0; i < arm.length; i++) if (arm[i] === a) rows.push(i);
      for (let k = 0; k < rows.length; k++) counts[rows[rng.int(rows.length)]]++;
    }
  } else {
    const size = group.reduce((most, g) => Math.max(most, g + 1), 0);
    const drawn = new Float64Array(size);
    for (let k = 0; k < size; k++) drawn[rng.int(size)]++;
    for (let i = 0; i < counts.length; i++) counts[i] = drawn[group[i]];
  }
  const rows = Int32Array.from(counts.keys()).filter((i) => counts[i] > 0);
  return takeRows(
    experiment,
    rows,
    Float64Array.from(rows, (row) => counts[row] * (weight === undefined ? 1 : weight[row])),
  );
}

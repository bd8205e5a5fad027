import { z } from "zod";
import { dataError, suggest, usageError } from "../base/errors.ts";
import type { Rng } from "../base/rng.ts";
import type { State } from "../base/state.ts";
import type { Features } from "../data/schema.ts";
import type { FittedLearner, LearnContext, Learner } from "./contract.ts";
import { type Boosted, boost, helpersFor, openWorkshop, type Workshop } from "./tree/boost.ts";
import { addPredictions, type Forest, forestArrays, forestFromArrays, gainByFeature } from "./tree/forest.ts";
import { type Loss, type LossName, lossOf } from "./tree/loss.ts";

/** What both kinds of boosting are told; the help text of each entry is in its schema. */
export interface BoostingConfig {
  readonly rounds: number;
  readonly learningRate: number;
  readonly maxLeaves: number;
  readonly maxDepth: number;
  readonly minRows: number;
  readonly minWeight: number;
  readonly minGain: number;
  readonly l1: number;
  readonly l2: number;
  readonly bins: number;
  readonly rowSample: number;
  readonly columnSample: number;
  readonly categorySmoothing: number;
  readonly monotone: Readonly<Record<string, -1 | 0 | 1>>;
  readonly validation: number;
  readonly folds: number;
  readonly foldRows: number;
  readonly patience: number;
}

export interface BoostingRegressorConfig extends BoostingConfig {
  readonly loss: "squared" | "poisson" | "tweedie";
  readonly tweediePower: number;
}

const common: { readonly [K in keyof BoostingConfig]: z.ZodType<BoostingConfig[K]> } = {
  rounds: z.int().min(1).max(100_000).default(1000).describe("Most trees; early stopping may keep fewer."),
  learningRate: z.number().gt(0).max(1).default(0.05).describe("Share of each tree's answer that is added, in (0, 1]."),
  maxLeaves: z.int().min(2).max(65_536).default(31).describe("Most leaves a tree."),
  maxDepth: z.int().min(0).max(64).default(0).describe("Most splits from root to leaf; 0 sets no limit."),
  minRows: z.int().min(1).default(20).describe("Fewest rows in a leaf."),
  minWeight: z.number().min(0).default(0.001).describe("Least sum of curvatures (for squared loss: of row weights) in a leaf."),
  minGain: z.number().min(0).default(0).describe("Least fall of the loss, times two, that a split must bring."),
  l1: z.number().min(0).default(0).describe("L1 penalty on leaf values."),
  l2: z.number().min(0).default(1).describe("L2 penalty on leaf values."),
  bins: z.int().min(2).max(255).default(255).describe("Most bins a numeric column is cut into; missing values have one of their own besides."),
  rowSample: z.number().gt(0).max(1).default(0.5).describe("Share of rows each tree is grown on."),
  columnSample: z.number().gt(0).max(1).default(0.8).describe("Share of columns each tree may split on."),
  categorySmoothing: z
    .number()
    .min(0)
    .default(10)
    .describe("Added to a category's weight when categories are ordered and split, so that rare ones do not lead."),
  monotone: z
    .record(z.string(), z.union([z.literal(-1), z.literal(0), z.literal(1)]))
    .default({})
    .describe("By numeric column: 1, the prediction may only rise with it; -1, only fall."),
  validation: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.2)
    .describe("Share of rows held out to choose the number of trees where that is not done by folds; 0 grows all rounds."),
  folds: z
    .int()
    .min(0)
    .max(20)
    .default(5)
    .describe(
      "Folds of the cross-validation that chooses the number of trees, before all rows are fitted on; below 2, or beyond foldRows, a share of the rows is held out instead.",
    ),
  foldRows: z.int().min(0).default(5000).describe("Most rows for which the number of trees is chosen by cross-validation, which takes folds + 1 fits."),
  patience: z.int().min(1).default(30).describe("Rounds without improvement on the held-out rows after which growing stops."),
};

const regressorConfig: z.ZodType<BoostingRegressorConfig> = z.strictObject({
  loss: z.enum(["squared", "poisson", "tweedie"]).default("squared").describe("Loss whose mean is fitted; poisson and tweedie need outcomes of at least 0."),
  tweediePower: z.number().gt(1).lt(2).default(1.5).describe("Variance is proportional to the mean to this power, in (1, 2); for the tweedie loss."),
  ...common,
});
const classifierConfig: z.ZodType<BoostingConfig> = z.strictObject(common);

/** Gradient boosting of histogram trees (Friedman2001, Chen2016, Ke2017) for numbers: the expected outcome. */
export const boostingRegressor: Learner<"boosting", z.ZodType<BoostingRegressorConfig>> = {
  id: "boosting",
  kind: "regressor",
  summary: "Gradient boosting of histogram trees; missing values and categories as they are.",
  config: regressorConfig,
  fit: async (config, x, y, weight, context) => {
    if (config.loss !== "squared") requireOutcome(y, (v) => v >= 0, `${config.loss} loss needs outcomes of at least 0`);
    return fitBoosting(config, config.loss, config.tweediePower, x, y, weight, context);
  },
  restore: async (config, state) => restoreBoosting(config.loss, config.tweediePower, state),
};

/** Gradient boosting of histogram trees with logistic loss: the probability of a 1. */
export const boostingClassifier: Learner<"boosting", z.ZodType<BoostingConfig>> = {
  id: "boosting",
  kind: "classifier",
  summary: "Gradient boosting of histogram trees with logistic loss; missing values and categories as they are.",
  config: classifierConfig,
  fit: async (config, x, y, weight, context) => {
    requireOutcome(y, (v) => v === 0 || v === 1, "a classifier needs outcomes of 0 and 1");
    return fitBoosting(config, "logistic", 1.5, x, y, weight, context);
  },
  restore: async (_, state) => restoreBoosting("logistic", 1.5, state),
};

export interface FittedBoosting extends FittedLearner {
  /** Total gain of each column's splits as shares of all gain; zeros where no tree has a split. */
  readonly importance: readonly { readonly column: string; readonly share: number }[];
  /** Trees kept. */
  readonly trees: number;
  /** Mean loss on the held-out rows after each round, where rows were held out. */
  readonly validationLoss: readonly number[];
}

interface Learned {
  readonly forest: Forest;
  readonly start: number;
  readonly scale: number;
  readonly validationLoss: readonly number[];
  readonly columns: readonly string[];
}

function fittedBoosting(learned: Learned, loss: Loss): FittedBoosting {
  const { forest, start, scale, validationLoss, columns } = learned;
  const gains = gainByFeature(forest, columns.length);
  const total = gains.reduce((a, b) => a + b, 0);
  return {
    trees: forest.roots.length,
    validationLoss,
    importance: columns.map((column, j) => ({ column, share: total > 0 ? gains[j] / total : 0 })),
    predict: async (x) => {
      const f = new Float64Array(x.rows).fill(start);
      addPredictions(forest, x, scale, f);
      for (let i = 0; i < f.length; i++) f[i] = loss.mean(f[i]);
      return f;
    },
    report: { trees: forest.roots.length, importance: Object.fromEntries(columns.map((column, j) => [column, total > 0 ? gains[j] / total : 0])) },
    state: () => ({ json: { start, scale, validationLoss, columns }, arrays: forestArrays(forest) }),
  };
}

function restoreBoosting(name: LossName, power: number, state: State): FittedBoosting {
  const json = z
    .strictObject({ start: z.number(), scale: z.number(), validationLoss: z.array(z.number()), columns: z.array(z.string()) })
    .safeParse(state.json);
  if (!json.success) throw dataError("saved boosting: its description does not fit; the file is damaged or not one of ours", json.error);
  return fittedBoosting({ ...json.data, forest: forestFromArrays(state.arrays) }, lossOf(name, power));
}

function requireOutcome(y: Float64Array, holds: (v: number) => boolean, rule: string): void {
  for (let i = 0; i < y.length; i++) if (!holds(y[i])) throw dataError(`boosting: ${rule}; row ${i + 1} has ${y[i]}; correct or remove such rows`);
}

async function fitBoosting(
  config: BoostingConfig,
  loss: LossName,
  tweediePower: number,
  x: Features,
  y: Float64Array,
  weight: Float64Array | undefined,
  context: LearnContext,
): Promise<FittedBoosting> {
  requireOutcome(y, Number.isFinite, "outcomes must be finite numbers");
  const used = usedRows(y.length, weight);
  if (used.length === 0) throw dataError("boosting: no row has a weight above 0; there is nothing to learn from");
  const settings = {
    ...config,
    loss,
    tweediePower,
    maxDepth: config.maxDepth === 0 ? Number.POSITIVE_INFINITY : config.maxDepth,
    monotone: directions(config, x),
    effectL2: 0,
    minArmRows: 0,
  };
  const shop = openWorkshop(x, { y, weight }, settings, helpersFor(x, config.rounds, context.threads), context.signal);
  try {
    const folded = config.folds >= 2 && used.length <= config.foldRows && used.length >= 2 * config.folds;
    const { forest, start, heldLoss } = await (folded ? boostByFolds : boostByShare)(shop, used, config, context.rng);
    return fittedBoosting(
      { forest, start: start[0], scale: config.learningRate, validationLoss: heldLoss, columns: x.columns.map((c) => c.name) },
      lossOf(loss, tweediePower),
    );
  } finally {
    await shop.close();
  }
}

/** Number of trees by a held-out share of the rows, on which no tree is grown. */
async function boostByShare(shop: Workshop, used: Int32Array, config: BoostingConfig, rng: Rng): Promise<Boosted> {
  const count = Math.floor(config.validation * used.length);
  if (count === 0) return boost(shop, used, undefined, config.rounds, rng);
  const order = rng.split("validation").shuffle(used.slice());
  return boost(shop, order.slice(count).toSorted(), order.slice(0, count).toSorted(), config.rounds, rng);
}

/** Number of trees by cross-validation, then all of them on all rows. */
async function boostByFolds(shop: Workshop, used: Int32Array, config: BoostingConfig, rng: Rng): Promise<Boosted> {
  const order = rng.split("folds").shuffle(used.slice());
  const curves: (readonly number[])[] = [];
  for (let k = 0; k < config.folds; k++) {
    const rest = order.filter((_, i) => i % config.folds !== k).toSorted();
    const held = order.filter((_, i) => i % config.folds === k).toSorted();
    curves.push((await boost(shop, rest, held, config.rounds, rng.split("fold", k))).heldLoss);
  }
  const shortest = Math.min(...curves.map((curve) => curve.length));
  const mean = Array.from({ length: shortest }, (_, round) => curves.reduce((sum, curve) => sum + curve[round], 0) / config.folds);
  const all = await boost(shop, used, undefined, mean.indexOf(Math.min(...mean)), rng);
  return { ...all, heldLoss: mean };
}

/** -1, 0 or 1 a column. */
function directions(config: BoostingConfig, x: Features): Int8Array {
  const names = x.columns.map((column) => column.name);
  const monotone = new Int8Array(names.length);
  for (const [name, direction] of Object.entries(config.monotone)) {
    const j = names.indexOf(name);
    if (j < 0) throw usageError(`boosting: monotone names column "${name}", which is not a feature; ${suggest(name, names)}`);
    if (direction !== 0 && x.columns[j].kind !== "number")
      throw usageError(`boosting: monotone names column "${name}", a category without order; only numeric columns can be monotone`);
    monotone[j] = direction;
  }
  return monotone;
}

function usedRows(n: number, weight: Float64Array | undefined): Int32Array {
  const rows = new Int32Array(n);
  let k = 0;
  for (let i = 0; i < n; i++) if (weight === undefined || weight[i] > 0) rows[k++] = i;
  return rows.slice(0, k);
}

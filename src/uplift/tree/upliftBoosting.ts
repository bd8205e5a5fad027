import { z } from "zod";
import { dataError } from "../../base/errors.ts";
import type { Rng } from "../../base/rng.ts";
import type { Json, State } from "../../base/state.ts";
import type { Dataset } from "../../data/dataset.ts";
import { addPredictions, type Forest, forestArrays, forestFromArrays, gainByFeature } from "../../learn/tree/forest.ts";
import { type Boosted, type BoostSettings, boost, helpersFor, openWorkshop, type Workshop } from "../../learn/tree/boost.ts";
import { type LossName, lossNames, lossOf } from "../../learn/tree/loss.ts";
import type { FitContext, Fitted, Model } from "../../model/contract.ts";
import { type Experiment, experimentOf } from "../meta/experiment.ts";
import { armWeights } from "./weights.ts";

/** Settings of `uplift-boosting`; docs/models.md says what each does. */
export interface UpliftBoostingConfig {
  readonly rounds: number;
  readonly learningRate: number;
  readonly maxLeaves: number;
  readonly maxDepth: number;
  readonly minRows: number;
  readonly minArmRows: number;
  readonly l2: number;
  readonly effectL2: number;
  readonly loss: "auto" | "squared" | "logistic" | "poisson";
  readonly rowSample: number;
  readonly columnSample: number;
  readonly categorySmoothing: number;
  readonly bins: number;
  readonly validation: number;
  readonly patience: number;
}

const config: z.ZodType<UpliftBoostingConfig> = z.strictObject({
  rounds: z.int().min(1).max(100_000).default(500).describe("Most trees; early stopping may keep fewer."),
  learningRate: z.number().gt(0).max(1).default(0.05).describe("Share of each tree's answer that is added."),
  maxLeaves: z.int().min(2).max(65_536).default(15).describe("Most leaves a tree."),
  maxDepth: z.int().min(0).max(64).default(0).describe("Most splits from root to leaf; 0 sets no limit."),
  minRows: z.int().min(1).default(50).describe("Fewest rows in a leaf."),
  minArmRows: z.int().min(1).default(10).describe("Fewest rows of each arm in a leaf."),
  l2: z.number().min(0).default(1).describe("L2 penalty on a leaf's value for the control."),
  effectL2: z.number().min(0).default(50).describe("L2 penalty on a leaf's effects: what differs between arms has to be clearer than what they share."),
  loss: z
    .enum(["auto", "squared", "logistic", "poisson"])
    .default("auto")
    .describe("Loss of the outcome; auto is logistic for 0/1 outcomes and squared otherwise."),
  rowSample: z.number().gt(0).max(1).default(1).describe("Share of rows each tree is grown on."),
  columnSample: z.number().gt(0).max(1).default(1).describe("Share of columns each tree may split on."),
  categorySmoothing: z.number().min(0).default(10).describe("Added to a category's weight when categories are ordered, so that rare ones do not lead."),
  bins: z.int().min(2).max(255).default(255).describe("Most bins a numeric column is cut into; missing values have one of their own besides."),
  validation: z.number().min(0).max(0.5).default(0.2).describe("Share of rows held out to choose the number of trees; 0 grows all rounds."),
  patience: z.int().min(1).default(25).describe("Rounds without improvement on the held-out rows after which growing stops."),
});

interface Learned {
  readonly forest: Forest;
  readonly arms: readonly string[];
  readonly columns: readonly string[];
  readonly start: readonly number[];
  readonly scale: number;
  readonly loss: LossName;
  readonly validationLoss: readonly number[];
}

/** Gradient boosting whose leaves hold a value and the effect of each arm. */
export const upliftBoosting: Model<"uplift-boosting", "uplift", z.ZodType<UpliftBoostingConfig>> = {
  id: "uplift-boosting",
  task: "uplift",
  summary: "Gradient boosting of outcome and effects together: every leaf holds a value and each arm's effect.",
  source: [
    {
      key: "Gao2024",
      at: "sec. 3.2, CausalGBM",
      departure: "A leaf's value and effects solve the quadratic approximation jointly, for any number of arms, with a penalty of their own on effects.",
    },
  ],
  traits: {
    needs: ["feature", "treatment", "outcome"],
    sees: ["feature"],
    arms: "many",
    outcomes: ["binary", "count", "continuous"],
    weights: true,
    intervals: false,
    engine: "plain",
  },
  config,
  quick: { rounds: 30, minRows: 20, minArmRows: 5 },
  fit: async (settings, data, context) => fitted(await learn(settings, data, context)),
  restore: async (_, state) => fitted(restored(state)),
};

async function learn(config: UpliftBoostingConfig, data: Dataset, context: FitContext): Promise<Learned> {
  const experiment = experimentOf(data);
  const { x, y, arm, arms } = experiment;
  const loss = lossFor(config.loss, experiment);
  const settings: BoostSettings = {
    ...config,
    loss,
    tweediePower: 1.5,
    maxDepth: config.maxDepth === 0 ? Number.POSITIVE_INFINITY : config.maxDepth,
    minWeight: 0,
    minGain: 0,
    l1: 0,
    monotone: new Int8Array(x.columns.length),
  };
  const weighted = experiment.weight !== undefined || experiment.propensity !== undefined;
  const weight = armWeights(experiment, "uplift boosting");
  context.signal.throwIfAborted();
  context.progress(0, "trees");
  const outcomes = { y, weight: weighted ? weight : undefined, arm, arms: arms.length };
  const shop = openWorkshop(x, outcomes, settings, helpersFor(x, config.rounds, context.threads), context.signal);
  try {
    const { forest, start, heldLoss } = await boostByShare(shop, weight, config, context.rng, (share) => context.progress(share, "trees"));
    return { forest, arms, columns: x.columns.map(({ name }) => name), start, scale: config.learningRate, loss, validationLoss: heldLoss };
  } finally {
    await shop.close();
  }
}

function lossFor(name: UpliftBoostingConfig["loss"], { kind, y }: Experiment): LossName {
  if (name === "auto") return kind === "binary" ? "logistic" : "squared";
  if (name === "logistic" && kind !== "binary")
    throw dataError(`uplift boosting: logistic loss needs outcomes of 0 and 1, and these are ${kind}; use squared or poisson`);
  if (name === "poisson" && y.some((v) => v < 0)) throw dataError("uplift boosting: poisson loss needs outcomes of at least 0; use squared");
  return name;
}

async function boostByShare(shop: Workshop, weight: Float64Array, config: UpliftBoostingConfig, rng: Rng, progress: (share: number) => void): Promise<Boosted> {
  const used = Int32Array.from(weight, (_, i) => i).filter((i) => weight[i] > 0);
  const count = Math.floor(config.validation * used.length);
  if (count === 0) return boost(shop, used, undefined, config.rounds, rng, progress);
  const order = rng.split("validation").shuffle(used);
  return boost(shop, order.slice(count).toSorted(), order.slice(0, count).toSorted(), config.rounds, rng, progress);
}

function fitted(learned: Learned): Fitted<"uplift"> {
  const { forest, arms, columns, start, scale, loss: name, validationLoss } = learned;
  const loss = lossOf(name);
  const gains = gainByFeature(forest, columns.length);
  const total = gains.reduce((sum, gain) => sum + gain, 0);
  return {
    report: {
      trees: forest.roots.length,
      loss: name,
      ...(validationLoss.length > 0 ? { validationLoss: [...validationLoss] } : {}),
      importance: Object.fromEntries(columns.map((column, j) => [column, total > 0 ? gains[j] / total : 0])),
    },
    predict: async (data) => {
      const x = data.features();
      const outcome = start.map((score) => new Float64Array(x.rows).fill(score));
      addPredictions(forest, x, scale, ...outcome);
      for (const values of outcome) for (let i = 0; i < x.rows; i++) values[i] = loss.mean(values[i]);
      return { arms: arms.slice(1), effect: outcome.slice(1).map((values) => values.map((v, i) => v - outcome[0][i])), outcome };
    },
    state: async () => ({ json: { arms, columns, start, scale, loss: name, validationLoss } as unknown as Json, arrays: forestArrays(forest) }),
    dispose: () => {},
  };
}

const saved = z.strictObject({
  arms: z.array(z.string()),
  columns: z.array(z.string()),
  start: z.array(z.number()),
  scale: z.number(),
  loss: z.enum(lossNames),
  validationLoss: z.array(z.number()),
});

function restored({ json, arrays }: State): Learned {
  const about = saved.safeParse(json);
  if (!about.success) throw dataError("saved uplift boosting: its description does not fit; the file is damaged or not one of ours", about.error);
  return { ...about.data, forest: forestFromArrays(arrays) };
}

import { z } from "zod";
import type { State } from "../base/state.ts";
import type { Features } from "../data/schema.ts";
import { type BoostingConfig, type BoostingRegressorConfig, boostingClassifier, boostingRegressor } from "./boosting.ts";
import { bundle, unbundle } from "./bundle.ts";
import type { FittedLearner, LearnContext, Learner } from "./contract.ts";
import { crossFit, drawFolds } from "./crossFit.ts";
import { logistic } from "./logistic.ts";
import { type LinearConfig, ridge } from "./ridge.ts";

export interface StackConfig {
  readonly stackFolds: number;
  readonly linear: LinearConfig;
  readonly boosting: BoostingConfig;
}

const stackConfig: z.ZodType<StackConfig> = z.strictObject({
  stackFolds: z.int().min(2).max(20).default(5).describe("Folds whose out-of-fold predictions decide how much of each the stack takes."),
  linear: ridge.config.prefault({} as never).describe("Settings of the linear learner in the stack."),
  boosting: boostingClassifier.config.prefault({} as never).describe("Settings of the boosting in the stack; numbers are fitted with squared loss."),
});

/**
 * A mixture of the linear learner and boosting: (1 - a) linear + a boosting, with the share a in [0, 1] that predicts best out of fold
 * (Breiman1996, vanderLaan2007): squared error for numbers, log-loss for probabilities. Takes folds + 1 times as long as both together.
 */
export const stackRegressor: Learner<"stack", typeof stackConfig> = {
  id: "stack",
  kind: "regressor",
  summary: "Mixture of the linear learner and boosting that predicts best out of fold.",
  config: stackConfig,
  fit: (config, x, y, weight, context) =>
    fitStack(
      { learner: ridge, config: config.linear },
      { learner: boostingRegressor, config: squared(config) },
      config.stackFolds,
      x,
      y,
      weight,
      context,
      leastSquares,
    ),
  restore: async (config, state) =>
    mixture(
      await ridge.restore(config.linear, unbundle(state, "linear")),
      await boostingRegressor.restore(squared(config), unbundle(state, "boosting")),
      shareOf(state),
    ),
};

/** See `stackRegressor`. */
export const stackClassifier: Learner<"stack", typeof stackConfig> = {
  id: "stack",
  kind: "classifier",
  summary: "Mixture of logistic regression and boosting that predicts best out of fold.",
  config: stackConfig,
  fit: (config, x, y, weight, context) =>
    fitStack(
      { learner: logistic, config: config.linear },
      { learner: boostingClassifier, config: config.boosting },
      config.stackFolds,
      x,
      y,
      weight,
      context,
      leastLogLoss,
    ),
  restore: async (config, state) =>
    mixture(
      await logistic.restore(config.linear, unbundle(state, "linear")),
      await boostingClassifier.restore(config.boosting, unbundle(state, "boosting")),
      shareOf(state),
    ),
};

function squared({ boosting }: StackConfig): BoostingRegressorConfig {
  return { ...boosting, loss: "squared", tweediePower: 1.5 };
}

/** The share of the second that predicts y best. */
type Rule = (y: Float64Array, first: Float64Array, second: Float64Array, weight: Float64Array | undefined) => number;

interface Part {
  readonly learner: Learner;
  readonly config: unknown;
}

async function fitStack(
  first: Part,
  second: Part,
  count: number,
  x: Features,
  y: Float64Array,
  weight: Float64Array | undefined,
  context: LearnContext,
  rule: Rule,
): Promise<FittedLearner> {
  const parts = [first, second];
  const inner = { ...context, inference: undefined };
  const k = Math.min(count, x.rows);
  let share = 0;
  // One row leaves nothing to learn the share from; classes are spread evenly over folds, numbers by chance.
  if (k >= 2) {
    const strata = first.learner.kind === "classifier" ? Int32Array.from(y) : new Int32Array(y.length);
    const drawn = drawFolds(strata, context.inference?.cluster, k, context.rng.split("stack folds"));
    const out: Float64Array[] = [];
    for (const [p, { learner, config }] of parts.entries())
      out.push(await crossFit({ learner, config }, x, y, weight, drawn, undefined, { ...inner, rng: context.rng.split("stack", p) }));
    share = rule(y, out[0], out[1], weight);
  }
  const fitted: FittedLearner[] = [];
  for (const [p, { learner, config }] of parts.entries())
    fitted.push(await learner.fit(config as never, x, y, weight, { ...inner, rng: context.rng.split("whole", p) }));
  return mixture(fitted[0], fitted[1], share);
}

function leastSquares(y: Float64Array, first: Float64Array, second: Float64Array, weight: Float64Array | undefined): number {
  let top = 0;
  let bottom = 0;
  for (let i = 0; i < y.length; i++) {
    const w = weight === undefined ? 1 : weight[i];
    const step = second[i] - first[i];
    top += w * step * (y[i] - first[i]);
    bottom += w * step * step;
  }
  return bottom > 0 ? Math.min(1, Math.max(0, top / bottom)) : 0;
}

// The log-loss is convex in the share: its slope is halved upon.
function leastLogLoss(y: Float64Array, first: Float64Array, second: Float64Array, weight: Float64Array | undefined): number {
  const slope = (share: number): number => {
    let sum = 0;
    for (let i = 0; i < y.length; i++) {
      const p = first[i] + share * (second[i] - first[i]);
      sum -= ((weight === undefined ? 1 : weight[i]) * (second[i] - first[i]) * (y[i] - p)) / (p * (1 - p));
    }
    return sum;
  };
  let [low, high] = [0, 1];
  if (slope(0) >= 0) return 0;
  if (slope(1) <= 0) return 1;
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (slope(middle) < 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function mixture(linear: FittedLearner, boosting: FittedLearner, share: number): FittedLearner {
  return {
    report: { boostingShare: share, linear: linear.report ?? {}, boosting: boosting.report ?? {} },
    predict: async (x) => {
      const first = await linear.predict(x);
      if (share === 0) return first;
      const second = await boosting.predict(x);
      return first.map((value, i) => value + share * (second[i] - value));
    },
    state: () => bundle({ linear: linear.state(), boosting: boosting.state(), share: { json: share, arrays: {} } }),
  };
}

function shareOf(state: State): number {
  const share = unbundle(state, "share").json;
  if (!(typeof share === "number" && share >= 0 && share <= 1)) throw new Error(`the share of boosting is ${JSON.stringify(share)}, not a number from 0 to 1`);
  return share;
}

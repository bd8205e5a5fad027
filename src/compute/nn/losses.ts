import { abs, add, cast, div, exp, less, log, logSoftmax, maximum, mul, neg, pick, select, softplus, square, sub } from "../ops/index.ts";
import type { Operand, Tensor } from "../tensor.ts";

// One loss a row, [rows]: average them with mean or weightedMean. Predictions and targets have shape [rows] too.

/** (prediction - target)^2. */
export function squaredError(prediction: Tensor, target: Operand): Tensor {
  return square(sub(prediction, target));
}

/** Squared error (halved) up to `delta` from the target, straight beyond (Huber1964). */
export function huber(prediction: Tensor, target: Operand, delta = 1): Tensor {
  const distance = abs(sub(prediction, target));
  return select(less(distance, delta), mul(square(distance), 0.5), mul(sub(distance, delta / 2), delta));
}

/** -log likelihood of a target in 0 .. 1 under sigmoid(logit). */
export function bceWithLogits(logit: Tensor, target: Operand): Tensor {
  return sub(softplus(logit), mul(logit, target));
}

/** -log softmax(logits)[target]: logits [rows, classes], target int [rows]. */
export function softmaxCrossEntropy(logits: Tensor, target: Tensor): Tensor {
  return neg(pick(logSoftmax(logits), target));
}

/** -log likelihood of a count under a Poisson with mean exp(logMean), without the term that does not depend on the prediction. */
export function poisson(logMean: Tensor, target: Operand): Tensor {
  return sub(exp(logMean), mul(logMean, target));
}

/** What a zero-inflated lognormal head gives, each [rows]: logit of a positive outcome, mean and raw deviation of its logarithm. */
export interface Ziln {
  readonly logit: Tensor;
  readonly mean: Tensor;
  /** The deviation is softplus of this. */
  readonly rawDeviation: Tensor;
}

/** -log likelihood of an outcome >= 0 that is zero or lognormal (Wang2019, eq. 3). */
export function ziln({ logit, mean, rawDeviation }: Ziln, target: Tensor): Tensor {
  const positive = less(0, target);
  const deviation = maximum(softplus(rawDeviation), 1e-3);
  // Rows of zero take log(1), so that nothing infinite is multiplied away.
  const logTarget = log(select(positive, target, 1));
  const lognormal = add(add(logTarget, log(deviation)), add(mul(square(div(sub(logTarget, mean), deviation)), 0.5), 0.5 * Math.log(2 * Math.PI)));
  return add(bceWithLogits(logit, cast(positive, "float")), select(positive, lognormal, 0));
}

/** Expected outcome of a zero-inflated lognormal: P(positive) exp(mean + deviation^2 / 2). */
export function zilnMean({ logit, mean, rawDeviation }: Ziln): Tensor {
  const deviation = maximum(softplus(rawDeviation), 1e-3);
  return exp(sub(add(mean, mul(square(deviation), 0.5)), softplus(neg(logit))));
}

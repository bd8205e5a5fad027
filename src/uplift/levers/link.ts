import { dataError, usageError } from "../../base/errors.ts";
import * as c from "../../compute/index.ts";
import type { OutcomeKind } from "../../data/schema.ts";
import { outcomeScale } from "../net/outcome.ts";

/** On what scale levers add up: the outcome's own, log-odds, the logarithm of the mean, or log-odds of paying at all and the logarithm of what is paid. */
export type LeverLink = "identity" | "logit" | "log" | "ziln";

export const leverLinks = ["auto", "identity", "logit", "log", "ziln"] as const;

/**
 * How the net's scale and the outcome's go together. identity: mean + deviation * value; logit: 1 / (1 + exp(-value)); log: deviation * exp(value);
 * ziln (zero-inflated lognormal): exp(mean) * value, where mean and deviation are those of the logarithm of the outcomes above zero.
 */
export interface LeverScale {
  readonly link: LeverLink;
  readonly mean: number;
  readonly deviation: number;
}

/** @throws LiftwiseError when the outcome does not go with the link */
export function leverScale(link: LeverLink | "auto", y: Float64Array, kind: OutcomeKind, weight?: Float64Array): LeverScale {
  if (link === "auto") return outcomeScale(y, kind, weight);
  if (link === "identity") return outcomeScale(y, "continuous", weight);
  if (link === "logit") {
    if (kind !== "binary") throw usageError(`--link logit: the outcome is ${kind}, and log-odds are those of an outcome of 0 and 1; take log or ziln`);
    return outcomeScale(y, "binary", weight);
  }
  const below = y.findIndex((value) => value < 0);
  if (below >= 0) throw dataError(`--link ${link}: row ${below + 1} has the outcome ${y[below]}, and this link is for outcomes of 0 and more; take identity`);
  if (link === "log") {
    const { mean } = outcomeScale(y, "continuous", weight);
    if (!(mean > 0)) throw dataError("--link log: every outcome is 0, so there is no scale to learn");
    return { link, mean: 0, deviation: mean };
  }
  const paid = Array.from(y, (_, i) => i).filter((i) => y[i] > 0);
  const { mean, deviation } = outcomeScale(
    Float64Array.from(paid, (i) => Math.log(y[i])),
    "continuous",
    weight && Float64Array.from(paid, (i) => weight[i]),
  );
  if (paid.length < 2 || paid.every((i) => y[i] === y[paid[0]]))
    throw dataError(`--link ziln: ${paid.length} outcomes are above 0 and they do not differ, so there is no amount to learn; take logit or log`);
  return { link, mean, deviation };
}

// Stands for an outcome of zero among logarithms.
const nothing = -1e6;

/** Outcomes as the net is to predict them. */
export function toLeverScale(y: Float64Array, { link, mean, deviation }: LeverScale): Float32Array {
  return Float32Array.from(y, (value) => (link !== "ziln" ? (value - mean) / deviation : value > 0 ? (Math.log(value) - mean) / deviation : nothing));
}

/** A response of the net in units of the outcome. */
export function fromLeverScale(value: number, { link, mean, deviation }: LeverScale): number {
  if (link === "identity") return mean + deviation * value;
  if (link === "logit") return 1 / (1 + Math.exp(-value));
  return link === "log" ? deviation * Math.exp(value) : Math.exp(mean) * value;
}

/** The same in the graph. */
export function inOutcomeUnits(value: c.Tensor, { link, mean, deviation }: LeverScale): c.Tensor {
  if (link === "identity") return c.add(c.mul(value, deviation), mean);
  if (link === "logit") return c.sigmoid(value);
  return link === "log" ? c.mul(c.exp(value), deviation) : c.mul(value, Math.exp(mean));
}

/**
 * Loss of each row, [rows]: squared error, cross entropy, or the Poisson quasi-likelihood exp(value) - y value, which asks of the outcome only that its mean
 * is right. For ziln see `zilnLoss`.
 */
export function outcomeLoss(prediction: c.Tensor, y: c.Tensor, link: LeverLink): c.Tensor {
  if (link === "logit") return c.nn.bceWithLogits(prediction, y);
  return link === "log" ? c.sub(c.exp(prediction), c.mul(y, prediction)) : c.nn.squaredError(prediction, y);
}

/**
 * Zero-inflated lognormal, Wang2019: cross entropy of paying at all plus, where something was paid, the normal likelihood of its logarithm.
 * @param odds log-odds of paying, [rows] @param amount mean of the scaled logarithm, [rows] @param spread log of its standard deviation, []
 */
export function zilnLoss(odds: c.Tensor, amount: c.Tensor, spread: c.Tensor, y: c.Tensor): c.Tensor {
  const paid = c.cast(c.less(nothing / 2, y), "float");
  const residual = c.mul(paid, c.sub(c.mul(paid, y), amount));
  const likelihood = c.add(c.mul(c.mul(c.square(residual), 0.5), c.exp(c.mul(spread, -2))), c.mul(paid, spread));
  return c.add(c.nn.bceWithLogits(odds, paid), likelihood);
}

import { nn, type Tensor } from "../../compute/index.ts";
import type { OutcomeKind } from "../../data/schema.ts";

/** The scale on which a net learns an outcome: log-odds for a binary one, else standard deviations from the mean. */
export interface OutcomeScale {
  readonly link: "identity" | "logit";
  readonly mean: number;
  readonly deviation: number;
}

/** @param weight row weights, or undefined for one each */
export function outcomeScale(y: Float64Array, kind: OutcomeKind, weight?: Float64Array): OutcomeScale {
  if (kind === "binary") return { link: "logit", mean: 0, deviation: 1 };
  let [total, sum, square] = [0, 0, 0];
  for (let i = 0; i < y.length; i++) {
    const w = weight?.[i] ?? 1;
    total += w;
    sum += w * y[i];
  }
  const mean = sum / total;
  for (let i = 0; i < y.length; i++) square += (weight?.[i] ?? 1) * (y[i] - mean) ** 2;
  const deviation = Math.sqrt(square / total);
  // All outcomes equal: any scale will do.
  return { link: "identity", mean, deviation: deviation > 0 ? deviation : 1 };
}

/** Outcomes as the net is to predict them. */
export function toScale(y: Float64Array, { mean, deviation }: OutcomeScale): Float32Array {
  return Float32Array.from(y, (value) => (value - mean) / deviation);
}

/** A prediction of the net in units of the outcome. */
export function fromScale(value: number, { link, mean, deviation }: OutcomeScale): number {
  return link === "logit" ? 1 / (1 + Math.exp(-value)) : mean + deviation * value;
}

/** Loss of each row, [rows]: half a squared error would do as well; both are the canonical loss of their link. */
export function outcomeLoss(prediction: Tensor, y: Tensor, link: OutcomeScale["link"]): Tensor {
  return link === "logit" ? nn.bceWithLogits(prediction, y) : nn.squaredError(prediction, y);
}

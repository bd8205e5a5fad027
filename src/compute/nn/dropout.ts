import { usageError } from "../../base/errors.ts";
import { div, mul } from "../ops/index.ts";
import type { Tensor } from "../tensor.ts";
import type { Step } from "../train/step.ts";

/** Leaves out a share `rate` of the entries and scales up the rest (Srivastava2014); does nothing when validating or predicting. x has the rows of the batch first. */
export function dropout(x: Tensor, rate: number, step: Step | undefined): Tensor {
  if (rate === 0 || step?.training === false) return x;
  if (!(rate > 0 && rate < 1)) throw usageError(`dropout: rate must lie in 0 .. 1 (excluded), got ${rate}`);
  if (step === undefined) throw usageError("dropout: hand the step of the loss on to the layer, dropout draws its mask from it");
  const keep = 1 - rate;
  return div(mul(x, step.noise({ keep }, x.shape.slice(1) as number[])), keep);
}

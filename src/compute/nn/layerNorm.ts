import { add, mul, standardise } from "../ops/index.ts";
import type { Tensor } from "../tensor.ts";
import { type Layer, starts, weight } from "../weights.ts";

/** Each row standardised over the last axis, then scaled and shifted by learned numbers (Ba2016). */
export function layerNorm(width: number, options: { readonly epsilon?: number; readonly group?: string } = {}): Layer<[x: Tensor], Tensor> {
  const { epsilon = 1e-5, group } = options;
  return {
    init: { scale: weight([width], { start: starts.ones, group }), shift: weight([width], { group }) },
    apply: (weights, x) => {
      const { scale, shift } = weights as { scale: Tensor; shift: Tensor };
      return add(mul(standardise(x, epsilon), scale), shift);
    },
  };
}

import { expand, mean, mul, reshape } from "../ops/index.ts";
import type { Tensor } from "../tensor.ts";
import type { Layer, Tensors } from "../weights.ts";
import { dense } from "./dense.ts";

/**
 * Weighs groups of features by what the row holds (Hu2018): x [rows, groups * groupWidth] is averaged over the groups to [rows, groupWidth],
 * squeezed to groupWidth / ratio, and brought back to a factor in (0, 1) for each entry of a group; or, `over: "entries"`,
 * each group is averaged to one number and gets one factor.
 */
export function squeezeExcitation(
  groups: number,
  groupWidth: number,
  options: { readonly ratio?: number; readonly over?: "groups" | "entries"; readonly group?: string } = {},
): Layer<[x: Tensor], Tensor> {
  const { ratio = 4, over = "groups", group } = options;
  const width = over === "groups" ? groupWidth : groups;
  const down = dense(width, Math.max(1, Math.floor(width / ratio)), { activation: "relu", bias: false, group });
  const up = dense(Math.max(1, Math.floor(width / ratio)), width, { activation: "sigmoid", bias: false, group });
  return {
    init: { down: down.init, up: up.init },
    apply: (weights, x) => {
      const w = weights as { down: Tensors; up: Tensors };
      const parts = reshape(x, [x.shape[0], groups, groupWidth]);
      const factors = up.apply(w.up, down.apply(w.down, mean(parts, over === "groups" ? 1 : 2)));
      return reshape(mul(parts, expand(factors, over === "groups" ? 1 : -1)), x.shape);
    },
  };
}

import { expand, matmul, mean, mul, reshape } from "../ops/index.ts";
import { constant, type Tensor } from "../tensor.ts";
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
      if (over === "groups") return mul(x, spread(up.apply(w.up, down.apply(w.down, averaged(x, groups, groupWidth))), groups, groupWidth));
      const parts = reshape(x, [x.shape[0], groups, groupWidth]);
      const factors = up.apply(w.up, down.apply(w.down, mean(parts, 2)));
      return reshape(mul(parts, expand(factors, -1)), x.shape);
    },
  };
}

const averages = new WeakMap<Tensor, Map<number, Tensor>>();

/**
 * Mean over the groups, as a product with a matrix of 1 / groups: engines stretch rows of 16 slowly, there and in the gradient. Of all layers that read
 * x it is one tensor, so that its gradient goes back to x once.
 */
function averaged(x: Tensor, groups: number, width: number): Tensor {
  const known = averages.get(x) ?? new Map<number, Tensor>();
  averages.set(x, known);
  const found = known.get(groups) ?? matmul(x, identities(groups, width, 1 / groups), { transposeB: true });
  known.set(groups, found);
  return found;
}

/** [rows, width] repeated for each group: [rows, groups * width]. */
function spread(factors: Tensor, groups: number, width: number): Tensor {
  return matmul(factors, identities(groups, width, 1));
}

const stencils = new Map<string, Tensor>();

/** [width, groups * width]: identity matrices side by side, times `value`. */
function identities(groups: number, width: number, value: number): Tensor {
  const key = `${groups} ${width} ${value}`;
  const known = stencils.get(key);
  if (known !== undefined) return known;
  const entries = new Array<number>(width * groups * width).fill(0);
  for (let k = 0; k < width; k++) for (let g = 0; g < groups; g++) entries[k * groups * width + g * width + k] = value;
  const made = constant(entries, [width, groups * width]);
  stencils.set(key, made);
  return made;
}

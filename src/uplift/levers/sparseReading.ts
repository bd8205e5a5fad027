import * as c from "../../compute/index.ts";

export const baselineTerms = ["auto", "line", "curves", "products"] as const;
export type BaselineTerms = (typeof baselineTerms)[number];

/** Most inputs whose products auto takes in: 40 inputs have 820. */
const mostInputs = 40;
/** Scale of the prior, in standard deviations of the outcome (or log-odds) a standard deviation of the term: far below any effect worth having. */
const scale = 0.002;
/** An input further out counts as this many standard deviations in a square, a cube or a product, so that no outlier rules the fit. */
const furthest = 4;

/** What is read off the inputs directly under a prior that most of it is zero. */
export interface SparseReading extends c.Layer<[x: c.Tensor], c.Tensor> {
  /** Sum of log(1 + (w / scale)^2): the Cauchy prior's negative logarithm but for a constant. */
  penalty(weights: c.Tensors): c.Tensor;
}

/**
 * A sum of terms of the inputs: `line` takes the inputs, `curves` their squares and cubes too, `products` also the product of each pair; `auto` is products up to
 * 40 inputs and curves beyond. Under a Cauchy prior small weights are drawn to zero and large ones are left alone (as under the prior of Gelman2008, whose
 * scale is wider), so that a simple law of many possible terms costs little variance.
 */
export function sparseReading(inputs: number, outputs: number, terms: BaselineTerms, group: string): SparseReading {
  const taken = terms === "auto" ? (inputs <= mostInputs ? "products" : "curves") : terms;
  const pairs = taken === "products" ? everyPair(inputs) : [];
  const width = inputs * (taken === "line" ? 1 : 3) + pairs.length;
  const layer = c.nn.dense(width, outputs, { group, bias: false, start: c.starts.normal(0.003) });
  // Columns by a product with ones and zeros: engines have no cheaper way to take several.
  const columns = (x: c.Tensor, list: readonly number[]): c.Tensor => {
    const chosen = new Float32Array(inputs * list.length);
    list.forEach((input, k) => {
      chosen[input * list.length + k] = 1;
    });
    return c.matmul(x, c.reshape(c.constant(chosen), [inputs, list.length]));
  };
  const read = (x: c.Tensor): c.Tensor => {
    if (taken === "line") return x;
    const near = c.clip(x, -furthest, furthest);
    const square = c.square(near);
    // The cube less three times the input is at right angles to it for a normal input; over the root of 6 its deviation is 1.
    const cube = c.mul(c.sub(c.mul(square, near), c.mul(near, 3)), 1 / Math.sqrt(6));
    const side = (which: 0 | 1): c.Tensor =>
      columns(
        near,
        pairs.map((pair) => pair[which]),
      );
    const products = pairs.length === 0 ? [] : [c.mul(side(0), side(1))];
    return c.concat([x, square, cube, ...products], 1);
  };
  return {
    init: layer.init,
    apply: (weights, x) => layer.apply(weights, read(x)),
    penalty: (weights) => c.sum(c.log(c.add(1, c.square(c.mul(weights.w as c.Tensor, 1 / scale))))),
  };
}

function everyPair(inputs: number): (readonly [number, number])[] {
  return Array.from({ length: inputs }, (_, a) => Array.from({ length: inputs - a - 1 }, (_, k) => [a, a + 1 + k] as const)).flat();
}

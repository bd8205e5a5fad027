import { usageError } from "../../base/errors.ts";
import { cast, div, expand, greater, matmul, mul, reshape, select, softmax, transpose } from "../ops/index.ts";
import { fixed, type Tensor } from "../tensor.ts";
import type { Layer, Tensors } from "../weights.ts";
import { dense } from "./dense.ts";

export interface AttentionOptions {
  /** Width of the queries, and of the result unless `outputs` is given. */
  readonly width: number;
  /** Width of keys and values. Defaults to `width`. */
  readonly keyWidth?: number;
  readonly heads: number;
  /** Width of one head. Defaults to width / heads. */
  readonly headWidth?: number;
  readonly outputs?: number;
  readonly group?: string;
}

export interface AttentionInputs {
  /** [rows, q, width]. */
  readonly query: Tensor;
  /** [rows, k, keyWidth]. */
  readonly keys: Tensor;
  /** [rows, k, keyWidth]; the keys unless given. */
  readonly values?: Tensor;
  /** [rows, k] or [rows, q, k]: 1 where a key may be looked at, 0 where it is padding. A query with nothing to look at gets zeros (before the output projection). */
  readonly mask?: Tensor;
}

/** softmax(q k' / sqrt(d)) v (Vaswani2017). A mask of 0 and 1 as for `AttentionInputs`. */
export function scaledDotProduct(q: Tensor, k: Tensor, v: Tensor, mask?: Tensor): Tensor {
  const scores = div(matmul(q, k, { transposeB: true }), Math.sqrt(fixed(q.shape[q.shape.length - 1], "attention")));
  if (mask === undefined) return matmul(softmax(scores), v);
  const seen = greater(mask, 0.5);
  return matmul(mul(softmax(select(seen, scores, -1e9)), cast(seen, "float")), v);
}

/** Multi-head attention with input and output projections (Vaswani2017, section 3.2.2): [rows, q, outputs]. */
export function attention(options: AttentionOptions): Layer<[inputs: AttentionInputs], Tensor> {
  const { width, keyWidth = width, heads, outputs = width, group } = options;
  const headWidth = options.headWidth ?? width / heads;
  if (!Number.isInteger(headWidth)) throw usageError(`attention: width ${width} does not divide into ${heads} heads; give headWidth`);
  const inner = heads * headWidth;
  // Keys have no bias: it would move every score of a query alike, which softmax does not see.
  const parts = {
    query: dense(width, inner, { group }),
    key: dense(keyWidth, inner, { bias: false, group }),
    value: dense(keyWidth, inner, { group }),
    out: dense(inner, outputs, { group }),
  };
  // [rows, t, inner] -> [rows, heads, t, headWidth]
  const byHead = (x: Tensor): Tensor => transpose(reshape(x, [x.shape[0], x.shape[1], heads, headWidth]), [0, 2, 1, 3]);
  return {
    init: { query: parts.query.init, key: parts.key.init, value: parts.value.init, out: parts.out.init },
    apply: (weights, { query, keys, values = keys, mask }) => {
      const w = weights as Record<keyof typeof parts, Tensors>;
      const [q, k, v] = [parts.query.apply(w.query, query), parts.key.apply(w.key, keys), parts.value.apply(w.value, values)].map(byHead);
      // One mask for all heads (and all queries).
      const wide = mask === undefined ? undefined : expand(mask.shape.length === 2 ? expand(mask, 1) : mask, 1);
      const seen = transpose(scaledDotProduct(q, k, v, wide), [0, 2, 1, 3]);
      return parts.out.apply(w.out, reshape(seen, [query.shape[0], query.shape[1], inner]));
    },
  };
}

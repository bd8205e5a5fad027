import { gather } from "../ops/index.ts";
import type { Tensor } from "../tensor.ts";
import { type Layer, starts, type Weight, weight } from "../weights.ts";

export interface EmbeddingOptions {
  /** Update only the rows a batch names (lazy Adam): for tables of thousands of rows. The indices must then come straight from a column of the batch. Defaults to false. */
  readonly lazy?: boolean;
  /** Defaults to normal with deviation 0.05. */
  readonly start?: Weight["start"];
  /** Defaults to "embedding", so that tables can learn at their own rate. */
  readonly group?: string;
  /** Whether L2 applies; to the rows of the batch only when lazy. Defaults to false. */
  readonly decay?: boolean;
}

/** A learned vector for each index: int [..] -> [.., width]. */
export function embedding(rows: number, width: number, options: EmbeddingOptions = {}): Layer<[indices: Tensor], Tensor> {
  const { lazy = false, start = starts.normal(0.05), group = "embedding", decay = false } = options;
  return { init: { table: weight([rows, width], { start, group, lazy, decay }) }, apply: (weights, indices) => gather(weights.table as Tensor, indices) };
}

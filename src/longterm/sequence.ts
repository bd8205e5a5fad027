import type { Json } from "../base/state.ts";
import * as c from "../compute/index.ts";
import type { TwoSamples } from "../data/longterm.ts";
import type { Features } from "../data/schema.ts";
import { type Encoder, fitEncoder, restoreEncoder } from "../learn/encode.ts";

/** Features row by row in single precision, standardised; one column of ones where nothing varies. */
export function matrixOf(encoder: Encoder, x: Features): Float32Array {
  const width = widthOf(encoder);
  const out = new Float32Array(x.rows * width);
  if (encoder.names.length === 0) return out.fill(1);
  encoder.encode(x).forEach((column, j) => {
    for (let i = 0; i < x.rows; i++) out[i * width + j] = column[i];
  });
  return out;
}

export function widthOf(encoder: Encoder): number {
  return Math.max(1, encoder.names.length);
}

/** Encoder of the features over both samples' rows. */
export function encoderOf(x: Features): Encoder {
  return fitEncoder(x, { maxLevels: 20 });
}

export const restoredEncoder = (state: Json): Encoder => restoreEncoder(state);

/** Means and deviations of surrogates, by column in the grid's order. */
export interface Scales {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** Of history's rows. A metric has one mean and one deviation for all its steps, so that its course keeps its shape. */
export function sequenceScales({ history, grid }: TwoSamples): Scales {
  const m = grid.metrics.length;
  const sums = Array.from({ length: m }, () => [0, 0, 0]);
  grid.place.forEach((j, k) => {
    const column = history.s.columns[j];
    if (column.kind !== "number") return;
    for (const v of column.values)
      if (!Number.isNaN(v)) {
        sums[k % m][0]++;
        sums[k % m][1] += v;
        sums[k % m][2] += v * v;
      }
  });
  const mean = sums.map(([n, s]) => s / n);
  const deviation = sums.map(([n, s, q]) => Math.sqrt(Math.max(0, q / n - (s / n) ** 2)) || 1);
  return { mean: Array.from(grid.place, (_, k) => mean[k % m]), deviation: Array.from(grid.place, (_, k) => deviation[k % m]) };
}

/** Surrogates as n x steps x metrics, standardised; what is missing stands at the mean. */
export function sequenceOf(s: Features, { grid }: TwoSamples, { mean, deviation }: Scales): Float32Array {
  const width = grid.place.length;
  const out = new Float32Array(s.rows * width);
  grid.place.forEach((j, k) => {
    const column = s.columns[j];
    if (column.kind !== "number") return;
    for (let i = 0; i < s.rows; i++) out[i * width + k] = Number.isNaN(column.values[i]) ? 0 : (column.values[i] - mean[k]) / deviation[k];
  });
  return out;
}

/** Columns of rows, as batches take them. */
export function columnsOf(x: Float32Array, width: number, s: Float32Array, steps: number, metrics: number): Record<string, c.Value> {
  return { x: c.rows(x, [width]), s: c.rows(s, [steps, metrics]) };
}

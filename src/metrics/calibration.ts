import { normalQuantile } from "../base/stats/normal.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Ranking } from "./ranking.ts";
import { scored } from "./scored.ts";

/** Mean predicted against observed effect in one tenth of the ranking; decile 1 has the highest scores. */
export interface CalibrationBin {
  readonly decile: number;
  readonly rows: number;
  readonly predicted: number;
  readonly observed: number;
  readonly se: number;
  readonly interval: readonly [number, number];
}

/**
 * Bin of each rank, 0 for the highest scores: the bin its group of tied scores has its middle in, by cumulative weight. Groups are never split,
 * so the order of tied rows does not matter; with few distinct scores there are fewer bins.
 */
export function binsOf(r: Ranking, bins: number): Int32Array {
  const { row, ends, weight } = r;
  const bin = new Int32Array(row.length);
  let total = 0;
  for (let k = 0; k < row.length; k++) total += weight === undefined ? 1 : weight[k];
  let above = 0;
  for (let g = 0, k = 0; g < ends.length; g++) {
    const start = k;
    let group = 0;
    for (; k < ends[g]; k++) group += weight === undefined ? 1 : weight[k];
    // A middle that rounding puts just under a boundary is at it.
    bin.fill(Math.min(bins - 1, Math.floor((bins * (above + group / 2)) / total + 1e-9)), start, k);
    above += group;
  }
  return bin;
}

/** Sums of one bin, from which means and effect follow; see gain.ts for the letters. */
export interface BinSums {
  readonly W: Float64Array;
  readonly P: Float64Array;
  readonly T: Float64Array;
  readonly C: Float64Array;
  readonly A: Float64Array;
  readonly B: Float64Array;
}

export function binSums(r: Ranking, prediction: Float64Array, bin: Int32Array, bins: number, counts?: Uint8Array): BinSums {
  const { row, y, t, weight, inverse } = r;
  const list = (): Float64Array => new Float64Array(bins);
  const sums = { W: list(), P: list(), T: list(), C: list(), A: list(), B: list() };
  for (let k = 0; k < row.length; k++) {
    const m = counts === undefined ? 1 : counts[row[k]];
    if (m === 0) continue;
    const b = bin[k];
    const w = weight === undefined ? m : m * weight[k];
    const u = inverse === undefined ? m : m * inverse[k];
    sums.W[b] += w;
    sums.P[b] += w * prediction[row[k]];
    if (t[k] === 1) {
      sums.T[b] += u;
      sums.A[b] += u * y[k];
    } else {
      sums.C[b] += u;
      sums.B[b] += u * y[k];
    }
  }
  return sums;
}

/**
 * Predicted and observed effect by tenths of the ranking, for tables and reports. The observed effect is the difference of the
 * (inverse-probability weighted) arm means, with a sandwich standard error: by rows, or by groups where the data has them. A bin that lacks an
 * arm has an observed effect of NaN; a standard error needs two rows (groups) of each arm.
 */
export function calibrationTable(
  prediction: Float64Array,
  data: Dataset,
  options: { readonly arm?: string; readonly bins?: number; readonly level?: number } = {},
): CalibrationBin[] {
  const { bins = 10, level = 0.95 } = options;
  const { ranking: r } = scored(prediction, data, options.arm);
  const bin = binsOf(r, bins);
  const { W, P, T, C, A, B } = binSums(r, prediction, bin, bins);
  const rows = new Int32Array(bins);
  for (const b of bin) rows[b]++;
  const se = observedErrors(r, bin, bins, { T, C, A, B }, data.groups()?.index);
  const z = normalQuantile(0.5 + level / 2);
  const table: CalibrationBin[] = [];
  for (let b = 0; b < bins; b++) {
    if (!(W[b] > 0)) continue;
    const observed = A[b] / T[b] - B[b] / C[b];
    table.push({ decile: b + 1, rows: rows[b], predicted: P[b] / W[b], observed, se: se[b], interval: [observed - z * se[b], observed + z * se[b]] });
  }
  return table;
}

/** Standard error of each bin's difference of means: root of the sum over rows (or groups) of the squared influence, with the usual n / (n - 1). */
function observedErrors(r: Ranking, bin: Int32Array, bins: number, sums: Pick<BinSums, "T" | "C" | "A" | "B">, group: Int32Array | undefined): Float64Array {
  const { T, C, A, B } = sums;
  const parts = [0, 1].map(() => ({ squares: new Float64Array(bins), units: new Int32Array(bins), sum: new Map<number, number>() }));
  for (let k = 0; k < r.row.length; k++) {
    const b = bin[k];
    const u = r.inverse === undefined ? 1 : r.inverse[k];
    const treated = r.t[k];
    const off = treated === 1 ? (u * (r.y[k] - A[b] / T[b])) / T[b] : (u * (r.y[k] - B[b] / C[b])) / C[b];
    const part = parts[treated];
    if (group === undefined) {
      part.squares[b] += off * off;
      part.units[b]++;
    } else {
      const unit = group[r.row[k]] * bins + b;
      part.sum.set(unit, (part.sum.get(unit) ?? 0) + off);
    }
  }
  if (group !== undefined) return clustered(parts, bins);
  return T.map((_, b) => Math.sqrt(parts.reduce((v, { squares, units }) => v + (units[b] < 2 ? Number.NaN : (squares[b] * units[b]) / (units[b] - 1)), 0)));
}

// A group may have rows of both arms in a bin: its influence is the difference of the two sums.
function clustered(parts: readonly { readonly sum: ReadonlyMap<number, number> }[], bins: number): Float64Array {
  const squares = new Float64Array(bins);
  const units = new Int32Array(bins);
  for (const unit of new Set([...parts[0].sum.keys(), ...parts[1].sum.keys()])) {
    const influence = (parts[1].sum.get(unit) ?? 0) - (parts[0].sum.get(unit) ?? 0);
    squares[unit % bins] += influence * influence;
    units[unit % bins]++;
  }
  return squares.map((v, b) => (units[b] < 2 ? Number.NaN : Math.sqrt((v * units[b]) / (units[b] - 1))));
}

import { averageRank } from "../base/stats/rank.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Column } from "../data/schema.ts";
import type { ModelResult } from "./comparison.ts";

type Segment = ModelResult["segments"][number];

/**
 * What sets the units with the highest scores apart: mean of each numeric feature, and share of each level, among the top two tenths
 * and among all rows, and their difference in standard deviations of all rows. Missing values are passed over, the largest difference
 * comes first, and of a feature with many levels only the `most` commonest are looked at.
 */
export function segments(score: Float64Array, data: Dataset, most = 20): Segment[] {
  // Equal scores are never parted: they are at the top when the middle of their ranks is.
  const rank = averageRank(score);
  const top = (row: number): boolean => rank[row] > 0.8 * score.length;
  const found = data.features().columns.flatMap((column) => ofColumn(column, top, most));
  return found.toSorted((a, b) => Math.abs(b.smd) - Math.abs(a.smd));
}

function ofColumn(column: Column, top: (row: number) => boolean, most: number): Segment[] {
  if (column.kind === "sequence") return [];
  if (column.kind === "number") return [{ feature: column.name, ...contrast((row) => column.values[row], column.values.length, top) }];
  const { codes, levels } = column;
  const count = new Float64Array(levels.length);
  for (const code of codes) if (code >= 0) count[code]++;
  const common = Array.from(levels.keys()).toSorted((a, b) => count[b] - count[a]);
  return common.slice(0, most).map((code) => ({
    feature: column.name,
    level: levels[code],
    ...contrast((row) => (codes[row] < 0 ? Number.NaN : Number(codes[row] === code)), codes.length, top),
  }));
}

function contrast(value: (row: number) => number, n: number, top: (row: number) => boolean): { top: number; all: number; smd: number } {
  let count = 0;
  let mean = 0;
  let squares = 0;
  let topCount = 0;
  let topSum = 0;
  for (let row = 0; row < n; row++) {
    const v = value(row);
    if (Number.isNaN(v)) continue;
    count++;
    const off = v - mean;
    mean += off / count;
    squares += off * (v - mean);
    if (!top(row)) continue;
    topCount++;
    topSum += v;
  }
  const all = count === 0 ? Number.NaN : mean;
  const topMean = topCount === 0 ? Number.NaN : topSum / topCount;
  const sd = Math.sqrt(squares / Math.max(1, count - 1));
  // A feature that is the same everywhere sets nobody apart.
  return { top: topMean, all, smd: sd > 0 && topCount > 0 ? (topMean - all) / sd : 0 };
}

import { usageError } from "../base/errors.ts";
import type { Clusters } from "./contrast.ts";

/** How large the clusters are, and what they cost in precision. */
export interface ClusterSummary {
  readonly clusters: number;
  readonly rows: number;
  /** Mean rows of a cluster, and their coefficient of variation (standard deviation over mean). */
  readonly meanSize: number;
  readonly sizeVariation: number;
  /** Share of the variance that lies between clusters; below zero when clusters differ less than chance would have them. */
  readonly icc: number;
  /** Variance of a mean over that of as many unrelated rows. */
  readonly designEffect: number;
  /** Rows divided by the design effect. */
  readonly effectiveRows: number;
}

/**
 * What clustering costs: intraclass correlation by analysis of variance (Donner1980), and the design effect with unequal sizes (Eldridge2006).
 * The icc is NaN with fewer than two clusters, or when every cluster has one row.
 * @param values n values, NaN being passed over; take residuals from the arms' means where the arms differ
 */
export function clusterSummary(values: Float64Array, clusters: Clusters): ClusterSummary {
  const size = new Float64Array(clusters.count);
  const sum = new Float64Array(clusters.count);
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) continue;
    size[clusters.index[i]]++;
    sum[clusters.index[i]] += values[i];
  }
  const [rows, total] = [size, sum].map((parts) => parts.reduce((s, v) => s + v, 0));
  const used = size.filter((m) => m > 0).length;
  const squares = size.reduce((s, m) => s + m * m, 0);
  let [within, between] = [0, 0];
  for (let i = 0; i < values.length; i++) if (!Number.isNaN(values[i])) within += (values[i] - sum[clusters.index[i]] / size[clusters.index[i]]) ** 2;
  for (let g = 0; g < size.length; g++) if (size[g] > 0) between += size[g] * (sum[g] / size[g] - total / rows) ** 2;
  const [msb, msw] = [between / (used - 1), within / (rows - used)];
  const typical = (rows - squares / rows) / (used - 1);
  const icc = (msb - msw) / (msb + (typical - 1) * msw);
  const meanSize = rows / used;
  const sizeVariation = Math.sqrt(Math.max(0, (squares / used - meanSize ** 2) / meanSize ** 2));
  const inflation = designEffect(meanSize, Math.max(0, icc), sizeVariation);
  return { clusters: used, rows, meanSize, sizeVariation, icc, designEffect: inflation, effectiveRows: rows / inflation };
}

/**
 * 1 + ((1 + cv^2) m - 1) icc: by how much clusters of mean size m inflate the variance of a mean. Eldridge2006.
 * @param variation coefficient of variation of the sizes; 0 when all are equal
 */
export function designEffect(meanSize: number, icc: number, variation = 0): number {
  if (!(meanSize >= 1)) throw usageError(`designEffect: the mean cluster size is at least 1, got ${meanSize}`);
  if (Number.isNaN(icc)) return Number.NaN;
  if (!(icc >= 0 && icc <= 1)) throw usageError(`designEffect: the intraclass correlation lies between 0 and 1, got ${icc}`);
  if (!(variation >= 0)) throw usageError(`designEffect: the coefficient of variation is at least 0, got ${variation}`);
  return 1 + ((1 + variation * variation) * meanSize - 1) * icc;
}

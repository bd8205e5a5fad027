import { cross, gram } from "../../base/linear/gram.ts";
import { inverseSpd } from "../../base/linear/solve.ts";
import { studentSf, studentTwoSided } from "../../base/stats/student.ts";

/** One coefficient of a regression with its interval. */
export interface Coefficient {
  readonly estimate: number;
  readonly se: number;
  /** Two-sided, and against "at most 0". */
  readonly pValue: number;
  readonly pPositive: number;
}

/**
 * Weighted least squares with standard errors that hold under any spread of the errors: HC3 (MacKinnon1985), or, with clusters, sums
 * over them (Liang1986) times G / (G - 1).
 *
 * @param columns p columns of n numbers, a constant among them if one is wanted
 * @param cluster cluster of each row (0, 1, ...)
 * @returns undefined where a column is a combination of the others, or there are no rows or clusters to spare
 */
export function robustRegression(columns: readonly Float64Array[], y: Float64Array, weight?: Float64Array, cluster?: Int32Array): Coefficient[] | undefined {
  const p = columns.length;
  const n = y.length;
  const products = gram(columns, weight);
  const bread = inverseSpd(products);
  if (bread === undefined || n <= p) return undefined;
  // Variance inflation that only rounding keeps finite.
  for (let a = 0; a < p; a++) if (!(bread[a * p + a] * products[a * p + a] < 1e12)) return undefined;
  const moment = cross(columns, y, weight);
  const beta = new Float64Array(p);
  for (let a = 0; a < p; a++) for (let b = 0; b < p; b++) beta[a] += bread[a * p + b] * moment[b];
  const groups = cluster === undefined ? n : cluster.reduce((most, c) => Math.max(most, c + 1), 0);
  if (groups <= 1) return undefined;
  const scores = columns.map(() => new Float64Array(groups));
  const row = new Float64Array(p);
  for (let i = 0; i < n; i++) {
    const w = weight === undefined ? 1 : weight[i];
    let residual = y[i];
    for (let a = 0; a < p; a++) {
      row[a] = columns[a][i];
      residual -= beta[a] * row[a];
    }
    const leverage = cluster === undefined ? w * quadratic(bread, row) : 0;
    const at = cluster === undefined ? i : cluster[i];
    for (let a = 0; a < p; a++) scores[a][at] += (w * residual * row[a]) / (1 - leverage);
  }
  const meat = gram(scores);
  const factor = cluster === undefined ? 1 : groups / (groups - 1);
  const df = groups - (cluster === undefined ? p : 1);
  return columns.map((_, a) => {
    let variance = 0;
    for (let b = 0; b < p; b++) for (let c = 0; c < p; c++) variance += bread[a * p + b] * meat[b * p + c] * bread[c * p + a];
    const se = Math.sqrt(factor * variance);
    const t = beta[a] / se;
    return { estimate: beta[a], se, pValue: studentTwoSided(t, df), pPositive: studentSf(t, df) };
  });
}

function quadratic(matrix: Float64Array, x: Float64Array): number {
  const p = x.length;
  let sum = 0;
  for (let a = 0; a < p; a++) for (let b = 0; b < p; b++) sum += x[a] * matrix[a * p + b] * x[b];
  return sum;
}

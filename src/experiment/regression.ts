import { dataError } from "../base/errors.ts";
import { cross, gram } from "../base/linear/gram.ts";
import { inverseSpd } from "../base/linear/solve.ts";

/** Columns whose variance, given the columns before them, is below this share of their own add nothing. */
const negligible = 1e-10;

/** Least squares of one arm on covariates that are centred at the point where the mean is wanted. */
export interface ArmRegression {
  /** Predicted mean at the centre: the intercept. */
  readonly mean: number;
  /** One slope a covariate, zero for those that add nothing in this arm. */
  readonly slopes: Float64Array;
  /** Contribution of each row to the error of `mean`, in the order of the rows; their sum is zero. */
  readonly pulls: Float64Array;
  /** Sum of squared pulls over 1 - leverage: the HC2 variance of `mean` (MacKinnon1985). */
  readonly variance: number;
  /** Rows less coefficients. */
  readonly df: number;
  /** Covariates that add nothing in this arm. */
  readonly dropped: readonly number[];
}

/**
 * @param columns p covariates of all rows, centred
 * @param rows the arm's rows
 * @param weight of all rows, or undefined for one each
 * @throws LiftwiseError (data) when the arm has no more rows than coefficients
 */
export function armRegression(
  columns: readonly Float64Array[],
  y: Float64Array,
  rows: Int32Array,
  weight: Float64Array | undefined,
  where: string,
): ArmRegression {
  const n = rows.length;
  const x = [new Float64Array(n).fill(1), ...columns.map((column) => pick(column, rows))];
  const w = weight === undefined ? undefined : pick(weight, rows);
  const target = pick(y, rows);
  const all = gram(x, w);
  const kept = independentColumns(all, x.length);
  const q = kept.length;
  if (n <= q) throw dataError(`${where}: has ${n} rows for ${q} coefficients; name fewer covariates`);
  const used = kept.map((j) => x[j]);
  const inverse = inverseSpd(subMatrix(all, x.length, kept));
  if (inverse === undefined) throw dataError(`${where}: its covariates are too nearly dependent to be adjusted for; name fewer`);
  const right = cross(used, target, w);
  const beta = Float64Array.from({ length: q }, (_, j) => right.reduce((sum, value, k) => sum + inverse[j * q + k] * value, 0));
  const pulls = new Float64Array(n);
  const row = new Float64Array(q);
  let variance = 0;
  for (let i = 0; i < n; i++) {
    let fitted = 0;
    let reach = 0;
    for (let j = 0; j < q; j++) {
      row[j] = used[j][i];
      fitted += beta[j] * row[j];
      reach += inverse[j] * row[j];
    }
    const wi = w === undefined ? 1 : w[i];
    let leverage = 0;
    for (let j = 0; j < q; j++) {
      let sum = 0;
      for (let k = 0; k < q; k++) sum += inverse[j * q + k] * row[k];
      leverage += row[j] * sum;
    }
    pulls[i] = reach * wi * (target[i] - fitted);
    // A row that is fitted exactly whatever its outcome tells nothing of the noise.
    const left = 1 - wi * leverage;
    if (left > 1e-12) variance += (pulls[i] * pulls[i]) / left;
  }
  const slopes = new Float64Array(columns.length);
  for (let k = 1; k < q; k++) slopes[kept[k] - 1] = beta[k];
  const dropped = columns.map((_, j) => j).filter((j) => !kept.includes(j + 1));
  return { mean: beta[0], slopes, pulls, variance, df: n - q, dropped };
}

/** Columns of a Gram matrix that are not combinations of those before them; the first always stays. Cholesky with skipping. */
export function independentColumns(g: Float64Array, p: number): number[] {
  const kept: number[] = [];
  const root = new Float64Array(p * p);
  for (let j = 0; j < p; j++) {
    let rest = g[j * p + j];
    for (const [at, k] of kept.entries()) {
      let sum = g[j * p + k];
      for (let l = 0; l < at; l++) sum -= root[j * p + l] * root[k * p + l];
      root[j * p + at] = sum / root[k * p + at];
      rest -= root[j * p + at] ** 2;
    }
    if (kept.length > 0 && !(rest > negligible * g[j * p + j])) continue;
    root[j * p + kept.length] = Math.sqrt(rest);
    kept.push(j);
  }
  return kept;
}

export function subMatrix(a: Float64Array, p: number, kept: readonly number[]): Float64Array {
  return Float64Array.from({ length: kept.length ** 2 }, (_, at) => a[kept[Math.floor(at / kept.length)] * p + kept[at % kept.length]]);
}

/** Row numbers for which something holds, ascending. */
export function rowsWhere(n: number, holds: (row: number) => boolean): Int32Array {
  const rows = new Int32Array(n);
  let count = 0;
  for (let i = 0; i < n; i++) if (holds(i)) rows[count++] = i;
  return rows.slice(0, count);
}

/** The values of these rows. */
export function pick(values: Float64Array, rows: Int32Array): Float64Array {
  const taken = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) taken[i] = values[rows[i]];
  return taken;
}

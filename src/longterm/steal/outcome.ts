import { spectrum } from "../../base/linear/solve.ts";
import type { PseudoPolicy } from "./pseudoPolicy.ts";

/** Ridge regression on standardised columns with the penalty of least generalised cross-validation (Golub1979). */
export interface Wide {
  readonly predict: (columns: readonly Float64Array[]) => Float64Array;
  /** How much each row fitted on moves a contrast sum_j c_j b_j of the prediction: c' H^-1 z_i r_i, rows long, for contrasts of raw columns. */
  readonly influence: (contrast: Float64Array) => Float64Array;
  readonly lambda: number;
}

const penalties = Array.from({ length: 25 }, (_, k) => 10 ** (1 - k / 4));

/** @param columns p arrays of n @param weight n weights with mean 1 */
export function fitWide(columns: readonly Float64Array[], y: Float64Array, weight: Float64Array): Wide {
  const [n, p] = [y.length, columns.length];
  const total = weight.reduce((a, b) => a + b, 0);
  const centre = columns.map((column) => column.reduce((sum, v, i) => sum + weight[i] * v, 0) / total);
  const scale = columns.map((column, j) => Math.sqrt(column.reduce((sum, v, i) => sum + weight[i] * (v - centre[j]) ** 2, 0) / total) || 1);
  const my = y.reduce((sum, v, i) => sum + weight[i] * v, 0) / total;
  const z = columns.map((column, j) => column.map((v) => (v - centre[j]) / scale[j]));
  const g = new Float64Array(p * p);
  const b = new Float64Array(p);
  let syy = 0;
  for (let i = 0; i < n; i++) syy += (weight[i] * (y[i] - my) ** 2) / total;
  const weighted = new Float64Array(n);
  for (let j = 0; j < p; j++) {
    for (let i = 0; i < n; i++) weighted[i] = (weight[i] * z[j][i]) / total;
    for (let k = j; k < p; k++) {
      let sum = 0;
      const other = z[k];
      for (let i = 0; i < n; i++) sum += weighted[i] * other[i];
      g[j * p + k] = sum;
      g[k * p + j] = sum;
    }
    for (let i = 0; i < n; i++) b[j] += weighted[i] * (y[i] - my);
  }
  const { values, vectors, rank } = spectrum(g);
  const u = Float64Array.from({ length: rank }, (_, k) => b.reduce((sum, v, j) => sum + v * vectors[k * p + j], 0));
  let [lambda, least] = [penalties[0], Number.POSITIVE_INFINITY];
  for (const candidate of penalties) {
    let [rss, df] = [syy, 1];
    for (let k = 0; k < rank; k++) {
      const d = values[k] + candidate;
      rss -= (u[k] ** 2 * (values[k] + 2 * candidate)) / d ** 2;
      df += values[k] / d;
    }
    const score = rss / (1 - Math.min(0.99, df / n)) ** 2;
    if (score < least) [lambda, least] = [candidate, score];
  }
  const solve = (right: Float64Array): Float64Array => {
    const out = new Float64Array(p);
    for (let k = 0; k < rank; k++) {
      let share = 0;
      for (let j = 0; j < p; j++) share += vectors[k * p + j] * right[j];
      share /= values[k] + lambda;
      for (let j = 0; j < p; j++) out[j] += share * vectors[k * p + j];
    }
    return out;
  };
  const beta = solve(b);
  const predict = (given: readonly Float64Array[]): Float64Array => {
    const out = new Float64Array(given[0].length).fill(my);
    for (let j = 0; j < p; j++) {
      const slope = beta[j] / scale[j];
      for (let i = 0; i < out.length; i++) out[i] += slope * (given[j][i] - centre[j]);
    }
    return out;
  };
  const residual = predict(columns).map((mu, i) => y[i] - mu);
  return {
    predict,
    lambda,
    influence: (contrast) => {
      const d = solve(contrast.map((v, j) => v / scale[j]));
      const out = new Float64Array(n);
      for (let j = 0; j < p; j++) for (let i = 0; i < n; i++) out[i] += d[j] * z[j][i];
      for (let i = 0; i < n; i++) out[i] *= (weight[i] * residual[i]) / total;
      return out;
    },
  };
}

/** What the outcome is read from at some rows: features and their squares, course, prototypes with features, and (unless `direct` is off) pseudo arms with prototypes, features and squares. */
export function wideColumns(
  { behaviour, prototypes }: PseudoPolicy,
  joint: Float64Array,
  rows: Int32Array,
  direct: boolean,
  armOf?: (row: number) => number,
): Float64Array[] {
  const { x, width, s, depth, arms } = behaviour;
  const n = rows.length;
  const make = (of: (row: number) => number): Float64Array => Float64Array.from(rows, of);
  const out: Float64Array[] = [];
  for (let u = 1; u < width; u++) out.push(make((i) => x[i * width + u]));
  const squares = width - 1 <= 40;
  if (squares) for (let u = 1; u < width; u++) out.push(make((i) => x[i * width + u] ** 2));
  for (let k = 0; k < depth; k++) out.push(make((i) => s[i * depth + k]));
  const share = (i: number, j: number, a: number): number => joint[(i * prototypes + j) * arms + a];
  for (let j = 1; j < prototypes; j++) {
    const kind = new Float64Array(n);
    rows.forEach((i, r) => {
      for (let a = 0; a < arms; a++) kind[r] += share(i, j, a);
    });
    for (let u = 0; u < width; u++) out.push(kind.map((v, r) => v * x[rows[r] * width + u]));
  }
  if (!direct) return out;
  for (let a = 1; a < arms; a++) {
    const whole = new Float64Array(n);
    for (let j = 0; j < prototypes; j++) {
      // Under a given arm all of a row's belief is in it.
      const given =
        rows.length === 0
          ? new Float64Array(0)
          : make((i) => {
              if (armOf === undefined) return share(i, j, a);
              if (armOf(i) !== a) return 0;
              let kind = 0;
              for (let b = 0; b < arms; b++) kind += share(i, j, b);
              return kind;
            });
      for (let u = 0; u < width; u++) out.push(given.map((v, r) => v * x[rows[r] * width + u]));
      for (let r = 0; r < n; r++) whole[r] += given[r];
    }
    if (squares) for (let u = 1; u < width; u++) out.push(whole.map((v, r) => v * x[rows[r] * width + u] ** 2));
  }
  return out;
}

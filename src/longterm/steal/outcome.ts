import { addCross, addGram, mirror } from "../../base/linear/gram.ts";
import { solveSpd, spectrum } from "../../base/linear/solve.ts";
import type { PseudoPolicy } from "./pseudoPolicy.ts";

/** Ridge regression on standardised columns with the penalty of least generalised cross-validation (Golub1979). */
export interface Wide {
  readonly predict: (columns: readonly Float64Array[]) => Float64Array;
  /** Of the raw columns. */
  readonly coefficients: Float64Array;
  readonly lambda: number;
}

const penalties = Array.from({ length: 25 }, (_, k) => 10 ** (1 - k / 4));

/** @param columns p arrays of n @param weight n weights with mean 1 @param penalty in place of the one of least generalised cross-validation */
export function fitWide(columns: readonly Float64Array[], y: Float64Array, weight: Float64Array, penalty?: number): Wide {
  const [n, p] = [y.length, columns.length];
  const total = weight.reduce((a, b) => a + b, 0);
  const centre = columns.map((column) => column.reduce((sum, v, i) => sum + weight[i] * v, 0) / total);
  // A column that varies by no more than rounding here may vary where predictions are wanted: it has no say.
  const scale = columns.map((column, j) => {
    const deviation = Math.sqrt(column.reduce((sum, v, i) => sum + weight[i] * (v - centre[j]) ** 2, 0) / total);
    return deviation > 1e-9 * Math.abs(centre[j]) ? deviation : Number.POSITIVE_INFINITY;
  });
  const my = y.reduce((sum, v, i) => sum + weight[i] * v, 0) / total;
  const z = columns.map((column, j) => column.map((v) => (v - centre[j]) / scale[j]));
  const share = weight.map((w) => w / total);
  const gram = new Float64Array(p * p);
  const b = new Float64Array(p);
  const rest = y.map((v) => v - my);
  addGram(gram, z, n, share);
  mirror(gram, p);
  addCross(b, z, rest, n, share);
  const [beta, lambda] =
    penalty === undefined
      ? crossValidated(
          gram,
          b,
          n,
          rest.reduce((sum, v, i) => sum + share[i] * v * v, 0),
        )
      : [penalised(gram, b, penalty), penalty];
  const predict = (given: readonly Float64Array[]): Float64Array => {
    const out = new Float64Array(given[0].length).fill(my);
    for (let j = 0; j < p; j++) {
      const slope = beta[j] / scale[j];
      for (let i = 0; i < out.length; i++) out[i] += slope * (given[j][i] - centre[j]);
    }
    return out;
  };
  return { predict, coefficients: beta.map((b_, j) => b_ / scale[j]), lambda };
}

function penalised(gram: Float64Array, b: Float64Array, penalty: number): Float64Array {
  const a = gram.slice();
  for (let j = 0; j < b.length; j++) a[j * b.length + j] += penalty;
  return solveSpd(a, b) ?? new Float64Array(b.length);
}

/** Slopes and penalty of least generalised cross-validation. @param syy mean square of what is fitted */
function crossValidated(gram: Float64Array, b: Float64Array, n: number, syy: number): [slopes: Float64Array, penalty: number] {
  const p = b.length;
  const { values, vectors, rank } = spectrum(gram);
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
  const slopes = new Float64Array(p);
  for (let k = 0; k < rank; k++) {
    const along = u[k] / (values[k] + lambda);
    for (let j = 0; j < p; j++) slopes[j] += along * vectors[k * p + j];
  }
  return [slopes, lambda];
}

/** Whether features come with their squares. */
export const hasSquares = (width: number): boolean => width - 1 <= 40;

// `Float64Array.from` walks an iterator, which takes several times as long.
function column(rows: ArrayLike<number>, of: (row: number) => number): Float64Array {
  const out = new Float64Array(rows.length);
  for (let r = 0; r < out.length; r++) out[r] = of(rows[r]);
  return out;
}

// Rows of history that each coefficient of the direct effect must have: with fewer, what is learned of its shape is noise.
const rowsEach = 50;

/** How much of the direct effect's shape so many rows of history can carry. */
export interface Shape {
  /** Cubes and products of features. */
  readonly rich: boolean;
  /** Effects given x taken from the parts, not from the scores alone. */
  readonly formed: boolean;
}

export function shapeFor(history: number, width: number, prototypes: number): Shape {
  const own = prototypes * width + (hasSquares(width) ? width - 1 : 0);
  const bent = hasSquares(width) ? width - 1 + (hasProducts(width) ? ((width - 1) * (width - 2)) / 2 : 0) : 0;
  return { rich: (own + bent) * rowsEach <= history, formed: own * rowsEach <= history };
}

const hasProducts = (width: number): boolean => width - 1 <= 12;

/** What a direct effect may depend on besides features themselves: squares and, if `rich`, cubes where there are at most 40 features, and products where there are at most 12. */
export function curves(x: Float64Array, width: number, rows: ArrayLike<number>, rich: boolean): Float64Array[] {
  const out: Float64Array[] = [];
  const make = (of: (at: number) => number): number => out.push(column(rows, (i) => of(i * width)));
  if (!hasSquares(width)) return out;
  for (let u = 1; u < width; u++) {
    make((at) => x[at + u] ** 2);
    if (!rich) continue;
    make((at) => x[at + u] ** 3);
    if (hasProducts(width)) for (let v = u + 1; v < width; v++) make((at) => x[at + u] * x[at + v]);
  }
  return out;
}

/** What the outcome is read from at some rows: features and their squares, course, prototypes with features, and (unless `direct` is off) pseudo arms with prototypes, features and their curves. */
export function wideColumns(
  { behaviour, prototypes, shape }: PseudoPolicy,
  joint: Float64Array,
  rows: Int32Array,
  direct: boolean,
  armOf?: (row: number) => number,
): Float64Array[] {
  const { x, width, s, depth, arms } = behaviour;
  const n = rows.length;
  const make = (of: (row: number) => number): Float64Array => column(rows, of);
  const out: Float64Array[] = [];
  for (let u = 1; u < width; u++) out.push(make((i) => x[i * width + u]));
  const squares = hasSquares(width);
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
  const bent = curves(x, width, rows, shape.rich);
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
    for (const curve of bent) out.push(curve.map((v, r) => v * whole[r]));
  }
  return out;
}

import { unitBelow } from "../../learn/tree/units.ts";

/**
 * What a causal forest solves in every neighbourhood (Athey2019, sec. 6): the effect theta of treatment W on outcome Y, with instrument Z (the
 * treatment itself where there is none), from E[(Z - mean Z) (Y - mean Y - theta (W - mean W))] = 0. Without treatments it is a mean: a
 * regression forest.
 */
export interface Moments {
  /** Treated arms; 0 for a regression. */
  readonly arms: number;
  readonly instrument: boolean;
}

/** Columns of the job's numbers: weight, outcome, treatments, instrument. */
export function numbersOf({ arms, instrument }: Moments): number {
  return 2 + arms + (instrument ? 1 : 0);
}

/**
 * Moments kept in a leaf, as means over its rows: weight, wY, then for each arm wW, wWY, and wW_a W_b for a <= b; with an instrument instead
 * of the products with W those with Z: wZ, wZY, wZW.
 */
export function outputsOf({ arms, instrument }: Moments): number {
  return instrument ? 6 : 2 + 2 * arms + (arms * (arms + 1)) / 2;
}

/** Solution of a set of moments. */
export interface Solution {
  readonly effect: Float64Array;
  readonly meanY: number;
  readonly meanW: Float64Array;
  /** Mean of the instrument (of the treatment, where there is none; one arm). */
  readonly meanZ: number;
  /** Inverse of the covariance of the treatments (with an instrument: of instrument and treatment), row after row. */
  readonly inverse: Float64Array;
}

/** Variation below this share of the second moments is rounding. */
const rounding = 1e-10;

/** Solves moments that begin at `at`; undefined where treatment does not vary (or the instrument does not move it). */
export function solve({ arms, instrument }: Moments, m: Float64Array, at: number): Solution | undefined {
  const weight = m[at];
  if (!(weight > 0)) return undefined;
  const meanY = m[at + 1] / weight;
  const meanW = new Float64Array(arms);
  for (let a = 0; a < arms; a++) meanW[a] = m[at + 2 + a] / weight;
  if (arms === 0) return { effect: new Float64Array(0), meanY, meanW, meanZ: 0, inverse: new Float64Array(0) };
  if (instrument) {
    const meanZ = m[at + 3] / weight;
    const zy = m[at + 4] / weight - meanZ * meanY;
    const zw = m[at + 5] / weight - meanZ * meanW[0];
    if (!(Math.abs(zw) > rounding * (Math.abs(m[at + 5] / weight) + Math.abs(meanZ * meanW[0])))) return undefined;
    return { effect: Float64Array.of(zy / zw), meanY, meanW, meanZ, inverse: Float64Array.of(1 / zw) };
  }
  const covariance = new Float64Array(arms * arms);
  for (let a = 0, k = at + 2 + 2 * arms; a < arms; a++) {
    for (let b = a; b < arms; b++, k++) {
      const moment = m[k] / weight;
      covariance[a * arms + b] = covariance[b * arms + a] = moment - meanW[a] * meanW[b];
      if (a === b && !(covariance[a * arms + a] > rounding * moment)) return undefined;
    }
  }
  const inverse = invert(covariance, arms);
  if (inverse === undefined) return undefined;
  const effect = new Float64Array(arms);
  for (let a = 0; a < arms; a++) for (let b = 0; b < arms; b++) effect[a] += inverse[a * arms + b] * (m[at + 2 + arms + b] / weight - meanW[b] * meanY);
  return { effect, meanY, meanW, meanZ: meanW[0], inverse };
}

/** Inverse of a small symmetric positive matrix by Gauss and Jordan; undefined where it is singular to rounding. */
function invert(matrix: Float64Array, n: number): Float64Array | undefined {
  const a = matrix.slice();
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) inverse[i * n + i] = 1;
  for (let i = 0; i < n; i++) {
    const pivot = a[i * n + i];
    if (!(pivot > rounding * matrix[i * n + i])) return undefined;
    for (let k = 0; k < n; k++) {
      a[i * n + k] /= pivot;
      inverse[i * n + k] /= pivot;
    }
    for (let r = 0; r < n; r++) {
      const factor = a[r * n + i];
      if (r === i || factor === 0) continue;
      for (let k = 0; k < n; k++) {
        a[r * n + k] -= factor * a[i * n + k];
        inverse[r * n + k] -= factor * inverse[i * n + k];
      }
    }
  }
  return inverse;
}

/** Pseudo-outcomes of rows and their records. */
export interface ScoreFunction {
  /** Pseudo-outcomes a row has: one an arm, or the one of a regression. */
  readonly count: number;
  /** What a gain in the units of the records is worth in those of the pseudo-outcomes. */
  readonly gainUnit: number;
  /** Solves the moments over rows `begin` .. `end - 1` of a list; false where treatment does not vary. */
  prepare(rows: Int32Array, begin: number, end: number): boolean;
  /** Records (pseudo-outcome, variation) of the rows from word `at` on. */
  write(plane: number, rows: Int32Array, begin: number, end: number, words: Int32Array, at: number): void;
  writeWeight(rows: Int32Array, begin: number, end: number, words: Int32Array, at: number): void;
  /** Adds a row's moments to `into` from `at` on. */
  addMoments(row: number, into: Float64Array, at: number): void;
}

/** Largest size of each of the job's columns of numbers, and the bits that records have for variation. */
export interface ScoreBounds {
  readonly most: readonly number[];
  readonly curvatureBits: number;
}

/**
 * The pseudo-outcomes of a node's rows: how much each pulls the node's effect away from its mean (Athey2019, eq. 8),
 * inverse * (Z - mean Z) * (Y - mean Y - (W - mean W) effect), weighted.
 *
 * @param numbers weight, outcome, treatments, instrument, as in `numbersOf`
 */
export function scoreFunction(moments: Moments, bounds: ScoreBounds, numbers: readonly Float64Array[]): ScoreFunction {
  const { arms, instrument } = moments;
  const [weight, y] = numbers;
  const w = numbers.slice(2, 2 + arms);
  const z = instrument ? [numbers[2 + arms]] : w;
  const [mostWeight, mostY, ...rest] = bounds.most;
  const mostW = rest.slice(0, arms);
  const mostZ = instrument ? rest.slice(arms) : mostW;
  const count = Math.max(1, arms);
  const total = new Float64Array(outputsOf(moments));
  const weightUnit = unitBelow(mostWeight, 30);
  let solution: Solution | undefined;
  let [unit, variationUnit] = [1, 1];

  const addMoments = (row: number, into: Float64Array, at: number): void => {
    const u = weight[row];
    const uy = u * y[row];
    into[at] += u;
    into[at + 1] += uy;
    if (instrument) {
      const uz = u * z[0][row];
      into[at + 2] += u * w[0][row];
      into[at + 3] += uz;
      into[at + 4] += uz * y[row];
      into[at + 5] += uz * w[0][row];
      return;
    }
    for (let a = 0, k = at + 2 + 2 * arms; a < arms; a++) {
      const value = w[a][row];
      into[at + 2 + a] += u * value;
      into[at + 2 + arms + a] += uy * value;
      for (let b = a; b < arms; b++, k++) into[k] += u * value * w[b][row];
    }
  };
  const meanOf = (a: number): number => (instrument ? (solution as Solution).meanZ : (solution as Solution).meanW[a]);
  /** Largest possible pseudo-outcome and variation in this node. */
  const setUnits = ({ effect, meanY, meanW, inverse }: Solution): void => {
    let residual = mostY + Math.abs(meanY);
    for (let a = 0; a < arms; a++) residual += Math.abs(effect[a]) * (mostW[a] + Math.abs(meanW[a]));
    let [pull, spread] = [arms === 0 ? 1 : 0, 0];
    for (let a = 0; a < arms; a++) {
      let row = 0;
      for (let b = 0; b < arms; b++) row += Math.abs(inverse[a * arms + b]) * (mostZ[b] + Math.abs(meanOf(b)));
      pull = Math.max(pull, row);
      spread += (mostZ[a] + Math.abs(meanOf(a))) ** 2;
    }
    unit = unitBelow(mostWeight * pull * residual, 30);
    variationUnit = unitBelow(mostWeight * spread, bounds.curvatureBits);
  };
  return {
    count,
    get gainUnit() {
      return unit * unit;
    },
    prepare: (rows, begin, end) => {
      total.fill(0);
      for (let k = begin; k < end; k++) addMoments(rows[k], total, 0);
      solution = solve(moments, total, 0);
      if (solution === undefined) return false;
      setUnits(solution);
      return true;
    },
    write: (plane, rows, begin, end, words, at) => {
      const { effect, meanY, meanW, inverse } = solution as Solution;
      const [perUnit, perVariation] = [1 / unit, 1 / variationUnit];
      const zbar = z.map((_, a) => meanOf(a));
      for (let k = begin, to = at; k < end; k++, to += 2) {
        const i = rows[k];
        let residual = y[i] - meanY;
        let pull = arms === 0 ? 1 : 0;
        let spread = 0;
        for (let a = 0; a < arms; a++) {
          const distance = z[a][i] - zbar[a];
          residual -= effect[a] * (w[a][i] - meanW[a]);
          pull += inverse[plane * arms + a] * distance;
          spread += distance * distance;
        }
        words[to] = Math.round(weight[i] * pull * residual * perUnit);
        words[to + 1] = Math.round(weight[i] * spread * perVariation);
      }
    },
    writeWeight: (rows, begin, end, words, at) => {
      for (let k = begin, to = at; k < end; k++, to += 2) {
        words[to] = Math.max(1, Math.round(weight[rows[k]] / weightUnit));
        words[to + 1] = 0;
      }
    },
    addMoments,
  };
}

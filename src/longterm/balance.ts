import { gram } from "../base/linear/gram.ts";
import { inverseSpd, solveSpd } from "../base/linear/solve.ts";
import type { TwoSamples } from "../data/longterm.ts";
import { fitEncoder } from "../learn/encode.ts";
import { stack } from "./overlap.ts";

/** Weights of history that make it look like one arm of the experiment. */
export interface ArmWeights {
  /** n_H, mean 1. */
  readonly weight: Float64Array;
  /** (sum w)^2 / sum w^2, in rows of history. */
  readonly effective: number;
  readonly largest: number;
  /** Largest distance left between a balanced mean of history and the arm's, in standard deviations over both samples. */
  readonly imbalance: number;
  /** The line through what is balanced that fits history's outcome under the weights: at rows of history and of the experiment. */
  readonly line: { readonly history: Float64Array; readonly experiment: Float64Array };
  /** Rows of history that are free once as many moments are balanced, as a share of the effective ones; 0 or less where none is. */
  readonly free: number;
}

/** What is balanced: features and surrogates, p columns standardised over both samples, and squares of those that take more than two values. */
interface Moments {
  readonly history: readonly Float64Array[];
  readonly experiment: readonly Float64Array[];
  /** Of the experiment's rows, features alone. */
  readonly features: readonly Float64Array[];
}

// Rows that each balanced mean must have, in history and in the smallest arm, before squares are balanced too: with fewer, the weights follow chance.
const rowsEach = 10;

function momentsOf({ history, experiment, arms }: TwoSamples): Moments {
  const both = stack(history.z, experiment.z);
  const encoder = fitEncoder(both, { maxLevels: 20 });
  const known = new Set(fitEncoder(stack(history.x, experiment.x), { maxLevels: 20 }).names);
  const columns = encoder.encode(both);
  const isFeature = encoder.names.map((name) => known.has(name));
  const smallest = Math.min(history.rows, ...arms.map((_, a) => experiment.arm.reduce((n, b) => n + (b === a ? 1 : 0), 0)));
  const bent = columns.flatMap((column, j) => (takesMoreThanTwo(column) ? [j] : []));
  if ((columns.length + bent.length) * rowsEach <= smallest)
    for (const j of bent) {
      columns.push(standardised(columns[j].map((v) => v * v)));
      isFeature.push(isFeature[j]);
    }
  const now = columns.map((column) => column.subarray(history.rows));
  return { history: columns.map((column) => column.subarray(0, history.rows)), experiment: now, features: now.filter((_, j) => isFeature[j]) };
}

function takesMoreThanTwo(column: Float64Array): boolean {
  const second = column.find((v) => v !== column[0]);
  return column.some((v) => v !== column[0] && v !== second);
}

function standardised(column: Float64Array): Float64Array {
  const middle = column.reduce((sum, v) => sum + v, 0) / column.length;
  const deviation = Math.sqrt(column.reduce((sum, v) => sum + (v - middle) ** 2, 0) / column.length);
  return column.map((v) => (v - middle) / deviation);
}

/**
 * For each arm the weights of history of least entropy under which the means of features and surrogates are those of the arm (Hainmueller2012): the surrogate score's
 * weights P(s, x | A = a, experiment) / P(s, x | history), as an exponential tilt. They are right if that ratio is such a tilt, or if the outcome given (x, s) is a line in what is balanced
 * (Zhao2017balance). The arm's means are moved to the features of all of the experiment by regression, with weights 1 / e.
 */
export function balanceArms(samples: TwoSamples): ArmWeights[] {
  const { history, experiment, arms } = samples;
  const moments = momentsOf(samples);
  return arms.map((_, a) => {
    const rows = Int32Array.from(experiment.arm.keys()).filter((i) => experiment.arm[i] === a);
    const target = targets(moments, rows, experiment.e[a]);
    // Weighs as much as one row of the arm: means are met far within their own standard error, and there is an answer even where no weights meet them.
    const penalty = 1 / rows.length;
    const share = tilted(moments.history, target, penalty);
    const n = history.rows;
    const square = share.reduce((sum, w) => sum + w * w, 0);
    const { coefficients, degrees } = weightedLine(moments.history, history.y, share, penalty);
    return {
      weight: share.map((w) => w * n),
      effective: 1 / square,
      largest: n * share.reduce((most, w) => Math.max(most, w), 0),
      imbalance: moments.history.reduce((most, column, j) => Math.max(most, Math.abs(column.reduce((sum, v, i) => sum + share[i] * v, 0) - target[j])), 0),
      line: { history: along(moments.history, coefficients, n), experiment: along(moments.experiment, coefficients, experiment.rows) },
      free: 1 - degrees * square,
    };
  });
}

/** Means of the moments in an arm, as they would be with the features of all rows of the experiment: a regression of each on features in the arm, read at all rows. */
function targets({ experiment, features }: Moments, rows: Int32Array, e: Float64Array): Float64Array {
  const q = features.length + 1;
  const n = e.length;
  const within = [new Float64Array(rows.length).fill(1), ...features.map((column) => Float64Array.from(rows, (i) => column[i]))];
  const design = Float64Array.from(rows, (i) => 1 / e[i]);
  const products = gram(within, design);
  // As above: one row's weight against each slope.
  for (let j = 1; j < q; j++) products[j * q + j] += 1;
  const whole = Float64Array.from({ length: q }, (_, j) => (j === 0 ? 1 : features[j - 1].reduce((sum, v) => sum + v, 0) / n));
  const k = solveSpd(products, whole);
  if (k === undefined) throw new Error("the regression of an arm's means has no solution in spite of its penalty");
  const weight = design.map((w, r) => w * within.reduce((sum, column, j) => sum + k[j] * column[r], 0));
  return Float64Array.from(experiment, (column) => rows.reduce((sum, i, r) => sum + weight[r] * column[i], 0));
}

/** Minimises log mean exp(b.c) - b.target + penalty |b|^2 / 2 by Newton's method: its slope is the weighted mean less the target. */
function tilted(columns: readonly Float64Array[], target: Float64Array, penalty: number): Float64Array {
  const p = columns.length;
  const n = columns.length === 0 ? 0 : columns[0].length;
  const at = (b: Float64Array): { loss: number; share: Float64Array } => {
    const share = along(columns, Float64Array.of(0, ...b), n);
    const top = share.reduce((most, v) => Math.max(most, v), Number.NEGATIVE_INFINITY);
    let sum = 0;
    for (let i = 0; i < n; i++) sum += share[i] = Math.exp(share[i] - top);
    let loss = top + Math.log(sum / n);
    for (let j = 0; j < p; j++) loss += (penalty / 2) * b[j] ** 2 - b[j] * target[j];
    return { loss, share: share.map((v) => v / sum) };
  };
  let b: Float64Array = new Float64Array(p);
  let point = at(b);
  for (let round = 0; round < 200; round++) {
    const { share } = point;
    const mean = columns.map((column) => column.reduce((sum, v, i) => sum + share[i] * v, 0));
    const slope = Float64Array.from(mean, (m, j) => m - target[j] + penalty * b[j]);
    const curvature = gram(columns, share);
    for (let j = 0; j < p; j++) {
      for (let k = 0; k < p; k++) curvature[j * p + k] -= mean[j] * mean[k];
      curvature[j * p + j] += penalty;
    }
    const step = solveSpd(curvature, slope);
    if (step === undefined) throw new Error("the balance of an arm has no Newton step in spite of its penalty");
    const gain = step.reduce((sum, v, j) => sum + v * slope[j], 0);
    if (!(gain > 1e-14)) break;
    const next = (length: number): { b: Float64Array; point: ReturnType<typeof at> } => {
      const moved = b.map((v, j) => v - length * step[j]);
      return { b: moved, point: at(moved) };
    };
    let length = 1;
    let tried = next(length);
    for (; !(tried.point.loss < point.loss - 1e-4 * length * gain) && length > 1e-6; length /= 2) tried = next(length / 2);
    if (!(tried.point.loss < point.loss)) break;
    ({ b, point } = tried);
  }
  return point.share;
}

/** Least squares of y on columns with an intercept, weights of sum 1, the penalty on slopes; and its degrees of freedom. */
function weightedLine(
  columns: readonly Float64Array[],
  y: Float64Array,
  share: Float64Array,
  penalty: number,
): { readonly coefficients: Float64Array; readonly degrees: number } {
  const all = [new Float64Array(y.length).fill(1), ...columns];
  const q = all.length;
  const plain = gram(all, share);
  const held = plain.slice();
  for (let j = 1; j < q; j++) held[j * q + j] += penalty;
  const inverse = inverseSpd(held);
  if (inverse === undefined) throw new Error("the outcome's line under the weights has no solution in spite of its penalty");
  const side = all.map((column) => column.reduce((sum, v, i) => sum + share[i] * v * y[i], 0));
  const coefficients = Float64Array.from({ length: q }, (_, j) => side.reduce((sum, v, k) => sum + inverse[j * q + k] * v, 0));
  return { coefficients, degrees: inverse.reduce((sum, v, at) => sum + v * plain[at], 0) };
}

/** Intercept first. */
function along(columns: readonly Float64Array[], coefficients: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n).fill(coefficients[0]);
  columns.forEach((column, j) => {
    const slope = coefficients[j + 1];
    for (let i = 0; i < n; i++) out[i] += slope * column[i];
  });
  return out;
}

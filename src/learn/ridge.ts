import { z } from "zod";
import { dataError } from "../base/errors.ts";
import { addCross, addGram, mirror } from "../base/linear/gram.ts";
import { type Spectrum, spectrum } from "../base/linear/solve.ts";
import type { Json, State } from "../base/state.ts";
import type { Features } from "../data/schema.ts";
import type { FittedLearner, LearnContext, Learner } from "./contract.ts";
import { blockRows, type Encoder, fitEncoder, restoreEncoder } from "./encode.ts";

export interface LinearConfig {
  readonly lambda: "auto" | number;
  readonly maxLevels: number;
}

/** Settings shared by the two linear learners. */
export const linearConfig: z.ZodType<LinearConfig> = z.strictObject({
  lambda: z
    .union([z.literal("auto"), z.number().min(0)])
    .default("auto")
    .describe("Ridge penalty, in units of a standardised column's information; 0 is least squares (maximum likelihood), auto chooses it from the data."),
  maxLevels: z.int().min(1).max(10_000).default(50).describe("Most levels of a category that get a column of their own; the rarer ones share one."),
});

/**
 * Least squares with a ridge penalty on standardised columns; the intercept is not penalised.
 *
 * Minimises mean(w (y - a - x'b)^2) + lambda b'b. `lambda: "auto"` takes the penalty with the least squared error of rows
 * left out one by one (Allen1974). Where columns depend on each other and lambda is 0, the solution of least norm is taken: directions whose eigenvalue is
 * below 1e-10 of the largest get no coefficient, and the report's `rank` says how many are left. Standard errors are those of least squares
 * (HC1, or by clusters), whatever the penalty, so that intervals around a penalised fit keep their coverage.
 */
export const ridge: Learner<"linear", typeof linearConfig> = {
  id: "linear",
  kind: "regressor",
  summary: "Least squares with a ridge penalty chosen by leaving rows out one by one; lambda 0 is OLS.",
  additive: true,
  config: linearConfig,
  fit: async (config, x, y, weight, context) => fitRidge(config, x, y, weight, context),
  restore: async (_, state) => {
    const json = state.json as { readonly encoder: Json; readonly intercept: number; readonly report: Readonly<Record<string, Json>> };
    const encoder = restoreEncoder(json.encoder);
    const width = encoder.names.length;
    const coefficients = arrayOf(state, "coefficients", width);
    const covariance = state.arrays.covariance === undefined ? undefined : arrayOf(state, "covariance", (width + 1) ** 2);
    return fitted({ encoder, intercept: json.intercept, coefficients, covariance, report: json.report });
  },
};

/** Numbers of a design that a linear fit needs: sums over the rows, made in one pass. */
interface Sums {
  /** X'WX / W, p x p. */
  readonly gram: Float64Array;
  /** X'W(y - mean) / W. */
  readonly cross: Float64Array;
  readonly mean: number;
  readonly total: number;
  /** Rows with a weight above 0. */
  readonly rows: number;
}

function fitRidge(config: LinearConfig, x: Features, y: Float64Array, weight: Float64Array | undefined, context: LearnContext): FittedLearner {
  const encoder = fitEncoder(x, { weight, maxLevels: config.maxLevels });
  const sums = sumUp(encoder, x, y, weight, context.signal);
  const eigen = spectrum(sums.gram);
  const u = new Float64Array(eigen.rank);
  for (let k = 0; k < u.length; k++) u[k] = product(eigen, k, sums.cross);
  const lambda = config.lambda === "auto" ? leastLeftOut(encoder, x, y, weight, sums, eigen, u) : config.lambda;
  const coefficients = combine(eigen, u, lambda);
  let df = 1;
  for (let k = 0; k < u.length; k++) df += eigen.values[k] / (eigen.values[k] + lambda);
  const covariance = context.inference === undefined ? undefined : sandwich(encoder, x, y, weight, sums, eigen, coefficients, df, context.inference.cluster);
  const report = { lambda, columns: encoder.names.length, rank: eigen.rank, df, ...(encoder.constant.length > 0 ? { constant: encoder.constant } : {}) };
  return fitted({ encoder, intercept: sums.mean, coefficients, covariance, report });
}

function sumUp(encoder: Encoder, x: Features, y: Float64Array, weight: Float64Array | undefined, signal: AbortSignal): Sums {
  let total = 0;
  let sum = 0;
  let rows = 0;
  for (let i = 0; i < y.length; i++) {
    const w = weight === undefined ? 1 : weight[i];
    if (w > 0) rows++;
    total += w;
    sum += w * y[i];
  }
  if (!(total > 0)) throw dataError(`a linear learner was given ${y.length} rows, none with a weight above 0; check the weights, or use fewer folds`);
  const mean = sum / total;
  const p = encoder.names.length;
  const gram = new Float64Array(p * p);
  const cross = new Float64Array(p);
  const centred = new Float64Array(blockRows);
  eachBlock(encoder, x, (columns, start, end) => {
    signal.throwIfAborted();
    const w = weight?.subarray(start, end);
    for (let i = start; i < end; i++) centred[i - start] = y[i] - mean;
    addGram(gram, columns, end - start, w);
    addCross(cross, columns, centred, end - start, w);
  });
  mirror(gram, p);
  for (let j = 0; j < gram.length; j++) gram[j] /= total;
  for (let j = 0; j < p; j++) cross[j] /= total;
  return { gram, cross, mean, total, rows };
}

/** Penalties tried: 10^3 down to 10^-6, four to a decade. */
const penalties: readonly number[] = Array.from({ length: 37 }, (_, step) => 10 ** (3 - step / 4));

// Allen1974: a row's error when it is left out is its residual over one minus its leverage. In the basis of eigenvectors the whole path of
// penalties costs two sums of p terms a row. Leverages matter where few rows carry most of the weight, as in the R-learner: an average over
// rows, as generalised cross-validation takes it, would not see them.
function leastLeftOut(encoder: Encoder, x: Features, y: Float64Array, weight: Float64Array | undefined, sums: Sums, eigen: Spectrum, u: Float64Array): number {
  const { rank } = eigen;
  const errors = new Float64Array(penalties.length);
  const turned = Array.from({ length: rank }, () => new Float64Array(blockRows));
  const fit = new Float64Array(blockRows);
  const hat = new Float64Array(blockRows);
  eachBlock(encoder, x, (columns, start, end) => {
    const n = end - start;
    for (let k = 0; k < rank; k++) turn(turned[k], columns, eigen, k, n);
    for (let l = 0; l < penalties.length; l++) {
      fit.fill(sums.mean);
      hat.fill(1);
      for (let k = 0; k < rank; k++) {
        const z = turned[k];
        const share = 1 / (eigen.values[k] + penalties[l]);
        const b = u[k] * share;
        for (let i = 0; i < n; i++) {
          fit[i] += b * z[i];
          hat[i] += share * z[i] * z[i];
        }
      }
      for (let i = 0; i < n; i++) {
        const w = weight === undefined ? 1 : weight[start + i];
        const free = 1 - (hat[i] * w) / sums.total;
        errors[l] += w === 0 ? 0 : free > 1e-10 ? w * ((y[start + i] - fit[i]) / free) ** 2 : Number.POSITIVE_INFINITY;
      }
    }
  });
  let best = 0;
  for (let l = 1; l < penalties.length; l++) if (errors[l] < errors[best]) best = l;
  return penalties[best];
}

/** The columns times eigenvector k. */
function turn(into: Float64Array, columns: readonly Float64Array[], eigen: Spectrum, k: number, n: number): void {
  const p = columns.length;
  into.fill(0);
  for (let j = 0; j < p; j++) {
    const v = eigen.vectors[k * p + j];
    const column = columns[j];
    for (let i = 0; i < n; i++) into[i] += v * column[i];
  }
}

/** V (D + lambda)^-1 V'X'y over the eigenvectors that count. */
function combine(eigen: Spectrum, u: Float64Array, lambda: number): Float64Array {
  const p = eigen.values.length;
  const coefficients = new Float64Array(p);
  for (let k = 0; k < eigen.rank; k++) {
    const share = u[k] / (eigen.values[k] + lambda);
    for (let j = 0; j < p; j++) coefficients[j] += share * eigen.vectors[k * p + j];
  }
  return coefficients;
}

function product(eigen: Spectrum, k: number, x: Float64Array): number {
  const p = eigen.values.length;
  let sum = 0;
  for (let j = 0; j < p; j++) sum += eigen.vectors[k * p + j] * x[j];
  return sum;
}

// White1980 with the factor n / (n - df) (HC1); by clusters Liang1986 with G / (G - 1). Intercept first, then the p coefficients.
// The spread is that of the fit without penalty, with the residuals of the fit at hand: a penalty trades variance for bias, and an interval
// of the penalised variance alone would leave the bias out and be too narrow.
function sandwich(
  encoder: Encoder,
  x: Features,
  y: Float64Array,
  weight: Float64Array | undefined,
  sums: Sums,
  eigen: Spectrum,
  coefficients: Float64Array,
  df: number,
  cluster: Int32Array | undefined,
): Float64Array {
  const p = encoder.names.length;
  const q = p + 1;
  let groups = 0;
  for (let i = 0; i < (cluster?.length ?? 0); i++) groups = Math.max(groups, (cluster as Int32Array)[i] + 1);
  const scores = Array.from({ length: q }, () => new Float64Array(cluster === undefined ? blockRows : groups));
  const meat = new Float64Array(q * q);
  eachBlock(encoder, x, (columns, start, end) => {
    for (let i = start; i < end; i++) {
      let r = y[i] - sums.mean;
      for (let j = 0; j < p; j++) r -= columns[j][i - start] * coefficients[j];
      r *= weight === undefined ? 1 : weight[i];
      const at = cluster === undefined ? i - start : cluster[i];
      if (cluster === undefined) for (const score of scores) score[at] = 0;
      scores[0][at] += r;
      for (let j = 0; j < p; j++) scores[j + 1][at] += r * columns[j][i - start];
    }
    if (cluster === undefined) addGram(meat, scores, end - start);
  });
  if (cluster !== undefined) addGram(meat, scores, groups);
  mirror(meat, q);
  const factor = (cluster === undefined ? sums.rows / Math.max(1, sums.rows - df) : groups / Math.max(1, groups - 1)) / sums.total ** 2;
  const bread = new Float64Array(q * q);
  bread[0] = 1;
  for (let k = 0; k < eigen.rank; k++) {
    const share = 1 / eigen.values[k];
    for (let a = 0; a < p; a++) for (let b = 0; b < p; b++) bread[(a + 1) * q + b + 1] += share * eigen.vectors[k * p + a] * eigen.vectors[k * p + b];
  }
  const covariance = multiply(multiply(bread, meat, q), bread, q);
  for (let j = 0; j < covariance.length; j++) covariance[j] *= factor;
  return covariance;
}

function multiply(a: Float64Array, b: Float64Array, q: number): Float64Array {
  const c = new Float64Array(q * q);
  for (let i = 0; i < q; i++) for (let k = 0; k < q; k++) for (let j = 0; j < q; j++) c[i * q + j] += a[i * q + k] * b[k * q + j];
  return c;
}

interface Parts {
  readonly encoder: Encoder;
  readonly intercept: number;
  readonly coefficients: Float64Array;
  readonly covariance?: Float64Array;
  readonly report: Readonly<Record<string, Json>>;
}

function fitted({ encoder, intercept, coefficients, covariance, report }: Parts): FittedLearner {
  return {
    report,
    predict: async (x) => linearPredictor(encoder, x, intercept, coefficients),
    standardError: covariance === undefined ? undefined : async (x) => standardErrors(encoder, x, covariance),
    state: () => ({
      json: { encoder: encoder.state(), intercept, report },
      arrays: {
        coefficients: { shape: [coefficients.length], data: coefficients },
        ...(covariance === undefined ? {} : { covariance: { shape: [coefficients.length + 1, coefficients.length + 1], data: covariance } }),
      },
    }),
  };
}

function standardErrors(encoder: Encoder, x: Features, covariance: Float64Array): Float64Array {
  const p = encoder.names.length;
  const q = p + 1;
  const errors = new Float64Array(x.rows);
  const z = new Float64Array(q);
  z[0] = 1;
  eachBlock(encoder, x, (columns, start, end) => {
    for (let i = start; i < end; i++) {
      for (let j = 0; j < p; j++) z[j + 1] = columns[j][i - start];
      let variance = 0;
      for (let a = 0; a < q; a++) {
        let sum = 0;
        for (let b = 0; b < q; b++) sum += covariance[a * q + b] * z[b];
        variance += z[a] * sum;
      }
      errors[i] = Math.sqrt(Math.max(0, variance));
    }
  });
  return errors;
}

/** a + x'b of every row. */
export function linearPredictor(encoder: Encoder, x: Features, intercept: number, coefficients: Float64Array): Float64Array {
  const values = new Float64Array(x.rows).fill(intercept);
  eachBlock(encoder, x, (columns, start, end) => {
    for (let j = 0; j < coefficients.length; j++) {
      const b = coefficients[j];
      const column = columns[j];
      for (let i = start; i < end; i++) values[i] += b * column[i - start];
    }
  });
  return values;
}

/** Walks over the design block by block; the arrays handed to `visit` are used again for the next block. */
export function eachBlock(encoder: Encoder, x: Features, visit: (columns: readonly Float64Array[], start: number, end: number) => void): void {
  const columns = encoder.names.map(() => new Float64Array(Math.min(blockRows, x.rows)));
  for (let start = 0; start < x.rows; start += blockRows) {
    const end = Math.min(x.rows, start + blockRows);
    encoder.fill(x, start, end, columns);
    visit(columns, start, end);
  }
}

/** The array of a state with this length. @throws Error when it is not there or of another length */
export function arrayOf(state: State, name: string, length: number): Float64Array {
  const array = state.arrays[name];
  if (array === undefined || !(array.data instanceof Float64Array) || array.data.length !== length)
    throw new Error(`array "${name}" should hold ${length} numbers of 64 bits`);
  return array.data;
}

import { dataError, usageError } from "../base/errors.ts";
import { addGram, mirror } from "../base/linear/gram.ts";
import { solveSpd, spectrum } from "../base/linear/solve.ts";
import type { Json } from "../base/state.ts";
import type { Features } from "../data/schema.ts";
import type { FittedLearner, LearnContext, Learner } from "./contract.ts";
import { blockRows, type Encoder, fitEncoder, restoreEncoder } from "./encode.ts";
import { arrayOf, eachBlock, type LinearConfig, linearConfig, linearPredictor } from "./ridge.ts";

/** Log-odds beyond this are 0 or 1 in double precision; a probability stays strictly inside. */
const mostLogOdds = 35;

/**
 * Logistic regression with a ridge penalty on standardised columns; the intercept is not penalised.
 *
 * Minimises -mean(w log-likelihood) + lambda v b'b / 2 with v = mean(y) (1 - mean(y)), so that lambda means the same share of a column's
 * information as in the least squares learner. `lambda: "auto"` takes the penalty with the least AIC, counting effective degrees of freedom
 * (leCessie1992). Newton steps with halving; with a penalty, separated classes are no trouble. Targets that are all equal give the constant
 * (s + 1/2) / (n + 1) with s ones among n.
 */
export const logistic: Learner<"linear", typeof linearConfig> = {
  id: "linear",
  kind: "classifier",
  summary: "Logistic regression with a ridge penalty chosen by AIC; lambda 0 is maximum likelihood.",
  additive: true,
  config: linearConfig,
  fit: async (config, x, y, weight, context) => fitLogistic(config, x, y, weight, context),
  restore: async (_, state) => {
    const json = state.json as { readonly encoder: Json; readonly report: Readonly<Record<string, Json>> };
    const encoder = restoreEncoder(json.encoder);
    return fitted(encoder, arrayOf(state, "coefficients", encoder.names.length + 1), json.report);
  },
};

interface Problem {
  readonly encoder: Encoder;
  readonly x: Features;
  readonly y: Float64Array;
  readonly weight: Float64Array | undefined;
  readonly total: number;
  /** mean(y) (1 - mean(y)): the information of one row about the intercept. */
  readonly information: number;
  readonly signal: AbortSignal;
}

/** The penalised loss at b (intercept first), its slope, and its curvature without the penalty. */
interface Point {
  readonly b: Float64Array;
  readonly loss: number;
  readonly deviance: number;
  readonly slope: Float64Array;
  readonly curvature: Float64Array;
}

function fitLogistic(config: LinearConfig, x: Features, y: Float64Array, weight: Float64Array | undefined, context: LearnContext): FittedLearner {
  let total = 0;
  let ones = 0;
  let rows = 0;
  for (let i = 0; i < y.length; i++) {
    if (y[i] !== 0 && y[i] !== 1) throw dataError(`a logistic learner needs targets of 0 and 1; row ${i + 1} has ${y[i]}`);
    const w = weight === undefined ? 1 : weight[i];
    total += w;
    ones += w * y[i];
    if (w > 0) rows++;
  }
  if (!(total > 0)) throw dataError(`a linear learner was given ${y.length} rows, none with a weight above 0; check the weights, or use fewer folds`);
  if (ones === 0 || ones === total) {
    const p = ((ones / total) * rows + 0.5) / (rows + 1);
    return fitted(fitEncoder({ rows: x.rows, columns: [] }), Float64Array.of(Math.log(p / (1 - p))), { constant: true, df: 1 });
  }
  const encoder = fitEncoder(x, { weight, maxLevels: config.maxLevels });
  const mean = ones / total;
  const problem: Problem = { encoder, x, y, weight, total, information: mean * (1 - mean), signal: context.signal };
  const start = new Float64Array(encoder.names.length + 1);
  start[0] = Math.log(mean / (1 - mean));
  const { point, lambda } =
    config.lambda === "auto" ? leastAic(problem, start, rows) : { point: descend(problem, start, config.lambda, 1e-14), lambda: config.lambda };
  if (lambda === 0 && linearPredictor(encoder, x, point.b[0], point.b.subarray(1)).some((eta) => Math.abs(eta) > mostLogOdds))
    throw usageError("logistic learner: lambda is 0 and the features separate the classes, so the likelihood has no maximum; set lambda above 0 or to auto");
  const report = {
    lambda,
    columns: encoder.names.length,
    df: degrees(point, lambda * problem.information),
    ...(encoder.constant.length > 0 ? { constant: encoder.constant } : {}),
  };
  return fitted(encoder, point.b, report);
}

/** Penalties tried: 10^2 down to 10^-5, four to a decade. */
const penalties: readonly number[] = Array.from({ length: 29 }, (_, step) => 10 ** (2 - step / 4));

// leCessie1992: the penalty of least AIC. Gu1992: it is found by fitting at one penalty, choosing the best along the path of the loss's
// quadratic approximation there, and fitting again, until the choice stays.
function leastAic(problem: Problem, start: Float64Array, rows: number): { readonly point: Point; readonly lambda: number } {
  let lambda = 1;
  let point = descend(problem, start, lambda, 1e-6);
  for (let round = 0; round < 8; round++) {
    const next = bestAround(problem, point, lambda, rows);
    if (next === lambda) break;
    lambda = next;
    point = descend(problem, point.b, lambda, 1e-6);
  }
  return { point: descend(problem, point.b, lambda, 1e-14), lambda };
}

/** The penalty of least AIC where the loss is its second order expansion at a point fitted with penalty `lambda`, the intercept following. */
function bestAround(problem: Problem, point: Point, lambda: number, rows: number): number {
  const q = point.b.length;
  const p = q - 1;
  const h = point.curvature;
  const profiled = new Float64Array(p * p);
  for (let j = 0; j < p; j++) for (let k = 0; k < p; k++) profiled[j * p + k] = h[(j + 1) * q + k + 1] - (h[(j + 1) * q] * h[k + 1]) / h[0];
  const { values, vectors, rank } = spectrum(profiled);
  // The point in the basis of eigenvectors; directions without curvature have none of it.
  const b = Float64Array.from({ length: rank }, (_, k) => point.b.subarray(1).reduce((sum, value, j) => sum + value * vectors[k * p + j], 0));
  const own = lambda * problem.information;
  let best = lambda;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of penalties) {
    const other = candidate * problem.information;
    let aic = 0;
    for (let k = 0; k < rank; k++) {
      // Slope of the loss without penalty at the point is -own b; the minimum with the other penalty is at c.
      const c = ((values[k] + own) * b[k]) / (values[k] + other);
      aic += 2 * rows * (-own * b[k] * (c - b[k]) + (values[k] / 2) * (c - b[k]) ** 2) + (2 * values[k]) / (values[k] + other);
    }
    if (aic < least) [best, least] = [candidate, aic];
  }
  return best;
}

/** Newton's method; the last step is one that lowers the mean loss by less than `tolerance`, and leaves an error of that order. */
function descend(problem: Problem, start: Float64Array, lambda: number, tolerance: number): Point {
  const penalty = lambda * problem.information;
  let point = evaluate(problem, start, penalty);
  for (let iteration = 0; iteration < 100; iteration++) {
    const step = newtonStep(point, penalty);
    let gain = 0;
    for (let j = 0; j < step.length; j++) gain += step[j] * point.slope[j];
    if (!(gain > tolerance)) return gain > 0 ? evaluate(problem, moved(point.b, step, 1), penalty) : point;
    let next = evaluate(problem, moved(point.b, step, 1), penalty);
    for (let share = 0.5; !(next.loss <= point.loss) && share > 1e-6; share /= 2) next = evaluate(problem, moved(point.b, step, share), penalty);
    if (!(next.loss < point.loss)) break;
    point = next;
  }
  return point;
}

function newtonStep(point: Point, penalty: number): Float64Array {
  const q = point.b.length;
  // With a zero penalty columns may depend on each other: the least amount added that makes the system solvable leaves the fit as it is.
  for (let extra = 0; ; extra = extra === 0 ? 1e-12 : extra * 100) {
    const curvature = point.curvature.slice();
    for (let j = 1; j < q; j++) curvature[j * q + j] += penalty + extra;
    curvature[0] += extra;
    const step = solveSpd(curvature, point.slope);
    if (step?.every(Number.isFinite)) return step;
    if (extra > 1) return point.slope;
  }
}

function moved(b: Float64Array, step: Float64Array, share: number): Float64Array {
  return b.map((value, j) => value - share * step[j]);
}

function evaluate({ encoder, x, y, weight, total, signal }: Problem, b: Float64Array, penalty: number): Point {
  const q = b.length;
  const slope = new Float64Array(q);
  const curvature = new Float64Array(q * q);
  const residual = new Float64Array(blockRows);
  const information = new Float64Array(blockRows);
  const ones = new Float64Array(blockRows).fill(1);
  let deviance = 0;
  eachBlock(encoder, x, (columns, start, end) => {
    signal.throwIfAborted();
    const design = [ones, ...columns];
    const eta = new Float64Array(end - start);
    design.forEach((column, j) => {
      for (let i = 0; i < eta.length; i++) eta[i] += b[j] * column[i];
    });
    for (let i = 0; i < eta.length; i++) {
      const w = weight === undefined ? 1 : weight[start + i];
      const p = probability(eta[i]);
      const target = y[start + i];
      // -log p of what happened, from the log-odds in its favour.
      const favour = target === 1 ? eta[i] : -eta[i];
      deviance += 2 * w * (favour > 0 ? Math.log1p(Math.exp(-favour)) : Math.log1p(Math.exp(favour)) - favour);
      residual[i] = w * (p - target);
      information[i] = w * p * (1 - p);
    }
    for (let j = 0; j < q; j++) {
      const column = design[j];
      let sum = 0;
      for (let i = 0; i < eta.length; i++) sum += column[i] * residual[i];
      slope[j] += sum;
    }
    addGram(curvature, design, eta.length, information);
  });
  mirror(curvature, q);
  let loss = deviance / (2 * total);
  for (let j = 0; j < curvature.length; j++) curvature[j] /= total;
  slope[0] /= total;
  for (let j = 1; j < q; j++) {
    slope[j] = slope[j] / total + penalty * b[j];
    loss += (penalty / 2) * b[j] * b[j];
  }
  return { b, loss, deviance, slope, curvature };
}

/** Effective degrees of freedom: trace of H (H + penalty)^-1, the intercept free. */
function degrees(point: Point, penalty: number): number {
  const q = point.b.length;
  const penalised = point.curvature.slice();
  for (let j = 1; j < q; j++) penalised[j * q + j] += penalty + 1e-14;
  let df = 0;
  for (let j = 0; j < q; j++) {
    const column = solveSpd(penalised, point.curvature.slice(j * q, j * q + q));
    df += column === undefined ? 1 : column[j];
  }
  return df;
}

function probability(eta: number): number {
  return 1 / (1 + Math.exp(-Math.max(-mostLogOdds, Math.min(mostLogOdds, eta))));
}

function fitted(encoder: Encoder, coefficients: Float64Array, report: Readonly<Record<string, Json>>): FittedLearner {
  return {
    report,
    predict: async (x) => linearPredictor(encoder, x, coefficients[0], coefficients.subarray(1)).map(probability),
    state: () => ({ json: { encoder: encoder.state(), report }, arrays: { coefficients: { shape: [coefficients.length], data: coefficients } } }),
  };
}

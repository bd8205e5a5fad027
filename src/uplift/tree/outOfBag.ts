import { normalCdf, normalPdf } from "../../base/stats/normal.ts";
import { type Codes, type CodeForest, categories, leafOf, nodeWords } from "./codeForest.ts";
import type { ForestPlan } from "./forest.ts";
import type { ForestJob } from "./layout.ts";
import { type Moments, type Solution, solve } from "./moments.ts";
import { membership } from "./sample.ts";

/** Estimates of rows: effects by treated arm (of a regression: the one mean), and their variances where trees come in bags. */
export interface OutOfBag {
  readonly estimate: readonly Float64Array[];
  readonly variance: readonly Float64Array[];
  /** Rows for which there was a tree and a solution; the others have NaN. */
  readonly covered: number;
}

export interface OutOfBagTask {
  readonly plan: ForestPlan;
  readonly moments: Moments;
  readonly forest: CodeForest;
  readonly variance: boolean;
}

/** Estimates rows `begin` .. `end - 1` of the job's data, each by the trees whose sample it is not in. */
export function outOfBag(job: ForestJob, task: OutOfBagTask & { readonly begin: number; readonly end: number }): OutOfBag {
  const { plan, forest, moments, variance, begin, end } = task;
  const { bag } = plan.sampling;
  const isIn = Array.from(forest.roots, (_, tree) => membership(plan.sampling, plan.seed, tree));
  const takes = (row: number, tree: number): boolean => !isIn[tree](job.unit === undefined ? row : job.unit[row]);
  return estimateRows(forest, moments, job.codes, categories(job.layout.table.columns), begin, end, variance ? bag : 0, takes);
}

/**
 * The forest's solution for each row: moments averaged over the trees' leaves, then solved (Athey2019, sec. 2.1). Summed in the order of
 * the trees, so that it does not depend on who computes it.
 *
 * @param bag trees of a little bag, for variances; 0: none are wanted
 */
export function estimateRows(
  forest: CodeForest,
  moments: Moments,
  codes: Codes,
  isCategory: Uint8Array,
  begin: number,
  end: number,
  bag: number,
  takes?: (row: number, tree: number) => boolean,
): OutOfBag {
  const { roots, nodes, sets, values, outputs } = forest;
  const arms = Math.max(1, moments.arms);
  const estimate = Array.from({ length: arms }, () => new Float64Array(end - begin).fill(Number.NaN));
  const variance = bag > 1 ? Array.from({ length: arms }, () => new Float64Array(end - begin).fill(Number.NaN)) : [];
  const leaf = new Int32Array(roots.length);
  const mean = new Float64Array(outputs);
  let covered = 0;
  for (let i = begin; i < end; i++) {
    mean.fill(0);
    for (let tree = 0; tree < roots.length; tree++) {
      leaf[tree] = -1;
      if (takes !== undefined && !takes(i, tree)) continue;
      const at = nodes[nodeWords * leafOf(nodes, sets, codes, isCategory, roots[tree], i) + 1] * outputs;
      leaf[tree] = at;
      for (let k = 0; k < outputs; k++) mean[k] += values[at + k];
    }
    const solution = solve(moments, mean, 0);
    if (solution === undefined) continue;
    covered++;
    for (let a = 0; a < arms; a++) {
      estimate[a][i - begin] = moments.arms === 0 ? solution.meanY : solution.effect[a];
      if (bag > 1) variance[a][i - begin] = bagVariance(forest, moments, solution, leaf, bag, a, mean[0]);
    }
  }
  return { estimate, variance, covered };
}

/**
 * Variance of an estimate by the bootstrap of little bags (Sexton2009; Athey2019, eq. 16): the spread of the bags' scores around 0, less what
 * the few trees of a bag add to it. An unbiased estimate of a small variance is often negative: given is its mean under a flat prior on
 * variances of at least 0.
 */
function bagVariance(forest: CodeForest, moments: Moments, solution: Solution, leaf: Int32Array, bag: number, arm: number, weight: number): number {
  let [between, within, bags] = [0, 0, 0];
  const scores = new Float64Array(bag);
  let taken = 0;
  for (let tree = 0; tree < leaf.length; tree++) if (leaf[tree] >= 0) taken++;
  // The moments of a tree count as much as they do in the mean over trees.
  const scale = taken / weight;
  for (let first = 0; first + bag <= leaf.length; first += bag) {
    let total = 0;
    let complete = true;
    for (let k = 0; k < bag; k++) {
      if (leaf[first + k] < 0) complete = false;
      else total += scores[k] = scale * scoreOf(forest, moments, solution, leaf[first + k], arm);
    }
    if (!complete) continue;
    const mean = total / bag;
    between += mean * mean;
    for (let k = 0; k < bag; k++) within += (scores[k] - mean) ** 2 / bag;
    bags++;
  }
  if (bags < 2) return Number.NaN;
  between /= bags;
  within /= bags;
  const unbiased = between - within / (bag - 1);
  const error = between * Math.sqrt(2 / bags);
  if (!(error > 0)) return Math.max(0, unbiased);
  const z = unbiased / error;
  // Far below 0 the normal tail is its hazard: the mean is about error / |z|.
  return z < -30 ? error / -z : unbiased + (error * normalPdf(z)) / normalCdf(z);
}

/** A tree's pull on the estimate: inverse * (its mean of (Z - mean Z) (Y - mean Y - (W - mean W) effect)); of a regression, Y - mean Y. */
function scoreOf({ values: m }: CodeForest, { arms, instrument }: Moments, solution: Solution, at: number, arm: number): number {
  const { effect, meanY, meanW, meanZ, inverse } = solution;
  let base = meanY;
  for (let b = 0; b < arms; b++) base -= effect[b] * meanW[b];
  let first = m[at + 1] - base * m[at];
  for (let b = 0; b < arms; b++) first -= effect[b] * m[at + 2 + b];
  if (arms === 0) return first;
  if (instrument) return inverse[0] * (m[at + 4] - base * m[at + 3] - effect[0] * m[at + 5] - meanZ * first);
  let score = 0;
  for (let b = 0; b < arms; b++) {
    let second = m[at + 2 + arms + b] - base * m[at + 2 + b];
    for (let c = 0; c < arms; c++) second -= effect[c] * m[at + productAt(arms, Math.min(b, c), Math.max(b, c))];
    score += inverse[arm * arms + b] * (second - meanW[b] * first);
  }
  return score;
}

/** Place of the product of two treatments, a <= b, among the moments. */
function productAt(arms: number, a: number, b: number): number {
  return 2 + 2 * arms + a * arms - (a * (a - 1)) / 2 + (b - a);
}

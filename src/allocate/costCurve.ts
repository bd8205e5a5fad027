import { dataError, usageError } from "../base/errors.ts";
import { argsortDescending } from "../base/stats/sort.ts";

/** What a targeting rule buys, measured on a randomised experiment with costs. */
export interface CostCurve {
  /** Share of the incremental cost of treating everyone, as units are treated in order of the score; starts at 0 and ends at 1. */
  readonly x: Float64Array;
  /** Share of the incremental outcome of treating everyone. */
  readonly y: Float64Array;
  /** Area under the curve (Du2019): 1/2 for a random order, more the better; NaN when the totals have no direction, and `notes` says so. */
  readonly area: number;
  /** Incremental cost and outcome of treating everyone, summed over the units. */
  readonly totalCost: number;
  readonly totalOutcome: number;
  readonly notes: readonly string[];
}

/** A randomised experiment with costs; arrays of n. */
export interface CostedExperiment {
  /** 0 for control, k for the k-th arm. */
  readonly arm: Int32Array;
  readonly outcome: Float64Array;
  /** Cost incurred, in every arm. */
  readonly cost: Float64Array;
  readonly weight?: Float64Array;
}

/**
 * The cost curve of a score, the predicted outcome per unit of cost: with one arm that of Du2019, with several each unit comes once for every arm,
 * in order of that pair's score. An arm's rows stand for all units with the inverse of its share, control's for each arm in turn. Units with equal
 * scores are treated together.
 * @param score one array of n an arm; higher means "treat first"
 * @throws LiftwiseError (usage) for arrays of other lengths, (data) for an empty arm or a value that is not a number
 */
export function costCurve(score: readonly Float64Array[], experiment: CostedExperiment): CostCurve {
  const { arm, outcome, cost, weight } = experiment;
  const n = arm.length;
  const arms = score.length;
  if (arms === 0 || [outcome, cost, weight ?? outcome, ...score].some((values) => values.length !== n))
    throw usageError(`costCurve: score, outcome, cost and weight must all have ${n} values, one score for each arm`);
  for (const [what, values] of [["outcome", outcome], ["cost", cost], ...score.map((s, k) => [`score of arm ${k + 1}`, s])] as [string, Float64Array][]) {
    const at = values.findIndex((v) => !Number.isFinite(v));
    if (at >= 0) throw dataError(`costCurve: the ${what} is ${values[at]} for unit ${at + 1}; it must be finite`);
  }
  const share = sharesOf(arm, arms, weight);
  // One entry for each treated row, and one for each control row and arm.
  const entries = arm.reduce((sum, a) => sum + (a === 0 ? arms : a <= arms ? 1 : 0), 0);
  const [key, dCost, dOutcome] = [new Float64Array(entries), new Float64Array(entries), new Float64Array(entries)];
  let at = 0;
  for (let i = 0; i < n; i++) {
    const w = weight === undefined ? 1 : weight[i];
    for (let k = 1; k <= arms; k++) {
      if (arm[i] !== 0 && arm[i] !== k) continue;
      const factor = arm[i] === 0 ? -w / share[0] : w / share[k];
      key[at] = score[k - 1][i];
      dCost[at] = factor * cost[i];
      dOutcome[at++] = factor * outcome[i];
    }
  }
  const [totalCost, totalOutcome] = [dCost, dOutcome].map((parts) => parts.reduce((sum, v) => sum + v, 0));
  const { x, y } = cumulated(key, dCost, dOutcome);
  const told = totalCost > 0 && totalOutcome !== 0;
  let area = told ? 0 : Number.NaN;
  for (let p = 0; p < x.length; p++) {
    x[p] /= totalCost;
    y[p] /= totalOutcome;
    if (p > 0) area += ((x[p] - x[p - 1]) * (y[p] + y[p - 1])) / 2;
  }
  const notes: string[] = [];
  if (!(totalCost > 0)) notes.push(`treating everyone costs ${totalCost} more than treating nobody, so there is no share of it to speak of`);
  if (told && totalOutcome < 0) notes.push("treating everyone lowers the outcome: shares of a loss are shown, and a small area is the better one");
  return { x, y, area, totalCost, totalOutcome, notes };
}

function sharesOf(arm: Int32Array, arms: number, weight: Float64Array | undefined): Float64Array {
  const sums = new Float64Array(arms + 1);
  let total = 0;
  for (let i = 0; i < arm.length; i++) {
    const w = weight === undefined ? 1 : weight[i];
    total += w;
    if (arm[i] <= arms) sums[arm[i]] += w;
  }
  const empty = sums.indexOf(0);
  if (empty >= 0) throw dataError(`costCurve: ${empty === 0 ? "control" : `arm ${empty}`} has no rows; every arm that has a score needs some`);
  return sums.map((sum) => sum / total);
}

/** Running sums in descending order of the key, at the end of each group of equal keys, from 0. */
function cumulated(key: Float64Array, dCost: Float64Array, dOutcome: Float64Array): { x: Float64Array; y: Float64Array } {
  const order = argsortDescending(key);
  const [x, y] = [new Float64Array(order.length + 1), new Float64Array(order.length + 1)];
  let [points, costs, outcomes] = [1, 0, 0];
  for (let s = 0; s < order.length; s++) {
    costs += dCost[order[s]];
    outcomes += dOutcome[order[s]];
    if (s + 1 < order.length && key[order[s + 1]] === key[order[s]]) continue;
    x[points] = costs;
    y[points++] = outcomes;
  }
  return { x: x.slice(0, points), y: y.slice(0, points) };
}

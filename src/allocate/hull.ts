import { argsortDescending } from "../base/stats/sort.ts";
import type { Problem } from "./problem.ts";

/**
 * Steps along the upper concave hull of each unit's (cost, value) points, best value for money first. Taking steps in this order is the optimal
 * solution of the linear relaxation for every budget (Sinha1979): a unit's own steps come in order, as each is less efficient than the one before.
 */
export interface Steps {
  /** Where every unit starts: doing nothing, or its cheapest arm where nobody may be left out. */
  readonly start: Int32Array;
  readonly unit: Int32Array;
  /** Option the step leads to. */
  readonly to: Int32Array;
  readonly cost: Float64Array;
  readonly value: Float64Array;
}

export function hullSteps(problem: Problem): Steps {
  const { n, arms, value, cost } = problem;
  const options = Array.from({ length: arms + 1 }, (_, k) => k).filter((k) => problem.cap[k] > 0);
  const most = n * (options.length - 1);
  const [unit, to] = [new Int32Array(most), new Int32Array(most)];
  const [stepCost, stepValue] = [new Float64Array(most), new Float64Array(most)];
  const start = new Int32Array(n);
  const hull = new Int32Array(options.length);
  const sorted = Int32Array.from(options);
  let count = 0;
  for (let i = 0; i < n; i++) {
    sortByCost(sorted, i, problem);
    let size = 0;
    for (const k of sorted) {
      const [c, v] = [cost[k][i], value[k][i]];
      // Dominated: no better than what is cheaper or costs the same.
      if (size > 0 && v <= value[hull[size - 1]][i]) continue;
      // A point under the line to the new one is on no optimal path.
      while (size > 1 && slopeTo(hull[size - 2], hull[size - 1], i, problem) <= slope(cost[hull[size - 1]][i], value[hull[size - 1]][i], c, v)) size--;
      hull[size++] = k;
    }
    start[i] = hull[0];
    for (let s = 1; s < size; s++) {
      const [a, b] = [hull[s - 1], hull[s]];
      unit[count] = i;
      to[count] = b;
      stepCost[count] = cost[b][i] - cost[a][i];
      stepValue[count++] = value[b][i] - value[a][i];
    }
  }
  return inOrder(start, unit.subarray(0, count), to, stepCost, stepValue);
}

function inOrder(start: Int32Array, unit: Int32Array, to: Int32Array, cost: Float64Array, value: Float64Array): Steps {
  const efficiency = new Float64Array(unit.length);
  for (let s = 0; s < unit.length; s++) efficiency[s] = value[s] / cost[s];
  const order = argsortDescending(efficiency);
  const count = order.length;
  const [sortedUnit, sortedTo] = [new Int32Array(count), new Int32Array(count)];
  const [sortedCost, sortedValue] = [new Float64Array(count), new Float64Array(count)];
  for (let s = 0; s < count; s++) {
    sortedUnit[s] = unit[order[s]];
    sortedTo[s] = to[order[s]];
    sortedCost[s] = cost[order[s]];
    sortedValue[s] = value[order[s]];
  }
  return { start, unit: sortedUnit, to: sortedTo, cost: sortedCost, value: sortedValue };
}

// By cost, then the better value, then the order of the arms; a handful of options, already nearly in order from the unit before.
function sortByCost(options: Int32Array, i: number, { cost, value }: Problem): void {
  for (let s = 1; s < options.length; s++) {
    const k = options[s];
    let at = s - 1;
    while (at >= 0 && before(k, options[at], i, cost, value)) {
      options[at + 1] = options[at];
      at--;
    }
    options[at + 1] = k;
  }
}

function before(a: number, b: number, i: number, cost: readonly Float64Array[], value: readonly Float64Array[]): boolean {
  if (cost[a][i] !== cost[b][i]) return cost[a][i] < cost[b][i];
  if (value[a][i] !== value[b][i]) return value[a][i] > value[b][i];
  return a < b;
}

function slopeTo(a: number, b: number, i: number, { cost, value }: Problem): number {
  return slope(cost[a][i], value[a][i], cost[b][i], value[b][i]);
}

function slope(c0: number, v0: number, c1: number, v1: number): number {
  return (v1 - v0) / (c1 - c0);
}

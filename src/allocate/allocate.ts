import { usageError } from "../base/errors.ts";
import { dualBound, dualPrices, type Prices } from "./dual.ts";
import { exchange } from "./exchange.ts";
import { hullSteps } from "./hull.ts";
import { type AllocationOptions, checked, hasCounts, type Problem } from "./problem.ts";
import { type Draft, draftOf, fill, keepBudget, keepCounts, priced } from "./repair.ts";

/** Who gets what, and how far from the best it can be. */
export interface Allocation {
  /** n entries: 0 for nothing, k for the k-th arm. */
  readonly choice: Int32Array;
  /** Units of each option, doing nothing first. */
  readonly counts: readonly number[];
  readonly spent: number;
  /** Sum of the gains of what was chosen. */
  readonly gain: number;
  /** Sum of what was chosen by: the gains, or `decideBy`. */
  readonly value: number;
  /** No allocation within the limits has a higher value than this. */
  readonly bound: number;
  /** bound - value: at most this much value is left on the table. */
  readonly gap: number;
  /** What one more unit of budget would bring, in units of value; 0 when the budget does not bind. */
  readonly budgetPrice: number;
  /** What one more place in each arm would bring; negative where a floor costs value. */
  readonly placePrices: readonly number[];
}

/**
 * The most valuable choice of one arm (or none) for each unit within a budget: a multiple-choice knapsack, solved by its linear relaxation over the
 * concave hull of each unit's options and completed greedily (Sinha1979, Kellerer2004 chapter 11); caps and floors by Lagrangian prices and repair.
 *
 * Near-optimal by construction and honest about the rest: `gap` bounds the loss, and is at most the value of one unit when only the budget limits.
 * Small problems are polished by exchanges between two units.
 * Ties go to the cheaper option, then the earlier arm, then the earlier unit, so that the answer never depends on chance.
 * @param gain one array of n an arm: effect of the arm on each unit, against doing nothing, in any unit of value
 * @param cost of each arm, at least 0: one number for all units, or an array of n
 * @throws LiftwiseError (usage) when no allocation can keep the limits, (data) for a gain or cost that is not a number
 */
export function allocate(gain: readonly Float64Array[], cost: readonly (number | Float64Array)[], options: AllocationOptions = {}): Allocation {
  const problem = checked(gain, cost, options);
  const { draft, bound, prices } = hasCounts(problem) ? byPrices(problem) : byBudget(problem);
  const value = total(draft.choice, problem.value);
  return {
    choice: draft.choice,
    counts: Array.from(draft.count),
    spent: total(draft.choice, problem.cost),
    gain: options.decideBy === undefined ? value : total(draft.choice, [problem.value[0], ...gain]),
    value,
    bound: Math.max(bound, value),
    gap: Math.max(0, bound - value),
    budgetPrice: prices.budget,
    placePrices: Array.from(prices.place.subarray(1)),
  };
}

interface Solution {
  readonly draft: Draft;
  readonly bound: number;
  readonly prices: Prices;
}

function byBudget(problem: Problem): Solution {
  const { n, arms, budget } = problem;
  const { start, unit, to, cost, value } = hullSteps(problem);
  const choice = start.slice();
  let spent = total(choice, problem.cost);
  if (spent > budget)
    throw usageError(`allocate: giving every unit its cheapest arm costs ${spent}, over the budget of ${budget}; raise it, or allow leaving units out`);
  let worth = total(choice, problem.value);
  let bound: number | undefined;
  let price = 0;
  const stopped = new Uint8Array(n);
  for (let s = 0; s < unit.length; s++) {
    if (stopped[unit[s]] === 1) continue;
    if (spent + cost[s] > budget) {
      // The relaxation would take a part of this step, and end.
      price = bound === undefined ? value[s] / cost[s] : price;
      bound ??= worth + price * (budget - spent);
      stopped[unit[s]] = 1;
      continue;
    }
    spent += cost[s];
    worth += value[s];
    choice[unit[s]] = to[s];
  }
  const draft = draftOf(problem, choice);
  if (bound !== undefined) complete(problem, draft);
  return { draft, bound: bound ?? worth, prices: { budget: price, place: new Float64Array(arms + 1) } };
}

function byPrices(problem: Problem): Solution {
  const prices = dualPrices(problem);
  const bound = dualBound(problem, prices);
  const draft = draftOf(problem, priced(problem, prices));
  keepCounts(problem, draft, prices);
  if (!keepBudget(problem, draft)) return { draft: cheapest(problem), bound, prices };
  complete(problem, draft);
  return { draft, bound, prices };
}

// Where the repair ends above the budget, the cheapest allocation that keeps the counts is the other place to start from.
function cheapest(problem: Problem): Draft {
  const thrifty: Problem = { ...problem, value: problem.cost.map((column) => column.map((c) => -c)), budget: Number.POSITIVE_INFINITY };
  const prices = dualPrices(thrifty);
  const draft = draftOf(problem, priced(thrifty, prices));
  keepCounts(thrifty, draft, prices);
  fill(thrifty, draft);
  if (draft.spent > problem.budget)
    throw usageError(
      `allocate: keeping the floors${problem.cap[0] === 0 ? " with nobody left out" : ""} costs about ${draft.spent}, over the budget of ${problem.budget}; raise the budget or lower the floors`,
    );
  complete(problem, draft);
  return draft;
}

function complete(problem: Problem, draft: Draft): void {
  fill(problem, draft);
  exchange(problem, draft);
}

function total(choice: Int32Array, columns: readonly Float64Array[]): number {
  let sum = 0;
  for (let i = 0; i < choice.length; i++) sum += columns[choice[i]][i];
  return sum;
}

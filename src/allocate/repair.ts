import { argsortDescending } from "../base/stats/sort.ts";
import type { Prices } from "./dual.ts";
import type { Problem } from "./problem.ts";

/** A choice in the making: option of each unit, units of each option, and what has been spent. */
export interface Draft {
  readonly choice: Int32Array;
  readonly count: Float64Array;
  spent: number;
}

export function draftOf(problem: Problem, choice: Int32Array): Draft {
  const count = new Float64Array(problem.arms + 1);
  let spent = 0;
  for (let i = 0; i < problem.n; i++) {
    count[choice[i]]++;
    spent += problem.cost[choice[i]][i];
  }
  return { choice, count, spent };
}

/** Each unit's best option after paying the prices; of equals the cheaper, then the first. */
export function priced(problem: Problem, prices: Prices): Int32Array {
  const { n, arms, cost, cap } = problem;
  const choice = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    let best = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (let k = 0; k <= arms; k++) {
      if (cap[k] === 0) continue;
      const net = netOf(problem, prices, k, i);
      if (best < 0 || net > most || (net === most && cost[k][i] < cost[best][i])) [best, most] = [k, net];
    }
    choice[i] = best;
  }
  return choice;
}

function netOf({ value, cost }: Problem, { budget, place }: Prices, k: number, i: number): number {
  return value[k][i] - budget * cost[k][i] - place[k];
}

export function move(draft: Draft, problem: Problem, i: number, to: number): void {
  const from = draft.choice[i];
  draft.count[from]--;
  draft.count[to]++;
  draft.spent += problem.cost[to][i] - problem.cost[from][i];
  draft.choice[i] = to;
}

/** Units in the order in which they should move, and where each would go (-1: nowhere). */
function ranked(
  problem: Problem,
  rate: (i: number) => { readonly to: number; readonly worth: number },
): { readonly order: Uint32Array; readonly to: Int32Array } {
  const to = new Int32Array(problem.n).fill(-1);
  const worth = new Float64Array(problem.n).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < problem.n; i++) ({ to: to[i], worth: worth[i] } = rate(i));
  return { order: argsortDescending(worth), to };
}

/** Best other option of unit i among those with room, by what is lost in net value for it; `worth` is minus the loss. */
function cheapestExit(problem: Problem, draft: Draft, prices: Prices, i: number): { readonly to: number; readonly worth: number } {
  const from = draft.choice[i];
  let [to, worth] = [-1, Number.NEGATIVE_INFINITY];
  for (let k = 0; k <= problem.arms; k++) {
    if (k === from || draft.count[k] >= problem.cap[k]) continue;
    const gained = netOf(problem, prices, k, i) - netOf(problem, prices, from, i);
    if (gained > worth) [to, worth] = [k, gained];
  }
  return { to, worth };
}

/** Moves units until every cap and floor is kept, those first that lose least at these prices. */
export function keepCounts(problem: Problem, draft: Draft, prices: Prices): void {
  const { arms, cap, floor } = problem;
  for (let k = 0; k <= arms; k++) {
    if (draft.count[k] <= cap[k]) continue;
    const { order } = ranked(problem, (i) => (draft.choice[i] === k ? cheapestExit(problem, draft, prices, i) : { to: -1, worth: Number.NEGATIVE_INFINITY }));
    for (const i of order) {
      if (draft.count[k] <= cap[k]) break;
      if (draft.choice[i] !== k) continue;
      // Asked again: the option of a moment ago may have filled up.
      const { to } = cheapestExit(problem, draft, prices, i);
      if (to >= 0) move(draft, problem, i, to);
    }
  }
  for (let k = 1; k <= arms; k++) {
    if (draft.count[k] >= floor[k]) continue;
    const { order } = ranked(problem, (i) => ({
      to: draft.choice[i] === k ? -1 : k,
      worth: draft.choice[i] === k ? Number.NEGATIVE_INFINITY : netOf(problem, prices, k, i) - netOf(problem, prices, draft.choice[i], i),
    }));
    for (const i of order) {
      if (draft.count[k] >= floor[k]) break;
      const from = draft.choice[i];
      if (from !== k && draft.count[from] > floor[from]) move(draft, problem, i, k);
    }
  }
}

/** Moves units to cheaper options until the budget is kept, those first that lose least value for the money. @returns whether it is kept */
export function keepBudget(problem: Problem, draft: Draft): boolean {
  const { arms, value, cost, cap, floor, budget } = problem;
  const saving = (i: number): { readonly to: number; readonly worth: number } => {
    const from = draft.choice[i];
    let [to, worth] = [-1, Number.NEGATIVE_INFINITY];
    if (draft.count[from] <= floor[from]) return { to, worth };
    for (let k = 0; k <= arms; k++) {
      const saved = cost[from][i] - cost[k][i];
      if (k === from || saved <= 0 || draft.count[k] >= cap[k]) continue;
      const rate = (value[k][i] - value[from][i]) / saved;
      if (rate > worth) [to, worth] = [k, rate];
    }
    return { to, worth };
  };
  while (draft.spent > budget) {
    const before = draft.spent;
    const { order } = ranked(problem, saving);
    for (const i of order) {
      if (draft.spent <= budget) return true;
      const { to } = saving(i);
      if (to >= 0) move(draft, problem, i, to);
    }
    if (!(draft.spent < before)) return draft.spent <= budget;
  }
  return true;
}

/** Spends what is left: moves that raise the value and keep every limit, the most value for money first, until there is none. */
export function fill(problem: Problem, draft: Draft): void {
  const { arms, value, cost, cap, floor, budget } = problem;
  const raise = (i: number): { readonly to: number; readonly worth: number } => {
    const from = draft.choice[i];
    let [to, worth] = [-1, Number.NEGATIVE_INFINITY];
    if (draft.count[from] <= floor[from]) return { to, worth };
    for (let k = 0; k <= arms; k++) {
      const gained = value[k][i] - value[from][i];
      const paid = cost[k][i] - cost[from][i];
      if (k === from || gained <= 0 || draft.count[k] >= cap[k] || draft.spent + paid > budget) continue;
      const rate = paid <= 0 ? Number.MAX_VALUE : gained / paid;
      if (rate > worth) [to, worth] = [k, rate];
    }
    return { to, worth };
  };
  for (let pass = 0; pass < 20; pass++) {
    const { order, to: wanted } = ranked(problem, raise);
    let moved = false;
    for (const i of order) {
      if (wanted[i] < 0) break;
      const { to } = raise(i);
      if (to < 0) continue;
      move(draft, problem, i, to);
      moved = true;
    }
    if (!moved) return;
  }
}

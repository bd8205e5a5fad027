import type { Problem } from "./problem.ts";
import { type Draft, move } from "./repair.ts";

/** Above this many units times options, pairs are too many to look at, and the gap is small anyway. */
const most = 1000;

/**
 * Improves a small allocation by changing several units at once: some give up an option so that another can have a better one. Single changes,
 * which `fill` makes, cannot do this at a limit. Every change raises the value; the first found is taken, until there is none.
 */
export function exchange(problem: Problem, draft: Draft): void {
  const { n, arms } = problem;
  if (n * (arms + 1) > most) return;
  for (let pass = 0; pass < 50; pass++) {
    let improved = false;
    for (let i = 0; i < n; i++)
      for (let k = 0; k <= arms; k++) if (k !== draft.choice[i] && (pairUp(problem, draft, i, k) || payFor(problem, draft, i, k))) improved = true;
    if (!improved) return;
  }
}

// Unit i goes to option k, and some j changes too, so that the limits are kept and the sum of values rises.
function pairUp(problem: Problem, draft: Draft, i: number, k: number): boolean {
  const { n, arms, value, cost, budget } = problem;
  const from = draft.choice[i];
  const gained = value[k][i] - value[from][i];
  if (gained <= 0) return false;
  const spent = draft.spent + cost[k][i] - cost[from][i];
  for (let j = 0; j < n; j++) {
    if (j === i) continue;
    const other = draft.choice[j];
    for (let l = 0; l <= arms; l++) {
      if (l === other) continue;
      const sum = gained + value[l][j] - value[other][j];
      // A gain within rounding would go back and forth.
      if (!(sum > 1e-12 * Math.abs(gained)) || spent + cost[l][j] - cost[other][j] > budget) continue;
      if (!countsHold(problem, draft, from, k, other, l)) continue;
      move(draft, problem, i, k);
      move(draft, problem, j, l);
      return true;
    }
  }
  return false;
}

// Unit i goes to option k, and as many others as are needed to pay for it go to cheaper ones, those first that lose least for the money.
function payFor(problem: Problem, draft: Draft, i: number, k: number): boolean {
  const { n, arms, value, cost, budget, cap, floor } = problem;
  const from = draft.choice[i];
  let worth = value[k][i] - value[from][i];
  let over = draft.spent + cost[k][i] - cost[from][i] - budget;
  if (worth <= 0 || over <= 0 || draft.count[k] >= cap[k] || draft.count[from] <= floor[from]) return false;
  const cuts: { readonly unit: number; readonly to: number; readonly lost: number; readonly saved: number }[] = [];
  for (let j = 0; j < n; j++)
    for (let l = 0; l <= arms; l++) {
      const saved = cost[draft.choice[j]][j] - cost[l][j];
      if (j !== i && saved > 0) cuts.push({ unit: j, to: l, lost: value[draft.choice[j]][j] - value[l][j], saved });
    }
  cuts.sort((a, b) => a.lost / a.saved - b.lost / b.saved);
  const count = draft.count.slice();
  count[from]--;
  count[k]++;
  const taken = new Map<number, number>();
  for (const { unit, to, lost, saved } of cuts) {
    if (over <= 0 || worth <= 0) break;
    const left = draft.choice[unit];
    if (taken.has(unit) || count[left] <= floor[left] || count[to] >= cap[to]) continue;
    taken.set(unit, to);
    count[left]--;
    count[to]++;
    over -= saved;
    worth -= lost;
  }
  if (over > 0 || !(worth > 1e-12 * Math.abs(value[k][i]))) return false;
  for (const [unit, to] of taken) move(draft, problem, unit, to);
  move(draft, problem, i, k);
  return true;
}

function countsHold({ cap, floor }: Problem, { count }: Draft, from: number, to: number, otherFrom: number, otherTo: number): boolean {
  for (const option of [from, to, otherFrom, otherTo]) {
    const after = count[option] - (option === from ? 1 : 0) - (option === otherFrom ? 1 : 0) + (option === to ? 1 : 0) + (option === otherTo ? 1 : 0);
    if (after < floor[option] || after > cap[option]) return false;
  }
  return true;
}

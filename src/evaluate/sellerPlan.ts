import type { SellersPrediction } from "../model/contract.ts";

/** Chooses incentives for users in rounds: one more for a user in each, by what it adds to the platform beside those already chosen. */
export interface PlanOptions {
  /** Expected cost of each row's incentive, at least 0. */
  readonly cost: Float64Array;
  readonly budget: number;
  /** Rounds; a user gets at most one incentive in each. Defaults to 4. */
  readonly rounds?: number;
  /** Least incentives of a seller, by seller; filled first with the best pairs of that seller. */
  readonly floors?: { readonly seller: ArrayLike<number>; readonly least: number };
  /** Chooses among one candidate a user: gains and costs in, whether each is taken out. */
  choose(gain: Float64Array, cost: Float64Array, budget: number): Promise<ArrayLike<number>> | ArrayLike<number>;
}

export interface Plan {
  /** 1 where the incentive is given, by row. */
  readonly chosen: Uint8Array;
  readonly spent: number;
  /** What the platform is expected to gain. */
  readonly lift: number;
  /** Effects on the platform that decided, by row; NaN where nothing was chosen. */
  readonly gain: Float64Array;
}

/**
 * A plan within a budget, by effects on the platform. Effects of a set are not sums of effects: every round starts from those of one more incentive beside what
 * has been chosen, so that a second one of a category is judged by what the first left (greedy choice of a function with diminishing returns).
 */
export async function planSellers(prediction: SellersPrediction, { cost, budget, rounds = 4, floors, choose }: PlanOptions): Promise<Plan> {
  const { rows, users, user } = prediction;
  const chosen = new Uint8Array(rows);
  const gain = new Float64Array(rows).fill(Number.NaN);
  let spent = 0;
  const take = (row: number, value: number): void => {
    chosen[row] = 1;
    gain[row] = value;
    spent += cost[row];
  };
  if (floors !== undefined) {
    const net = await prediction.platformNet(chosen);
    const best = Array.from(net.keys()).sort((a, b) => net[b] - net[a] || a - b);
    const count = new Map<number, number>();
    for (const row of best) {
      const seller = floors.seller[row];
      if ((count.get(seller) ?? 0) >= floors.least || spent + cost[row] > budget) continue;
      count.set(seller, (count.get(seller) ?? 0) + 1);
      take(row, net[row]);
    }
  }
  for (let round = 0; round < rounds; round++) {
    const net = await prediction.platformNet(chosen);
    const candidate = new Int32Array(users).fill(-1);
    const worth = (row: number): number => net[row] / Math.max(cost[row], 1e-9);
    for (let i = 0; i < rows; i++) {
      if (chosen[i] === 1 || !(net[i] > 0)) continue;
      const best = candidate[user[i]];
      if (best < 0 || worth(i) > worth(best)) candidate[user[i]] = i;
    }
    const open = Int32Array.from(candidate.keys()).filter((u) => candidate[u] >= 0);
    if (open.length === 0) break;
    // What is left is spread over the rounds that are left, so that later ones can be better than the last of this one.
    const share = (budget - spent) / (rounds - round);
    const taken = await choose(
      Float64Array.from(open, (u) => net[candidate[u]]),
      Float64Array.from(open, (u) => cost[candidate[u]]),
      share,
    );
    let added = 0;
    open.forEach((u, k) => {
      if (taken[k] === 0) return;
      take(candidate[u], net[candidate[u]]);
      added++;
    });
    if (added === 0 && round === rounds - 1) break;
  }
  const lift = (await prediction.lift(chosen)).reduce((a, b) => a + b, 0);
  return { chosen, spent, lift, gain };
}

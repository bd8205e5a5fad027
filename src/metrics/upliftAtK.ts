import { z } from "zod";
import type { Metric } from "./contract.ts";
import { defineMetric } from "./define.ts";
import { armOption, type Options } from "./options.ts";
import { orderNotes, type Ranking } from "./ranking.ts";

const options = z.strictObject({
  k: z.number().gt(0).lte(1).default(0.3).describe("Share of the population that is targeted, over 0 and up to 1."),
  strategy: z
    .enum(["overall", "by_group"])
    .default("overall")
    .describe("`overall`: the top share of all rows. `by_group`: the top share of the treated and, apart from them, of the control rows."),
  ...armOption,
});

/**
 * Difference of the arm means among the top share k: the effect on those one would target. Random targeting gets the average effect exactly.
 *
 * Ties: of the group of tied scores that the cut falls into, both arms enter with the share that is above the cut, which is the average over
 * all orders of the group. NaN with a note when the top share lacks an arm.
 */
export const upliftAtK: Metric<"uplift-at-k", Options<{ k: number; strategy: "overall" | "by_group"; arm?: string }>> = defineMetric({
  id: "uplift-at-k",
  summary: "Effect among the top share k of the ranking, units of the outcome",
  better: "higher",
  needs: ["treatment", "outcome"],
  traits: { reads: "order", ties: "averaged", weights: "duplicates", constant: "effect" },
  options,
  statistic({ ranking }, { k, strategy }) {
    const value = (counts?: Uint8Array): number =>
      strategy === "overall"
        ? topMean(ranking, 1, k, "all", counts) - topMean(ranking, 0, k, "all", counts)
        : topMean(ranking, 1, k, "own", counts) - topMean(ranking, 0, k, "own", counts);
    const lacking = !ranking.empty && Number.isNaN(value());
    return { value, notes: lacking ? [...ranking.notes, `the top ${k} of the ranking lacks an arm, so there is nothing to compare`] : orderNotes(ranking) };
  },
});

/** Mean outcome of an arm in the top share `k` of all rows, or of the arm's own rows. */
function topMean(r: Ranking, arm: 0 | 1, k: number, of: "all" | "own", counts?: Uint8Array): number {
  const { row, ends, y, t, weight, inverse } = r;
  const mass = (i: number): number => {
    const m = counts === undefined ? 1 : counts[row[i]];
    if (of === "own") return t[i] !== arm ? 0 : inverse === undefined ? m : m * inverse[i];
    return weight === undefined ? m : m * weight[i];
  };
  let total = 0;
  for (let i = 0; i < row.length; i++) total += mass(i);
  const cut = k * total;
  let above = 0;
  let n = 0;
  let sum = 0;
  // A cut that misses the end of a group by rounding only is at its end.
  for (let g = 0, i = 0; g < ends.length && above < cut * (1 - 1e-12); g++) {
    let group = 0;
    let groupN = 0;
    let groupSum = 0;
    for (; i < ends[g]; i++) {
      group += mass(i);
      if (t[i] !== arm) continue;
      const m = counts === undefined ? 1 : counts[row[i]];
      const u = inverse === undefined ? m : m * inverse[i];
      groupN += u;
      groupSum += u * y[i];
    }
    const share = k < 1 && above + group > cut ? (cut - above) / group : 1;
    above += group;
    // With nothing of the arm above it, the mean is the group's own whatever share is taken: so a constant score gives the arm's mean exactly.
    [n, sum] = n === 0 ? [groupN, groupSum] : [n + share * groupN, sum + share * groupSum];
  }
  return sum / n;
}

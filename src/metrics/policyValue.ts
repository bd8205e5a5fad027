import { z } from "zod";
import type { Metric } from "./contract.ts";
import { defineMetric } from "./define.ts";
import { armOption, type Options } from "./options.ts";
import type { Ranking } from "./ranking.ts";

export interface PolicyOptions {
  readonly threshold?: number;
  readonly share?: number;
  readonly gain: "none" | "nobody" | "everybody";
  readonly arm?: string;
}

const options = z
  .strictObject({
    threshold: z.number().optional().describe("Rows with a score above it are treated; units of the score. Defaults to 0, unless share is given."),
    share: z.number().min(0).max(1).optional().describe("Treat this share of the population, highest scores first, instead of those above a threshold."),
    gain: z
      .enum(["none", "nobody", "everybody"])
      .default("none")
      .describe("`none`: the value itself. `nobody`, `everybody`: what the policy gains over treating nobody or everybody, by the same estimator."),
    ...armOption,
  })
  .refine((o) => o.threshold === undefined || o.share === undefined, { message: "give a threshold or a share, not both" });

type Method = "ips" | "snips" | "dr";

/**
 * Mean outcome if the policy that the score stands for had been followed: treat rows with a score above `threshold`, or the top `share` (of
 * the tied group at the cut, each row with the probability that fills the share). p(i) is the probability that the policy treats row i, e(i) the known
 * propensity or else the share treated, w the row weight, W its sum:
 *
 *   IPS    sum w (p t / e + (1 - p) (1 - t) / (1 - e)) y / W                                      (Horvitz1952)
 *   SNIPS  the same over sum w (p t / e + (1 - p) (1 - t) / (1 - e)) instead of W                 (Swaminathan2015)
 *   DR     sum w (p m1 + (1 - p) m0 + p t (y - m1) / e + (1 - p) (1 - t) (y - m0) / (1 - e)) / W  (Dudik2011), m the (inverse-probability weighted) arm means
 *
 * A constant score treats everybody or nobody. NaN with a note when an arm is empty, or (SNIPS) when nobody got what the policy wants.
 */
function policyValue(r: Ranking, method: Method, treats: (counts?: Uint8Array) => (rank: number) => number, counts?: Uint8Array): number {
  const { row, y, t, weight, inverse, propensity } = r;
  let W = 0;
  let W1 = 0;
  let T = 0;
  let C = 0;
  let A = 0;
  let B = 0;
  for (let k = 0; k < row.length; k++) {
    const m = counts === undefined ? 1 : counts[row[k]];
    const w = weight === undefined ? m : m * weight[k];
    const u = inverse === undefined ? m : m * inverse[k];
    W += w;
    if (t[k] === 1) [W1, T, A] = [W1 + w, T + u, A + u * y[k]];
    else [C, B] = [C + u, B + u * y[k]];
  }
  if (!(T > 0 && C > 0)) return Number.NaN;
  const [m1, m0] = [A / T, B / C];
  const p = treats(counts);
  let sum = 0;
  let total = 0;
  for (let k = 0; k < row.length; k++) {
    const m = counts === undefined ? 1 : counts[row[k]];
    if (m === 0) continue;
    const w = weight === undefined ? m : m * weight[k];
    const e = propensity === undefined ? W1 / W : propensity[k];
    const chosen = p(k);
    const followed = t[k] === 1 ? (w * chosen) / e : (w * (1 - chosen)) / (1 - e);
    if (method === "dr") {
      sum += w * (chosen * m1 + (1 - chosen) * m0) + followed * (y[k] - (t[k] === 1 ? m1 : m0));
      total += w;
    } else {
      sum += followed * y[k];
      total += method === "ips" ? w : followed;
    }
  }
  return sum / total;
}

/** Probability of treatment by rank when the top share is treated. */
function topShare(r: Ranking, share: number): (counts?: Uint8Array) => (rank: number) => number {
  return (counts) => {
    const { row, ends, weight } = r;
    const mass = (k: number): number => (counts === undefined ? 1 : counts[row[k]]) * (weight === undefined ? 1 : weight[k]);
    let total = 0;
    for (let k = 0; k < row.length; k++) total += mass(k);
    const p = new Float64Array(row.length);
    let above = 0;
    for (let g = 0, k = 0; g < ends.length && above < share * total; g++) {
      const start = k;
      let group = 0;
      for (; k < ends[g]; k++) group += mass(k);
      if (group > 0) p.fill(Math.min(1, (share * total - above) / group), start, k);
      above += group;
    }
    return (k) => p[k];
  };
}

function policyMetric<const Id extends string>(id: Id, method: Method, summary: string): Metric<Id, Options<PolicyOptions>> {
  return defineMetric({
    id,
    summary,
    better: "higher",
    needs: ["treatment", "outcome"],
    traits: { reads: "value", ties: "averaged", weights: "duplicates" },
    options,
    statistic({ ranking, prediction }, { threshold = 0, share, gain }) {
      const treats = share !== undefined ? topShare(ranking, share) : () => (k: number) => (prediction[ranking.row[k]] > threshold ? 1 : 0);
      const everyone = gain === "everybody" ? 1 : 0;
      const value = (counts?: Uint8Array): number => {
        const policy = policyValue(ranking, method, treats, counts);
        return gain === "none" ? policy : policy - policyValue(ranking, method, () => () => everyone, counts);
      };
      const notes = ranking.constant ? [...ranking.notes, "all scores are equal: the policy treats all rows alike"] : ranking.notes;
      const unanswered = !ranking.empty && Number.isNaN(value());
      return { value, notes: unanswered ? [...notes, "no row got what the policy wants, so its value is not known"] : notes };
    },
  });
}

/** Mean outcome under a policy by inverse propensities: unbiased, and the widest. */
export const policyValueIps: Metric<"policy-value-ips", Options<PolicyOptions>> = policyMetric(
  "policy-value-ips",
  "ips",
  "Mean outcome under the policy `treat where the score is above zero`, by inverse propensities",
);
/** The same with the weights scaled to one: a little bias for much less spread. */
export const policyValueSnips: Metric<"policy-value-snips", Options<PolicyOptions>> = policyMetric(
  "policy-value-snips",
  "snips",
  "Mean outcome under the policy `treat where the score is above zero`, by self-normalised inverse propensities",
);
/** The same with the arm means as outcome model: exact where either they or the propensities are. */
export const policyValueDr: Metric<"policy-value-dr", Options<PolicyOptions>> = policyMetric(
  "policy-value-dr",
  "dr",
  "Mean outcome under the policy `treat where the score is above zero`, doubly robust with the arm means as outcome model",
);

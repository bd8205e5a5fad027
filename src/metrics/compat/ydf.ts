import type { Metric } from "../contract.ts";
import type { Options } from "../options.ts";
import type { Ranking } from "../ranking.ts";
import { armOnly, compatMetric } from "./compat.ts";

/**
 * YDF 0.16.1 (Yggdrasil Decision Forests), uplift evaluation, after Guelman2014: the curve net = A / T_n - B / C_n of weighted outcome sums over
 * the arms' totals, with a point where the score changes, over the share of the total weight. AUUC is its area by trapezoids; Qini takes half
 * its end off. A prefix of one arm needs no rule, since totals are divided by. Computed here in double precision; YDF itself reads scores, outcomes and
 * weights as 32-bit numbers.
 */
function netArea(r: Ranking): { readonly auuc: number; readonly end: number } {
  const { y, t, ends } = r;
  const { weight } = r;
  if (y.length === 0) return { auuc: Number.NaN, end: Number.NaN };
  let W = 0;
  let T = 0;
  let C = 0;
  for (let k = 0; k < y.length; k++) {
    const w = weight === undefined ? 1 : weight[k];
    W += w;
    if (t[k] === 1) T += w;
    else C += w;
  }
  let A = 0;
  let B = 0;
  let auuc = 0;
  let net = 0;
  for (let g = 0, k = 0; g < ends.length; g++) {
    let group = 0;
    for (; k < ends[g]; k++) {
      const w = weight === undefined ? 1 : weight[k];
      group += w;
      if (t[k] === 1) A += w * y[k];
      else B += w * y[k];
    }
    const now = A / T - B / C;
    auuc += ((group / W) * (now + net)) / 2;
    net = now;
  }
  return { auuc, end: net };
}

const shared = { library: "YDF", ties: "averaged", weights: "duplicates", options: armOnly, undefinedWhen: "the weights of an arm sum to zero" } as const;

/** `ydf-auuc`: the number that YDF prints. */
export const ydfAuuc: Metric<"ydf-auuc", Options<{ arm?: string }>> = compatMetric({
  id: "ydf-auuc",
  summary: "Area under the curve of cumulative outcomes over the arms' totals",
  ...shared,
  constant: "half the effect",
  value: (r) => netArea(r).auuc,
});

/** `ydf-qini`: the number that YDF prints. */
export const ydfQini: Metric<"ydf-qini", Options<{ arm?: string }>> = compatMetric({
  id: "ydf-qini",
  summary: "Area between the curve of cumulative outcomes over the arms' totals and its straight line",
  ...shared,
  constant: "zero",
  value(r) {
    const { auuc, end } = netArea(r);
    return auuc - end / 2;
  },
});

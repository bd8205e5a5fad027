import type { Rng } from "../../base/rng.ts";
import { descending } from "../../base/stats/sort.ts";
import type { AverageEffect } from "./analysis.ts";

/** Settings of `rankWeightedEffect`. */
export interface RankWeightedOptions {
  /** Weight of each row; all alike by default. */
  readonly weight?: Float64Array;
  /** Cluster of each row, from 0; each row is its own by default. */
  readonly cluster?: Int32Array;
  /** Half-samples for the standard error. Defaults to 200. */
  readonly halves?: number;
  readonly rng: Rng;
}

/**
 * Rank-weighted average treatment effect of a priority (Yadlowsky2025, eq. 2.4): how much larger the effect is among the rows the priority puts on
 * top, from scores whose mean over any group of rows estimates the group's effect.
 *
 * With s(q) the score at quantile q of the priority and S its integral, AUTOC is the integral of S(q) / q, less S(1), which is the sum of s(q)
 * (-ln q - 1); the Qini weighting is the integral of S(q) - q S(1), the sum of s(q) (1/2 - q). Rows of equal priority share the average weight of the
 * quantiles they fill. The standard error is that of the half-sample bootstrap over clusters (sec. 3.2).
 *
 * @param scores one a row, in units of the outcome
 * @param priority one a row; higher is treated first
 * @returns NaN where there are fewer than two clusters
 */
export function rankWeightedEffect(
  scores: Float64Array,
  priority: Float64Array,
  weighting: "autoc" | "qini",
  { weight, cluster, halves = 200, rng }: RankWeightedOptions,
): AverageEffect {
  const { order, ends } = descending(priority);
  const n = scores.length;
  const clusters = cluster === undefined ? n : cluster.reduce((most, c) => Math.max(most, c + 1), 0);
  if (clusters < 2) return { estimate: Number.NaN, se: Number.NaN };
  const ranked: Ranked = {
    score: Float64Array.from(order, (i) => scores[i]),
    weight: Float64Array.from(order, (i) => (weight === undefined ? 1 : weight[i])),
    ends,
    primitive: weighting === "autoc" ? (q) => (q > 0 ? -q * Math.log(q) : 0) : (q) => (q * (1 - q)) / 2,
  };
  const unit = Int32Array.from(order, (i) => (cluster === undefined ? i : cluster[i]));
  const all = new Uint8Array(clusters).fill(1);
  const estimate = weighted(ranked, unit, all);
  let [sum, square] = [0, 0];
  for (let b = 0; b < halves; b++) {
    const value = weighted(ranked, unit, halfOf(clusters, rng));
    sum += value;
    square += value * value;
  }
  return { estimate, se: Math.sqrt(Math.max(0, square - (sum * sum) / halves) / (halves - 1)) };
}

interface Ranked {
  /** In descending order of priority. */
  readonly score: Float64Array;
  readonly weight: Float64Array;
  readonly ends: Uint32Array;
  /** Integral of the weight over the quantiles from 0 to q. */
  readonly primitive: (q: number) => number;
}

/** Sum over the kept rows of each one's score times the weight of its stretch of quantiles. */
function weighted({ score, weight, ends, primitive }: Ranked, unit: Int32Array, kept: Uint8Array): number {
  let total = 0;
  for (let k = 0; k < unit.length; k++) if (kept[unit[k]] === 1) total += weight[k];
  let [sum, above, before, k] = [0, 0, 0, 0];
  for (const end of ends) {
    let [mass, worth] = [0, 0];
    for (; k < end; k++) {
      if (kept[unit[k]] === 0) continue;
      mass += weight[k];
      worth += weight[k] * score[k];
    }
    if (mass === 0) continue;
    above += mass;
    const after = primitive(above / total);
    sum += (worth / mass) * (after - before);
    before = after;
  }
  return sum;
}

/** Half of the units, every half as likely. */
function halfOf(units: number, rng: Rng): Uint8Array {
  const kept = new Uint8Array(units);
  let needed = Math.floor(units / 2);
  for (let u = 0; u < units && needed > 0; u++) {
    if (rng.float() * (units - u) >= needed) continue;
    kept[u] = 1;
    needed--;
  }
  return kept;
}

import { z } from "zod";
import type { Curve, Metric } from "../contract.ts";
import { armOption, type Options } from "../options.ts";
import type { Ranking } from "../ranking.ts";
import { compatMetric } from "./compat.ts";

/**
 * The rank-weighted average treatment effects of grf 2.6.1, from the published formulas (Yadlowsky2025), with inverse-propensity scores
 *
 *   s_i = t_i y_i / e_i - (1 - t_i) y_i / (1 - e_i)
 *
 * e being the known propensity or else the (weighted) share treated; there is no outcome model. Scores are replaced by their weighted mean
 * within groups of tied priorities. With w the row weights (or 1), and sums over the rows down to i:
 *
 *   TOC_i = sum w s / sum w - mean s        AUTOC = sum_i w_i TOC_i / sum w        QINI = sum_i (sum_{j <= i} w_j / sum w) w_i TOC_i / sum w
 *
 * Tied rows of unequal weight still enter one by one, so their order in the file matters a little.
 */
interface Toc {
  readonly toc: Float64Array;
  readonly weight: Float64Array;
  /** Scores after ties were averaged. */
  readonly score: Float64Array;
  readonly effect: number;
  readonly total: number;
}

function tocOf(r: Ranking): Toc {
  const { y, t, ends } = r;
  const n = y.length;
  const weight = r.weight ?? new Float64Array(n).fill(1);
  let total = 0;
  let treated = 0;
  for (let k = 0; k < n; k++) {
    total += weight[k];
    if (t[k] === 1) treated += weight[k];
  }
  const score = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    const e = r.propensity === undefined ? treated / total : r.propensity[k];
    score[k] = t[k] === 1 ? y[k] / e : -y[k] / (1 - e);
  }
  let effect = 0;
  for (let g = 0, k = 0; g < ends.length; g++) {
    const start = k;
    let sum = 0;
    let w = 0;
    for (; k < ends[g]; k++) {
      sum += weight[k] * score[k];
      w += weight[k];
    }
    if (k - start > 1 && w > 0) score.fill(sum / w, start, k);
    effect += sum;
  }
  effect /= total;
  const toc = new Float64Array(n);
  let sum = 0;
  let w = 0;
  for (let k = 0; k < n; k++) {
    sum += weight[k] * score[k];
    w += weight[k];
    toc[k] = w === 0 ? 0 : sum / w - effect;
  }
  return { toc, weight, score, effect, total };
}

function rankAverage(r: Ranking, target: "AUTOC" | "QINI"): number {
  if (r.row.length === 0 || r.t.every((t) => t === r.t[0])) return Number.NaN;
  const { toc, weight, total } = tocOf(r);
  let sum = 0;
  let above = 0;
  for (let k = 0; k < toc.length; k++) {
    above += weight[k];
    sum += (target === "AUTOC" ? 1 : above / total) * weight[k] * toc[k];
  }
  const value = sum / total;
  return Math.abs(value) < 1e-15 ? 0 : value;
}

/**
 * TOC on a grid of shares. Where q times the total weight falls inside a row, that row's score enters in proportion; below the first row it
 * is that row's score less the average.
 */
function tocCurve(r: Ranking, grid: readonly number[]): Curve {
  const { weight, score, effect, total } = tocOf(r);
  const y = grid.map((q) => {
    let above = 0;
    let sum = 0;
    let k = 0;
    for (; k < score.length && above + weight[k] <= q * total * (1 + 1e-12); k++) {
      above += weight[k];
      sum += weight[k] * score[k];
    }
    const part = q * total - above;
    if (k === score.length || part <= q * total * 1e-12) return sum / above - effect;
    return (sum + part * score[k]) / (q * total) - effect;
  });
  return { x: Float64Array.from(grid), y: Float64Array.from(y) };
}

export interface GrfOptions {
  readonly q: readonly number[];
  readonly arm?: string;
}

const options = z.strictObject({
  q: z
    .array(z.number().gt(0).lte(1))
    .min(1)
    .refine((grid) => grid.every((q, i) => i === 0 || q > grid[i - 1]) && grid[grid.length - 1] === 1, { message: "shares must increase and end at 1" })
    .default([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
    .describe("Shares at which the TOC curve is given."),
  ...armOption,
}) as unknown as z.ZodType<GrfOptions>;

const shared = {
  library: "grf",
  ties: "averaged",
  weights: "used",
  constant: "zero",
  propensities: true,
  options,
  curve: (r: Ranking, { q }: GrfOptions): Curve => tocCurve(r, q),
  undefinedWhen: "the weights sum to zero",
} as const;

/** `grf-autoc`: the number that grf prints. */
export const grfAutoc: Metric<"grf-autoc", Options<GrfOptions>> = compatMetric({
  id: "grf-autoc",
  summary: "Area under the targeting operator characteristic of inverse-propensity scores",
  ...shared,
  value: (r) => rankAverage(r, "AUTOC"),
});

/** `grf-qini`: the number that grf prints. */
export const grfQini: Metric<"grf-qini", Options<GrfOptions>> = compatMetric({
  id: "grf-qini",
  summary: "Targeting operator characteristic of inverse-propensity scores, averaged with the share treated as weight",
  ...shared,
  value: (r) => rankAverage(r, "QINI"),
});

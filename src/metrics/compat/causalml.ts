import type { Metric } from "../contract.ts";
import type { Options } from "../options.ts";
import type { Ranking } from "../ranking.ts";
import { armOnly, compatMetric } from "./compat.ts";

/**
 * causalml 0.17.0, `auuc_score` and `qini_score`. Rows in descending order of score, ties in input order (its sort is not stable for long
 * columns; ours is). T, C and A, B are counts and outcome sums of treated and control among the first k of n rows.
 *
 *   gain  G_k = (A / T - B / C) k         Qini  Q_k = A - B T / C         G_0 = Q_0 = 0
 *
 * Where an arm is missing (for Q: where control is), the curve of A / T - B / C (of Q) is a straight line from 0 to the first row that has
 * both, or 0 throughout if none has.
 */
function curveSum(r: Ranking, kind: "gain" | "qini", normalised: boolean): { readonly sum: number; readonly end: number } {
  const { y, t } = r;
  const n = y.length;
  const heights = new Float64Array(n);
  let T = 0;
  let C = 0;
  let A = 0;
  let B = 0;
  let first = -1;
  for (let k = 0; k < n; k++) {
    if (t[k] === 1) {
      T++;
      A += y[k];
    } else {
      C++;
      B += y[k];
    }
    if (kind === "gain" ? T === 0 || C === 0 : C === 0) continue;
    const height = kind === "gain" ? A / T - B / C : A - (B * T) / C;
    if (first < 0) for (let j = (first = k) - 1; j >= 0; j--) heights[j] = (height / (k + 1)) * (j + 1);
    heights[k] = height;
  }
  const scaled = (k: number): number => (kind === "gain" ? heights[k] * (k + 1) : heights[k]);
  const end = n === 0 ? Number.NaN : scaled(n - 1);
  const scale = normalised ? Math.abs(end) : 1;
  let sum = n === 0 ? Number.NaN : 0;
  for (let k = 0; k < n; k++) {
    const term = scaled(k) / scale;
    // pandas passes over 0 / 0 when it sums.
    if (!Number.isNaN(term)) sum += term;
  }
  return { sum, end: end / scale };
}

const zeroEnd = "the curve ends at zero, by which causalml divides";

function auucMetric<const Id extends string>(id: Id, normalised: boolean, summary: string): Metric<Id, Options<{ arm?: string }>> {
  return compatMetric({
    id,
    summary,
    library: "causalml",
    ties: "row order",
    weights: "ignored",
    options: armOnly,
    value: (r) => curveSum(r, "gain", normalised).sum / (r.row.length + 1),
    undefinedWhen: zeroEnd,
  });
}

function qiniMetric<const Id extends string>(id: Id, normalised: boolean, summary: string): Metric<Id, Options<{ arm?: string }>> {
  return compatMetric({
    id,
    summary,
    library: "causalml",
    ties: "row order",
    weights: "ignored",
    options: armOnly,
    value(r) {
      const { sum, end } = curveSum(r, "qini", normalised);
      const points = r.row.length + 1;
      return (sum - (end * points) / 2) / points;
    },
    undefinedWhen: zeroEnd,
  });
}

/** `causalml-auuc`: the number that causalml prints. */
export const causalmlAuuc: Metric<"causalml-auuc", Options<{ arm?: string }>> = auucMetric(
  "causalml-auuc",
  true,
  "Mean height of the cumulative gain curve over the size of its end, random 0.5",
);
/** `causalml-auuc-raw`: the number that causalml prints. */
export const causalmlAuucRaw: Metric<"causalml-auuc-raw", Options<{ arm?: string }>> = auucMetric(
  "causalml-auuc-raw",
  false,
  "Mean height of the cumulative gain curve",
);
/** `causalml-qini`: the number that causalml prints. */
export const causalmlQini: Metric<"causalml-qini", Options<{ arm?: string }>> = qiniMetric(
  "causalml-qini",
  true,
  "Mean height of the Qini curve above its straight line, over the size of its end",
);
/** `causalml-qini-raw`: the number that causalml prints. */
export const causalmlQiniRaw: Metric<"causalml-qini-raw", Options<{ arm?: string }>> = qiniMetric(
  "causalml-qini-raw",
  false,
  "Mean height of the Qini curve above its straight line",
);

import type { Metric } from "../contract.ts";
import type { Options } from "../options.ts";
import type { Ranking } from "../ranking.ts";
import { armOnly, compatMetric } from "./compat.ts";

/**
 * pylift 0.1.5, `Q_qini`, `Q_cgains` and `Q_aqini`. It counts responses (outcomes above zero), each row as half its inverse propensity, by the
 * known propensity or else the share treated. Rows in descending order of score, ties in input order; a, b are responses and c, d rows of
 * treated and control so far, T, D the totals of rows, N = T + D:
 *
 *   qini    a / T - b / D        cgains    (a / c - b / d) (c + d) / N        aqini    a / T - b c / (d T)
 *
 * The score is the sum of trapezoids of width 1 / N less half the overall lift. An arm missing so far contributes nothing. An outcome below
 * zero counts for the other arm and in no total, as it does there.
 */
type Kind = "qini" | "cgains" | "aqini";

const epsilon = 1e-20;

function score({ y, t, propensity }: Ranking, kind: Kind): number {
  const n = y.length;
  let treatedRows = 0;
  for (let k = 0; k < n; k++) treatedRows += t[k];
  const share = treatedRows / n;
  const p = (k: number): number => (propensity === undefined ? share : propensity[k]);
  let T = 0;
  let D = 0;
  let responses = 0;
  let controlResponses = 0;
  for (let k = 0; k < n; k++) {
    if (!(y[k] >= 0)) continue;
    const half = 0.5 / (t[k] === 1 ? p(k) : 1 - p(k));
    if (t[k] === 1) {
      T += half;
      if (y[k] > 0) responses += half;
    } else {
      D += half;
      if (y[k] > 0) controlResponses += half;
    }
  }
  const N = T + D;
  const lift = responses / T - controlResponses / D;
  let a = 0;
  let b = 0;
  let c = epsilon;
  let d = epsilon;
  let sum = 0;
  let last = 0;
  for (let k = 0; k < n; k++) {
    const signed = t[k] === 1 ? y[k] : -y[k];
    if (signed > 0) a += 0.5 / p(k);
    else if (signed < 0) b += 0.5 / (1 - p(k));
    if (t[k] === 1) c += 0.5 / p(k);
    else d += 0.5 / (1 - p(k));
    const now = kind === "qini" ? a / T - b / D : kind === "cgains" ? ((a / c - b / d) * (c + d)) / N : a / T - (b * c) / (d * T + epsilon);
    sum += (now + last) / 2 / N;
    last = now;
  }
  return sum - lift / 2;
}

function pyliftMetric<const Id extends string>(id: Id, kind: Kind, summary: string): Metric<Id, Options<{ arm?: string }>> {
  return compatMetric({
    id,
    summary,
    library: "pylift",
    ties: "row order",
    weights: "ignored",
    propensities: true,
    options: armOnly,
    value: (r) => score(r, kind),
    undefinedWhen: "an arm has no row that pylift counts",
  });
}

/** `pylift-qini`: the number that pylift prints. */
export const pyliftQini: Metric<"pylift-qini", Options<{ arm?: string }>> = pyliftMetric(
  "pylift-qini",
  "qini",
  "Area between the Qini curve (over the arms' totals) and its straight line",
);
/** `pylift-cgains`: the number that pylift prints. */
export const pyliftCgains: Metric<"pylift-cgains", Options<{ arm?: string }>> = pyliftMetric(
  "pylift-cgains",
  "cgains",
  "Area between the cumulative gains curve and its straight line",
);
/** `pylift-aqini`: the number that pylift prints. */
export const pyliftAqini: Metric<"pylift-aqini", Options<{ arm?: string }>> = pyliftMetric(
  "pylift-aqini",
  "aqini",
  "Area between the adjusted Qini curve and its straight line",
);

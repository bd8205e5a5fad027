import type { Metric } from "../contract.ts";
import type { Options } from "../options.ts";
import type { Ranking } from "../ranking.ts";
import { armOnly, compatMetric } from "./compat.ts";

/**
 * scikit-uplift 0.5.1, `uplift_auc_score` and `qini_auc_score`, for 0/1 outcomes. Curves have a point where the score changes, so ties are
 * averaged; k counts rows, T, C, A, B as in causalml.ts.
 *
 *   uplift curve  U_k = (A / T - B / C) k, a missing arm's rate being 0       Qini curve  Q_k = A - B (T / C), T / C being 0 without control
 *
 * The score is (area - b) / (best - b): trapezoids, b the area under the straight line to the end, best the area of a perfect curve, which
 * is another one for each of the scores.
 */
type Kind = "uplift" | "qini";

/** Numbers of treated, control, treated responders, control responders. */
export interface Tally {
  T: number;
  C: number;
  A: number;
  B: number;
}

function height(kind: Kind, { T, C, A, B }: Tally): number {
  if (kind === "qini") return A - B * (C === 0 ? 0 : T / C);
  return ((T === 0 ? 0 : A / T) - (C === 0 ? 0 : B / C)) * (T + C);
}

function area(kind: Kind, r: Ranking): number {
  const { y, t, ends } = r;
  const tally: Tally = { T: 0, C: 0, A: 0, B: 0 };
  let sum = 0;
  let lastX = 0;
  let lastY = 0;
  for (let g = 0, k = 0; g < ends.length; g++) {
    for (; k < ends[g]; k++) {
      if (t[k] === 1) {
        tally.T++;
        tally.A += y[k];
      } else {
        tally.C++;
        tally.B += y[k];
      }
    }
    const now = height(kind, tally);
    sum += ((k - lastX) * (now + lastY)) / 2;
    lastX = k;
    lastY = now;
  }
  return sum;
}

/** Area under a curve, and where the curve ends. */
interface Perfect {
  readonly area: number;
  readonly end: number;
}

/** The perfect curve: rows are ordered by outcome and arm alone, the four kinds of rows, best first, kinds in one list being tied. */
function perfect(kind: Kind, all: Tally): Perfect {
  const treatedYes = { T: all.A, C: 0, A: all.A, B: 0 };
  const treatedNo = { T: all.T - all.A, C: 0, A: 0, B: 0 };
  const controlYes = { T: 0, C: all.B, A: 0, B: all.B };
  const controlNo = { T: 0, C: all.C - all.B, A: 0, B: 0 };
  const upliftOrder = all.B > all.T - all.A ? [[treatedYes], [controlNo], [controlYes], [treatedNo]] : [[treatedYes], [controlNo], [treatedNo], [controlYes]];
  const order = kind === "qini" ? [[treatedYes], [treatedNo, controlNo], [controlYes]] : upliftOrder;
  const tally: Tally = { T: 0, C: 0, A: 0, B: 0 };
  let sum = 0;
  let lastX = 0;
  let lastY = 0;
  for (const kinds of order) {
    for (const { T, C, A, B } of kinds) {
      tally.T += T;
      tally.C += C;
      tally.A += A;
      tally.B += B;
    }
    const x = tally.T + tally.C;
    // A kind without rows makes no point.
    if (x === lastX) continue;
    const now = height(kind, tally);
    sum += ((x - lastX) * (now + lastY)) / 2;
    lastX = x;
    lastY = now;
  }
  return { area: sum, end: lastY };
}

export function tallyOf({ y, t }: Ranking): Tally {
  const tally: Tally = { T: 0, C: 0, A: 0, B: 0 };
  for (let k = 0; k < y.length; k++) {
    if (t[k] === 1) {
      tally.T++;
      tally.A += y[k];
    } else {
      tally.C++;
      tally.B += y[k];
    }
  }
  return tally;
}

/** scikit-uplift stops with an error unless both arms and both outcomes occur. */
export function answerable({ T, C, A, B }: Tally): boolean {
  return T > 0 && C > 0 && A + B > 0 && A + B < T + C;
}

function aucScore(kind: Kind, r: Ranking, best: (tally: Tally) => Perfect): number {
  const tally = tallyOf(r);
  if (!answerable(tally)) return Number.NaN;
  const { area: most, end } = best(tally);
  const line = (r.row.length * end) / 2;
  return most === line ? Number.NaN : (area(kind, r) - line) / (most - line);
}

const shared = { library: "scikit-uplift", ties: "averaged", weights: "ignored", constant: "zero", binary: true, options: armOnly } as const;
const oneClass = "only one class of the outcome occurs, or the perfect curve is the straight line, so scikit-uplift has no answer";

/** `sklift-uplift-auc`: the number that scikit-uplift prints. */
export const skliftUpliftAuc: Metric<"sklift-uplift-auc", Options<{ arm?: string }>> = compatMetric({
  id: "sklift-uplift-auc",
  summary: "Area between uplift curve and straight line, over that of the perfect curve",
  ...shared,
  value: (r) => aucScore("uplift", r, (all) => perfect("uplift", all)),
  undefinedWhen: oneClass,
});

/** `sklift-qini-auc`: the number that scikit-uplift prints. */
export const skliftQiniAuc: Metric<"sklift-qini-auc", Options<{ arm?: string }>> = compatMetric({
  id: "sklift-qini-auc",
  summary: "Area between Qini curve and straight line, over that of the perfect curve with negative effects",
  ...shared,
  value: (r) => aucScore("qini", r, (all) => perfect("qini", all)),
  undefinedWhen: oneClass,
});

/** The perfect curve rises from 0 to the end value with slope one and stays there; the score can exceed 1. */
export const skliftQiniAucNonneg: Metric<"sklift-qini-auc-nonneg", Options<{ arm?: string }>> = compatMetric({
  id: "sklift-qini-auc-nonneg",
  summary: "Area between Qini curve and straight line, over that of the perfect curve without negative effects",
  ...shared,
  value: (r) =>
    aucScore("qini", r, ({ T, C, A, B }) => {
      const rise = A - (T * B) / C;
      // scikit-uplift stops with an error when the perfect curve would run backwards.
      return { area: rise < 0 ? Number.NaN : (rise * rise) / 2 + (T + C - rise) * rise, end: rise };
    }),
  undefinedWhen: "the average effect is not positive or only one class of the outcome occurs, so scikit-uplift has no answer",
});

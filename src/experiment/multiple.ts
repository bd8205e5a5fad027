import { usageError } from "../base/errors.ts";

/** Corrections for several tests: of the chance of any false finding (bonferroni, holm), or of the share of false ones among the findings. */
export const corrections = ["bonferroni", "holm", "benjamini-hochberg"] as const;
/** Name of a correction of p-values for how many there are. */
export type Correction = (typeof corrections)[number];

/**
 * Adjusted p-values, in the order given: reject those below the level meant for all tests together.
 * Holm1979 holds under any dependence; BenjaminiHochberg1995 under independence or positive dependence. A p-value of NaN is no test: it stays
 * NaN and does not count.
 * @throws LiftwiseError (usage) for a p-value outside [0, 1]
 */
export function adjustPValues(pValues: readonly number[], correction: Correction): number[] {
  const bad = pValues.find((p) => p < 0 || p > 1);
  if (bad !== undefined) throw usageError(`adjustPValues: p-values lie between 0 and 1, got ${bad}`);
  const order = Array.from(pValues.keys())
    .filter((i) => !Number.isNaN(pValues[i]))
    .toSorted((i, j) => pValues[i] - pValues[j]);
  const m = order.length;
  const adjusted = pValues.map(() => Number.NaN);
  if (correction === "benjamini-hochberg") {
    let least = 1;
    for (let rank = m; rank >= 1; rank--) {
      least = Math.min(least, (pValues[order[rank - 1]] * m) / rank);
      adjusted[order[rank - 1]] = least;
    }
    return adjusted;
  }
  let most = 0;
  order.forEach((i, passed) => {
    most = Math.max(most, Math.min(1, pValues[i] * (correction === "holm" ? m - passed : m)));
    adjusted[i] = most;
  });
  return adjusted;
}

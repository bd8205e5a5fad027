import { betaShare } from "./beta.ts";

/** Fisher's F with d1 and d2 > 0 degrees of freedom (d2 may not be infinite: use chi2 there). */

/** P(F <= x). */
export function fisherCdf(x: number, d1: number, d2: number): number {
  if (x <= 0) return 0;
  const sum = d1 * x + d2;
  return betaShare((d1 * x) / sum, d2 / sum, d1 / 2, d2 / 2);
}

/** P(F > x): the p-value of an F statistic. */
export function fisherSf(x: number, d1: number, d2: number): number {
  if (x <= 0) return 1;
  const sum = d1 * x + d2;
  return betaShare(d2 / sum, (d1 * x) / sum, d2 / 2, d1 / 2);
}

import { gammaP, gammaQ, poissonDensity } from "./gamma.ts";
import { invertCdf } from "./inverse.ts";

/** P(X <= x) for chi-squared with df > 0 degrees of freedom; 0 for x <= 0. */
export function chi2Cdf(x: number, df: number): number {
  return x <= 0 ? 0 : gammaP(df / 2, x / 2);
}

/** P(X > x): the p-value of a chi-squared statistic. */
export function chi2Sf(x: number, df: number): number {
  return x <= 0 ? 1 : gammaQ(df / 2, x / 2);
}

/** x with P(X <= x) = p. */
export function chi2Quantile(p: number, df: number): number {
  if (!(p > 0 && p < 1 && df > 0)) return p === 0 ? 0 : p === 1 ? Number.POSITIVE_INFINITY : Number.NaN;
  const s = invertCdf(
    p,
    (t) => chi2Cdf(Math.exp(t), df),
    (t) => chi2Sf(Math.exp(t), df),
    (t) => (df / 2) * poissonDensity(df / 2, Math.exp(t) / 2),
    Math.log(df),
  );
  return Math.exp(s);
}

import { betaShare, lbeta } from "./beta.ts";
import { invertCdf } from "./inverse.ts";
import { normalCdf, normalPdf, normalQuantile } from "./normal.ts";

/** Student's t with df > 0 degrees of freedom (any real number; Infinity is the normal distribution). NaN for bad df. */

export function studentPdf(t: number, df: number): number {
  if (df === Number.POSITIVE_INFINITY) return normalPdf(t);
  return Math.exp(-lbeta(0.5, df / 2) - ((df + 1) / 2) * Math.log1p((t * t) / df)) / Math.sqrt(df);
}

/** P(T <= t), accurate in the lower tail. */
export function studentCdf(t: number, df: number): number {
  if (df === Number.POSITIVE_INFINITY) return normalCdf(t);
  return t < 0 ? upperTail(-t, df) : 1 - upperTail(t, df);
}

/** P(T > t), accurate in the upper tail. */
export function studentSf(t: number, df: number): number {
  return studentCdf(-t, df);
}

/** P(|T| >= |t|): the two-sided p-value of a t statistic. */
export function studentTwoSided(t: number, df: number): number {
  return 2 * studentCdf(-Math.abs(t), df);
}

/** t with P(T <= t) = p; -Infinity at 0, Infinity at 1. */
export function studentQuantile(p: number, df: number): number {
  if (df === Number.POSITIVE_INFINITY) return normalQuantile(p);
  if (!(p > 0 && p < 1 && df > 0)) return p === 0 && df > 0 ? Number.NEGATIVE_INFINITY : p === 1 && df > 0 ? Number.POSITIVE_INFINITY : Number.NaN;
  if (p === 0.5) return 0;
  if (p > 0.5) return -studentQuantile(1 - p, df);
  // The tails are powers of t: on the scale asinh(t) they are exponential, and Newton on the log of the tail is at home.
  const s = invertCdf(
    p,
    (u) => studentCdf(Math.sinh(u), df),
    (u) => studentSf(Math.sinh(u), df),
    (u) => studentPdf(Math.sinh(u), df) * Math.cosh(u),
    Math.asinh(normalQuantile(p)),
  );
  return Math.sinh(s);
}

function upperTail(t: number, df: number): number {
  const square = t * t;
  if (square === Number.POSITIVE_INFINITY) return 0;
  return 0.5 * betaShare(df / (df + square), square / (df + square), df / 2, 0.5);
}

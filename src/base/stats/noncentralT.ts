import { betaShare } from "./beta.ts";
import { poissonDensity } from "./gamma.ts";
import { normalCdf, normalSf } from "./normal.ts";

/**
 * P(T <= t) for the noncentral t distribution with df > 0 degrees of freedom and noncentrality delta: the power of t tests.
 * Lenth1989 (AS 243): a Poisson mixture of incomplete beta functions, summed outwards from its largest term.
 */
export function noncentralTCdf(t: number, df: number, delta: number): number {
  if (df === Number.POSITIVE_INFINITY) return normalCdf(t - delta);
  if (t < 0) return 1 - noncentralTCdf(-t, df, -delta);
  if (delta === 0 && t === 0) return 0.5;
  const sum = df + t * t;
  const x = (t * t) / sum;
  const q = df / sum;
  const rate = (delta * delta) / 2;
  const term = (j: number): number => {
    if (rate === 0) return j === 0 ? 0.5 * betaShare(x, q, 0.5, df / 2) : 0;
    const even = 0.5 * poissonDensity(j, rate) * betaShare(x, q, j + 0.5, df / 2);
    // Of half-integer order: exp(-rate) rate^(j + 1/2) / Gamma(j + 3/2).
    const odd = 0.5 * Math.sign(delta) * poissonDensity(j + 0.5, rate) * betaShare(x, q, j + 1, df / 2);
    return even + odd;
  };
  const mode = Math.floor(rate);
  let total = normalSf(delta);
  for (let j = mode; j >= 0; j--) {
    const part = term(j);
    total += part;
    if (j < mode && poissonDensity(j, rate) < 1e-18) break;
  }
  for (let j = mode + 1; ; j++) {
    total += term(j);
    if (poissonDensity(j, rate) < 1e-18) break;
  }
  return Math.min(1, Math.max(0, total));
}

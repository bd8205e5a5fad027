import { devianceTerm, lgamma, nonZero, stirlingError } from "./gamma.ts";
import { invertCdf } from "./inverse.ts";

/** log B(a, b). */
export function lbeta(a: number, b: number): number {
  return lgamma(a) + lgamma(b) - lgamma(a + b);
}

/** I_x(a, b), the regularised incomplete beta function: P(X <= x) for a beta variable with shapes a, b > 0. NaN for bad shapes or x. */
export function betaCdf(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  return betaShare(x, 1 - x, a, b);
}

/** 1 - I_x(a, b), accurate in the upper tail. */
export function betaSf(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 1 : 0;
  return betaShare(1 - x, x, b, a);
}

/** Density of the beta distribution at x in (0, 1). */
export function betaPdf(x: number, a: number, b: number): number {
  return x > 0 && x < 1 ? betaKernel(x, 1 - x, a, b) / (x * (1 - x)) : 0;
}

/** x with I_x(a, b) = p; 0 at p = 0, 1 at p = 1. */
export function betaQuantile(p: number, a: number, b: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? 0 : p === 1 ? 1 : Number.NaN;
  // On the log-odds scale neither end is a wall.
  const t = invertCdf(
    p,
    (s) => betaShare(...shares(s), a, b),
    (s) => betaShare(...shares(-s), b, a),
    (s) => betaKernel(...shares(s), a, b),
    Math.log(a / b),
  );
  return shares(t)[0];
}

/** x and 1 - x at log-odds s. */
function shares(s: number): [x: number, q: number] {
  return [1 / (1 + Math.exp(-s)), 1 / (1 + Math.exp(s))];
}

/**
 * I_x(a, b) given both x and q = 1 - x, so that neither loses digits when it is small: what Student's t and F hand over.
 * The continued fraction is evaluated by Lentz's method (Lentz1976) on the side where it converges fast.
 */
export function betaShare(x: number, q: number, a: number, b: number): number {
  if (!(a > 0 && b > 0 && x >= 0 && q >= 0)) return Number.NaN;
  if (x === 0 || q === 0) return x === 0 ? 0 : 1;
  const kernel = betaKernel(x, q, a, b);
  return x < (a + 1) / (a + b + 2) ? kernel * betaFraction(x, q, a, b) : 1 - kernel * betaFraction(q, x, b, a);
}

// x^a q^b / B(a, b) as a binomial probability (Loader2000), which stays accurate for large shapes.
function betaKernel(x: number, q: number, a: number, b: number): number {
  const n = a + b;
  const exponent = stirlingError(n) - stirlingError(a) - stirlingError(b) - devianceTerm(a, n * x) - devianceTerm(b, n * q);
  return Math.sqrt((a * b) / (2 * Math.PI * n)) * Math.exp(exponent);
}

// The even part of the usual continued fraction (DiDonato1992), in which x enters through a q - b x and nothing cancels.
function betaFraction(x: number, q: number, a: number, b: number): number {
  const part = (m: number): number => m + (m * (b - m) * x) / (a + 2 * m - 1) + ((a + m) * (a * q - b * x + 1 + m * (1 + q))) / (a + 2 * m + 1);
  let f = nonZero((a * (a * q - b * x + 1)) / (a + 1));
  let c = f;
  let d = 0;
  for (let m = 1; m < 1e6; m++) {
    const r = x / (a + 2 * m - 1);
    const top = (a + m - 1) * (a + b + m - 1) * m * (b - m) * r * r;
    const bottom = part(m);
    d = 1 / nonZero(bottom + top * d);
    c = nonZero(bottom + top / c);
    f *= c * d;
    if (Math.abs(c * d - 1) < 3e-16) break;
  }
  return 1 / f;
}

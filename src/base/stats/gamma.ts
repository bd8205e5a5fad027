/** The gamma function and the regularised incomplete gamma functions, the root of chi-squared and Poisson probabilities. */

const halfLog2Pi = 0.9189385332046728;

/** log |Gamma(x)|; Infinity at 0, -1, -2, ... */
export function lgamma(x: number): number {
  if (x <= 0 && Number.isInteger(x)) return Number.POSITIVE_INFINITY;
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - lgamma(1 - x);
  if (x === 1 || x === 2) return 0;
  // Stirling's series needs a large argument: step up by Gamma(x + 1) = x Gamma(x).
  let product = 1;
  let z = x;
  while (z < 16) product *= z++;
  return (z - 0.5) * Math.log(z) - z + halfLog2Pi + stirlingSeries(z) - Math.log(product);
}

/** What Stirling's formula lacks: log Gamma(x + 1) - log(sqrt(2 pi x) (x / e)^x), for x > 0. Loader2000, section 2. */
export function stirlingError(x: number): number {
  if (x >= 16) return stirlingSeries(x);
  return lgamma(x + 1) - (x + 0.5) * Math.log(x) + x - halfLog2Pi;
}

function stirlingSeries(x: number): number {
  const s = 1 / (x * x);
  return (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - s * (691 / 360360 - s / 156)))))) / x;
}

/** x log(x / m) + m - x without cancellation for x near m; both > 0. Loader2000, section 3. */
export function devianceTerm(x: number, m: number): number {
  if (Math.abs(x - m) >= 0.1 * (x + m)) return x * Math.log(x / m) + m - x;
  const v = (x - m) / (x + m);
  let sum = (x - m) * v;
  let term = 2 * x * v;
  for (let j = 1; ; j++) {
    term *= v * v;
    const next = sum + term / (2 * j + 1);
    if (next === sum) return sum;
    sum = next;
  }
}

/** m^x e^-m / Gamma(x + 1) for real x >= 0 and m > 0: the Poisson probability of x at mean m, with 14 digits however large both are. */
export function poissonDensity(x: number, m: number): number {
  if (x === 0) return Math.exp(-m);
  return Math.exp(-stirlingError(x) - devianceTerm(x, m)) / Math.sqrt(2 * Math.PI * x);
}

/** P(a, x), the lower regularised incomplete gamma function: P(X <= x) for X of shape a > 0 and scale 1. NaN outside a > 0, x >= 0. */
export function gammaP(a: number, x: number): number {
  if (!(a > 0 && x >= 0)) return Number.NaN;
  if (x === 0) return 0;
  if (x === Number.POSITIVE_INFINITY) return 1;
  return x < a + 1 ? lowerSeries(a, x) : 1 - upperFraction(a, x);
}

/** Q(a, x) = 1 - P(a, x), accurate in the upper tail. */
export function gammaQ(a: number, x: number): number {
  if (!(a > 0 && x >= 0)) return Number.NaN;
  if (x === 0) return 1;
  if (x === Number.POSITIVE_INFINITY) return 0;
  return x < a + 1 ? 1 - lowerSeries(a, x) : upperFraction(a, x);
}

// P(a, x) = x^a e^-x / Gamma(a + 1) * sum of x^k / ((a + 1) ... (a + k)).
function lowerSeries(a: number, x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= x / (a + k);
    sum += term;
  }
  return poissonDensity(a, x) * sum;
}

// Legendre's continued fraction of Q(a, x), evaluated forwards (Lentz1976).
function upperFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let k = 1; k < 1e6; k++) {
    const top = -k * (k - a);
    b += 2;
    d = 1 / nonZero(top * d + b);
    c = nonZero(b + top / c);
    h *= d * c;
    if (Math.abs(d * c - 1) < 3e-16) break;
  }
  return a * poissonDensity(a, x) * h;
}

/** Lentz's guard: a partial denominator that hits zero is moved off it. */
export function nonZero(x: number): number {
  return Math.abs(x) < 1e-300 ? 1e-300 : x;
}

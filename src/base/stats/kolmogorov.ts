/** P(K > x) for Kolmogorov's limiting distribution: the p-value of sqrt(n) sup |F_n - F| for large n. */
export function kolmogorovSf(x: number): number {
  if (!(x > 0)) return Number.isNaN(x) ? Number.NaN : 1;
  if (x < 1) {
    // Jacobi's other form of the theta function, which converges at once for small x.
    let sum = 0;
    for (let k = 1; k <= 7; k += 2) sum += Math.exp((-k * k * Math.PI * Math.PI) / (8 * x * x));
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum;
  }
  let sum = 0;
  for (let k = 7; k >= 1; k--) sum = Math.exp(-2 * k * k * x * x) - sum;
  return 2 * sum;
}

/**
 * One-sample test of `values` (any order, no NaN) against a continuous distribution. The p-value uses Stephens1970's correction of the
 * statistic for finite n, good to two digits from n = 10.
 */
export function kolmogorovTest(values: ArrayLike<number>, cdf: (x: number) => number): { readonly statistic: number; readonly pValue: number } {
  const sorted = Float64Array.from(values).toSorted();
  const n = sorted.length;
  let most = 0;
  for (let i = 0; i < n; i++) {
    const f = cdf(sorted[i]);
    most = Math.max(most, (i + 1) / n - f, f - i / n);
  }
  const root = Math.sqrt(n);
  return { statistic: most, pValue: n === 0 ? Number.NaN : kolmogorovSf((root + 0.12 + 0.11 / root) * most) };
}

export interface Moments {
  readonly count: number;
  /** NaN when there are no values. */
  readonly mean: number;
  /** Sum of squares about the mean over count - 1; NaN below two values. */
  readonly variance: number;
}

/** Count, mean and variance in one pass, stable for values far from zero (Welford1962). */
export function moments(values: ArrayLike<number>): Moments {
  let mean = 0;
  let squares = 0;
  const n = values.length;
  for (let i = 0; i < n; i++) {
    const off = values[i] - mean;
    mean += off / (i + 1);
    squares += off * (values[i] - mean);
  }
  return { count: n, mean: n > 0 ? mean : Number.NaN, variance: n > 1 ? squares / (n - 1) : Number.NaN };
}

/** NaN when there are no values. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/** Sum of squares about the mean over n - 1; NaN below two values. */
export function variance(values: ArrayLike<number>): number {
  return moments(values).variance;
}

/** NaN when the weights sum to zero; without weights, the mean. */
export function weightedMean(values: ArrayLike<number>, weight?: ArrayLike<number>): number {
  if (weight === undefined) return mean(values);
  let sum = 0;
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    sum += weight[i] * values[i];
    total += weight[i];
  }
  return sum / total;
}

/**
 * The quantile at `p` by linear interpolation between order statistics (Hyndman1996, type 7: numpy's, R's and Excel's default).
 * NaN when there are no values, or when one of them is NaN.
 * @param values in any order; left as they are
 * @param p in [0, 1]
 */
export function quantile(values: ArrayLike<number>, p: number): number {
  return quantileSorted(ascending(values), p);
}

/** The same for values already in ascending order. */
export function quantileSorted(sorted: ArrayLike<number>, p: number): number {
  const n = sorted.length;
  // A sort of typed arrays puts NaN last.
  if (n === 0 || !(p >= 0 && p <= 1) || Number.isNaN(sorted[n - 1])) return Number.NaN;
  const at = (n - 1) * p;
  const below = Math.floor(at);
  const low = sorted[below];
  const share = at - below;
  return share === 0 ? low : low + share * (sorted[below + 1] - low);
}

/** Several quantiles of the same values with one sort. */
export function quantiles(values: ArrayLike<number>, ps: readonly number[]): Float64Array {
  const sorted = ascending(values);
  return Float64Array.from(ps, (p) => quantileSorted(sorted, p));
}

function ascending(values: ArrayLike<number>): Float64Array {
  return (values instanceof Float64Array ? values : Float64Array.from(values)).toSorted();
}

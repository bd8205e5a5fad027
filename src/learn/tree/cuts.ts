/**
 * Cut points that put about equally many values into each bin: bin k holds the values in (cuts[k - 2], cuts[k - 1]], bin 1 everything up to
 * `cuts[0]`. Where there are no more distinct values than bins, every pair of neighbours is cut apart, so no split is lost.
 *
 * @param values n numbers; NaN is missing and takes no part
 * @param bins most bins, at least 2
 * @returns ascending cuts, fewer than `bins` of them; empty where fewer than two distinct values occur
 */
export function quantileCuts(values: Float64Array, bins: number): Float64Array {
  const sorted = sampleOf(values).toSorted();
  let n = sorted.length;
  while (n > 0 && Number.isNaN(sorted[n - 1])) n--;
  const distinct = new Float64Array(n);
  const count = new Int32Array(n);
  let k = -1;
  for (let i = 0; i < n; i++) {
    if (k < 0 || sorted[i] !== distinct[k]) distinct[++k] = sorted[i];
    count[k]++;
  }
  k++;
  if (k < 2) return new Float64Array(0);
  const cuts: number[] = [];
  if (k <= bins) {
    for (let j = 1; j < k; j++) cuts.push(between(distinct[j - 1], distinct[j]));
    return Float64Array.from(cuts);
  }
  // A value that would fill a bin alone gets one; the rest share the other bins equally.
  const large = n / bins;
  let restRows = n;
  let restBins = bins;
  for (let j = 0; j < k; j++) {
    if (count[j] < large) continue;
    restRows -= count[j];
    restBins--;
  }
  let size = restBins > 0 ? restRows / restBins : Number.POSITIVE_INFINITY;
  let filled = 0;
  for (let j = 0; j < k - 1 && cuts.length < bins - 1; j++) {
    filled += count[j];
    const single = count[j] >= large;
    if (!single) restRows -= count[j];
    if (single || filled >= size || (count[j + 1] >= large && filled >= 0.5 * size)) {
      cuts.push(between(distinct[j], distinct[j + 1]));
      if (!single && --restBins > 0) size = restRows / restBins;
      filled = 0;
    }
  }
  return Float64Array.from(cuts);
}

/** Rows from which cuts are read; more rows move a cut by less than a bin's width. */
const sampleRows = 100_000;

/** Every k-th value of a long column: evenly spread over it and the same on every run. */
function sampleOf(values: Float64Array): Float64Array {
  if (values.length <= sampleRows) return values;
  const taken = new Float64Array(sampleRows);
  const step = values.length / sampleRows;
  for (let i = 0; i < sampleRows; i++) taken[i] = values[Math.floor(i * step)];
  return taken;
}

/** A number c with a <= c < b: the midpoint, or `a` where there is none (neighbouring or infinite values). */
function between(a: number, b: number): number {
  const middle = a + (b - a) / 2;
  return middle >= a && middle < b ? middle : a;
}

import { descending } from "./sort.ts";

/** Ranks 1 .. n in ascending order of `values`; equal values share the mean of their ranks. Values may not be NaN. */
export function averageRank(values: Float64Array): Float64Array {
  const { order, ends } = descending(values);
  const n = values.length;
  const rank = new Float64Array(n);
  let start = 0;
  for (const end of ends) {
    const shared = n - (start + end - 1) / 2;
    for (let i = start; i < end; i++) rank[order[i]] = shared;
    start = end;
  }
  return rank;
}

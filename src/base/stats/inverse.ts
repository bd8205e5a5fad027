/**
 * t with cdf(t) = p, by Newton steps on the log of the smaller tail, kept inside a bracket that every evaluation narrows.
 * @param cdf increasing from 0 to 1 on the whole line
 * @param sf 1 - cdf, accurate in the upper tail
 * @param start any finite guess
 */
export function invertCdf(p: number, cdf: (t: number) => number, sf: (t: number) => number, pdf: (t: number) => number, start: number): number {
  const low = p < 0.5;
  const target = Math.log(low ? p : 1 - p);
  let left = Number.NEGATIVE_INFINITY;
  let right = Number.POSITIVE_INFINITY;
  let t = start;
  for (let step = 0; step < 400; step++) {
    const tail = low ? cdf(t) : sf(t);
    const miss = Math.log(tail) - target;
    if (miss === 0) return t;
    if (miss > 0 === low) right = t;
    else left = t;
    let next = t - ((low ? 1 : -1) * miss * tail) / pdf(t);
    if (!(next > left && next < right)) next = within(left, right);
    if (next === t || Math.abs(next - t) <= 1e-16 * Math.abs(t)) return next;
    t = next;
  }
  return t;
}

/** A point between the bounds: the middle, or further out where a side is still open. */
function within(left: number, right: number): number {
  if (left === Number.NEGATIVE_INFINITY) return right - 1 - Math.abs(right);
  if (right === Number.POSITIVE_INFINITY) return left + 1 + Math.abs(left);
  return left + (right - left) / 2;
}

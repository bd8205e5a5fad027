/** Values of several lines over the same x. */
export interface Lines {
  readonly x: ArrayLike<number>;
  readonly ys: readonly ArrayLike<number>[];
}

/**
 * Indices of at most `most` points, first and last among them, such that straight lines between them stay close to every line: the stretch that is
 * farthest off (vertically, over all lines) is cut at its worst point until the points are spent or nothing is off at all. Points with a
 * missing value in any line are left out. A peak is never lost to averaging, which is why this is not a sample of every k-th point.
 */
export function thin(lines: Lines, most: number): Int32Array {
  const points = complete(lines);
  const n = points.length;
  if (n <= Math.max(2, most)) return points;
  const stretches: Stretch[] = [worst(lines, points, 0, n - 1)];
  const kept = [0, n - 1];
  while (kept.length < most) {
    const widest = popWidest(stretches);
    if (widest === undefined || !(widest.gap > 0)) break;
    kept.push(widest.at);
    if (widest.at - widest.from > 1) push(stretches, worst(lines, points, widest.from, widest.at));
    if (widest.to - widest.at > 1) push(stretches, worst(lines, points, widest.at, widest.to));
  }
  return Int32Array.from(
    kept.toSorted((a, b) => a - b),
    (k) => points[k],
  );
}

/** Points from..to drawn as one straight line; `at` is where a line is farthest from it, by `gap`. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly at: number;
  readonly gap: number;
}

function complete(lines: Lines): Int32Array {
  const n = lines.x.length;
  const points = new Int32Array(n);
  let count = 0;
  for (let i = 0; i < n; i++) if (Number.isFinite(lines.x[i]) && lines.ys.every((y) => Number.isFinite(y[i]))) points[count++] = i;
  return points.subarray(0, count);
}

function worst(lines: Lines, points: Int32Array, from: number, to: number): Stretch {
  const x = lines.x;
  const x0 = x[points[from]];
  const run = x[points[to]] - x0;
  let at = from;
  let gap = 0;
  for (const y of lines.ys) {
    const y0 = y[points[from]];
    const rise = y[points[to]] - y0;
    for (let k = from + 1; k < to; k++) {
      const i = points[k];
      const line = run === 0 ? y0 : y0 + (rise * (x[i] - x0)) / run;
      const off = Math.abs(y[i] - line);
      if (off > gap) [at, gap] = [k, off];
    }
  }
  return { from, to, at, gap };
}

/** A binary heap with the widest gap on top. */
function push(heap: Stretch[], stretch: Stretch): void {
  let i = heap.push(stretch) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (heap[parent].gap >= heap[i].gap) return;
    [heap[parent], heap[i]] = [heap[i], heap[parent]];
    i = parent;
  }
}

function popWidest(heap: Stretch[]): Stretch | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return top;
  heap[0] = last;
  for (let i = 0; ; ) {
    const left = 2 * i + 1;
    let largest = i;
    if (left < heap.length && heap[left].gap > heap[largest].gap) largest = left;
    if (left + 1 < heap.length && heap[left + 1].gap > heap[largest].gap) largest = left + 1;
    if (largest === i) return top;
    [heap[i], heap[largest]] = [heap[largest], heap[i]];
    i = largest;
  }
}

/** The operations on plain arrays in float64, written for the eye: what the other engines are held against. Booleans are 0 and 1. */

export interface Plain {
  readonly shape: readonly number[];
  readonly data: Float64Array | Int32Array;
}

export const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Steps through the data for each axis, row by row. */
export function strides(shape: readonly number[]): number[] {
  const steps: number[] = [];
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    steps[i] = step;
    step *= shape[i];
  }
  return steps;
}

/** For each element of `to`, where in `from` it is read when `from` is stretched to `to`; undefined when they are laid out alike. */
export function stretch(from: readonly number[], to: readonly number[]): Int32Array | undefined {
  const lead = to.length - from.length;
  if (count(from) === count(to)) return undefined;
  const steps = strides(from);
  return positions(
    to,
    to.map((_, i) => (i < lead || from[i - lead] === 1 ? 0 : steps[i - lead])),
  );
}

/** The position `sum(index[axis] * steps[axis]) + start` of every element of `shape`, in order. */
export function positions(shape: readonly number[], steps: readonly number[], start = 0): Int32Array {
  const at = new Int32Array(count(shape));
  const index = shape.map(() => 0);
  let position = start;
  for (let i = 0; i < at.length; i++) {
    at[i] = position;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position += steps[axis];
      if (++index[axis] < shape[axis]) break;
      position -= steps[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return at;
}

export function map(x: Plain, f: (value: number) => number): Float64Array {
  const out = new Float64Array(x.data.length);
  for (let i = 0; i < out.length; i++) out[i] = f(x.data[i]);
  return out;
}

export function zip(a: Plain, b: Plain, shape: readonly number[], f: (a: number, b: number) => number): Float64Array {
  const [p, q] = [stretch(a.shape, shape), stretch(b.shape, shape)];
  const out = new Float64Array(count(shape));
  for (let i = 0; i < out.length; i++) out[i] = f(a.data[p === undefined ? i : p[i]], b.data[q === undefined ? i : q[i]]);
  return out;
}

/** The elements at these positions. */
export function pickAt(x: Plain, at: Int32Array): Float64Array | Int32Array {
  const out = x.data instanceof Int32Array ? new Int32Array(at.length) : new Float64Array(at.length);
  for (let i = 0; i < at.length; i++) out[i] = x.data[at[i]];
  return out;
}

export function reduce(x: Plain, axes: readonly number[], start: number, f: (total: number, value: number) => number): Float64Array {
  const kept = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
  const steps = strides(kept).map((step, i) => (axes.includes(i) ? 0 : step));
  const out = new Float64Array(count(kept)).fill(start);
  const to = positions(x.shape, steps);
  for (let i = 0; i < to.length; i++) out[to[i]] = f(out[to[i]], x.data[i]);
  return out;
}

export function matmul(a: Plain, b: Plain, shape: readonly number[], transposeA: boolean, transposeB: boolean): Float64Array {
  const [m, n] = shape.slice(-2);
  const k = a.shape[a.shape.length - (transposeA ? 2 : 1)];
  const lead = shape.slice(0, -2);
  const startOf = (x: Plain): Int32Array => {
    const own = x.shape.slice(0, -2);
    const steps = strides(x.shape).slice(0, -2);
    const missing = lead.length - own.length;
    return positions(
      lead,
      lead.map((_, i) => (i < missing || own[i - missing] === 1 ? 0 : steps[i - missing])),
    );
  };
  const [fromA, fromB] = [startOf(a), startOf(b)];
  const [rowA, colA] = transposeA ? [1, m] : [k, 1];
  const [rowB, colB] = transposeB ? [1, k] : [n, 1];
  const out = new Float64Array(count(shape));
  for (let batch = 0; batch < fromA.length; batch++)
    for (let i = 0; i < m; i++)
      for (let p = 0; p < k; p++) {
        const v = a.data[fromA[batch] + i * rowA + p * colA];
        const q = fromB[batch] + p * rowB;
        const o = (batch * m + i) * n;
        for (let j = 0; j < n; j++) out[o + j] += v * b.data[q + j * colB];
      }
  return out;
}

export function logSoftmaxRows(x: Plain): Float64Array {
  const n = x.shape[x.shape.length - 1];
  const out = new Float64Array(x.data.length);
  for (let row = 0; row < out.length; row += n) {
    let top = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < n; j++) top = Math.max(top, x.data[row + j]);
    let total = 0;
    for (let j = 0; j < n; j++) total += Math.exp(x.data[row + j] - top);
    for (let j = 0; j < n; j++) out[row + j] = x.data[row + j] - top - Math.log(total);
  }
  return out;
}

export function cumsum(x: Plain, axis: number, reverse: boolean): Float64Array {
  const step = strides(x.shape)[axis];
  const size = x.shape[axis];
  const out = Float64Array.from(x.data);
  for (let i = 0; i < out.length; i++) {
    const k = Math.floor(i / step) % size;
    if (k === 0) continue;
    // In reverse, walk the mirrored position so that what is added is already summed.
    const at = reverse ? out.length - 1 - i : i;
    out[at] += out[reverse ? at + step : at - step];
  }
  return out;
}

/** Shorter lists than this are ordered by insertion: the radix tables cost more than they save. */
const short = 24;

/** Positions in descending order of value, and where groups of equal values end. */
export interface Descending {
  readonly order: Uint32Array;
  /** Group g of equal values holds the ranks `ends[g - 1] .. ends[g] - 1` (from 0 for the first). */
  readonly ends: Uint32Array;
}

/**
 * Positions in descending order of `values`. Stable: equal values keep their input order, -0 equals 0, NaN comes last.
 *
 * A radix sort on the bits of the numbers: three counting passes over the upper half of the key (sign, exponent, 20 bits of mantissa),
 * then the lower half only within runs whose upper halves agree. Linear in n, and no comparison function is called.
 */
export function argsortDescending(values: Float64Array | readonly number[]): Uint32Array {
  return descending(values).order;
}

/** The same with the groups of equal values, which fall out of the sort. */
export function descending(values: Float64Array | readonly number[]): Descending {
  const list = values instanceof Float64Array ? values : Float64Array.from(values);
  const n = list.length;
  const bits = new Uint32Array(list.buffer, list.byteOffset, 2 * n);
  const order = new Uint32Array(n);
  const key = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    order[i] = i;
    key[i] = upperKey(bits[2 * i], bits[2 * i + 1]);
  }
  const upper = n <= short ? insertion(order, key) : radix32(order, key);
  const ends = new Uint32Array(n);
  let groups = 0;
  for (let start = 0; start < n; ) {
    let end = start + 1;
    while (end < n && upper[end] === upper[start]) end++;
    if (end - start === 1) ends[groups++] = end;
    else groups = sortRun(order, start, end, bits, ends, groups);
    start = end;
  }
  return { order, ends: ends.slice(0, groups) };
}

// Keys ascend where values descend: the bits of a positive number are inverted, those of a negative one ascend with its size already.
function upperKey(low: number, high: number): number {
  const size = high & 0x7fffffff;
  if (size > 0x7ff00000 || (size === 0x7ff00000 && low !== 0)) return 0xffffffff;
  if (size === 0 && low === 0) return 0x7fffffff;
  return high >>> 31 === 0 ? high ^ 0x7fffffff : high;
}

function lowerKey(low: number, high: number): number {
  const size = high & 0x7fffffff;
  if (size > 0x7ff00000 || (size === 0x7ff00000 && low !== 0)) return 0;
  return high >>> 31 === 0 || (size === 0 && low === 0) ? ~low >>> 0 : low;
}

/** Orders `order` in place by the 32-bit `key` of each position; returns the keys in their new order. */
function radix32(order: Uint32Array, key: Uint32Array): Uint32Array {
  const n = order.length;
  const counts = new Uint32Array(3 * 2048);
  for (let i = 0; i < n; i++) {
    const k = key[i];
    counts[k & 2047]++;
    counts[2048 + ((k >>> 11) & 2047)]++;
    counts[4096 + (k >>> 22)]++;
  }
  let fromKey = key;
  let fromOrder = order;
  let toKey: Uint32Array = new Uint32Array(n);
  let toOrder: Uint32Array = new Uint32Array(n);
  for (let pass = 0; pass < 3; pass++) {
    const shift = 11 * pass;
    const mask = pass === 2 ? 1023 : 2047;
    const place = counts.subarray(2048 * pass, 2048 * pass + mask + 1);
    // A digit that is the same everywhere orders nothing.
    if (place[(fromKey[0] >>> shift) & mask] === n) continue;
    for (let d = 0, sum = 0; d < place.length; d++) {
      const count = place[d];
      place[d] = sum;
      sum += count;
    }
    for (let i = 0; i < n; i++) {
      const k = fromKey[i];
      const at = place[(k >>> shift) & mask]++;
      toKey[at] = k;
      toOrder[at] = fromOrder[i];
    }
    [fromKey, toKey] = [toKey, fromKey];
    [fromOrder, toOrder] = [toOrder, fromOrder];
  }
  if (fromOrder !== order) order.set(fromOrder);
  return fromKey;
}

/** Orders a run of equal upper keys by the lower ones and adds its groups to `ends`; returns how many groups there are then. */
function sortRun(order: Uint32Array, start: number, end: number, bits: Uint32Array, ends: Uint32Array, groups: number): number {
  const run = order.subarray(start, end);
  const key = new Uint32Array(end - start);
  for (let i = 0; i < key.length; i++) key[i] = lowerKey(bits[2 * run[i]], bits[2 * run[i] + 1]);
  const sorted = key.length <= short ? insertion(run, key) : ascends(key) ? key : key.length < 1024 ? compared(run, key) : radix32(run, key);
  let count = groups;
  for (let i = 1; i < sorted.length; i++) if (sorted[i] !== sorted[i - 1]) ends[count++] = start + i;
  ends[count++] = end;
  return count;
}

function ascends(key: Uint32Array): boolean {
  for (let i = 1; i < key.length; i++) if (key[i] < key[i - 1]) return false;
  return true;
}

function compared(order: Uint32Array, key: Uint32Array): Uint32Array {
  const held = order.slice();
  const places = Uint32Array.from(key, (_, i) => i).toSorted((a, b) => key[a] - key[b] || a - b);
  places.forEach((from, to) => {
    order[to] = held[from];
  });
  return places.map((from) => key[from]);
}

function insertion(order: Uint32Array, key: Uint32Array): Uint32Array {
  for (let i = 1; i < key.length; i++) {
    const k = key[i];
    const row = order[i];
    let j = i - 1;
    for (; j >= 0 && key[j] > k; j--) {
      key[j + 1] = key[j];
      order[j + 1] = order[j];
    }
    key[j + 1] = k;
    order[j + 1] = row;
  }
  return key;
}

import { argsortDescending } from "../../base/stats/sort.ts";

/**
 * The search for the best split of one node on one column, given the column's cells: sums of gradients, curvatures and rows by code.
 * All sums are in the units of the cells; `limits` has been brought to the same units.
 */

/** What a node holds: sums over its rows, and the bounds its value must keep because of monotone columns above it. */
export interface NodeSums {
  readonly g: number;
  readonly h: number;
  readonly n: number;
  readonly low: number;
  readonly high: number;
}

export interface SplitLimits {
  readonly minRows: number;
  readonly minWeight: number;
  readonly minGain: number;
  readonly l1: number;
  readonly l2: number;
  readonly categorySmoothing: number;
  /** Penalty on the effects in a leaf, and fewest rows of each arm in one: for boosting with arms. */
  readonly effectL2: number;
  readonly minArmRows: number;
}

/**
 * Layout of a found split in a Float64Array; `gain` is 0 where nothing was found. `order` says which order of categories was cut; the sums of
 * the left side follow, three numbers an arm.
 */
export const found = { gain: 0, cut: 1, missingLeft: 2, order: 3, leftG: 4, leftH: 5, leftN: 6 } as const;

/** Numbers a found split takes. */
export const foundSize = (arms: number): number => found.leftG + 3 * arms;

export const wordSpan = 4_294_967_296;

/** Adds gradients, curvatures and rows of each arm over all codes of a column. */
export function addCells(cells: Int32Array, base: number, bins: number, countShift: number, into: Float64Array): void {
  const highBits = countShift - 32;
  const mask = 2 ** highBits - 1;
  for (let code = 0, cell = base; code < bins; code++) {
    for (let k = 0; k < into.length; k += 3, cell += 4) {
      into[k] += cells[cell + 1] * wordSpan + (cells[cell] >>> 0);
      into[k + 1] += (cells[cell + 3] & mask) * wordSpan + (cells[cell + 2] >>> 0);
      into[k + 2] += cells[cell + 3] >>> highBits;
    }
  }
}

/** argmin of g v + (h + l2) v^2 / 2 + l1 |v| on [low, high]. */
export function leafValue(g: number, h: number, l1: number, l2: number, low: number, high: number): number {
  const shrunk = g > l1 ? g - l1 : g < -l1 ? g + l1 : 0;
  const v = shrunk === 0 ? 0 : -shrunk / (h + l2);
  return v < low ? low : v > high ? high : v;
}

/** Twice the fall of the penalised loss when the node says its best value instead of 0. */
function worth(g: number, h: number, limits: SplitLimits, l2: number, node: NodeSums): number {
  const v = leafValue(g, h, limits.l1, l2, node.low, node.high);
  return -(2 * g * v + (h + l2) * v * v + 2 * limits.l1 * Math.abs(v));
}

/** Worth of both children, or -Infinity where their values run against `direction`. */
function pairWorth(gl: number, hl: number, node: NodeSums, direction: number, limits: SplitLimits, l2: number): number {
  const gr = node.g - gl;
  const hr = node.h - hl;
  if (direction !== 0) {
    const vl = leafValue(gl, hl, limits.l1, l2, node.low, node.high);
    const vr = leafValue(gr, hr, limits.l1, l2, node.low, node.high);
    if (direction * (vr - vl) < 0) return Number.NEGATIVE_INFINITY;
  }
  return worth(gl, hl, limits, l2, node) + worth(gr, hr, limits, l2, node);
}

/**
 * Every cut between neighbouring codes, with the missing rows on either side, and missing against the rest. The first of equal splits is
 * kept, in `out` from `at` on. `cells` is the memory as 32-bit words, `base` the word where the column's cells begin.
 *
 * @param direction 1 or -1 where the right child's value may not be less, or more, than the left one's
 */
export function scanNumber(
  cells: Int32Array,
  base: number,
  bins: number,
  countShift: number,
  node: NodeSums,
  direction: number,
  limits: SplitLimits,
  out: Float64Array,
  at: number,
): void {
  const highBits = countShift - 32;
  const mask = 2 ** highBits - 1;
  const g0 = cells[base + 1] * wordSpan + (cells[base] >>> 0);
  const h0 = (cells[base + 3] & mask) * wordSpan + (cells[base + 2] >>> 0);
  const n0 = cells[base + 3] >>> highBits;
  const { minRows, minWeight, l1, l2 } = limits;
  const simple = direction === 0 && l1 === 0 && node.low === Number.NEGATIVE_INFINITY && node.high === Number.POSITIVE_INFINITY;
  const parent = worth(node.g, node.h, limits, l2, node);
  let most = limits.minGain + parent;
  out[at + found.gain] = 0;
  for (let pass = 0; pass < (n0 > 0 ? 2 : 1); pass++) {
    let gl = pass * g0;
    let hl = pass * h0;
    let nl = pass * n0;
    for (let c = 1, cell = base + 4; c < bins - 1; c++, cell += 4) {
      const high = cells[cell + 3];
      const count = high >>> highBits;
      if (count === 0) continue;
      gl += cells[cell + 1] * wordSpan + (cells[cell] >>> 0);
      hl += (high & mask) * wordSpan + (cells[cell + 2] >>> 0);
      nl += count;
      if (nl < minRows || hl < minWeight) continue;
      if (node.n - nl < minRows || node.h - hl < minWeight) break;
      const gr = node.g - gl;
      const both = simple ? (gl * gl) / (hl + l2) + (gr * gr) / (node.h - hl + l2) : pairWorth(gl, hl, node, direction, limits, l2);
      if (both > most) {
        most = both;
        keep(out, at, both - parent, c, n0 > 0 ? pass : nl > node.n - nl ? 1 : 0, gl, hl, nl);
      }
    }
  }
  const present = node.n - n0;
  if (n0 < minRows || present < minRows || n0 === 0 || present === 0 || h0 < minWeight || node.h - h0 < minWeight) return;
  const both = pairWorth(node.g - g0, node.h - h0, node, 0, limits, l2);
  if (both > most) keep(out, at, both - parent, bins - 1, 0, node.g - g0, node.h - h0, present);
}

function keep(out: Float64Array, at: number, gain: number, cut: number, missingLeft: number, g: number, h: number, n: number): void {
  out[at + found.gain] = gain;
  out[at + found.cut] = cut;
  out[at + found.missingLeft] = missingLeft;
  out[at + found.leftG] = g;
  out[at + found.leftH] = h;
  out[at + found.leftN] = n;
}

/**
 * Categories put in the order of g / (h + smoothing), then every cut of that order: the best of all subsets where nothing is smoothed or
 * penalised (Fisher1958). Missing is a category like the others. `cut` counts the categories that go left.
 *
 * @returns the codes present in that order
 */
export function scanCategory(
  cells: Int32Array,
  base: number,
  bins: number,
  countShift: number,
  node: NodeSums,
  limits: SplitLimits,
  out: Float64Array,
  at: number,
): Int32Array {
  const highBits = countShift - 32;
  const mask = 2 ** highBits - 1;
  out[at + found.gain] = 0;
  const order = present(cells, base, bins, highBits);
  const levels = order.length;
  if (levels < 2) return order;
  const key = new Float64Array(levels);
  for (let k = 0; k < levels; k++) {
    const cell = base + 4 * order[k];
    const h = (cells[cell + 3] & mask) * wordSpan + (cells[cell + 2] >>> 0);
    key[k] = -(cells[cell + 1] * wordSpan + (cells[cell] >>> 0)) / (h + limits.categorySmoothing);
  }
  order.set(argsortDescending(key).map((k) => order[k]));
  // Choosing among many subsets finds differences where there are none: categories are penalised more than cuts.
  const l2 = limits.l2 + limits.categorySmoothing;
  const parent = worth(node.g, node.h, limits, l2, node);
  let most = limits.minGain + parent;
  let gl = 0;
  let hl = 0;
  let nl = 0;
  for (let k = 0; k < levels - 1; k++) {
    const cell = base + 4 * order[k];
    gl += cells[cell + 1] * wordSpan + (cells[cell] >>> 0);
    hl += (cells[cell + 3] & mask) * wordSpan + (cells[cell + 2] >>> 0);
    nl += cells[cell + 3] >>> highBits;
    if (nl < limits.minRows || hl < limits.minWeight) continue;
    if (node.n - nl < limits.minRows || node.h - hl < limits.minWeight) break;
    const both = pairWorth(gl, hl, node, 0, limits, l2);
    if (both > most) {
      most = both;
      keep(out, at, both - parent, k + 1, 0, gl, hl, nl);
    }
  }
  return order;
}

/** Codes with rows. */
export function present(cells: Int32Array, base: number, bins: number, highBits: number): Int32Array {
  const codes = new Int32Array(bins);
  let k = 0;
  for (let c = 0; c < bins; c++) if (cells[base + 4 * c + 3] >>> highBits > 0) codes[k++] = c;
  return codes.slice(0, k);
}

/** Bits of the codes that go left: the first `cut` of the order. Codes the node has no row of follow its heavier side. */
export function categorySet(order: Int32Array, cut: number, leftRows: number, bins: number, rows: number): Int32Array {
  const words = new Int32Array((bins + 31) >> 5);
  const heavyLeft = leftRows > rows - leftRows;
  if (heavyLeft) words.fill(-1);
  const [from, to] = heavyLeft ? [cut, order.length] : [0, cut];
  for (let k = from; k < to; k++) words[order[k] >> 5] ^= 1 << (order[k] & 31);
  return words;
}

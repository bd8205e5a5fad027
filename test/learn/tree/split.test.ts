import { expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { categorySet, found, foundSize, leafValue, type NodeSums, type SplitLimits, scanCategory, scanNumber } from "../../../src/learn/tree/split.ts";
import { expectClose, float64 } from "../../tolerance.ts";

/** Rows of one node on one column: codes with many ties, 0 for missing, whole gradients and curvatures. */
interface Case {
  readonly code: readonly number[];
  readonly g: readonly number[];
  readonly h: readonly number[];
  readonly bins: number;
}

const countShift = 40;

function draw(rng: Rng, missing: boolean, most = 9): Case {
  const bins = 2 + rng.int(most);
  const n = 1 + rng.int(40);
  const weighted = rng.bernoulli(0.5) === 1;
  const list = <T>(make: () => T): T[] => Array.from({ length: n }, make);
  return {
    bins,
    code: list(() => (missing && rng.bernoulli(0.2) ? 0 : 1 + rng.int(bins - 1))),
    g: list(() => rng.int(41) - 20),
    h: list(() => (weighted ? 1 + rng.int(5) : 1)),
  };
}

function cellsOf({ code, g, h, bins }: Case): Int32Array {
  const cells = new BigInt64Array(2 * bins);
  code.forEach((c, i) => {
    cells[2 * c] += BigInt(g[i]);
    cells[2 * c + 1] += BigInt(h[i]) + (1n << BigInt(countShift));
  });
  return new Int32Array(cells.buffer);
}

const sum = (values: readonly number[], rows: readonly number[]): number => rows.reduce((total, i) => total + values[i], 0);

/** The penalised loss of a node at its best value, by formula in the plain case and by search over the bounds otherwise. */
function fall(g: number, h: number, l2: number, limits: SplitLimits, node: NodeSums): { value: number; fall: number } {
  const loss = (v: number): number => g * v + ((h + l2) * v * v) / 2 + limits.l1 * Math.abs(v);
  const free = [0, -(g - limits.l1) / (h + l2), -(g + limits.l1) / (h + l2)];
  const clamp = (v: number): number => Math.min(node.high, Math.max(node.low, v));
  const candidates = [...free.map(clamp), ...[node.low, node.high].filter(Number.isFinite)];
  const value = candidates.reduce((best, v) => (loss(v) < loss(best) ? v : best));
  return { value, fall: -2 * loss(value) };
}

/** Every way of sending codes left, one by one. */
function bruteForce(
  cases: Case,
  sides: readonly ReadonlySet<number>[],
  node: NodeSums,
  limits: SplitLimits,
  l2: number,
  direction: (side: ReadonlySet<number>) => number,
): number {
  const rows = cases.code.map((_, i) => i);
  const parent = fall(node.g, node.h, l2, limits, node).fall;
  let most = 0;
  for (const side of sides) {
    const left = rows.filter((i) => side.has(cases.code[i]));
    const right = rows.filter((i) => !side.has(cases.code[i]));
    if (left.length < limits.minRows || right.length < limits.minRows || left.length === 0 || right.length === 0) continue;
    if (sum(cases.h, left) < limits.minWeight || sum(cases.h, right) < limits.minWeight) continue;
    const a = fall(sum(cases.g, left), sum(cases.h, left), l2, limits, node);
    const b = fall(sum(cases.g, right), sum(cases.h, right), l2, limits, node);
    if (direction(side) * (b.value - a.value) < 0) continue;
    const gain = a.fall + b.fall - parent;
    if (gain > limits.minGain) most = Math.max(most, gain);
  }
  return most;
}

function drawLimits(rng: Rng, categorySmoothing: number): SplitLimits {
  const some = (value: number): number => (rng.bernoulli(0.5) ? value : 0);
  return { minRows: 1 + some(rng.int(5)), minWeight: some(4), minGain: some(3), l1: some(6), l2: some(2), categorySmoothing, effectL2: 0, minArmRows: 0 };
}

function sumsOf({ code, g, h }: Case, rng: Rng): NodeSums {
  const rows = code.map((_, i) => i);
  const bounded = rng.bernoulli(0.3) === 1;
  return { g: sum(g, rows), h: sum(h, rows), n: rows.length, low: bounded ? -1.5 : Number.NEGATIVE_INFINITY, high: bounded ? 2 : Number.POSITIVE_INFINITY };
}

const cuts = (bins: number): ReadonlySet<number>[] => {
  const sides: ReadonlySet<number>[] = [];
  for (let cut = 1; cut < bins; cut++) for (const missing of [[], [0]]) sides.push(new Set([...missing, ...Array.from({ length: cut }, (_, k) => k + 1)]));
  return sides;
};

test("numbers: the split found gains as much as the best of all cuts tried one by one, with ties, missing values, weights, penalties, bounds and directions", () => {
  const rng = new Rng(1);
  let splits = 0;
  for (let round = 0; round < 3000; round++) {
    const cases = draw(rng, rng.bernoulli(0.5) === 1);
    const limits = drawLimits(rng, 0);
    const node = sumsOf(cases, rng);
    const direction = rng.int(3) - 1;
    const out = new Float64Array(foundSize(1));
    scanNumber(cellsOf(cases), 0, cases.bins, countShift, node, direction, limits, out, 0);
    // Missing against the rest is no cut along the column: the direction does not bind it.
    const bound = (side: ReadonlySet<number>): number => (side.size >= cases.bins - 1 && !side.has(0) ? 0 : direction);
    expectClose(out[found.gain], bruteForce(cases, cuts(cases.bins), node, limits, limits.l2, bound), float64, `round ${round}`);
    if (out[found.gain] === 0) continue;
    splits++;
    const left = cases.code.map((c, i) => ((c === 0 ? out[found.missingLeft] === 1 : c <= out[found.cut]) ? i : -1)).filter((i) => i >= 0);
    expect([out[found.leftG], out[found.leftH], out[found.leftN]], "sums of the left side are those of the rows it describes").toEqual([
      sum(cases.g, left),
      sum(cases.h, left),
      left.length,
    ]);
  }
  expect(splits).toBeGreaterThan(1000);
});

const subsets = (bins: number): ReadonlySet<number>[] =>
  Array.from({ length: 2 ** bins }, (_, bits) => new Set(Array.from({ length: bins }, (__, c) => c).filter((c) => (bits >> c) & 1)));

test("categories: without smoothing, penalty and bounds the split gains as much as the best of all subsets, missing being one category more", () => {
  const rng = new Rng(2);
  let splits = 0;
  for (let round = 0; round < 400; round++) {
    const cases = draw(rng, rng.bernoulli(0.5) === 1, 6);
    const limits: SplitLimits = { minRows: 1, minWeight: 0, minGain: 0, l1: 0, l2: 0, categorySmoothing: 0, effectL2: 0, minArmRows: 0 };
    const node = { ...sumsOf(cases, rng), low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
    const out = new Float64Array(foundSize(1));
    const order = scanCategory(cellsOf(cases), 0, cases.bins, countShift, node, limits, out, 0);
    expectClose(
      out[found.gain],
      bruteForce(cases, subsets(cases.bins), node, limits, 0, () => 0),
      1e-9,
      `round ${round}`,
    );
    if (out[found.gain] === 0) continue;
    splits++;
    const [word] = categorySet(order, out[found.cut], out[found.leftN], cases.bins, node.n);
    const left = cases.code.map((c, i) => (((word >> c) & 1) === 1 ? i : -1)).filter((i) => i >= 0);
    expect([sum(cases.g, left), sum(cases.h, left), left.length]).toEqual([out[found.leftG], out[found.leftH], out[found.leftN]]);
    const absent = Array.from({ length: cases.bins }, (_, c) => c).filter((c) => !cases.code.includes(c));
    for (const c of absent) expect(((word >> c) & 1) === 1, "a code without rows follows the heavier side").toBe(left.length > node.n - left.length);
  }
  expect(splits).toBeGreaterThan(200);
});

test("categories: with smoothing the split gains as much as the best cut of the smoothed order", () => {
  const rng = new Rng(3);
  for (let round = 0; round < 1000; round++) {
    const cases = draw(rng, true, 8);
    const limits = drawLimits(rng, 3);
    const node = sumsOf(cases, rng);
    const out = new Float64Array(foundSize(1));
    scanCategory(cellsOf(cases), 0, cases.bins, countShift, node, limits, out, 0);
    const rows = cases.code.map((_, i) => i);
    const mean = (c: number): number => {
      const of = rows.filter((i) => cases.code[i] === c);
      return sum(cases.g, of) / (sum(cases.h, of) + 3);
    };
    const order = [...new Set(cases.code)].toSorted((a, b) => mean(a) - mean(b) || a - b);
    const sides = order.slice(0, -1).map((_, k) => new Set(order.slice(0, k + 1)));
    expectClose(
      out[found.gain],
      bruteForce(cases, sides, node, limits, limits.l2 + 3, () => 0),
      1e-9,
      `round ${round}`,
    );
  }
});

test("a leaf's value minimises its penalised loss within its bounds", () => {
  expect(leafValue(-6, 2, 0, 1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)).toBe(2);
  expect(leafValue(-6, 2, 3, 1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)).toBe(1);
  expect(leafValue(-6, 2, 7, 1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)).toBe(0);
  expect(leafValue(-6, 2, 0, 1, Number.NEGATIVE_INFINITY, 0.5)).toBe(0.5);
});

test("a node whose rows share one code has no split", () => {
  const out = new Float64Array(foundSize(1)).fill(9);
  const cases: Case = { bins: 4, code: [2, 2, 2], g: [1, -5, 4], h: [1, 1, 1] };
  const node = { g: 0, h: 3, n: 3, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const limits = { minRows: 1, minWeight: 0, minGain: 0, l1: 0, l2: 0, categorySmoothing: 0, effectL2: 0, minArmRows: 0 };
  scanNumber(cellsOf(cases), 0, 4, countShift, node, 0, limits, out, 0);
  expect(out[found.gain]).toBe(0);
  out.fill(9);
  expect(Array.from(scanCategory(cellsOf(cases), 0, 4, countShift, node, limits, out, 0))).toEqual([2]);
  expect(out[found.gain]).toBe(0);
});

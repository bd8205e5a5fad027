import { expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { type Moments, numbersOf, outputsOf, scoreFunction, solve } from "../../../src/uplift/tree/moments.ts";
import { estimateRows } from "../../../src/uplift/tree/outOfBag.ts";
import { robustRegression } from "../../../src/uplift/tree/regression.ts";
import { expectAllClose, expectClose } from "../../tolerance.ts";

/** Weight, outcome, treatments, instrument of n rows. */
function drawNumbers(rng: Rng, n: number, { arms, instrument }: Moments): Float64Array[] {
  const numbers = Array.from({ length: numbersOf({ arms, instrument }) }, () => Float64Array.from({ length: n }, () => rng.normal()));
  for (let i = 0; i < n; i++) {
    numbers[0][i] = 0.5 + rng.float();
    if (instrument) numbers[2][i] += numbers[3][i];
    for (let a = 0; a < arms; a++) numbers[1][i] += (a + 1) * numbers[2 + a][i];
  }
  return numbers;
}

function scores(moments: Moments, numbers: readonly Float64Array[]): ReturnType<typeof scoreFunction> {
  return scoreFunction(moments, { most: numbers.map((list) => list.reduce((most, v) => Math.max(most, Math.abs(v)), 0)), curvatureBits: 20 }, numbers);
}

const families: readonly Moments[] = [
  { arms: 0, instrument: false },
  { arms: 1, instrument: false },
  { arms: 3, instrument: false },
  { arms: 1, instrument: true },
];

function momentsOver(moments: Moments, numbers: readonly Float64Array[], rows: Iterable<number>): Float64Array {
  const total = new Float64Array(outputsOf(moments));
  const { addMoments } = scores(moments, numbers);
  for (const i of rows) addMoments(i, total, 0);
  return total;
}

test("the solution is weighted least squares of outcome on treatments, two-stage least squares with an instrument, and the mean without treatment", () => {
  const rng = new Rng(1);
  const n = 80;
  const all = Array.from({ length: n }, (_, i) => i);
  for (const moments of families) {
    const numbers = drawNumbers(rng, n, moments);
    const [weight, y, ...w] = numbers;
    const solution = solve(moments, momentsOver(moments, numbers, all), 0);
    const constant = new Float64Array(n).fill(1);
    if (moments.instrument) {
      const [outcome, treatment] = [y, w[0]].map((values) => (robustRegression([constant, w[1]], values, weight) ?? [])[1].estimate);
      expectClose(solution?.effect[0] ?? Number.NaN, outcome / treatment, 1e-9);
    } else {
      const fit = robustRegression([constant, ...w], y, weight) ?? [];
      expectAllClose(
        solution?.effect ?? [],
        fit.slice(1).map(({ estimate }) => estimate),
        1e-9,
        `${moments.arms} arms`,
      );
      if (moments.arms === 0) expectClose(solution?.meanY ?? Number.NaN, fit[0].estimate, 1e-9);
    }
  }
});

test("treatment that does not vary, that two arms share, or that the instrument does not move, has no solution", () => {
  const constant = (length: number): Float64Array => new Float64Array(length).fill(2);
  const rng = new Rng(2);
  const all = Array.from({ length: 30 }, (_, i) => i);
  const [weight, y, w] = drawNumbers(rng, 30, { arms: 1, instrument: false });
  expect(solve({ arms: 1, instrument: false }, momentsOver({ arms: 1, instrument: false }, [weight, y, constant(30)], all), 0)).toBeUndefined();
  expect(solve({ arms: 2, instrument: false }, momentsOver({ arms: 2, instrument: false }, [weight, y, w, w], all), 0)).toBeUndefined();
  expect(solve({ arms: 1, instrument: true }, momentsOver({ arms: 1, instrument: true }, [weight, y, w, constant(30)], all), 0)).toBeUndefined();
  expect(solve({ arms: 1, instrument: false }, new Float64Array(5), 0)).toBeUndefined();
});

test("pseudo-outcomes sum to zero in their node, and their sum over a part is how far the part's effect pulls", () => {
  const rng = new Rng(3);
  const n = 200;
  const rows = Int32Array.from({ length: n }, (_, i) => i);
  for (const moments of families) {
    const numbers = drawNumbers(rng, n, moments);
    const functions = scores(moments, numbers);
    expect(functions.prepare(rows, 0, n)).toBe(true);
    const solution = solve(moments, momentsOver(moments, numbers, rows), 0);
    const [weight, y, ...rest] = numbers;
    const z = moments.instrument ? [rest[1]] : rest;
    const words = new Int32Array(2 * n);
    for (let plane = 0; plane < functions.count; plane++) {
      functions.write(plane, rows, 0, n, words, 0);
      const got = Array.from({ length: n }, (_, i) => words[2 * i] * Math.sqrt(functions.gainUnit));
      const want = Array.from({ length: n }, (_, i) => {
        let residual = y[i] - (solution?.meanY ?? 0);
        for (let a = 0; a < moments.arms; a++) residual -= (solution?.effect[a] ?? 0) * (rest[a][i] - (solution?.meanW[a] ?? 0));
        if (moments.arms === 0) return weight[i] * residual;
        let pull = 0;
        for (let a = 0; a < moments.arms; a++)
          pull += (solution?.inverse[plane * moments.arms + a] ?? 0) * (z[a][i] - (moments.instrument ? (solution?.meanZ ?? 0) : (solution?.meanW[a] ?? 0)));
        return weight[i] * pull * residual;
      });
      const size = Math.max(...want.map(Math.abs));
      expectAllClose(
        got.map((v) => v / size),
        want.map((v) => v / size),
        1e-7,
        "pseudo-outcomes",
      );
      expectClose(got.reduce((a, b) => a + b, 0) / size, 0, 1e-6);
    }
  }
});

test("a forest's estimate solves the mean of its leaves' moments; its variance is that of the little bags' scores", () => {
  const rng = new Rng(4);
  const moments: Moments = { arms: 1, instrument: false };
  const trees = 60;
  const bag = 3;
  const numbers = drawNumbers(rng, 500, moments);
  // Stumps of one leaf each: every tree holds the mean moments of ten rows, rows of a bag being alike.
  const values = new Float64Array(trees * outputsOf(moments));
  for (let tree = 0; tree < trees; tree++) {
    const rows = Array.from({ length: 10 }, (_, k) => (k < 5 ? Math.floor(tree / bag) * 20 + k : rng.int(500)));
    values.set(
      momentsOver(moments, numbers, rows).map((v) => v / 10),
      tree * outputsOf(moments),
    );
  }
  const nodes = Int32Array.from({ length: 3 * trees }, (_, at) => (at % 3 === 0 ? -1 : at % 3 === 1 ? Math.floor(at / 3) : 0));
  const forest = { roots: Int32Array.from({ length: trees }, (_, t) => t), nodes, sets: new Int32Array(0), values, outputs: outputsOf(moments) };
  const { estimate, variance, covered } = estimateRows(forest, moments, [new Uint8Array(1)], new Uint8Array(1), 0, 1, bag);
  expect(covered).toBe(1);
  const mean = Float64Array.from({ length: 5 }, (_, k) => Array.from({ length: trees }, (__, t) => values[t * 5 + k]).reduce((a, b) => a + b, 0) / trees);
  const [w, y, ww, wy, www] = mean;
  const effect = (wy / w - (ww / w) * (y / w)) / (www / w - (ww / w) ** 2);
  expectClose(estimate[0][0], effect, 1e-9);
  const scoreOf = (t: number): number => {
    const m = values.subarray(t * 5, t * 5 + 5);
    const base = y / w - (effect * ww) / w;
    const first = m[1] - base * m[0] - effect * m[2];
    return (m[3] - base * m[2] - effect * m[4] - (ww / w) * first) / (www / w - (ww / w) ** 2) / w;
  };
  const bags = Array.from({ length: trees / bag }, (_, g) => Array.from({ length: bag }, (__, k) => scoreOf(g * bag + k)));
  const means = bags.map((list) => list.reduce((a, b) => a + b, 0) / bag);
  const between = means.reduce((sum, v) => sum + v * v, 0) / means.length;
  const within = bags.reduce((sum, list, g) => sum + list.reduce((s, v) => s + (v - means[g]) ** 2, 0) / bag, 0) / means.length;
  const unbiased = between - within / (bag - 1);
  // Clearly positive here, so that the flat prior hardly moves it, and only upwards.
  expect(unbiased).toBeGreaterThan(0);
  expect(variance[0][0]).toBeGreaterThanOrEqual(unbiased);
  expect(variance[0][0]).toBeLessThan(1.1 * unbiased + 0.1 * between);
});

test("rows that every tree has seen, or that no treatment varies around, are left without an estimate and not counted", () => {
  const moments: Moments = { arms: 1, instrument: false };
  const forest = { roots: Int32Array.of(0), nodes: Int32Array.of(-1, 0, 0), sets: new Int32Array(0), values: Float64Array.of(1, 2, 3, 6, 9), outputs: 5 };
  const flat = estimateRows(forest, moments, [new Uint8Array(2)], new Uint8Array(1), 0, 2, 2);
  expect([flat.covered, ...flat.estimate[0], ...flat.variance[0]]).toEqual([0, Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
  const seen = estimateRows(forest, { arms: 0, instrument: false }, [new Uint8Array(2)], new Uint8Array(1), 0, 2, 0, (row) => row === 1);
  expect([seen.covered, ...seen.estimate[0]]).toEqual([1, Number.NaN, 2]);
});

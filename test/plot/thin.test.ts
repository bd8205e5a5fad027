import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { thin } from "../../src/plot/thin.ts";

/** Slow twin of the promise: the largest vertical distance between the values and the lines drawn through the kept points. */
function furthest(x: ArrayLike<number>, y: ArrayLike<number>, kept: ArrayLike<number>): number {
  let worst = 0;
  for (let k = 1; k < kept.length; k++) {
    const [a, b] = [kept[k - 1], kept[k]];
    for (let i = a; i <= b; i++) worst = Math.max(worst, Math.abs(y[i] - (y[a] + ((y[b] - y[a]) * (x[i] - x[a])) / (x[b] - x[a]))));
  }
  return worst;
}

function walk(rng: Rng, n: number): { x: Float64Array; y: Float64Array } {
  let at = 0;
  return { x: Float64Array.from({ length: n }, (_, i) => i / (n - 1)), y: Float64Array.from({ length: n }, () => (at += rng.normal())) };
}

describe("thin", () => {
  test("keeps all points when there are few, and first and last always", () => {
    expect([...thin({ x: [0, 1, 2], ys: [[5, 1, 3]] }, 10)]).toEqual([0, 1, 2]);
    const { x, y } = walk(new Rng(1), 1000);
    const kept = thin({ x, ys: [y] }, 50);
    expect(kept.length).toBe(50);
    expect([kept[0], kept[49]]).toEqual([0, 999]);
    expect([...kept]).toEqual([...kept].toSorted((a, b) => a - b));
  });

  test("a straight line needs two points, a corner one more", () => {
    const x = Float64Array.from({ length: 101 }, (_, i) => i);
    expect([...thin({ x, ys: [x.map((v) => 2 * v)] }, 50)]).toEqual([0, 100]);
    expect([...thin({ x, ys: [x.map((v) => Math.min(v, 40))] }, 50)]).toEqual([0, 40, 100]);
  });

  test("a spike of one point among a hundred thousand is kept", () => {
    const y = new Float64Array(100_000);
    y[61_803] = 1;
    expect([...thin({ x: y.map((_, i) => i), ys: [y] }, 10)]).toContain(61_803);
  });

  test("a spike in a band is kept although the line is straight there", () => {
    const flat = new Float64Array(5000);
    const upper = flat.map((_, i) => (i === 1234 ? 9 : 1));
    expect([...thin({ x: flat.map((_, i) => i), ys: [flat, upper] }, 10)]).toContain(1234);
  });

  test("is closer to the curve than every k-th point, on 50 random walks", () => {
    for (let seed = 0; seed < 50; seed++) {
      const { x, y } = walk(new Rng(seed), 2001);
      const every = Array.from({ length: 101 }, (_, i) => 20 * i);
      expect(furthest(x, y, thin({ x, ys: [y] }, 101))).toBeLessThan(furthest(x, y, every));
    }
  });

  test("the more points are kept of a random walk, the closer they are to it", () => {
    const { x, y } = walk(new Rng(9), 3000);
    const errors = [10, 20, 40, 80, 160, 320].map((most) => furthest(x, y, thin({ x, ys: [y] }, most)));
    for (let i = 1; i < errors.length; i++) expect(errors[i]).toBeLessThanOrEqual(errors[i - 1]);
  });

  test("points with a missing value in any line are left out", () => {
    expect([...thin({ x: [0, 1, 2, 3], ys: [[0, Number.NaN, 2, 3]] }, 10)]).toEqual([0, 2, 3]);
    expect([...thin({ x: [0, 1], ys: [[Number.NaN, Number.NaN]] }, 10)]).toEqual([]);
    expect([...thin({ x: [], ys: [[]] }, 10)]).toEqual([]);
  });

  test("steps at one x are drawn as steps", () => {
    expect([...thin({ x: [0, 0.5, 0.5, 1], ys: [[0, 0, 1, 1]] }, 4)]).toEqual([0, 1, 2, 3]);
  });
});

import { expect, test } from "vitest";
import { mean, moments, variance, weightedMean } from "../../../src/base/stats/moments.ts";
import { quantile, quantileSorted, quantiles } from "../../../src/base/stats/quantile.ts";
import { averageRank } from "../../../src/base/stats/rank.ts";
import { expectClose, float64 } from "../../tolerance.ts";

test("quantile: uses the R-7 method, as numpy's default does", () => {
  // numpy.quantile([3, 1, 4, 1, 5, 9, 2, 6], [0, 0.1, 0.25, 0.5, 0.9, 1])
  const values = [3, 1, 4, 1, 5, 9, 2, 6];
  const want = [1, 1, 1.75, 3.5, 6.8999999999999995, 9];
  [0, 0.1, 0.25, 0.5, 0.9, 1].forEach((p, i) => {
    expectClose(quantile(values, p), want[i], float64);
  });
  expect([...quantiles(values, [0.5, 1])]).toEqual([3.5, 9]);
  expect(values).toEqual([3, 1, 4, 1, 5, 9, 2, 6]);
});

test("quantile: of nothing, of NaN and at an impossible share is NaN; of one value that value", () => {
  for (const value of [quantile([], 0.5), quantile([1, Number.NaN], 0.5), quantile([1, 2], 1.5), quantile([1, 2], Number.NaN)]) expect(value).toBeNaN();
  expect(quantileSorted([7], 0.3)).toBe(7);
});

test("averageRank: equal values share the mean of their ranks", () => {
  expect([...averageRank(Float64Array.of(10, 20, 20, 5, 20))]).toEqual([2, 4, 4, 1, 4]);
  expect([...averageRank(new Float64Array(0))]).toEqual([]);
});

test("moments: one pass, and stable far from zero", () => {
  const values = [4, 7, 13, 16].map((v) => v + 1e9);
  expectClose(variance(values), 30, float64);
  expectClose(moments(values).mean, 1e9 + 10, float64);
  expect(moments([]).mean).toBeNaN();
  expect(variance([3])).toBeNaN();
  expect(mean([1, 2, 6])).toBe(3);
  expect(weightedMean([1, 2, 6], [1, 0, 3])).toBe(19 / 4);
  expect(weightedMean([1, 2, 6])).toBe(3);
  expect(weightedMean([1], [0])).toBeNaN();
});

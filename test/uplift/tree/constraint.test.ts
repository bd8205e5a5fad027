import { expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { effectRule, keepRule } from "../../../src/uplift/tree/constraint.ts";
import { expectClose } from "../../tolerance.ts";

const treated = ["low", "middle", "high"];

test("along the doses effects move one way, at the least weighted squared distance", () => {
  const rng = new Rng(1);
  for (let round = 0; round < 300; round++) {
    const mean = Float64Array.from({ length: 4 }, () => rng.normal());
    const weight = Float64Array.from({ length: 4 }, () => 1 + rng.int(9));
    const moved = mean.slice();
    const rule = effectRule(treated, {}, treated, round % 2 === 0 ? 1 : -1);
    if (rule === undefined) throw new Error("a rule was asked for");
    keepRule(rule, moved, weight);
    const sign = round % 2 === 0 ? 1 : -1;
    for (let k = 2; k < 4; k++) expect(sign * (moved[k] - moved[k - 1])).toBeGreaterThanOrEqual(-1e-15);
    expect(moved[0]).toBe(mean[0]);
    // The nearest ordered means pool neighbours: every way to pool them is tried.
    const distance = (values: ArrayLike<number>): number => [1, 2, 3].reduce((sum, k) => sum + weight[k] * (values[k] - mean[k]) ** 2, 0);
    let least = Number.POSITIVE_INFINITY;
    for (const blocks of [[[1], [2], [3]], [[1, 2], [3]], [[1], [2, 3]], [[1, 2, 3]]]) {
      const pooled = [mean[0], 0, 0, 0];
      for (const block of blocks) {
        const total = block.reduce((sum, k) => sum + weight[k], 0);
        for (const k of block) pooled[k] = block.reduce((sum, j) => sum + weight[j] * mean[j], 0) / total;
      }
      if ([2, 3].every((k) => sign * (pooled[k] - pooled[k - 1]) >= 0)) least = Math.min(least, distance(pooled));
    }
    expectClose(distance(moved), least, 1e-12, `round ${round}`);
  }
});

test("signs bound effects, and along doses they bind what lies beyond: a low dose that helps means a high one that helps", () => {
  const rng = new Rng(2);
  const rule = effectRule(treated, { low: 1 }, treated, 1);
  if (rule === undefined) throw new Error("a rule was asked for");
  for (let round = 0; round < 200; round++) {
    const mean = Float64Array.from({ length: 4 }, () => rng.normal());
    keepRule(rule, mean, Float64Array.of(1, 1, 2, 3));
    expect(mean[1]).toBeGreaterThanOrEqual(mean[0]);
    expect(mean[2]).toBeGreaterThanOrEqual(mean[1]);
    expect(mean[3]).toBeGreaterThanOrEqual(mean[2]);
  }
  const negative = effectRule(treated, { middle: -1 }, [], 1);
  const mean = Float64Array.of(1, 5, 5, 5);
  if (negative !== undefined) keepRule(negative, mean, mean);
  expect(Array.from(mean)).toEqual([1, 5, 1, 5]);
});

test("means that keep the rule are left alone", () => {
  const mean = Float64Array.of(0, 1, 2, 3);
  const rule = effectRule(treated, { high: 1 }, treated, 1);
  if (rule !== undefined) keepRule(rule, mean, Float64Array.of(1, 1, 1, 1));
  expect(Array.from(mean)).toEqual([0, 1, 2, 3]);
});

test("no rule where none is asked for; arms that are not there or there twice are named", () => {
  expect(effectRule(treated, {}, [], 1)).toBeUndefined();
  expect(() => effectRule(treated, { higg: 1 }, [], 1)).toThrow(/signs names arm "higg".*did you mean "high"/);
  expect(() => effectRule(treated, {}, ["low", "control"], 1)).toThrow(/doses names arm "control", which is not a treated arm/);
  expect(() => effectRule(treated, {}, ["low", "low"], 1)).toThrow(/twice/);
});

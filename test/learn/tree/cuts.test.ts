import { expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { quantileCuts } from "../../../src/learn/tree/cuts.ts";

const cutsOf = (values: readonly number[], bins: number): number[] => Array.from(quantileCuts(Float64Array.from(values), bins));

test("few distinct values are all cut apart, half way between neighbours", () => {
  expect(cutsOf([3, 1, 1, 7, 3, Number.NaN], 255)).toEqual([2, 5]);
});

test("a constant column, one value and no value have no cut", () => {
  expect(cutsOf([4, 4, Number.NaN], 10)).toEqual([]);
  expect(cutsOf([4], 10)).toEqual([]);
  expect(cutsOf([Number.NaN, Number.NaN], 10)).toEqual([]);
});

test("infinite and neighbouring values are still told apart: the lower one is at or below the cut, the upper one above", () => {
  const values = [Number.NEGATIVE_INFINITY, 1, 1 + Number.EPSILON, Number.POSITIVE_INFINITY];
  const cuts = cutsOf(values, 255);
  expect(cuts.length).toBe(3);
  cuts.forEach((cut, k) => expect(values[k] <= cut && values[k + 1] > cut).toBe(true));
});

test("many distinct values fill the bins evenly", () => {
  const rng = new Rng(4);
  const values = Float64Array.from({ length: 20_000 }, () => rng.normal());
  const cuts = quantileCuts(values, 100);
  expect(cuts.length).toBe(99);
  const counts = new Int32Array(100);
  for (const v of values) counts[cuts.filter((cut) => v > cut).length]++;
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(195);
  expect(Math.max(...counts)).toBeLessThanOrEqual(205);
});

test("a value that would fill a bin alone gets one, and the rest is still cut finely", () => {
  const rng = new Rng(5);
  const values = Float64Array.from({ length: 10_000 }, (_, i) => (i % 2 === 0 ? 0 : rng.normal()));
  const cuts = quantileCuts(values, 50);
  const below = Math.max(...cuts.filter((cut) => cut < 0));
  const above = Math.min(...cuts.filter((cut) => cut >= 0));
  expect(values.filter((v) => v > below && v <= above).every((v) => v === 0)).toBe(true);
  expect(cuts.length).toBeGreaterThan(45);
});

test("never more bins than asked for, whatever the values", () => {
  const rng = new Rng(6);
  for (let round = 0; round < 300; round++) {
    const bins = 2 + rng.int(12);
    const values = Float64Array.from({ length: 1 + rng.int(80) }, () => (rng.bernoulli(0.5) ? rng.int(4) : rng.int(40)));
    const cuts = quantileCuts(values, bins);
    expect(cuts.length).toBeLessThan(bins);
    expect(Array.from(cuts)).toEqual(Array.from(cuts).toSorted((a, b) => a - b));
    expect(new Set(cuts).size).toBe(cuts.length);
  }
});

import { expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { membership, sampleColumns } from "../../../src/uplift/tree/sample.ts";
import { expectWithin } from "../../tolerance.ts";

const seed = [12, 34] as const;
const n = 20_000;
const members = (share: number, bag: number, tree: number): boolean[] => {
  const isIn = membership({ share, honest: 0, bag }, seed, tree);
  return Array.from({ length: n }, (_, unit) => isIn(unit));
};
const rate = (flags: readonly boolean[]): number => flags.filter(Boolean).length / flags.length;
const error = (p: number): number => Math.sqrt((p * (1 - p)) / n);

test("every unit is in a tree's sample with the asked share, independently between trees and between neighbouring units", () => {
  for (const share of [0.1, 0.5, 0.8]) {
    const [first, second] = [members(share, 1, 0), members(share, 1, 1)];
    expectWithin(rate(first), share, error(share), 4);
    expectWithin(rate(first.map((is, i) => is && second[i])), share * share, error(share * share), 4);
    expectWithin(rate(first.map((is, i) => is && first[(i + 1) % n])), share * share, error(share * share), 4);
  }
  expect(rate(members(1, 1, 3))).toBe(1);
});

test("trees of a bag draw from one half of the units, trees of other bags from another half", () => {
  const [a, b, c] = [members(0.25, 2, 0), members(0.25, 2, 1), members(0.25, 2, 2)];
  for (const sample of [a, b, c]) expectWithin(rate(sample), 0.25, error(0.25), 4);
  // Within the half of the bag: 1/2 * 1/2 * 1/2; across bags: 1/4 * 1/4.
  expectWithin(rate(a.map((is, i) => is && b[i])), 1 / 8, error(1 / 8), 4);
  expectWithin(rate(b.map((is, i) => is && c[i])), 1 / 16, error(1 / 16), 4);
  const half = [members(0.5, 2, 0), members(0.5, 2, 1)];
  expectWithin(rate(half[0].map((is, i) => is && half[1][i])), 0.5, error(0.5), 4);
});

test("columns are drawn without repeats, in order, each as often as any other", () => {
  const counts = new Int32Array(10);
  const rng = new Rng(1);
  for (let round = 0; round < 5000; round++) {
    const chosen = sampleColumns(10, 3, rng);
    expect(Array.from(chosen)).toEqual([...new Set(chosen)].toSorted((a, b) => a - b));
    for (const j of chosen) counts[j]++;
  }
  for (const count of counts) expectWithin(count / 5000, 0.3, Math.sqrt(0.21 / 5000), 4);
  expect(Array.from(sampleColumns(3, 7, rng))).toEqual([0, 1, 2]);
});

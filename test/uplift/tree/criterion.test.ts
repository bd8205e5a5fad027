import { expect, test } from "vitest";
import { criterionFor, criterionNames, gainOf, normaliser } from "../../../src/uplift/tree/criterion.ts";
import { expectClose, float64 } from "../../tolerance.ts";

const means = (...values: number[]): Float64Array => Float64Array.from(values);
const node = means(0.25, 0.5);
const left = means(0.5, 0.25);
const right = means(0.125, 0.75);

test("each criterion is the formula of its paper, computed by hand for one split", () => {
  // Control 1/4, treated 1/2 in the node; 1/2 and 1/4 on the left (a quarter of the rows); 1/8 and 3/4 on the right.
  const kl = (p: number, q: number): number => p * Math.log2(p / q) + (1 - p) * Math.log2((1 - p) / (1 - q));
  const want = {
    kl: 0.25 * kl(1 / 4, 1 / 2) + 0.75 * kl(3 / 4, 1 / 8) - kl(1 / 2, 1 / 4),
    euclidean: 0.25 * (2 / 16) + 0.75 * 2 * (25 / 64) - 2 / 16,
    "chi-squared": 0.25 * (1 / 16 / (1 / 4)) + 0.75 * (25 / 64 / (7 / 64)) - 1 / 16 / (3 / 16),
    cts: 0.25 * 0.5 + 0.75 * 0.75 - 0.5,
    ddp: 5 / 8 + 1 / 4,
    squared: 0.25 / 16 + (0.75 * 25) / 64 - 1 / 16,
  };
  for (const name of criterionNames) expectClose(gainOf(name)(node, left, right, 0.25), want[name], float64, name);
});

test("where both sides are like the node, no criterion sees a gain", () => {
  for (const name of criterionNames) expectClose(gainOf(name)(node, node, node, 0.4), 0, float64, name);
});

test("several treated arms add up, but for cts, which asks only for the best arm", () => {
  const gain = (name: (typeof criterionNames)[number], ...[a, b, c]: number[][]): number => gainOf(name)(means(...a), means(...b), means(...c), 0.5);
  for (const name of criterionNames.filter((one) => one !== "cts")) {
    const both = gain(name, [0.2, 0.4, 0.5], [0.3, 0.4, 0.5], [0.2, 0.6, 0.3]);
    const apart = gain(name, [0.2, 0.4], [0.3, 0.4], [0.2, 0.6]) + gain(name, [0.2, 0.5], [0.3, 0.5], [0.2, 0.3]);
    expectClose(both, apart, float64, name);
  }
  expectClose(gain("cts", [0.2, 0.4, 0.5], [0.3, 0.4, 0.5], [0.2, 0.6, 0.3]), 0.5 * 0.5 + 0.5 * 0.6 - 0.5, float64);
});

test("the normaliser is larger for tests that split the arms differently than for those that split them alike", () => {
  for (const name of ["kl", "euclidean", "chi-squared"] as const) {
    const divisor = normaliser(name);
    expect(divisor?.(means(80, 20), means(20, 80)), name).toBeGreaterThan(divisor?.(means(50, 50), means(50, 50)) ?? Number.NaN);
  }
  // By hand, Euclidean: half treated; 3/4 of them and 1/4 of control go left. Gini(1/2) 2 (1/2)^2 + Gini(3/4) / 2 + Gini(1/4) / 2 + 1/2.
  expectClose(normaliser("euclidean")?.(means(25, 75), means(75, 25)) ?? Number.NaN, 0.5 * 0.5 + 0.375 / 2 + 0.375 / 2 + 0.5, float64);
  expect(normaliser("cts")).toBeUndefined();
});

test("the criterion must suit the outcome; auto is kl for 0/1 outcomes and squared effects for others", () => {
  expect([criterionFor("auto", "binary"), criterionFor("auto", "count"), criterionFor("auto", "continuous")]).toEqual(["kl", "squared", "squared"]);
  expect(() => criterionFor("kl", "continuous")).toThrow(/compares probabilities and the outcome is continuous; use squared, cts or ddp/);
});

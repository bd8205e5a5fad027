import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { allocate } from "../../src/allocate/allocate.ts";
import type { AllocationOptions } from "../../src/allocate/problem.ts";
import { expectClose, float64 } from "../tolerance.ts";

interface Case {
  readonly gain: Float64Array[];
  readonly cost: Float64Array[];
  readonly options: AllocationOptions;
}

/** The best value of all allocations within the limits, by trying each; -Infinity when there is none. */
function enumerate({ gain, cost, options }: Case): number {
  const { budget = Number.POSITIVE_INFINITY, caps = [], floors = [], nobody = true } = options;
  const n = gain[0].length;
  const count = gain.map(() => 0);
  let best = Number.NEGATIVE_INFINITY;
  const from = (i: number, spent: number, value: number): void => {
    if (spent > budget) return;
    if (i === n) {
      if (count.every((units, k) => units >= (floors[k] ?? 0))) best = Math.max(best, value);
      return;
    }
    if (nobody) from(i + 1, spent, value);
    for (let k = 0; k < gain.length; k++) {
      if (count[k] >= (caps[k] ?? n)) continue;
      count[k]++;
      from(i + 1, spent + cost[k][i], value + gain[k][i]);
      count[k]--;
    }
  };
  from(0, 0, 0);
  return best;
}

/** A problem of up to 8 units and 3 arms; two in five are full of ties (whole numbers, zero costs, losses). */
function smallCase(run: number): Case {
  const rng = new Rng(31).split("case", run);
  const [n, arms] = [1 + rng.int(8), 1 + rng.int(3)];
  const ties = rng.bernoulli(0.4) === 1;
  const table = (draw: () => number): Float64Array[] => Array.from({ length: arms }, () => Float64Array.from({ length: n }, draw));
  const gain = table(() => (ties ? rng.int(4) - 1 : rng.normal() + 0.5));
  const cost = table(() => (ties ? rng.int(3) : rng.exponential()));
  const kind = rng.int(3);
  const caps = kind === 0 ? undefined : gain.map(() => (rng.bernoulli(0.5) === 1 ? rng.int(n + 1) : undefined));
  const floors = kind === 0 ? undefined : gain.map((_, k) => (rng.bernoulli(0.3) === 1 ? Math.min(caps?.[k] ?? n, rng.int(2)) : undefined));
  return { gain, cost, options: { budget: kind === 1 ? undefined : rng.float() * n * 0.8, caps, floors, nobody: rng.bernoulli(0.8) === 1 } };
}

function expectWithinLimits({ gain, cost, options }: Case, choice: Int32Array): void {
  const count = new Int32Array(gain.length + 1);
  let spent = 0;
  choice.forEach((k, i) => {
    count[k]++;
    if (k > 0) spent += cost[k - 1][i];
  });
  expect(spent).toBeLessThanOrEqual((options.budget ?? Number.POSITIVE_INFINITY) * (1 + float64));
  if (options.nobody === false) expect(count[0]).toBe(0);
  gain.forEach((_, k) => {
    expect(count[k + 1]).toBeLessThanOrEqual(options.caps?.[k] ?? Number.POSITIVE_INFINITY);
    expect(count[k + 1]).toBeGreaterThanOrEqual(options.floors?.[k] ?? 0);
  });
}

describe("against the enumeration of every allocation, on 500 small problems", () => {
  const cases = Array.from({ length: 500 }, (_, run) => smallCase(run));
  const solved = cases.map((one) => {
    const best = enumerate(one);
    try {
      return { one, best, got: allocate(one.gain, one.cost, one.options) };
    } catch (error) {
      return { one, best, error: error as Error };
    }
  });

  test("it refuses exactly the problems that have no allocation", () => {
    expect(solved.filter(({ error }) => error !== undefined).length).toBeGreaterThan(10);
    for (const { best, error } of solved) expect(error === undefined, error?.message).toBe(best > Number.NEGATIVE_INFINITY);
  });

  test("every limit is kept, and the optimum lies between value and bound", () => {
    for (const { one, best, got } of solved) {
      if (got === undefined) continue;
      expectWithinLimits(one, got.choice);
      expect(got.value).toBeLessThanOrEqual(best + 1e-9);
      expect(got.bound).toBeGreaterThanOrEqual(best - 1e-9);
      expectClose(got.gap, got.bound - got.value, 1e-9);
    }
  });

  test("it finds the optimum in at least 95 of 100", () => {
    const found = solved.filter(({ got }) => got !== undefined);
    const exact = found.filter(({ got, best }) => (got?.value ?? Number.NaN) >= best - 1e-9);
    expect(exact.length / found.length).toBeGreaterThan(0.95);
  });

  test("where only the budget limits, the gap is at most the value of one unit", () => {
    for (const { one, got } of solved) {
      if (got === undefined || one.options.caps !== undefined) continue;
      const spread = one.gain[0].map((_, i) => {
        const values = [0, ...one.gain.map((values) => values[i])];
        return Math.max(...values) - Math.min(...values);
      });
      expect(got.gap).toBeLessThanOrEqual(Math.max(...spread) + 1e-9);
    }
  });

  test("the totals are those of the choice", () => {
    for (const { one, got } of solved) {
      if (got === undefined) continue;
      const sum = (columns: Float64Array[]): number => got.choice.reduce((s, k, i) => s + (k === 0 ? 0 : columns[k - 1][i]), 0);
      expectClose(got.spent, sum(one.cost), float64);
      expectClose(got.value, sum(one.gain), float64);
      expect(got.gain).toBe(got.value);
      expect(got.counts.reduce((s, units) => s + units, 0)).toBe(one.gain[0].length);
    }
  });
});

describe("against HiGHS, on 40 problems of 15 to 40 units", () => {
  const file = new URL("../fixtures/allocate/data.json", import.meta.url);
  const cases = JSON.parse(readFileSync(file, "utf8")) as {
    gain: number[][];
    cost: number[][];
    budget: number | null;
    caps: (number | null)[];
    floors: (number | null)[];
    nobody: boolean;
    optimum: number;
    relaxed: number;
  }[];
  const floats = (table: number[][]): Float64Array[] => table.map((values) => Float64Array.from(values));
  const solved = cases.map((one) => ({
    one,
    got: allocate(floats(one.gain), floats(one.cost), {
      budget: one.budget ?? undefined,
      caps: one.caps.map((cap) => cap ?? undefined),
      floors: one.floors.map((floor) => floor ?? undefined),
      nobody: one.nobody,
    }),
  }));

  test("the bound is the optimum of the linear relaxation", () => {
    for (const { one, got } of solved) {
      expect(got.bound).toBeGreaterThanOrEqual(one.relaxed - 1e-9);
      // By smoothing, down to a temperature of 1e-6.
      expectClose(got.bound, one.relaxed, 1e-5);
    }
  });

  test("the value is within 2 % of the integer optimum, and mostly at it", () => {
    for (const { one, got } of solved) {
      expect(got.value).toBeLessThanOrEqual(one.optimum + 1e-9);
      expect(got.value).toBeGreaterThanOrEqual(0.98 * one.optimum);
    }
    expect(solved.filter(({ one, got }) => got.value >= one.optimum - 1e-9).length).toBeGreaterThanOrEqual(30);
  });
});

describe("by hand", () => {
  const gain = [Float64Array.of(10, 6, 3, -1)];

  test("one arm: the bound follows value for money, the choice what fits", () => {
    // Values for money 2.5, 3, 3: the second and third units come first and leave 1 unspent, but the first alone is worth more.
    const got = allocate(gain, [Float64Array.of(4, 2, 1, 1)], { budget: 4 });
    expect([...got.choice]).toEqual([1, 0, 0, 0]);
    expect(got).toMatchObject({ value: 10, spent: 4, budgetPrice: 2.5 });
    // The relaxation takes units two and three, and a quarter of the first.
    expectClose(got.bound, 11.5, float64);
  });

  test("a larger dose is bought where its extra gain is worth its extra cost", () => {
    const got = allocate([Float64Array.of(3, 3), Float64Array.of(5, 9)], [1, 3], { budget: 4 });
    expect([...got.choice]).toEqual([1, 2]);
    expect(got).toMatchObject({ value: 12, spent: 4, gap: 0 });
  });

  test("without limits everyone gets the arm with the largest gain, and nobody one that harms", () => {
    const got = allocate([...gain, Float64Array.of(1, 7, 3, -2)], [5, 9]);
    // Of equal gains the cheaper.
    expect([...got.choice]).toEqual([1, 2, 1, 0]);
    expect(got).toMatchObject({ gap: 0, budgetPrice: 0, counts: [1, 2, 1] });
  });

  test("nobody left out: the least harmful arm, and an error when the budget cannot pay for all", () => {
    expect([...allocate([...gain, Float64Array.of(1, 7, 3, -2)], [5, 9], { nobody: false }).choice]).toEqual([1, 2, 1, 1]);
    expect(() => allocate(gain, [5], { nobody: false, budget: 19 })).toThrow(/cheapest arm costs 20, over the budget of 19/);
  });

  test("caps take the best, floors the least bad; places have prices", () => {
    const capped = allocate(gain, [0], { caps: [2] });
    expect([...capped.choice]).toEqual([1, 1, 0, 0]);
    expect(capped.placePrices[0]).toBeGreaterThanOrEqual(3 - 1e-4);
    expect(capped.placePrices[0]).toBeLessThanOrEqual(6 + 1e-4);
    const floored = allocate(gain, [0], { floors: [4] });
    expect([...floored.choice]).toEqual([1, 1, 1, 1]);
    expect(floored.placePrices[0]).toBeLessThanOrEqual(-1 + 1e-4);
  });

  test("a budget of zero buys what is free", () => {
    expect([...allocate([Float64Array.of(1, 1), Float64Array.of(5, 5)], [0, 2], { budget: 0 }).choice]).toEqual([1, 1]);
  });

  test("deciding by lower bounds chooses by them and reports the gains", () => {
    const got = allocate(gain, [1], { budget: 2, decideBy: [Float64Array.of(-5, 4, 2, -3)] });
    expect([...got.choice]).toEqual([0, 1, 1, 0]);
    expect(got).toMatchObject({ gain: 9, value: 6 });
  });

  test("nobody at all is a valid question", () => {
    expect(allocate([new Float64Array(0)], [1], { budget: 3 })).toMatchObject({ counts: [0, 0], value: 0, gap: 0 });
  });
});

describe("ties", () => {
  test("of equal units the first are taken, of equal arms the cheaper, then the first", () => {
    const same = new Float64Array(6).fill(1);
    expect([...allocate([same], [1], { budget: 3 }).choice]).toEqual([1, 1, 1, 0, 0, 0]);
    expect([...allocate([same, same], [2, 1], { budget: 3 }).choice]).toEqual([2, 2, 2, 0, 0, 0]);
    expect([...allocate([same, same], [1, 1], { budget: 2, caps: [undefined, 1] }).choice.subarray(2)]).toEqual([0, 0, 0, 0]);
  });

  test("whole groups of equal units are cut where the limits ask for it, as scores of trees need", () => {
    const rng = new Rng(2);
    const leaves = Array.from({ length: 12 }, () => [rng.normal() + 0.5, rng.normal() + 0.7]);
    const leaf = Array.from({ length: 3000 }, () => rng.int(12));
    const gain = [0, 1].map((k) => Float64Array.from(leaf, (l) => leaves[l][k]));
    for (const options of [{ budget: 900 }, { budget: 900, caps: [350] }, { caps: [301, 203] }, { budget: 1500, floors: [1100] }] as AllocationOptions[]) {
      const got = allocate(gain, [1, 2], options);
      expectWithinLimits({ gain, cost: [new Float64Array(3000).fill(1), new Float64Array(3000).fill(2)], options }, got.choice);
      expect(got.gap).toBeLessThan(2e-3 * got.value);
    }
  });
});

describe("on 60,000 units and four arms", () => {
  const n = 60_000;
  const rng = new Rng(4);
  const gain = [0.1, 0.15, 0.2, 0.25].map((centre) => Float64Array.from({ length: n }, () => centre + 0.3 * rng.normal()));
  const cost = [1, 1.5, 2, 2.5].map((centre) => Float64Array.from({ length: n }, () => centre * (0.5 + rng.float())));

  test.each([
    ["budget", { budget: 0.3 * n }],
    ["budget and caps", { budget: 0.3 * n, caps: [0.05 * n, undefined, 0.08 * n] }],
    ["budget, caps and floors", { budget: 0.5 * n, caps: [undefined, undefined, undefined, 0.02 * n], floors: [0.1 * n, 0.2 * n] }],
    ["caps alone", { caps: [0.1 * n, 0.1 * n, 0.1 * n, 0.1 * n] }],
  ] as [string, AllocationOptions][])("%s: within a ten-thousandth of the bound", (_, options) => {
    const got = allocate(gain, cost, options);
    expectWithinLimits({ gain, cost, options }, got.choice);
    expect(got.gap).toBeLessThan(1e-4 * got.value);
  });

  test("more budget never brings less, and each unit of it ever less", () => {
    const budgets = [0, 0.05, 0.1, 0.2, 0.4, 0.8].map((share) => share * n);
    const solved = budgets.map((budget) => allocate(gain, cost, { budget }));
    for (let s = 1; s < solved.length; s++) {
      expect(solved[s].value).toBeGreaterThan(solved[s - 1].value);
      expect(solved[s].budgetPrice).toBeLessThanOrEqual(solved[s - 1].budgetPrice);
    }
  });

  test("the same problem has the same answer, and inputs are not written to", () => {
    const [before, costs] = [gain.map((values) => values.slice()), cost.map((values) => values.slice())];
    const options = { budget: 0.2 * n, caps: [100] };
    expect(allocate(gain, cost, options)).toEqual(allocate(gain, cost, options));
    expect([gain, cost]).toEqual([before, costs]);
  });
});

describe("what cannot be allocated is refused in one line with a way out", () => {
  const gain = [Float64Array.of(1, 2), Float64Array.of(2, 1)];
  const cases: [string, () => unknown, RegExp][] = [
    ["no arms", () => allocate([], []), /at least one arm/],
    ["costs for another number of arms", () => allocate(gain, [1]), /a cost for each of 2 arms, got 1/],
    ["a negative cost", () => allocate(gain, [1, -1]), /cost of arm 2 is -1 for unit 1; it must be finite and at least 0/],
    ["a gain that is no number", () => allocate([Float64Array.of(1, Number.NaN), gain[1]], [1, 1]), /gain of arm 1 is NaN for unit 2/],
    ["gains of other lengths", () => allocate([Float64Array.of(1), gain[1]], [1, 1]), /gain of arm 2 has 2 units where the first arm has 1/],
    ["a negative budget", () => allocate(gain, [1, 1], { budget: -1 }), /budget must be at least 0/],
    ["a budget that is no number", () => allocate(gain, [1, 1], { budget: Number.NaN }), /budget must be at least 0/],
    ["a floor over its cap", () => allocate(gain, [1, 1], { caps: [0], floors: [1] }), /arm 1 must have at least 1 and at most 0/],
    ["floors over the number of units", () => allocate(gain, [1, 1], { floors: [2, 1] }), /ask for 3 units and there are 2/],
    ["caps that leave units over", () => allocate(gain, [1, 1], { caps: [1, 0], nobody: false }), /leave room for 1 of 2/],
    ["floors over the budget", () => allocate(gain, [3, 3], { floors: [2], budget: 5 }), /costs about 6, over the budget of 5/],
    ["too many caps", () => allocate(gain, [1, 1], { caps: [1, 1, 1] }), /caps has 3 entries for 2 arms/],
    ["decideBy for another number of arms", () => allocate(gain, [1, 1], { decideBy: [gain[0]] }), /decideBy must have one array for each of 2 arms/],
  ];
  test.each(cases)("%s", (_, run, message) => {
    expect(run).toThrow(message);
  });
});

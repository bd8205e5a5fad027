import { describe, expect, test } from "vitest";
import { allocate } from "../../src/allocate/allocate.ts";
import { costCurve } from "../../src/allocate/costCurve.ts";
import { frontier, lowerBounds } from "../../src/allocate/frontier.ts";
import { Rng } from "../../src/base/rng.ts";
import { expectAllClose, expectClose, expectWithin, float64 } from "../tolerance.ts";

describe("frontier", () => {
  const rng = new Rng(1);
  const gain = [0, 1].map(() => Float64Array.from({ length: 500 }, () => rng.normal() + 0.2));
  const cost = [1, Float64Array.from({ length: 500 }, () => 1 + rng.exponential())];

  test("by hand: steps in order of value for money", () => {
    const got = frontier([Float64Array.of(4, 3, -1)], [Float64Array.of(4, 1, 1)]);
    expect([...got.budget]).toEqual([0, 1, 5]);
    expect([...got.value]).toEqual([0, 3, 7]);
  });

  test("every allocation lies on or below it, within its own gap", () => {
    const { budget, value } = frontier(gain, cost, 2000);
    for (const at of [7, 100, 300]) {
      const got = allocate(gain, cost, { budget: budget[at] });
      // At the end of a step the relaxation is whole.
      expectClose(got.value, value[at], 1e-9);
    }
  });

  test("it is concave and rises, ends at all that helps, and thinning keeps the ends", () => {
    const fine = frontier(gain, cost, 2000);
    const thin = frontier(gain, cost, 20);
    expect(thin.budget.length).toBe(20);
    expect([thin.budget[19], thin.value[19]]).toEqual([fine.budget.at(-1), fine.value.at(-1)]);
    let slope = Number.POSITIVE_INFINITY;
    for (let p = 1; p < 20; p++) {
      const next = (thin.value[p] - thin.value[p - 1]) / (thin.budget[p] - thin.budget[p - 1]);
      expect(next > 0 && next <= slope + 1e-12).toBe(true);
      slope = next;
    }
  });

  test("lower bounds: gain less z standard errors", () => {
    expect([...lowerBounds([Float64Array.of(1, 2)], [Float64Array.of(0.5, 3)], 2)[0]]).toEqual([0, -4]);
  });
});

describe("cost curve", () => {
  test("by hand: two treated, two control, one arm", () => {
    // Shares are 1/2: each row counts twice. In order of the score: treated y 3 cost 2; control y 1 cost 0; treated y 2 cost 4; control y 1 cost 1.
    const got = costCurve([Float64Array.of(9, 8, 5, 4)], {
      arm: Int32Array.of(1, 0, 1, 0),
      outcome: Float64Array.of(3, 1, 2, 1),
      cost: Float64Array.of(2, 0, 4, 1),
    });
    expect([got.totalCost, got.totalOutcome]).toEqual([10, 6]);
    expectAllClose(got.x, [0, 0.4, 0.4, 1.2, 1], float64);
    expectAllClose(got.y, [0, 1, 4 / 6, 8 / 6, 1], float64);
    // Trapezoids: 0.4 (0 + 1) / 2 + 0 + 0.8 (2/3 + 4/3) / 2 - 0.2 (4/3 + 1) / 2.
    expectClose(got.area, 0.2 + 0.8 - 0.7 / 3, float64);
  });

  test("equal scores are one point, so a constant score is the diagonal with area 1/2", () => {
    const got = costCurve([new Float64Array(4).fill(7)], {
      arm: Int32Array.of(1, 0, 1, 0),
      outcome: Float64Array.of(3, 1, 2, 1),
      cost: Float64Array.of(2, 0, 4, 1),
    });
    expect([[...got.x], [...got.y], got.area]).toEqual([[0, 1], [0, 1], 0.5]);
  });

  const experiment = (n: number, arms: number): { arm: Int32Array; outcome: Float64Array; cost: Float64Array; ratio: Float64Array[]; weight: Float64Array } => {
    const rng = new Rng(6).split("arms", arms);
    const ratio = Array.from({ length: arms }, () => Float64Array.from({ length: n }, () => rng.float() * 2));
    const arm = Int32Array.from({ length: n }, () => rng.int(arms + 1));
    const cost = Float64Array.from(arm, (a) => (a === 0 ? 0 : 1 + rng.float()));
    const outcome = Float64Array.from(arm, (a, i) => (a === 0 ? 0 : ratio[a - 1][i] * cost[i]) + rng.normal());
    return { arm, outcome, cost, ratio, weight: Float64Array.from({ length: n }, () => 1 + rng.int(3)) };
  };

  test("the true ratio of gain to cost has the largest area, its reverse the mirror image, noise about 1/2", () => {
    for (const arms of [1, 2]) {
      const data = experiment(40_000, arms);
      const rng = new Rng(7);
      const [best, worst, noise] = [data.ratio, data.ratio.map((r) => r.map((v) => -v)), data.ratio.map((r) => r.map(() => rng.normal()))].map(
        (score) => costCurve(score, data).area,
      );
      // Gain rises with the square of the share treated from the best: 1 - (1 - x)^2, area 2/3.
      expectWithin(best, 2 / 3, 0.01, 3);
      expectWithin(worst, 1 / 3, 0.01, 3);
      expectWithin(noise, 1 / 2, 0.01, 3);
    }
  });

  test("any increasing transform of the score and any order of the rows gives the same curve", () => {
    const data = experiment(500, 2);
    const { x, y, area } = costCurve(data.ratio, data);
    const moved = costCurve(
      data.ratio.map((r) => r.map((v) => Math.exp(v) - 3)),
      data,
    );
    expect([moved.x, moved.y]).toEqual([x, y]);
    const order = new Rng(1).permutation(500);
    const pick = <A extends Float64Array | Int32Array>(values: A): A => values.map((_, i) => values[order[i]]) as A;
    const shuffled = costCurve(data.ratio.map(pick), { arm: pick(data.arm), outcome: pick(data.outcome), cost: pick(data.cost), weight: pick(data.weight) });
    expectClose(shuffled.area, area, 1e-9);
  });

  test("a weight is a number of copies", () => {
    const data = experiment(300, 1);
    const rows = Array.from(data.weight).flatMap((w, i) => Array.from({ length: w }, () => i));
    const copies = costCurve([Float64Array.from(rows, (i) => data.ratio[0][i])], {
      arm: Int32Array.from(rows, (i) => data.arm[i]),
      outcome: Float64Array.from(rows, (i) => data.outcome[i]),
      cost: Float64Array.from(rows, (i) => data.cost[i]),
    });
    expectClose(costCurve(data.ratio, data).area, copies.area, 1e-9);
  });

  test("no extra cost at all: NaN, and why; a treatment that harms is noted", () => {
    const base = { arm: Int32Array.of(1, 0), outcome: Float64Array.of(1, 3), cost: Float64Array.of(0, 0) };
    expect(costCurve([Float64Array.of(1, 2)], base)).toMatchObject({ area: Number.NaN, notes: [expect.stringMatching(/costs 0 more/)] });
    expect(costCurve([Float64Array.of(1, 2)], { ...base, cost: Float64Array.of(1, 0) }).notes[0]).toMatch(/lowers the outcome/);
  });

  test("an empty arm, other lengths and values that are no numbers are refused", () => {
    const base = { arm: Int32Array.of(1, 0), outcome: Float64Array.of(1, 3), cost: Float64Array.of(1, 0) };
    const score = Float64Array.of(1, 2);
    expect(() => costCurve([score, score], base)).toThrow(/arm 2 has no rows/);
    expect(() => costCurve([score], { ...base, arm: Int32Array.of(1, 1) })).toThrow(/control has no rows/);
    expect(() => costCurve([Float64Array.of(1)], base)).toThrow(/must all have 2 values/);
    expect(() => costCurve([Float64Array.of(1, Number.NaN)], base)).toThrow(/score of arm 1 is NaN for unit 2/);
    expect(() => costCurve([score], { ...base, cost: Float64Array.of(1, Number.POSITIVE_INFINITY) })).toThrow(/cost is Infinity for unit 2/);
  });
});

import { describe, expect, test } from "vitest";
import { attributionMechanisms, dataDriven, fromPaths, mechanismById } from "../../../src/attribution/mechanism/index.ts";
import { sideBySide, totalVariation } from "../../../src/attribution/mechanism/sideBySide.ts";
import { Rng } from "../../../src/base/rng.ts";
import { expectAllClose, expectClose, float64 } from "../../tolerance.ts";

const rng = new Rng(1);

describe("data-driven", () => {
  // b sells, a does nothing: users with b convert three times as often, whatever a does.
  const journeys = fromPaths(["a > b", "b", "a", "b > a", "a > a"], { conversions: [30, 30, 10, 30, 10], nulls: [70, 70, 90, 70, 90] });

  test("the touches of a converted journey sum to 1, and the channels to the conversions", async () => {
    const { credit, conversions } = await dataDriven(journeys, rng);
    for (let j = 0; j < 5; j++)
      expectClose(
        credit.subarray(journeys.offsets[j], journeys.offsets[j + 1]).reduce((a, b) => a + b, 0),
        1,
        float64,
      );
    expectClose(
      conversions.reduce((a, b) => a + b, 0),
      110,
      float64,
    );
  });

  test("the channel that changes the conversion rate gets the credit of journeys that hold both", async () => {
    const { credit } = await dataDriven(journeys, rng);
    expect(credit[1]).toBeGreaterThan(0.9);
    expect(credit[3]).toBeGreaterThan(0.9);
  });

  test("journeys of one kind only have nothing to learn from", async () => {
    await expect(dataDriven(fromPaths(["a", "b"], { conversions: [1, 1] }), rng)).rejects.toThrow(/every journey converts/);
    await expect(dataDriven(fromPaths(["a", "b"], { conversions: [0, 0], nulls: [1, 1] }), rng)).rejects.toThrow(/no journey converts/);
  });
});

describe("mechanisms side by side", () => {
  const journeys = fromPaths(["a > b", "b > c", "c"], { conversions: [4, 2, 1], value: [40, 10, 5], nulls: [6, 8, 9] });

  test("every mechanism gives out all conversions and all value", async () => {
    const whole = fromPaths(["a > b", "b > c", "c", "a > b > c"], { conversions: [4, 2, 1, 2], value: [40, 10, 5, 4], nulls: [6, 8, 9, 1] });
    const report = await sideBySide(whole, { mechanisms: attributionMechanisms, rng });
    for (const { id, conversions, value } of report.mechanisms)
      expectAllClose([conversions.reduce((a, b) => a + b, 0), value.reduce((a, b) => a + b, 0)], [9, 59], float64, id);
  });

  test("CPA and ROAS divide by hand, disagreement is half the absolute difference of shares, and truth is compared with each", async () => {
    const cost = Float64Array.of(8, 0, 0, 3, 1);
    const report = await sideBySide({ ...journeys, cost }, { mechanisms: ["first", "last"].map(mechanismById), truth: { a: 4, b: 2, c: 1 }, rng });
    expect(report.cost).toEqual([8, 0, 4]);
    expect(report.touches).toEqual([10, 20, 20]);
    expect(report.mechanisms[0].cpa).toEqual([2, null, 4]);
    expect(report.mechanisms[0].roas).toEqual([5, null, 1.25]);
    expect(report.mechanisms[1].cpa).toEqual([null, null, 4 / 3]);
    expectAllClose(report.disagreement[0], [0, (4 + 2 + 2) / 14], float64);
    expectAllClose(report.truth?.distance ?? [], [0, (4 + 2 + 2) / 14], float64);
    expect(totalVariation([1, 0], [0, 1])).toBe(1);
  });

  test("shapley of rates says so when no journey of all channels converts, instead of giving out nothing", async () => {
    await expect(sideBySide(journeys, { mechanisms: [mechanismById("shapley-rate")], rng })).rejects.toThrow(/all 3 channels converts/);
  });

  test("an unknown mechanism is answered with the nearest", () => {
    expect(() => mechanismById("shaply")).toThrow(/did you mean "shapley"/);
  });
});

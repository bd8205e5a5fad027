import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { averageEffects } from "../../src/experiment/ate.ts";
import { minimumDetectableEffect, type Plan, power, sampleSize } from "../../src/experiment/power.ts";
import { expectClose, expectWithin } from "../tolerance.ts";
import { experiment, reference } from "./table.ts";

const continuous: Plan = { outcome: { kind: "continuous", sd: 1 } };
const binary: Plan = { outcome: { kind: "binary", rate: 0.1 } };

describe("power", () => {
  test("equals statsmodels: noncentral t for a continuous outcome, z for a rate", () => {
    for (const { kind, d, rate, effect, rows, ratio, alpha, sides, power: want } of reference.power) {
      const plan: Plan = { outcome: kind === "t" ? { kind: "continuous", sd: 2 } : { kind: "binary", rate }, ratio, alpha, sides };
      expectClose(power(plan, kind === "t" ? 2 * d : effect, rows), want, 1e-9, JSON.stringify(plan));
    }
  });

  test("sample size and least detectable effect equal statsmodels", () => {
    for (const [d, wanted, rows] of reference.sampleSize) expect(sampleSize(continuous, d, wanted).control).toBe(rows);
    const [rows, wanted, effect] = reference.mde;
    // Its solver stops at 1e-6.
    expectClose(minimumDetectableEffect(continuous, rows, wanted), effect, 2e-6);
  });

  test("sample size is the least: one row fewer falls short", () => {
    for (const [plan, effect] of [
      [continuous, 0.3],
      [binary, 0.02],
      [{ ...binary, ratio: 0.25, comparisons: 3 }, -0.03],
      [{ ...continuous, correlation: 0.7, sides: 1 }, -0.2],
    ] as [Plan, number][]) {
      const size = sampleSize(plan, effect, 0.9);
      expect(power(plan, effect, size.control)).toBeGreaterThanOrEqual(0.9);
      expect(power(plan, effect, size.control - 1)).toBeLessThan(0.9);
      expect(size.total).toBe(size.control + (plan.comparisons ?? 1) * size.treated);
    }
  });

  test("least detectable effect undoes power, up and down, absolute and relative", () => {
    const up = minimumDetectableEffect(binary, 2000);
    const down = minimumDetectableEffect(binary, 2000, 0.8, "decrease");
    expectClose(power(binary, up, 2000), 0.8, 1e-9);
    expectClose(power(binary, down, 2000), 0.8, 1e-9);
    // A rate that falls also loses variance.
    expect(-down).toBeLessThan(up);
    expectClose(minimumDetectableEffect({ ...binary, relative: true }, 2000), up / 0.1, 1e-9);
    expect(sampleSize({ ...binary, relative: true }, 0.2).total).toBe(sampleSize(binary, 0.02).total);
  });

  test("clusters multiply the rows by the design effect, covariates by 1 - correlation^2", () => {
    const plain = sampleSize(binary, 0.02).control;
    const clustered = sampleSize({ ...binary, clusters: { size: 11, icc: 0.1 } }, 0.02);
    expect(clustered.clusters?.control).toBe(Math.ceil((2 * plain) / 11));
    expect(clustered.control).toBe((clustered.clusters?.control ?? 0) * 11);
    expectWithin(sampleSize({ ...binary, correlation: 0.6 }, 0.02).control, 0.64 * plain, 1, 1);
  });

  test("with few clusters the t distribution asks for more of them", () => {
    const { clusters } = sampleSize({ ...continuous, clusters: { size: 1000, icc: 0.05 } }, 0.3);
    // z alone: 2 (1.96 + 0.84)^2 0.05095 / 0.09 = 8.9, that is 9.
    expect(clusters?.control).toBe(10);
  });

  test.each([
    ["continuous", continuous, 0.6, 40],
    ["binary", binary, 0.12, 120],
    ["binary, two treated for one", { ...binary, ratio: 2 }, 0.1, 120],
  ] as [string, Plan, number, number][])("%s: the analysis finds the effect as often as was promised", (_, plan, effect, rows) => {
    const runs = 800;
    const promised = power(plan, effect, rows);
    let found = 0;
    for (let run = 0; run < runs; run++) {
      const rng = new Rng(3).split("run", run);
      const arm = Array.from({ length: rows * (1 + (plan.ratio ?? 1)) }, (__, i) => (i < rows ? 0 : 1));
      const y = arm.map((a) => (plan.outcome.kind === "binary" ? rng.bernoulli(plan.outcome.rate + effect * a) : effect * a + rng.normal()));
      if (averageEffects(experiment(arm, y))[0].pValue < 0.05) found++;
    }
    // The normal approximation to a rate is itself off by a point or two at these sizes.
    expectWithin(found / runs, promised, Math.sqrt((promised * (1 - promised)) / runs) + (plan.outcome.kind === "binary" ? 0.01 : 0), 3);
  });

  test("what cannot be planned is refused, with the way out", () => {
    const cases: [() => unknown, RegExp][] = [
      [() => sampleSize(binary, 0), /effect of 0 cannot be found/],
      [() => sampleSize(binary, 0.95), /outside \(0, 1\)/],
      [() => sampleSize(binary, 0.01, 0.04), /power wanted lies between alpha/],
      [() => power({ outcome: { kind: "binary", rate: 1 } }, 0.1, 10), /outcome.rate must lie strictly/],
      [() => power({ outcome: { kind: "continuous", sd: 0 } }, 0.1, 10), /outcome.sd must be positive/],
      [() => power({ ...continuous, alpha: 5 }, 0.1, 10), /alpha must lie/],
      [() => power({ ...continuous, ratio: 0 }, 0.1, 10), /ratio/],
      [() => power({ ...continuous, comparisons: 1.5 }, 0.1, 10), /comparisons/],
      [() => power({ ...continuous, correlation: 1 }, 0.1, 10), /correlation/],
      [() => power({ ...continuous, relative: true }, 0.1, 10), /needs the control's mean/],
      [() => power(continuous, Number.NaN, 10), /finite number/],
      [() => power(continuous, 0.1, 0), /more than 0/],
      [() => minimumDetectableEffect({ outcome: { kind: "binary", rate: 0.02 } }, 20, 0.8, "decrease"), /find no decrease/],
    ];
    for (const [run, message] of cases) expect(run).toThrow(message);
  });
});

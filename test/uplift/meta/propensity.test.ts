import { expect, test } from "vitest";
import { numberColumn } from "../../../src/data/dataset.ts";
import { fit } from "../../../src/model/fit.ts";
import { drLearner } from "../../../src/uplift/meta/drLearner.ts";
import { rLearner } from "../../../src/uplift/meta/rLearner.ts";
import { expectClose, expectWithin, float64 } from "../../tolerance.ts";
import { inReport, simulated } from "./experiments.ts";

const quick = { outcomeLearner: "linear", folds: 2 } as const;
const confounded = (a: number): number => 1 / (1 + Math.exp(-1.5 * a));

test("auto takes known propensities where they are given, and estimates them where not", async () => {
  const { data } = simulated({ rows: 300, seed: 1, propensity: (a) => (a > 0 ? 0.7 : 0.4), roles: { propensity: { arm1: "e" } } });
  const known = await fit(rLearner, data, { config: quick });
  expect(known.report.propensity).toBe("known");
  expect(inReport(known.report, "overlap", "arm1")).toEqual([0.4, 0.7]);
  expect(inReport(known.report, "overlap", "control", "0")).toBeCloseTo(0.3, 12);
  const estimated = await fit(rLearner, data.withRoles({ propensity: undefined }), { config: quick });
  expect(estimated.report.propensity).toBe("estimate");
});

test("share is the arm's share of the weight, for every row", async () => {
  const { data } = simulated({ rows: 200, seed: 2, treated: 2 });
  const { arm } = data.treatment();
  const fitted = await fit(drLearner, data, { config: { ...quick, propensity: "share" } });
  for (const [k, name] of ["control", "arm1", "arm2"].entries()) {
    const share = arm.filter((a) => a === k).length / 200;
    expectClose(Number(inReport(fitted.report, "overlap", name, "0")), share, float64);
    expectClose(Number(inReport(fitted.report, "overlap", name, "1")), share, float64);
  }
});

test("estimated propensities of several arms sum to one with the control", async () => {
  const { data } = simulated({ rows: 600, seed: 3, treated: 2, propensity: (a) => 0.2 + 0.6 * confounded(a) });
  const { overlap } = (await fit(drLearner, data, { config: quick })).report as { overlap: Record<string, [number, number]> };
  // Arms 1 and 2 are equally likely: where the control is rarest, each of them has half of the rest.
  expect(overlap.arm1[1]).toBeGreaterThan((1 - overlap.control[0]) / 2 - 0.1);
  expect(overlap.arm1[1] + overlap.arm2[0]).toBeLessThan(1);
});

test("nothing is clipped unless it is asked for; then it is counted", async () => {
  const { data } = simulated({ rows: 400, seed: 4, propensity: (a) => 1 / (1 + Math.exp(-4 * a)) });
  const free = await fit(drLearner, data, { config: quick });
  expect(free.report.clippedPropensities).toBeUndefined();
  expect(String(inReport(free.report, "warnings", "0"))).toMatch(/the propensity of arm "control" falls to .*set clipPropensity/);
  const clipped = await fit(drLearner, data, { config: { ...quick, clipPropensity: 0.05 } });
  expect(clipped.report.clippedPropensities).toBeGreaterThan(10);
  expect(inReport(clipped.report, "overlap", "control", "0")).toBe(0.05);
  expect(clipped.report.warnings).toBeUndefined();
});

test("known propensities for some arms only, none where they are asked for, or nothing left for the control are refused", async () => {
  const { data } = simulated({ rows: 100, seed: 5, treated: 2 });
  await expect(fit(rLearner, data.withRoles({ propensity: { arm1: "e" } }), { config: quick })).rejects.toThrow(/given for some arms but not for "arm2"/);
  await expect(fit(rLearner, data, { config: { ...quick, propensity: "known" } })).rejects.toThrow(/the data names no propensity columns/);
  const much = data.withColumns([numberColumn("big", new Float64Array(100).fill(0.6))], { propensity: { arm1: "big", arm2: "big" } });
  await expect(fit(rLearner, much, { config: quick })).rejects.toThrow(/sum to 1\.2 in row 1, which leaves nothing for control "control"/);
});

test("the doubly robust average is right when either the outcome model or the propensity is wrong, and a difference of means is not", async () => {
  // The linear outcome model cannot follow the square; the constant share ignores the confounding.
  const square = simulated({
    rows: 4000,
    seed: 6,
    propensity: (a) => 0.1 + 0.8 * confounded(a),
    base: (a) => a + a * a,
    effect: () => 1,
    roles: { propensity: { arm1: "e" } },
  });
  const linear = simulated({ rows: 4000, seed: 7, propensity: (a) => 0.1 + 0.8 * confounded(a), effect: () => 1 });
  for (const [data, propensity] of [
    [square.data, "known"],
    [linear.data, "share"],
  ] as const) {
    const { report } = await fit(drLearner, data, { config: { ...quick, propensity } });
    const { value, se } = inReport(report, "averageEffect", "arm1") as { value: number; se: number };
    expectWithin(value, 1, se, 4);
    const { arm } = data.treatment();
    const mean = (k: number): number => {
      const y = data.outcome().filter((_, i) => arm[i] === k);
      return y.reduce((sum, v) => sum + v, 0) / y.length;
    };
    expect(Math.abs(mean(1) - mean(0) - 1)).toBeGreaterThan(8 * se);
  }
});

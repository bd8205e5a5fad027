import { describe, expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import type { Dataset } from "../../../src/data/dataset.ts";
import { type FittedModel, fit } from "../../../src/model/fit.ts";
import { averageEffect, doublyRobustScores } from "../../../src/uplift/tree/analysis.ts";
import { causalForest } from "../../../src/uplift/tree/causalForest.ts";
import { judgeRows } from "../../../src/uplift/tree/judged.ts";
import { expectAllClose, expectWithin } from "../../tolerance.ts";
import { average, rootMeanSquare, simulated } from "./simulated.ts";

const small = { trees: 120, nuisanceTrees: 50 };
const grow = (data: Dataset, config: Readonly<Record<string, unknown>> = small): Promise<FittedModel<"uplift">> =>
  fit(causalForest, data, { config, threads: 1 });

interface Report {
  readonly averageEffects: Readonly<Record<string, Readonly<Record<string, { readonly estimate: number; readonly se: number }>>>>;
  readonly calibration: { readonly differential: { readonly pPositive: number } };
  readonly importance: Readonly<Record<string, number>>;
  readonly projection: Readonly<Record<string, Readonly<Record<string, { readonly estimate: number; readonly se: number }>>>>;
  readonly propensity: Readonly<Record<string, { readonly least: number; readonly most: number }>>;
  readonly warnings?: readonly string[];
}

describe("effects", () => {
  const { data, effects } = simulated({ n: 3000, seed: 1, confounded: true, effect: (x1) => 1 + x1 });

  test("in confounded data they are found, intervals hold most of them, and averages are right", async () => {
    const fitted = await grow(data);
    const { effect, lower, upper } = await fitted.predict(data);
    expect(rootMeanSquare(effect[0], effects[0])).toBeLessThan(0.45);
    const covered = effects[0].filter((v, i) => (lower?.[0][i] ?? Number.NaN) <= v && v <= (upper?.[0][i] ?? Number.NaN)).length;
    expect(covered / 3000).toBeGreaterThan(0.8);
    const report = fitted.report as unknown as Report;
    expect(report.importance.x1).toBe(Math.max(...Object.values(report.importance)));
    const { all, overlap } = report.averageEffects.arm1;
    expectWithin(all.estimate, average(effects[0]), all.se, 4, "average");
    expect(overlap.se).toBeLessThan(0.1);
    expect(report.calibration.differential.pPositive).toBeLessThan(0.001);
    expect(report.propensity.arm1.least).toBeGreaterThan(0.1);
  });

  test("several arms, each with effects and averages of its own", async () => {
    const many = simulated({ n: 2000, arms: 3, seed: 2, effect: (x1, _, __, a) => (x1 > 0 ? 2 * a : 0) });
    const fitted = await grow(many.data);
    const { effect } = await fitted.predict(many.data);
    const { averageEffects } = fitted.report as unknown as Report;
    for (const a of [0, 1]) {
      expect(rootMeanSquare(effect[a], many.effects[a])).toBeLessThan(0.45 * (a + 1));
      const { estimate, se } = averageEffects[`arm${a + 1}`].all;
      expectWithin(estimate, average(many.effects[a]), se, 4, `arm ${a + 1}`);
    }
  });

  test("with an instrument, effects of treatment that the outcome's hidden causes share are found", async () => {
    const rng = new Rng(3);
    const n = 3000;
    const base = simulated({ n, seed: 3 }).data;
    const z = Float64Array.from({ length: n }, () => rng.bernoulli(0.5));
    const hidden = Float64Array.from({ length: n }, () => rng.normal());
    const treated = Float64Array.from(z, (v, i) => (hidden[i] + 2 * v - 1 > 0 ? 1 : 0));
    const x1 = base.number("x1");
    const truth = x1.map((v) => (v > 0 ? 2 : 0));
    const hiddenData = base.withColumns(
      [
        { kind: "number", name: "z", values: z },
        { kind: "number", name: "treatment", values: treated },
        { kind: "number", name: "y", values: truth.map((v, i) => v * treated[i] + hidden[i] + 0.5 * rng.normal()) },
      ],
      { features: ["x1", "x2", "z"], treatment: { column: "treatment", control: "0" } },
    );
    const config = { trees: 100, nuisanceTrees: 30 };
    const blind = average((await (await grow(hiddenData.withRoles({ features: ["x1", "x2"] }), config)).predict(hiddenData)).effect[0]);
    const fitted = await grow(hiddenData, { ...config, instrument: "z" });
    const { effect } = await fitted.predict(hiddenData);
    expect(blind).toBeGreaterThan(average(truth) + 0.5);
    expect(Math.abs(average(effect[0]) - average(truth))).toBeLessThan(0.25);
    expect(rootMeanSquare(effect[0], truth)).toBeLessThan(0.6);
    expect(Object.keys((fitted.report as unknown as Report).importance)).toEqual(["x1", "x2"]);
  });

  test("known propensities are taken as they are", async () => {
    const fitted = await grow(data.withRoles({ propensity: { arm1: "e" } }));
    const e = data.number("e");
    const { least, most } = (fitted.report as unknown as Report).propensity.arm1;
    expect([least, most]).toEqual([Math.min(...e), Math.max(...e)]);
  });

  test("clusters are drawn whole: errors of averages grow to what the clusters share", async () => {
    const rng = new Rng(4);
    const n = 2000;
    const base = simulated({ n, seed: 4, effect: () => 0 }).data;
    const cluster = Float64Array.from({ length: n }, (_, i) => Math.floor(i / 20));
    const shock = Float64Array.from({ length: 100 }, () => rng.normal());
    const flip = Float64Array.from({ length: 100 }, () => rng.bernoulli(0.5));
    const treated = cluster.map((c) => flip[c]);
    const clustered = base.withColumns(
      [
        { kind: "number", name: "shop", values: cluster },
        { kind: "number", name: "treatment", values: treated },
        { kind: "number", name: "y", values: cluster.map((c) => shock[c] + 0.3 * rng.normal()) },
      ],
      { treatment: { column: "treatment", control: "0" } },
    );
    const errorOf = async (data: Dataset): Promise<number> => ((await grow(data)).report as unknown as Report).averageEffects["1"].all.se;
    const [blind, aware] = [await errorOf(clustered), await errorOf(clustered.withRoles({ group: "shop" }))];
    expect(aware).toBeGreaterThan(2 * blind);
    expect(aware).toBeGreaterThan(0.1);
  });

  test("the projection on a column the effects are linear in finds its slope", async () => {
    const fitted = await grow(data, { ...small, projection: ["x1", "x2"] });
    const { x1, x2 } = (fitted.report as unknown as Report).projection.arm1;
    expectWithin(x1.estimate, 1, x1.se, 4);
    expectWithin(x2.estimate, 0, x2.se, 4);
  });
});

describe("rows judged by trees that have not seen them", () => {
  const { data } = simulated({ n: 800, seed: 5, effect: () => 0 });

  test("stand in the data's order, with scores that average to the reported effect", async () => {
    const { rows, scores } = await judgeRows(data, { config: small, seed: 3 });
    expect(Array.from(rows.y)).toEqual(Array.from(data.outcome()));
    expectAllClose(scores[0], doublyRobustScores(rows)[0], 1e-12, "scores");
    const { estimate, se } = averageEffect(rows, 0, "all");
    expectWithin(estimate, 0, se, 4);
  });

  test("do not know their own outcome: a change of one row's outcome hardly moves its own estimate", async () => {
    const y = data.outcome();
    const moved = data.withColumns([{ kind: "number", name: "y", values: y.map((v, i) => (i === 0 ? v + 50 : v)) }]);
    const before = (await judgeRows(data, { config: small })).rows;
    const after = (await judgeRows(moved, { config: small })).rows;
    expect(after.outcome[0]).toBe(before.outcome[0]);
    expect(Math.max(...after.outcome.map((v, i) => Math.abs(v - before.outcome[i])))).toBeGreaterThan(0.1);
  });
});

describe("bad input", () => {
  const { data } = simulated({ n: 400, seed: 6 });

  test("an instrument or projection that is not there, is no number, has gaps or goes with several arms is refused", async () => {
    await expect(grow(data, { ...small, instrument: "x11" })).rejects.toThrow(/instrument "x11" is not among the features; did you mean "x1"/);
    await expect(grow(data, { ...small, instrument: "segment" })).rejects.toThrow(/must be numeric/);
    await expect(grow(simulated({ n: 300, arms: 3 }).data, { ...small, instrument: "x1" })).rejects.toThrow(/one treated arm and there are 2/);
    await expect(grow(data, { ...small, projection: ["segment"] })).rejects.toThrow(/not a numeric feature/);
  });

  test("without features that vary everybody has the average effect", async () => {
    const flat = data.withColumns([{ kind: "number", name: "x1", values: new Float64Array(400).fill(1) }]).withRoles({ features: ["x1"] });
    const fitted = await grow(flat);
    const { effect } = await fitted.predict(flat);
    expect(new Set(effect[0]).size).toBe(1);
    const { estimate, se } = (fitted.report as unknown as Report).averageEffects.arm1.all;
    expectWithin(effect[0][0], estimate, se, 1);
  });

  test("rows nearly always in one arm are warned of", async () => {
    const rng = new Rng(7);
    const x1 = data.number("x1");
    const sure = data.withColumns([{ kind: "number", name: "treatment", values: x1.map((v) => rng.bernoulli(v > 0 ? 0.999 : 0.5)) }], {
      treatment: { column: "treatment", control: "0" },
    });
    expect(((await grow(sure)).report as unknown as Report).warnings?.[0]).toMatch(/rows have a probability of arm "1" below 0.02 or above 0.98/);
  });
});

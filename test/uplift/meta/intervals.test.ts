import { expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { fit } from "../../../src/model/fit.ts";
import { drLearner } from "../../../src/uplift/meta/drLearner.ts";
import { rLearner } from "../../../src/uplift/meta/rLearner.ts";
import { sLearner } from "../../../src/uplift/meta/sLearner.ts";
import { tLearner } from "../../../src/uplift/meta/tLearner.ts";
import { xLearner } from "../../../src/uplift/meta/xLearner.ts";
import { experimentOf } from "../../../src/uplift/meta/experiment.ts";
import { resampled } from "../../../src/uplift/meta/recipe.ts";
import { expectAllClose, float64 } from "../../tolerance.ts";
import { simulated } from "./experiments.ts";

const ols = { id: "linear", lambda: 0 } as const;
const all = [
  [sLearner, { outcomeLearner: "linear" }],
  [tLearner, { outcomeLearner: "linear" }],
  [xLearner, { outcomeLearner: "linear", effectLearner: "linear" }],
  [rLearner, { outcomeLearner: "linear", folds: 2 }],
  [drLearner, { outcomeLearner: "linear", folds: 2 }],
] as const;

test.each([
  ["t-learner", tLearner, { outcomeLearner: ols }],
  ["r-learner", rLearner, { outcomeLearner: ols, effectLearner: ols, folds: 2 }],
  ["dr-learner", drLearner, { outcomeLearner: ols, effectLearner: ols, folds: 2 }],
] as const)("%s: sandwich intervals of a linear effect cover it as often as they say", async (_, model, config) => {
  const replications = 120;
  let covered = 0;
  for (let r = 0; r < replications; r++) {
    const { data, tau } = simulated({ rows: 300, seed: 1000 + r, noise: 2 });
    const { lower, upper, level } = await (await fit(model, data, { config: { ...config, level: 0.9 }, seed: r })).predict(data.take([0]));
    expect(level).toBe(0.9);
    if (lower !== undefined && upper !== undefined && lower[0][0] <= tau[0][0] && tau[0][0] <= upper[0][0]) covered++;
  }
  expect(Math.abs(covered / replications - 0.9)).toBeLessThanOrEqual(3.5 * Math.sqrt((0.9 * 0.1) / replications));
});

test("a penalty makes no interval too narrow: with weak differences of the effect they still cover", async () => {
  const replications = 120;
  let covered = 0;
  for (let r = 0; r < replications; r++) {
    const { data, tau } = simulated({ rows: 300, seed: 3000 + r, effect: (a, b) => 0.5 + 0.3 * (a - b) });
    const { lower, upper } = await (await fit(drLearner, data, { config: { outcomeLearner: "linear", folds: 2, level: 0.9 }, seed: r })).predict(
      data.take([0]),
    );
    if (lower !== undefined && upper !== undefined && lower[0][0] <= tau[0][0] && tau[0][0] <= upper[0][0]) covered++;
  }
  expect(covered / replications).toBeGreaterThan(0.9 - 3.5 * Math.sqrt((0.9 * 0.1) / replications));
});

test("bootstrap gives every meta-learner intervals, of about the width of the sandwich where there is one", async () => {
  const { data } = simulated({ rows: 300, seed: 8, treated: 2, propensity: () => 0.6 });
  for (const [model, config] of all) {
    const { effect, lower, upper } = await (await fit(model, data, { config: { ...config, bootstrap: 10 } })).predict(data);
    for (const k of [0, 1])
      for (let i = 0; i < 300; i++) expect((lower?.[k][i] ?? Number.NaN) < effect[k][i] && effect[k][i] < (upper?.[k][i] ?? Number.NaN)).toBe(true);
  }
  const width = async (config: object): Promise<number> => {
    const { lower, upper } = await (await fit(tLearner, data, { config: { outcomeLearner: ols, ...config } })).predict(data);
    return (upper?.[0] ?? new Float64Array(300)).reduce((sum, v, i) => sum + v - (lower?.[0][i] ?? 0), 0) / 300;
  };
  // 100 resamples give a standard deviation to about 1 / sqrt(200) = 7 %.
  expect(Math.abs((await width({ bootstrap: 100 })) / (await width({})) - 1)).toBeLessThan(0.21);
});

test("learners without standard errors give no interval unless one is bootstrapped", async () => {
  const { data } = simulated({ rows: 200, seed: 9 });
  for (const model of [sLearner, xLearner])
    expect(await (await fit(model, data, { config: { outcomeLearner: "linear" } })).predict(data)).not.toHaveProperty("lower");
});

test("a resample draws as many rows of each arm as there are, with copies as weights", () => {
  const experiment = experimentOf(simulated({ rows: 90, seed: 10, treated: 2 }).data);
  const drawn = resampled(experiment, new Rng(3));
  const rowsIn = (a: number): number => experiment.arm.filter((arm) => arm === a).length;
  for (const a of [0, 1, 2]) expect(drawn.arm.reduce((sum, arm, i) => sum + (arm === a ? (drawn.weight?.[i] ?? 0) : 0), 0)).toBe(rowsIn(a));
  expect(new Set(drawn.y).size).toBe(drawn.y.length);
});

test("rows in groups are drawn as groups", () => {
  const { data } = simulated({
    rows: 60,
    seed: 11,
    columns: (n) => ({ shop: Float64Array.from({ length: n }, (_, i) => Math.floor(i / 5)) }),
    roles: { group: "shop" },
  });
  const drawn = resampled(experimentOf(data), new Rng(4));
  const weights = new Map<number, Set<number>>();
  drawn.group?.forEach((g, i) => weights.set(g, (weights.get(g) ?? new Set()).add(drawn.weight?.[i] ?? 0)));
  for (const seen of weights.values()) expect(seen.size).toBe(1);
  expect(drawn.group?.length).toBe(weights.size * 5);
});

test("copies of every row in one group leave the sandwich where it was: groups are what is counted", async () => {
  const { data } = simulated({ rows: 100, seed: 12, columns: (n) => ({ id: Float64Array.from({ length: n }, (_, i) => i) }), roles: { group: "id" } });
  const copies = data.take(Array.from({ length: 400 }, (_, i) => i % 100));
  const errors = async (d: typeof data): Promise<Float64Array> => {
    const { lower, upper } = await (await fit(tLearner, d, { config: { outcomeLearner: ols } })).predict(data);
    return (upper?.[0] ?? new Float64Array(100)).map((v, i) => v - (lower?.[0][i] ?? 0));
  };
  expectAllClose(await errors(copies), await errors(data), 1000 * float64);
});

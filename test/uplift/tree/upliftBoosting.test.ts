import { expect, test } from "vitest";
import type { Dataset } from "../../../src/data/dataset.ts";
import { type FittedModel, fit } from "../../../src/model/fit.ts";
import { upliftBoosting } from "../../../src/uplift/tree/upliftBoosting.ts";
import { average, rootMeanSquare, simulated } from "./simulated.ts";

const boosted = (data: Dataset, config: Readonly<Record<string, unknown>> = {}): Promise<FittedModel<"uplift">> =>
  fit(upliftBoosting, data, { config, threads: 1 });

test("effects of several arms are learned beside a strong baseline, through gaps and categories", async () => {
  const { data, effects } = simulated({ n: 4000, arms: 3, seed: 1, effect: (x1, _, segment, a) => (x1 > 0 ? a : 0) + (segment === 1 ? 1 : 0) });
  const gaps = data.withColumns([{ kind: "number", name: "x3", values: data.number("x3").map((v, i) => (i % 3 === 0 ? Number.NaN : v)) }]);
  const { effect, outcome } = await (await boosted(gaps)).predict(gaps);
  for (const a of [0, 1]) expect(rootMeanSquare(effect[a], effects[a])).toBeLessThan(0.4);
  expect(outcome?.length).toBe(3);
  expect(rootMeanSquare(outcome?.[0] ?? [], data.number("x2"))).toBeLessThan(0.35);
});

test("probabilities by logistic loss stay probabilities, counts by Poisson loss stay positive", async () => {
  const { data, effects } = simulated({ n: 4000, seed: 2, binary: true, effect: (x1) => (x1 > 0 ? 0.3 : 0) });
  const fitted = await boosted(data);
  expect(fitted.report.loss).toBe("logistic");
  const { effect, outcome = [] } = await fitted.predict(data);
  for (const values of outcome) expect(values.every((p) => p > 0 && p < 1)).toBe(true);
  expect(rootMeanSquare(effect[0], effects[0])).toBeLessThan(0.1);
  const counted = await (await boosted(data, { loss: "poisson" })).predict(data);
  expect(counted.outcome?.every((values) => values.every((v) => v > 0))).toBe(true);
  expect(rootMeanSquare(counted.effect[0], effects[0])).toBeLessThan(0.1);
});

test("a penalty on effects draws them to the average effect, not to zero", async () => {
  const { data } = simulated({ n: 3000, seed: 3, effect: (x1) => 1 + x1 });
  const spread = (values: Float64Array): number => rootMeanSquare(values, new Float64Array(values.length).fill(average(values)));
  const free = (await (await boosted(data, { effectL2: 0 })).predict(data)).effect[0];
  const drawn = (await (await boosted(data, { effectL2: 1e6 })).predict(data)).effect[0];
  expect(spread(drawn)).toBeLessThan(0.05 * spread(free));
  expect(Math.abs(average(drawn) - 1)).toBeLessThan(0.15);
});

test("known propensities remove confounding of the starting effect", async () => {
  const { data } = simulated({ n: 20_000, seed: 4, confounded: true, effect: () => 1 });
  const blind = data.withRoles({ features: ["x3"] });
  const config = { rounds: 1, validation: 0 };
  expect(average((await (await boosted(blind, config)).predict(blind)).effect[0])).toBeGreaterThan(1.5);
  const known = blind.withRoles({ propensity: { arm1: "e" } });
  expect(Math.abs(average((await (await boosted(known, config)).predict(known)).effect[0]) - 1)).toBeLessThan(0.1);
});

test("a loss that does not suit the outcome is refused in one line", async () => {
  const { data } = simulated({ n: 300 });
  await expect(boosted(data, { loss: "logistic" })).rejects.toThrow(/logistic loss needs outcomes of 0 and 1.*continuous; use squared or poisson/);
  await expect(boosted(data, { loss: "poisson" })).rejects.toThrow(/at least 0/);
});

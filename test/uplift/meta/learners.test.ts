import { expect, test } from "vitest";
import { categoryColumn, Dataset, numberColumn } from "../../../src/data/dataset.ts";
import { Rng } from "../../../src/base/rng.ts";
import { fit } from "../../../src/model/fit.ts";
import { uplift } from "../../../src/uplift/index.ts";
import { drLearner } from "../../../src/uplift/meta/drLearner.ts";
import { rLearner } from "../../../src/uplift/meta/rLearner.ts";
import { sLearner } from "../../../src/uplift/meta/sLearner.ts";
import { tLearner } from "../../../src/uplift/meta/tLearner.ts";
import { xLearner } from "../../../src/uplift/meta/xLearner.ts";
import { rootMeanSquare, simulated } from "./experiments.ts";

const meta = [sLearner, tLearner, xLearner, rLearner, drLearner];
const linear = (id: string): object => ({ outcomeLearner: "linear", ...(id === "s-learner" || id === "t-learner" ? {} : { effectLearner: "linear" }) });

test.each(meta.map((model) => [model.id, model] as const))("%s finds a linear effect, with several arms and confounding", async (id, model) => {
  const { data, tau } = simulated({ rows: 4000, seed: 1, treated: 2, propensity: (a) => 0.3 + 0.4 / (1 + Math.exp(-a)) });
  const { effect } = await (await fit(model, data, { config: linear(id) })).predict(data);
  // Three coefficients an arm, each known to about 2 / sqrt(n / 3).
  for (const k of [0, 1]) expect(rootMeanSquare(effect[k], tau[k])).toBeLessThan(3 * Math.sqrt(3) * 2 * Math.sqrt(3 / 4000));
});

test.each(meta.map((model) => [model.id, model] as const))("%s with boosting follows an effect with a step better than a constant does", async (id, model) => {
  const step = (a: number): number => (a > 0 ? 2 : 0);
  const { data, tau } = simulated({ rows: 1500, seed: 2, effect: step });
  const config = {
    outcomeLearner: { id: "boosting", rounds: 100 },
    ...(id === "s-learner" || id === "t-learner" ? {} : { effectLearner: { id: "boosting", rounds: 100 } }),
  };
  const { effect } = await (await fit(model, data, { config })).predict(data);
  // The standard deviation of the effect is 1: what the best constant misses.
  expect(rootMeanSquare(effect[0], tau[0])).toBeLessThan(0.6);
});

test.each(meta.map((model) => [model.id, model] as const))("%s takes a binary outcome", async (id, model) => {
  const { data, tau } = simulated({ rows: 4000, seed: 3, binary: true, base: (a) => 0.3 + 0.1 * Math.tanh(a), effect: (a) => 0.2 * Math.tanh(a) });
  const { effect, outcome } = await (await fit(model, data, { config: linear(id) })).predict(data);
  expect(rootMeanSquare(effect[0], tau[0])).toBeLessThan(0.08);
  for (const p of outcome ?? []) expect(p.every((v) => v > 0 && v < 1)).toBe(true);
});

test.each(meta.map((model) => [model.id, model] as const))("%s uses weights: rows of weight zero have no say", async (id, model) => {
  const { data } = simulated({ rows: 400, seed: 4, columns: (n) => ({ w: Float64Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1 : 0)) }) });
  const spoiled = data.withColumns([
    numberColumn(
      "y",
      data.outcome().map((y, i) => (i % 2 === 0 ? y : 1000)),
    ),
  ]);
  const one = await (await fit(model, data.withRoles({ weight: "w" }), { config: linear(id) })).predict(data);
  // The order of the rows hangs on their content, also that of rows without weight: folds may differ, the answer hardly.
  const other = await (await fit(model, spoiled.withRoles({ weight: "w" }), { config: linear(id) })).predict(data);
  expect(rootMeanSquare(one.effect[0], other.effect[0])).toBeLessThan(0.1);
});

test.each(meta.map((model) => [model.id, model] as const))("%s takes missing values and categories, at the default learners too", async (_, model) => {
  const rng = new Rng(5);
  const n = 300;
  const city = Array.from({ length: n }, () => ["Bonn", "Ulm", "Hof", null][rng.int(4)]);
  const x = Array.from({ length: n }, () => (rng.float() < 0.2 ? Number.NaN : rng.normal()));
  const arm = Array.from({ length: n }, () => ["no", "yes"][rng.int(2)]);
  const y = arm.map((a, i) => (city[i] === "Ulm" ? 2 : 0) + (a === "yes" ? 1 : 0) + rng.normal());
  const data = new Dataset([numberColumn("x", x), categoryColumn("city", city), categoryColumn("arm", arm), numberColumn("y", y)], {
    features: ["x", "city"],
    treatment: { column: "arm", control: "no" },
    outcomes: ["y"],
  });
  const { effect } = await (await fit(model, data)).predict(data);
  expect(effect[0].every(Number.isFinite)).toBe(true);
});

test("the S-learner gives linear learners the products of arm and features: without them the effect would be the same for all", async () => {
  const { data } = simulated({ rows: 500, seed: 6 });
  const { effect } = await (await fit(sLearner, data, { config: { outcomeLearner: "linear" } })).predict(data);
  const mean = effect[0].reduce((sum, v) => sum + v, 0) / 500;
  expect(Math.sqrt(effect[0].reduce((sum, v) => sum + (v - mean) ** 2, 0) / 500)).toBeGreaterThan(0.8);
});

test("the S-learner predicts many rows in parts, as it does a few", async () => {
  const { data } = simulated({ rows: 300, seed: 7 });
  const fitted = await fit(sLearner, data, { config: { outcomeLearner: "linear" } });
  const many = data.take(Int32Array.from({ length: 70_000 }, (_, i) => i % 300));
  const few = await fitted.predict(data);
  const { effect } = await fitted.predict(many);
  for (const i of [0, 299, 65_535, 65_536, 69_999]) expect(effect[0][i]).toBe(few.effect[0][i % 300]);
});

test("an arm of fewer rows than folds is refused with a way out", async () => {
  const { data } = simulated({ rows: 200, seed: 8, propensity: () => 0.02 });
  const { arm } = data.treatment();
  let kept = 0;
  const thin = data.take([...arm.keys()].filter((i) => arm[i] === 0 || kept++ === 0));
  for (const model of [rLearner, drLearner])
    await expect(fit(model, thin, { config: { outcomeLearner: "linear" } })).rejects.toThrow(/all rows of arm "arm1" fall into one fold; bring more rows/);
});

test("the models of the list have ids of their own", () => {
  expect(new Set(uplift.map(({ id }) => id)).size).toBe(uplift.length);
  expect(uplift.map(({ id }) => id)).toEqual(expect.arrayContaining(meta.map(({ id }) => id)));
});

test("progress runs from 0 to 1 and an abort half-way stops", async () => {
  const { data } = simulated({ rows: 200, seed: 9 });
  for (const model of meta) {
    const shares: number[] = [];
    await fit(model, data, { config: { ...linear(model.id), bootstrap: 10 }, progress: (share) => shares.push(share) });
    expect(shares.every((share, i) => share >= 0 && share <= 1 && (i === 0 || share >= shares[i - 1]))).toBe(true);
    const stop = new AbortController();
    const stopped = fit(model, data, {
      config: { ...linear(model.id), bootstrap: 100 },
      signal: stop.signal,
      progress: (share) => share > 0.05 && stop.abort(),
    });
    await expect(stopped).rejects.toThrow(/abort/i);
  }
});

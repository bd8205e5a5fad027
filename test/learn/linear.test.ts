import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { categoryColumn, numberColumn } from "../../src/data/dataset.ts";
import type { Features } from "../../src/data/schema.ts";
import type { LearnContext } from "../../src/learn/contract.ts";
import { logistic } from "../../src/learn/logistic.ts";
import { type LinearConfig, ridge } from "../../src/learn/ridge.ts";
import { expectAllClose, expectClose, float64 } from "../tolerance.ts";

const reference = JSON.parse(readFileSync(new URL("../fixtures/linear/data.json", import.meta.url), "utf8"));
const context: LearnContext = { rng: new Rng(1), threads: 1, signal: new AbortController().signal };
const y = Float64Array.from(reference.y as number[]);
const b = Float64Array.from(reference.b as number[]);
const w = Float64Array.from(reference.w as number[]);
const x: Features = { rows: y.length, columns: [numberColumn("x1", reference.x1), numberColumn("x2", reference.x2)] };
const config = (lambda: LinearConfig["lambda"]): LinearConfig => ({ lambda, maxLevels: 50 });

/** Newton's and the eigenvector route round differently from a QR decomposition: some digits more than one operation loses. */
const solved = 100 * float64;

test("least squares and its HC1 errors equal statsmodels, weighted too", async () => {
  for (const [weight, want] of [
    [undefined, reference.ols],
    [w, reference.wls],
  ] as const) {
    const fitted = await ridge.fit(config(0), x, y, weight, { ...context, inference: {} });
    expectAllClose(await fitted.predict(x), want.fitted, solved);
    expectAllClose((await fitted.standardError?.(x)) ?? [], want.se, solved);
  }
});

test("cluster errors equal statsmodels", async () => {
  const fitted = await ridge.fit(config(0), x, y, undefined, { ...context, inference: { cluster: Int32Array.from(reference.group as number[]) } });
  expectAllClose((await fitted.standardError?.(x)) ?? [], reference.clustered.se, solved);
});

test("ridge equals scikit-learn on standardised columns, weighted too", async () => {
  expectAllClose(await (await ridge.fit(config(reference.ridge.lambda), x, y, undefined, context)).predict(x), reference.ridge.fitted, solved);
  expectAllClose(await (await ridge.fit(config(reference.ridge.lambda), x, y, w, context)).predict(x), reference.weightedRidge.fitted, solved);
});

test("logistic regression equals statsmodels without penalty and scikit-learn with one, weighted too", async () => {
  expectAllClose(await (await logistic.fit(config(0), x, b, undefined, context)).predict(x), reference.logit.p, solved);
  expectAllClose(await (await logistic.fit(config(reference.ridge.lambda), x, b, undefined, context)).predict(x), reference.ridgeLogit.p, solved);
  expectAllClose(await (await logistic.fit(config(reference.ridge.lambda), x, b, w, context)).predict(x), reference.weightedRidgeLogit.p, solved);
});

test("errors are there only when they are asked for", async () => {
  expect((await ridge.fit(config(0), x, y, undefined, context)).standardError).toBeUndefined();
});

test("auto takes the penalty of least error when rows are left out, counted through the hat matrix, weighted too", async () => {
  const rng = new Rng(3);
  const n = 40;
  const columns = Array.from({ length: 6 }, (_, j) =>
    numberColumn(
      `x${j}`,
      Array.from({ length: n }, () => rng.normal()),
    ),
  );
  const target = Float64Array.from({ length: n }, (_, i) => columns[0].values[i] + 3 * rng.normal());
  const features = { rows: n, columns };
  for (const weight of [undefined, target.map((_, i) => (i < 12 ? 1 : 0.05))]) {
    const auto = await ridge.fit(config("auto"), features, target, weight, context);
    const error = async (lambda: number): Promise<number> => {
      const predict = async (y: Float64Array): Promise<Float64Array> => (await ridge.fit(config(lambda), features, y, weight, context)).predict(features);
      const fitted = await predict(target);
      let sum = 0;
      // A row's leverage is its prediction when its target alone is 1.
      for (let i = 0; i < n; i++) sum += (weight?.[i] ?? 1) * ((target[i] - fitted[i]) / (1 - (await predict(new Float64Array(n).fill(1, i, i + 1)))[i])) ** 2;
      return sum;
    };
    const best = auto.report?.lambda as number;
    expect(best).toBeGreaterThan(1e-3);
    expect(best).toBeLessThan(1e3);
    const least = await error(best);
    for (const factor of [0.1, 10 ** -0.25, 10 ** 0.25, 10]) expect(await error(best * factor)).toBeGreaterThan(least);
  }
});

test("auto takes a logistic penalty of least AIC: neighbours on the path have no less", async () => {
  const rng = new Rng(4);
  const n = 300;
  const columns = Array.from({ length: 8 }, (_, j) =>
    numberColumn(
      `x${j}`,
      Array.from({ length: n }, () => rng.normal()),
    ),
  );
  const target = Float64Array.from({ length: n }, (_, i) => rng.bernoulli(1 / (1 + Math.exp(-0.5 * columns[0].values[i]))));
  const features = { rows: n, columns };
  const aic = async (lambda: LinearConfig["lambda"]): Promise<number> => {
    const fitted = await logistic.fit(config(lambda), features, target, undefined, context);
    const p = await fitted.predict(features);
    return p.reduce((sum, v, i) => sum - 2 * Math.log(target[i] === 1 ? v : 1 - v), 0) + 2 * (fitted.report?.df as number);
  };
  const best = (await logistic.fit(config("auto"), features, target, undefined, context)).report?.lambda as number;
  expect(best).toBeGreaterThan(1e-3);
  const least = await aic(best);
  // The search follows an expansion of the loss: it may stop one step beside the lowest point, but no further.
  for (const factor of [0.1, 10 ** -0.5, 10 ** 0.5, 10]) expect(await aic(best * factor)).toBeGreaterThan(least - 0.01);
});

test("weights are relative: ten times all of them changes nothing but rounding", async () => {
  const tenfold = w.map((v) => 10 * v);
  for (const [learner, target] of [
    [ridge, y],
    [logistic, b],
  ] as const) {
    const one = await (await learner.fit(config("auto"), x, target, w, context)).predict(x);
    expectAllClose(await (await learner.fit(config("auto"), x, target, tenfold, context)).predict(x), one, solved);
  }
});

test("at a given penalty a weight of 2 is the row twice", async () => {
  const twice = Float64Array.from(y, (_, i) => (i < 20 ? 2 : 1));
  const rows = [...Array(60).keys(), ...Array(20).keys()];
  const copied = {
    rows: 80,
    columns: x.columns.map((column) =>
      numberColumn(
        column.name,
        rows.map((i) => (column as { values: Float64Array }).values[i]),
      ),
    ),
  };
  for (const [learner, target] of [
    [ridge, y],
    [logistic, b],
  ] as const) {
    const weighted = await learner.fit(config(0.1), x, target, twice, context);
    const repeated = await learner.fit(
      config(0.1),
      copied,
      Float64Array.from(rows, (i) => target[i]),
      undefined,
      context,
    );
    expectAllClose(await weighted.predict(x), await repeated.predict(x), solved);
  }
});

test("least squares with dependent columns takes the solution of least norm: the same fit as without them", async () => {
  const sum = numberColumn(
    "sum",
    (x.columns[0] as { values: Float64Array }).values.map((v, i) => v + (x.columns[1] as { values: Float64Array }).values[i]),
  );
  const wide = { rows: x.rows, columns: [...x.columns, sum, { ...sum, name: "again" }] };
  const fitted = await ridge.fit(config(0), wide, y, undefined, context);
  expect(fitted.report).toMatchObject({ columns: 4, rank: 2 });
  expectAllClose(await fitted.predict(wide), reference.ols.fitted, 1e-9);
  const p = await (await logistic.fit(config(0), wide, b, undefined, context)).predict(wide);
  expectAllClose(p, reference.logit.p, 1e-7);
});

test("more columns than rows leave auto a finite answer", async () => {
  const rng = new Rng(8);
  const columns = Array.from({ length: 30 }, (_, j) =>
    numberColumn(
      `x${j}`,
      Array.from({ length: 12 }, () => rng.normal()),
    ),
  );
  const features = { rows: 12, columns };
  const fitted = await ridge.fit(config("auto"), features, y.slice(0, 12), undefined, context);
  expect((await fitted.predict(features)).every(Number.isFinite)).toBe(true);
});

test("separated classes: auto gives probabilities inside (0, 1), maximum likelihood is refused with a way out", async () => {
  const z = {
    rows: 20,
    columns: [
      numberColumn(
        "z",
        Array.from({ length: 20 }, (_, i) => i),
      ),
    ],
  };
  const target = Float64Array.from({ length: 20 }, (_, i) => (i < 10 ? 0 : 1));
  const p = await (await logistic.fit(config("auto"), z, target, undefined, context)).predict(z);
  expect(Math.min(...p)).toBeGreaterThan(0);
  expect(Math.max(...p)).toBeLessThan(1);
  await expect(logistic.fit(config(0), z, target, undefined, context)).rejects.toThrow(/separate the classes.*set lambda above 0/);
});

test("targets that are all equal: the regressor predicts them, the classifier (s + 1/2) / (n + 1)", async () => {
  expectAllClose(
    await (await ridge.fit(config("auto"), x, new Float64Array(60).fill(4), undefined, context)).predict(x),
    new Float64Array(60).fill(4),
    float64,
  );
  expectClose((await (await logistic.fit(config("auto"), x, new Float64Array(60), undefined, context)).predict(x))[0], 0.5 / 61, float64);
  expectClose((await (await logistic.fit(config("auto"), x, new Float64Array(60).fill(1), undefined, context)).predict(x))[0], 60.5 / 61, float64);
});

test("one row, no columns and constant columns are fitted by the mean", async () => {
  const one = { rows: 1, columns: [numberColumn("x", [3])] };
  expect([...(await (await ridge.fit(config("auto"), one, Float64Array.of(7), undefined, context)).predict(one))]).toEqual([7]);
  const none = { rows: 3, columns: [numberColumn("x", [0.1, 0.1, 0.1])] };
  const fitted = await ridge.fit(config("auto"), none, Float64Array.of(1, 2, 6), undefined, context);
  expectAllClose(await fitted.predict(none), [3, 3, 3], float64);
  expect(fitted.report?.constant).toEqual(["x"]);
});

test("rows without weight are as good as absent", async () => {
  const half = w.map((v, i) => (i < 30 ? v : 0));
  const rest = { rows: 30, columns: x.columns.map((column) => numberColumn(column.name, (column as { values: Float64Array }).values.slice(0, 30))) };
  for (const [learner, target] of [
    [ridge, y],
    [logistic, b],
  ] as const) {
    const zeroed = await (await learner.fit(config("auto"), x, target, half, context)).predict(x);
    expectAllClose(zeroed, await (await learner.fit(config("auto"), rest, target.slice(0, 30), w.slice(0, 30), context)).predict(x), solved);
  }
  await expect(ridge.fit(config("auto"), x, y, new Float64Array(60), context)).rejects.toThrow(/none with a weight above 0/);
});

test("what is restored predicts the same, errors too", async () => {
  const mixed = {
    rows: 60,
    columns: [
      ...x.columns,
      categoryColumn(
        "c",
        Array.from(reference.c as number[], (c, i) => (i % 7 === 0 ? null : `l${c}`)),
      ),
    ],
  };
  const fitted = await ridge.fit(config("auto"), mixed, y, w, { ...context, inference: {} });
  const state = fitted.state();
  const again = await ridge.restore(config("auto"), { json: JSON.parse(JSON.stringify(state.json)), arrays: state.arrays });
  expect([...(await again.predict(mixed))]).toEqual([...(await fitted.predict(mixed))]);
  expect([...((await again.standardError?.(mixed)) ?? [])]).toEqual([...((await fitted.standardError?.(mixed)) ?? [])]);
  const classifier = await logistic.fit(config("auto"), mixed, b, w, context);
  const restored = await logistic.restore(config("auto"), classifier.state());
  expect([...(await restored.predict(mixed))]).toEqual([...(await classifier.predict(mixed))]);
  await expect(ridge.restore(config("auto"), { ...state, arrays: {} })).rejects.toThrow(/coefficients/);
});

test("an abort stops a fit", async () => {
  const aborted = { ...context, signal: AbortSignal.abort() };
  await expect(ridge.fit(config("auto"), x, y, undefined, aborted)).rejects.toThrow(/abort/i);
  await expect(logistic.fit(config("auto"), x, b, undefined, aborted)).rejects.toThrow(/abort/i);
});

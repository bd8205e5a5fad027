import { expect, test } from "vitest";
import { parse } from "../../src/base/parse.ts";
import { Rng } from "../../src/base/rng.ts";
import { numberColumn } from "../../src/data/dataset.ts";
import type { Features } from "../../src/data/schema.ts";
import type { LearnContext } from "../../src/learn/contract.ts";
import { ridge } from "../../src/learn/ridge.ts";
import { stackClassifier, stackRegressor } from "../../src/learn/stack.ts";

const context: LearnContext = { rng: new Rng(1), threads: 1, signal: new AbortController().signal };
const n = 400;

function sample(seed: number, f: (a: number, b: number) => number): { x: Features; y: Float64Array; truth: Float64Array } {
  const rng = new Rng(seed);
  const a = Float64Array.from({ length: n }, () => rng.normal());
  const b = Float64Array.from({ length: n }, () => rng.normal());
  const truth = a.map((v, i) => f(v, b[i]));
  return { x: { rows: n, columns: [numberColumn("a", a), numberColumn("b", b)] }, y: truth.map((v) => v + rng.normal()), truth };
}

const config = parse(stackRegressor.config, { boosting: { rounds: 60, learningRate: 0.1, maxLeaves: 8 } }, "stack");
const mse = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / a.length;

test("a straight line leaves boosting next to nothing, a step takes it", async () => {
  const line = sample(1, (a) => 2 * a);
  expect((await stackRegressor.fit(config, line.x, line.y, undefined, context)).report?.boostingShare).toBeLessThan(0.25);
  const step = sample(2, (a, b) => (a > 0 !== b > 0 ? 2 : -2));
  const fitted = await stackRegressor.fit(config, step.x, step.y, undefined, context);
  expect(fitted.report?.boostingShare).toBeGreaterThan(0.8);
  const linear = await ridge.fit(config.linear, step.x, step.y, undefined, context);
  expect(mse(await fitted.predict(step.x), step.truth)).toBeLessThan(mse(await linear.predict(step.x), step.truth) / 2);
});

test("the same for probabilities, which stay inside (0, 1)", async () => {
  const { x, truth } = sample(3, (a, b) => (a > 0 !== b > 0 ? 0.9 : 0.1));
  const rng = new Rng(4);
  const y = truth.map((p) => rng.bernoulli(p));
  const fitted = await stackClassifier.fit(config, x, y, new Float64Array(n).fill(1), context);
  expect(fitted.report?.boostingShare).toBeGreaterThan(0.8);
  expect((await fitted.predict(x)).every((p) => p > 0 && p < 1)).toBe(true);
  const line = truth.map((_, i) => rng.bernoulli(1 / (1 + Math.exp(-2 * (x.columns[0] as { values: Float64Array }).values[i]))));
  expect((await stackClassifier.fit(config, x, line, undefined, context)).report?.boostingShare).toBeLessThan(0.4);
});

test("one row and targets that are all equal are fitted by what there is", async () => {
  const one = { rows: 1, columns: [numberColumn("a", [3])] };
  expect((await (await stackRegressor.fit(config, one, Float64Array.of(7), undefined, context)).predict(one))[0]).toBeCloseTo(7, 12);
  const { x } = sample(5, (a) => a);
  for (const [learner, value] of [
    [stackRegressor, 2],
    [stackClassifier, 1],
  ] as const) {
    const p = await (await learner.fit(config, x, new Float64Array(n).fill(value), undefined, context)).predict(x);
    expect(Math.max(...p) - Math.min(...p)).toBeLessThan(1e-9);
  }
});

test("what is restored predicts the same, and a share out of bounds is refused", async () => {
  const { x, y } = sample(6, (a, b) => a * b + a);
  const fitted = await stackRegressor.fit(config, x, y, undefined, context);
  const state = fitted.state();
  const again = await stackRegressor.restore(config, { json: JSON.parse(JSON.stringify(state.json)), arrays: state.arrays });
  expect(await again.predict(x)).toEqual(await fitted.predict(x));
  await expect(stackRegressor.restore(config, { json: { ...(state.json as object), share: 2 }, arrays: state.arrays })).rejects.toThrow(
    /share of boosting is 2/,
  );
});

import { describe, expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import * as c from "../../../src/compute/index.ts";
import { categoryColumn, Dataset, numberColumn } from "../../../src/data/dataset.ts";
import type { FitContext, Model } from "../../../src/model/contract.ts";
import { fit } from "../../../src/model/fit.ts";
import type { ArmNet } from "../../../src/uplift/net/armNet.ts";
import { dragonNet, dragonnet } from "../../../src/uplift/net/dragonnet.ts";
import { tarnet } from "../../../src/uplift/net/tarnet.ts";
import { numbersOf, started } from "../../compute/running.ts";
import { expectAllClose, expectClose, expectWithin, float32, float64 } from "../../tolerance.ts";

/** Sums and products taken in single precision over a hundred steps. */
const trainedFloat32 = 1e-3;

/** The effect of the first arm is 1 + 2 x1, of the second 2; who is treated depends on x2, which also moves the outcome. */
function experiment(n: number, change: { arms?: 2 | 3; binary?: boolean; seed?: number; scale?: number; shift?: number } = {}): Dataset {
  const { arms = 2, binary = false, seed = 1, scale = 1, shift = 0 } = change;
  const rng = new Rng(seed);
  const draw = (): Float64Array => Float64Array.from({ length: n }, () => rng.normal());
  const [x1, x2, x3] = [draw(), draw(), draw()];
  const city = Array.from({ length: n }, () => (rng.float() < 0.05 ? null : `c${rng.int(30)}`));
  const arm = Array.from(x2, (v) => (arms === 3 ? rng.int(3) : Number(rng.float() < 1 / (1 + Math.exp(-v)))));
  const effects = [() => 0, (i: number) => 1 + 2 * x1[i], () => 2];
  const signal = (i: number, a: number): number => x2[i] + 0.5 * x3[i] + effects[a](i);
  const chance = (i: number, a: number): number => 1 / (1 + Math.exp(-signal(i, a)));
  const mean = (i: number, a: number): number => (binary ? chance(i, a) : shift + scale * signal(i, a));
  const y = arm.map((a, i) => (binary ? rng.bernoulli(chance(i, a)) : mean(i, a) + scale * 0.5 * rng.normal()));
  const gaps = x3.map((v, i) => (i % 8 === 0 ? Number.NaN : v));
  const truth = effects.slice(0, arms).map((_, a) =>
    numberColumn(
      `mu${a}`,
      Float64Array.from({ length: n }, (_, i) => mean(i, a)),
    ),
  );
  return new Dataset(
    [
      numberColumn("x1", x1),
      numberColumn("x2", x2),
      numberColumn("x3", gaps),
      categoryColumn("city", city),
      numberColumn("arm", arm),
      numberColumn("y", y),
      ...truth,
    ],
    {
      features: ["x1", "x2", "x3", "city"],
      treatment: { column: "arm", control: "0" },
      outcomes: ["y"],
      potential: Object.fromEntries(truth.map(({ name }, a) => [String(a), name])),
    },
  );
}

const small = { representation: [32, 32], heads: [16], steps: 400, patience: 400, batch: 128, learningRate: 0.005 };

function correlation(a: Float64Array, b: Float64Array): number {
  const mean = (v: Float64Array): number => v.reduce((sum, one) => sum + one, 0) / v.length;
  const [ma, mb] = [mean(a), mean(b)];
  const product = (u: Float64Array, mu: number, v: Float64Array, mv: number): number => u.reduce((sum, one, i) => sum + (one - mu) * (v[i] - mv), 0);
  return product(a, ma, b, mb) / Math.sqrt(product(a, ma, a, ma) * product(b, mb, b, mb));
}

const nets: readonly Model<string, "uplift">[] = [tarnet, dragonnet];

describe.each(nets)("$id", (model) => {
  test("finds who gains and by how much where treatment is confounded, from data with gaps and a category of many levels", async () => {
    const fitted = await fit(model, experiment(1500), { config: small, threads: 1 });
    const fresh = experiment(500, { seed: 9 });
    const { effect } = await fitted.predict(fresh);
    const truth = fresh.trueEffect("1") as Float64Array;
    expect(correlation(effect[0], truth)).toBeGreaterThan(0.95);
    const error = Math.sqrt(truth.reduce((sum, v, i) => sum + (effect[0][i] - v) ** 2, 0) / truth.length);
    expect(error, "root mean squared error, where the effects have deviation 2").toBeLessThan(0.7);
    fitted.dispose();
  });

  test("takes several arms and a binary outcome: effects are differences of probabilities", async () => {
    const data = experiment(1500, { arms: 3, binary: true });
    const fitted = await fit(model, data, { config: { ...small, dropout: 0.1 }, threads: 1 });
    const { arms, effect, outcome = [] } = await fitted.predict(data);
    expect(arms).toEqual(["1", "2"]);
    expect(outcome.length).toBe(3);
    for (const values of outcome) expect(values.every((v) => v > 0 && v < 1)).toBe(true);
    effect.forEach((values, k) => expectAllClose(values, outcome[k + 1].map((v, i) => v - outcome[0][i]), float64)); // biome-ignore format: one line
    expect(correlation(effect[0], data.trueEffect("1") as Float64Array)).toBeGreaterThan(0.8);
    fitted.dispose();
  });

  test("an outcome in other units gives the same effects in those units", async () => {
    // Straight to the model: the front door orders rows by their content, which would deal other rows out to be held back.
    const learned = async (scale: number, shift: number): Promise<Float64Array> => {
      const data = experiment(300, { scale, shift });
      const context: FitContext = { rng: new Rng(1), threads: 1, progress: () => undefined, signal: new AbortController().signal };
      const fitted = await model.fit(model.config.parse({ ...small, steps: 100 }) as never, data, context);
      const { effect } = await fitted.predict(data);
      fitted.dispose();
      return effect[0].map((v) => v / scale);
    };
    expectAllClose(await learned(1000, 5e5), await learned(1, 0), trainedFloat32);
  });

  test("what was learned on one engine predicts the same on the others", async () => {
    const data = experiment(300);
    const config = { ...small, steps: 50, engine: "onnx" };
    const fitted = await fit(model, data, { config, threads: 1 });
    const { effect } = await fitted.predict(data);
    for (const engine of ["onnx-web", "tfjs", "reference"]) {
      const again = await model.restore(model.config.parse({ ...config, engine }) as never, await fitted.state());
      expectAllClose((await again.predict(data.restrict(["feature"]))).effect[0], effect[0], float32, engine);
      again.dispose();
    }
    fitted.dispose();
  });

  test("members are averaged, and each is reported; without held-out rows every step is taken", async () => {
    const data = experiment(300);
    const config = { ...small, steps: 40, heldOut: 0, batch: 150 };
    const one = await fit(model, data, { config, threads: 1 });
    const three = await fit(model, data, { config: { ...config, members: 3 }, threads: 1 });
    const training = three.report.training as { steps: number; stopped: string; loss: number[]; heldOutLoss?: number[] }[];
    expect(training.map(({ steps, stopped, heldOutLoss }) => [steps, stopped, heldOutLoss])).toEqual([[40, "epochs", undefined], [40, "epochs", undefined], [40, "epochs", undefined]]); // biome-ignore format: one line
    // The first member is the same net; the average lies elsewhere.
    expect((one.report.training as typeof training)[0]).toEqual(training[0]);
    const [a, b] = [await one.predict(data), await three.predict(data)];
    expect(Math.abs(a.effect[0][0] - b.effect[0][0])).toBeGreaterThan(1e-4);
    one.dispose();
    three.dispose();
  });

  test("the report names the engine and why, and follows the loss", async () => {
    const fitted = await fit(model, experiment(300), { config: { ...small, steps: 60, engine: "reference", representation: [8] }, threads: 1 });
    expect(fitted.report.engine).toEqual({ id: "reference", version: "float64, plain TypeScript", reason: "asked for by the option engine", skipped: [] });
    const [{ loss, heldOutLoss, bestEpoch }] = fitted.report.training as { loss: number[]; heldOutLoss: number[]; bestEpoch: number }[];
    expect(heldOutLoss[bestEpoch - 1]).toBe(Math.min(...heldOutLoss));
    expect(loss.at(-1)).toBeLessThan(loss[0]);
    fitted.dispose();
  });
});

const propensityOf = (net: ArmNet, weights: c.Tensors, x: c.Tensor): c.Tensor => (net.also as NonNullable<ArmNet["also"]>)(weights, x).propensity;

describe("dragonnet's targeted regularisation", () => {
  const n = 12;
  const rng = new Rng(3);
  const about = { inputs: 3, arms: 3 } as const;
  const config = dragonnet.config.parse({ representation: [4], heads: [4] });
  const x = c.constant(Float64Array.from({ length: n * 3 }, () => rng.normal()), [n, 3]); // biome-ignore format: one line
  const arm = Array.from({ length: n }, (_, i) => i % 3);
  const w = Float64Array.from({ length: n }, () => 0.5 + rng.float());

  test.each<["identity" | "logit", (mu: number) => number, number]>([
    ["identity", (mu) => mu, 2],
    ["logit", (mu) => 1 / (1 + Math.exp(-mu)), 1],
  ])("%s: its slope at zero is the weighted sum of residuals over propensities, one for each arm against the control", async (link, meanOf, factor) => {
    const y = Array.from({ length: n }, (_, i) => (link === "logit" ? (i * 7) % 2 : rng.normal()));
    const net = dragonNet(config, { ...about, link });
    const weights = started(net, new Rng(5));
    const seen = { arm: c.constant(arm, [n], "int"), y: c.constant(y), w: c.constant(w) };
    const losses = net.loss(weights, x, seen, { training: true } as c.Step) as Record<string, c.Tensor>;
    const [slope] = c.grad(losses.targeted, [weights.epsilon as c.Tensor]);
    const mu = await numbersOf(net.outcomes(weights, x));
    const g = await numbersOf(propensityOf(net, weights, x));
    const total = w.reduce((a, b) => a + b, 0);
    const want = [1, 2].map((k) =>
      arm.reduce((sum, a, i) => {
        const contrast = a === k ? 1 / g[i * 3 + k] : a === 0 ? -1 / g[i * 3] : 0;
        // A third of the loss is the targeted part.
        return sum - (factor * w[i] * contrast * (y[i] - meanOf(mu[i * 3 + a]))) / total / 3;
      }, 0),
    );
    expectAllClose(await numbersOf(slope), want, 100 * float64);
  });

  test("propensities of a row add up to one and stay inside (0, 1)", async () => {
    const net = dragonNet(config, { ...about, link: "identity" });
    const g = await numbersOf(propensityOf(net, started(net, new Rng(5)), c.mul(x, 1000)));
    expect(g.every((v) => v > 0 && v < 1)).toBe(true);
    for (let i = 0; i < n; i++) expectClose(g[i * 3] + g[i * 3 + 1] + g[i * 3 + 2], 1, float64);
  });

  test("parts of the loss with weight zero are left out", () => {
    const net = dragonNet(dragonnet.config.parse({ propensityWeight: 0, targetedWeight: 0 }), { ...about, link: "identity" });
    const seen = { arm: c.constant(arm, [n], "int"), y: c.constant(w), w: c.constant(w) };
    expect(Object.keys(net.loss(started(net, new Rng(5)), x, seen, { training: true } as c.Step))).toEqual(["outcome"]);
  });

  test("the report gives the targeted average effect, near the truth where treatment is confounded, and the range of the propensities", async () => {
    const data = experiment(1500, { seed: 4 });
    const fitted = await fit(dragonnet, data, { config: small, threads: 1 });
    const truth = (data.trueEffect("1") as Float64Array).reduce((sum, v) => sum + v, 0) / data.rows;
    expectWithin((fitted.report.targetedAverageEffect as number[])[0], truth, 1 / Math.sqrt(data.rows / 4), 4);
    const [least, most] = fitted.report.propensityRange as [number, number];
    expect(0 < least && least < 0.3 && 0.7 < most && most < 1).toBe(true);
    fitted.dispose();
  });
});

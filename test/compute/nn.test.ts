import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import * as c from "../../src/compute/index.ts";
import { recordingStep } from "../../src/compute/train/step.ts";
import { expectAllClose, expectClose, expectWithin, float64 } from "../tolerance.ts";
import { computed, fixed, numbersOf, started, torch } from "./running.ts";

const { nn } = c;
const rng = new Rng(8);
const random = (label: string, ...shape: number[]): c.Tensor => {
  const stream = rng.split(label);
  return c.constant(
    Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => stream.normal()),
    shape,
  );
};

describe("layers", () => {
  test("gru: states and last state are PyTorch's", async () => {
    const { x, states, last, ...weights } = torch.gru;
    const layer = nn.gru(3, 4);
    const out = layer.apply(Object.fromEntries(Object.entries(weights).map(([name, value]) => [name, fixed(value as never)])), fixed(x));
    expectAllClose(await numbersOf(out.states), states.data, float64);
    expectAllClose(await numbersOf(out.last), last.data, float64);
  });

  test("gru in reverse is the gru on the reversed sequence", async () => {
    const [forward, backward] = [nn.gru(3, 4), nn.gru(3, 4, { reverse: true })];
    const weights = started(forward, new Rng(1));
    const x = random("x", 2, 5, 3);
    const turned = c.stack([4, 3, 2, 1, 0].map((t) => c.take(x, 1, t)), 1); // biome-ignore format: one line
    expectAllClose(await numbersOf(backward.apply(weights, x).last), await numbersOf(forward.apply(weights, turned).last), float64);
  });

  test("gru: masked entries leave the state as it is, whatever they hold", async () => {
    const layer = nn.gru(3, 4);
    const weights = started(layer, new Rng(1));
    const x = random("x", 2, 5, 3);
    const mask = c.constant([1, 1, 1, 0, 0, 1, 1, 1, 0, 0], [2, 5]);
    const { last } = layer.apply(weights, x, mask);
    expectAllClose(await numbersOf(last), await numbersOf(layer.apply(weights, c.slice(x, 1, 0, 3)).last), float64);
  });

  test("attention with two heads, with and without padding, is PyTorch's", async () => {
    const { query, keys, values, mask, weights, plain, masked } = torch.attention;
    const layer = nn.attention({ width: 6, heads: 2 });
    const w = Object.fromEntries(Object.entries<Record<string, never>>(weights).map(([name, { w, b }]) => [name, { w: fixed(w), b: fixed(b) }])) as Record<
      string,
      c.Tensors
    >;
    w.key = { w: w.key.w };
    const inputs = { query: fixed(query), keys: fixed(keys), values: fixed(values) };
    expectAllClose(await numbersOf(layer.apply(w, inputs)), plain.data, float64);
    expectAllClose(await numbersOf(layer.apply(w, { ...inputs, mask: fixed(mask) })), masked.data, float64);
  });

  test("attention: a query with nothing to look at gets zeros", async () => {
    const [q, k] = [random("q", 1, 2, 3), random("k", 1, 4, 3)];
    expect(await numbersOf(nn.scaledDotProduct(q, k, k, c.constant([0, 0, 0, 0], [1, 1, 4])))).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test("layer norm is PyTorch's", async () => {
    const { x, scale, shift, y } = torch.layerNorm;
    expectAllClose(await numbersOf(nn.layerNorm(5).apply({ scale: fixed(scale), shift: fixed(shift) }, fixed(x))), y.data, float64);
  });

  test("mlp: each layer is activation(x w + b), with layer norm before the activation where it is asked for", async () => {
    const layer = nn.mlp(3, [4, 2], { activation: "tanh", last: "linear", normalise: true });
    const w = started(layer, new Rng(2)) as Record<string, Record<string, c.Tensor>>;
    const x = random("x", 5, 3);
    const hidden = c.tanh(c.standardise(c.add(c.matmul(x, w[0].w), w[0].b)));
    expectAllClose(await numbersOf(layer.apply(w, x)), await numbersOf(c.add(c.matmul(hidden, w[1].w), w[1].b)), float64);
  });

  test("embedding looks rows up; its weights are in a group of their own", async () => {
    const layer = nn.embedding(4, 2, { lazy: true });
    expect(layer.init.table).toMatchObject({ group: "embedding", lazy: true, shape: [4, 2] });
    const table = c.constant([0, 1, 10, 11, 20, 21, 30, 31], [4, 2]);
    expect(await numbersOf(layer.apply({ table }, c.constant([2, 0], [2], "int")))).toEqual([20, 21, 0, 1]);
  });

  test("squeeze-excitation weighs entries alike in every group, or groups as a whole", async () => {
    const x = random("x", 3, 6); // 3 groups of 2
    for (const over of ["groups", "entries"] as const) {
      const layer = nn.squeezeExcitation(3, 2, { over, ratio: 1 });
      const factors = await numbersOf(c.div(layer.apply(started(layer, new Rng(5)), x), x));
      for (let row = 0; row < 3; row++)
        for (let g = 0; g < 3; g++)
          for (let e = 0; e < 2; e++) {
            const got = factors[row * 6 + g * 2 + e];
            expect(got > 0 && got < 1).toBe(true);
            expectClose(got, factors[row * 6 + (over === "groups" ? e : g * 2)], float64);
          }
    }
  });

  test("mixture adds experts in the given shares, and gates add up to one", async () => {
    const experts = [random("a", 2, 3), random("b", 2, 3)];
    const shares = c.constant([0.25, 0.75, 1, 0], [2, 2]);
    const [a, b] = await Promise.all(experts.map(numbersOf));
    expectAllClose(await numbersOf(nn.mixture(experts, shares)), a.map((v, i) => (i < 3 ? 0.25 * v + 0.75 * b[i] : v)), float64); // biome-ignore format: one line
    const gate = nn.gate(3, 4);
    expectAllClose(await numbersOf(c.sum(gate.apply(started(gate, new Rng(1)), experts[0]), 1)), [1, 1], float64);
  });

  test("mmoe: every task sees every expert; ple: a task sees the shared experts and its own only", async () => {
    const x = random("x", 4, 3);
    const options = { inputs: 3, tasks: 2, expert: () => nn.mlp(3, [5]) };
    const seen = async (
      layer: c.Layer<[x: c.Tensor], c.Tensor[]>,
      pick: (w: Record<string, Record<string, c.Tensors>>) => c.Tensors,
      task: number,
    ): Promise<boolean> => {
      const weights = started(layer, new Rng(3)) as never;
      const [g] = c.grad(c.sum(c.square(layer.apply(weights, x)[task])), [pick(weights).w as c.Tensor]);
      return (await numbersOf(g)).some((v) => v !== 0);
    };
    const deep = (tree: c.Tensors, ...path: string[]): c.Tensors => path.reduce((part, name) => part[name] as c.Tensors, tree);
    const mmoe = nn.mmoe({ ...options, experts: 2 });
    for (const task of [0, 1]) for (const expert of ["0", "1"]) expect(await seen(mmoe, (w) => deep(w, "experts", expert, "0"), task)).toBe(true);
    const ple = nn.ple({ ...options, shared: 1, perTask: 1 });
    for (const task of [0, 1]) {
      expect(await seen(ple, (w) => deep(w, "shared", "0", "0"), task)).toBe(true);
      for (const owner of [0, 1]) expect(await seen(ple, (w) => deep(w, "own", String(owner), "0", "0"), task)).toBe(task === owner);
    }
  });

  test("dropout keeps the mean in training and does nothing otherwise", async () => {
    const x = c.input("x", [c.symbol("rows"), 5]);
    const step = recordingStep(true);
    const dropped = nn.dropout(x, 0.25, step);
    expect(step.noises).toEqual([{ name: "noise.0", kind: { keep: 0.75 }, shape: [5] }]);
    expect(c.graphOf({ dropped }).nodes.map(({ op }) => op)).toEqual(["input", "input", "mul", "constant", "mul"]);
    expect(nn.dropout(x, 0.25, recordingStep(false))).toBe(x);
    expect(() => nn.dropout(x, 0.25, undefined)).toThrow(/hand the step of the loss on/);
    expect(() => nn.dropout(x, 1, step)).toThrow(/rate must lie in 0 \.\. 1/);
  });
});

describe("losses", () => {
  const { prediction, target, binary, counts, logits, classes, ...want } = torch.losses;
  test.each<[string, () => c.Tensor]>([
    ["huber", () => nn.huber(fixed(prediction), fixed(target), 0.8)],
    ["bce", () => nn.bceWithLogits(fixed(prediction), fixed(binary))],
    ["poisson", () => nn.poisson(fixed(prediction), fixed(counts))],
    ["crossEntropy", () => nn.softmaxCrossEntropy(fixed(logits), c.constant(classes, [8], "int"))],
  ])("%s is PyTorch's", async (name, build) => {
    expectAllClose(await numbersOf(build()), want[name].data, float64);
  });

  test("ziln is minus the log density of a zero or lognormal outcome, and zilnMean its expectation", async () => {
    const [p, mu, raw] = [0.3, 0.4, 0.1];
    const sigma = Math.log(1 + Math.exp(raw));
    const outcomes = [0, 0.2, 1, 7];
    const wide = (v: number): c.Tensor => c.constant(outcomes.map(() => v));
    const head = { logit: wide(Math.log(p / (1 - p))), mean: wide(mu), rawDeviation: wide(raw) };
    const density = (y: number): number => Math.exp(-(((Math.log(y) - mu) / sigma) ** 2) / 2) / (y * sigma * Math.sqrt(2 * Math.PI));
    expectAllClose(await numbersOf(nn.ziln(head, c.constant(outcomes))), outcomes.map((y) => -Math.log(y === 0 ? 1 - p : p * density(y))), float64); // biome-ignore format: one line
    expectClose((await numbersOf(nn.zilnMean(head)))[0], p * Math.exp(mu + sigma ** 2 / 2), float64);
  });

  test("a weighted mean of losses is as if rows were repeated, and 0 when all weights are", async () => {
    const x = c.constant([1, 5, 3]);
    expectAllClose(await numbersOf(c.weightedMean(x, c.constant([2, 0, 1]))), [5 / 3], float64);
    expect(await numbersOf(c.weightedMean(x, c.constant([0, 0, 0])))).toEqual([0]);
  });
});

describe("distances between groups of rows", () => {
  const n = 9;
  const h = random("h", n, 2);
  const t = [1, 0, 0, 1, 0, 0, 1, 0, 0];
  const first = c.constant(t);

  test("linear MMD is the squared distance of the means", async () => {
    const rows = await numbersOf(h);
    const mean = (arm: number, j: number): number => t.reduce((sum, v, i) => sum + (v === arm ? rows[2 * i + j] : 0), 0) / t.filter((v) => v === arm).length;
    expectAllClose(await numbersOf(nn.linearMmd(h, first)), [(mean(1, 0) - mean(0, 0)) ** 2 + (mean(1, 1) - mean(0, 1)) ** 2], float64);
  });

  test("RBF MMD is the mean kernel within the groups less that between them", async () => {
    const rows = await numbersOf(h);
    const kernel = (i: number, j: number): number => Math.exp(-((rows[2 * i] - rows[2 * j]) ** 2 + (rows[2 * i + 1] - rows[2 * j + 1]) ** 2) / (2 * 0.7 ** 2));
    let want = 0;
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) want += (t[i] === 1 ? 1 / 3 : -1 / 6) * (t[j] === 1 ? 1 / 3 : -1 / 6) * kernel(i, j);
    // Distances by the cosine rule lose a few digits.
    expectAllClose(await numbersOf(nn.rbfMmd(h, first, 0.7)), [want], 100 * float64);
  });

  test("sharp Wasserstein is the exact transport: on a line, the mean distance of the sorted rows", async () => {
    const line = [0.1, 2, -1, 0.5, 3, 1.4, -0.3, 0.9];
    const arm = [1, 0, 1, 0, 1, 0, 0, 1];
    const sorted = (a: number): number[] => line.filter((_, i) => arm[i] === a).toSorted((x, y) => x - y);
    const want = sorted(1).reduce((sum, v, i) => sum + Math.abs(v - sorted(0)[i]) / 4, 0);
    const x = c.constant(line, [8, 1]);
    const options = { lambda: 100, iterations: 300 };
    expectClose((await numbersOf(nn.wasserstein(x, c.constant(arm), options)))[0], want, 1e-3);
    // Moving a row of the first group by a little moves the cost by a quarter of it, towards or away from its partner.
    const [g] = c.grad(nn.wasserstein(x, c.constant(arm), options), [x]);
    for (const slope of await numbersOf(g)) expectClose(Math.abs(slope), 0.25, 1e-2);
  });

  test("all are zero when the groups are the same rows, and when a group is empty", async () => {
    const twice = c.concat([h, h], 0);
    const halves = c.constant([...Array.from({ length: n }, () => 1), ...Array.from({ length: n }, () => 0)]);
    expectClose((await numbersOf(nn.linearMmd(twice, halves)))[0], 0, float64);
    expectClose((await numbersOf(nn.rbfMmd(twice, halves)))[0], 0, float64);
    for (const distance of [nn.linearMmd, nn.rbfMmd, nn.wasserstein]) {
      const value = distance(h, c.constant(Array.from({ length: n }, () => 1)));
      expect(await numbersOf(value)).toEqual([0]);
      const [g] = c.grad(distance(h, c.constant(Array.from({ length: n }, () => 0))), [h]);
      expect((await numbersOf(g)).every((v) => v === 0)).toBe(true);
    }
  });

  test("wasserstein grows with the shift between the groups", async () => {
    const shifted = async (by: number): Promise<number> => (await numbersOf(nn.wasserstein(c.add(h, c.mul(c.expand(first, 1), by)), first)))[0];
    const values = [await shifted(0), await shifted(2), await shifted(4)];
    expect(values[1] - values[0]).toBeGreaterThan(0.5);
    // Far apart, every unit of shift costs its length, sqrt(2) in two dimensions.
    expectWithin(values[2] - values[1], 2 * Math.SQRT2, 0.1, 3);
  });
});

test("starts have the spread they promise", async () => {
  const spread = (start: c.Weight["start"]): number => Math.sqrt(start(new Rng(1), [200, 100]).reduce((sum, v) => sum + v * v, 0) / 20000);
  const se = 1 / Math.sqrt(2 * 20000);
  expectWithin(spread(c.starts.he) / Math.sqrt(2 / 200), 1, se, 4);
  expectWithin(spread(c.starts.lecun) / Math.sqrt(1 / 200), 1, se, 4);
  expectWithin(spread(c.starts.glorot) / Math.sqrt(2 / 300), 1, se, 4);
  expectWithin(spread(c.starts.normal(3)) / 3, 1, se, 4);
  expect((await computed(c.constant(Array.from(c.starts.zeros(new Rng(1), [2]))))).data).toEqual(new Float64Array(2));
});

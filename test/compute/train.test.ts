import { describe, expect, test } from "vitest";
import ort from "onnxruntime-node";
import { Rng } from "../../src/base/rng.ts";
import * as c from "../../src/compute/index.ts";
import { at } from "../../src/compute/train/optimiser.ts";
import { expectAllClose, expectClose, expectWithin, float32, float64 } from "../tolerance.ts";
import { numbersOf, onReference, torch } from "./running.ts";

const start = (values: ArrayLike<number>, shape: readonly number[], options: c.WeightOptions = {}): c.Weight =>
  c.weight(shape, { ...options, start: () => Float64Array.from(values) });
const flat = (weights: c.Weights): number[] => Object.values(weights).flatMap(({ data }) => Array.from(data));

/** y = x w, all rows in each step. */
function regression(optimiser: c.OptimiserOptions, epochs: number, weight: c.WeightOptions = {}): Promise<c.Trained> {
  const { x, y, start: first } = torch.optimisers;
  return c.train({
    init: { w: start(first.data, [3], weight) },
    source: c.arrays({ x: c.rows(Float64Array.from(x.data), [3]), y: c.rows(Float64Array.from(y.data)) }, { batch: 10, shuffle: false }),
    loss: ({ w }, { x, y }) => c.mean(c.square(c.sub(c.matmul(x, w), y))),
    phases: { epochs },
    optimiser,
    rng: new Rng(1),
    engine: onReference,
  });
}

describe("optimisers, against PyTorch", () => {
  test.each<[string, c.OptimiserOptions]>([
    ["adam", { kind: "adam", learningRate: 0.1, beta1: 0.8, beta2: 0.95, epsilon: 1e-6 }],
    ["adamw", { kind: "adamw", learningRate: 0.1, weightDecay: 0.2 }],
    ["sgd", { kind: "sgd", learningRate: 0.05 }],
    ["momentum", { kind: "sgd", learningRate: 0.05, beta1: 0.9 }],
  ])("%s: six steps", async (name, options) => {
    expectAllClose(flat((await regression(options, 6, { decay: true })).weights), torch.optimisers.after[name].data, 10 * float64);
  });

  test("a lazy table moves as with SparseAdam: rows named twice count twice, rows not named stay", async () => {
    const { table, batches, target, after } = torch.sparseAdam;
    const trained = await c.train({
      init: { table: start(table.data, [6, 2], { lazy: true }) },
      source: c.arrays(
        { i: c.rows(Int32Array.from(batches.flat())), y: c.rows(Float64Array.from([0, 1, 2].flatMap(() => target.data)), [2]) },
        { batch: 3, shuffle: false },
      ),
      loss: ({ table }, { i, y }) => c.mean(c.square(c.sub(c.gather(table, i), y))),
      phases: { epochs: 1 },
      // PyTorch leaves epsilon out of the bias correction here: the smallest there is takes it out of the comparison.
      optimiser: { learningRate: 0.1, epsilon: 1e-300 },
      rng: new Rng(1),
      engine: onReference,
    });
    expectAllClose(trained.weights.table.data, after.data, 10 * float64);
    expect(Array.from(trained.weights.table.data.subarray(4, 6))).toEqual(table.data.slice(4, 6));
  });

  test.each<[string, c.OptimiserOptions]>([
    ["adam", { learningRate: 0.1, l2: 0.01 }],
    ["adam, clipped", { learningRate: 0.1, l2: 0.01, clipNorm: 1 }],
    ["adamw at a rate of its own", { kind: "adamw", learningRate: 0.1, weightDecay: 0.2, groups: { table: 3 } }],
    ["sgd", { kind: "sgd", learningRate: 0.01, l2: 0.01 }],
    ["momentum", { kind: "sgd", beta1: 0.9, learningRate: 0.01 }],
  ])("%s: a lazy table of which every step names every row is an ordinary one", async (_, optimiser) => {
    const run = (lazy: boolean): Promise<c.Trained> =>
      c.train({
        init: { table: start([1, 2, 3, 4], [2, 2], { lazy, decay: true, group: "table" }), b: start([0.5], [1]) },
        source: c.arrays(
          { i: c.rows(Int32Array.of(0, 1, 1, 1, 0, 0), [3]), j: c.rows(Int32Array.of(1, 0)), y: c.rows(Float64Array.of(1, 2)) },
          { batch: 1, shuffle: false },
        ),
        loss: ({ table, b }, { i, j, y }) => {
          const [first, second] = [c.sum(c.gather(table, i), [1, 2]), c.sum(c.square(c.gather(table, j)), 1)];
          return c.mean(c.square(c.sub(c.add(c.add(first, second), b), y)));
        },
        phases: { epochs: 4 },
        optimiser,
        rng: new Rng(1),
        engine: onReference,
      });
    const [lazy, plain] = [await run(true), await run(false)];
    for (const name of ["table", "b"]) expectAllClose(lazy.weights[name].data, plain.weights[name].data, 10 * float64, name);
  });

  test("a combined gradient moves a lazy table as the plain sum does", async () => {
    const run = (combine?: c.Combine): Promise<c.Trained> =>
      c.train({
        init: { table: start([1, 2, 3, 4, 5, 6], [3, 2], { lazy: true }) },
        source: c.arrays({ i: c.rows(Int32Array.of(0, 2, 2, 0), [2]), y: c.rows(Float64Array.of(1, 2)) }, { batch: 1, shuffle: false }),
        loss: ({ table }, { i, y }) => {
          const rows = c.sum(c.gather(table, i), [1, 2]);
          return { near: c.mean(c.square(c.sub(rows, y))), small: c.mean(c.square(rows)) };
        },
        combine,
        phases: { epochs: 3 },
        rng: new Rng(1),
        engine: onReference,
      });
    const summed: c.Combine = ({ near, small }) => ({ table: c.add(c.mul(near.table, 1), c.mul(small.table, 1)) });
    expectAllClose((await run(summed)).weights.table.data, (await run()).weights.table.data, float64);
  });
});

describe("options of the optimiser", () => {
  test("schedules: warm-up rises in a line, cosine falls to its end, decay halves on time", () => {
    const when = (step: number): c.Progress => ({ step, steps: 100, epoch: 0, epochs: 1 });
    expectAllClose([0, 4, 9, 10, 99].map((step) => at(c.warmUp(0.1, 2), when(step))), [0.2, 1, 2, 2, 2], float64); // biome-ignore format: one line
    expectAllClose([0, 50, 100].map((step) => at(c.cosine(3, 1), when(step))), [3, 2, 1], float64); // biome-ignore format: one line
    expectAllClose([0, 5, 10, 25].map((step) => at(c.decay(8, 0.5, 10), when(step))), [8, 8 * Math.SQRT1_2, 4, 8 * 0.5 ** 2.5], float64); // biome-ignore format: one line
    expectAllClose([0, 5, 10, 25].map((step) => at(c.decay(8, 0.5, 10, true), when(step))), [8, 8, 4, 2], float64); // biome-ignore format: one line
    expect(() => at(c.cosine(1), { ...when(0), steps: undefined })).toThrow(/number of steps is not known for this stream; give its batchCount/);
  });

  test("L2 by group is the gradient of l2 * sum(w^2), and leaves biases alone", async () => {
    const plain = flat((await regression({ kind: "sgd", learningRate: 0.1 }, 1)).weights);
    const { data } = torch.optimisers.start;
    const pulled = plain.map((v: number, i: number) => v - 0.1 * 2 * 0.3 * data[i]);
    expectAllClose(flat((await regression({ kind: "sgd", learningRate: 0.1, l2: 0.3 }, 1, { decay: true })).weights), pulled, float64);
    expectAllClose(flat((await regression({ kind: "sgd", learningRate: 0.1, l2: { main: 0.3 } }, 1, { decay: true })).weights), pulled, float64);
    expectAllClose(flat((await regression({ kind: "sgd", learningRate: 0.1, l2: { other: 0.3 } }, 1, { decay: true })).weights), plain, float64);
    expectAllClose(flat((await regression({ kind: "sgd", learningRate: 0.1, l2: 0.3 }, 1)).weights), plain, float64);
  });

  test("a group's rate is a multiple of the common one, in the vector and in lazy tables", async () => {
    const moved = async (groups: Record<string, number>): Promise<number[]> => {
      const { weights } = await c.train({
        init: { a: start([1], [1]), b: start([1], [1], { group: "fast" }), t: start([1, 1], [2, 1], { group: "table", lazy: true }) },
        source: c.arrays({ i: c.rows(Int32Array.of(0)), y: c.rows(Float64Array.of(3)) }, { batch: 1 }),
        loss: ({ a, b, t }, { i, y }) => c.mean(c.mul(c.add(c.add(a, b), c.squeeze(c.gather(t, i), 1)), y)),
        phases: { epochs: 1 },
        optimiser: { kind: "sgd", learningRate: 0.01, groups },
        rng: new Rng(1),
        engine: onReference,
      });
      return ["a", "b", "t"].map((name) => 1 - weights[name].data[0]);
    };
    expectAllClose(await moved({}), [0.03, 0.03, 0.03], float64);
    expectAllClose(await moved({ fast: 10, table: 5 }), [0.03, 0.3, 0.15], float64);
  });

  test("clipNorm shortens the common gradient to its length, and leaves shorter ones as they are", async () => {
    const length = async (clipNorm?: number): Promise<number> => {
      const { data } = torch.optimisers.start;
      const after = flat((await regression({ kind: "sgd", learningRate: 1, clipNorm }, 1)).weights);
      return Math.hypot(...after.map((v, i) => v - data[i]));
    };
    const whole = await length();
    expectClose(await length(whole / 3), whole / 3, float64);
    expectClose(await length(whole * 3), whole, float64);
  });
});

/** Two weights that are to meet y: enough to watch phases, stopping and restoring. */
const twoGroups = { a: start([0], [1], { group: "a" }), b: start([0], [1], { group: "b" }) };
const meet: c.Loss<typeof twoGroups, "y"> = ({ a, b }, { y }) => c.mean(c.square(c.sub(c.add(a, b), y)));
const ones = (n: number): { y: c.Value } => ({ y: c.rows(new Float64Array(n).fill(1)) });

describe("the loop", () => {
  test("an epoch holds every row once, in batches whose sizes differ by one at most, in a new order each time", () => {
    const source = c.arrays({ i: c.rows(Int32Array.from({ length: 23 }, (_, i) => i)) }, { batch: 6 });
    const epoch = (seed: number): number[][] => Array.from(source.batches(0, new Rng(seed)) as Iterable<c.Batch>, ({ values }) => Array.from(values.i.data));
    const first = epoch(1);
    expect(first.map((batch) => batch.length).toSorted()).toEqual([5, 6, 6, 6]);
    expect(first.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 23 }, (_, i) => i));
    expect(epoch(1)).toEqual(first);
    expect(epoch(2)).not.toEqual(first);
    expect(source.batchCount).toBe(4);
  });

  test("the same seed gives the same weights, another seed others", async () => {
    const net = c.nn.mlp(2, [8, 1], { dropout: 0.5, last: "linear" });
    const rng = new Rng(3);
    const columns = { x: c.rows(Float32Array.from({ length: 60 }, () => rng.normal()), [2]), y: c.rows(Float32Array.from({ length: 30 }, () => rng.normal())) }; // biome-ignore format: one line
    const run = (seed: number): Promise<c.Trained> =>
      c.train({
        init: { net: net.init },
        source: c.arrays(columns, { batch: 8 }),
        loss: (w, { x, y }, step) => c.mean(c.square(c.sub(c.squeeze(net.apply(w.net, x, step), 1), y))),
        phases: { epochs: 3 },
        rng: new Rng(seed),
      });
    const one = await run(1);
    expect(await run(1)).toEqual(one);
    expect(flat((await run(2)).weights)).not.toEqual(flat(one.weights));
  });

  test("a stream gives what arrays in the same order give", async () => {
    const y = Float64Array.from({ length: 10 }, (_, i) => i);
    const options = { init: twoGroups, loss: meet, phases: { epochs: 2 }, rng: new Rng(1), engine: onReference };
    async function* open(): AsyncIterable<c.Batch> {
      for (const from of [0, 5]) yield { rows: 5, values: { y: { data: y.subarray(from, from + 5), shape: [5] } } };
    }
    const fromArrays = await c.train({ ...options, source: c.arrays({ y: c.rows(y) }, { batch: 5, shuffle: false }) });
    const fromStream = await c.train({ ...options, source: c.stream({ y: { shape: [], dtype: "float" } }, open) });
    expect(fromStream.weights).toEqual(fromArrays.weights);
    expect(fromStream.curve).toEqual(fromArrays.curve);
  });

  test("frozen groups stay to the bit, and learn once their phase comes", async () => {
    const options = {
      init: twoGroups,
      loss: meet,
      source: c.arrays(ones(4), { batch: 2 }),
      rng: new Rng(1),
      optimiser: { learningRate: 0.1 },
      engine: onReference,
    };
    const first = await c.train({ ...options, phases: { epochs: 2, freeze: ["b"] } });
    expect(first.weights.b.data[0]).toBe(0);
    expect(first.weights.a.data[0]).toBeGreaterThan(0);
    const both = await c.train({ ...options, phases: [{ epochs: 2, freeze: ["b"] }, { epochs: 1 }] });
    expect(both.curve.map(({ phase, epoch }) => [phase, epoch])).toEqual([[0, 0], [0, 1], [1, 0]]); // biome-ignore format: one line
    // The optimiser starts afresh: its first step has the length of the learning rate.
    const oneStep = await c.train({ ...options, source: c.arrays(ones(4), { batch: 4 }), phases: [{ epochs: 2, freeze: ["b"] }, { epochs: 1 }] });
    expectClose(oneStep.weights.b.data[0], 0.1, 1e-6);
  });

  test("early stopping waits for as long as it should and gives back the best weights", async () => {
    // The held-out optimum is at 0.5, the training optimum at 1: the held-out loss falls, then rises.
    const trained = await c.train({
      init: twoGroups,
      loss: meet,
      source: c.arrays(ones(4), { batch: 4 }),
      validation: { columns: { y: c.rows(new Float64Array(3).fill(0.5)) }, patience: 3 },
      phases: { epochs: 100 },
      optimiser: { kind: "sgd", learningRate: 0.02 },
      rng: new Rng(1),
      engine: onReference,
    });
    const losses = trained.curve.map(({ validation }) => validation?.total as number);
    expect(trained.stopped).toBe("patience");
    expect(trained.best).toBe(losses.indexOf(Math.min(...losses)));
    expect(trained.curve.length).toBe(trained.best + 1 + 3);
    expectClose((trained.weights.a.data[0] + trained.weights.b.data[0] - 0.5) ** 2, losses[trained.best], float64);
  });

  test("several losses are reported by name, and their sum is minimised", async () => {
    const run = (loss: c.Loss<typeof twoGroups, "y">): Promise<c.Trained> =>
      c.train({ init: twoGroups, loss, source: c.arrays(ones(4), { batch: 2 }), phases: { epochs: 2 }, rng: new Rng(1), engine: onReference });
    const [named, summed] = [
      await run(({ a, b }, { y }) => ({ near: c.mean(c.square(c.sub(a, y))), small: c.mul(c.sum(c.square(b)), 3) })),
      await run(({ a, b }, { y }) => c.add(c.mean(c.square(c.sub(a, y))), c.mul(c.sum(c.square(b)), 3))),
    ];
    expect(named.weights).toEqual(summed.weights);
    expect(Object.keys(named.curve[0].train)).toEqual(["near", "small", "total"]);
  });

  test("scalars follow the schedule they were given", async () => {
    const { curve } = await c.train({
      init: twoGroups,
      loss: ({ a }, _, step) =>
        c.add(
          c.mul(c.sum(a), 0),
          step.scalar(({ step, steps, epoch }) => step / (steps as number) + 10 * epoch),
        ),
      source: c.arrays(ones(4), { batch: 2 }),
      phases: { epochs: 2 },
      rng: new Rng(1),
      engine: onReference,
    });
    expectAllClose(curve.map(({ train }) => train.total), [0.125, 10.625], float64); // biome-ignore format: one line
  });

  test("noise has the distribution that was asked for, new in every step", async () => {
    const moments = async (kind: "normal" | "uniform" | { keep: number }): Promise<number[]> => {
      const { curve } = await c.train({
        init: twoGroups,
        loss: ({ a }, _, step) => {
          const z = step.noise(kind, [50]);
          return { zero: c.mul(c.sum(a), 0), mean: c.mean(z), square: c.mean(c.square(z)) };
        },
        source: c.arrays(ones(400), { batch: 100 }),
        phases: { epochs: 2 },
        rng: new Rng(1),
        engine: onReference,
      });
      expect(curve[0].train.mean).not.toBe(curve[1].train.mean);
      return [curve[0].train.mean, curve[0].train.square];
    };
    const se = 1 / Math.sqrt(20000);
    for (const [kind, mean, square] of [
      ["normal", 0, 1],
      ["uniform", 0.5, 1 / 3],
      [{ keep: 0.8 }, 0.8, 0.8],
    ] as const) {
      const got = await moments(kind);
      expectWithin(got[0], mean, se, 4);
      expectWithin(got[1], square, 2 * se, 4);
    }
  });

  test("an abort stops between steps and leaves nothing open", async () => {
    const open = c.openPrograms();
    const abort = new AbortController();
    let epochs = 0;
    const run = c.train({
      init: twoGroups,
      loss: meet,
      source: c.arrays(ones(4), { batch: 2 }),
      phases: { epochs: 1000 },
      rng: new Rng(1),
      signal: abort.signal,
      onEpoch: () => {
        if (++epochs === 3) abort.abort();
      },
    });
    await expect(run).rejects.toThrow(/abort/i);
    expect(epochs).toBe(3);
    expect(c.openPrograms()).toBe(open);
  });

  test.each<[string, Partial<c.TrainOptions<typeof twoGroups, "y">>, RegExp]>([
    ["a group that does not exist", { phases: { epochs: 1, freeze: ["c"] } }, /there is no group "c" to freeze; the groups are a or b/],
    ["everything frozen", { phases: { epochs: 1, freeze: ["a", "b"] } }, /every group is frozen/],
    ["half an epoch", { phases: { epochs: 0.5 } }, /epochs must be a whole number of at least 1, got 0.5/],
    ["a loss of many numbers", { loss: ({ a }) => a }, /loss: "loss" must have shape \[\], got \[1\]; take its mean/],
    ["a loss called total", { loss: ({ a }) => ({ total: c.sum(a) }) }, /none called "total"/],
    ["an incomplete combination", { combine: () => ({}) }, /combine: gave no gradient for the weight "a"/],
    [
      "noise in validation",
      { loss: ({ a }, _, step) => c.sum(c.mul(a, c.mean(step.noise("normal", [1])))), validation: { columns: ones(2) } },
      /there is none when validating/,
    ],
    ["no held-out rows", { validation: { columns: ones(0) } }, /validation: there are no held-out rows/],
  ])("%s is refused in one line", async (_, options, message) => {
    await expect(
      c.train({
        init: twoGroups,
        loss: meet,
        source: c.arrays(ones(4), { batch: 2 }),
        phases: { epochs: 1 },
        rng: new Rng(1),
        engine: onReference,
        ...options,
      }),
    ).rejects.toThrow(message);
  });

  test("columns of different lengths, empty ones, and batches of no rows are refused", () => {
    expect(() => c.arrays({ a: c.rows(new Float32Array(3)), b: c.rows(new Float32Array(4)) }, { batch: 2 })).toThrow(/"b" has 4 rows, "a" has 3/);
    expect(() => c.arrays(ones(0), { batch: 2 })).toThrow(/no rows to train on/);
    expect(() => c.arrays(ones(2), { batch: 0 })).toThrow(/batch: must be a whole number of at least 1, got 0/);
    expect(() => c.rows(new Float32Array(5), [2])).toThrow(/5 numbers are not a whole number of rows of \[2\]/);
  });
});

describe("lazy tables", () => {
  const table = c.nn.embedding(5, 2, { lazy: true });
  const run = (loss: c.Loss<{ t: c.Init }, "i" | "j">): Promise<c.Trained> =>
    c.train({
      init: { t: table.init },
      source: c.arrays({ i: c.rows(Int32Array.of(0, 1, 2, 7)), j: c.rows(Int32Array.of(0, 1, 2, 3)) }, { batch: 2, shuffle: false }),
      loss,
      phases: { epochs: 1 },
      rng: new Rng(1),
      engine: onReference,
    });
  test.each<[string, c.Loss<{ t: c.Init }, "i" | "j">, RegExp]>([
    ["an index beyond the table", (w, { i }) => c.sum(table.apply(w.t, i)), /"i" holds 7, but the table "t.table" has rows 0 \.\. 4/],
    ["a table used as a matrix", (w) => c.sum(w.t.table as c.Tensor), /lazy table "t.table" is read by sum, but may only be read by gather/],
    [
      "indices that are computed",
      (w, { i }) => c.sum(table.apply(w.t, c.cast(c.cast(i, "float"), "int"))),
      /is read by gather, but may only be read by gather with a column of the batch/,
    ],
    [
      "indices used for something else",
      (w, { j }) => c.add(c.sum(table.apply(w.t, j)), c.sum(c.cast(j, "float"))),
      /column "j" indexes the lazy table "t.table" and is also read by cast/,
    ],
  ])("%s is refused with a way out", async (_, loss, message) => {
    await expect(run(loss)).rejects.toThrow(message);
  });
});

describe("gradient surgery", () => {
  const g = (...values: number[]): c.Tensor => c.constant(values);
  const losses = {};
  /** The division is guarded by 1e-8 beside the squared length of the main gradient. */
  const guard = 1e-7;
  test("projectConflicts takes off what points against the main loss, weight by weight", async () => {
    const combined = c.projectConflicts("main")({ main: { u: g(1, 0), v: g(0, 2) }, other: { u: g(-3, 4), v: g(5, 6) } }, losses);
    expectAllClose(await numbersOf(combined.u), [1, 4], guard); // (-3, 4) loses its part along (-1, 0)
    expectAllClose(await numbersOf(combined.v), [5, 8], guard); // no conflict: added whole
  });

  test("gradientCosine scales by the sigmoid of the cosine over all weights", async () => {
    const combined = c.gradientCosine("main")({ main: { u: g(3, 0), v: g(4) }, other: { u: g(4, 0), v: g(3) } }, losses);
    const factor = 1 / (1 + Math.exp(-24 / 25));
    expectAllClose(await numbersOf(combined.u), [3 + 4 * factor, 0], float64);
    expectAllClose(await numbersOf(combined.v), [4 + 3 * factor], float64);
  });

  test("a loss without a gradient leaves the main one as it is", async () => {
    for (const combine of [c.projectConflicts("main"), c.gradientCosine("main")]) {
      expect(await numbersOf(combine({ main: { u: g(0, 0) }, other: { u: g(0, 0) } }, losses).u)).toEqual([0, 0]);
      expect(await numbersOf(combine({ main: { u: g(2, 1) }, other: { u: g(0, 0) } }, losses).u)).toEqual([2, 1]);
    }
  });

  test("training takes the combined gradient", async () => {
    const run = (combine?: c.Combine): Promise<c.Trained> =>
      c.train({
        init: { w: start([0, 0], [2]) },
        source: c.arrays(ones(1), { batch: 1 }),
        loss: ({ w }) => ({ main: c.sum(c.mul(w, c.constant([1, 0]))), other: c.sum(c.mul(w, c.constant([-3, 4]))) }),
        combine,
        phases: { epochs: 1 },
        optimiser: { kind: "sgd", learningRate: 1 },
        rng: new Rng(1),
        engine: onReference,
      });
    expectAllClose((await run()).weights.w.data, [2, -4], float64);
    expectAllClose((await run(c.projectConflicts("main"))).weights.w.data, [-1, -4], guard);
  });
});

describe("a learned net", () => {
  const layer = c.nn.mlp(3, [8, 2], { dropout: 0.5 });
  const init = { net: layer.init };
  const weights: c.Weights = Object.fromEntries(
    Object.entries({ "net.0.w": [3, 8], "net.0.b": [8], "net.1.w": [8, 2], "net.1.b": [2] }).map(([name, shape]) => {
      const rng = new Rng(4).split(name);
      return [name, { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => rng.normal()) }];
    }),
  );
  const net: c.Net<typeof init, "x", "y" | "first"> = {
    init,
    weights,
    columns: { x: { shape: [3], dtype: "float" } },
    apply: (w, { x }, step) => {
      const y = layer.apply(w.net, x, step);
      return { y, first: c.take(y, 1, 0) };
    },
  };
  const rng = new Rng(6);
  const x = c.rows(Float32Array.from({ length: 300 }, () => rng.normal()), [3]); // biome-ignore format: one line

  test("gives the same in parts as in one go, one row too, on every engine", async () => {
    const want = await (await c.forward(net, { engine: onReference })).run({ x });
    for (const engine of ["onnx", "onnx-web", "tfjs", "reference"] as const) {
      const model = await c.forward(net, { engine, batch: 32 });
      const { y, first } = await model.run({ x });
      expect([y.shape, first.shape, model.engine.id]).toEqual([[100, 2], [100], engine]);
      expectAllClose(y.data, want.y.data, float32);
      expectAllClose((await model.run({ x: c.rows(x.data.subarray(0, 3), [3]) })).first.data, [want.first.data[0]], float32);
      model.dispose();
    }
  });

  test("exported, runs on onnxruntime by itself: weights inside under their names, any number of rows", async () => {
    const file = c.exportOnnx(net, { model: "test" });
    expect(Buffer.from(file).includes("net.0.w")).toBe(true);
    const session = await ort.InferenceSession.create(file);
    expect([session.inputNames, session.outputNames]).toEqual([["x"], ["y", "first"]]);
    const want = await (await c.forward(net, { engine: onReference })).run({ x });
    for (const n of [100, 1]) {
      const { y } = await session.run({ x: new ort.Tensor("float32", x.data.slice(0, 3 * n) as Float32Array, [n, 3]) });
      expectAllClose(y.data as Float32Array, want.y.data.slice(0, 2 * n), float32);
    }
    await session.release();
  });

  test("weights of another net are refused by name", async () => {
    const { "net.1.b": _, ...missing } = weights;
    await expect(c.forward({ ...net, weights: missing })).rejects.toThrow(/"net.1.b" is missing; the file belongs to another model or config/);
    const wide = { ...weights, "net.0.b": { shape: [9], data: new Float32Array(9) } };
    await expect(c.forward({ ...net, weights: wide })).rejects.toThrow(/"net.0.b" should be \[8\], got \[9\]/);
  });

  test("a result without the rows of the batch, and a result called like a column, are refused", async () => {
    await expect(c.forward({ ...net, apply: (_, { x }) => ({ y: c.sum(x), first: c.take(x, 1, 0) }) })).rejects.toThrow(
      /result "y" must have the rows of the batch as its first axis, got \[\]/,
    );
    await expect(c.forward({ ...net, apply: (_: unknown, { x }: { x: c.Tensor }) => ({ x: c.neg(x) }) } as never)).rejects.toThrow(
      /"x" is the name of an input and of a result/,
    );
  });

  test("training can go on from learned weights", async () => {
    const again = await c.train({
      init,
      from: weights,
      source: c.arrays({ x }, { batch: 100 }),
      loss: (w, { x }) => c.mul(c.mean(layer.apply(w.net, x, { training: false } as c.Step)), 0),
      phases: { epochs: 1 },
      rng: new Rng(1),
    });
    for (const [name, { data }] of Object.entries(weights)) expect(Array.from(again.weights[name].data)).toEqual(Array.from(data));
  });

  test("a feed of another shape or type is refused, naming the input", async () => {
    const model = await c.forward(net);
    await expect(model.run({ x: c.rows(new Float32Array(8), [4]) })).rejects.toThrow(/input "x" must be float \[rows, 3\], got float \[2, 4\] with 8 numbers/);
    await expect(model.run({ x: c.rows(new Int32Array(6), [3]) })).rejects.toThrow(/input "x" must be float \[rows, 3\], got int/);
    model.dispose();
  });
});

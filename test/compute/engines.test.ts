import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import * as c from "../../src/compute/index.ts";
import type { Engine, Tensor, Value } from "../../src/compute/index.ts";
import { firstThatLoads } from "../../src/compute/engine/choose.ts";
import { loadOnnxNode, loadOnnxWeb } from "../../src/compute/engine/onnx/load.ts";
import { reference } from "../../src/compute/engine/reference/engine.ts";
import { loadCpu, loadTfjs, loadTfjsNode } from "../../src/compute/engine/tfjs/load.ts";
import { expectAllClose, float32 } from "../tolerance.ts";
import { type Case, cases, inputsOf, operandsOf } from "./cases.ts";

/** Five digits of the loss, after rounding has gone through twenty steps. */
const fiveDigits = 1e-5;

const engines: Record<string, () => Promise<Engine>> = {
  onnx: loadOnnxNode,
  "onnx-web": loadOnnxWeb,
  "tfjs on wasm": loadTfjs,
  "tfjs on cpu": loadCpu,
};

/** Value and gradients of every case, as outputs "<case> value" and "<case> d<operand>". */
function wholeSuite(): { outputs: Record<string, Tensor>; feeds: Record<string, Value> } {
  const outputs: Record<string, Tensor> = {};
  const feeds: Record<string, Value> = {};
  for (const one of cases) {
    const operands = operandsOf(one);
    const x = inputsOf(one, operands);
    const y = one.build(...x);
    outputs[`${one.name} value`] = y;
    const floats = x.filter(({ dtype }) => dtype === "float");
    const gradients = c.grad(c.sum(c.mul(y, c.add(y, 0.3))), floats);
    floats.forEach((operand, i) => {
      outputs[`${one.name} d${operand.op === "input" ? operand.attributes.name.split(" ").at(-1) : ""}`] = gradients[i];
    });
    operands.forEach((value, k) => {
      feeds[`${one.name} ${k}`] = value;
    });
  }
  return { outputs, feeds };
}

describe("every operation and its gradient, against the reference in float64", () => {
  const { outputs, feeds } = wholeSuite();
  let want: Readonly<Record<string, Value>>;
  const partsOf = (one: Case): string[] => Object.keys(outputs).filter((name) => name.slice(0, name.lastIndexOf(" ")) === one.name);

  beforeAll(async () => {
    want = await (await reference.compile(c.graphOf(outputs), { threads: 1 })).run(feeds);
  });

  describe.each(Object.keys(engines))("%s", (name) => {
    let got: Readonly<Record<string, Value>>;
    beforeAll(async () => {
      const program = await (await engines[name]()).compile(c.graphOf(outputs), { threads: 1 });
      got = await program.run(feeds);
      program.dispose();
    });
    test.each(cases)("$name", (one) => {
      for (const part of partsOf(one)) {
        expect(got[part].shape, part).toEqual(want[part].shape);
        expectAllClose(got[part].data, want[part].data, float32, part);
      }
    });
  });
});

/** A small net of most parts: lazy and ordinary tables, attention, a recurrent layer, dropout, two losses. */
function problem(seed = 1): { columns: Record<string, Value>; init: c.Init; loss: c.Loss<c.Init, string> } {
  const rng = new Rng(seed);
  const n = 150;
  const normals = (width: number): Float32Array => Float32Array.from({ length: n * width }, () => rng.normal());
  const x = normals(5);
  const codes = Int32Array.from({ length: n }, () => rng.int(40));
  const t = Float32Array.from({ length: n }, () => rng.int(2));
  const y = Float32Array.from({ length: n }, (_, i) => x[5 * i] + t[i] * x[5 * i + 1] + 0.1 * codes[i]);
  const parts = {
    table: c.nn.embedding(40, 3, { lazy: true }),
    level: c.nn.embedding(40, 2, { decay: true }),
    trunk: c.nn.mlp(10, [16, 12], { normalise: true, dropout: 0.2 }),
    attention: c.nn.attention({ width: 4, heads: 2 }),
    gru: c.nn.gru(3, 4),
    heads: c.nn.several([c.nn.dense(16, 1), c.nn.dense(16, 1)]),
  };
  const init = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.init]));
  return {
    columns: { x: c.rows(x, [5]), path: c.rows(normals(12), [4, 3]), code: c.rows(codes), other: c.rows(codes), t: c.rows(t), y: c.rows(y) },
    init,
    loss: (weights, { x, path, code, other, t, y }, step) => {
      const w = weights as Record<keyof typeof parts, c.Tensors>;
      const h = parts.trunk.apply(w.trunk, c.concat([x, parts.table.apply(w.table, code), parts.level.apply(w.level, other)]), step);
      const { states } = parts.gru.apply(w.gru, path);
      const seen = c.take(parts.attention.apply(w.attention, { query: states, keys: states }), 1, 3);
      const [mu0, mu1] = parts.heads.apply(w.heads, c.concat([h, seen])).map((mu) => c.squeeze(mu, -1));
      const outcome = c.mean(c.nn.squaredError(c.add(c.mul(t, mu1), c.mul(c.sub(1, t), mu0)), y));
      return {
        outcome,
        balance: c.mul(
          c.nn.wasserstein(h, t),
          step.scalar(({ step }) => 0.01 * step),
        ),
      };
    },
  };
}

function trainTwenty(engine: Engine, threads: number): Promise<c.Trained> {
  const { columns, init, loss } = problem();
  return c.train({
    init,
    loss,
    source: c.arrays(columns, { batch: 40 }),
    phases: { epochs: 5 },
    optimiser: { learningRate: c.warmUp(0.2, 0.01), l2: 1e-4, clipNorm: 3, groups: { embedding: 10 } },
    rng: new Rng(2),
    engine: { engine, report: { id: engine.id, version: engine.version, reason: "test", skipped: [] } },
    threads,
  });
}

describe("twenty steps of training", () => {
  let want: c.Trained;
  beforeAll(async () => {
    want = await trainTwenty(reference, 1);
  });

  test("lower the loss on the reference", () => {
    expect(want.steps).toBe(20);
    expect(want.curve[4].train.outcome).toBeLessThan(0.7 * want.curve[0].train.outcome);
  });

  test.each(Object.keys(engines))("are the same on %s to five digits", async (name) => {
    const got = await trainTwenty(await engines[name](), 1);
    expectAllClose(
      got.curve.flatMap(({ train }) => Object.values(train)),
      want.curve.flatMap(({ train }) => Object.values(train)),
      fiveDigits,
      "curve",
    );
    for (const [weight, { shape, data }] of Object.entries(want.weights)) {
      expect(got.weights[weight].shape).toEqual(shape);
      // Adam divides by the size of the gradient: where that is near zero, rounding moves a weight by a part of a step.
      expectAllClose(got.weights[weight].data, data, 1e-3, weight);
    }
  });

  test("are the same to the last bit on any number of threads", async () => {
    const engine = await loadOnnxNode();
    const [one, two, four] = [await trainTwenty(engine, 1), await trainTwenty(engine, 2), await trainTwenty(engine, 4)];
    expect(two).toEqual(one);
    expect(four).toEqual(one);
  });
});

test("a wide step is the same to the last bit on any number of threads", async () => {
  const engine = await loadOnnxNode();
  const rng = new Rng(4);
  const n = 3000;
  const [table, codes] = [c.nn.embedding(50, 16), Int32Array.from({ length: n * 8 }, () => rng.int(50))];
  const net = c.nn.mlp(128, [256, 1]);
  const init = { table: table.init, net: net.init };
  const columns = { codes: c.rows(codes, [8]), y: c.rows(Float32Array.from({ length: n }, () => rng.normal())) };
  const run = (threads: number): Promise<c.Trained> =>
    c.train({
      init,
      source: c.arrays(columns, { batch: n }),
      loss: (w, { codes, y }) => c.mean(c.nn.squaredError(c.squeeze(net.apply(w.net, c.reshape(table.apply(w.table, codes), [-1, 128])), 1), y)),
      phases: { epochs: 3 },
      rng: new Rng(1),
      engine: { engine, report: { id: "onnx", version: "", reason: "test", skipped: [] } },
      threads,
    });
  const one = await run(1);
  expect(await run(2)).toEqual(one);
  expect(await run(3)).toEqual(one);
});

describe("choosing an engine", () => {
  const before = process.env.LIFTWISE_ENGINE;
  afterAll(() => {
    if (before === undefined) delete process.env.LIFTWISE_ENGINE;
    else process.env.LIFTWISE_ENGINE = before;
  });

  test("the first that loads is taken, and the report says so", async () => {
    delete process.env.LIFTWISE_ENGINE;
    const { engine, report } = await c.chooseEngine();
    expect(engine.id).toBe("onnx");
    expect(report).toMatchObject({ id: "onnx", reason: "the first choice, and it loads", skipped: [] });
  });

  test("LIFTWISE_ENGINE comes before that, and an explicit choice before LIFTWISE_ENGINE", async () => {
    process.env.LIFTWISE_ENGINE = "reference";
    expect((await c.chooseEngine()).report).toMatchObject({ id: "reference", reason: "asked for by the environment's LIFTWISE_ENGINE" });
    expect((await c.chooseEngine("onnx")).report).toMatchObject({ id: "onnx", reason: "asked for by the option engine" });
    process.env.LIFTWISE_ENGINE = "gpu";
    await expect(c.chooseEngine()).rejects.toThrow(/LIFTWISE_ENGINE: must be auto, onnx, .* got "gpu"/);
  });

  test("a fallback stands in the report, with why and the way out", async () => {
    const missing = async (): Promise<Engine> => {
      throw new Error("Cannot find package 'x'\nmore");
    };
    const { report } = await firstThatLoads([
      { name: "onnx", load: missing, wayOut: "run npm install x" },
      { name: "reference", load: async () => reference },
    ]);
    expect(report).toEqual({
      id: "reference",
      version: "float64, plain TypeScript",
      reason: "fallback: onnx did not load",
      skipped: [{ engine: "onnx", why: "Cannot find package 'x'; run npm install x" }],
    });
  });
});

describe("disposing", () => {
  test("programs are counted until they are disposed of, and refuse to run afterwards", async () => {
    const open = c.openPrograms();
    const program = await (await loadOnnxNode()).compile(c.graphOf({ y: c.exp(c.input("x", [1])) }), { threads: 1 });
    expect(c.openPrograms()).toBe(open + 1);
    program.dispose();
    program.dispose();
    expect(c.openPrograms()).toBe(open);
    expect(() => program.run({ x: { shape: [1], data: Float32Array.of(1) } })).toThrow(/has been disposed of/);
  });

  test("training leaves no program open, even when it fails", async () => {
    const open = c.openPrograms();
    await trainTwenty(await loadOnnxNode(), 1);
    const { columns, init, loss } = problem();
    const broken = { ...columns, y: c.rows(Float32Array.from({ length: 150 }, () => Number.NaN)) };
    await expect(c.train({ init, loss, source: c.arrays(broken, { batch: 50 }), phases: { epochs: 1 }, rng: new Rng(1) })).rejects.toThrow(
      /loss "outcome" became NaN in batch 1 of epoch 1; lower/,
    );
    expect(c.openPrograms()).toBe(open);
  });

  test("tfjs holds no tensor after a run", async () => {
    const tf = await import("@tensorflow/tfjs-core");
    const engine = await loadTfjs();
    const before = tf.memory().numTensors;
    await trainTwenty(engine, 1);
    expect(tf.memory().numTensors).toBe(before);
  });

  test("a thousand runs on onnx need no more memory than ten", async () => {
    const x = c.input("x", [c.symbol("rows"), 64]);
    const program = await (await loadOnnxNode()).compile(c.graphOf({ y: c.softmax(c.matmul(x, x, { transposeB: true })) }), { threads: 1 });
    const feed = { x: { shape: [256, 64], data: new Float32Array(256 * 64) } };
    for (let i = 0; i < 10; i++) await program.run(feed);
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 1000; i++) await program.run(feed);
    // Each result is 256 KB: kept results would be 256 MB.
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * 2 ** 20);
    program.dispose();
  });
});

const tfjsNode = await loadTfjsNode().catch(() => undefined);
test.skipIf(tfjsNode === undefined)(
  "tfjs-node, where it is installed, agrees with the reference (skipped: @tensorflow/tfjs-node is not installed)",
  async () => {
    const { outputs, feeds } = wholeSuite();
    const graph = c.graphOf(outputs);
    const want = await (await reference.compile(graph, { threads: 1 })).run(feeds);
    const got = await (await (tfjsNode as Engine).compile(graph, { threads: 1 })).run(feeds);
    for (const [name, { data }] of Object.entries(want)) expectAllClose(got[name].data, data, float32, name);
  },
);

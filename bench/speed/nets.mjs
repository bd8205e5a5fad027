// Milliseconds of one training step (forward, backward, optimiser) on our engines, beside PyTorch on the same nets.
//
//   npm run build && node bench/speed/nets.mjs [--seconds 3] [--rounds 3] [--engines onnx,onnx-web] [--cases "A 512,A 4096,B 4096,C 256"] [--out FILE]
//
// LIFTWISE_PEERS_PYTHON names a Python with torch 2.15.0; without it PyTorch is left out. Each side runs on one and on two threads, in turns
// within each round, and counts with the better of the two. Writes bench/speed/results/nets.json: medians and their ratio (ours / PyTorch).
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Rng } from "../../dist/base/rng.js";
import * as c from "../../dist/compute/index.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: flags } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "3" },
    engines: { type: "string", default: "onnx" },
    cases: { type: "string", default: "A 512,A 4096,B 4096,C 256" },
    out: { type: "string", default: path.join(here, "results", "nets.json") },
    one: { type: "string" },
  },
});

const rng = new Rng(1);
const normals = (n) => Float32Array.from({ length: n }, () => rng.normal());
const bits = (n) => Float32Array.from({ length: n }, () => rng.int(2));

/** The nets of bench/peers/nets.py. */
const nets = {
  A: (batch) => {
    const body = c.nn.mlp(32, [128, 128], { activation: "elu" });
    const heads = c.nn.several([c.nn.dense(128, 1), c.nn.dense(128, 1)]);
    return {
      init: { body: body.init, heads: heads.init },
      columns: { x: c.rows(normals(batch * 32), [32]), t: c.rows(bits(batch)), y: c.rows(normals(batch)) },
      loss: (w, { x, t, y }) => {
        const [mu0, mu1] = heads.apply(w.heads, body.apply(w.body, x)).map((mu) => c.squeeze(mu, 1));
        return c.mean(c.nn.squaredError(c.add(c.mul(t, mu1), c.mul(c.sub(1, t), mu0)), y));
      },
    };
  },
  B: (batch) => {
    const table = c.nn.embedding(160_000, 16, { lazy: true });
    const experts = c.nn.mmoe({ inputs: 256, tasks: 4, experts: 4, expert: () => c.nn.mlp(256, [256], { activation: "relu" }) });
    const towers = [0, 1, 2, 3].map(() => c.nn.mlp(256, [128, 64, 1], { activation: "relu", last: "linear" }));
    const codes = Int32Array.from({ length: batch * 16 }, (_, i) => rng.int(10_000) + 10_000 * (i % 16));
    return {
      init: { table: table.init, experts: experts.init, towers: c.nn.several(towers).init },
      columns: { codes: c.rows(codes, [16]), labels: c.rows(bits(batch * 4), [4]) },
      loss: (w, { codes, labels }) => {
        const x = c.reshape(table.apply(w.table, codes), [-1, 256]);
        const mixed = experts.apply(w.experts, x);
        const losses = towers.map((tower, k) => c.mean(c.nn.bceWithLogits(c.squeeze(tower.apply(w.towers[k], mixed[k]), 1), c.take(labels, 1, k))));
        return losses.reduce((a, b) => c.add(a, b));
      },
    };
  },
  C: (batch) => {
    const attention = c.nn.attention({ width: 32, heads: 4 });
    const norm = c.nn.layerNorm(32);
    const forward = c.nn.mlp(32, [64, 32], { activation: "relu", last: "linear" });
    const out = c.nn.dense(32, 1);
    return {
      init: { attention: attention.init, norm: norm.init, forward: forward.init, out: out.init },
      columns: { x: c.rows(normals(batch * 14 * 32), [14, 32]), y: c.rows(normals(batch)) },
      loss: (w, { x, y }) => {
        const h = norm.apply(w.norm, c.add(x, attention.apply(w.attention, { query: x, keys: x })));
        const pooled = c.mean(c.add(h, forward.apply(w.forward, h)), 1);
        return c.mean(c.nn.squaredError(c.squeeze(out.apply(w.out, pooled), 1), y));
      },
    };
  },
};

/** Times of steps on one batch that comes again and again, after a warm-up. */
async function ours(engine, name, batch, threads, seconds) {
  const { init, columns, loss } = nets[name](batch);
  const marks = [];
  const source = {
    columns: c.specOf(columns),
    batchCount: 1,
    batchRows: batch,
    *batches() {
      const end = performance.now() + 1000 * seconds;
      for (let k = 0; k < 25 || performance.now() < end; k++) {
        marks.push(performance.now());
        yield { rows: batch, values: columns };
      }
      marks.push(performance.now());
    },
  };
  const { engine: report } = await c.train({ init, source, loss, phases: { epochs: 1 }, rng: new Rng(1), engine, threads });
  return { version: report.version, steps: marks.slice(1).map((mark, i) => mark - marks[i]).slice(5) };
}

// In a process of its own, so that no side inherits the other's threads and memory.
if (flags.one !== undefined) {
  const [engine, name, batch, threads, seconds] = flags.one.split(" ");
  const result = await ours(engine, name, Number(batch), Number(threads), Number(seconds));
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
} else {
  const python = process.env.LIFTWISE_PEERS_PYTHON;
  const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
  const run = (command, args) => JSON.parse(execFileSync(command, args, { encoding: "utf8", maxBuffer: 1e8, stdio: ["ignore", "pipe", "inherit"] }));
  const sides = {
    ...Object.fromEntries(flags.engines.split(",").map((engine) => [engine, (name, batch, threads) => run(process.execPath, [fileURLToPath(import.meta.url), "--one", [engine, name, batch, threads, flags.seconds].join(" ")])])),
    ...(python === undefined ? {} : { torch: (name, batch, threads) => run(python, [path.join(here, "..", "peers", "nets.py"), name, String(batch), String(threads), flags.seconds]) }),
  };
  const cases = {};
  const versions = {};
  for (const one of flags.cases.split(",")) {
    const [name, batch] = one.trim().split(" ");
    const steps = {};
    for (let round = 0; round < Number(flags.rounds); round++)
      for (const [side, measure] of Object.entries(sides))
        for (const threads of [1, 2]) {
          const result = measure(name, batch, threads);
          versions[side] = result.version;
          (steps[`${side} ${threads}`] ??= []).push(...result.steps);
        }
    const best = (side) => Math.min(...[1, 2].map((threads) => median(steps[`${side} ${threads}`])));
    const ms = Object.fromEntries(Object.entries(steps).map(([key, list]) => [key, Number(median(list).toFixed(2))]));
    const ratios = python === undefined ? {} : Object.fromEntries(Object.keys(sides).filter((side) => side !== "torch").map((side) => [side, Number((best(side) / best("torch")).toFixed(2))]));
    cases[one.trim()] = { ms, ratios };
    console.log(one.trim(), JSON.stringify(ms), JSON.stringify(ratios));
  }
  const result = { what: "median milliseconds of a training step, by side and threads; ratio of the better of one and two threads to PyTorch", versions, node: process.version, cpu: cpus()[0].model, cores: availableParallelism(), cases, ...(python === undefined ? { skipped: "LIFTWISE_PEERS_PYTHON is not set" } : {}) };
  mkdirSync(path.dirname(flags.out), { recursive: true });
  writeFileSync(flags.out, `${JSON.stringify(result, null, 2)}\n`);
}

// Milliseconds of one training step of a GRU and of an attention net over daily sequences, beside PyTorch on the same nets.
//
//   npm run build && node bench/speed/longterm.mjs [--seconds 3] [--rounds 3] [--cases "gru 256,gru 1024,attention 256,attention 1024"] [--out FILE]
//
// LIFTWISE_PEERS_PYTHON names a Python with torch 2.15.0; without it PyTorch is left out. Each side runs on one and on two threads, in turns
// within each round, and counts with the better of the two. Writes bench/speed/results/longterm.json: medians and their ratio (ours / PyTorch).
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
    cases: { type: "string", default: "gru 256,gru 1024,attention 256,attention 1024" },
    out: { type: "string", default: path.join(here, "results", "longterm.json") },
    one: { type: "string" },
  },
});

const rng = new Rng(1);
const normals = (n) => Float32Array.from({ length: n }, () => rng.normal());

/** The nets of bench/peers/longterm.py: 7 days of 3 metrics (gru), 14 days of 32 numbers in two blocks (attention). */
const nets = {
  gru: (batch) => {
    const gru = c.nn.gru(3, 64);
    const back = c.nn.gru(3, 64, { reverse: true });
    const head = c.nn.mlp(128, [64, 1], { activation: "relu", last: "linear" });
    return {
      init: { gru: gru.init, back: back.init, head: head.init },
      columns: { s: c.rows(normals(batch * 7 * 3), [7, 3]), y: c.rows(normals(batch)) },
      loss: (w, { s, y }) => {
        const h = c.concat([gru.apply(w.gru, s).last, back.apply(w.back, s).last], 1);
        return c.mean(c.nn.squaredError(c.squeeze(head.apply(w.head, h), 1), y));
      },
    };
  },
  attention: (batch) => {
    const blocks = [0, 1].map(() => ({ attend: c.nn.attention({ width: 32, heads: 4 }), norm: c.nn.layerNorm(32), feed: c.nn.mlp(32, [128, 32], { activation: "relu", last: "linear" }), after: c.nn.layerNorm(32) }));
    const out = c.nn.dense(32, 1);
    return {
      init: { blocks: Object.fromEntries(blocks.map((b, i) => [`b${i}`, { attend: b.attend.init, norm: b.norm.init, feed: b.feed.init, after: b.after.init }])), out: out.init },
      columns: { x: c.rows(normals(batch * 14 * 32), [14, 32]), y: c.rows(normals(batch)) },
      loss: (w, { x, y }) => {
        let h = x;
        blocks.forEach((b, i) => {
          const own = w.blocks[`b${i}`];
          const first = b.norm.apply(own.norm, c.add(h, b.attend.apply(own.attend, { query: h, keys: h })));
          h = b.after.apply(own.after, c.add(first, b.feed.apply(own.feed, first)));
        });
        return c.mean(c.nn.squaredError(c.squeeze(out.apply(w.out, c.mean(h, 1)), 1), y));
      },
    };
  },
};

/** Times of steps on one batch that comes again and again, after a warm-up. */
async function ours(name, batch, threads, seconds) {
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
  const { engine: report } = await c.train({ init, source, loss, phases: { epochs: 1 }, rng: new Rng(1), engine: "onnx", threads });
  return { version: report.version, steps: marks.slice(1).map((mark, i) => mark - marks[i]).slice(5) };
}

// In a process of its own, so that no side inherits the other's threads and memory.
if (flags.one !== undefined) {
  const [name, batch, threads, seconds] = flags.one.split(" ");
  const result = await ours(name, Number(batch), Number(threads), Number(seconds));
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
} else {
  const python = process.env.LIFTWISE_PEERS_PYTHON;
  const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
  const run = (command, args) => JSON.parse(execFileSync(command, args, { encoding: "utf8", maxBuffer: 1e8, stdio: ["ignore", "pipe", "inherit"] }));
  const sides = {
    onnx: (name, batch, threads) => run(process.execPath, [fileURLToPath(import.meta.url), "--one", [name, batch, threads, flags.seconds].join(" ")]),
    ...(python === undefined ? {} : { torch: (name, batch, threads) => run(python, [path.join(here, "..", "peers", "longterm.py"), name, String(batch), String(threads), flags.seconds]) }),
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
    const ms = Object.fromEntries(Object.entries(steps).map(([key, list]) => [key, Number(median(list).toFixed(3))]));
    const best = (side) => Math.min(...[1, 2].map((threads) => median(steps[`${side} ${threads}`])));
    const ratio = python === undefined ? null : Number((best("onnx") / best("torch")).toFixed(2));
    cases[one.trim()] = { ms, ratio };
    console.log(one.trim(), JSON.stringify(ms), ratio);
  }
  const result = { what: "median milliseconds of a training step, by side and threads; ratio of the better of one and two threads to PyTorch", versions, node: process.version, cpu: cpus()[0].model, cores: availableParallelism(), cases, ...(python === undefined ? { skipped: "LIFTWISE_PEERS_PYTHON is not set" } : {}) };
  mkdirSync(path.dirname(flags.out), { recursive: true });
  writeFileSync(flags.out, `${JSON.stringify(result, null, 2)}\n`);
}

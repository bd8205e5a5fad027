// Training M-DLRI beside the same net in PyTorch: seconds for the same number of steps of the same batch, in turns, on one and on two threads each;
// the better of the two counts. Ours is the whole fit: reading the columns, two phases, compiling, steps (no rows are held out).
//
//   npm run build && node bench/speed/levers.mjs [--rows 10000] [--batch 200] [--steps 2000] [--rounds 3] [--out FILE]
//
// LIFTWISE_PEERS_PYTHON names a Python with torch 2.15.0; without it PyTorch is left out.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { simulate } from "../../dist/data/synth/index.js";
import { fit } from "../../dist/model/fit.js";
import { mdlri } from "../../dist/uplift/levers/mdlri.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: flags } = parseArgs({
  options: {
    rows: { type: "string", default: "10000" },
    batch: { type: "string", default: "200" },
    steps: { type: "string", default: "2000" },
    rounds: { type: "string", default: "3" },
    out: { type: "string", default: path.join(here, "results", "levers.json") },
  },
});
const [rows, batch, steps, rounds] = [flags.rows, flags.batch, flags.steps, flags.rounds].map(Number);
const python = process.env.LIFTWISE_PEERS_PYTHON;
const data = simulate("levers", { n: rows }, 1);

async function ours(threads) {
  const began = performance.now();
  const fitted = await fit(mdlri, data, { config: { steps, batch, heldOut: 0, learningRate: 0.01, logging: "none" }, threads });
  const seconds = (performance.now() - began) / 1000;
  const taken = fitted.report.training[0].steps;
  fitted.dispose();
  return (seconds * steps) / taken;
}

const theirs = (threads) =>
  JSON.parse(execFileSync(python, [path.join(here, "../peers/levers.py"), String(rows), String(batch), String(steps), String(threads)], { encoding: "utf8" }));

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const times = { ours: { 1: [], 2: [] }, torch: { 1: [], 2: [] } };
let torch;
for (let round = 0; round < rounds; round++) {
  for (const threads of [1, 2]) {
    times.ours[threads].push(await ours(threads));
    if (python === undefined) continue;
    const result = theirs(threads);
    torch = result.torch;
    times.torch[threads].push(result.seconds);
  }
}
const best = (lists) => Math.min(...Object.values(lists).map(median));
const result = {
  machine: { cores: availableParallelism(), cpu: cpus()[0]?.model, load: loadavg()[0] },
  rows,
  batch,
  steps,
  torch,
  ours: best(times.ours),
  peer: python === undefined ? null : best(times.torch),
  ratio: python === undefined ? null : best(times.ours) / best(times.torch),
  times,
};
mkdirSync(path.dirname(flags.out), { recursive: true });
writeFileSync(flags.out, `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result));

// Training CanniUplift beside the same net in PyTorch: milliseconds a step of the same batch, in turns, on one and on two threads each; the better of the two
// counts. Ours is the whole fit divided by its steps: reading the columns, cutting batches of whole users, compiling, steps. With --full a million pairs are
// fitted once, and the seconds and the largest memory are told.
//
//   npm run build && node bench/speed/canni.mjs [--users 2000] [--candidates 50] [--batch 4096] [--steps 200] [--rounds 3] [--full] [--out FILE]
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
import { canniUplift } from "../../dist/uplift/canni/canniUplift.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: flags } = parseArgs({
  options: {
    users: { type: "string", default: "2000" },
    candidates: { type: "string", default: "50" },
    batch: { type: "string", default: "4096" },
    steps: { type: "string", default: "200" },
    rounds: { type: "string", default: "3" },
    full: { type: "boolean", default: false },
    out: { type: "string", default: path.join(here, "results", "canni.json") },
  },
});
const [users, candidates, batch, steps, rounds] = [flags.users, flags.candidates, flags.batch, flags.steps, flags.rounds].map(Number);
const python = process.env.LIFTWISE_PEERS_PYTHON;
const machine = { cores: availableParallelism(), cpu: cpus()[0]?.model, load: loadavg()[0] };

async function ours(data, threads, count) {
  const began = performance.now();
  const fitted = await fit(canniUplift, data, { config: { steps: count, batch }, threads });
  const seconds = (performance.now() - began) / 1000;
  const taken = fitted.report.training[0].steps;
  fitted.dispose();
  return { seconds, steps: taken };
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
let result;
if (flags.full) {
  const began = performance.now();
  const data = simulate("sellers", { full: true }, 1);
  const simulated = (performance.now() - began) / 1000;
  // One pass over the million pairs, and as many as are asked for.
  const { seconds, steps: taken } = await ours(data, 2, steps);
  result = { machine, pairs: data.rows, batch, steps: taken, simulated, seconds, passes: (taken * batch) / data.rows, gigabytes: process.resourceUsage().maxRSS / 2 ** 20 };
} else {
  const data = simulate("sellers", { users, candidates, sellers: 50_000 }, 1);
  const times = { ours: { 1: [], 2: [] }, torch: { 1: [], 2: [] } };
  let torch;
  for (let round = 0; round < rounds; round++) {
    for (const threads of [1, 2]) {
      const { seconds, steps: taken } = await ours(data, threads, steps);
      times.ours[threads].push((1000 * seconds) / taken);
      if (python === undefined) continue;
      const args = [path.join(here, "../peers/canni.py"), String(Math.round(batch / candidates)), String(candidates), String(steps), String(threads)];
      const peer = JSON.parse(execFileSync(python, args, { encoding: "utf8" }));
      torch = peer.torch;
      times.torch[threads].push((1000 * peer.seconds) / steps);
    }
  }
  const best = (lists) => Math.min(...Object.values(lists).map(median));
  result = {
    machine,
    users,
    candidates,
    batch,
    steps,
    torch,
    ours: best(times.ours),
    peer: python === undefined ? null : best(times.torch),
    ratio: python === undefined ? null : best(times.ours) / best(times.torch),
    times,
  };
}
mkdirSync(path.dirname(flags.out), { recursive: true });
writeFileSync(flags.out, `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result));

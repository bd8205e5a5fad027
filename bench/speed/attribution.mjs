// Milliseconds of one MoAE training step beside PyTorch at the same shapes, and memory while streaming click files.
//
//   npm run build && node bench/speed/attribution.mjs [--batch 4096] [--threads 2] [--seconds 5] [--rounds 3] [--clicks 10000000] [--out FILE]
//
// LIFTWISE_PEERS_PYTHON names a Python with torch; without it PyTorch is left out. The two sides take turns. Both wall and processor time are
// written: on a machine that is busy otherwise only processor time can be compared. --clicks 0 leaves streaming out.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fitClicks } from "../../dist/attribution/cvr/stream.js";
import { headsOf, labelColumn, trainConversion } from "../../dist/attribution/cvr/train.js";
import { auxiliaryConfig } from "../../dist/attribution/cvr/settings.js";
import { classesOf, structures } from "../../dist/attribution/cvr/structure.js";
import { Rng } from "../../dist/base/rng.js";
import * as c from "../../dist/compute/index.js";
import { openClicks } from "../../dist/data/mac/read.js";
import { writeClicks } from "../../dist/data/mac/write.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: flags } = parseArgs({
  options: {
    batch: { type: "string", default: "4096" },
    threads: { type: "string", default: "2" },
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "3" },
    clicks: { type: "string", default: "0" },
    out: { type: "string", default: path.join(here, "results", "attribution.json") },
  },
});
const [batch, threads, seconds, rounds, clicks] = [flags.batch, flags.threads, flags.seconds, flags.rounds, flags.clicks].map(Number);
const sizes = [13, 3, 51, 9, 21, 31, 30001, 121, 2501, 11, 501, 31, 25, 8, 11, 7];
const names = [...[0, 1, 2, 3, 4, 5].map((i) => `user_feat${i}`), ...[0, 1, 2, 3, 4, 5].map((i) => `ad_feat${i}`), ...[0, 1, 2, 3].map((i) => `context_feat${i}`)];
const field = (i) => ({ name: names[i], size: sizes[i] });
const fields = {
  user: [0, 1, 2, 3, 4, 5].map(field),
  ad: names.slice(6).map((_, i) => field(i + 6)),
  sequences: [0, 1, 2].map((i) => ({ name: `ad_feat${i}_seq`, table: `ad_feat${i}`, length: 20 })),
  similarities: ["mm_feat0_seq", "mm_feat1_seq"],
};
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

async function ours() {
  const rng = new Rng(1);
  const ints = (n, size) => Int32Array.from({ length: n }, () => rng.int(size));
  const config = auxiliaryConfig.parse({ engine: "onnx", batch });
  const structure = structures.moae;
  const values = {};
  names.forEach((name, i) => (values[name] = c.rows(ints(batch, sizes[i]))));
  fields.sequences.forEach(({ name }, i) => (values[name] = c.rows(ints(batch * 20, sizes[6 + i]), [20])));
  for (const name of fields.similarities) values[name] = c.rows(Float32Array.from({ length: batch * 32 }, () => rng.float()), [32]);
  for (const head of headsOf(structure, config)) values[labelColumn(head)] = c.rows(ints(batch, classesOf(head)));
  const [wall, cpu] = [[], []];
  const source = {
    columns: c.specOf(values),
    batchRows: batch,
    *batches() {
      const begin = performance.now();
      for (let k = 0; k < 3 || performance.now() - begin < 1000 * seconds || wall.length < 5; k++) {
        const [t, p] = [performance.now(), process.cpuUsage()];
        yield { rows: batch, values };
        const used = process.cpuUsage(p);
        if (k >= 3) {
          wall.push(performance.now() - t);
          cpu.push((used.user + used.system) / 1000);
        }
      }
    },
  };
  const context = { rng, threads, signal: new AbortController().signal, progress: () => undefined };
  await trainConversion({ structure, config: { ...config, warmUp: 0 }, fields, source, context });
  return { ms: median(wall), cpuMs: median(cpu), steps: wall.length };
}

function theirs() {
  const python = process.env.LIFTWISE_PEERS_PYTHON;
  if (python === undefined) return undefined;
  return JSON.parse(execFileSync(python, [path.join(here, "../peers/attribution.py"), batch, threads, seconds, sizes.join()].map(String), { encoding: "utf8" }));
}

async function streaming() {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), "liftwise-stream-")), "clicks");
  try {
    await writeClicks(folder, { clicks, seed: 1 });
    globalThis.gc?.();
    const before = process.memoryUsage().rss / 2 ** 20;
    let most = 0;
    const marks = [];
    const watch = (share) => {
      const rss = process.memoryUsage().rss / 2 ** 20;
      most = Math.max(most, rss);
      if (share >= (marks.length + 1) / 10) marks.push(Math.round(rss));
    };
    const started = performance.now();
    const fitted = await fitClicks("cvr-base", openClicks(folder), { config: { batch }, threads, progress: watch });
    fitted.dispose();
    return { clicks, seconds: (performance.now() - started) / 1000, rssBeforeMb: Math.round(before), rssPeakMb: Math.round(most), rssByTenthMb: marks };
  } finally {
    rmSync(path.dirname(folder), { recursive: true, force: true });
  }
}

const pairs = [];
for (let round = 0; round < rounds; round++) pairs.push({ ours: await ours(), torch: theirs(), load: loadavg()[0] });
const of = (side, what) => (pairs[0][side] === undefined ? null : median(pairs.map((pair) => pair[side][what])));
const step = { ours: { ms: of("ours", "ms"), cpuMs: of("ours", "cpuMs") }, torch: { version: pairs[0].torch?.torch ?? null, ms: of("torch", "ms"), cpuMs: of("torch", "cpuMs") } };
const ratio = (what) => (step.torch[what] === null ? null : step.torch[what] / step.ours[what]);
const result = { machine: `${cpus().length} x ${cpus()[0].model}`, node: process.version, batch, threads, rounds: pairs, step, throughputRatio: { wall: ratio("ms"), cpu: ratio("cpuMs") }, streaming: clicks > 0 ? await streaming() : null };
mkdirSync(path.dirname(flags.out), { recursive: true });
writeFileSync(flags.out, `${JSON.stringify(result, null, 1)}\n`);
console.log(JSON.stringify({ step, throughputRatio: result.throughputRatio, streaming: result.streaming }, null, 1));

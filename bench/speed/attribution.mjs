// Milliseconds of one MoAE training step beside PyTorch at the same shapes, and memory while streaming click files.
//
//   npm run build && node bench/speed/attribution.mjs [--batch 4096] [--threads 2] [--seconds 5] [--rounds 3] [--training 300000] [--clicks 10000000] [--written 1000000] [--out FILE]
//
// LIFTWISE_PEERS_PYTHON names a Python with torch; without it PyTorch is left out. The two sides take turns. Both wall and processor time are
// written: on a machine that is busy otherwise only processor time can be compared. --training clicks are written and MoAE is fitted to the files from
// start to end, beside the benchmark's own loop with its own loading of data from memory; --clicks is how many rows are streamed; 0 leaves either out.
// --written of them are simulated and written, and their files are read again until there are enough. --rounds 0 leaves the steps as they are in FILE.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { similarityHistogram } from "../../dist/attribution/cvr/fields.js";
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
    ads: { type: "string", default: "30000,1000000" },
    training: { type: "string", default: "0" },
    clicks: { type: "string", default: "0" },
    written: { type: "string", default: "1000000" },
    out: { type: "string", default: path.join(here, "results", "attribution.json") },
  },
});
const [batch, threads, seconds, rounds, clicks, written, toTrain] = [flags.batch, flags.threads, flags.seconds, flags.rounds, flags.clicks, flags.written, flags.training].map(Number);
// Ads as many as the simulator has, and as a large shop has: a table that is updated whole costs by its size, one that is updated by rows does not.
const adCounts = flags.ads.split(",").map(Number);
let sizes = [];
const sizesWith = (ads) => [13, 3, 51, 9, 21, 31, ads + 1, 121, 2501, 11, 501, 31, 25, 8, 11, 7];
const names = [...[0, 1, 2, 3, 4, 5].map((i) => `user_feat${i}`), ...[0, 1, 2, 3, 4, 5].map((i) => `ad_feat${i}`), ...[0, 1, 2, 3].map((i) => `context_feat${i}`)];
const field = (i) => ({ name: names[i], size: sizes[i] });
const fieldsOf = () => ({
  user: [0, 1, 2, 3, 4, 5].map(field),
  ad: names.slice(6).map((_, i) => field(i + 6)),
  sequences: [0, 1, 2].map((i) => ({ name: `ad_feat${i}_seq`, table: `ad_feat${i}`, length: 20 })),
  similarities: ["mm_feat0_seq", "mm_feat1_seq"],
});
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

async function ours() {
  const rng = new Rng(1);
  const fields = fieldsOf();
  const ints = (n, size) => Int32Array.from({ length: n }, () => rng.int(size));
  const config = auxiliaryConfig.parse({ engine: "onnx", batch });
  const structure = structures.moae;
  const values = {};
  names.forEach((name, i) => (values[name] = c.rows(ints(batch, sizes[i]))));
  fields.sequences.forEach(({ name }, i) => (values[name] = c.rows(ints(batch * 20, sizes[6 + i]), [20])));
  const cosines = fields.similarities.map(() => Float32Array.from({ length: batch * 20 }, () => 2 * rng.float() - 1));
  for (const head of headsOf(structure, config)) values[labelColumn(head)] = c.rows(ints(batch, classesOf(head)));
  const [wall, cpu] = [[], []];
  const source = {
    columns: { ...c.specOf(values), ...Object.fromEntries(fields.similarities.map((name) => [name, { shape: [32], dtype: "float" }])) },
    batchRows: batch,
    *batches() {
      const begin = performance.now();
      for (let k = 0; k < 3 || performance.now() - begin < 1000 * seconds || wall.length < 5; k++) {
        const [t, p] = [performance.now(), process.cpuUsage()];
        // As in the official code, histograms are part of the step.
        fields.similarities.forEach((name, i) => (values[name] = c.rows(similarityHistogram(cosines[i], 20), [32])));
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

// `official` does what the benchmark's own code does, operation by operation; `lean` the same net with what PyTorch has to make it faster; `training`
// is `official` with the benchmark's own loading of data.
function theirs(how) {
  const python = process.env.LIFTWISE_PEERS_PYTHON;
  if (python === undefined) return undefined;
  const words = [path.join(here, "../peers/attribution.py"), batch, threads, seconds, sizes.join(), how].map(String);
  return JSON.parse(execFileSync(python, words, { encoding: "utf8" }));
}

/** Does `use` with a folder of simulated clicks, and removes it. */
async function withClicks(options, use) {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), "liftwise-clicks-")), "clicks");
  try {
    return await use(folder, await writeClicks(folder, options));
  } finally {
    rmSync(path.dirname(folder), { recursive: true, force: true });
  }
}

function training() {
  const ads = adCounts[0];
  sizes = sizesWith(ads);
  return withClicks({ clicks: toTrain, ads, seed: 1 }, async (folder) => {
    const list = [];
    for (let round = 0; round < Math.max(1, rounds); round++) {
      const started = performance.now();
      const fitted = await fitClicks("moae", openClicks(folder), { config: { batch }, threads });
      fitted.dispose();
      const ours = (1000 * fitted.schema.rows) / (performance.now() - started);
      list.push({ ours, torch: theirs("training")?.rowsPerSecond ?? null, load: loadavg()[0] });
    }
    const [ours, torch] = ["ours", "torch"].map((side) => median(list.map((round) => round[side])));
    return { clicks: toTrain, ads, rowsPerSecond: { ours, torch }, ratio: torch === null ? null : ours / torch, rounds: list };
  });
}

function streaming() {
  return withClicks({ clicks: Math.min(clicks, written), seed: 1 }, async (folder, wrote) => {
    const open = openClicks(folder);
    const passes = Math.ceil(clicks / wrote.train);
    const train = Array.from({ length: passes }, () => open.train).flat();
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
    const fitted = await fitClicks("cvr-base", { ...open, train }, { config: { batch }, threads, progress: watch });
    fitted.dispose();
    return { clicks: fitted.schema.rows, distinct: wrote.train, seconds: (performance.now() - started) / 1000, rssBeforeMb: Math.round(before), rssPeakMb: Math.round(most), rssByTenthMb: marks };
  });
}

const known = existsSync(flags.out) ? JSON.parse(readFileSync(flags.out, "utf8")) : {};
async function compared(ads) {
  sizes = sizesWith(ads);
  const list = [];
  for (let round = 0; round < rounds; round++) list.push({ ours: await ours(), torch: theirs("official"), lean: theirs("lean"), load: loadavg()[0] });
  const of = (name, what) => (list[0]?.[name] === undefined ? null : median(list.map((round) => round[name][what])));
  const side = (name) => ({ ms: of(name, "ms"), cpuMs: of(name, "cpuMs") });
  const [mine, torch, lean] = [side("ours"), side("torch"), side("lean")];
  const ratio = (to, what) => (to[what] === null ? null : to[what] / mine[what]);
  const throughputRatio = { wall: ratio(torch, "ms"), cpu: ratio(torch, "cpuMs"), lean: { wall: ratio(lean, "ms"), cpu: ratio(lean, "cpuMs") } };
  return { ads, ours: mine, torch: { version: list[0]?.torch?.torch ?? null, ...torch }, torchLean: lean, throughputRatio, rounds: list };
}
const steps = [];
if (rounds === 0) steps.push(...(known.steps ?? []));
else for (const ads of adCounts) steps.push(await compared(ads));
const trained = toTrain > 0 ? await training() : (known.training ?? null);
const machine = `${cpus().length} x ${cpus()[0].model}`;
const streamed = clicks > 0 ? await streaming() : (known.streaming ?? null);
const result = { machine, node: process.version, batch, threads, steps, training: trained, streaming: streamed };
mkdirSync(path.dirname(flags.out), { recursive: true });
writeFileSync(flags.out, `${JSON.stringify(result, null, 1)}\n`);
console.log(JSON.stringify({ steps: steps.map((step) => ({ ...step, rounds: undefined })), training: trained, streaming: streamed }, null, 1));

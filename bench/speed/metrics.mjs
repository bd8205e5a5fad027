// Speed and memory of the ranking metrics, beside causalml and scikit-uplift on the same rows.
//
//   npm run build && node bench/speed/metrics.mjs [--rows 1000000] [--large 14000000] [--repeats 7] [--out FILE]
//
// LIFTWISE_PEERS_PYTHON names a Python with bench/peers/requirements.txt installed; without it the peers are left out.
// Writes bench/speed/results/metrics.json: medians in milliseconds and the ratios that the goals speak of.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Rng } from "../../dist/base/rng.js";
import { argsortDescending } from "../../dist/base/stats/sort.js";
import { Dataset, numberColumn } from "../../dist/data/dataset.js";
import { auuc, evaluate, metricById, qini, scored } from "../../dist/metrics/index.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: flags } = parseArgs({
  options: {
    rows: { type: "string", default: "1000000" },
    large: { type: "string", default: "14000000" },
    repeats: { type: "string", default: "7" },
    replicates: { type: "string", default: "200" },
    out: { type: "string", default: path.join(here, "results", "metrics.json") },
    "large-only": { type: "boolean", default: false },
  },
});

/** A randomised experiment with 0/1 outcomes and scores that rank the effect with noise. */
function simulate(rows) {
  const rng = new Rng(1);
  const score = new Float64Array(rows);
  const y = new Float64Array(rows);
  const t = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    const x = rng.normal();
    t[i] = rng.bernoulli(0.5);
    y[i] = rng.bernoulli(Math.min(0.95, Math.max(0.05, 0.2 + t[i] * 0.05 * x)));
    score[i] = x + rng.normal();
  }
  return { score, y, t };
}

function dataset({ y, t }) {
  const columns = [numberColumn("y", y), { kind: "category", name: "t", codes: t, levels: ["0", "1"] }];
  return new Dataset(columns, { features: [], outcomes: ["y"], treatment: { column: "t", control: "0" } }, "bench");
}

const ratio = (a, b) => (a === undefined || b === undefined ? undefined : Number((a / b).toFixed(2)));
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

function time(repeats, run) {
  // The first calls are spent on compiling.
  for (let i = 0; i < 3; i++) run();
  const spent = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    run();
    spent.push(performance.now() - start);
  }
  return Number(median(spent).toFixed(2));
}

function peers(folder, repeats) {
  const python = process.env.LIFTWISE_PEERS_PYTHON;
  if (python === undefined) return { skipped: "LIFTWISE_PEERS_PYTHON is not set" };
  return JSON.parse(execFileSync(python, [path.join(here, "..", "peers", "metrics.py"), folder, String(repeats)], { encoding: "utf8", maxBuffer: 1e8, stdio: ["ignore", "pipe", "ignore"] }));
}

// The point estimates on many rows run in a process of their own, whose peak memory is then theirs.
if (flags["large-only"]) {
  const rows = Number(flags.large);
  const experiment = simulate(rows);
  const data = dataset(experiment);
  const start = performance.now();
  const scores = scored(experiment.score, data);
  const values = ["auuc", "qini", "autoc", "uplift-at-k"].map((id) => [id, metricById(id).statistic(scores, metricById(id).options.parse({})).value()]);
  const ms = performance.now() - start;
  process.stdout.write(JSON.stringify({ rows, ms: Number(ms.toFixed(0)), peakMb: Math.round(process.resourceUsage().maxRSS / 1024), values: Object.fromEntries(values) }));
} else {
  const rows = Number(flags.rows);
  const repeats = Number(flags.repeats);
  const replicates = Number(flags.replicates);
  const experiment = simulate(rows);
  const data = dataset(experiment);
  const both = () => {
    const scores = scored(experiment.score, data);
    return [auuc.statistic(scores, { normalise: "none" }).value(), qini.statistic(scores, { normalise: "none" }).value()];
  };
  const sort = time(repeats, () => argsortDescending(experiment.score));
  const nativeSort = time(repeats, () => experiment.score.toSorted());
  const point = time(repeats, both);
  const separate = time(repeats, () => [auuc.score(experiment.score, data), qini.score(experiment.score, data)]);
  const startBootstrap = performance.now();
  evaluate([{ metric: auuc }, { metric: qini }], experiment.score, data, { rng: new Rng(7), replicates });
  const bootstrap = Number((performance.now() - startBootstrap).toFixed(0));

  const folder = mkdtempSync(path.join(tmpdir(), "liftwise-bench-"));
  let peer;
  try {
    for (const [name, values] of Object.entries({ score: experiment.score, y: experiment.y, t: Float64Array.from(experiment.t) })) writeFileSync(path.join(folder, `${name}.f64`), values);
    peer = peers(folder, Math.min(3, repeats));
  } finally {
    rmSync(folder, { recursive: true });
  }
  const large = Number(flags.large) > 0 ? JSON.parse(execFileSync(process.execPath, [fileURLToPath(import.meta.url), "--large-only", "--large", flags.large], { encoding: "utf8" })) : undefined;

  const result = {
    machine: { node: process.version, cpu: cpus()[0].model, cores: availableParallelism(), memoryGb: Math.round(totalmem() / 2 ** 30), loadAverage: Number(loadavg()[0].toFixed(1)) },
    rows,
    repeats,
    milliseconds: { argsort: sort, float64ArraySort: nativeSort, auucAndQini: point, auucAndQiniWithCurvesEachSorting: separate, [`bootstrap${replicates}`]: bootstrap },
    peers: peer,
    large,
    goals: [
      { goal: "AUUC + Qini take at most twice the time of sorting the same scores", ratio: ratio(point, sort), most: 2, met: point <= 2 * sort },
      { goal: "200 resamples of both in under 15 s", seconds: bootstrap / 1000, most: 15, met: replicates === 200 && bootstrap < 15000 },
      ...(large === undefined ? [] : [{ goal: "14,000,000 rows within 2 GB of process memory", mb: large.peakMb, most: 2048, met: large.rows === 14e6 && large.peakMb <= 2048 }]),
    ],
    ratios: {
      overNumpyArgsort: ratio(point, peer.argsortStable),
      causalmlOverLiftwise: ratio(peer.causalml, point),
      skliftOverLiftwise: ratio(peer.sklift, point),
    },
  };
  mkdirSync(path.dirname(flags.out), { recursive: true });
  writeFileSync(flags.out, `${JSON.stringify(result, null, 2)}\n`);
  console.log(JSON.stringify(result, null, 2));
}

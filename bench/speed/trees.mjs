// Time, memory and quality of boosting, uplift forests and causal forests, beside LightGBM, causalml and EconML on the same rows.
//
//   npm run build && node bench/speed/trees.mjs [--only boosting,uplift-forest,causal-forest,growth,single] [--again] [--out FILE]
//
// LIFTWISE_PEERS_PYTHON names a Python with bench/peers/requirements.txt installed; without it the peers are left out.
// Every run is a process of its own, whose peak memory is then its own, data included. Results are added to
// bench/speed/results/trees.json as they come; what stands there is not run again unless --again is given. Where a peer is too slow, fewer
// trees are grown and the time is scaled to the full number; the entry says so.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Rng } from "../../dist/base/rng.js";
import { Dataset, numberColumn } from "../../dist/data/dataset.js";
import { boostingRegressor } from "../../dist/learn/boosting.js";
import { fit } from "../../dist/model/fit.js";
import { modelFromJson, modelToJson } from "../../dist/model/save.js";
import { causalForest, upliftForest } from "../../dist/uplift/tree/index.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const script = fileURLToPath(import.meta.url);
const { values: flags } = parseArgs({
  options: {
    only: { type: "string" },
    again: { type: "boolean", default: false },
    threads: { type: "string", default: "2" },
    out: { type: "string", default: path.join(here, "results", "trees.json") },
    child: { type: "string" },
    folder: { type: "string" },
    rows: { type: "string" },
  },
});
const threads = Number(flags.threads);
const testRows = 50_000;

/** The three tasks: columns, outcome and effect of a row. */
const tasks = {
  boosting: { columns: 20, mean: (x) => 2 * x[0] + Math.sin(3 * x[1]) + x[2] * Math.abs(x[3]) + (x[4] > 0.3 ? 0.5 : 0), binary: false },
  "uplift-forest": { columns: 12, mean: (x, t) => 0.2 + 0.05 * Math.tanh(x[2]) + t * (0.05 + 0.05 * Math.tanh(x[0]) + (x[1] > 0 ? 0.03 : -0.03)), binary: true },
  "causal-forest": { columns: 20, mean: (x, t) => x[1] + t * Math.max(0, x[0]), binary: false },
};

/** n rows as lists: columns, treatment, outcome, and what a perfect model would predict (mean, or effect). */
function draw(task, n, seed) {
  const { columns, mean, binary } = tasks[task];
  const rng = new Rng(seed);
  const x = Array.from({ length: columns }, () => new Float64Array(n));
  const [t, y, truth] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  const row = new Float64Array(columns);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < columns; j++) row[j] = x[j][i] = rng.normal();
    t[i] = rng.bernoulli(0.5);
    const m = mean(row, t[i]);
    y[i] = binary ? rng.bernoulli(m) : m + rng.normal();
    truth[i] = task === "boosting" ? m : mean(row, 1) - mean(row, 0);
  }
  return { x, t, y, truth };
}

function dataset({ x, t, y }) {
  const features = x.map((values, j) => numberColumn(`x${j}`, values));
  const roles = { features: features.map(({ name }) => name), treatment: { column: "t", control: "0" }, outcomes: ["y"] };
  return new Dataset([...features, numberColumn("t", t), numberColumn("y", y)], roles, "bench");
}

const rootMeanSquare = (a, b) => Math.sqrt(a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / a.length);
const seconds = (since) => (performance.now() - since) / 1000;
const rounded = (value, digits = 3) => Number(value.toPrecision(digits));

/** Fits one task in this process and prints what it took. */
async function child(task, rows, folder) {
  const read = (name, part) => new Float64Array(readFileSync(path.join(folder, `${part}.${name}.f64`)).buffer);
  const load = (part) => {
    const [t, y, truth] = ["t", "y", "truth"].map((name) => read(name, part));
    return { x: Array.from({ length: tasks[task].columns }, (_, j) => read(`x${j}`, part)), t, y, truth };
  };
  const train = folder === undefined ? draw(task, rows, 1) : load("train");
  const test = folder === undefined ? draw(task, testRows, 2) : load("test");
  const context = { rng: new Rng(1), threads, signal: new AbortController().signal, progress: () => {} };
  const model = { "uplift-forest": upliftForest, "causal-forest": causalForest }[task];
  const config = task === "uplift-forest" ? { trees: 100, maxDepth: 8 } : { trees: 500 };
  const baseMb = Math.round(process.memoryUsage().rss / 2 ** 20);
  const before = process.cpuUsage();
  const start = performance.now();
  let fitted;
  if (task === "boosting") {
    const settings = boostingRegressor.config.parse({ rounds: 100, maxLeaves: 31, bins: 255, learningRate: 0.1, validation: 0, l2: 0 });
    fitted = await boostingRegressor.fit(settings, { rows: train.y.length, columns: dataset(train).features().columns }, train.y, undefined, context);
  } else fitted = await model.fit(model.config.parse(config), dataset(train), context);
  const fitSeconds = seconds(start);
  const used = process.cpuUsage(before);
  const again = performance.now();
  const data = dataset(test);
  const got = task === "boosting" ? await fitted.predict(data.features()) : (await fitted.predict(data)).effect[0];
  const result = {
    rows: train.y.length,
    seconds: rounded(fitSeconds),
    cpuSeconds: rounded((used.user + used.system) / 1e6),
    peakMb: Math.round(process.resourceUsage().maxRSS / 1024),
    dataMb: baseMb,
    predictMicrosecondsPerRow: rounded((seconds(again) * 1e6) / testRows),
    rootMeanSquareError: rounded(rootMeanSquare(got, test.truth), 4),
  };
  process.stdout.write(JSON.stringify(result));
}

function run(task, rows, folder) {
  const args = [script, "--child", task, "--rows", String(rows), "--threads", String(threads), ...(folder === undefined ? [] : ["--folder", folder])];
  const load = rounded(loadavg()[0]);
  return { threads, loadAverage: load, ...JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 1e8 })) };
}

function peer(name, trees, folder) {
  const python = process.env.LIFTWISE_PEERS_PYTHON;
  if (python === undefined) return undefined;
  const load = rounded(loadavg()[0]);
  const args = [path.join(here, "..", "peers", "trees.py"), name, folder, String(trees), String(threads)];
  return { threads, loadAverage: load, ...JSON.parse(execFileSync(python, args, { encoding: "utf8", maxBuffer: 1e8, stdio: ["ignore", "pipe", "ignore"] })) };
}

/** Milliseconds to predict one row with a saved and restored model: median and 95 % quantile of 400 calls. */
async function single(id) {
  const model = { "uplift-forest": upliftForest, "causal-forest": causalForest }[id];
  const data = dataset(draw(id, 20_000, 1));
  const fitted = await modelFromJson(JSON.parse(JSON.stringify(await modelToJson(await fit(model, data, { seed: 1, threads })))), [model]);
  const row = data.take([5]);
  const times = [];
  for (let k = 0; k < 500; k++) {
    const start = performance.now();
    await fitted.predict(row);
    if (k >= 100) times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return { trees: model.config.parse({}).trees, medianMilliseconds: rounded(times[200]), q95Milliseconds: rounded(times[380]) };
}

/** Writes a task's rows for all to read; the folder is removed afterwards. */
function withData(task, rows, use) {
  const folder = mkdtempSync(path.join(tmpdir(), "liftwise-bench-"));
  try {
    for (const [part, n, seed] of [["train", rows, 1], ["test", testRows, 2]]) {
      const { x, ...lists } = draw(task, n, seed);
      x.forEach((values, j) => writeFileSync(path.join(folder, `${part}.x${j}.f64`), values));
      for (const [name, values] of Object.entries(lists)) writeFileSync(path.join(folder, `${part}.${name}.f64`), values);
    }
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Ours and theirs in turn, twice, so that both meet the machine in the same mood; the faster run of each counts. */
function compare(task, rows, ours, theirs) {
  return withData(task, rows, (folder) => {
    const [mine, other] = [[], []];
    for (let round = 0; round < 2; round++) {
      mine.push(ours(folder));
      const found = theirs(folder);
      if (found !== undefined) other.push(found);
    }
    const fastest = (runs) => runs.toSorted((a, b) => a.seconds - b.seconds)[0];
    return { liftwise: fastest(mine), peer: fastest(other), runs: { liftwise: mine.map((r) => r.seconds), peer: other.map((r) => r.seconds) } };
  });
}

/** A peer's run on fewer trees, scaled: fixed cost + cost per tree, from two numbers of trees. */
function scaled(name, folder, few, more, full) {
  const [a, b] = [peer(name, few, folder), peer(name, more, folder)];
  if (a === undefined || b === undefined) return undefined;
  const along = (key) => rounded(Math.max(b[key], a[key] + ((b[key] - a[key]) / (more - few)) * (full - few)));
  return { ...b, seconds: along("seconds"), cpuSeconds: along("cpuSeconds"), scaled: `from ${few} and ${more} trees to ${full}; memory and quality are those of ${more} trees`, measuredSeconds: [a.seconds, b.seconds] };
}

const jobs = {
  boosting: () => compare("boosting", 1_000_000, (folder) => run("boosting", 0, folder), (folder) => peer("lightgbm", 100, folder)),
  "uplift-forest": () => compare("uplift-forest", 1_000_000, (folder) => run("uplift-forest", 0, folder), (folder) => scaled("causalml", folder, 2, 4, 100)),
  "causal-forest": () => compare("causal-forest", 200_000, (folder) => run("causal-forest", 0, folder), (folder) => scaled("econml", folder, 8, 24, 500)),
  single: async () => ({ "uplift-forest": await single("uplift-forest"), "causal-forest": await single("causal-forest") }),
  growth: () =>
    Object.fromEntries(
      ["boosting", "uplift-forest"].map((task) => [
        task,
        [100_000, 1_000_000, 10_000_000].map((rows) => {
          const result = run(task, rows);
          return { ...result, microsecondsPerRow: rounded((result.seconds * 1e6) / rows), cpuMicrosecondsPerRow: rounded((result.cpuSeconds * 1e6) / rows) };
        }),
      ]),
    ),
};

function goals({ boosting, "uplift-forest": uplift, "causal-forest": causal, growth, single: one }) {
  const list = [];
  const add = (goal, value, met) => list.push({ goal, value: rounded(value), met });
  const pair = (entry) => entry?.peer !== undefined;
  if (pair(boosting)) {
    const ratio = boosting.liftwise.seconds / boosting.peer.seconds;
    add("boosting (100 trees, 31 leaves) on 1M x 20 within 1.3 times LightGBM's time", ratio, ratio <= 1.3);
    const cpu = boosting.liftwise.cpuSeconds / boosting.peer.oneThreadCpuSeconds;
    add("the same in processor time, LightGBM on one thread, where it does not wait for another", cpu, cpu <= 1.3);
  }
  if (pair(uplift)) {
    const [times, memory] = [uplift.peer.seconds / uplift.liftwise.seconds, uplift.liftwise.peakMb / uplift.peer.peakMb];
    add("uplift forest (100 trees, depth 8) on 1M x 12 at least 10 times as fast as causalml", times, times >= 10);
    add("with at most a third of its memory", memory, memory <= 1 / 3);
  }
  if (pair(causal)) {
    const times = causal.peer.seconds / causal.liftwise.seconds;
    add("causal forest (500 trees) on 200k x 20 at least 3 times as fast as EconML", times, times >= 3);
  }
  for (const [task, runs] of Object.entries(growth ?? {})) {
    const ratio = runs.at(-1).cpuMicrosecondsPerRow / runs[0].cpuMicrosecondsPerRow;
    add(`${task}: processor time a row at 10M rows over that at 100k`, ratio, ratio <= 1.5);
  }
  for (const [id, { medianMilliseconds }] of Object.entries(one ?? {})) add(`${id}: one row is predicted within a millisecond`, medianMilliseconds, medianMilliseconds <= 1);
  return list;
}

if (flags.child !== undefined) await child(flags.child, Number(flags.rows), flags.folder);
else {
  const machine = { node: process.version, cpu: cpus()[0].model, cores: availableParallelism(), memoryGb: Math.round(totalmem() / 2 ** 30) };
  const result = existsSync(flags.out) ? JSON.parse(readFileSync(flags.out, "utf8")) : {};
  for (const name of flags.only?.split(",") ?? Object.keys(jobs)) {
    if (jobs[name] === undefined) throw new Error(`unknown benchmark "${name}"; known are ${Object.keys(jobs).join(", ")}`);
    if (result[name] !== undefined && !flags.again) continue;
    result[name] = await jobs[name]();
    const { goals: _, machine: __, ...entries } = result;
    mkdirSync(path.dirname(flags.out), { recursive: true });
    writeFileSync(flags.out, `${JSON.stringify({ machine, ...entries, goals: goals(entries) }, null, 2)}\n`);
    console.log(name, JSON.stringify(result[name]));
  }
}

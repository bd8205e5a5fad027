import { parse } from "../../base/parse.ts";
import type { Dataset } from "../../data/dataset.ts";
import { clicksDataset } from "../../data/mac/dataset.ts";
import { simulateClicks } from "../../data/mac/simulate.ts";
import { metricById } from "../../metrics/index.ts";
import type { Model } from "../../model/contract.ts";
import { fit } from "../../model/fit.ts";
import { liftwiseVersion } from "../../model/version.ts";
import { asDataset, gaucByPath, pathLengths } from "../clicks.ts";
import { openLedger } from "./ledger.ts";
import { overReplications, type Suite, type SuiteOptions, type SuiteRow, type SuiteValue } from "./suite.ts";

type ConversionModel = Model<string, "attribution">;
type Values = Readonly<Record<string, number>>;

const mains = ["last", "first", "linear", "mta"] as const;
/** Models run under every main mechanism; the others under `last`. */
const everywhere = ["cvr-base", "natal", "moae"];
const full = { train: 1_000_000, test: 300_000, ads: 30_000 };
const small = { train: 24_000, test: 12_000, ads: 2000 };

/**
 * The same for every model: what cvr-base alone did best with on 300 000 clicks of another seed, out of learning rates from 0.0005 to 0.004 and
 * embeddings at 1 to 10 times that. The benchmark's own (4096 clicks a step, 0.003, embeddings at 10 times that) are made for 80 million clicks: on a
 * million they leave 244 steps, and embeddings that learn single journeys by heart.
 */
const training = { batch: 1024, learningRate: 0.001, embeddingRate: 1 };

/** Parts of the users from which the standard error of a difference between models is taken. */
const blocks = 20;

/** One training. */
interface Run {
  readonly model: ConversionModel;
  /** Rows of the pass: user by user as the simulator writes them, or all users side by side in order of time. */
  readonly order: "user" | "time";
  /** What it is called in the table: the main mechanism, and auxiliary ones where they are not all. */
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * Conversion models on simulated clicks (MAC2026, sec. 6): a million to learn from, in one pass user by user, and 300 000 of other users to judge by; two
 * seeds. Metrics: gauc over users and auc of the main head, gauc by length of the conversion path, predicted over observed conversions, and
 * `gauc-gain`, the difference to cvr-base under the same mechanism, whose error is a jackknife over 20 blocks of users. Under `first`, moae is
 * run with single auxiliary mechanisms too, to show which of them help and which harm; and under `last` cvr-base and moae once more with the clicks in
 * order of time, where a journey's later clicks come after its first have already told the answer.
 */
export const attributionSuite: Suite = {
  id: "attribution",
  summary: "GAUC of conversion models under four attribution mechanisms on simulated clicks, by path length.",
  directions: { "predicted-over-observed": 1 },
  run: async (options) => {
    const ledger = await openLedger(options.resume);
    const size = options.quick ? small : full;
    const seeds = options.seeds ?? (options.quick ? 1 : 2);
    const runs = runsOf(options.models, options.quick);
    const done = new Map<string, Values>();
    for (let k = 1; k <= seeds; k++) {
      let made: Clicks | undefined;
      for (const [r, run] of runs.entries()) {
        options.signal.throwIfAborted();
        const at = (k - 1 + r / runs.length) / seeds;
        options.progress(at, `seed ${k} of ${seeds}, ${run.model.id} under ${run.name}`);
        const config = parse(run.model.config, run.config, run.model.id);
        const key = JSON.stringify(["attribution", k, liftwiseVersion(), run.model.id, run.order, config, options.seed, size]);
        const values = await ledger.once(key, () => {
          made ??= clicks(size, options.seed * 1000 + k);
          return scored(run, made, options);
        });
        done.set(`${run.model.id}/${run.name}/${k}`, values);
      }
    }
    const values = runs.flatMap((run) => valuesOf(run, seeds, done));
    return { rows: runs.flatMap((run) => rowsOf(run, values, seeds, done)), values };
  },
};

function runsOf(models: readonly Model[], quick: boolean): Run[] {
  const known = models.filter((model): model is ConversionModel => model.task === "attribution");
  const make = (model: ConversionModel, name: string, config: Run["config"], order: Run["order"] = "user"): Run => ({
    model,
    name,
    order,
    config: { ...config, ...training },
  });
  const plain = known.flatMap((model) =>
    mains.filter((main) => main === "last" || (!quick && everywhere.includes(model.id))).map((main) => make(model, main, { main })),
  );
  const single = known
    .filter(({ id }) => id === "moae" && !quick)
    .flatMap((model) => ["last", "linear", "mta"].map((one) => make(model, `first, beside it ${one}`, { main: "first", auxiliaries: [one] })));
  const byTime = known
    .filter(({ id }) => ["cvr-base", "moae"].includes(id) && !quick)
    .map((model) => make(model, "last, in order of time", { main: "last" }, "time"));
  // What the headline compares comes first, so that a run that is stopped has it.
  const rank = ({ model, name }: Run): number => (everywhere.includes(model.id) ? mains.indexOf(name as (typeof mains)[number]) : mains.length);
  return [...plain.toSorted((a, b) => rank(a) - rank(b)), ...single, ...byTime];
}

interface Clicks {
  readonly train: Readonly<Record<Run["order"], Dataset>>;
  readonly test: Dataset;
}

function clicks(size: typeof full, seed: number): Clicks {
  const all = simulateClicks({ clicks: size.train + size.test, ads: size.ads, seed });
  // Between two users: what is learned of one must not be asked about the same one.
  let cut = size.train;
  while (all.user[cut] === all.user[cut - 1]) cut++;
  const { time, ...untimed } = all;
  return {
    train: { user: clicksDataset(untimed, 0, cut, "simulated clicks"), time: clicksDataset({ ...untimed, time }, 0, cut, "simulated clicks") },
    test: clicksDataset(untimed, cut, all.rows, "simulated clicks, other users"),
  };
}

async function scored({ model, config, order }: Run, { train, test }: Clicks, { seed, threads, signal }: SuiteOptions): Promise<Values> {
  const started = performance.now();
  const fitted = await fit(model, train[order], { seed, threads, signal, config });
  try {
    const seconds = (performance.now() - started) / 1000;
    const { main, probability } = await fitted.predict(test);
    return { ...judged(probability[0], test, main), seconds };
  } finally {
    fitted.dispose();
  }
}

/** Everything that is kept of one training, from its main head's probabilities. */
function judged(p: Float64Array, test: Dataset, main: string): Values {
  const y = test.number(main).map((credit) => (credit > 0 ? 1 : 0));
  const user = test.number("user_id");
  const whole = asDataset(y, user);
  const score = (id: string, rows?: Int32Array): number => {
    const part = rows === undefined ? whole : whole.take(rows);
    return metricById(id).score(rows === undefined ? p : Float64Array.from(rows, (i) => p[i]), part).value;
  };
  const rowsWhere = (keep: (i: number) => boolean): Int32Array => Int32Array.from(y.keys()).filter(keep);
  const values: Record<string, number> = {
    gauc: score("gauc"),
    auc: score("auc"),
    "predicted-over-observed": p.reduce((sum, v) => sum + v, 0) / y.reduce((sum, v) => sum + v, 0),
    credited: y.reduce((sum, v) => sum + v, 0),
  };
  for (const { length, gauc } of gaucByPath(p, whole, test.number("linear"))) if (gauc !== null) values[`gauc, paths of ${length}`] = gauc;
  for (let b = 0; b < blocks; b++) {
    const rows = rowsWhere((i) => user[i] % blocks === b);
    const size = validRows(rows, y, user);
    if (size > 0) Object.assign(values, { [`block ${b}`]: score("gauc", rows), [`block ${b} rows`]: size });
  }
  return values;
}

/** Rows of users with both classes: what a block counts by. */
function validRows(rows: Int32Array, y: Float64Array, user: Float64Array): number {
  const seen = new Map<number, [number, number]>();
  for (const i of rows) {
    const counts = seen.get(user[i]) ?? [0, 0];
    counts[y[i]]++;
    seen.set(user[i], counts);
  }
  let total = 0;
  for (const [no, yes] of seen.values()) if (no > 0 && yes > 0) total += no + yes;
  return total;
}

const kept = ["gauc", "auc", "predicted-over-observed", ...pathLengths.map(({ name }) => `gauc, paths of ${name}`), "seconds"];

function valuesOf({ model, name }: Run, seeds: number, done: ReadonlyMap<string, Values>): SuiteValue[] {
  return Array.from({ length: seeds }, (_, k) => k + 1).flatMap((k) => {
    const values = done.get(`${model.id}/${name}/${k}`) as Values;
    return kept.map((metric) => ({ model: model.id, case: name, metric, replication: k, value: values[metric] ?? Number.NaN }));
  });
}

function rowsOf(run: Run, values: readonly SuiteValue[], seeds: number, done: ReadonlyMap<string, Values>): SuiteRow[] {
  const { model, name } = run;
  const rows: SuiteRow[] = kept.map((metric) => {
    const list = values.filter((v) => v.model === model.id && v.case === name && v.metric === metric).map(({ value }) => value);
    return { model: model.id, case: name, metric, ...overReplications(list) };
  });
  // The model without auxiliary mechanisms that a run is held against.
  const main = run.order === "time" ? name : name.split(",")[0];
  const gains = Array.from({ length: seeds }, (_, k) => gain(done.get(`${model.id}/${name}/${k + 1}`), done.get(`cvr-base/${main}/${k + 1}`)));
  if (model.id === "cvr-base" || gains.some((one) => one === undefined)) return rows;
  const list = gains as { readonly value: number; readonly se: number }[];
  const mean = list.reduce((sum, { value }) => sum + value, 0) / seeds;
  rows.push({ model: model.id, case: name, metric: "gauc-gain", mean, se: Math.sqrt(list.reduce((sum, { se }) => sum + se * se, 0)) / seeds, n: seeds });
  for (const { name: path } of pathLengths) {
    const metric = `gauc, paths of ${path}`;
    const differences = Array.from(
      { length: seeds },
      (_, k) => (done.get(`${model.id}/${name}/${k + 1}`) as Values)[metric] - (done.get(`cvr-base/${main}/${k + 1}`) as Values)[metric],
    );
    rows.push({ model: model.id, case: name, metric: `gauc-gain, paths of ${path}`, ...overReplications(differences) });
  }
  return rows;
}

/** Difference in GAUC and its standard error, leaving out one block of users at a time. */
function gain(model: Values | undefined, base: Values | undefined): { readonly value: number; readonly se: number } | undefined {
  if (model === undefined || base === undefined) return undefined;
  const parts = Array.from({ length: blocks }, (_, b) => ({
    rows: model[`block ${b} rows`] ?? 0,
    difference: (model[`block ${b}`] ?? 0) - (base[`block ${b}`] ?? 0),
  }));
  const total = parts.reduce((sum, { rows }) => sum + rows, 0);
  const whole = parts.reduce((sum, { rows, difference }) => sum + rows * difference, 0);
  const without = parts.map(({ rows, difference }) => (whole - rows * difference) / (total - rows));
  const mean = without.reduce((sum, v) => sum + v, 0) / blocks;
  const variance = without.reduce((sum, v) => sum + (v - mean) ** 2, 0) * ((blocks - 1) / blocks);
  return { value: model.gauc - base.gauc, se: Math.sqrt(variance) };
}

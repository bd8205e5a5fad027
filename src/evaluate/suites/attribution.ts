import { parse } from "../../base/parse.ts";
import { Dataset } from "../../data/dataset.ts";
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

/** Clicks of a seed of its own, on which the settings of each model are chosen: as many clicks an ad as in the full size. */
const tuning = { train: 300_000, test: 150_000, ads: 10_000 };

/** Clicks a step. The benchmark's own 4096, with 0.003 and embeddings at 10 times that, are made for 80 million clicks; a million are 244 such steps. */
const batch = 1024;

/**
 * Settings that every model has the choice of. On 300 000 clicks of seed 99 the GAUC of cvr-base was 0.623 to 0.626 at all four of them, 0.621 at 0.0005
 * and 0.625 at 0.004, with standard errors of a difference of about 0.002.
 */
const settings = [0.001, 0.002].flatMap((learningRate) => [1, 3].map((embeddingRate) => ({ batch, learningRate, embeddingRate })));
type Settings = (typeof settings)[number];

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

/** Auxiliary mechanisms that moae and natal have the choice of under each main one but `last`, as the authors chose them for each (MAC2026, sec. 6). */
const besides: readonly { readonly name: string; readonly of: (main: string) => readonly string[] | undefined }[] = [
  { name: "all", of: () => undefined },
  { name: "the other three", of: (main) => mains.filter((one) => one !== main) },
  { name: "itself", of: (main) => [main] },
  { name: "last", of: () => ["last"] },
];
const choosing = ["moae", "natal"];

const settingName = ({ learningRate, embeddingRate }: Settings): string => `tuning, rate ${learningRate}, embeddings x ${embeddingRate}`;

/**
 * Conversion models on simulated clicks (MAC2026, sec. 6): a million to learn from, in one pass user by user, and 300 000 of other users to judge by; two
 * seeds. Each model is trained with those of four settings that ranked best under `last` on the clicks of another seed, moae and natal with the auxiliary mechanisms that
 * did so under each other main one. Metrics: gauc over users
 * and auc of the main head, gauc by length of the conversion path, predicted over observed conversions, and `gauc-gain`, the difference to cvr-base
 * under the same mechanism, whose error is a jackknife over 20 blocks of users. Under `first`, moae is run with single auxiliary mechanisms too, to
 * show which of them help and which harm; and under `last` cvr-base and moae once more with the clicks in order of time, where a journey's later clicks
 * come after its first have already told the answer.
 */
export const attributionSuite: Suite = {
  id: "attribution",
  summary: "GAUC of conversion models under four attribution mechanisms on simulated clicks, by path length.",
  directions: { "predicted-over-observed": 1 },
  run: async (options) => {
    const ledger = await openLedger(options.resume);
    const size = options.quick ? small : full;
    const seeds = options.seeds ?? (options.quick ? 1 : 2);
    const known = options.models.filter((model): model is ConversionModel => model.task === "attribution");
    const done = new Map<string, Values>();
    const once = async (run: Run, k: number, of: typeof full, made: () => Clicks): Promise<Values> => {
      options.signal.throwIfAborted();
      const config = parse(run.model.config, run.config, run.model.id);
      const key = JSON.stringify(["attribution", k, liftwiseVersion(), run.model.id, run.order, config, options.seed, of]);
      const values = await ledger.once(key, () => scored(run, made(), options));
      done.set(`${run.model.id}/${run.name}/${k}`, values);
      return values;
    };
    const tried = options.quick
      ? []
      : known.flatMap((model) => settings.map((one): Run => ({ model, name: settingName(one), order: "user", config: { ...one, main: "last" } })));
    const toTune = lazy(() => clicks(tuning, options.seed * 1000));
    for (const [r, run] of tried.entries()) {
      options.progress(r / tried.length, `${run.model.id}, ${run.name}`);
      await once(run, 1, tuning, toTune);
    }
    const best = (model: ConversionModel): Settings => {
      const gauc = (one: Settings): number => done.get(`${model.id}/${settingName(one)}/1`)?.gauc ?? 0;
      return settings.reduce((a, b) => (gauc(b) > gauc(a) ? b : a));
    };
    const chosen = new Map<string, Beside>();
    for (const model of options.quick ? [] : known.filter(({ id }) => choosing.includes(id))) {
      for (const main of mains.slice(1)) {
        const asked = besides.map((beside) => besideRun(model, main, beside, best(model), "tuning, "));
        for (const run of asked) {
          options.progress(1, `${model.id}, ${run.name}`);
          await once(run, 1, tuning, toTune);
        }
        tried.push(...asked);
        const gauc = (run: Run): number => done.get(`${model.id}/${run.name}/1`)?.gauc ?? 0;
        chosen.set(`${model.id} ${main}`, besides[asked.indexOf(asked.reduce((a, b) => (gauc(b) > gauc(a) ? b : a)))]);
      }
    }
    const runs = runsOf(known, options.quick, best, (model, main) => chosen.get(`${model.id} ${main}`) ?? besides[0]);
    for (let k = 1; k <= seeds; k++) {
      const made = lazy(() => clicks(size, options.seed * 1000 + k));
      for (const [r, run] of runs.entries()) {
        options.progress((k - 1 + r / runs.length) / seeds, `seed ${k} of ${seeds}, ${run.model.id} under ${run.name}`);
        await once(run, k, size, made);
      }
    }
    const values = [...runs.flatMap((run) => valuesOf(run, seeds, done)), ...tried.flatMap((run) => valuesOf(run, 1, done))];
    const tuned = values.filter(({ case: name, metric }) => name.startsWith("tuning") && metric === "gauc");
    const choices = tuned.map(({ model, case: name, metric, value }): SuiteRow => ({ model, case: name, metric, ...overReplications([value]) }));
    return { rows: [...runs.flatMap((run) => rowsOf(run, values, seeds, done)), ...choices], values };
  },
};

/** Made when it is first asked for, and kept. */
function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

type Beside = (typeof besides)[number];

function besideRun(model: ConversionModel, main: string, beside: Beside, settings: Settings, prefix = ""): Run {
  const auxiliaries = beside.of(main);
  return {
    model,
    name: `${prefix}${main}, beside it ${beside.name}`,
    order: "user",
    config: { main, ...(auxiliaries === undefined ? {} : { auxiliaries }), ...settings },
  };
}

function runsOf(
  known: readonly ConversionModel[],
  quick: boolean,
  best: (model: ConversionModel) => Settings,
  chosen: (model: ConversionModel, main: string) => Beside,
): Run[] {
  const plain = known.flatMap((model) =>
    mains
      .filter((main) => main === "last" || (!quick && everywhere.includes(model.id)))
      .map((main) => ({ ...besideRun(model, main, chosen(model, main), best(model)), name: main })),
  );
  const single = known
    .filter(({ id }) => id === "moae" && !quick)
    .flatMap((model) =>
      [besides[0], ...["last", "linear", "mta"].map((name) => ({ name, of: () => [name] }))].map((beside) => besideRun(model, "first", beside, best(model))),
    );
  const byTime = known
    .filter(({ id }) => ["cvr-base", "moae"].includes(id) && !quick)
    .map((model): Run => ({ model, name: "last, in order of time", order: "time", config: { main: "last", ...best(model) } }));
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
  const user = clicksDataset(untimed, 0, cut, "simulated clicks");
  const timed = new Dataset([...user.columns, { kind: "number", name: "time", values: time.slice(0, cut) }], { ...user.roles, time: "time" }, user.name);
  return { train: { user, time: timed }, test: clicksDataset(untimed, cut, all.rows, "simulated clicks, other users") };
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

import { z } from "zod";
import { fitClicks, predictClicks } from "../attribution/cvr/stream.ts";
import { attribution } from "../attribution/index.ts";
import { usageError } from "../base/errors.ts";
import type { Json } from "../base/state.ts";
import { Dataset, numberColumn } from "../data/dataset.ts";
import { labelFields } from "../data/mac/layout.ts";
import { openClicks } from "../data/mac/read.ts";
import { writeClicks } from "../data/mac/write.ts";
import { metricById } from "../metrics/index.ts";
import type { FittedModel } from "../model/fit.ts";
import { loadModel, saveModel } from "../model/save.ts";
import { outputFolder } from "./folder.ts";
import { namedModel } from "./models.ts";
import { outFolder, overwriteShape, seedShape, threadsShape } from "./options.ts";
import { progress } from "./progress.ts";
import { json, table } from "./table.ts";
import { type Verb, verb } from "./verb.ts";

const folder = z.string().min(1);
const partial = z.boolean().default(false).describe("go on although a numbered train part is missing");

const simulateOptions = z.strictObject({
  out: outFolder,
  clicks: z.int().min(100).default(1_000_000).describe("clicks in all, about"),
  files: z.int().min(1).max(1000).default(20).describe("train files"),
  ads: z.int().min(100).default(30_000).describe("ads on offer"),
  clicksPerUser: z.number().min(4).default(30).describe("clicks of a user, on average"),
  ...overwriteShape,
  ...seedShape,
});

/** `clicks simulate --out DIR`: clicks in the layout of the multi-attribution benchmark, at any size. */
export const simulateClicksVerb: Verb = verb({
  usage: "clicks simulate --out DIR",
  summary: "write simulated clicks in the layout of the multi-attribution benchmark",
  operands: ["out"],
  options: simulateOptions,
  notes: `DIR holds train/part-00.parquet ..., test/part-00.parquet and vocab/<field>.json
with --json: {"out","train","test","files"}`,
  examples: ["clicks simulate clicks --clicks 200000"],
  run: async ({ options: { out, clicks, files, ads, clicksPerUser, overwrite, seed }, io }) => {
    const target = outputFolder(out, overwrite);
    const bar = await progress(io);
    try {
      const written = await writeClicks(target.path, { clicks, ads, clicksPerUser, seed }, { files, progress: bar.at });
      target.keep();
      bar.done();
      const { train, test } = written;
      io.out(io.json ? json({ out, train, test, files: written.files.length }) : `${out}: ${train} clicks to train on, ${test} of other users to test on\n`);
    } finally {
      bar.done();
      target.drop();
    }
    return 0;
  },
});

const fitOptions = z.strictObject({
  data: folder.optional().describe("folder in the layout of the benchmark"),
  model: z.string().min(1).describe("the conversion model to fit"),
  out: outFolder,
  partial,
  ...overwriteShape,
  ...seedShape,
  ...threadsShape,
});

/** `clicks fit DATA --model moae --out DIR`: streams the train files, which may be larger than memory. */
export const fitClicksVerb: Verb = verb({
  usage: "clicks fit DATA --model MODEL --out DIR",
  summary: "fit a conversion model to click files, reading them as a stream",
  operands: ["data"],
  options: fitOptions,
  notes: `models: ${attribution.map(({ id }) => id).join(", ")}
the options of the model are listed too when it is named: liftwise clicks fit --model moae --help
with --json: {"model","out","seed","config","report","seconds"}`,
  examples: ["clicks fit clicks --model moae --main last --out model", "clicks fit clicks --model natal --main first --auxiliaries linear,mta --out model"],
  parts: async ({ model }) => {
    if (typeof model !== "string" || model === "") return [];
    const { id, config } = namedModel(model);
    return [
      { at: "", title: `options of ${id}`, schema: config },
      { at: id, schema: config },
    ];
  },
  run: async ({ options: asked, parts, io }) => {
    if (asked.data === undefined) throw usageError("no data is named: liftwise clicks fit DATA, a folder in the layout of the benchmark");
    const target = outputFolder(asked.out, asked.overwrite);
    const bar = await progress(io);
    try {
      const started = performance.now();
      const { seed, threads } = asked;
      const fitted = await fitClicks(asked.model, openClicks(asked.data, { partial: asked.partial }), {
        config: { ...parts[""], ...parts[asked.model] },
        seed,
        threads,
        signal: io.signal,
        progress: bar.at,
      });
      await saveModel(fitted, target.path);
      target.keep();
      fitted.dispose();
      bar.done();
      const seconds = (performance.now() - started) / 1000;
      if (io.json) io.out(json({ model: asked.model, out: asked.out, seed, config: fitted.config as Json, report: fitted.report, seconds }));
      else io.out(`${asked.model} fitted to ${fitted.schema.rows} clicks in ${seconds.toFixed(1)} s: ${asked.out}\n`);
    } finally {
      bar.done();
      target.drop();
    }
    return 0;
  },
});

const evaluateOptions = z.strictObject({
  data: folder.optional().describe("folder in the layout of the benchmark; its test files are used"),
  model: z.string().min(1).describe("folder of a saved conversion model"),
});

const paths = [
  ["1", 1, 1],
  ["2-3", 2, 3],
  ["4-6", 4, 6],
  ["7+", 7, Number.POSITIVE_INFINITY],
] as const;

/** `clicks evaluate DATA --model DIR`: GAUC and AUC with the number of users behind them, calibration of every head, GAUC by path length. */
export const evaluateClicksVerb: Verb = verb({
  usage: "clicks evaluate DATA --model DIR",
  summary: "judge a saved conversion model on click files",
  operands: ["data"],
  options: evaluateOptions,
  notes: `the length of a conversion's path is one over its linear credit
with --json: {"rows","main","gauc","gaucNotes":["..."],"auc","logLoss","paths":[{"length","gauc"}],"calibration":[{"head","observed","predicted"}],"notes"}`,
  examples: ["clicks evaluate clicks --model model"],
  run: async ({ options: { data, model: dir }, io }) => {
    if (data === undefined) throw usageError("no data is named: liftwise clicks evaluate DATA, a folder in the layout of the benchmark");
    const fitted = (await loadModel(dir, attribution)) as FittedModel<"attribution">;
    try {
      const files = openClicks(data, { partial: true }).test;
      if (files.length === 0) throw usageError(`${data}: there are no test files; a model is judged on test/*.parquet`);
      const result = judged(await predictClicks(fitted, files, io.signal), (fitted.config as { readonly main: (typeof labelFields)[number] }).main);
      if (io.json) io.out(json(result));
      else {
        const { rows, main, gauc, auc, logLoss } = result;
        io.out(
          `${rows} clicks, main mechanism ${main}\n${table(["metric", "value"], [["gauc", gauc.toFixed(5)], ["auc", auc.toFixed(5)], ["log-loss", logLoss.toFixed(5)], ...result.paths.map(({ length, gauc: value }) => [`gauc, paths of ${length}`, value.toFixed(5)])], io, [1])}`,
        );
        io.out(
          `\n${table(
            ["head", "observed", "predicted"],
            result.calibration.map(({ head, observed, predicted }) => [head, observed.toFixed(5), predicted.toFixed(5)]),
            io,
            [1, 2],
          )}`,
        );
        for (const note of [...result.gaucNotes, ...result.notes]) io.err(`note: ${note}\n`);
      }
    } finally {
      fitted.dispose();
    }
    return 0;
  },
});

interface Judged {
  readonly rows: number;
  readonly main: string;
  readonly gauc: number;
  readonly gaucNotes: readonly string[];
  readonly auc: number;
  readonly logLoss: number;
  readonly paths: readonly { readonly length: string; readonly gauc: number }[];
  readonly calibration: readonly { readonly head: string; readonly observed: number; readonly predicted: number }[];
  readonly notes: readonly string[];
}

function judged({ heads, probability, user, credit, notes }: Awaited<ReturnType<typeof predictClicks>>, main: (typeof labelFields)[number]): Judged {
  const y = Float64Array.from(credit[main], (v) => (v > 0 ? 1 : 0));
  const p = Float64Array.from(probability[0]);
  const code = new Map<number, number>();
  const codes = Int32Array.from(user, (u) => {
    const known = code.get(u) ?? code.size;
    code.set(u, known);
    return known;
  });
  const whole = new Dataset(
    [numberColumn("y", y), { kind: "category", name: "user", codes, levels: Array.from(code.keys(), String) }],
    { features: [], outcomes: ["y"], group: "user" },
    "clicks",
  );
  const gauc = metricById("gauc").score(p, whole);
  const byPath = paths.map(([length, from, to]) => {
    const rows = Int32Array.from(y.keys()).filter((i) => y[i] === 0 || (1 / credit.linear[i] > from - 0.5 && 1 / credit.linear[i] < to + 0.5));
    return {
      length,
      gauc: metricById("gauc").score(
        Float64Array.from(rows, (i) => p[i]),
        whole.take(rows),
      ).value,
    };
  });
  const mean = (values: ArrayLike<number>, of: (v: number) => number): number => Array.from(values, of).reduce((sum, v) => sum + v, 0) / values.length;
  return {
    rows: y.length,
    main,
    gauc: gauc.value,
    gaucNotes: gauc.notes ?? [],
    auc: metricById("auc").score(p, whole).value,
    logLoss: metricById("log-loss").score(p, whole).value,
    paths: byPath,
    calibration: heads.flatMap((head, h) => {
      const label = head === "main" || head === "cartesian" ? main : head;
      return [
        { head: head === "main" ? `main (${main})` : head, observed: mean(credit[label], (v) => Number(v > 0)), predicted: mean(probability[h], (v) => v) },
      ];
    }),
    notes,
  };
}

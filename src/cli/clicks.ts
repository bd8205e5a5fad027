import { writeFile } from "node:fs/promises";
import { z } from "zod";
import { fitClicks, predictClicks } from "../attribution/cvr/stream.ts";
import { dataError, suggest, usageError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import { asCategory, Dataset, numberColumn } from "../data/dataset.ts";
import { clickLabels, describeClicks } from "../data/mac/describe.ts";
import { clickFolderOf } from "../data/mac/folder.ts";
import { openClicks } from "../data/mac/read.ts";
import { writeClicks } from "../data/mac/write.ts";
import { readTable } from "../data/read.ts";
import type { Column } from "../data/schema.ts";
import { atomically } from "../data/write.ts";
import { type ClickJudgement, judgeClicks, type JudgedClicks } from "../evaluate/clicks.ts";
import type { FittedModel } from "../model/fit.ts";
import { liftwiseVersion } from "../model/version.ts";
import { renderClicks } from "../report/clicks.ts";
import { checkWritable, outputFolder } from "./folder.ts";
import { outFolder, overwriteShape, seedShape } from "./options.ts";
import { progress } from "./progress.ts";
import { json, table } from "./table.ts";
import { type Io, type Verb, verb } from "./verb.ts";

const simulateOptions = z.strictObject({
  out: outFolder,
  clicks: z.int().min(100).default(1_000_000).describe("clicks in all, about"),
  files: z.int().min(1).max(1000).default(20).describe("train files"),
  ads: z.int().min(100).default(30_000).describe("ads on offer"),
  clicksPerUser: z.number().min(4).default(30).describe("clicks of a user, on average"),
  ...overwriteShape,
  ...seedShape,
});

/** `data clicks --out DIR`: clicks in the layout of the multi-attribution benchmark, at any size, and their touch log. */
export const simulateClicksVerb: Verb = verb({
  usage: "data clicks --out DIR",
  summary: "write simulated clicks under four attribution mechanisms, and their touch log with what each touch caused",
  operands: ["out"],
  options: simulateOptions,
  notes: `DIR holds train/part-00.parquet ..., test/part-00.parquet and vocab/<field>.json in the layout of the multi-attribution benchmark, for fit --task
attribution; and touches.parquet with user, journey, time, channel, ad, cost, converted, value and contribution, for attribute
with --json: {"out","train","test","files"}`,
  examples: ["data clicks clicks --clicks 200000"],
  run: async ({ options: { out, clicks, files, ads, clicksPerUser, overwrite, seed }, io }) => {
    const target = outputFolder(out, overwrite);
    const bar = await progress(io);
    try {
      const written = await writeClicks(target.path, { clicks, ads, clicksPerUser, seed }, { files, progress: bar.at });
      target.keep();
      bar.done();
      const { train, test } = written;
      io.out(io.json ? json({ out, train, test, files: written.files.length }) : `${out}: ${train} clicks to train on, ${test} of other users to test on\n`);
      if (!io.json && !io.quiet) io.err(`next: liftwise fit ${out} --task attribution --out model\n`);
    } finally {
      bar.done();
      target.drop();
    }
    return 0;
  },
});

/** What `data describe FOLDER` prints of click files. */
export async function describeClickFolder(folder: string, io: Io): Promise<void> {
  const summary = await describeClicks(openClicks(folder, { partial: true }));
  if (io.json) {
    io.out(json(summary));
    return;
  }
  const percent = (share: number): string => `${(100 * share).toFixed(3)} %`;
  io.out(
    `${table(
      ["part", "files", "clicks", "users", ...clickLabels],
      summary.parts.map(({ part, files, rows, users, positive }) => [
        part,
        String(files),
        String(rows),
        String(users),
        ...clickLabels.map((name) => percent(positive[name])),
      ]),
      io,
      [1, 2, 3, 4, 5, 6, 7],
    )}\n`,
  );
  io.out(table(["field", "indices"], Object.entries(summary.vocabulary).map(([name, size]) => [name, String(size)]), io, [1])); // biome-ignore format: one idea
  for (const note of summary.notes) io.err(`note: ${note}\n`);
}

export interface FolderFit {
  readonly source: string;
  readonly model: string;
  readonly config: unknown;
  readonly seed: number;
  readonly threads: number;
  readonly partial: boolean;
  readonly signal: AbortSignal;
  readonly progress: (share: number, what: string) => void;
}

/** Fits to the train files of a folder, which may be larger than memory. */
export async function fitClickFolder({ source, model, partial, ...options }: FolderFit): Promise<FittedModel<"attribution">> {
  return fitClicks(model, openClicks(source, { partial }), options);
}

export interface ClickEvaluation {
  readonly data: string;
  readonly model: string;
  /** Column of users, in a table. */
  readonly group: string | undefined;
  readonly replicates: number;
  readonly level: number;
  readonly seed: number;
  /** HTML file to write. */
  readonly report: string | undefined;
}

/** What `evaluate DATA --model DIR` does: judges a saved conversion model on clicks it has not seen. */
export async function evaluateClicks(fitted: FittedModel<"attribution">, asked: ClickEvaluation, io: Io): Promise<void> {
  if (asked.report !== undefined) checkWritable(asked.report, "--report");
  const { main } = fitted.config as { readonly main: string };
  const folder = clickFolderOf(asked.data, true);
  const { notes, ...predicted } = folder === undefined ? await predictTable(fitted, asked, main) : await predictFolder(fitted, folder, io.signal);
  const rng = new Rng(asked.seed).split("evaluate");
  const judgement = judgeClicks(predicted, main, { rng, replicates: asked.replicates, level: asked.level });
  const about = { model: fitted.model.id, data: asked.data, liftwise: liftwiseVersion(), notes };
  if (asked.report !== undefined) {
    const page = await renderClicks({ ...about, judgement, level: asked.level, trained: fitted.schema.rows });
    await atomically(asked.report, (temporary) => writeFile(temporary, page));
  }
  if (io.json) io.out(json({ model: fitted.model.id, ...judgement, notes, report: asked.report ?? null }));
  else {
    io.out(shown(judgement, asked.level, io));
    for (const note of [...(judgement.metrics.gauc.notes ?? []), ...notes]) io.err(`note: ${note}\n`);
    if (asked.report !== undefined) io.out(`\n${asked.report}\n`);
  }
}

async function predictFolder(fitted: FittedModel<"attribution">, folder: string, signal: AbortSignal): ReturnType<typeof predictClicks> {
  const { test: files, vocabularies } = openClicks(folder, { partial: true });
  if (files.length === 0) throw usageError(`${folder}: there are no test files; a model is judged on test/*.parquet`);
  return predictClicks(fitted, files, { signal, vocabularies });
}

/** Clicks of one table: the columns the model was fitted to, credit by mechanism, and who clicked. */
async function predictTable(
  fitted: FittedModel<"attribution">,
  { data: path, group = fitted.schema.roles.group ?? "user_id" }: ClickEvaluation,
  main: string,
): Promise<JudgedClicks & { readonly notes: readonly string[] }> {
  const text = fitted.schema.columns.filter(({ kind }) => kind === "category").map(({ name }) => name);
  const columns = await readTable(path, { text });
  const names = columns.map(({ name }) => name);
  for (const [name, what] of [
    [main, "the credit under the main mechanism"],
    [group, "the user; name another column with --group"],
  ])
    if (!names.includes(name)) throw dataError(`${path}: there is no column "${name}", which is ${what}; ${suggest(name, names)}`);
  const found = (name: string): Column => columns.find((column) => column.name === name) as Column;
  const data = new Dataset(columns, { features: [], outcomes: [], group }, path);
  const { heads, probability, notes = [] } = await fitted.predict(data);
  const credit = Object.fromEntries(clickLabels.filter((name) => names.includes(name)).map((name) => [name, data.number(name, "credit")]));
  const user = found(group).kind === "number" ? data.number(group) : asCategory(found(group), path, Number.POSITIVE_INFINITY).codes;
  return { heads, probability, credit, user, notes };
}

/** Predictions of click files as columns: who clicked, then the probability of every head. */
export async function clickPredictions(
  fitted: FittedModel<"attribution">,
  folder: string,
  signal: AbortSignal,
): Promise<{ columns: Column[]; notes: readonly string[] }> {
  const { heads, probability, user, notes } = await predictFolder(fitted, folder, signal);
  return { columns: [numberColumn("user_id", user), ...probabilityColumns(heads, probability)], notes };
}

/** `conversion` for the main head, `conversion_HEAD` for the others. */
export function probabilityColumns(heads: readonly string[], probability: readonly (Float32Array | Float64Array)[]): Column[] {
  return heads.map((head, h) => numberColumn(head === "main" ? "conversion" : `conversion_${head}`, probability[h]));
}

function shown({ rows, users, main, metrics, paths, calibration, deciles }: ClickJudgement, level: number, io: Io): string {
  const digits = (value: number | null): string => (value === null || Number.isNaN(value) ? "-" : value.toFixed(5));
  const metricRows = Object.entries(metrics).map(([id, { value, interval }]) => [
    id,
    digits(value),
    interval === null ? "" : `${digits(interval[0])} to ${digits(interval[1])}`,
  ]);
  const pathRows = paths.map(({ length, credited, gauc }) => [length, String(credited), digits(gauc)]);
  return [
    `${rows} clicks of ${users} users, main mechanism ${main}`,
    table(["metric", "value", `${Math.round(100 * level)} % interval`], metricRows, io, [1]),
    ...(paths.length > 0 ? [table(["clicks of the path", "conversions", "gauc"], pathRows, io, [1, 2])] : []),
    table(["head", "observed", "predicted"], calibration.map(({ head, observed, predicted }) => [head, digits(observed), digits(predicted)]), io, [1, 2]), // biome-ignore format: one idea
    table(["tenth", "clicks", "observed", "predicted"], deciles.map(({ rows: n, observed, predicted }, d) => [String(d + 1), String(n), digits(observed), digits(predicted)]), io, [1, 2, 3]), // biome-ignore format: one idea
  ].join("\n");
}

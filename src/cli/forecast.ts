import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { suggest, usageError } from "../base/errors.ts";
import { type Dataset, Dataset as Table } from "../data/dataset.ts";
import { combineSamples } from "../data/longterm.ts";
import { openDataset } from "../data/open.ts";
import { readTable } from "../data/read.ts";
import type { Column } from "../data/schema.ts";
import { numberColumn } from "../data/dataset.ts";
import { writeTable } from "../data/write.ts";
import { experimentRows, forecast, type ForecastResult } from "../longterm/forecast.ts";
import { longterm } from "../longterm/index.ts";
import type { Model } from "../model/contract.ts";
import { liftwiseVersion } from "../model/version.ts";
import { renderForecast } from "../report/forecast.ts";
import { outputFolder } from "./folder.ts";
import { overwriteShape, seedShape, threadsShape } from "./options.ts";
import { progress } from "./progress.ts";
import { json, table } from "./table.ts";
import { type Verb, verb } from "./verb.ts";

const column = z.string().min(1);
const columns = z.array(column).min(1);
const options = z.strictObject({
  history: column.optional().describe("the past: units with their long-term outcome; a file, or simulate:longterm-g7 for both samples at once"),
  experiment: column.optional().describe("the experiment: units with their arm and the first days, no outcome"),
  treatment: column.optional().describe("column of the experiment that says who got what; where history has it too, its arms are used"),
  control: column.optional().describe("arm that everything is compared with; by default 0, or the arm called control"),
  outcome: columns
    .optional()
    .describe("columns of history with the long-term outcome, the primary one first; further ones (y_60,y_90) are points of the horizon"),
  surrogates: columns
    .optional()
    .describe("columns of the first days in both files: visits_1,visits_2,... ; visits_* stands for all of them that both files have"),
  features: columns.optional().describe("columns known before the treatment; by default all columns of both files without another part"),
  ignore: columns.optional().describe("columns that are no features: ids, dates"),
  propensity: column.optional().describe("column of the experiment with the probability of being treated (two arms); by default the arms' shares"),
  text: columns.optional().describe("columns read as text whatever they look like"),
  id: columns.optional().describe("columns of the experiment to write beside the effects"),
  model: column.default("steal").describe("the method: liftwise models lists those of task longterm"),
  beside: z.array(column).default(["short-term", "surrogate-index", "doubly-robust-surrogate"]).describe("simpler methods to set beside it; none for none"),
  length: z.enum(["auto", "none"]).default("auto").describe("whether to refit with shorter windows, to tell how long the test must be"),
  level: z.number().gt(0).lt(1).default(0.95).describe("coverage of the intervals"),
  out: column.optional().describe("folder to write: forecast.json, effects.csv (one row a unit of the experiment) and report.html"),
  ...overwriteShape,
  ...seedShape,
  ...threadsShape,
});
type Asked = z.output<typeof options>;

/** `forecast HISTORY EXPERIMENT`: long-term effects of a short experiment, with what speaks for and against believing them. */
export const forecastVerb: Verb = verb({
  usage: "forecast HISTORY EXPERIMENT --treatment COLUMN --outcome COLUMN --surrogates COLUMNS",
  summary: "long-term effects of a short experiment, learned from history",
  operands: ["history", "experiment"],
  options,
  notes: `HISTORY and EXPERIMENT are .csv, .csv.gz, .parquet, .json or .jsonl files with the same names of features and surrogates
the options of the method are listed too when it is named: liftwise forecast --model steal --help

verdicts: good, caution, bad; decisions: launch, hold, extend (wait, or bring more data)
with --json: {"model","outcome","level","rows":{"history","experiment"},"labels","arms":[{"arm","effect","se","lower","upper","indirect"?,"direct"?,
 "positive","horizon":[{"step","of","kind","effect","lower","upper"}],"length":[{"step","effect","lower","upper"}],"sensitivity":[{"share",...}],
 "others":[{"model",...}],"tenths":[],"advice":{"decision","text"}}],"findings":[{"id","title","value","verdict","text"}],
 "metrics":[{"metric","alone","added"}],"notes":["..."]}`,
  examples: [
    "forecast past.csv test.csv --treatment arm --control off --outcome revenue_90 --surrogates 'visits_*,spend_*' --out forecast",
    "forecast simulate:longterm-g7 --out forecast",
  ],
  parts: async (given) => {
    const name = typeof given.model === "string" ? given.model : "steal";
    const model = longterm.find(({ id }) => id === name);
    if (model === undefined) return [];
    const own = Object.fromEntries(Object.entries((model.config as unknown as { shape: Record<string, z.ZodType> }).shape).filter(([key]) => key !== "level"));
    const schema = z.strictObject(own);
    return [
      { at: "", title: `options of ${model.id}`, schema },
      { at: model.id, schema },
    ];
  },
  run: async ({ options: asked, parts, io }) => {
    const model = modelOf(asked.model);
    const beside = asked.beside.filter((id) => id !== "none").map(modelOf);
    if (asked.history === undefined) throw usageError("no data is named: liftwise forecast HISTORY EXPERIMENT");
    const folder = asked.out === undefined ? undefined : outputFolder(asked.out, asked.overwrite);
    const bar = await progress(io);
    try {
      bar.at(0, "reading");
      const { pooled, ids } = await samplesOf(asked.history, asked);
      const { seed, threads, level } = asked;
      const config = { ...parts[""], ...parts[model.id] };
      const result = await forecast(pooled, { model, config, beside, lengths: asked.length, level, seed, threads, signal: io.signal, progress: bar.at });
      const { effect, ...plain } = result;
      const record = { format: 1, liftwise: liftwiseVersion(), ...plain };
      if (folder !== undefined) {
        bar.at(0.95, "writing");
        const names = result.arms.map(({ arm }) => (result.arms.length === 1 ? "effect" : `effect_${arm}`));
        await writeTable(join(folder.path, "effects.csv"), [...ids, ...effect.map((values, a) => numberColumn(names[a], values))]);
        await writeFile(join(folder.path, "forecast.json"), json(record));
        await writeFile(
          join(folder.path, "report.html"),
          await renderForecast(result, { name: asked.experiment ?? asked.history, liftwise: liftwiseVersion() }),
        );
        folder.keep();
      }
      bar.done();
      if (io.json) io.out(json(record));
      else {
        io.out(shown(result, (head, rows, right) => table(head, rows, io, right)));
        for (const note of result.notes) io.err(`note: ${note}\n`);
        if (asked.out !== undefined) io.out(`\n${join(asked.out, "report.html")}\n`);
      }
    } finally {
      bar.done();
      folder?.drop();
    }
    return 0;
  },
});

function modelOf(id: string): Model<string, "longterm"> {
  const found = longterm.find((model) => model.id === id);
  if (found !== undefined) return found as Model<string, "longterm">;
  throw usageError(
    `there is no model of long-term effects "${id}"; ${suggest(
      id,
      longterm.map((model) => model.id),
    )}`,
  );
}

async function samplesOf(history: string, asked: Asked): Promise<{ readonly pooled: Dataset; readonly ids: readonly Column[] }> {
  const simulated = history.startsWith("simulate:");
  if (simulated && asked.experiment === undefined) {
    const pooled = await openDataset(history, {});
    if (pooled.roles.sample === undefined)
      throw usageError(`${history}: makes one sample; the generators of two are called simulate:longterm-g1 to simulate:longterm-g7`);
    const rows = experimentRows(pooled);
    return { pooled, ids: (asked.id ?? []).map((name) => rows.column(name)) };
  }
  if (asked.experiment === undefined) throw usageError("the experiment is missing: liftwise forecast HISTORY EXPERIMENT");
  const { treatment, outcome, surrogates } = asked;
  const lacking = Object.entries({ treatment, outcome, surrogates }).filter(([, value]) => value === undefined);
  if (treatment === undefined || outcome === undefined || surrogates === undefined)
    throw usageError(
      `${lacking.map(([name]) => `--${name}`).join(", ")} missing: which column says who got what, which hold the outcome in history, which the first days`,
    );
  const [past, now] = [await read(history, asked), await read(asked.experiment, asked)];
  const chosen = surrogates.flatMap((name) => matching(name, past, now));
  const dropped = new Set([...(asked.ignore ?? []), ...(asked.id ?? []), ...(asked.propensity === undefined ? [] : [asked.propensity])]);
  const taken = new Set([treatment, ...outcome, ...chosen, "sample"]);
  const features = asked.features ?? now.names.filter((name) => past.has(name) && !taken.has(name) && !dropped.has(name));
  const arms = asked.propensity === undefined ? undefined : propensityOf(now, treatment, asked.control, asked.propensity);
  const pooled = combineSamples(past, now, { treatment, control: asked.control, outcome, surrogates: [...new Set(chosen)], features, propensity: arms });
  return { pooled, ids: (asked.id ?? []).map((name) => now.column(name)) };
}

async function read(path: string, { text }: Asked): Promise<Dataset> {
  if (!existsSync(path) && path.startsWith("simulate:")) throw usageError(`${path}: a simulation makes both samples; name it alone`);
  return new Table(await readTable(path, text === undefined ? {} : { text }), { features: [], outcomes: [] }, path);
}

function matching(name: string, past: Dataset, now: Dataset): string[] {
  if (!name.endsWith("*")) return [name];
  const stem = name.slice(0, -1);
  const found = now.names.filter((column) => column.startsWith(stem) && past.has(column) && column.length > stem.length);
  if (found.length === 0) throw usageError(`--surrogates ${name}: no column of both files begins with "${stem}"`);
  return found;
}

function propensityOf(now: Dataset, treatment: string, control: string | undefined, name: string): Record<string, string> {
  const role = now.column(treatment);
  const levels = role.kind === "category" ? role.levels : role.kind === "number" ? [...new Set(role.values)].map(String) : [];
  const treated = levels.filter((level) => (control === undefined ? !/^(0|control|placebo)$/i.test(level) : level !== control));
  if (treated.length !== 1) throw usageError(`--propensity: is for two arms; column "${treatment}" has ${levels.length}`);
  return { [treated[0]]: name };
}

type Draw = (head: readonly string[], rows: readonly (readonly string[])[], right: readonly number[]) => string;

function shown({ arms, findings, outcome, model, labels, rows, level }: ForecastResult, draw: Draw): string {
  const parts: string[] = [`${model}: ${outcome} of ${rows.experiment} units, learned from ${rows.history} rows of history (${labels} arms)\n`];
  for (const arm of arms) {
    parts.push(
      draw(
        [arm.arm, "effect", `${Math.round(100 * level)} % interval`],
        [
          [`forecast on ${outcome}`, number(arm.effect), range(arm)],
          ...(arm.indirect === undefined
            ? []
            : [
                ["  through the surrogates", number(arm.indirect), ""],
                ["  beyond them", number(arm.direct ?? Number.NaN), ""],
              ]),
          ...arm.others.map((other) => [other.model, number(other.effect), range(other)]),
          ...arm.length.slice(0, -1).map(({ step, ...band }) => [`with days up to ${step}`, number(band.effect), range(band)]),
        ],
        [1],
      ),
      `${arm.advice.decision}: ${arm.advice.text}\n`,
    );
  }
  parts.push(findings.map(({ verdict, title, text }) => `${verdict.padEnd(8)}${title}: ${text}\n`).join(""));
  return parts.join("\n");
}

function number(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "-";
}

function range({ lower, upper }: { readonly lower: number; readonly upper: number }): string {
  return Number.isFinite(lower) && Number.isFinite(upper) ? `${number(lower)} to ${number(upper)}` : "-";
}

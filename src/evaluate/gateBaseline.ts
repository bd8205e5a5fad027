import { readFile, writeFile } from "node:fs/promises";
import { z } from "zod";
import { dataError, usageError } from "../base/errors.ts";
import { faultOf, parse } from "../base/parse.ts";
import { atomically } from "../data/write.ts";
import type { Model } from "../model/contract.ts";
import { liftwiseVersion } from "../model/version.ts";
import type { GateResults } from "./gate.ts";

const number = z.number().nullable();
const schema = z.strictObject({
  format: z.literal("liftwise-baseline/1"),
  suite: z.string(),
  liftwise: z.string(),
  seed: z.int().min(0),
  quick: z.boolean(),
  /** Replications asked for; null for the suite's own number. */
  seeds: z.int().min(1).nullable(),
  /** Settings of every model after defaults. */
  models: z.record(z.string(), z.unknown()),
  values: z.array(z.strictObject({ model: z.string(), case: z.string(), metric: z.string(), replications: z.array(z.int()), values: z.array(number) })),
  rows: z.array(z.strictObject({ model: z.string(), case: z.string(), metric: z.string(), mean: number, se: number, n: z.int() })),
});

/** What a suite gave when it was last looked at and found good. */
export interface Baseline extends GateResults {
  readonly suite: string;
  readonly liftwise: string;
  readonly seed: number;
  readonly quick: boolean;
  readonly seeds?: number;
  readonly models: Readonly<Record<string, unknown>>;
}

/** How a suite was run. */
export type RunSettings = Pick<Baseline, "suite" | "seed" | "quick" | "seeds">;

/** @throws LiftwiseError (usage) for a file that is not there, (data) for one that is no baseline; undefined for a missing file that `mayMiss` */
export async function readBaseline(file: string, mayMiss = false): Promise<Baseline | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" && mayMiss) return undefined;
    if (code === "ENOENT") throw usageError(`--baseline: there is no file ${file}; add --update to run the suite and write it`, cause);
    throw usageError(`--baseline: ${file} cannot be read (${message}); name a file`, cause);
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw dataError(`--baseline: ${file} is not JSON (${(cause as Error).message}); restore it, or write it anew with --update`, cause);
  }
  const read = schema.safeParse(content);
  if (!read.success) {
    const { path, text: fault } = faultOf(read.error, content, schema);
    throw dataError(
      `--baseline: ${file} is no baseline of liftwise: ${path.length === 0 ? "it" : path.join(".")} ${fault}; restore it, or write it anew with --update`,
    );
  }
  const { suite, liftwise, seed, quick, seeds, models, values, rows } = read.data;
  const uneven = values.find((cell) => cell.values.length !== cell.replications.length);
  if (uneven !== undefined)
    throw dataError(
      `--baseline: ${file} is damaged: ${uneven.model}, ${uneven.case}, ${uneven.metric} has ${uneven.values.length} values for ${uneven.replications.length} replications; restore it, or write it anew with --update`,
    );
  return {
    suite,
    liftwise,
    seed,
    quick,
    seeds: seeds ?? undefined,
    models,
    values: values.flatMap((cell) =>
      cell.values.map((value, i) => ({
        model: cell.model,
        case: cell.case,
        metric: cell.metric,
        replication: cell.replications[i],
        value: value ?? Number.NaN,
      })),
    ),
    rows: rows.map((row) => ({ ...row, mean: row.mean ?? Number.NaN, se: row.se ?? Number.NaN })),
  };
}

/** Writes a baseline, one line a comparison, so that a changed one reads well as a difference. Numbers keep nine digits. */
export async function writeBaseline(file: string, run: RunSettings, models: readonly Model[], { rows, values }: GateResults): Promise<void> {
  const named = new Set([...values, ...rows].map(({ model }) => model));
  const settings = Object.fromEntries(models.filter(({ id }) => named.has(id)).map((model) => [model.id, settingsOf(model)]));
  const cells = new Map<string, z.output<typeof schema>["values"][number]>();
  for (const { model, case: where, metric, replication, value } of values) {
    const key = JSON.stringify([model, where, metric]);
    const cell = cells.get(key) ?? { model, case: where, metric, replications: [], values: [] };
    cell.replications.push(replication);
    cell.values.push(rounded(value));
    cells.set(key, cell);
  }
  const head = { format: "liftwise-baseline/1", suite: run.suite, liftwise: liftwiseVersion(), seed: run.seed, quick: run.quick, seeds: run.seeds ?? null };
  const lines = (list: readonly unknown[]): string => (list.length === 0 ? "[]" : `[\n${list.map((item) => `    ${JSON.stringify(item)}`).join(",\n")}\n  ]`);
  const text = `{
${Object.entries(head)
  .map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`)
  .join("")}  "models": {
${Object.entries(settings)
  .map(([id, config]) => `    ${JSON.stringify(id)}: ${JSON.stringify(config)}`)
  .join(",\n")}
  },
  "values": ${lines([...cells.values()])},
  "rows": ${lines(rows.map(({ model, case: where, metric, mean, se, n }) => ({ model, case: where, metric, mean: rounded(mean), se: rounded(se), n })))}
}
`;
  await atomically(file, (temporary) => writeFile(temporary, text));
}

function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(9)) : null;
}

function settingsOf(model: Model): unknown {
  return JSON.parse(JSON.stringify(parse(model.config, {}, model.id))) as unknown;
}

/**
 * Where the run was not made as the baseline was, one line each. Nothing of it forbids the comparison, but all of it may be the reason for
 * what the comparison finds.
 */
export function differencesOf(baseline: Baseline, run: RunSettings, models: readonly Model[], results: GateResults): string[] {
  const lines: string[] = [];
  if (run.seed !== baseline.seed) lines.push(`seed ${run.seed}, and the baseline has ${baseline.seed}: chance differs too, so only larger changes can be told`);
  if (run.quick !== baseline.quick)
    lines.push(`the baseline is ${baseline.quick ? "of a quick run" : "of a full run"} and this one is not: cases of the same name may differ in size`);
  const counted = (values: GateResults["values"]): number => new Set(values.map(({ replication }) => replication)).size;
  const [before, now] = [counted(baseline.values), counted(results.values)];
  if (before !== now) lines.push(`${now} replications, and the baseline has ${before}: the ${Math.min(before, now)} that both have are compared`);
  if (baseline.liftwise !== liftwiseVersion()) lines.push(`liftwise ${liftwiseVersion()}, and the baseline is of ${baseline.liftwise}`);
  for (const model of models) {
    const old = baseline.models[model.id];
    if (old === undefined) continue;
    const changed = changes(old, settingsOf(model));
    if (changed.length > 0) lines.push(`${model.id}: default settings have changed since the baseline: ${changed.join(", ")}`);
  }
  return lines;
}

function changes(before: unknown, now: unknown, at = ""): string[] {
  const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
  if (isObject(before) && isObject(now)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    return keys.flatMap((key) => changes(before[key], now[key], at === "" ? key : `${at}.${key}`));
  }
  const said = (value: unknown): string => (value === undefined ? "nothing" : JSON.stringify(value));
  return JSON.stringify(before) === JSON.stringify(now) ? [] : [`${at} ${said(before)} -> ${said(now)}`];
}

import { existsSync } from "node:fs";
import { z } from "zod";
import { usageError } from "../base/errors.ts";
import { Dataset, numberColumn } from "../data/dataset.ts";
import { clickFolderOf } from "../data/mac/folder.ts";
import { openDataset } from "../data/open.ts";
import { readTable } from "../data/read.ts";
import { type Column, columnLength } from "../data/schema.ts";
import { writeTable } from "../data/write.ts";
import type { LongtermPrediction, UpliftPrediction } from "../model/contract.ts";
import type { FittedModel } from "../model/fit.ts";
import type { FittedSchema } from "../model/schema.ts";
import { loadModel } from "../model/save.ts";
import { models } from "../models.ts";
import { checkWritable } from "./folder.ts";
import { json } from "./table.ts";
import { type Io, type Verb, verb } from "./verb.ts";

const options = z.strictObject({
  model: z.string().min(1).describe("folder that fit wrote"),
  data: z.string().min(1).describe("the file with one row a unit; it needs the columns the model was fitted on, and no others"),
  out: z.string().min(1).describe("file to write: .csv, .csv.gz, .tsv or .parquet"),
  id: z.array(z.string().min(1)).default([]).describe("columns to copy beside the predictions"),
  cells: z.enum(["best", "all"]).default("best").describe("of several levers: the best cell of each row, or the effect of every cell"),
  worth: z.number().min(0).default(1).describe("of several levers: what a unit of the outcome is worth, in units of the levers' costs"),
  budget: z
    .number()
    .min(0)
    .optional()
    .describe("of several levers: most that the cells of all rows together may cost; each row gets what serves the whole best"),
  report: z.string().min(1).optional().describe("of several levers or candidate sellers: HTML file with surface, curves, interactions and best cells"),
});

/** `predict DIR FILE --out PRED`: one row a unit, in the order of the file. */
export const predictVerb: Verb = verb({
  usage: "predict DIR FILE --out PREDICTIONS",
  summary: "predict effects with a saved model",
  operands: ["model", "data"],
  options,
  notes: `PREDICTIONS has one row a unit: the --id columns, then effect (two arms) or effect_ARM for each treated arm, in units of the outcome,
and effect_lower, effect_upper (effect_lower_ARM, effect_upper_ARM) where the model gives intervals
of conversions (--task attribution): conversion, the probability under the main mechanism, and conversion_HEAD; of a folder of click files the test files
of candidate sellers (--task sellers): planned, mu0, mu1, p_redeem, m1, m0, shop_uplift, shop_uplift_denoised and effect, the effect on the whole platform
of several levers (--task levers): the level of each lever in the row's best cell, value (worth of its effect less its cost), effect, logged_rows and support
(never logged: the model infers it from other cells); or with --cells all effect_CELL for every cell
with --json: {"model","out","rows","columns":["effect",...],"arms":["ARM",...],"level":0.95,"notes":["..."]}; level is null without intervals;
of conversions {"model","out","rows","columns","notes"}
of several levers {"model","out","rows","columns","insight":{"table","curves","interactions","ranks","monotone","best","warnings",...}}`,
  examples: [
    "predict model customers.csv --out effects.csv --id customer",
    "predict model customers.parquet --out effects.parquet",
    "predict model offers.csv --out best.csv --cells best --worth 0.3 --report levers.html",
  ],
  run: async ({ options: asked, io }) => {
    checkWritable(asked.out, "--out");
    const fitted = await loadModel(asked.model, models);
    try {
      const clicks = fitted.model.task === "attribution" ? clickFolderOf(asked.data, true) : undefined;
      if (clicks !== undefined) {
        const { clickPredictions } = await import("./clicks.ts");
        const { columns, notes } = await clickPredictions(fitted as FittedModel<"attribution">, clicks, io.signal);
        await tell(asked, fitted.model.id, columns, notes, io);
        return 0;
      }
      const { data, ids } = await readUnits(asked.data, fitted.schema, asked.id);
      io.signal.throwIfAborted();
      const prediction = await fitted.predict(data);
      if ("competition" in prediction) {
        const { predictSellers } = await import("./sellerOutput.ts");
        await predictSellers(prediction, new Dataset(data.columns, fitted.schema.roles, asked.data), { ...asked, id: ids, name: fitted.model.id }, io);
        return 0;
      }
      if ("grid" in prediction) {
        const { predictLevers } = await import("./predictLevers.ts");
        await predictLevers(prediction, { ...asked, id: ids, name: fitted.model.id }, io);
        return 0;
      }
      if (asked.budget !== undefined) throw usageError("--budget is for models of several levers; for arms take liftwise allocate with the file of effects");
      if ("probability" in prediction) {
        const { probabilityColumns } = await import("./clicks.ts");
        await tell(asked, fitted.model.id, [...ids, ...probabilityColumns(prediction.heads, prediction.probability)], prediction.notes ?? [], io);
        return 0;
      }
      if (!("effect" in prediction))
        throw usageError(`${asked.model}: ${fitted.model.id} is a model of task "${fitted.model.task}", which predict cannot write yet`);
      const effects = effectColumns(prediction);
      await writeTable(asked.out, [...ids, ...effects]);
      const { arms, notes = [] } = prediction;
      const bounded = "lower" in prediction && prediction.lower !== undefined;
      if (io.json)
        io.out(
          json({
            model: fitted.model.id,
            out: asked.out,
            rows: data.rows,
            columns: effects.map((column) => column.name),
            arms,
            level: bounded ? (prediction.level ?? null) : null,
            notes,
          }),
        );
      else {
        io.out(`${data.rows} rows: ${effects.map((column) => column.name).join(", ")}: ${asked.out}\n`);
        for (const note of notes) io.err(`note: ${note}\n`);
      }
    } finally {
      fitted.dispose();
    }
    return 0;
  },
});

/** Writes predicted columns and says so. */
async function tell(
  asked: { readonly model: string; readonly out: string },
  model: string,
  columns: readonly Column[],
  notes: readonly string[],
  io: Io,
): Promise<void> {
  await writeTable(asked.out, columns);
  const [rows, names] = [columnLength(columns[0]), columns.map(({ name }) => name)];
  if (io.json) io.out(json({ model, out: asked.out, rows, columns: names, notes }));
  else {
    io.out(`${rows} rows: ${names.join(", ")}: ${asked.out}\n`);
    for (const note of notes) io.err(`note: ${note}\n`);
  }
}

// Columns are read as what they were when the model was fitted: zip codes stay texts.
async function readUnits(path: string, schema: FittedSchema, id: readonly string[]): Promise<{ data: Dataset; ids: Column[] }> {
  const wanted = [...schema.columns.map((column) => column.name), ...id];
  const text = schema.columns.filter((column) => column.kind === "category").map((column) => column.name);
  const named = !existsSync(path) && /^[a-z0-9-]+([:/].*)?$/.test(path) && !/\.\w+$/.test(path);
  const columns = named ? (await openDataset(path, {})).columns : await readTable(path, { columns: [...new Set(wanted)], text });
  const table = new Dataset(columns, { features: [], outcomes: [] }, path);
  return { data: table, ids: [...new Set(id)].map((name) => table.column(name)) };
}

/** The columns of the output. */
export function effectColumns(prediction: UpliftPrediction | LongtermPrediction): Column[] {
  const { arms, effect } = prediction;
  const { lower, upper } = "lower" in prediction ? prediction : {};
  const name = (stem: string, arm: string): string => (arms.length === 1 ? stem : `${stem}_${arm}`);
  return arms.flatMap((arm, a) => [
    numberColumn(name("effect", arm), effect[a]),
    ...(lower === undefined ? [] : [numberColumn(name("effect_lower", arm), lower[a])]),
    ...(upper === undefined ? [] : [numberColumn(name("effect_upper", arm), upper[a])]),
  ]);
}

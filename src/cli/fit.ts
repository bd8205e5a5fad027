import { z } from "zod";
import { usageError } from "../base/errors.ts";
import type { Json } from "../base/state.ts";
import { clickFolderOf } from "../data/mac/folder.ts";
import { openDataset } from "../data/open.ts";
import type { Model } from "../model/contract.ts";
import { fit, type FittedModel } from "../model/fit.ts";
import { isSingleFile, saveModel } from "../model/save.ts";
import { checkWritable, type OutputFolder, outputFolder } from "./folder.ts";
import { namedModel } from "./models.ts";
import { namedData, overwriteShape, roleFlags, roleShape, seedShape, threadsShape } from "./options.ts";
import { progress } from "./progress.ts";
import { json } from "./table.ts";
import { type Verb, verb } from "./verb.ts";

const options = z.strictObject({
  ...roleShape,
  model: z
    .string()
    .min(1)
    .optional()
    .describe(
      "the model to fit; liftwise models lists them; m-dlri with --task levers, moae with --task attribution, canni-uplift with --task sellers by default",
    ),
  task: z.string().min(1).optional().describe("what is to be predicted, as a check on the model: uplift, levers, sellers, attribution, ..."),
  labels: z.array(z.string().min(1)).min(1).optional().describe("--task attribution: columns of credit, called by their mechanisms: first, last, linear, mta"),
  partial: z.boolean().default(false).describe("--task attribution: go on although a numbered train file of the folder is missing"),
  out: z.string().min(1).describe("folder to write, or one file of plain JSON: MODEL.json"),
  ...overwriteShape,
  missingOutcome: z.enum(["error", "drop"]).default("error").describe("rows whose outcome is missing: refuse them, or leave them out and say how many"),
  ...seedShape,
  ...threadsShape,
});

/** `fit DATA --model M --out DIR`: DIR holds `model.json` and `arrays.safetensors`. */
export const fitVerb: Verb = verb({
  usage: "fit DATA --treatment COLUMN --control ARM --outcome COLUMN --model MODEL --out DIR",
  summary: "fit one model and save it",
  operands: ["data"],
  options,
  notes: `the options of the model are listed too when it is named: liftwise fit --model x-learner --help
they may have the model's name before them, as in compare; one that is called like an option of fit must: --r-learner.propensity

--task attribution takes a folder of click files in the layout of the multi-attribution benchmark, which are read as a stream and may be larger than
memory (liftwise data clicks writes such a folder); or a file, with --labels, and with --group for the users

DIR holds model.json (format, model, config, seed, columns, report) and arrays.safetensors; a DIR that ends in .json is one file with both
with --json: {"model","out","seed","config","columns":["..."],"report":{"rows","arms":{"ARM":rows},...},"seconds"}`,
  examples: [
    "fit campaign.csv --treatment arm --control none --outcome bought --model dr-learner --seed 1 --out model",
    "fit simulate:email --outcome visit --model x-learner --out model",
    "fit clicks --task attribution --main last --out model",
    "fit clicks --task attribution --model natal --main first --auxiliaries linear,mta --out model",
    "fit offers.parquet --task sellers --group user --treatment given --outcome spent --sellers category=segment,incentives=value,redeemed=used,platform=total --out model",
    "fit offers.csv --task levers --levers discount,subsidy --outcome spend --members 5 --out model",
  ],
  // An option that fit has too is reached with the model's name before it, as in compare: --r-learner.propensity.
  parts: async (given) => {
    const model = modelAsked(given);
    if (model === undefined) return [];
    const { id, config } = namedModel(model);
    return [
      { at: "", title: `options of ${id}`, schema: config },
      { at: id, schema: config },
    ];
  },
  run: async ({ options: asked, parts, io }) => {
    const name = modelAsked(asked);
    if (name === undefined) throw usageError("--model is needed; liftwise models lists them");
    const model = namedModel(name);
    if (asked.task !== undefined && asked.task !== model.task)
      throw usageError(`--task ${asked.task}: ${model.id} is a model of task "${model.task}"; name another model, or leave --task out`);
    const source = namedData(asked.data, "fit");
    if (asked.outcome !== undefined && asked.outcome.length > 1)
      throw usageError(`--outcome names ${asked.outcome.length} columns, and a model is fitted to one; fit once for each`);
    const target = outputOf(asked.out, asked.overwrite);
    const bar = await progress(io);
    try {
      bar.at(0, "reading");
      const started = performance.now();
      const { seed } = asked;
      const fitted = await fittedTo(model, source, asked, { ...parts[""], ...parts[model.id] }, { signal: io.signal, progress: bar.at });
      try {
        await saveModel(fitted, target.path);
        target.keep();
        bar.done();
        const seconds = (performance.now() - started) / 1000;
        const { config, schema, report } = fitted;
        if (io.json)
          io.out(
            json({ model: model.id, out: asked.out, seed, config: config as Json, columns: schema.columns.map((column) => column.name), report, seconds }),
          );
        else {
          io.out(
            `${model.id} fitted to ${schema.outcome?.name ?? mainOf(config) ?? "the outcome"} on ${report.rows} rows and ${schema.columns.length} columns in ${seconds.toFixed(1)} s: ${asked.out}\n`,
          );
          if (!io.quiet && model.task === "attribution") io.err(`next: liftwise evaluate ${source} --model ${asked.out}\n`);
          else if (!io.quiet) io.err(`next: liftwise predict ${asked.out} FILE --out effects.csv\n`);
        }
      } finally {
        fitted.dispose();
      }
    } finally {
      bar.done();
      target.drop();
    }
    return 0;
  },
});

/** A folder, or a file that is written whole by itself. */
function outputOf(out: string, overwrite: boolean): OutputFolder {
  if (!isSingleFile(out)) return outputFolder(out, overwrite);
  checkWritable(out, "--out", overwrite);
  return { path: out, keep: () => {}, drop: () => {} };
}

async function fittedTo(
  model: Model,
  source: string,
  asked: z.output<typeof options>,
  config: unknown,
  watch: { readonly signal: AbortSignal; readonly progress: (share: number, what: string) => void },
): Promise<FittedModel> {
  const { seed, threads, missingOutcome, labels, partial } = asked;
  if (model.task === "attribution") {
    const folder = clickFolderOf(source, true);
    const { fitClickFolder } = await import("./clicks.ts");
    if (folder !== undefined) return fitClickFolder({ source: folder, model: model.id, config, seed, threads, partial, ...watch });
    if (labels === undefined)
      throw usageError(`--labels is missing: the columns of ${source} that hold the credit under each mechanism, such as first,last,linear,mta`);
  } else if (labels !== undefined || partial)
    throw usageError(`--${labels === undefined ? "partial" : "labels"}: only models of task attribution take it; ${model.id} is one of task ${model.task}`);
  const data = await openDataset(source, { ...roleFlags(asked), labels });
  return fit(model, data, { config, seed, threads, missingOutcome, ...watch });
}

/** Mechanism that a conversion model predicts. */
function mainOf(config: unknown): string | undefined {
  return typeof config === "object" && config !== null && "main" in config ? `the ${String(config.main)} mechanism` : undefined;
}

/** The model named, or the one that a task stands for. */
function modelAsked({ model, task }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof model === "string" && model !== "") return model;
  return task === "levers" ? "m-dlri" : task === "attribution" ? "moae" : task === "sellers" ? "canni-uplift" : undefined;
}

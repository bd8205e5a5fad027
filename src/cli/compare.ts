import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { oneOf, suggest, usageError } from "../base/errors.ts";
import type { Json } from "../base/state.ts";
import { openDataset } from "../data/open.ts";
import { compare, defaultMetrics } from "../evaluate/compare.ts";
import type { Comparison } from "../evaluate/comparison.ts";
import type { Contender } from "../evaluate/heldOut.ts";
import { comparisonToJson } from "../evaluate/stored.ts";
import { effectTable, resultTable, sectionsOf, type TextTable } from "../evaluate/table.ts";
import { metrics as known } from "../metrics/index.ts";
import { saveModel } from "../model/save.ts";
import { renderReport } from "../report/index.ts";
import { outputFolder } from "./folder.ts";
import { namedModel } from "./models.ts";
import { namedData, outFolder, overwriteShape, roleFlags, roleShape, seedShape, sharesShape, threadsShape } from "./options.ts";
import { progress } from "./progress.ts";
import { json, table } from "./table.ts";
import { type Io, type Verb, verb } from "./verb.ts";

const options = z.strictObject({
  ...roleShape,
  models: z
    .array(z.string().min(1))
    .min(1)
    .describe("models to compare; NAME=ID gives one a name of its own, so that it can stand twice with different options"),
  baseline: z.array(z.string()).min(1).optional().describe("models the others are compared with, the best of them by each metric; the first model by default"),
  metrics: z
    .array(z.string())
    .min(1)
    .optional()
    .describe(`metrics, by id; by default those of ${defaultMetrics.join(",")} that the data can bear`),
  test: z.number().gt(0).lt(1).default(0.3).describe("share of the rows held out for scoring"),
  folds: z.int().min(2).max(1000).optional().describe("hold out every row once, in this many parts, instead of --test"),
  ...sharesShape,
  by: z.enum(["row", "group", "time"]).optional().describe("what the split keeps together; groups where there are any, else rows"),
  replicates: z.int().min(2).max(100000).default(200).describe("resamples behind standard errors and intervals"),
  level: z.number().gt(0).lt(1).default(0.95).describe("coverage of the intervals"),
  out: outFolder,
  ...overwriteShape,
  saveModels: z.boolean().default(false).describe("save the fitted models in DIR/models too, for predict"),
  ...seedShape,
  ...threadsShape,
});

/** `compare DATA --models a,b --out DIR`: DIR holds `report.html`, `comparison.json`, `config.json` and, with `--save-models`, `models/`. */
export const compareVerb: Verb = verb({
  usage: "compare DATA --treatment COLUMN --control ARM --outcome COLUMN,... --models MODEL,... --out DIR",
  summary: "fit several models on the same split, compare and report",
  operands: ["data"],
  options,
  notes: `options of a model come after its name: --x-learner.outcome-learner boosting; liftwise models NAME lists them

DIR holds report.html (opens without a network), comparison.json (everything in it), config.json (runs it again: --config DIR/config.json --out OTHER)
with --json: {"format","liftwise","seed","resolved","data","split","warnings","files":{"report","comparison","config"},
  "effects":[{"outcome","arm","control","value","se","interval","pValue","controlMean","armMean","method"}],
  "results":[{"model","outcome","arm","fitSeconds","metrics":{ID:{"value","se","interval","notes"?}},
              "differences":{ID:{"against","value","se","interval","pValue"}},"calibration":[...],"segments":[...],"report"}]}
there is one result a model, outcome and treated arm, and with several treated arms one for the policy of the best arm ("arm":"best")
curves are in comparison.json only; what does not exist is null`,
  examples: [
    "compare campaign.csv --treatment arm --control none --outcome bought,spend --models s-learner,t-learner,dr-learner --seed 1 --out run",
    "compare hillstrom --models t-learner,x-learner --out run",
    "compare simulate:email --models s-learner,boosted=s-learner --boosted.outcome-learner boosting --out run",
    "compare --config run/config.json --seed 2 --out again",
  ],
  parts: async ({ models }) => namedContenders(models).map(({ name, model }) => ({ at: name, title: `options of ${name}`, schema: model.config })),
  run: async ({ options: asked, parts, io }) => {
    const source = namedData(asked.data, "compare");
    for (const id of asked.metrics ?? [])
      if (!known.some((metric) => metric.id === id))
        throw usageError(
          `--metrics: unknown metric "${id}"; ${suggest(
            id,
            known.map((metric) => metric.id),
          )}`,
        );
    const contenders = namedContenders(asked.models).map((contender) => ({ ...contender, config: parts[contender.name] }));
    const folder = outputFolder(asked.out, asked.overwrite);
    const bar = await progress(io);
    try {
      bar.at(0, "reading");
      const data = await openDataset(source, roleFlags(asked));
      const { seed, threads, metrics, baseline: baselines, test, folds, by, shares, replicates, level } = asked;
      const several = data.roles.outcomes.length > 1;
      const comparison = await compare(data, contenders, {
        seed,
        threads,
        metrics,
        baselines,
        test,
        folds,
        by,
        shares,
        replicates,
        level,
        signal: io.signal,
        progress: (share, what) => bar.at(0.97 * share, what),
        source: { data: source },
        ...(asked.saveModels
          ? {
              visit: (fitted, { name, outcome, part, arm }) =>
                saveModel(
                  fitted,
                  join(folder.path, "models", folderName([name, several ? outcome : "", folds === undefined ? "" : `fold ${part + 1}`, arm ?? ""])),
                ),
            }
          : {}),
      });
      bar.at(0.97, "writing the report");
      writeFileSync(join(folder.path, "comparison.json"), `${comparisonToJson(comparison)}\n`);
      writeFileSync(join(folder.path, "config.json"), `${JSON.stringify(comparison.resolved, null, 2)}\n`);
      writeFileSync(join(folder.path, "report.html"), await renderReport(comparison));
      io.signal.throwIfAborted();
      folder.keep();
      bar.done();
      print(comparison, asked.out, io);
    } finally {
      bar.done();
      folder.drop();
    }
    return 0;
  },
});

/** "x-learner" or "boosted=s-learner". */
function namedContenders(list: unknown): Contender[] {
  if (!Array.isArray(list)) return [];
  const taken = Object.keys(options.shape);
  return list
    .filter((item): item is string => typeof item === "string" && item !== "")
    .map((item) => {
      const cut = item.indexOf("=");
      const name = cut < 0 ? item : item.slice(0, cut);
      if (taken.includes(name) || !/^[\w-]+$/.test(name))
        throw usageError(`--models: "${name}" cannot be the name of a model; use letters, digits and dashes, and no name of an option`);
      return { name, model: namedModel(cut < 0 ? item : item.slice(cut + 1)) };
    });
}

// One folder a model, outcome and so on; the names of columns and arms may hold anything.
function folderName(pieces: readonly string[]): string {
  return pieces
    .filter((piece) => piece !== "")
    .map((piece) => piece.replace(/[^\w-]+/g, "-"))
    .join(".");
}

// As many metrics as the lines have room for, the first one in any case.
function fitting(ids: readonly string[], drawn: (some: readonly string[]) => string): readonly string[] {
  const width = process.stdout.columns ?? 120;
  for (let k = ids.length; k > 1; k--) {
    const text = drawn(ids.slice(0, k));
    if (text.split("\n").every((line) => line.length <= width)) return ids.slice(0, k);
  }
  return ids.slice(0, 1);
}

function print(comparison: Comparison, out: string, io: Io): void {
  const files = { report: join(out, "report.html"), comparison: join(out, "comparison.json"), config: join(out, "config.json") };
  if (io.json) {
    const results = comparison.results.map((result) => ({ ...result, curves: undefined }));
    io.out(json({ ...(JSON.parse(comparisonToJson({ ...comparison, results: results as unknown as Comparison["results"] })) as Record<string, Json>), files }));
    return;
  }
  const draw = ({ head, rows }: TextTable): string => table(head, rows, io);
  io.out(
    `${comparison.data.name}: ${comparison.data.rows} rows, ${comparison.split.how}; features: ${oneOf(comparison.data.features.map(({ name }) => name)).replace(/ or ([^,]*)$/, " and $1")}\n\naverage effect against ${comparison.data.control}\n${draw(effectTable(comparison.effects))}\n`,
  );
  const ids = [...new Set(comparison.results.flatMap((result) => Object.keys(result.metrics)))];
  const sections = sectionsOf(comparison);
  const drawn = (some: readonly string[]): string[] => sections.map(({ outcome, arm }) => draw(resultTable(comparison, outcome, arm, some)));
  const shown = fitting(ids, (some) => drawn(some).join(""));
  drawn(shown).forEach((text, i) => {
    const { outcome, arm } = sections[i];
    io.out(`${outcome}, ${arm === "best" ? "policy of the best arm" : arm}\n${text}\n`);
  });
  if (shown.length < ids.length) io.out(`in the report also: ${ids.slice(shown.length).join(", ")}\n`);
  for (const warning of comparison.warnings) io.err(`note: ${warning}\n`);
  io.out(`report: ${files.report}\n`);
  if (!io.quiet) io.err(`again: liftwise compare --config ${files.config} --out OTHER\n`);
}

import { writeFile } from "node:fs/promises";
import { z } from "zod";
import { suggest, usageError } from "../base/errors.ts";
import { atomically } from "../data/write.ts";
import type { SuiteRow } from "../evaluate/suites/index.ts";
import { suites } from "../evaluate/suites/index.ts";
import { liftwiseVersion } from "../model/version.ts";
import { models as registry } from "../models.ts";
import { checkWritable } from "./folder.ts";
import { namedModel } from "./models.ts";
import { overwriteShape, seedShape, threadsShape } from "./options.ts";
import { progress } from "./progress.ts";
import { json, table } from "./table.ts";
import { type Verb, verb } from "./verb.ts";

const options = z.strictObject({
  suite: z.string().min(1).describe("the suite to run"),
  quick: z.boolean().default(false).describe("fewer replications: a few minutes at most"),
  seeds: z.int().min(1).max(100000).optional().describe("replications or splits, in place of the suite's own number"),
  models: z.array(z.string().min(1)).min(1).optional().describe("models to run; by default every one that the suite knows what to do with"),
  resume: z.string().min(1).optional().describe("file that keeps what is done, so that a run that was stopped goes on from there"),
  out: z.string().min(1).optional().describe("JSON file to write: the rows, and the value of every replication behind them"),
  ...overwriteShape,
  ...seedShape,
  ...threadsShape,
});

/** `benchmark SUITE`: models on data with known answers. `--json` prints `{"suite","rows":[{"model","case","metric","mean","se","n"}],"seconds"}`. */
export const benchmarkVerb: Verb = verb({
  usage: "benchmark SUITE",
  summary: "run a suite of models on data with known answers",
  operands: ["suite"],
  options,
  notes: `suites
${suites.map(({ id, summary }) => `  ${id.padEnd(14)}${summary}`).join("\n")}

with --json: {"suite","rows":[{"model","case","metric","mean","se","n"}],"seconds"}; se is null where there is one value only
--out FILE holds the same with "liftwise", "seed", "quick" and "values":[{"model","case","metric","replication","value"}]`,
  examples: [
    "benchmark ihdp --quick",
    "benchmark hillstrom --seeds 2 --models t-learner,dr-learner --json",
    "benchmark ihdp --resume ihdp.part.jsonl --out ihdp.json",
  ],
  run: async ({ options: { suite: id, quick, seeds, models, resume, out, overwrite, seed, threads }, io }) => {
    const suite = suites.find((candidate) => candidate.id === id);
    if (suite === undefined)
      throw usageError(
        `unknown suite "${id}"; ${suggest(
          id,
          suites.map((candidate) => candidate.id),
        )}`,
      );
    const chosen = models?.map(namedModel) ?? registry;
    if (out !== undefined) checkWritable(out, "--out", overwrite);
    const started = performance.now();
    const bar = await progress(io);
    try {
      const { rows, values = [] } = await suite.run({ models: chosen, quick, seeds, seed, threads, resume, signal: io.signal, progress: bar.at });
      bar.done();
      const seconds = (performance.now() - started) / 1000;
      if (out !== undefined) {
        const record = json({ suite: id, liftwise: liftwiseVersion(), seed, quick, rows, values, seconds });
        await atomically(out, (temporary) => writeFile(temporary, record));
      }
      if (io.json) io.out(json({ suite: id, rows: rows.map(plainRow), seconds }));
      else io.out(`${table(["case", "metric", "model", "mean", "se", "n"], rows.map(cells), io, [3, 4, 5])}\n${id}: ${seconds.toFixed(1)} s\n`);
    } finally {
      bar.done();
    }
    return 0;
  },
});

function plainRow({ model, case: name, metric, mean, se, n }: SuiteRow): SuiteRow {
  return { model, case: name, metric, mean, se, n };
}

function cells({ model, case: name, metric, mean, se, n }: SuiteRow): string[] {
  return [name, metric, model, shown(mean), shown(se), String(n)];
}

function shown(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "-";
}

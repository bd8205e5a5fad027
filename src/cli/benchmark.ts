import { writeFile } from "node:fs/promises";
import { z } from "zod";
import { LiftwiseError, suggest, usageError } from "../base/errors.ts";
import { atomically } from "../data/write.ts";
import { type GateJudgement, judge, passes } from "../evaluate/gate.ts";
import { type Baseline, differencesOf, readBaseline, writeBaseline } from "../evaluate/gateBaseline.ts";
import { annotations, countVerdicts, failureText, gateText, junit } from "../evaluate/gateOutput.ts";
import type { Suite, SuiteRow } from "../evaluate/suites/index.ts";
import { suites } from "../evaluate/suites/index.ts";
import type { Model } from "../model/contract.ts";
import { liftwiseVersion } from "../model/version.ts";
import { models as registry } from "../models.ts";
import { checkWritable } from "./folder.ts";
import { namedModel } from "./models.ts";
import { overwriteShape, threadsShape } from "./options.ts";
import { progress } from "./progress.ts";
import { json, table } from "./table.ts";
import { type Io, type Verb, verb } from "./verb.ts";

const file = z.string().min(1);
const options = z.strictObject({
  suite: z.string().min(1).describe("the suite to run"),
  quick: z.boolean().optional().describe("fewer replications: a few minutes at most"),
  seeds: z.int().min(1).max(100000).optional().describe("replications or splits, in place of the suite's own number"),
  models: z.array(z.string().min(1)).min(1).optional().describe("models to run; by default every one that the suite knows what to do with"),
  resume: file.optional().describe("file that keeps what is done, so that a run that was stopped goes on from there"),
  out: file.optional().describe("JSON file to write: the rows, and the value of every replication behind them"),
  baseline: file
    .optional()
    .describe("file of an earlier run to compare with, by paired intervals; it also gives seed, seeds, quick and models where they are not named"),
  update: z.boolean().default(false).describe("write this run to the --baseline file, and let the gate pass"),
  tolerance: z.number().min(0).lt(1).default(0.01).describe("change that is not worth an alarm, as a share of the baseline's mean"),
  alarm: z.number().gt(0).lt(1).default(0.001).describe("probability that a run in which nothing but chance has changed fails the gate"),
  junit: file.optional().describe("JUnit XML file to write: a test case a comparison"),
  annotations: z.boolean().optional().meta({ default: "on GitHub" }).describe("print GitHub annotations on standard error"),
  ...overwriteShape,
  seed: z.int().min(0).optional().meta({ default: 1 }).describe("seed of every random choice; the same seed gives the same answer"),
  ...threadsShape,
});
type Options = z.output<typeof options>;

/**
 * `benchmark SUITE`: models on data with known answers. `--json` prints `{"suite","rows":[{"model","case","metric","mean","se","n"}],"seconds"}`.
 * With `--baseline FILE` it is a gate: exit code 4 when a model is worse than there beyond noise.
 */
export const benchmarkVerb: Verb = verb({
  usage: "benchmark SUITE",
  summary: "run a suite of models on data with known answers",
  operands: ["suite"],
  options,
  notes: `suites
${suites.map(({ id, summary }) => `  ${id.padEnd(14)}${summary}`).join("\n")}

with --json: {"suite","rows":[{"model","case","metric","mean","se","n"}],"seconds"}; se is null where there is one value only
with --baseline also "gate": {"baseline","passed","worse","better","same","unsure","missing","extra","notes","comparisons":
[{"model","case","metric","verdict","baseline","now","change","interval","scale","pairs","why"}]}; change is now / baseline - 1 where scale is "ratio"
--out FILE holds the same with "liftwise", "seed", "quick" and "values":[{"model","case","metric","replication","value"}]
exit code 4 when a model is worse than the baseline beyond noise, or in it and not run`,
  examples: [
    "benchmark ihdp --quick",
    "benchmark hillstrom --seeds 2 --models t-learner,dr-learner --json",
    "benchmark ihdp --resume ihdp.part.jsonl --out ihdp.json",
    "benchmark small --quick --baseline small.json --update",
    "benchmark small --baseline small.json --junit gate.xml",
  ],
  run: async ({ options: given, io }) => {
    const suite = suiteOf(given.suite);
    checkGate(given);
    const old = given.baseline === undefined ? undefined : await readBaseline(given.baseline, given.update);
    if (old !== undefined && old.suite !== suite.id)
      throw usageError(
        `--baseline: ${given.baseline} is of suite ${old.suite}, not ${suite.id}; run benchmark ${old.suite}, or name the baseline of ${suite.id}`,
      );
    if (given.out !== undefined) checkWritable(given.out, "--out", given.overwrite);
    if (given.junit !== undefined) checkWritable(given.junit, "--junit");
    if (given.update && given.baseline !== undefined) checkWritable(given.baseline, "--baseline");
    const settings = { suite: suite.id, quick: given.quick ?? old?.quick ?? false, seeds: given.seeds ?? old?.seeds, seed: given.seed ?? old?.seed ?? 1 };
    const chosen = modelsOf(given, old);
    const { resume, threads } = given;
    const started = performance.now();
    const bar = await progress(io);
    try {
      const { rows, values = [] } = await suite.run({ ...settings, models: chosen, threads, resume, signal: io.signal, progress: bar.at });
      bar.done();
      const seconds = (performance.now() - started) / 1000;
      // A gate of some of the models does not miss the others.
      const compared = old === undefined || given.models === undefined ? old : onlyOf(old, given.models);
      const judgement =
        compared === undefined ? undefined : judge(compared, { rows, values }, { ...given, directions: suite.directions, overlap: suite.overlap });
      const notes = compared === undefined ? [] : differencesOf(compared, settings, chosen, { rows, values });
      const gate =
        judgement === undefined
          ? {}
          : { gate: { baseline: given.baseline, passed: passes(judgement), ...countVerdicts(judgement), notes, ...plainGate(judgement) } };
      const { out } = given;
      if (out !== undefined) {
        const record = json({ suite: suite.id, liftwise: liftwiseVersion(), seed: settings.seed, quick: settings.quick, rows, values, seconds, ...gate });
        await atomically(out, (temporary) => writeFile(temporary, record));
      }
      if (io.json) io.out(json({ suite: suite.id, rows: rows.map(plainRow), seconds, ...gate }));
      else io.out(`${table(["case", "metric", "model", "mean", "se", "n"], rows.map(cells), io, [3, 4, 5])}\n${suite.id}: ${seconds.toFixed(1)} s\n`);
      if (judgement !== undefined) await publish(judgement, notes, given, seconds, io);
      if (given.update && given.baseline !== undefined) {
        await writeBaseline(given.baseline, settings, chosen, { rows, values });
        if (!io.json) io.out(`baseline written: ${given.baseline}\n`);
      } else if (judgement !== undefined && !passes(judgement)) throw new LiftwiseError("gate", failureText(judgement, given.baseline ?? ""));
    } finally {
      bar.done();
    }
    return 0;
  },
});

function suiteOf(id: string): Suite {
  const suite = suites.find((candidate) => candidate.id === id);
  if (suite !== undefined) return suite;
  throw usageError(
    `unknown suite "${id}"; ${suggest(
      id,
      suites.map((candidate) => candidate.id),
    )}`,
  );
}

function checkGate({ baseline, update, junit: xml, annotations: notices }: Options): void {
  if (baseline !== undefined) return;
  const stray = update ? "--update" : xml !== undefined ? "--junit" : notices === true ? "--annotations" : undefined;
  if (stray !== undefined) throw usageError(`${stray} goes with --baseline FILE; name the baseline`);
}

// Models that the baseline has and the registry has no longer are left to the gate to miss.
function modelsOf({ models }: Options, old: Baseline | undefined): readonly Model[] {
  if (models !== undefined) return models.map(namedModel);
  return old === undefined || Object.keys(old.models).length === 0 ? registry : registry.filter(({ id }) => id in old.models);
}

function onlyOf(old: Baseline, models: readonly string[]): Baseline {
  const own = <T extends { readonly model: string }>(list: readonly T[]): T[] => list.filter(({ model }) => models.includes(model));
  return { ...old, rows: own(old.rows), values: own(old.values) };
}

async function publish(judgement: GateJudgement, notes: readonly string[], given: Options, seconds: number, io: Io): Promise<void> {
  const { suite, baseline = "", junit: xml, annotations: notices = process.env.GITHUB_ACTIONS === "true" } = given;
  if (!io.json) io.out(`\n${gateText(judgement, notes)}`);
  if (xml !== undefined) await atomically(xml, (temporary) => writeFile(temporary, junit(judgement, suite, seconds)));
  // GitHub reads commands from either stream; standard output may be JSON.
  if (notices) io.err(annotations(judgement, suite, baseline));
}

function plainGate({ comparisons, missing, extra, notJudged, tolerance, alarm }: GateJudgement): object {
  return { missing, extra, notJudged, tolerance, alarm, comparisons };
}

function plainRow({ model, case: name, metric, mean, se, n }: SuiteRow): SuiteRow {
  return { model, case: name, metric, mean, se, n };
}

function cells({ model, case: name, metric, mean, se, n }: SuiteRow): string[] {
  return [name, metric, model, shown(mean), shown(se), String(n)];
}

function shown(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "-";
}

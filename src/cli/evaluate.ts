import { z } from "zod";
import { suggest, usageError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import type { Dataset } from "../data/dataset.ts";
import { openDataset } from "../data/open.ts";
import type { Role } from "../data/schema.ts";
import { requireUsable } from "../data/usable.ts";
import { scoreText } from "../evaluate/table.ts";
import { comparesArms, withArm } from "../evaluate/views.ts";
import { againstControl } from "../metrics/arm.ts";
import type { Metric, Score } from "../metrics/contract.ts";
import { metricById, metrics as known } from "../metrics/index.ts";
import { evaluate } from "../metrics/interval.ts";
import type { FittedModel } from "../model/fit.ts";
import { roleShape, seedShape } from "./options.ts";
import { json, table } from "./table.ts";
import { type Io, type Verb, verb } from "./verb.ts";

const column = z.string().min(1);
const options = z.strictObject({
  data: column.describe("the file: .csv, .csv.gz, .parquet, .json or .jsonl; with --model also a folder of click files, of which the test files are used"),
  model: column.optional().describe("folder of a saved conversion model (fit --task attribution), to be judged on the clicks of the file or folder"),
  treatment: column.optional().describe("column that says who got what; metrics of the outcome alone (auc, gauc, log-loss) do without"),
  control: column.optional().describe("arm that is compared with; by default 0, or the arm called control"),
  arm: column.optional().describe("treated arm to score, where there are several; rows of the others are left out"),
  outcome: column.optional().describe("column that says what happened"),
  score: column.optional().describe("column of scores: higher means treat first, or the predicted effect where a metric compares values"),
  propensity: roleShape.propensity,
  truth: roleShape.truth,
  weight: column.optional().describe("column of row weights"),
  group: column.optional().describe("column of groups: gauc averages over them, and intervals resample them whole"),
  metric: z.array(z.string()).min(1).default(["qini", "auuc"]).describe("metrics, by id"),
  replicates: z.int().min(0).max(100000).default(200).describe("resamples behind standard errors and intervals; 0 leaves them out"),
  level: z.number().gt(0).lt(1).default(0.95).describe("coverage of the intervals"),
  report: column.optional().describe("with --model: HTML file to write"),
  ...seedShape,
});

type Given = z.output<typeof options>;
type Asked = Given & { readonly outcome: string; readonly score: string };

/** `evaluate FILE`: scores a column of predictions. `--json` prints `{"metrics":{id:{"value","se","interval":[low,high],"notes"?}}}`. */
export const evaluateVerb: Verb = verb({
  usage: "evaluate FILE --treatment COLUMN --outcome COLUMN --score COLUMN",
  summary: "score a column of predictions, or a saved conversion model on clicks, with intervals",
  operands: ["data"],
  options,
  notes: `metrics: ${known.map((metric) => metric.id).join(", ")}
options of a metric come after its id: --uplift-at-k.k 0.1

with --json: {"metrics":{"qini":{"value":0.031,"se":0.008,"interval":[0.015,0.047],"notes":["..."]}}}
what does not exist is null, and "notes" (left out when empty) says why
with --model: gauc, auc and log-loss of the main mechanism, gauc by length of the conversion path (one over the linear credit) and calibration;
{"model","rows","users","main","metrics":{...},"paths":[{"length","credited","gauc"}],"calibration":[{"head","observed","predicted"}],
"deciles":[{"rows","observed","predicted"}],"notes","report"}`,
  examples: [
    "evaluate scores.csv --treatment arm --control none --outcome bought --score uplift --metric qini,auuc,uplift-at-k",
    "evaluate clicks --model model --report model.html",
    "evaluate scores.parquet --treatment t --outcome y --score s --propensity e --metric sklift-qini-auc --json",
  ],
  parts: async (given) => {
    const asked = Array.isArray(given.metric) ? given.metric : [];
    return known.filter((metric) => asked.includes(metric.id)).map((metric) => ({ at: metric.id, title: `options of ${metric.id}`, schema: metric.options }));
  },
  run: async ({ options: given, parts, io }) => {
    if (given.model !== undefined) {
      await judgeModel(given, given.model, io);
      return 0;
    }
    const asked = withScore(given);
    const chosen = asked.metric.map((id) => namedMetric(id, asked));
    const data = await readScored(asked);
    const scores = scoreAll(chosen, data, asked, parts);
    if (io.json) {
      io.out(json({ metrics: Object.fromEntries(scores.map((score, k) => [chosen[k].id, entry(score)])) }));
      return 0;
    }
    io.out(
      table(
        ["metric", `value [${Math.round(asked.level * 100)} % interval]`, "better"],
        scores.map((score, k) => [chosen[k].id, scoreText(score), chosen[k].better]),
        io,
      ),
    );
    for (const [k, { notes = [] }] of scores.entries()) for (const note of notes) io.err(`note: ${chosen[k].id}: ${note}\n`);
    return 0;
  },
});

function withScore(given: Given): Asked {
  const { outcome, score } = given;
  if (given.report !== undefined) throw usageError("--report is of --model; of scores, liftwise compare writes a report");
  if (outcome === undefined) throw usageError("--outcome is required: column that says what happened");
  if (score === undefined) throw usageError("--score is required: column of scores, higher means treat first; or name a saved conversion model with --model");
  return { ...given, outcome, score };
}

async function judgeModel(given: Given, dir: string, io: Io): Promise<void> {
  const alien = (["treatment", "outcome", "score"] as const).find((name) => given[name] !== undefined);
  if (alien !== undefined) throw usageError(`--${alien} does not go with --model, whose mechanism says what is predicted; leave one out`);
  const [{ evaluateClicks }, { loadModel }, { models }] = await Promise.all([import("./clicks.ts"), import("../model/save.ts"), import("../models.ts")]);
  const fitted = await loadModel(dir, models);
  try {
    if (fitted.model.task !== "attribution")
      throw usageError(
        `--model: ${fitted.model.id} is a model of task "${fitted.model.task}"; predict with it, and evaluate the column of predictions with --score`,
      );
    await evaluateClicks(fitted as FittedModel<"attribution">, { ...given, group: given.group, model: dir, report: given.report }, io);
  } finally {
    fitted.dispose();
  }
}

function entry({ value, se = Number.NaN, interval = [Number.NaN, Number.NaN], notes }: Score): Record<string, unknown> {
  return { value, se, interval: interval.every(Number.isFinite) ? interval : null, ...(notes === undefined ? {} : { notes }) };
}

function namedMetric(id: string, asked: Asked): Metric {
  const ids = known.map((metric) => metric.id);
  if (!ids.includes(id)) throw usageError(`unknown metric "${id}"; ${suggest(id, ids)}`);
  const metric = metricById(id);
  const flags: Partial<Record<Role, keyof Asked>> = { treatment: "treatment", group: "group", propensity: "propensity", effect: "truth", weight: "weight" };
  for (const role of metric.needs) {
    const flag = flags[role];
    if (flag !== undefined && asked[flag] === undefined) throw usageError(`metric ${id} needs --${flag} COLUMN: ${options.shape[flag].description ?? ""}`);
  }
  return metric;
}

async function readScored(asked: Asked): Promise<Dataset> {
  const { treatment, control, outcome, propensity, truth, weight, group, score, arm } = asked;
  const data = await openDataset(asked.data, { treatment, control, outcome, propensity, truth, weight, group, features: [], keep: [score] });
  if (data.roles.treatment === undefined) return data;
  requireUsable(data);
  const treated = data.treatment().arms.slice(1);
  if (arm !== undefined && !treated.includes(arm))
    throw usageError(`--arm: there is no treated arm "${arm}" in column "${data.roles.treatment.column}"; ${suggest(arm, treated)}`);
  if (arm === undefined && treated.length > 1)
    throw usageError(
      `--arm is missing: column "${data.roles.treatment.column}" has ${treated.length} treated arms (${treated.map((name) => JSON.stringify(name)).join(", ")}); say which one the score is for`,
    );
  return data;
}

interface Rows {
  readonly data: Dataset;
  readonly prediction: Float64Array;
}

// Metrics that compare arms see control and the one arm; the others see every row.
function scoreAll(chosen: readonly Metric[], data: Dataset, asked: Asked, own: Readonly<Record<string, unknown>>): Score[] {
  const whole = { data, prediction: data.number(asked.score, "score") };
  const several = data.roles.treatment !== undefined && data.treatment().arms.length > 2;
  const compares = chosen.filter(comparesArms);
  const others = chosen.filter((metric) => !comparesArms(metric));
  const pair = several && compares.length > 0 ? againstControl(whole.prediction, data, asked.arm) : whole;
  const found = new Map([...scoresOf(compares, pair, undefined, asked, own), ...scoresOf(others, whole, asked.arm, asked, own)]);
  return chosen.map((metric) => found.get(metric.id) as Score);
}

// One call for all, so that they share one sort and the same resamples.
function scoresOf(
  list: readonly Metric[],
  { data, prediction }: Rows,
  arm: string | undefined,
  { replicates, level, seed }: Asked,
  own: Readonly<Record<string, unknown>>,
): [string, Score][] {
  if (list.length === 0) return [];
  if (replicates === 0) return list.map((metric) => [metric.id, metric.score(prediction, data, withArm(metric, arm, own[metric.id]) as never)]);
  const requests = list.map((metric) => ({ metric, options: withArm(metric, arm, own[metric.id]) }));
  return evaluate(requests, prediction, data, { rng: new Rng(seed).split("evaluate"), replicates, level }).map(({ score }, k) => [list[k].id, score]);
}

import { z } from "zod";
import { dataError, suggest, usageError } from "../../base/errors.ts";
import type { Rng } from "../../base/rng.ts";
import { normalQuantile } from "../../base/stats/normal.ts";
import type { ArrayState, Json, State } from "../../base/state.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Features } from "../../data/schema.ts";
import { closeMemory, openMemory, type Plan } from "../../learn/tree/arena.ts";
import { kernelsOn } from "../../learn/tree/kernels.ts";
import { type BinnedColumn, fillTable, planTable, type Table } from "../../learn/tree/table.ts";
import { unitsFor } from "../../learn/tree/units.ts";
import type { FitContext, Fitted, Model } from "../../model/contract.ts";
import { experimentOf } from "../meta/experiment.ts";
import type { ForestRows } from "./analysis.ts";
import { type CodeForest, categories, encode, forestArrays, joinTrees, restoreForest, type SavedColumn, savedColumns } from "./codeForest.ts";
import { type Crew, type ForestPlan, forestSeed, openCrew, type Progress } from "./forest.ts";
import { openForest, planForest, type ForestLayout } from "./layout.ts";
import { type Moments, numbersOf } from "./moments.ts";
import { estimateRows, type OutOfBag } from "./outOfBag.ts";
import type { Sampling } from "./sample.ts";
import { summarise } from "./summary.ts";

export interface CausalForestConfig {
  readonly trees: number;
  readonly nuisanceTrees: number;
  readonly minRows: number;
  readonly minShare: number;
  readonly maxDepth: number;
  readonly rowSample: number;
  readonly honest: number;
  readonly columns: number;
  readonly bag: number;
  readonly bins: number;
  readonly level: number;
  readonly instrument?: string;
  readonly projection: readonly string[];
}

const config: z.ZodType<CausalForestConfig> = z.strictObject({
  trees: z.int().min(2).max(100_000).default(500).describe("Trees in the forest; more narrows the Monte Carlo error of effects and, above all, of intervals."),
  nuisanceTrees: z.int().min(1).max(100_000).default(200).describe("Trees of each forest for expected outcome and propensities."),
  minRows: z.int().min(1).default(5).describe("Fewest rows on either side of a split."),
  minShare: z
    .number()
    .min(0)
    .max(0.25)
    .default(0.05)
    .describe("Least share of a node's rows, and of the variation of treatment in it, on either side of a split."),
  maxDepth: z.int().min(1).max(60).default(60).describe("Most splits from root to leaf."),
  rowSample: z
    .number()
    .gt(0)
    .max(0.5)
    .default(0.5)
    .describe("Share of rows (of groups: groups) each tree is given, drawn without replacement; at most a half."),
  honest: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.5)
    .describe("Share of a tree's rows that is kept from its splits and estimates its leaves; 0 uses all rows for both and makes intervals too short."),
  columns: z.int().min(0).default(0).describe("Columns tried in each node; 0 takes the square root of their number plus 20."),
  bag: z.int().min(2).max(50).default(2).describe("Trees that share a half of the rows: the little bags intervals are made of."),
  bins: z.int().min(2).max(255).default(255).describe("Most bins a numeric column is cut into; missing values have one of their own besides."),
  level: z.number().gt(0).lt(1).default(0.95).describe("Coverage of the intervals."),
  instrument: z
    .string()
    .optional()
    .describe("Numeric feature that moves treatment and has no effect of its own: effects are then those of treatment moved by it. It is not split on."),
  projection: z
    .array(z.string())
    .default([])
    .describe("Numeric features to project the effects on in the report: coefficients of the best linear approximation."),
});

/** What is learned, and what is known of the rows it was learned from. */
export interface LearnedCausalForest {
  readonly forest: CodeForest;
  readonly columns: readonly BinnedColumn[];
  readonly arms: readonly string[];
  readonly moments: Moments;
  readonly bag: number;
  readonly level: number;
  readonly instrument: string | undefined;
  /** Effects where a neighbourhood has none of its own: those of all rows. */
  readonly overall: readonly number[];
  readonly rows: Pick<ForestRows, "effect" | "variance" | "outcome" | "propensity">;
  readonly scores: readonly Float64Array[];
  readonly report: Readonly<Record<string, Json>>;
}

/** Trees worth a pool: rows x columns x trees. */
const worthWorkers = 1e7;

/** Generalised random forests for treatment effects. */
export const causalForest: Model<"causal-forest", "uplift", z.ZodType<CausalForestConfig>> = {
  id: "causal-forest",
  task: "uplift",
  summary: "Honest forest of residuals on residuals, with intervals, average effects and tests; many arms, clusters, instruments.",
  source: [
    { key: "Athey2019", departure: "Columns are cut into at most 255 bins; nuisance forests are grown on the same bins." },
    { key: "Wager2018" },
    { key: "Sexton2009" },
  ],
  traits: {
    needs: ["feature", "treatment", "outcome"],
    sees: ["feature"],
    arms: "many",
    outcomes: ["binary", "count", "continuous"],
    weights: true,
    intervals: true,
    engine: "plain",
  },
  config,
  quick: { trees: 40, nuisanceTrees: 20 },
  fit: async (settings, data, context) => fitted(await learn(settings, data, context)),
  restore: async (_, state) => fitted(restored(state)),
};

async function learn(settings: CausalForestConfig, data: Dataset, context: FitContext): Promise<LearnedCausalForest> {
  const experiment = experimentOf(data);
  const { arms, weight, group } = experiment;
  const { x, instrument } = withoutInstrument(experiment.x, settings.instrument, arms);
  const moments: Moments = { arms: arms.length - 1, instrument: instrument !== undefined };
  const work = x.rows * x.columns.length * (settings.trees + settings.nuisanceTrees * (moments.arms + 1)) * settings.rowSample;
  const workers = context.threads > 1 && work > worthWorkers ? context.threads : 0;
  const plan: Plan = { bytes: 64 };
  const table = planTable(plan, x, settings.bins);
  const planes = Math.max(1, moments.arms) + (weight === undefined ? 0 : 1);
  const layout = planForest(plan, table, {
    arms: 1,
    numbers: numbersOf(moments),
    clustered: group !== undefined,
    threads: Math.max(1, workers),
    histograms: planes,
    planes,
  });
  const memory = openMemory(plan);
  try {
    fillTable(memory, kernelsOn(memory), table, x);
    const job = openForest(memory, layout, 0);
    if (group !== undefined) job.unit?.set(group);
    const crew = await openCrew(memory, workers, context.signal);
    try {
      const grower: Grower = { crew, layout, table, settings, numbers: job.numbers, weighted: weight !== undefined };
      const treated = arms.slice(1).map((_, a) => Float64Array.from(experiment.arm, (arm) => (arm === a + 1 ? 1 : 0)));
      job.numbers[0].set(weight ?? new Float64Array(x.rows).fill(1));
      const sources = [experiment.y, ...treated, ...(instrument === undefined ? [] : [instrument])];
      const known = [undefined, ...treated.map((_, a) => experiment.propensity?.[a + 1]), undefined];
      const total = settings.trees + settings.nuisanceTrees * sources.length;
      const expected: Float64Array[] = [];
      for (let k = 0; k < sources.length; k++) {
        job.numbers[k + 1].set(sources[k]);
        const report: Progress = (share) => context.progress((settings.nuisanceTrees * (k + share)) / total, "expectations");
        expected.push(known[k] ?? (await expectation(grower, k + 1, context.rng.split("expectation", k), report)));
      }
      // Local centring: what is left of outcome and treatment when what the features say is taken off.
      for (let k = 0; k < sources.length; k++) for (let i = 0; i < x.rows; i++) job.numbers[k + 1][i] -= expected[k][i];
      const report: Progress = (share) => context.progress((total - settings.trees * (1 - share)) / total, "trees");
      const { forest, plan: forestPlan, gains } = await growScores(grower, moments, context.rng.split("forest"), settings.trees, settings.bag, report);
      const judged = await crew.outOfBag({ plan: forestPlan, moments, forest, variance: true });
      const rows: ForestRows = {
        ...{ y: experiment.y, arm: experiment.arm, arms, weight, cluster: group, outcome: expected[0], propensity: expected.slice(1, arms.length) },
        ...{ effect: judged.estimate, variance: judged.variance },
      };
      const {
        report: summary,
        overall,
        scores,
      } = summarise(rows, moments, x, { projection: settings.projection, level: settings.level, covered: judged.covered });
      const importance = importanceOf(table.columns, gains);
      return {
        ...{ forest, columns: table.columns.map((column) => ({ ...column, codes: 0 })), arms, moments, bag: settings.bag, level: settings.level },
        ...{ instrument: settings.instrument, overall, rows, scores, report: { trees: settings.trees, ...summary, importance } },
      };
    } finally {
      await crew.close();
    }
  } finally {
    closeMemory(memory);
  }
}

function importanceOf(columns: readonly BinnedColumn[], gains: Float64Array): Record<string, number> {
  const total = gains.reduce((sum, gain) => sum + gain, 0);
  return Object.fromEntries(columns.map(({ name }, j) => [name, total > 0 ? gains[j] / total : 0]));
}

/** @throws LiftwiseError (usage) where the instrument is no numeric feature, or there are several treated arms */
function withoutInstrument(x: Features, name: string | undefined, arms: readonly string[]): { x: Features; instrument: Float64Array | undefined } {
  if (name === undefined) return { x, instrument: undefined };
  const names = x.columns.map((column) => column.name);
  const column = x.columns[names.indexOf(name)];
  if (column === undefined) throw usageError(`causal forest: instrument "${name}" is not among the features; ${suggest(name, names)}`);
  if (column.kind !== "number" || column.values.some(Number.isNaN)) throw usageError(`causal forest: instrument "${name}" must be numeric and nowhere missing`);
  if (arms.length > 2)
    throw usageError(`causal forest: an instrument goes with one treated arm and there are ${arms.length - 1}; keep the control and one of them`);
  return { x: { rows: x.rows, columns: x.columns.filter((other) => other !== column) }, instrument: column.values };
}

interface Grower {
  readonly crew: Crew;
  readonly layout: ForestLayout;
  readonly table: Table;
  readonly settings: CausalForestConfig;
  readonly numbers: readonly Float64Array[];
  readonly weighted: boolean;
}

async function growScores(
  grower: Grower,
  moments: Moments,
  rng: Rng,
  trees: number,
  bag: number,
  progress: Progress,
  numbers: readonly number[] = grower.layout.numbers.map((_, k) => k),
): Promise<{ forest: CodeForest; plan: ForestPlan; gains: Float64Array }> {
  const { settings, table, crew, weighted } = grower;
  const p = table.columns.length;
  const most = numbers.map((k) => grower.numbers[k].reduce((size, v) => Math.max(size, Math.abs(v)), 0));
  const units = unitsFor(table.rows, 1, 1);
  const sampling: Sampling = { share: settings.rowSample, honest: settings.honest, bag };
  const plan: ForestPlan = {
    layout: { ...grower.layout, numbers: numbers.map((k) => grower.layout.numbers[k]) },
    seed: forestSeed(rng),
    sampling,
    family: {
      kind: "scores",
      settings: {
        moments,
        bounds: { most, curvatureBits: -Math.log2(units.h) },
        countShift: units.countShift,
        minRows: settings.minRows,
        minShare: settings.minShare,
        maxDepth: settings.maxDepth,
        columns: settings.columns > 0 ? Math.min(p, settings.columns) : Math.min(p, Math.ceil(Math.sqrt(p) + 20)),
        weighted,
      },
    },
  };
  const grown = await crew.grow(plan, trees, progress);
  const gains = new Float64Array(p);
  for (const tree of grown) for (let j = 0; j < p; j++) gains[j] += tree.gains[j];
  return { forest: joinTrees(grown, table.columns, grown[0].values.length === 0 ? 1 : outputsIn(moments)), plan, gains };
}

const outputsIn = ({ arms, instrument }: Moments): number => (instrument ? 6 : 2 + 2 * arms + (arms * (arms + 1)) / 2);

/** Expected value of one of the job's columns given the features, out of bag; rows that every tree has seen get the mean over all. */
async function expectation(grower: Grower, column: number, rng: Rng, progress: Progress): Promise<Float64Array> {
  const moments: Moments = { arms: 0, instrument: false };
  const { forest, plan } = await growScores(grower, moments, rng, grower.settings.nuisanceTrees, 1, progress, [0, column]);
  const { estimate }: OutOfBag = await grower.crew.outOfBag({ plan, moments, forest, variance: false });
  const [weight, values] = [grower.numbers[0], grower.numbers[column]];
  let [sum, total] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    sum += weight[i] * values[i];
    total += weight[i];
  }
  return estimate[0].map((v) => (Number.isNaN(v) ? sum / total : v));
}

function fitted(learned: LearnedCausalForest): Fitted<"uplift"> & { readonly learned: LearnedCausalForest } {
  const { forest, columns, arms, moments, bag, level, overall, instrument, report } = learned;
  const z = normalQuantile((1 + level) / 2);
  return {
    learned,
    report,
    predict: async (data) => {
      const all = data.features();
      const x = instrument === undefined ? all : { rows: all.rows, columns: all.columns.filter(({ name }) => name !== instrument) };
      const { estimate, variance } = estimateRows(forest, moments, encode(x, columns), categories(columns), 0, x.rows, bag);
      const lost = estimate[0].reduce((count, v) => count + (Number.isNaN(v) ? 1 : 0), 0);
      const effect = estimate.map((values, a) => values.map((v) => (Number.isNaN(v) ? overall[a] : v)));
      const error = variance.map((values) => values.map((v) => Math.sqrt(v)));
      const bound = (side: number): Float64Array[] =>
        effect.map((values, a) => values.map((v, i) => (Number.isNaN(error[a][i]) ? side * Number.POSITIVE_INFINITY : v + side * z * error[a][i])));
      const notes =
        lost === 0 ? undefined : [`${lost} of ${x.rows} rows are in no neighbourhood with both arms: they are given the average effect, without bounds`];
      return { arms: arms.slice(1), effect, lower: bound(-1), upper: bound(1), level, ...(notes && { notes }) };
    },
    state: async () => stateOf(learned),
    dispose: () => {},
  };
}

function stateOf(learned: LearnedCausalForest): State {
  const { forest, columns, arms, moments, bag, level, overall, instrument, report, rows, scores } = learned;
  const list = (name: string, values: readonly Float64Array[]): [string, ArrayState][] =>
    values.map((data, a) => [`rows.${name}${a + 1}`, { shape: [data.length], data }]);
  return {
    json: {
      arms,
      moments: { ...moments },
      bag,
      level,
      overall,
      ...(instrument === undefined ? {} : { instrument }),
      columns: savedColumns(columns) as unknown as Json,
      report: report as Json,
    },
    arrays: {
      ...forestArrays(forest, columns),
      "rows.outcome": { shape: [rows.outcome.length], data: rows.outcome },
      ...Object.fromEntries([
        ...list("propensity", rows.propensity),
        ...list("effect", rows.effect),
        ...list("variance", rows.variance),
        ...list("score", scores),
      ]),
    },
  };
}

const saved = z.strictObject({
  arms: z.array(z.string()),
  moments: z.strictObject({ arms: z.int(), instrument: z.boolean() }),
  bag: z.int(),
  level: z.number(),
  overall: z.array(z.number()),
  instrument: z.string().optional(),
  columns: z.array(z.strictObject({ name: z.string(), kind: z.enum(["number", "category"]), bins: z.int() })),
  report: z.record(z.string(), z.json()),
});

function restored({ json, arrays }: State): LearnedCausalForest {
  const about = saved.safeParse(json);
  if (!about.success) throw dataError("saved causal forest: its description does not fit; the file is damaged or not one of ours", about.error);
  const { forest, columns } = restoreForest(arrays, about.data.columns as readonly SavedColumn[]);
  const numbers = (name: string): Float64Array => {
    const data = arrays[name]?.data;
    if (!(data instanceof Float64Array))
      throw dataError(`saved causal forest: array "${name}" is missing or of the wrong type; the file is damaged or not one of ours`);
    return data;
  };
  const list = (name: string): Float64Array[] => about.data.arms.slice(1).map((_, a) => numbers(`rows.${name}${a + 1}`));
  const rows = { outcome: numbers("rows.outcome"), propensity: list("propensity"), effect: list("effect"), variance: list("variance") };
  const { instrument = undefined } = about.data;
  return { ...about.data, instrument, forest, columns, rows, scores: list("score"), report: about.data.report as Readonly<Record<string, Json>> };
}

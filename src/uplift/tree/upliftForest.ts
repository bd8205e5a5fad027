import { z } from "zod";
import { dataError } from "../../base/errors.ts";
import type { Json, State } from "../../base/state.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Features } from "../../data/schema.ts";
import { closeMemory, openMemory, type Plan } from "../../learn/tree/arena.ts";
import { kernelsOn } from "../../learn/tree/kernels.ts";
import { type BinnedColumn, fillTable, planTable } from "../../learn/tree/table.ts";
import { unitsFor } from "../../learn/tree/units.ts";
import type { FitContext, Fitted, Model } from "../../model/contract.ts";
import { type Experiment, experimentOf } from "../meta/experiment.ts";
import { type CodeForest, categories, encode, forestArrays, joinTrees, leafOf, nodeWords, restoreForest, savedColumn, savedColumns } from "./codeForest.ts";
import { effectRule } from "./constraint.ts";
import { type CriterionName, criterionFor, criterionNames } from "./criterion.ts";
import { type ForestPlan, forestSeed, type GrownTree, openCrew } from "./forest.ts";
import { openForest, planForest } from "./layout.ts";
import { armWeights } from "./weights.ts";

/** Settings of `uplift-forest`; docs/models.md says what each does. */
export interface UpliftForestConfig {
  readonly trees: number;
  readonly criterion: CriterionName | "auto";
  readonly normalise: boolean;
  readonly maxDepth: number;
  readonly minRows: number;
  readonly minArmRows: number;
  readonly minGain: number;
  readonly shrinkage: number;
  readonly rowSample: number;
  readonly columnSample: number;
  readonly honest: number;
  readonly bins: number;
  readonly signs: Readonly<Record<string, -1 | 1>>;
  readonly doses: readonly string[];
  readonly doseDirection: -1 | 1;
}

const config: z.ZodType<UpliftForestConfig> = z.strictObject({
  trees: z.int().min(1).max(10_000).default(100).describe("Trees in the forest; 1 with rowSample 1 and columnSample 1 gives a single tree that can be read."),
  criterion: z
    .enum(["auto", ...criterionNames])
    .default("auto")
    .describe("What makes a split good; auto is kl for 0/1 outcomes and squared effects for others. kl, euclidean and chi-squared need 0/1 outcomes."),
  normalise: z.boolean().default(true).describe("Divide kl, euclidean and chi-squared gains by Rzepakowski's measure of uneven splits."),
  maxDepth: z.int().min(0).max(60).default(8).describe("Most splits from root to leaf."),
  minRows: z.int().min(1).default(100).describe("Fewest rows in a leaf."),
  minArmRows: z.int().min(1).default(10).describe("Fewest rows of each arm in a leaf."),
  minGain: z.number().min(0).default(0).describe("Least gain of a split, in the unit of the criterion."),
  shrinkage: z.number().min(0).default(10).describe("Rows that the estimate of the node above counts for in each arm's mean; 0 takes every mean as it is."),
  rowSample: z.number().gt(0).max(1).default(0.5).describe("Share of rows (of groups: groups) each tree is given, drawn without replacement."),
  columnSample: z.number().gt(0).max(1).default(0.6).describe("Share of columns tried in each node, at least one."),
  honest: z
    .number()
    .min(0)
    .max(0.9)
    .default(0)
    .describe("Share of a tree's rows that is kept from its splits and estimates its leaves; 0 uses all rows for both."),
  bins: z.int().min(2).max(255).default(255).describe("Most bins a numeric column is cut into; missing values have one of their own besides."),
  signs: z
    .record(z.string(), z.union([z.literal(-1), z.literal(1)]))
    .default({})
    .describe("By treated arm: 1, its effect is at least 0; -1, at most 0."),
  doses: z.array(z.string()).default([]).describe("Treated arms in order of dose, along which effects may only move one way."),
  doseDirection: z
    .union([z.literal(-1), z.literal(1)])
    .default(1)
    .describe("1: effects may only rise along the doses; -1: only fall."),
});

/** What is learned: the forest and the columns and arms it speaks of. */
export interface LearnedForest {
  readonly forest: CodeForest;
  readonly columns: readonly BinnedColumn[];
  readonly arms: readonly string[];
  /** By node, rows of each arm that estimated it: `arms` numbers a node. */
  readonly rows: Float64Array;
  readonly gains: Float64Array;
  readonly criterion: CriterionName;
}

/** Trees worth a pool: rows x columns x trees, in the order of ten nanoseconds each. */
const worthWorkers = 3e7;

/** Random forests of uplift trees. */
export const upliftForest: Model<"uplift-forest", "uplift", z.ZodType<UpliftForestConfig>> = {
  id: "uplift-forest",
  task: "uplift",
  summary: "Forest of trees that split where the arms' outcomes drift apart; many arms, sign and dose constraints.",
  source: [
    { key: "Rzepakowski2012", at: "sec. 3", departure: "Laplace's correction in every node, and means drawn towards the node above." },
    { key: "Zhao2017" },
    { key: "Hansotia2002" },
    { key: "Soltys2015" },
  ],
  traits: {
    needs: ["feature", "treatment", "outcome"],
    sees: ["feature"],
    arms: "many",
    outcomes: ["binary", "count", "continuous"],
    weights: true,
    intervals: false,
    engine: "plain",
  },
  config,
  quick: { trees: 10, minRows: 20, minArmRows: 5 },
  fit: async (settings, data, context) => fitted(await learn(settings, data, context)),
  restore: async (_, state) => fitted(restoreUpliftForest(state)),
};

async function learn(settings: UpliftForestConfig, data: Dataset, context: FitContext): Promise<LearnedForest> {
  const experiment = experimentOf(data);
  const { x, arms, kind, group } = experiment;
  const criterion = criterionFor(settings.criterion, kind);
  const effects = effectRule(arms.slice(1), settings.signs, settings.doses, settings.doseDirection);
  const work = x.rows * x.columns.length * settings.trees * settings.rowSample;
  const workers = context.threads > 1 && work > worthWorkers ? Math.min(context.threads, settings.trees) : 0;
  const plan: Plan = { bytes: 64 };
  const table = planTable(plan, x, settings.bins);
  const widest = 16 * arms.length * table.columns.reduce((sum, { bins }) => sum + bins, 0);
  const histograms = Math.max(2, Math.min(settings.maxDepth + 2, Math.floor(2 ** 26 / widest)));
  const layout = planForest(plan, table, {
    arms: arms.length,
    numbers: 0,
    clustered: group !== undefined,
    threads: Math.max(1, workers),
    histograms,
    planes: 0,
  });
  const memory = openMemory(plan);
  try {
    fillTable(memory, kernelsOn(memory), table, x);
    const job = openForest(memory, layout, 0);
    const units = writeRecords(job.records, experiment);
    job.arm.set(experiment.arm);
    if (group !== undefined) job.unit?.set(group);
    const forestPlan: ForestPlan = {
      layout,
      seed: forestSeed(context.rng.split("forest")),
      sampling: { share: settings.rowSample, honest: settings.honest, bag: 1 },
      family: {
        kind: "arms",
        settings: {
          criterion,
          normalise: settings.normalise,
          shrinkage: settings.shrinkage,
          minRows: settings.minRows,
          minArmRows: settings.minArmRows,
          minGain: settings.minGain,
          maxDepth: settings.maxDepth,
          columns: Math.max(1, Math.round(settings.columnSample * x.columns.length)),
          effects,
          unitY: units.g,
          unitW: units.h,
          countShift: units.countShift,
        },
      },
    };
    const crew = await openCrew(memory, workers, context.signal);
    try {
      const trees = await crew.grow(forestPlan, settings.trees, (share) => context.progress(share, "trees"));
      return assembled(trees, table.columns, arms, criterion);
    } finally {
      await crew.close();
    }
  } finally {
    closeMemory(memory);
  }
}

function assembled(trees: readonly GrownTree[], columns: readonly BinnedColumn[], arms: readonly string[], criterion: CriterionName): LearnedForest {
  const forest = joinTrees(trees, columns, arms.length);
  const rows = new Float64Array(forest.values.length);
  const gains = new Float64Array(columns.length);
  let at = 0;
  for (const tree of trees) {
    rows.set(tree.rows ?? [], at);
    at += tree.values.length;
    for (let j = 0; j < gains.length; j++) gains[j] += tree.gains[j];
  }
  return { forest, columns: columns.map((column) => ({ ...column, codes: 0 })), arms, rows, gains, criterion };
}

/** Weighted outcome and weight of each row as whole numbers. */
function writeRecords(records: Int32Array, experiment: Experiment): ReturnType<typeof unitsFor> {
  const { y } = experiment;
  const w = armWeights(experiment, "uplift forest");
  let [mostY, mostW] = [0, 0];
  for (let i = 0; i < y.length; i++) {
    mostY = Math.max(mostY, Math.abs(w[i] * y[i]));
    mostW = Math.max(mostW, w[i]);
  }
  const units = unitsFor(y.length, mostY, mostW);
  for (let i = 0; i < y.length; i++) {
    records[2 * i] = Math.round((w[i] * y[i]) / units.g);
    records[2 * i + 1] = w[i] > 0 ? Math.max(1, Math.round(w[i] / units.h)) : 0;
  }
  return units;
}

function fitted(learned: LearnedForest): Fitted<"uplift"> & { readonly learned: LearnedForest } {
  const { forest, columns, arms, gains, criterion, rows } = learned;
  const total = gains.reduce((sum, gain) => sum + gain, 0);
  const trees = forest.roots.length;
  const leaves = forest.nodes.filter((word, at) => at % nodeWords === 0 && word < 0).length;
  return {
    learned,
    report: {
      trees,
      criterion,
      leavesPerTree: leaves / trees,
      importance: Object.fromEntries(columns.map(({ name }, j) => [name, total > 0 ? gains[j] / total : 0])),
    },
    predict: async (data) => {
      const outcome = predictOutcomes(learned, data.features());
      const effect = outcome.slice(1).map((mean) => mean.map((v, i) => v - outcome[0][i]));
      return { arms: arms.slice(1), effect, outcome };
    },
    state: async () => ({
      json: { arms, criterion, columns: savedColumns(columns) as unknown as Json },
      arrays: { ...forestArrays(forest, columns), rows: { shape: [rows.length], data: rows }, gains: { shape: [gains.length], data: gains } },
    }),
    dispose: () => {},
  };
}

/** Mean over the trees of each arm's mean in the leaf. */
function predictOutcomes({ forest, columns, arms }: LearnedForest, x: Features): Float64Array[] {
  const codes = encode(x, columns);
  const isCategory = categories(columns);
  const { nodes, sets, values, roots } = forest;
  const outcome = arms.map(() => new Float64Array(x.rows));
  for (const root of roots) {
    for (let i = 0; i < x.rows; i++) {
      const at = nodes[nodeWords * leafOf(nodes, sets, codes, isCategory, root, i) + 1] * arms.length;
      for (let a = 0; a < arms.length; a++) outcome[a][i] += values[at + a];
    }
  }
  for (const mean of outcome) for (let i = 0; i < x.rows; i++) mean[i] /= roots.length;
  return outcome;
}

const saved = z.strictObject({
  arms: z.array(z.string()),
  criterion: z.enum(criterionNames),
  columns: z.array(savedColumn),
});

/** @throws LiftwiseError (data) where the state is not that of an uplift forest */
export function restoreUpliftForest({ json, arrays }: State): LearnedForest {
  const about = saved.safeParse(json);
  if (!about.success) throw dataError("saved uplift forest: its description does not fit; the file is damaged or not one of ours", about.error);
  const { arms, criterion } = about.data;
  const { forest, columns } = restoreForest(arrays, about.data.columns);
  const { rows, gains } = { rows: arrays.rows?.data, gains: arrays.gains?.data };
  if (!(rows instanceof Float64Array && gains instanceof Float64Array))
    throw dataError("saved uplift forest: rows or gains are missing; the file is damaged or not one of ours");
  return { forest, columns, arms, rows, gains, criterion };
}

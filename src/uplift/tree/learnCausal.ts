import { suggest, usageError } from "../../base/errors.ts";
import type { Rng } from "../../base/rng.ts";
import type { Json } from "../../base/state.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Features } from "../../data/schema.ts";
import { closeMemory, openMemory, type Plan } from "../../learn/tree/arena.ts";
import { kernelsOn } from "../../learn/tree/kernels.ts";
import { type BinnedColumn, fillTable, planTable } from "../../learn/tree/table.ts";
import { unitsFor } from "../../learn/tree/units.ts";
import type { FitContext } from "../../model/contract.ts";
import { type Experiment, experimentOf } from "../meta/experiment.ts";
import type { ForestRows } from "./analysis.ts";
import type { CausalForestConfig } from "./causalForest.ts";
import { type CodeForest, joinTrees } from "./codeForest.ts";
import { type Crew, type ForestPlan, forestSeed, openCrew, type Progress } from "./forest.ts";
import { type ForestLayout, openForest, planForest } from "./layout.ts";
import { type Moments, numbersOf, outputsOf } from "./moments.ts";
import type { OutOfBag } from "./outOfBag.ts";
import type { Sampling } from "./sample.ts";
import { summarise } from "./summary.ts";

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

/** Rows x columns x trees: below this, starting threads costs more than it saves. */
const worthWorkers = 1e7;

/** Centres outcome and treatment on what the features say of them, grows the forest, and judges every row by the trees that have not seen it. */
export async function learnCausalForest(settings: CausalForestConfig, data: Dataset, context: FitContext): Promise<LearnedCausalForest> {
  const experiment = experimentOf(data);
  const { arms, weight, group } = experiment;
  const { x, instrument } = withoutInstrument(experiment.x, settings.instrument, arms);
  const moments: Moments = { arms: arms.length - 1, instrument: instrument !== undefined };
  const work = x.rows * x.columns.length * (settings.trees + settings.nuisanceTrees * (moments.arms + 1)) * settings.rowSample;
  const workers = context.threads > 1 && work > worthWorkers ? context.threads : 0;
  const plan: Plan = { bytes: 64 };
  const table = planTable(plan, x, settings.bins);
  const planes = Math.max(1, moments.arms) + (weight === undefined ? 0 : 1);
  const room = { arms: 1, numbers: numbersOf(moments), clustered: group !== undefined, threads: Math.max(1, workers), histograms: planes, planes };
  const layout = planForest(plan, table, room);
  const memory = openMemory(plan);
  try {
    fillTable(memory, kernelsOn(memory), table, x);
    const { numbers, unit } = openForest(memory, layout, 0);
    if (group !== undefined) unit?.set(group);
    numbers[0].set(weight ?? new Float64Array(x.rows).fill(1));
    const crew = await openCrew(memory, workers, context.signal);
    try {
      const grower: Grower = { crew, layout, columns: table.columns, settings, numbers, weighted: weight !== undefined };
      const expected = await expectations(grower, experiment, instrument, context);
      const done = expected.length * settings.nuisanceTrees;
      const progress: Progress = (share) => context.progress((done + share * settings.trees) / (done + settings.trees), "trees");
      const grown = await growScores(grower, moments, context.rng.split("forest"), settings.trees, settings.bag, progress);
      const judged = await crew.outOfBag({ plan: grown.plan, moments, forest: grown.forest, variance: true });
      const rows: ForestRows = {
        y: experiment.y,
        arm: experiment.arm,
        arms,
        weight,
        cluster: group,
        outcome: expected[0],
        propensity: expected.slice(1, arms.length),
        effect: judged.estimate,
        variance: judged.variance,
      };
      const { report, overall, scores } = summarise(rows, moments, x, {
        projection: settings.projection,
        covered: judged.covered,
        rng: context.rng.split("half-samples"),
      });
      return {
        forest: grown.forest,
        columns: table.columns.map((column) => ({ ...column, codes: 0 })),
        arms,
        moments,
        bag: settings.bag,
        level: settings.level,
        instrument: settings.instrument,
        overall,
        rows,
        scores,
        report: { trees: settings.trees, ...report, importance: importanceOf(table.columns, grown.gains) },
      };
    } finally {
      await crew.close();
    }
  } finally {
    closeMemory(memory);
  }
}

/**
 * Expected outcome, treatments and instrument given the features (known propensities are taken as they are), in this order; leaves what is
 * left of them in the job's numbers: local centring (Athey2019, sec. 6.1.1).
 */
async function expectations(
  grower: Grower,
  { y, arm, arms, propensity }: Experiment,
  instrument: Float64Array | undefined,
  context: FitContext,
): Promise<Float64Array[]> {
  const { numbers, settings } = grower;
  const treated = arms.slice(1).map((_, a) => Float64Array.from(arm, (k) => (k === a + 1 ? 1 : 0)));
  const sources = [y, ...treated, ...(instrument === undefined ? [] : [instrument])];
  const total = settings.trees + settings.nuisanceTrees * sources.length;
  const expected: Float64Array[] = [];
  for (let k = 0; k < sources.length; k++) {
    numbers[k + 1].set(sources[k]);
    const known = k >= 1 && k < arms.length ? propensity?.[k] : undefined;
    const progress: Progress = (share) => context.progress((settings.nuisanceTrees * (k + share)) / total, "expectations");
    expected.push(known ?? (await expectation(grower, k + 1, context.rng.split("expectation", k), progress)));
  }
  for (let k = 0; k < sources.length; k++) for (let i = 0; i < y.length; i++) numbers[k + 1][i] -= expected[k][i];
  return expected;
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
  readonly columns: readonly BinnedColumn[];
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
  const { settings, columns, layout, crew, weighted } = grower;
  const p = columns.length;
  const most = numbers.map((k) => grower.numbers[k].reduce((size, v) => Math.max(size, Math.abs(v)), 0));
  const units = unitsFor(layout.table.rows, 1, 1);
  const sampling: Sampling = { share: settings.rowSample, honest: settings.honest, bag };
  const plan: ForestPlan = {
    layout: { ...layout, numbers: numbers.map((k) => layout.numbers[k]) },
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
  return { forest: joinTrees(grown, columns, outputsOf(moments)), plan, gains };
}

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

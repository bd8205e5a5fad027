import { z } from "zod";
import { dataError } from "../../base/errors.ts";
import type { Json, State } from "../../base/state.ts";
import { type Dataset, outcomeKind } from "../../data/dataset.ts";
import { cellCounts, cellOf, type LeverGrid, leverGrid, levelsOfCell, levelsOfRows, relativeDoses } from "../../data/levers.ts";
import type { Features, LeverRole, OutcomeKind } from "../../data/schema.ts";
import { bundle, unbundle } from "../../learn/bundle.ts";
import { type Choice, chosen, fitChosen, learnerChoice, restoreChosen } from "../../learn/choice.ts";
import { type LearnContext, type FittedLearner } from "../../learn/contract.ts";
import { drawFolds, rowsWhere, takeFeatures, takeNumbers } from "../../learn/crossFit.ts";
import type { CellQuery, FitContext, Fitted, LeversPrediction, Model } from "../../model/contract.ts";
import { leverTraits } from "./leverNet.ts";
import { nearestLogged } from "./nearest.ts";
import { declaredPropensity, estimatedPropensity, withDoses } from "./propensity.ts";

// Meta-learners over cells. Each learns some plain functions of x and says how they make up the response under a cell.

interface Plan {
  readonly grid: LeverGrid;
  readonly logged: readonly number[];
  readonly kind: OutcomeKind;
}

/** What a recipe learned, and the response under a cell from it. */
interface Parts {
  readonly learners: Readonly<Record<string, { readonly fitted: FittedLearner; readonly classifier: boolean }>>;
  /** n responses under the cell of each row; `value` gives the predictions of a learner, computed once. */
  respond(x: Features, cell: readonly number[], value: (name: string) => Promise<Float64Array>): Promise<Float64Array>;
  readonly report?: Readonly<Record<string, Json>>;
}

export interface CellLearnerConfig {
  readonly learner: Choice;
}

interface Task {
  readonly x: Features;
  readonly y: Float64Array;
  readonly weight: Float64Array | undefined;
  readonly levels: Int32Array;
  readonly data: Dataset;
  readonly plan: Plan;
  readonly context: LearnContext;
}

interface Recipe {
  readonly id: string;
  readonly summary: string;
  readonly source: Model["source"];
  readonly standard: string;
  learn(config: CellLearnerConfig, task: Task): Promise<Parts>;
  respond(plan: Plan): Parts["respond"];
}

const kindOf = ({ kind }: Plan): "classifier" | "regressor" => (kind === "binary" ? "classifier" : "regressor");

/** Fits a learner on some of the rows. */
async function on(
  config: CellLearnerConfig,
  { x, y, weight, plan, context }: Task,
  name: string,
  rows: Int32Array,
  target?: Float64Array,
): Promise<Parts["learners"][string]> {
  const kind = target === undefined ? kindOf(plan) : "regressor";
  const fitted = await fitChosen(chosen(config.learner, kind), takeFeatures(x, rows), takeNumbers(target ?? y, rows), weight && takeNumbers(weight, rows), {
    ...context,
    rng: context.rng.split(name),
  });
  return { fitted, classifier: kind === "classifier" };
}

const doses = ({ grid }: Plan): readonly (readonly number[])[] => grid.levers.map(relativeDoses);
const names = ({ grid }: Plan): string[] => grid.levers.map(({ column }) => column);
const cellAt = ({ grid }: Plan, levels: Int32Array, row: number): number => cellOf(grid.sizes, levels, row * grid.sizes.length);

const recipes: readonly Recipe[] = [
  {
    id: "s-learner-cells",
    summary: "One learner of the outcome that reads the doses of all levers beside the features.",
    source: [{ key: "Kunzel2019", at: "sec. 2", departure: "doses of several levers in place of the treatment" }],
    standard: "boosting",
    learn: async (config, task) => {
      const { plan, levels, x } = task;
      const wide = withDoses(x, (row, l) => levels[row * plan.grid.sizes.length + l], doses(plan), names(plan));
      const all = rowsWhere(x.rows, () => true);
      return { learners: { "over doses": await on(config, { ...task, x: wide }, "outcome", all) }, respond: recipes[0].respond(plan) };
    },
    respond: () => (_x, _cell, value) => value("over doses"),
  },
  {
    id: "t-learner-cells",
    summary: "A learner of the outcome for each logged cell.",
    source: [{ key: "Kunzel2019", at: "sec. 2", departure: "each logged cell is an arm; others are answered by the nearest logged ones" }],
    standard: "linear",
    learn: async (config, task) => {
      const { plan, levels, x } = task;
      const learners: Record<string, Parts["learners"][string]> = {};
      for (const cell of plan.logged)
        learners[String(cell)] = await on(
          config,
          task,
          String(cell),
          rowsWhere(x.rows, (i) => cellAt(plan, levels, i) === cell),
        );
      return { learners, respond: recipes[1].respond(plan) };
    },
    respond: (plan) => async (_x, cell, value) => average(await Promise.all(near(plan, cell).map((known) => value(String(known))))),
  },
  {
    id: "dr-learner-cells",
    summary: "Doubly robust effect of each logged cell against the baseline, regressed on the features.",
    source: [{ key: "Kennedy2023", departure: "each logged cell is an arm; declared propensities, else the product of per-lever models" }],
    standard: "linear",
    learn: async (config, task) => doublyRobust(config, task),
    respond: (plan) => async (_x, cell, value) => {
      const base = await value("base");
      const cells = near(plan, cell);
      const effects = await Promise.all(cells.map(async (known) => (known === plan.logged[0] ? new Float64Array(base.length) : value(String(known)))));
      const effect = average(effects);
      return base.map((b, i) => b + effect[i]);
    },
  },
  {
    id: "additive-levers",
    summary: "Each lever by itself, as if the others were not there, and the effects added.",
    source: [],
    standard: "linear",
    learn: async (config, task) => {
      const { plan, levels, x } = task;
      const width = plan.grid.sizes.length;
      const learners: Record<string, Parts["learners"][string]> = {};
      for (let l = 0; l < width; l++) {
        for (let k = 0; k < plan.grid.sizes[l]; k++) {
          const rows = rowsWhere(x.rows, (i) => levels[i * width + l] === k);
          if (rows.length > 0) learners[`${l} ${k}`] = await on(config, task, `${l} ${k}`, rows);
        }
      }
      const all = rowsWhere(x.rows, () => true);
      learners.mean = await on(config, task, "mean", all);
      const shares = plan.grid.sizes.map((size, l) => Array.from({ length: size }, (_, k) => all.filter((i) => levels[i * width + l] === k).length / x.rows));
      return { learners, respond: recipes[3].respond(plan), report: { shares } };
    },
    respond: (plan) => async (_x, cell, value) => {
      // The mean over all rows is that of the levels' mix; a cell differs from the baseline by the sum of its levers' own differences.
      const out = Float64Array.from(await value("mean"));
      for (const [l, k] of cell.entries()) {
        const [own, none] = [await value(`${l} ${nearestLevel(plan, l, k)}`), await value(`${l} ${nearestLevel(plan, l, 0)}`)];
        for (let i = 0; i < out.length; i++) out[i] += own[i] - none[i];
      }
      return out;
    },
  },
];

function near({ grid, logged }: Plan, cell: readonly number[]): number[] {
  return Array.from(nearestLogged(grid.sizes, logged, cell), (place) => logged[place]);
}

function nearestLevel({ grid, logged }: Plan, l: number, k: number): number {
  const seen = [...new Set(logged.map((cell) => levelsOfCell(grid.sizes, cell)[l]))];
  return seen.reduce((best, level) => (Math.abs(level - k) < Math.abs(best - k) ? level : best));
}

function average(lists: readonly Float64Array[]): Float64Array {
  const out = new Float64Array(lists[0].length);
  for (const list of lists) for (let i = 0; i < out.length; i++) out[i] += list[i] / lists.length;
  return out;
}

const folds = 5;

async function doublyRobust(config: CellLearnerConfig, task: Task): Promise<Parts> {
  const { plan, levels, x, y, weight, data, context } = task;
  if (plan.logged[0] !== 0) throw dataError("dr-learner-cells: no row is in the baseline cell, which every other is compared with");
  const known = declaredPropensity(data, plan.grid, plan.logged);
  const e = known ?? (await estimatedPropensity(x, levels, plan.grid, { id: "linear" }, folds, context));
  const width = plan.grid.sizes.length;
  const own = Int32Array.from({ length: x.rows }, (_, i) => plan.logged.indexOf(cellAt(plan, levels, i)));
  const drawn = drawFolds(own, undefined, folds, context.rng.split("folds"));
  const outcome = chosen({ id: "boosting" }, kindOf(plan));
  const mu = plan.logged.map(() => new Float64Array(x.rows));
  for (let f = 0; f < folds; f++) {
    const [train, test] = [rowsWhere(x.rows, (i) => drawn.of[i] !== f), rowsWhere(x.rows, (i) => drawn.of[i] === f)];
    if (test.length === 0) continue;
    const wide = withDoses(takeFeatures(x, train), (row, l) => levels[train[row] * width + l], doses(plan), names(plan));
    const fitted = await fitChosen(outcome, wide, takeNumbers(y, train), weight && takeNumbers(weight, train), {
      ...context,
      rng: context.rng.split("outcome", f),
    });
    for (const [c, cell] of plan.logged.entries()) {
      const k = levelsOfCell(plan.grid.sizes, cell);
      const predicted = await fitted.predict(withDoses(takeFeatures(x, test), (_, l) => k[l], doses(plan), names(plan)));
      for (let j = 0; j < test.length; j++) mu[c][test[j]] = predicted[j];
    }
  }
  let clipped = 0;
  const pseudo = (c: number): Float64Array => {
    const out = Float64Array.from(mu[c]);
    for (let i = 0; i < x.rows; i++) {
      if (own[i] !== c) continue;
      const p = e.at(i, plan.logged[c]);
      if (p < 0.01) clipped++;
      out[i] += (y[i] - mu[c][i]) / Math.max(0.01, p);
    }
    return out;
  };
  const base = pseudo(0);
  const all = rowsWhere(x.rows, () => true);
  const learners: Record<string, Parts["learners"][string]> = { base: await on(config, task, "base", all, base) };
  for (const [c, cell] of plan.logged.entries()) {
    if (c === 0) continue;
    const value = pseudo(c);
    learners[String(cell)] = await on(
      config,
      task,
      String(cell),
      all,
      value.map((v, i) => v - base[i]),
    );
  }
  return { learners, respond: recipes[2].respond(plan), report: { propensity: e.how, rowsBelowOnePercent: clipped } };
}

function configOf(standard: string): z.ZodType<CellLearnerConfig> {
  return z.strictObject({ learner: learnerChoice(standard, "Learner: a name, or an object with id and settings.") });
}

function modelOf(recipe: Recipe): Model<string, "levers", z.ZodType<CellLearnerConfig>> {
  return {
    id: recipe.id,
    task: "levers",
    summary: recipe.summary,
    source: recipe.source,
    traits: { ...leverTraits, engine: "plain" },
    config: configOf(recipe.standard),
    fit: async (config, data, context) => {
      const { grid, levels } = levelsOfRows(data);
      const counts = cellCounts(grid, levels);
      const y = data.outcome();
      const plan: Plan = { grid, logged: [...counts.keys()].sort((a, b) => a - b), kind: outcomeKind(y) };
      const parts = await recipe.learn(config, { x: data.features(), y, weight: data.weight(), levels, data, plan, context: learning(context) });
      return fittedParts(plan, counts, parts);
    },
    restore: async (config, state) => {
      const { levers, counts, kind, learners } = state.json as unknown as {
        levers: LeverRole[];
        counts: [number, number][];
        kind: OutcomeKind;
        learners: [string, boolean][];
      };
      const known = new Map(counts);
      const plan: Plan = { grid: leverGrid(levers), logged: [...known.keys()].sort((a, b) => a - b), kind };
      const restored: Record<string, Parts["learners"][string]> = {};
      const saved: State = { json: (state.json as unknown as { parts: Json }).parts, arrays: state.arrays };
      for (const [name, classifier] of learners)
        restored[name] = { fitted: await restoreChosen(chosen(config.learner, classifier ? "classifier" : "regressor"), unbundle(saved, name)), classifier };
      return fittedParts(plan, known, { learners: restored, respond: recipe.respond(plan) });
    },
  };
}

function learning({ rng, threads, signal }: FitContext): LearnContext {
  return { rng, threads, signal };
}

const block = 65_536;

function fittedParts(plan: Plan, counts: ReadonlyMap<number, number>, parts: Parts): Fitted<"levers"> {
  const { grid } = plan;
  const width = grid.sizes.length;
  const predicted = (x: Features): LeversPrediction => {
    const responses = async (part: Features, cells: readonly number[][]): Promise<Float64Array[]> => {
      const cache = new Map<string, Promise<Float64Array>>();
      const out: Float64Array[] = [];
      for (const cell of cells) {
        const value = (name: string): Promise<Float64Array> => {
          if (name === "over doses") return parts.learners[name].fitted.predict(withDoses(part, (_, l) => cell[l], doses(plan), names(plan)));
          const made = cache.get(name) ?? parts.learners[name].fitted.predict(part);
          cache.set(name, made);
          return made;
        };
        out.push(await parts.respond(part, cell, value));
      }
      return out;
    };
    const compute = async (cells: Int32Array, own: boolean, { from = 0, to = x.rows }: CellQuery): Promise<Float64Array> => {
      const m = own ? 1 : cells.length / width;
      const result = new Float64Array((to - from) * m);
      for (let start = from; start < to; start += block) {
        const rows = Int32Array.from({ length: Math.min(block, to - start) }, (_, i) => start + i);
        if (!own) {
          const lists = await responses(
            takeFeatures(x, rows),
            Array.from({ length: m }, (_, j) => [...cells.subarray(j * width, (j + 1) * width)]),
          );
          lists.forEach((list, j) => list.forEach((value, i) => (result[(start - from + i) * m + j] = value)));
          continue;
        }
        const byCell = new Map<number, number[]>();
        for (const row of rows) {
          const cell = cellOf(grid.sizes, cells, (row - from) * width);
          byCell.set(cell, [...(byCell.get(cell) ?? []), row]);
        }
        for (const [cell, members] of byCell) {
          const [list] = await responses(takeFeatures(x, Int32Array.from(members)), [levelsOfCell(grid.sizes, cell)]);
          members.forEach((row, i) => (result[row - from] = list[i]));
        }
      }
      return result;
    };
    return {
      rows: x.rows,
      grid,
      members: 1,
      response: (cells, query = {}) => compute(cells, false, query),
      responseOfOwn: (cells, query = {}) => compute(cells, true, query),
      logged: counts,
      monotone: false,
    };
  };
  return {
    report: { cells: { all: grid.cells, logged: plan.logged.length, fewestRows: Math.min(...counts.values()) }, ...parts.report },
    predict: async (data) => predicted(data.features()),
    state: async () => {
      const saved = bundle(Object.fromEntries(Object.entries(parts.learners).map(([name, { fitted }]) => [name, fitted.state()])));
      const learners = Object.entries(parts.learners).map(([name, { classifier }]) => [name, classifier]);
      return {
        json: {
          levers: grid.levers as unknown as Json,
          counts: [...counts].map(([cell, rows]) => [cell, rows]),
          kind: plan.kind,
          learners: learners as Json,
          parts: saved.json,
        },
        arrays: saved.arrays,
      };
    },
    dispose: () => {},
  };
}

/** S-, T- and DR-learner over cells, and levers one by one. */
export const cellLearners: readonly Model<string, "levers">[] = recipes.map(modelOf);

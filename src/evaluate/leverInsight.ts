import { usageError } from "../base/errors.ts";
import { cellName, cellOf, dosesOf, everyCell, type LeverGrid, levelsOfCell } from "../data/levers.ts";
import type { CellOverlap, LeversPrediction, RankLoadings } from "../model/contract.ts";
import { bestCells } from "./leverChoice.ts";

/**
 * How well a cell is backed by the log. "some units only": rows enough, but 5 % of the units had less than a tenth of the cell's mean probability of being
 * given it, so that what it does for units like them is inferred.
 */
export type Support = "logged" | "some units only" | "few rows" | "never logged";

/** A mean over units with the standard deviation of the ensemble's own means, NaN where there is one net only: the model's doubt, not the bias all nets share. */
export interface Doubted {
  readonly value: number;
  readonly deviation: number;
}

/** One cell of the levers: its mean response and effect, cost and how well it was logged. */
export interface CellInsight {
  readonly cell: string;
  readonly levels: readonly number[];
  readonly response: Doubted;
  readonly effect: Doubted;
  /** Sum of the levers' costs of these levels; NaN where a lever has none declared. */
  readonly cost: number;
  readonly rows: number;
  /** Logging probability of the cell, declared or estimated; null where it was never logged or is not known. */
  readonly propensity: CellOverlap | null;
  readonly support: Support;
}

/** One level of one lever: its effect alone, averaged over the others, and at the margin. */
export interface CurvePointInsight {
  readonly level: string;
  readonly dose: number;
  /** Effect with every other lever at its baseline. */
  readonly alone: Doubted;
  /** Effect averaged over the cells of the others; NaN where the table was too large to lay out. */
  readonly averaged: Doubted;
  /** Effect gained by the last step up to this level, others at baseline. */
  readonly step: number;
  /** d log response / d log dose along that step; NaN for the first steps from dose 0 and where a response is not positive. */
  readonly elasticity: number;
}

/** What two levers do together beyond what each does alone. */
export interface InteractionInsight {
  readonly levers: readonly [string, string];
  readonly levels: readonly [string, string];
  /** mu(a, b) - mu(a, 0) - mu(0, b) + mu(0, 0), all other levers at baseline. */
  readonly interaction: Doubted;
  /** By the sign of value -+ 1.96 deviations, and "unclear" where zero lies inside or there is one net only. */
  readonly label: "synergy" | "substitution" | "unclear";
  /** Rows in the joint cell, and in the least of the four cells the interaction is made of. */
  readonly rows: number;
  readonly fewestRows: number;
  readonly support: Support;
}

/** Everything a reader asks of a model of several levers: curves, cells, interactions, best cells, doubt. Plain data. */
export interface LeverInsight {
  readonly units: number;
  readonly members: number;
  readonly levers: readonly { readonly name: string; readonly levels: readonly string[]; readonly doses: readonly number[] }[];
  readonly cells: { readonly all: number; readonly logged: number; readonly shown: number };
  readonly table: readonly CellInsight[];
  readonly curves: readonly { readonly lever: string; readonly points: readonly CurvePointInsight[] }[];
  readonly interactions: readonly InteractionInsight[];
  /** Ranks of the interaction, of the first net, where the model has any. */
  readonly ranks: readonly RankLoadings[];
  readonly monotone: { readonly byConstruction: boolean; readonly checked: number; readonly violations: number; readonly largest: number };
  readonly best: {
    readonly how: string;
    readonly cells: readonly { readonly cell: string; readonly units: number; readonly rows: number; readonly support: Support }[];
  };
  readonly warnings: readonly string[];
}

/** Settings of `leverInsight`. */
export interface InsightOptions {
  /** Units looked at, spread evenly over the rows. Defaults to 2000. */
  readonly units?: number;
  /** Largest table that is laid out. Defaults to 4096 cells. */
  readonly most?: number;
  /** What a unit of the outcome is worth, in units of cost. Defaults to 1. */
  readonly worth?: number;
  /** Rows below which a cell counts as "few rows". Defaults to 30. */
  readonly few?: number;
}

// Share of a cell's mean probability below which its 5 % least likely units count as hardly ever given it.
const unevenBelow = 0.1;

/** What an analyst asks of a model of levers: surface, curves, interactions, monotonicity, best cells and how well each is supported. */
export async function leverInsight(prediction: LeversPrediction, options: InsightOptions = {}): Promise<LeverInsight> {
  const { units = 2000, most = 4096, worth = 1, few = 30 } = options;
  if (!(units >= 1 && most >= 1)) throw usageError(`levers: units and most must be at least 1, got ${units} and ${most}`);
  const { grid, logged, members } = prediction;
  const width = grid.sizes.length;
  const whole = grid.cells <= most;
  const cells = whole ? everyCell(grid) : singlesAndPairs(grid);
  const m = cells.length / width;
  const means = await memberMeans(prediction, cells, Math.min(units, prediction.rows));
  const place = new Map(Array.from({ length: m }, (_, j) => [cellOf(grid.sizes, cells, j * width), j]));
  const at = (levels: readonly number[]): number => place.get(cellOf(grid.sizes, levels)) as number;
  const doubted = (of: (mean: Float64Array) => number): Doubted => spread(means.map(of));
  const support = (cell: number): { rows: number; support: Support } => {
    const rows = logged.get(cell) ?? 0;
    const overlap = prediction.overlap?.get(cell);
    const uneven = overlap !== undefined && overlap.low < unevenBelow * overlap.mean;
    return { rows, support: rows === 0 ? "never logged" : rows < few ? "few rows" : uneven ? "some units only" : "logged" };
  };
  const table = Array.from({ length: m }, (_, j): CellInsight => {
    const levels = [...cells.subarray(j * width, (j + 1) * width)];
    return {
      cell: cellName(grid, levels),
      levels,
      response: doubted((mean) => mean[j]),
      effect: doubted((mean) => mean[j] - mean[0]),
      cost: costOf(grid, levels),
      propensity: prediction.overlap?.get(cellOf(grid.sizes, levels)) ?? null,
      ...support(cellOf(grid.sizes, levels)),
    };
  });
  const one = (l: number, k: number): number[] => grid.sizes.map((_, other) => (other === l ? k : 0));
  const curves = grid.levers.map((lever, l) => ({
    lever: lever.column,
    points: lever.levels.map((_, k) => curvePoint(grid, l, k, means, cells, whole, (level) => at(one(l, level)))),
  }));
  const interactions = pairsOf(grid).map(({ l, k, a, b }): InteractionInsight => {
    const levels = grid.sizes.map((_, other) => (other === l ? a : other === k ? b : 0));
    const interaction = doubted((mean) => mean[at(levels)] - mean[at(one(l, a))] - mean[at(one(k, b))] + mean[0]);
    const reach = 1.96 * interaction.deviation;
    const label = interaction.value - reach > 0 ? "synergy" : interaction.value + reach < 0 ? "substitution" : "unclear";
    return {
      levers: [grid.levers[l].column, grid.levers[k].column],
      levels: [grid.levers[l].levels[a], grid.levers[k].levels[b]],
      interaction,
      label,
      fewestRows: Math.min(...[levels, one(l, a), one(k, b), one(0, 0)].map((cell) => logged.get(cellOf(grid.sizes, cell)) ?? 0)),
      ...support(cellOf(grid.sizes, levels)),
    };
  });
  const monotone = { byConstruction: prediction.monotone, ...(await violations(prediction, cells, Math.min(units, prediction.rows))) };
  const choice = await bestCells(prediction, { worth, most, to: Math.min(units, prediction.rows) });
  const chosen = new Map<number, number>();
  for (let i = 0; i < choice.cells.length / width; i++) {
    const cell = cellOf(grid.sizes, choice.cells, i * width);
    chosen.set(cell, (chosen.get(cell) ?? 0) + 1);
  }
  const best = [...chosen]
    .sort((a, b) => b[1] - a[1])
    .map(([cell, count]) => ({ cell: cellName(grid, levelsOfCell(grid.sizes, cell)), units: count, ...support(cell) }));
  return {
    units: Math.min(units, prediction.rows),
    members,
    levers: grid.levers.map((lever) => ({ name: lever.column, levels: lever.levels, doses: dosesOf(lever) })),
    cells: { all: grid.cells, logged: logged.size, shown: m },
    table,
    curves,
    interactions,
    ranks: (await prediction.ranks?.({ to: Math.min(units, prediction.rows) })) ?? [],
    monotone,
    best: { how: choice.how, cells: best },
    warnings: warningsOf(best, grid, members, monotone),
  };
}

function warningsOf(best: LeverInsight["best"]["cells"], grid: LeverGrid, members: number, monotone: LeverInsight["monotone"]): string[] {
  const total = best.reduce((sum, { units }) => sum + units, 0);
  const never = best.filter(({ support }) => support === "never logged");
  const units = never.reduce((sum, { units: count }) => sum + count, 0);
  const out: string[] = [];
  if (units > 0)
    out.push(
      `the best cell of ${units} of ${total} units was never logged (${never
        .slice(0, 3)
        .map(({ cell }) => cell)
        .join("; ")}): its response is the model's inference from other cells; try it on a few units first`,
    );
  const uneven = best.filter(({ support }) => support === "some units only");
  if (uneven.length > 0)
    out.push(
      `${uneven
        .slice(0, 3)
        .map(({ cell }) => cell)
        .join("; ")}: best for some units and logged, but hardly ever given to units of some kinds; for those its response is inferred`,
    );
  if (members === 1) out.push("one net only: there is no measure of doubt; fit with --members 5 or more");
  if (monotone.violations > 0)
    out.push(`${monotone.violations} of ${monotone.checked} steps up lower the response, by at most ${monotone.largest.toPrecision(3)}`);
  if (grid.levers.some(({ costs }) => costs === undefined))
    out.push("not every lever has costs: the best cell is judged by response alone, and more is then never worse");
  return out;
}

function curvePoint(
  grid: LeverGrid,
  l: number,
  k: number,
  means: readonly Float64Array[],
  cells: Int32Array,
  whole: boolean,
  place: (level: number) => number,
): CurvePointInsight {
  const width = grid.sizes.length;
  const averaged = (mean: Float64Array): number => {
    if (!whole) return Number.NaN;
    let sum = 0;
    for (let j = 0; j < mean.length; j++) {
      const level = cells[j * width + l];
      if (level === k) sum += mean[j];
      if (level === 0) sum -= mean[j];
    }
    return (sum * grid.sizes[l]) / mean.length;
  };
  const doses = dosesOf(grid.levers[l]);
  const overall = (level: number): number => means.reduce((sum, mean) => sum + mean[place(level)], 0) / means.length;
  const [here, before] = [overall(k), k > 0 ? overall(k - 1) : Number.NaN];
  return {
    level: grid.levers[l].levels[k],
    dose: doses[k],
    alone: spread(means.map((mean) => mean[place(k)] - mean[place(0)])),
    averaged: spread(means.map(averaged)),
    step: here - before,
    elasticity: k > 0 && doses[k - 1] > 0 && here > 0 && before > 0 ? Math.log(here / before) / Math.log(doses[k] / doses[k - 1]) : Number.NaN,
  };
}

function spread(values: readonly number[]): Doubted {
  const value = values.reduce((sum, v) => sum + v, 0) / values.length;
  return { value, deviation: values.length < 2 ? Number.NaN : Math.sqrt(values.reduce((sum, v) => sum + (v - value) ** 2, 0) / (values.length - 1)) };
}

/** Mean response under each cell over the first units, net by net. */
async function memberMeans(prediction: LeversPrediction, cells: Int32Array, units: number): Promise<Float64Array[]> {
  const m = cells.length / prediction.grid.sizes.length;
  const means: Float64Array[] = [];
  for (let member = 0; member < prediction.members; member++) {
    const mean = new Float64Array(m);
    const response = await prediction.response(cells, { to: units, member: prediction.members === 1 ? undefined : member });
    for (let i = 0; i < units; i++) for (let j = 0; j < m; j++) mean[j] += response[i * m + j] / units;
    means.push(mean);
  }
  return means;
}

/** Steps of one level up between cells of the list that lower a unit's response. */
async function violations(prediction: LeversPrediction, cells: Int32Array, units: number): Promise<{ checked: number; violations: number; largest: number }> {
  const { sizes } = prediction.grid;
  const width = sizes.length;
  const m = cells.length / width;
  const place = new Map(Array.from({ length: m }, (_, j) => [cellOf(sizes, cells, j * width), j]));
  const steps: [number, number][] = [];
  for (let j = 0; j < m; j++) {
    for (let l = 0; l < width; l++) {
      const levels = [...cells.subarray(j * width, (j + 1) * width)];
      if (++levels[l] >= sizes[l]) continue;
      const up = place.get(cellOf(sizes, levels));
      if (up !== undefined) steps.push([j, up]);
    }
  }
  const response = await prediction.response(cells, { to: units });
  let [count, largest] = [0, 0];
  for (let i = 0; i < units; i++) {
    for (const [low, high] of steps) {
      const fall = response[i * m + low] - response[i * m + high];
      if (fall > 0) count++;
      largest = Math.max(largest, fall);
    }
  }
  return { checked: units * steps.length, violations: count, largest };
}

function costOf({ levers }: LeverGrid, levels: readonly number[]): number {
  return levers.reduce((sum, { costs }, l) => sum + (costs?.[levels[l]] ?? Number.NaN), 0);
}

interface Pair {
  readonly l: number;
  readonly k: number;
  readonly a: number;
  readonly b: number;
}

function pairsOf({ sizes }: LeverGrid): Pair[] {
  const out: Pair[] = [];
  for (let l = 0; l < sizes.length; l++)
    for (let k = l + 1; k < sizes.length; k++) for (let a = 1; a < sizes[l]; a++) for (let b = 1; b < sizes[k]; b++) out.push({ l, k, a, b });
  return out;
}

/** The baseline, every cell of one lever and of two. */
function singlesAndPairs(grid: LeverGrid): Int32Array {
  const { sizes } = grid;
  const rows = [sizes.map(() => 0)];
  sizes.forEach((size, l) => {
    for (let k = 1; k < size; k++) rows.push(sizes.map((_, other) => (other === l ? k : 0)));
  });
  for (const { l, k, a, b } of pairsOf(grid)) rows.push(sizes.map((_, other) => (other === l ? a : other === k ? b : 0)));
  return Int32Array.from(rows.flat());
}

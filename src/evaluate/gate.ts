import { overReplications, type Direction, type SuiteRow, type SuiteValue } from "./suites/suite.ts";
import { normalQuantile } from "../base/stats/normal.ts";
import { studentQuantile } from "../base/stats/student.ts";
import { metrics } from "../metrics/index.ts";

/** Results of a suite: one value a replication, and the rows made of them. */
export interface GateResults {
  readonly rows: readonly SuiteRow[];
  readonly values: readonly SuiteValue[];
}

export interface GateOptions {
  /** Change that is not worth an alarm, as a share of the baseline's mean. Defaults to 0.01. */
  readonly tolerance?: number;
  /** Probability that any comparison at all is called worse while nothing has changed but chance. Defaults to 0.001. */
  readonly alarm?: number;
  /** Directions of metrics that are not in the registry. */
  readonly directions?: Readonly<Record<string, Direction>>;
  /** Test rows over training rows, where replications are splits of one data set: their scores are then not independent. Defaults to 0. */
  readonly overlap?: number;
}

/** `worse` and `better`: the whole interval lies beyond the tolerance. `same`: it lies within. `unsure`: neither. */
export type Verdict = "worse" | "better" | "same" | "unsure";

/** One model, case and metric: run against baseline. */
export interface GateComparison {
  readonly model: string;
  readonly case: string;
  readonly metric: string;
  readonly verdict: Verdict;
  readonly baseline: number;
  readonly now: number;
  /** Now minus baseline, or now over baseline minus 1 where `scale` is ratio: over pairs of the same replication. */
  readonly change: number;
  /** Holds together with the intervals of all other comparisons, with a probability of 1 - alarm. */
  readonly interval: readonly [number, number];
  /** `ratio` for errors above 0, whose replications differ by factors; `difference` for the rest. */
  readonly scale: "ratio" | "difference";
  /** Replications that both have; 0 where rows are compared by their standard errors. */
  readonly pairs: number;
  /** Why it cannot be told, or what the verdict rests on besides the interval. */
  readonly why?: string;
}

export interface GateJudgement {
  readonly comparisons: readonly GateComparison[];
  /** What the baseline has and the run has not; each fails the gate. */
  readonly missing: readonly string[];
  /** What the run has and the baseline has not. */
  readonly extra: readonly string[];
  /** Metrics of which nobody has said whether more is better. */
  readonly notJudged: readonly string[];
  readonly tolerance: number;
  readonly alarm: number;
}

/** Fewer pairs than this give no interval worth the name. */
const fewest = 5;
/** Relative difference that rounding in single precision may leave on another machine. */
const rounding = 1e-6;

/**
 * Has a model become worse? Every mean that baseline and run share is compared over pairs of the same replication, by an interval for the mean
 * difference (of logarithms, for errors above 0). Bonferroni's correction over everything that moved at all makes the intervals hold together.
 *
 * Nothing has to be repeatable to the digit for this: if only chance has changed (another seed, another order of draws), run and baseline could
 * be exchanged, so differences are symmetric around 0 and an alarm has the stated probability. Replications that are splits of one data set
 * are dependent; `overlap` widens their intervals (Nadeau2003, eq. 8). Where a suite keeps no values, or fewer than five pairs are there,
 * the rows are compared by their standard errors as if they were independent, which is wider.
 */
export function judge(baseline: GateResults, run: GateResults, options: GateOptions = {}): GateJudgement {
  const { tolerance = 0.01, alarm = 0.001, directions = {}, overlap = 0 } = options;
  const before = cellsOf(baseline);
  const after = cellsOf(run);
  const notJudged = new Set<string>();
  const missing: string[] = [];
  const measured: Measured[] = [];
  for (const [name, cell] of before) {
    const direction = directionOf(cell.metric, directions);
    if (direction === undefined) {
      notJudged.add(cell.metric);
      continue;
    }
    const other = after.get(name);
    if (other === undefined) missing.push(name);
    else measured.push(measure(cell, other, direction, overlap));
  }
  const moved = measured.filter((one) => one.moved).length;
  const comparisons = measured.map((one) => comparison(one, tolerance, alarm / Math.max(1, moved)));
  const extra = [...after.keys()].filter((name) => !before.has(name));
  return { comparisons, missing: grouped(missing, after), extra: grouped(extra, before), notJudged: [...notJudged], tolerance, alarm };
}

/** Whether the gate lets the run through. */
export function passes({ comparisons, missing }: GateJudgement): boolean {
  return missing.length === 0 && comparisons.every(({ verdict }) => verdict !== "worse");
}

interface CellValues {
  readonly model: string;
  readonly case: string;
  readonly metric: string;
  /** Value of each replication; empty where the suite keeps none. */
  readonly values: ReadonlyMap<number, number>;
  readonly row?: SuiteRow;
}

// Where values are kept, they are what is compared: rows are other summaries of the same.
function cellsOf({ rows, values }: GateResults): Map<string, CellValues> {
  const cells = new Map<string, { model: string; case: string; metric: string; values: Map<number, number>; row?: SuiteRow }>();
  for (const { model, case: where, metric, replication, value } of values) {
    const name = nameOf(model, where, metric);
    const cell = cells.get(name) ?? { model, case: where, metric, values: new Map<number, number>() };
    cell.values.set(replication, value);
    cells.set(name, cell);
  }
  const models = new Set(values.map(({ model }) => model));
  for (const row of rows) {
    const name = nameOf(row.model, row.case, row.metric);
    const cell = cells.get(name);
    if (cell !== undefined) cell.row = row;
    else if (!models.has(row.model)) cells.set(name, { model: row.model, case: row.case, metric: row.metric, values: new Map(), row });
  }
  return cells;
}

/** The name of a comparison in messages: "t-learner: in sample, root-pehe". */
export function nameOf(model: string, where: string, metric: string): string {
  return `${model}: ${where}, ${metric}`;
}

// A model that is missing as a whole is one line, not one a metric.
function grouped(names: readonly string[], others: ReadonlyMap<string, CellValues>): string[] {
  const known = new Set([...others.values()].map(({ model }) => model));
  const modelOf = (name: string): string => name.slice(0, name.indexOf(": "));
  return [...new Set(names.map((name) => (known.has(modelOf(name)) ? name : modelOf(name))))];
}

const words: Readonly<Record<string, Direction>> = { coverage: 0.95, bias: 0, "se ratio": 1 };

/** Whether more or less of a metric is better, or what it should be; undefined where nobody has said. `root-pehe-median` is as `root-pehe`. */
export function directionOf(metric: string, own: Readonly<Record<string, Direction>> = {}): Direction | undefined {
  const found = (name: string): Direction | undefined => own[name] ?? metrics.find(({ id }) => id === name)?.better ?? words[name];
  const plain = metric.replace(/-median$/, "");
  return found(metric) ?? found(plain) ?? found(plain.split(",")[0]) ?? found(plain.split(": ").at(-1) ?? "");
}

interface Measured {
  readonly cell: CellValues;
  readonly direction: Direction;
  readonly scale: "ratio" | "difference";
  readonly baseline: number;
  readonly now: number;
  /** On the scale of comparison: of logarithms for ratios. */
  readonly change: number;
  readonly se: number;
  /** Degrees of freedom; infinite where standard errors are taken as known. */
  readonly df: number;
  readonly pairs: number;
  readonly moved: boolean;
  /** Every pair is within this of equality. */
  readonly widest: number;
  readonly why?: string;
}

function measure(cell: CellValues, other: CellValues, direction: Direction, overlap: number): Measured {
  const shared = [...cell.values.keys()].filter((replication) => other.values.has(replication));
  const finite = shared.filter((r) => Number.isFinite(cell.values.get(r)) || Number.isFinite(other.values.get(r)));
  const before = finite.map((r) => cell.values.get(r) as number);
  const after = finite.map((r) => other.values.get(r) as number);
  const base = { cell, direction };
  if (finite.length === 0 || (finite.length < fewest && !equal(before, after))) return byRows(base, other, before, after);
  const ratio = direction === "lower" && [...before, ...after].every((value) => value > 0);
  const differences = after.map((value, i) => (ratio ? Math.log(value / before[i]) : value - before[i]));
  const { mean: change, se } = overReplications(differences);
  const n = differences.length;
  return {
    ...base,
    scale: ratio ? "ratio" : "difference",
    baseline: mean(before),
    now: mean(after),
    change,
    // Nadeau2003, eq. 8: 1 / n becomes 1 / n + test rows / training rows.
    se: se * Math.sqrt(1 + n * overlap),
    df: n - 1,
    pairs: n,
    moved: !equal(before, after),
    widest: Math.max(...differences.map(Math.abs)),
  };
}

function byRows(
  base: { readonly cell: CellValues; readonly direction: Direction },
  other: CellValues,
  before: readonly number[],
  after: readonly number[],
): Measured {
  const [first, second] = [base.cell.row, other.row];
  const known = first !== undefined && second !== undefined && Number.isFinite(first.se) && Number.isFinite(second.se);
  const baseline = first?.mean ?? mean(before);
  const now = second?.mean ?? mean(after);
  const few = `${before.length} replications in common, and an interval needs ${fewest}; run with more --seeds and update the baseline`;
  return {
    ...base,
    scale: "difference",
    baseline,
    now,
    change: now - baseline,
    se: known ? Math.hypot(first.se, second.se) : Number.NaN,
    df: Number.POSITIVE_INFINITY,
    pairs: 0,
    moved: !equal([baseline], [now]),
    widest: Math.abs(now - baseline),
    why: known ? "by the standard errors of both, as if they were independent" : few,
  };
}

function comparison(one: Measured, tolerance: number, share: number): GateComparison {
  const { cell, direction, scale, baseline, now, change, se, df, pairs, moved, widest, why } = one;
  const reach = (Number.isFinite(df) ? studentQuantile(1 - share / 2, df) : normalQuantile(1 - share / 2)) * se;
  const bounds: readonly [number, number] = moved ? [change - reach, change + reach] : [change, change];
  const shown = (value: number): number => (scale === "ratio" ? Math.expm1(value) : value);
  const scaleOf = typeof direction === "number" && direction !== 0 ? Math.abs(direction) : Math.abs(baseline);
  const margin = scale === "ratio" ? Math.log1p(tolerance) : tolerance * scaleOf;
  const result = {
    model: cell.model,
    case: cell.case,
    metric: cell.metric,
    baseline,
    now,
    change: shown(change),
    interval: [shown(bounds[0]), shown(bounds[1])] as const,
    scale,
    pairs,
  };
  if (!moved) return { ...result, verdict: "same" };
  if (!Number.isFinite(now) && Number.isFinite(baseline)) return { ...result, verdict: "worse", why: "there is no number any more" };
  if (!Number.isFinite(baseline)) return { ...result, verdict: "unsure", why: "the baseline has no number" };
  const [least, most] = worsening(bounds, direction, baseline);
  if (least > margin) return { ...result, verdict: "worse", why };
  if (most < -margin) return { ...result, verdict: "better", why };
  if ((least >= -margin && most <= margin) || widest <= margin) return { ...result, verdict: "same", why };
  return { ...result, verdict: "unsure", why };
}

// Bounds of how much worse it became; for a target, of how much farther from it.
function worsening([low, high]: readonly [number, number], direction: Direction, baseline: number): readonly [number, number] {
  if (direction === "lower") return [low, high];
  if (direction === "higher") return [-high, -low];
  const off = (change: number): number => Math.abs(baseline + change - direction) - Math.abs(baseline - direction);
  const ends = [off(low), off(high)];
  const reached = low <= direction - baseline && direction - baseline <= high;
  return [reached ? -Math.abs(baseline - direction) : Math.min(...ends), Math.max(...ends)];
}

function equal(before: readonly number[], after: readonly number[]): boolean {
  return before.every((value, i) => Object.is(value, after[i]) || Math.abs(after[i] - value) <= rounding * Math.max(Math.abs(value), Math.abs(after[i])));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

import { dataError, usageError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import { inverseWeights, knownChances, missingNotes, requireEveryArm } from "./ate.ts";
import { contrasts } from "./contrast.ts";
import { requireLevel } from "./inference.ts";

/** How a confidence sequence spends its width over time: tightest at a number of rows, or for effects of a size. */
export type Tuning =
  /** Rows at which the interval is to be tightest; fix it before the experiment. */
  | { readonly tunedFor: number }
  /** Standard deviation of the effects expected, units of the outcome: the mixture of the mSPRT (Johari2022). */
  | { readonly tau: number };

/** An interval and p-value that hold at every look. */
export interface AlwaysValid {
  readonly interval: readonly [number, number];
  /** Of no effect; below alpha at any time with a chance of at most alpha, however often one looks. */
  readonly pValue: number;
}

/**
 * Interval and p-value that stay valid under continuous looking: the asymptotic confidence sequence of WaudbySmith2021, the normal
 * mixture of Robbins. At the tuned time it is about 1.5 times as wide as the interval for one look.
 * @param value estimate so far, its standard error `se`, and the `rows` behind it
 */
export function alwaysValid(value: number, se: number, rows: number, level: number, tuning: Tuning): AlwaysValid {
  requireLevel(level, "alwaysValid");
  if (!(se > 0)) return { interval: se === 0 ? [value, value] : [Number.NaN, Number.NaN], pValue: Number.NaN };
  const alpha = 1 - level;
  const r = mixing(tuning, se, rows, alpha);
  const margin = se * Math.sqrt(((2 * (r + 1)) / r) * Math.log(Math.sqrt(r + 1) / alpha));
  const z = value / se;
  // The level at which zero is just left out.
  const pValue = Math.min(1, Math.sqrt(r + 1) * Math.exp((-z * z * r) / (2 * (r + 1))));
  return { interval: [value - margin, value + margin], pValue };
}

// t rho^2: variance of the mixture in units of the squared standard error.
function mixing(tuning: Tuning, se: number, rows: number, alpha: number): number {
  if ("tau" in tuning) {
    if (!(tuning.tau > 0)) throw usageError(`sequential: tau must be positive, got ${tuning.tau}`);
    return (tuning.tau / se) ** 2;
  }
  if (!(tuning.tunedFor > 0)) throw usageError(`sequential: tunedFor is a number of rows above 0, got ${tuning.tunedFor}`);
  // The width at time t is least where r = t rho^2 solves r = log(1 + r) - 2 log(alpha) (WaudbySmith2021).
  let best = -2 * Math.log(alpha) + 2;
  for (let step = 0; step < 30; step++) best = Math.log1p(best) - 2 * Math.log(alpha);
  return (rows / tuning.tunedFor) * best;
}

/** Settings of `sequentialEffects`. */
export interface SequentialOptions {
  readonly outcome?: string;
  /** Coverage of the whole sequence. Defaults to 0.95. */
  readonly level?: number;
  /** Numbers of rows, in order of time, at which to look. Default to 20 evenly spaced looks. */
  readonly looks?: readonly number[];
  /** Defaults to half of the rows; to be honest it must be fixed before the experiment. */
  readonly tuning?: Tuning;
  /** Rows an arm must have before the first look counts: the sequence is valid for large samples. Defaults to 100. */
  readonly burnIn?: number;
}

export interface Look {
  readonly rows: number;
  readonly value: number;
  readonly se: number;
  /** Always-valid interval of this look alone. */
  readonly interval: readonly [number, number];
  /** What all looks so far leave over: the intersection of their intervals. Empty (low above high) when looks contradict each other. */
  readonly running: readonly [number, number];
  /** Least p-value so far. */
  readonly pValue: number;
}

/** Effect of an arm at one look, with an interval that holds at every look. */
export interface SequentialEffect {
  readonly arm: string;
  readonly control: string;
  readonly looks: readonly Look[];
  /** Rows at the first look whose sequence leaves out zero; absent when none does. */
  readonly decidedAt?: number;
  readonly notes: readonly string[];
}

/**
 * The average effect as it would have been read while the experiment ran: rows in order of the time column (in their own order without one),
 * looked at again and again, with intervals that allow for it.
 * @throws LiftwiseError (usage) for looks that are not ascending row numbers, (data) when no look comes after the burn-in
 */
export function sequentialEffects(data: Dataset, options: SequentialOptions = {}): SequentialEffect[] {
  const { level = 0.95, burnIn = 100 } = options;
  requireLevel(level, "sequentialEffects");
  const outcome = options.outcome ?? data.roles.outcomes[0];
  requireEveryArm(data, outcome);
  const looks = options.looks ?? evenLooks(data.rows);
  const wrong = looks.find((rows, k) => !(Number.isInteger(rows) && rows > (looks[k - 1] ?? 0) && rows <= data.rows));
  if (wrong !== undefined) throw usageError(`sequential: looks are ascending whole numbers of rows, at most ${data.rows}; got ${wrong}`);
  const tuning = options.tuning ?? { tunedFor: data.rows / 2 };
  const { arms } = data.treatment();
  const ordered = inTime(data, outcome);
  const paths = arms.slice(1).map((): Look[] => []);
  for (const rows of looks) {
    const cut = <A extends Float64Array | Int32Array>(values: A): A => values.subarray(0, rows) as A;
    const clusters = ordered.clusters === undefined ? undefined : { index: cut(ordered.clusters.index), count: ordered.clusters.count };
    const found = contrasts(cut(ordered.y), cut(ordered.arm), arms.length, ordered.weight === undefined ? undefined : cut(ordered.weight), clusters);
    found.forEach(({ value, se, rows: counts }, k) => {
      if (Math.min(...counts) < burnIn || !(se > 0)) return;
      const { interval, pValue } = alwaysValid(value, se, rows, level, tuning);
      const last = paths[k].at(-1);
      const running: [number, number] = [Math.max(interval[0], last?.running[0] ?? interval[0]), Math.min(interval[1], last?.running[1] ?? interval[1])];
      paths[k].push({ rows, value, se, interval, running, pValue: Math.min(pValue, last?.pValue ?? 1) });
    });
  }
  const never = paths.findIndex((path) => path.length === 0);
  if (never >= 0)
    throw dataError(
      `${data.at(outcome)}: at no look do control and arm "${arms[never + 1]}" have ${burnIn} rows each and an outcome that varies; set a smaller burn-in, or wait for more rows`,
    );
  const notes = missingNotes(data.outcome(outcome), data.treatment().arm, arms);
  return paths.map((path, k) => ({
    arm: arms[k + 1],
    control: arms[0],
    looks: path,
    decidedAt: path.find(({ running }) => running[0] > 0 || running[1] < 0)?.rows,
    notes,
  }));
}

function evenLooks(rows: number): number[] {
  const looks = Array.from({ length: 20 }, (_, k) => Math.ceil(((k + 1) * rows) / 20));
  return looks.filter((look, k) => look !== looks[k - 1]);
}

function inTime(data: Dataset, outcome: string): { y: Float64Array; arm: Int32Array; weight?: Float64Array; clusters?: { index: Int32Array; count: number } } {
  const order = Int32Array.from({ length: data.rows }, (_, i) => i);
  const { time } = data.roles;
  if (time !== undefined) {
    const at = data.number(time, "time");
    const without = at.findIndex((t) => Number.isNaN(t));
    if (without >= 0) throw dataError(`${data.at(time)}: row ${without + 1} has no time; fill it, or remove the row`);
    order.sort((i, j) => at[i] - at[j] || i - j);
  }
  const { arm } = data.treatment();
  const y = data.outcome(outcome);
  const weight = inverseWeights(arm, knownChances(data), data.weight());
  const groups = data.groups();
  return {
    y: Float64Array.from(order, (i) => y[i]),
    arm: order.map((i) => arm[i]),
    weight: weight === undefined ? undefined : Float64Array.from(order, (i) => weight[i]),
    clusters: groups === undefined ? undefined : { index: order.map((i) => groups.index[i]), count: groups.count },
  };
}

import { parse } from "../base/parse.ts";
import type { Rng } from "../base/rng.ts";
import { moments } from "../base/stats/moments.ts";
import { normalCdf, normalQuantile } from "../base/stats/normal.ts";
import { usageError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Metric, Score, Statistic } from "./contract.ts";
import { armOf, pointScore } from "./define.ts";
import { drawCounts, type ResampleKind, type Units, unitsOf } from "./resample.ts";
import { type Scored, scored } from "./scored.ts";

/** Settings of standard errors and intervals of metrics. */
export interface IntervalSettings {
  /** Resamples depend on its labels alone, so calls with the same stream and data see the same resamples: their differences are paired. */
  readonly rng: Rng;
  /** Resamples; more narrow the Monte Carlo error of the standard error and nothing else. Defaults to 200. */
  readonly replicates?: number;
  /** Coverage of the interval, between 0 and 1. Defaults to 0.95. */
  readonly level?: number;
  /** See resample.ts. Defaults to `half`. */
  readonly resample?: ResampleKind;
  /** Where the rows were cut from other data: units are then drawn there, so that several cuts of the same data see the same resamples. */
  readonly from?: { readonly data: Dataset /** Row of it behind each row scored. */; readonly rows: Int32Array };
}

/** A metric and its options. */
export interface Request {
  readonly metric: Metric;
  readonly options?: unknown;
}

/** A score, with the values of the metric on each resample, from which paired differences follow. */
export interface Evaluation {
  readonly score: Score;
  readonly draws: Float64Array;
  readonly units: number;
}

/** The difference of two scorers' values on the same rows. */
export interface PairedDifference {
  /** Name of the second scorer. */
  readonly against: string;
  /** First minus second. */
  readonly value: number;
  readonly se: number;
  readonly interval: readonly [number, number];
  /** Two-sided, normal approximation. */
  readonly pValue: number;
}

/**
 * The score with a standard error from resampled rows (groups, where the data has them) and a normal interval around the value, bounded by
 * the values that are possible. The ranking is sorted once; each resample is one pass over it.
 */
export function scoreWithInterval<C extends Metric>(metric: C, prediction: Float64Array, data: Dataset, options: unknown, settings: IntervalSettings): Score {
  return evaluate([{ metric, options }], prediction, data, settings)[0].score;
}

/** Several metrics of one scorer from the same sort and the same resamples, in the order asked for. */
export function evaluate(requests: readonly Request[], prediction: Float64Array, data: Dataset, settings: IntervalSettings): Evaluation[] {
  const { replicates = 200, level = 0.95, resample = "half" } = settings;
  if (!(Number.isInteger(replicates) && replicates >= 2)) throw usageError(`interval: replicates must be a whole number of at least 2; got ${replicates}`);
  if (!(level > 0 && level < 1)) throw usageError(`interval: level must lie between 0 and 1; got ${level}`);
  const byArm = new Map<string | undefined, Scored>();
  const statistics = requests.map(({ metric, options }): Statistic => {
    const checked = parse(metric.options, options, `metric ${metric.id}`);
    const arm = armOf(checked);
    const scores = byArm.get(arm) ?? scored(prediction, data, arm);
    byArm.set(arm, scores);
    return metric.statistic(scores, checked);
  });
  const { from } = settings;
  const units = unitsOf(from?.data ?? data);
  const draws = statistics.map(() => new Float64Array(replicates));
  const unfolded = statistics.map((statistic) => (statistic.unfolded === undefined ? undefined : new Float64Array(replicates)));
  const drawn = new Uint8Array(from?.data.rows ?? data.rows);
  const room = from === undefined ? drawn : new Uint8Array(data.rows);
  for (let b = 0; b < replicates; b++) {
    drawCounts(resample, units, settings.rng.split("resample", b), drawn);
    from?.rows.forEach((row, i) => {
      room[i] = drawn[row];
    });
    // Statistics may tell resamples apart by the array they get: a new one for each, over the same memory.
    const counts = room.subarray();
    statistics.forEach((statistic, s) => {
      draws[s][b] = statistic.value(counts);
      const line = unfolded[s];
      if (line !== undefined && statistic.unfolded !== undefined) line[b] = statistic.unfolded(counts);
    });
  }
  return statistics.map((statistic, s) => {
    const point = pointScore(statistic);
    const { se, note } = spread(unfolded[s] ?? draws[s], units.count);
    const [low, high] = statistic.range ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const [least, most] = around(point.value, se, level);
    // An answer that does not exist has said why; its resamples need not repeat it.
    const about = Number.isNaN(point.value) ? [] : [...(note === undefined ? [] : [note]), ...fewGroups(units)];
    const notes = [...(point.notes ?? []), ...about];
    const score = { ...point, se: Number.isNaN(point.value) ? Number.NaN : se, interval: [Math.max(low, least), Math.min(high, most)] as const };
    return { score: notes.length === 0 ? score : { ...score, notes }, draws: draws[s], units: units.count };
  });
}

/** First minus second, for evaluations with the same stream, settings and data. */
export function difference(first: Evaluation, second: Evaluation, against: string, level: number = 0.95): PairedDifference {
  const value = first.score.value - second.score.value;
  const { se } = spread(
    first.draws.map((draw, b) => draw - second.draws[b]),
    first.units,
  );
  const pValue = se === 0 ? (value === 0 ? 1 : 0) : 2 * normalCdf(-Math.abs(value / se));
  return { against, value, se, interval: around(value, se, level), pValue };
}

/**
 * How much better scorer `a` is than `b` by a metric (`a` minus `b`), with a standard error from resamples that both share: what the two
 * have in common cancels, so the difference is known better than either value.
 */
export function pairedDifference(
  metric: Metric,
  a: Float64Array,
  b: Float64Array,
  data: Dataset,
  options: unknown,
  settings: IntervalSettings & { /** Name of scorer `b` in the result. */ readonly against?: string },
): PairedDifference {
  const [first] = evaluate([{ metric, options }], a, data, settings);
  const [second] = evaluate([{ metric, options }], b, data, settings);
  return difference(first, second, settings.against ?? "b", settings.level);
}

function spread(draws: Float64Array, units: number): { readonly se: number; readonly note?: string } {
  const answered = draws.filter((draw) => Number.isFinite(draw));
  if (units < 2) return { se: Number.NaN, note: "a standard error needs at least two independent rows (groups)" };
  if (answered.length < Math.max(2, draws.length / 2))
    return { se: Number.NaN, note: `${draws.length - answered.length} of ${draws.length} resamples have no answer, too many for a standard error` };
  const se = Math.sqrt(moments(answered).variance);
  return answered.length === draws.length
    ? { se }
    : { se, note: `${draws.length - answered.length} of ${draws.length} resamples have no answer and are left out of the standard error` };
}

/** Clustered standard errors are too small, and rough, on few clusters. */
function fewGroups({ of, count }: Units): string[] {
  return of === undefined || count < 2 || count >= 20 ? [] : [`there are ${count} groups only: a standard error that rests on so few is not to be trusted`];
}

function around(value: number, se: number, level: number): readonly [number, number] {
  const z = normalQuantile(0.5 + level / 2);
  return [value - z * se, value + z * se];
}

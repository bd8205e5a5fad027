import { argsortDescending } from "../base/stats/sort.ts";
import type { Rng } from "../base/rng.ts";
import { Dataset, numberColumn } from "../data/dataset.ts";
import { evaluate } from "../metrics/interval.ts";
import { metricById } from "../metrics/index.ts";

/** Predicted clicks, and what they are judged by; n entries each. */
export interface JudgedClicks {
  /** `main`, then the auxiliary heads. */
  readonly heads: readonly string[];
  /** Probability by head. */
  readonly probability: readonly ArrayLike<number>[];
  readonly user: ArrayLike<number>;
  /** Credit by mechanism; the main one must be there, and `linear` for lengths of paths. */
  readonly credit: Readonly<Record<string, ArrayLike<number>>>;
}

export interface ClickScore {
  readonly value: number;
  readonly se: number | null;
  readonly interval: readonly [number, number] | null;
  readonly notes?: readonly string[];
}

/** How good a conversion model is on clicks it has not seen. */
export interface ClickJudgement {
  readonly rows: number;
  /** Users with any click. */
  readonly users: number;
  readonly main: string;
  /** gauc over users, auc over all rows and log-loss of the main head. */
  readonly metrics: Readonly<Record<"gauc" | "auc" | "log-loss", ClickScore>>;
  /** GAUC with the conversions of one length of path against all clicks without credit; empty without `linear`. */
  readonly paths: readonly { readonly length: string; readonly credited: number; readonly gauc: number | null }[];
  /** Mean prediction of every head beside the share of clicks with credit. */
  readonly calibration: readonly { readonly head: string; readonly observed: number | null; readonly predicted: number }[];
  /** Tenths of the clicks by the main head's prediction, highest first. */
  readonly deciles: readonly { readonly rows: number; readonly observed: number; readonly predicted: number }[];
}

/** Lengths of conversion paths, by which GAUC is broken down: clicks of the journey up to the purchase. */
export const pathLengths: readonly { readonly name: string; readonly from: number; readonly to: number }[] = [
  { name: "1", from: 1, to: 1 },
  { name: "2-3", from: 2, to: 3 },
  { name: "4-6", from: 4, to: 6 },
  { name: "7+", from: 7, to: Number.POSITIVE_INFINITY },
];

/** Settings of `judgeRows`. */
export interface JudgeOptions {
  readonly rng: Rng;
  /** Resamples of users behind standard errors; 0 leaves them out. Defaults to 0. */
  readonly replicates?: number;
  /** Defaults to 0.95. */
  readonly level?: number;
}

/** GAUC, AUC and log-loss of the main head, GAUC by length of path, and calibration of every head (MAC2026, sec. 6). */
export function judgeClicks(clicks: JudgedClicks, main: string, { rng, replicates = 0, level = 0.95 }: JudgeOptions): ClickJudgement {
  const y = Float64Array.from(clicks.credit[main], (v) => (v > 0 ? 1 : 0));
  const p = Float64Array.from(clicks.probability[0]);
  const data = asDataset(y, clicks.user);
  const ids = ["gauc", "auc", "log-loss"] as const;
  const scores =
    replicates === 0
      ? ids.map((id) => metricById(id).score(p, data))
      : evaluate(
          ids.map((id) => ({ metric: metricById(id) })),
          p,
          data,
          { rng, replicates, level },
        ).map(({ score }) => score);
  const entries = ids.map((id, k): [string, ClickScore] => {
    const { value, se, interval, notes } = scores[k];
    return [id, { value, se: se ?? null, interval: interval ?? null, ...(notes === undefined || notes.length === 0 ? {} : { notes }) }];
  });
  return {
    rows: y.length,
    users: data.groups()?.count ?? 0,
    main,
    metrics: Object.fromEntries(entries) as ClickJudgement["metrics"],
    paths: clicks.credit.linear === undefined ? [] : gaucByPath(p, data, clicks.credit.linear),
    calibration: clicks.heads.map((head, h) => ({ head: head === "main" ? `main (${main})` : head, ...calibrated(clicks, h, main) })),
    deciles: tenths(p, y),
  };
}

/** Clicks with their label and user; users may be more than would fit a category's names kept as text. */
export function asDataset(y: Float64Array, user: ArrayLike<number>): Dataset {
  const code = new Map<number, number>();
  const codes = Int32Array.from(user, (u) => {
    const known = code.get(u) ?? code.size;
    code.set(u, known);
    return known;
  });
  const users = { kind: "category", name: "user", codes, levels: Array.from(code.keys(), String) } as const;
  return new Dataset([numberColumn("y", y), users], { features: [], outcomes: ["y"], group: "user" }, "clicks");
}

/** The credit of a click under linear attribution is one over the length of its path; clicks that were given none stand against each length. */
export function gaucByPath(p: Float64Array, data: Dataset, linear: ArrayLike<number>): ClickJudgement["paths"] {
  const y = data.outcome();
  return pathLengths.map(({ name, from, to }) => {
    const rows = Int32Array.from(y.keys()).filter((i) => y[i] === 0 || (1 / linear[i] > from - 0.5 && 1 / linear[i] < to + 0.5));
    const credited = rows.reduce((sum, i) => sum + y[i], 0);
    const value =
      credited === 0
        ? Number.NaN
        : metricById("gauc").score(
            Float64Array.from(rows, (i) => p[i]),
            data.take(rows),
          ).value;
    return { length: name, credited, gauc: Number.isNaN(value) ? null : value };
  });
}

function calibrated({ heads, probability, credit }: JudgedClicks, h: number, main: string): { readonly observed: number | null; readonly predicted: number } {
  // The cartesian head predicts the main mechanism's part of its classes.
  const label = credit[heads[h] === "main" || heads[h] === "cartesian" ? main : heads[h]];
  const mean = (values: ArrayLike<number>, of: (v: number) => number): number => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += of(values[i]);
    return sum / values.length;
  };
  return { observed: label === undefined ? null : mean(label, (v) => Number(v > 0)), predicted: mean(probability[h], (v) => v) };
}

function tenths(p: Float64Array, y: Float64Array): ClickJudgement["deciles"] {
  const order = argsortDescending(p);
  const parts = Math.min(10, p.length);
  return Array.from({ length: parts }, (_, d) => {
    const rows = order.subarray(Math.floor((d * p.length) / parts), Math.floor(((d + 1) * p.length) / parts));
    let [observed, predicted] = [0, 0];
    for (const i of rows) {
      observed += y[i];
      predicted += p[i];
    }
    return { rows: rows.length, observed: observed / rows.length, predicted: predicted / rows.length };
  });
}

import type { Model } from "../../model/contract.ts";

/** One line of a benchmark: a number that should stay where it is or get better. */
export interface SuiteRow {
  readonly model: string;
  readonly case: string;
  readonly metric: string;
  readonly mean: number;
  /** Standard error of `mean`; what it stands for is said by the suite. NaN where one value gives none. */
  readonly se: number;
  /** Values behind the mean. */
  readonly n: number;
}

/** One value of one replication, before it is averaged. */
export interface SuiteValue {
  readonly model: string;
  readonly case: string;
  readonly metric: string;
  readonly replication: number;
  readonly value: number;
}

export interface SuiteOptions {
  readonly models: readonly Model[];
  /** Fewer replications: a few minutes at most. */
  readonly quick: boolean;
  /** Replications or splits in place of the suite's own number. */
  readonly seeds?: number;
  readonly seed: number;
  /** Most worker threads. */
  readonly threads?: number;
  readonly progress: (share: number, what: string) => void;
  readonly signal: AbortSignal;
  /** File of results done so far: what stands there is not computed again, what is computed is added at once. */
  readonly resume?: string;
}

/** Which way is better, or the value that would be right. */
export type Direction = "higher" | "lower" | number;

export interface Suite {
  readonly id: string;
  readonly summary: string;
  /** Directions of metrics that are not in the registry; a metric without one is not judged by a gate. */
  readonly directions?: Readonly<Record<string, Direction>>;
  /** Test rows over training rows, where replications are splits of one data set: a gate must know that they are not independent. */
  readonly overlap?: number;
  run(options: SuiteOptions): Promise<{ readonly rows: readonly SuiteRow[]; readonly values?: readonly SuiteValue[] }>;
}

/** Mean and its standard error over replications; NaN as error of a single one. */
export function overReplications(values: readonly number[]): { readonly mean: number; readonly se: number; readonly n: number } {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  return { mean, se: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1) / n), n };
}

/** Median and its standard error from the spread of the order statistics around it (McKean1984); NaN below 6 values. */
export function medianOver(values: readonly number[]): { readonly mean: number; readonly se: number; readonly n: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  const mean = n % 2 === 1 ? sorted[(n - 1) / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  const c = Math.max(1, Math.round((n + 1) / 2 - 1.959964 * Math.sqrt(n / 4)));
  return { mean, se: n < 6 ? Number.NaN : (sorted[n - c] - sorted[c - 1]) / (2 * 1.959964), n };
}

import { usageError } from "../base/errors.ts";
import { normalQuantile, normalTwoSided } from "../base/stats/normal.ts";
import { studentQuantile, studentTwoSided } from "../base/stats/student.ts";

/** Distribution an estimate over its standard error is held against. */
export type Reference = "t" | "normal";

export interface Inference {
  readonly interval: readonly [number, number];
  /** Two-sided, of no effect; NaN when the standard error is zero or unknown. */
  readonly pValue: number;
}

/** Interval and p-value of an estimate. @param df ignored for the normal reference */
export function infer(value: number, se: number, df: number, level: number, reference: Reference = "t"): Inference {
  const half = (1 + level) / 2;
  const quantile = reference === "t" ? studentQuantile(half, df) : normalQuantile(half);
  const margin = se === 0 ? 0 : quantile * se;
  const pValue = se > 0 ? (reference === "t" ? studentTwoSided(value / se, df) : normalTwoSided(value / se)) : Number.NaN;
  return { interval: [value - margin, value + margin], pValue };
}

/** @throws LiftwiseError (usage) for a level outside (0, 1). */
export function requireLevel(level: number, where: string): void {
  if (!(level > 0 && level < 1)) throw usageError(`${where}: level must lie strictly between 0 and 1, 0.95 for example; got ${level}`);
}

import { dataError, usageError } from "../base/errors.ts";
import { normalQuantile } from "../base/stats/normal.ts";
import { quantileSorted } from "../base/stats/quantile.ts";
import type { Dataset } from "../data/dataset.ts";
import { missingNotes } from "./ate.ts";
import { infer, requireLevel } from "./inference.ts";

/** Settings of `quantileEffects`. */
export interface QuantileEffectOptions {
  readonly outcome?: string;
  /** Which quantile, strictly between 0 and 1. Defaults to the median, 0.5. */
  readonly quantile?: number;
  /** Coverage of the intervals. Defaults to 0.95. */
  readonly level?: number;
}

/** Difference of a quantile of the outcome between an arm and control. */
export interface QuantileEffect {
  readonly arm: string;
  readonly control: string;
  /** Quantile in the arm minus quantile in control, units of the outcome. */
  readonly value: number;
  readonly se: number;
  readonly interval: readonly [number, number];
  readonly pValue: number;
  readonly armQuantile: number;
  readonly controlQuantile: number;
  readonly notes: readonly string[];
}

/**
 * Effect on a quantile of the outcome (the median spend, the 90th percentile of a waiting time): not the quantile of the effects.
 * The standard error of each arm's quantile is the width of Woodruff1952's interval between two order statistics over 2 z; no density is estimated.
 * @throws LiftwiseError (data) for data with weights or groups, for which this interval is not valid, or an arm with fewer than 20 known outcomes
 */
export function quantileEffects(data: Dataset, options: QuantileEffectOptions = {}): QuantileEffect[] {
  const { quantile: p = 0.5, level = 0.95 } = options;
  requireLevel(level, "quantileEffects");
  if (!(p > 0 && p < 1)) throw usageError(`quantileEffects: quantile must lie strictly between 0 and 1, got ${p}`);
  if (data.roles.weight !== undefined || data.roles.group !== undefined)
    throw dataError(
      `${data.name}: quantile effects need plain rows, and the data has ${data.roles.weight === undefined ? "groups" : "weights"}; drop that role, or aggregate first`,
    );
  const outcome = options.outcome ?? data.roles.outcomes[0];
  const y = data.outcome(outcome);
  const { arm, arms } = data.treatment();
  const notes = missingNotes(y, arm, arms);
  const of = arms.map((name, a) => {
    const sorted = y.filter((v, i) => arm[i] === a && !Number.isNaN(v)).toSorted();
    if (sorted.length < 20) throw dataError(`${data.at(outcome)}: arm "${name}" has ${sorted.length} known values; a quantile's interval needs at least 20`);
    return { value: quantileSorted(sorted, p), se: woodruff(sorted, p) };
  });
  return of.slice(1).map((one, k) => {
    const value = one.value - of[0].value;
    const se = Math.hypot(one.se, of[0].se);
    return {
      arm: arms[k + 1],
      control: arms[0],
      value,
      se,
      ...infer(value, se, Number.POSITIVE_INFINITY, level, "normal"),
      armQuantile: one.value,
      controlQuantile: of[0].value,
      notes: se > 0 ? notes : [...notes, "the order statistics around the quantile are tied in both arms, so no standard error can be told"],
    };
  });
}

function woodruff(sorted: Float64Array, p: number): number {
  const z = normalQuantile(0.975);
  const margin = z * Math.sqrt((p * (1 - p)) / sorted.length);
  const at = (share: number): number => quantileSorted(sorted, Math.min(1, Math.max(0, share)));
  return (at(p + margin) - at(p - margin)) / (2 * z);
}

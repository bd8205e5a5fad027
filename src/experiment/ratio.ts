import { dataError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import { inverseWeights, knownChances } from "./ate.ts";
import { contrasts } from "./contrast.ts";
import { infer, type Reference, requireLevel } from "./inference.ts";

/** Settings of `ratioEffects`. */
export interface RatioOptions {
  /** Column summed above the line: clicks. */
  readonly numerator: string;
  /** Column summed below the line: page views. */
  readonly denominator: string;
  /** Coverage of the intervals. Defaults to 0.95. */
  readonly level?: number;
  readonly reference?: Reference;
}

/** Difference of a ratio of sums between an arm and control. */
export interface RatioEffect {
  readonly arm: string;
  readonly control: string;
  /** Ratio in the arm minus ratio in control. */
  readonly value: number;
  readonly se: number;
  readonly interval: readonly [number, number];
  readonly pValue: number;
  readonly armRatio: number;
  readonly controlRatio: number;
  readonly df: number;
  readonly notes: readonly string[];
}

/**
 * Effect on a ratio of two sums (clicks per view, revenue per order) when arms were assigned by a larger unit, the row: the delta method
 * (Deng2018) with the rows' linearised values (numerator - ratio * denominator) / mean denominator. Rows of one group are taken together.
 * A row with either column missing is left out, and counted.
 * @throws LiftwiseError (data) when the denominators of an arm sum to zero
 */
export function ratioEffects(data: Dataset, options: RatioOptions): RatioEffect[] {
  const { numerator, denominator, level = 0.95, reference = "t" } = options;
  requireLevel(level, "ratioEffects");
  const [above, below] = [data.number(numerator, "numerator"), data.number(denominator, "denominator")];
  const { arm, arms } = data.treatment();
  const weight = inverseWeights(arm, knownChances(data), data.weight());
  const [sumAbove, sumBelow, rows] = [new Float64Array(arms.length), new Float64Array(arms.length), new Float64Array(arms.length)];
  const known = (i: number): boolean => !Number.isNaN(above[i]) && !Number.isNaN(below[i]);
  for (let i = 0; i < data.rows; i++) {
    if (!known(i)) continue;
    const w = weight === undefined ? 1 : weight[i];
    sumAbove[arm[i]] += w * above[i];
    sumBelow[arm[i]] += w * below[i];
    rows[arm[i]] += w;
  }
  const ratio = sumAbove.map((sum, a) => sum / sumBelow[a]);
  const empty = sumBelow.indexOf(0);
  if (empty >= 0) throw dataError(`${data.at(denominator)}: sums to 0 in arm "${arms[empty]}", so there is no ratio; choose another denominator`);
  const linear = new Float64Array(data.rows);
  let missing = 0;
  for (let i = 0; i < data.rows; i++) {
    const a = arm[i];
    if (!known(i)) missing++;
    linear[i] = ratio[a] + ((above[i] - ratio[a] * below[i]) * rows[a]) / sumBelow[a];
  }
  const notes = missing === 0 ? [] : [`${missing} of ${data.rows} rows lack ${numerator} or ${denominator} and are left out`];
  return contrasts(linear, arm, arms.length, weight, data.groups()).map(({ value, se, df }, k) => ({
    arm: arms[k + 1],
    control: arms[0],
    value,
    se,
    ...infer(value, se, df, level, reference),
    armRatio: ratio[k + 1],
    controlRatio: ratio[0],
    df,
    notes,
  }));
}

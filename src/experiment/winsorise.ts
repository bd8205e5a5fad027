import { usageError } from "../base/errors.ts";
import { quantiles } from "../base/stats/quantile.ts";
import type { Dataset } from "../data/dataset.ts";
import { numberColumn } from "../data/dataset.ts";

/** Settings of `winsorise`. */
export interface WinsoriseOptions {
  /** Quantiles beyond which values are pulled in. Default to 0 (none) below and 0.999 above. */
  readonly lower?: number;
  readonly upper?: number;
}

/** Values cut off at a bound, and how many were. */
export interface Winsorised {
  /** The same values, those beyond the bounds set to them; missing ones stay missing. */
  readonly values: Float64Array;
  readonly bounds: readonly [number, number];
  /** How many values were changed on either side. */
  readonly below: number;
  readonly above: number;
}

/**
 * Pulls extreme values in to a quantile of all rows. It lowers the variance and changes the question: the effect is then on the capped outcome.
 * The bounds come from all arms together, as bounds of each arm would differ by chance and by the effect.
 * @throws LiftwiseError (usage) unless 0 <= lower < upper <= 1
 */
export function winsorise(values: Float64Array, options: WinsoriseOptions = {}): Winsorised {
  const { lower = 0, upper = 0.999 } = options;
  if (!(lower >= 0 && lower < upper && upper <= 1))
    throw usageError(`winsorise: quantiles must satisfy 0 <= lower < upper <= 1, got lower ${lower} and upper ${upper}`);
  const [low, high] = quantiles(
    values.filter((v) => !Number.isNaN(v)),
    [lower, upper],
  );
  let [below, above] = [0, 0];
  const capped = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (v < low) below++;
    else if (v > high) above++;
    capped[i] = v < low ? low : v > high ? high : v;
  }
  return { values: capped, bounds: [low, high], below, above };
}

/** The dataset with an outcome winsorised, and what was changed. */
export function winsoriseOutcome(data: Dataset, outcome: string, options: WinsoriseOptions = {}): { readonly data: Dataset; readonly changed: Winsorised } {
  const changed = winsorise(data.outcome(outcome), options);
  return { data: data.withColumns([numberColumn(outcome, changed.values)]), changed };
}

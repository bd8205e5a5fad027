import { usageError } from "../base/errors.ts";
import { cross, gram } from "../base/linear/gram.ts";
import { inverseSpd } from "../base/linear/solve.ts";
import { type Dataset, numberColumn } from "../data/dataset.ts";
import { centred } from "./adjusted.ts";
import { averageEffects, type AverageEffect, type EffectOptions, inverseWeights, knownChances } from "./ate.ts";
import { covariateDesign } from "./design.ts";
import { independentColumns, pick, rowsWhere, subMatrix } from "./regression.ts";

/** Settings of `cupedEffects`. */
export interface CupedOptions extends EffectOptions {
  /** Columns measured before the experiment; the outcome's own value then is the best one. Default to all features. */
  readonly covariates?: readonly string[];
}

export interface CupedEffect extends AverageEffect {
  readonly unadjusted: { readonly value: number; readonly se: number };
  /** 1 - (se / unadjusted se)^2. */
  readonly varianceReduction: number;
  /** Coefficient of each covariate, in units of the outcome per standard deviation of the covariate. */
  readonly theta: Readonly<Record<string, number>>;
}

/**
 * CUPED (Deng2013): the average effect on y - theta (x - mean x), with one theta for all arms, from the covariance of y and x within arms.
 * It differs from Lin's regression in having one slope, and from it little unless the effect varies with x and the arms differ in size.
 * @throws LiftwiseError (usage) when there is no covariate that varies
 */
export function cupedEffects(data: Dataset, options: CupedOptions = {}): CupedEffect[] {
  const outcome = options.outcome ?? data.roles.outcomes[0];
  const design = covariateDesign(data, options.covariates);
  if (design.columns.length === 0) throw usageError("cuped: needs at least one covariate that varies; name columns measured before the experiment");
  const plain = averageEffects(data, { ...options, outcome });
  const y = data.outcome(outcome);
  const own = data.weight();
  const known = rowsWhere(y.length, (i) => !Number.isNaN(y[i]) && (own === undefined || own[i] > 0));
  const columns = design.columns.map((column) => centred(column, known, own));
  const { arm, arms } = data.treatment();
  const weight = inverseWeights(arm, options.propensity === "ignore" ? undefined : knownChances(data), own);
  const theta = pooledSlopes(columns, y, arm, arms.length, known, weight);
  const adjusted = y.slice();
  columns.forEach((column, j) => {
    for (let i = 0; i < adjusted.length; i++) adjusted[i] -= theta[j] * column[i];
  });
  const corrected = averageEffects(data.withColumns([numberColumn(outcome, adjusted)]), { ...options, outcome });
  return corrected.map((effect, k) => ({
    ...effect,
    method: `CUPED, ${effect.method}`,
    relative: undefined,
    notes: [...effect.notes, ...design.notes],
    unadjusted: { value: plain[k].value, se: plain[k].se },
    varianceReduction: 1 - (effect.se / plain[k].se) ** 2,
    theta: Object.fromEntries(design.names.map((name, j) => [name, theta[j]])),
  }));
}

// Slopes of y on x with an intercept for every arm: x and y are taken from their arm's means first.
function pooledSlopes(
  columns: readonly Float64Array[],
  y: Float64Array,
  arm: Int32Array,
  arms: number,
  rows: Int32Array,
  weight: Float64Array | undefined,
): Float64Array {
  const within = (values: Float64Array): Float64Array => {
    const [sum, total] = [new Float64Array(arms), new Float64Array(arms)];
    for (const i of rows) {
      const w = weight === undefined ? 1 : weight[i];
      sum[arm[i]] += w * values[i];
      total[arm[i]] += w;
    }
    const rest = pick(values, rows);
    for (let at = 0; at < rest.length; at++) rest[at] -= sum[arm[rows[at]]] / total[arm[rows[at]]];
    return rest;
  };
  const w = weight === undefined ? undefined : pick(weight, rows);
  const x = columns.map(within);
  const p = x.length;
  const all = gram(x, w);
  const kept = independentColumns(all, p).filter((j) => all[j * p + j] > 0);
  const theta = new Float64Array(p);
  const inverse = inverseSpd(subMatrix(all, p, kept));
  if (inverse === undefined) return theta;
  const right = cross(
    kept.map((j) => x[j]),
    within(y),
    w,
  );
  kept.forEach((j, at) => {
    theta[j] = right.reduce((sum, value, k) => sum + inverse[at * kept.length + k] * value, 0);
  });
  return theta;
}

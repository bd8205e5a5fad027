import type { Dataset } from "../data/dataset.ts";
import { averageEffects, type AverageEffect, type EffectOptions, inverseWeights, knownChances, missingNotes, requireEveryArm } from "./ate.ts";
import type { Clusters } from "./contrast.ts";
import { covariateDesign, type Design } from "./design.ts";
import { infer, requireLevel } from "./inference.ts";
import { type ArmRegression, armRegression, rowsWhere } from "./regression.ts";

/** Settings of `adjustedEffects`. */
export interface AdjustmentOptions extends Omit<EffectOptions, "estimator"> {
  /** Columns to adjust for, fixed before the treatment. Default to all features. */
  readonly covariates?: readonly string[];
  /**
   * Whose average effect: that of the rows at hand, or of the population they were drawn from, whose standard error is wider where effects vary.
   * Defaults to "population".
   */
  readonly target?: "sample" | "population";
}

export interface AdjustedEffect extends AverageEffect {
  /** The plain estimate beside it. */
  readonly unadjusted: { readonly value: number; readonly se: number };
  /** 1 - (se / unadjusted se)^2: the share of the rows an experiment without adjustment would have needed on top. */
  readonly varianceReduction: number;
  readonly covariates: readonly string[];
}

/**
 * Average effects by regression of each arm on centred covariates (Lin2013): never less precise than the difference in means in large samples, and
 * right whatever the shape of the outcome, because the arms were randomised.
 *
 * Standard errors are HC2, or by cluster (with the usual G / (G - 1) (n - 1) / (n - k)) where the data has a group column. Arm means are predictions
 * at the mean covariates of all rows with a known outcome.
 * @throws LiftwiseError (data) for a covariate that is an outcome or the treatment, or an arm with fewer rows than coefficients
 */
export function adjustedEffects(data: Dataset, options: AdjustmentOptions = {}): AdjustedEffect[] {
  return adjustBy(data, covariateDesign(data, options.covariates), options);
}

/** The same for covariates that are already numbers. */
export function adjustBy(data: Dataset, design: Design, options: AdjustmentOptions): AdjustedEffect[] {
  const { level = 0.95, reference = "t", target = "population" } = options;
  requireLevel(level, "adjustedEffects");
  const outcome = options.outcome ?? data.roles.outcomes[0];
  const y = data.outcome(outcome);
  const { arm, arms } = data.treatment();
  requireEveryArm(data, outcome);
  const plain = averageEffects(data, { ...options, outcome });
  const clusters = options.clusters === "ignore" ? undefined : data.groups();
  const own = data.weight();
  const weight = inverseWeights(arm, options.propensity === "ignore" ? undefined : knownChances(data), own);
  const known = rowsOf(y, own, () => true);
  const columns = design.columns.map((column) => centred(column, known, own));
  const rows = arms.map((_, a) => rowsOf(y, own, (i) => arm[i] === a));
  const fits = arms.map((name, a) => armRegression(columns, y, rows[a], weight, `${data.at(outcome)}: arm "${name}"`));
  const left = missingNotes(y, arm, arms);
  return arms.slice(1).map((name, k) => {
    const a = k + 1;
    const value = fits[a].mean - fits[0].mean;
    const spread = effectsAt(columns, fits[a], fits[0]);
    const pulled = { rows: [rows[0], rows[a]], fits: [fits[0], fits[a]] } as const;
    const { variance, df } =
      clusters === undefined
        ? rowVariance(pulled.fits, target === "population" ? varianceOfMean(spread, known, own) : 0)
        : clusterVariance(pulled, clusters, target === "population" ? spread : undefined, known, own);
    const se = Math.sqrt(variance);
    const dropped = [...new Set([...fits[0].dropped, ...fits[a].dropped])].map((j) => design.names[j]);
    return {
      ...plain[k],
      value,
      se,
      ...infer(value, se, df, level, reference),
      controlMean: fits[0].mean,
      armMean: fits[a].mean,
      method: `regression on centred covariates by arm (Lin)${clusters === undefined ? "" : `, clustered by ${data.roles.group}`}`,
      df,
      rows: [rows[0].length, rows[a].length],
      relative: undefined,
      notes: [
        ...left,
        ...design.notes,
        ...(dropped.length === 0 ? [] : [`add nothing in arm ${name} or control and are dropped there: ${dropped.join(", ")}`]),
      ],
      unadjusted: { value: plain[k].value, se: plain[k].se },
      varianceReduction: 1 - (se / plain[k].se) ** 2,
      covariates: design.names,
    };
  });
}

function rowsOf(y: Float64Array, weight: Float64Array | undefined, has: (row: number) => boolean): Int32Array {
  return rowsWhere(y.length, (i) => !Number.isNaN(y[i]) && (weight === undefined || weight[i] > 0) && has(i));
}

/** Less its mean over these rows; in units of its standard deviation, so that no covariate dwarfs another. */
export function centred(column: Float64Array, rows: Int32Array, weight: Float64Array | undefined): Float64Array {
  const { mean, variance } = momentsAt(column, rows, weight);
  const scale = variance > 0 ? 1 / Math.sqrt(variance) : 1;
  return column.map((v) => (v - mean) * scale);
}

function momentsAt(column: Float64Array, rows: Int32Array, weight: Float64Array | undefined): { readonly mean: number; readonly variance: number } {
  let [total, sum, squares] = [0, 0, 0];
  for (const i of rows) {
    total += weight === undefined ? 1 : weight[i];
    sum += (weight === undefined ? 1 : weight[i]) * column[i];
  }
  const mean = sum / total;
  for (const i of rows) squares += (weight === undefined ? 1 : weight[i]) * (column[i] - mean) ** 2;
  return { mean, variance: squares / total };
}

/** The difference of two arms' surfaces in each row, less its mean. */
function effectsAt(columns: readonly Float64Array[], one: ArmRegression, zero: ArmRegression): Float64Array {
  const effect = new Float64Array(columns[0]?.length ?? 0);
  columns.forEach((column, j) => {
    const slope = one.slopes[j] - zero.slopes[j];
    for (let i = 0; i < effect.length; i++) effect[i] += slope * column[i];
  });
  return effect;
}

function rowVariance([zero, one]: readonly [ArmRegression, ArmRegression], drawn: number): { readonly variance: number; readonly df: number } {
  const sum = one.variance + zero.variance;
  return { variance: sum + drawn, df: sum ** 2 / (one.variance ** 2 / one.df + zero.variance ** 2 / zero.df) };
}

// What drawing other rows from the population would add: the variance of the mean of the effects.
function varianceOfMean(effect: Float64Array, rows: Int32Array, weight: Float64Array | undefined): number {
  if (effect.length === 0) return 0;
  let [total, squares] = [0, 0];
  for (const i of rows) {
    const w = weight === undefined ? 1 : weight[i];
    total += w;
    squares += (w * effect[i]) ** 2;
  }
  return squares / total ** 2;
}

function clusterVariance(
  { rows, fits }: { readonly rows: readonly [Int32Array, Int32Array]; readonly fits: readonly [ArmRegression, ArmRegression] },
  clusters: Clusters,
  effect: Float64Array | undefined,
  known: Int32Array,
  weight: Float64Array | undefined,
): { readonly variance: number; readonly df: number } {
  const pull = new Float64Array(clusters.count);
  const used = new Uint8Array(clusters.count);
  rows.forEach((list, a) => {
    list.forEach((i, at) => {
      pull[clusters.index[i]] += (a === 0 ? -1 : 1) * fits[a].pulls[at];
      used[clusters.index[i]] = 1;
    });
  });
  if (effect !== undefined && effect.length > 0) {
    let total = 0;
    for (const i of known) total += weight === undefined ? 1 : weight[i];
    for (const i of known) pull[clusters.index[i]] += ((weight === undefined ? 1 : weight[i]) * effect[i]) / total;
  }
  const count = used.reduce((sum, u) => sum + u, 0);
  const n = rows[0].length + rows[1].length;
  const correction = (count / (count - 1)) * ((n - 1) / (fits[0].df + fits[1].df));
  return { variance: correction * pull.reduce((sum, u) => sum + u * u, 0), df: count - 1 };
}

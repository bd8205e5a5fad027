import { dataError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import { type Clusters, type Contrast, contrasts } from "./contrast.ts";
import { infer, type Reference, requireLevel } from "./inference.ts";

/** Settings of `averageEffects`. */
export interface EffectOptions {
  /** Outcome column; defaults to the primary one. */
  readonly outcome?: string;
  /** Coverage of the intervals. Defaults to 0.95. */
  readonly level?: number;
  /** Distribution of estimate over standard error. Defaults to Student's t with Satterthwaite's degrees of freedom. */
  readonly reference?: Reference;
  /** Whether known propensities weight the rows. Defaults to "use": without effect where they are the same for all rows. */
  readonly propensity?: "use" | "ignore";
  /** How known propensities weight the rows: shares of the weights (Hajek) or of the rows (Horvitz-Thompson). Defaults to "hajek". */
  readonly estimator?: "hajek" | "horvitz-thompson";
  /** Whether rows of one group are taken together. Defaults to "use": where the data has a group column, standard errors are cluster-robust. */
  readonly clusters?: "use" | "ignore";
}

/** Average effect of one arm on one outcome. */
export interface AverageEffect {
  readonly outcome: string;
  readonly arm: string;
  readonly control: string;
  /** In units of the outcome, arm minus control. */
  readonly value: number;
  /** NaN when an arm has fewer than two rows (or clusters); `notes` then says so. */
  readonly se: number;
  readonly interval: readonly [number, number];
  /** Two-sided, of no effect; NaN when the outcome does not vary. */
  readonly pValue: number;
  readonly controlMean: number;
  readonly armMean: number;
  /** How it was estimated, in words. */
  readonly method: string;
  readonly level: number;
  readonly df: number;
  /** Rows that enter: control, arm. */
  readonly rows: readonly [number, number];
  /** The effect as a share of the control mean, with its interval by the delta method; absent where the control mean cannot be told from zero. */
  readonly relative?: { readonly value: number; readonly interval: readonly [number, number] };
  /** What was left out, and what could not be told. */
  readonly notes: readonly string[];
}

/**
 * Average effect of every treated arm against control: difference in means with Neyman's standard error and Welch's t.
 *
 * Row weights make the means weighted. Known propensities that vary weight each row by the inverse of its chance of being where it is. Rows of one
 * group are taken together. Rows whose outcome is missing are left out, and counted in `notes`.
 * @throws LiftwiseError (data) when an arm has no row with a known outcome, or a treated arm's propensity is not given while others' are
 */
export function averageEffects(data: Dataset, options: EffectOptions = {}): AverageEffect[] {
  const { level = 0.95, reference = "t", estimator = "hajek" } = options;
  requireLevel(level, "averageEffects");
  const outcome = options.outcome ?? data.roles.outcomes[0];
  const y = data.outcome(outcome);
  const { arm, arms } = data.treatment();
  const clusters = options.clusters === "ignore" ? undefined : data.groups();
  const chances = options.propensity === "ignore" ? undefined : knownChances(data);
  requireEveryArm(data, outcome);
  const found =
    chances !== undefined && estimator === "horvitz-thompson"
      ? arms.slice(1).map((_, k) => horvitzThompson(y, arm, k + 1, chances, data.weight(), clusters))
      : contrasts(y, arm, arms.length, inverseWeights(arm, chances, data.weight()), clusters);
  const how = [methodOf(chances, estimator, data), clusters === undefined ? "" : `clustered by ${data.roles.group}`].filter((part) => part !== "").join(", ");
  const left = missingNotes(y, arm, arms);
  return found.map((contrast, k) => ({
    outcome,
    arm: arms[k + 1],
    control: arms[0],
    value: contrast.value,
    se: contrast.se,
    ...infer(contrast.value, contrast.se, contrast.df, level, reference),
    controlMean: contrast.controlMean,
    armMean: contrast.armMean,
    method: how,
    level,
    df: contrast.df,
    rows: contrast.rows,
    relative: relativeEffect(contrast, level, reference),
    notes: [...left, ...lacking(contrast, clusters !== undefined)],
  }));
}

/** Chance of each row's being in each arm, control first; undefined when none is declared or all are constant (they then change nothing). */
export function knownChances(data: Dataset): Float64Array[] | undefined {
  const { arms } = data.treatment();
  const treated = arms.slice(1).map((arm) => data.propensity(arm));
  if (treated.every((e) => e === undefined)) return undefined;
  const without = treated.indexOf(undefined);
  if (without >= 0)
    throw dataError(`${data.name}: the propensity of arm "${arms[without + 1]}" is not given while others' are; name its column, or ignore the propensities`);
  const columns = treated as Float64Array[];
  if (columns.every((e) => e.every((p) => p === e[0]))) return undefined;
  const control = columns[0].map((_, i) => columns.reduce((rest, e) => rest - e[i], 1));
  const broken = control.findIndex((e) => !(e > 0));
  if (broken >= 0)
    throw dataError(
      `${data.name}: the propensities of the treated arms sum to ${1 - control[broken]} in row ${broken + 1}, which leaves none for "${arms[0]}"; correct them`,
    );
  return [control, ...columns];
}

/** Row weight over the chance of being where the row is; undefined when every row counts once. */
export function inverseWeights(arm: Int32Array, chances: readonly Float64Array[] | undefined, weight: Float64Array | undefined): Float64Array | undefined {
  if (chances === undefined) return weight;
  const inverse = new Float64Array(arm.length);
  for (let i = 0; i < arm.length; i++) inverse[i] = (weight === undefined ? 1 : weight[i]) / chances[arm[i]][i];
  return inverse;
}

// Horvitz1952: the mean over all rows of y / e in the arm minus y / e0 in control. One mean, so that one variance holds both parts.
function horvitzThompson(
  y: Float64Array,
  arm: Int32Array,
  a: number,
  chances: readonly Float64Array[],
  weight: Float64Array | undefined,
  clusters: Clusters | undefined,
): Contrast {
  const n = y.length;
  const [both, one, zero] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  const rows: [number, number] = [0, 0];
  for (let i = 0; i < n; i++) {
    if (Number.isNaN(y[i])) both[i] = Number.NaN;
    else if (arm[i] === a || arm[i] === 0) {
      const scaled = y[i] / chances[arm[i]][i];
      (arm[i] === 0 ? zero : one)[i] = scaled;
      both[i] = arm[i] === 0 ? -scaled : scaled;
      rows[arm[i] === 0 ? 0 : 1]++;
    }
  }
  const [of, ofOne, ofZero] = [both, one, zero].map((values) => meanWithSpread(values, weight, clusters));
  return {
    armMean: ofOne.mean,
    controlMean: ofZero.mean,
    value: of.mean,
    se: Math.sqrt(of.variance),
    df: of.df,
    armVariance: ofOne.variance,
    controlVariance: ofZero.variance,
    covariance: (ofOne.variance + ofZero.variance - of.variance) / 2,
    rows,
    units: [of.units, of.units],
  };
}

// A mean is the contrast to an arm that never varies: one whose variance is zero adds nothing.
function meanWithSpread(
  values: Float64Array,
  weight: Float64Array | undefined,
  clusters: Clusters | undefined,
): { mean: number; variance: number; df: number; units: number } {
  const [contrast] = contrasts(values, new Int32Array(values.length), 2, weight, clusters);
  return { mean: contrast.controlMean, variance: contrast.controlVariance, df: contrast.units[0] - 1, units: contrast.units[0] };
}

function relativeEffect(contrast: Contrast, level: number, reference: Reference): AverageEffect["relative"] {
  const { armMean, controlMean: m0, armVariance: v1, controlVariance: v0, covariance, df } = contrast;
  const zero = infer(m0, Math.sqrt(v0), df, level, reference).interval;
  if (!(zero[0] > 0 || zero[1] < 0)) return undefined;
  const ratio = armMean / m0;
  // Delta method: d(m1 / m0) = (dm1 - ratio dm0) / m0.
  const se = Math.sqrt(Math.max(0, v1 + ratio * ratio * v0 - 2 * ratio * covariance)) / Math.abs(m0);
  return { value: ratio - 1, interval: infer(ratio - 1, se, df, level, reference).interval };
}

function methodOf(chances: readonly Float64Array[] | undefined, estimator: string, data: Dataset): string {
  if (chances !== undefined) return `inverse propensity weighting (${estimator === "hajek" ? "Hajek" : "Horvitz-Thompson"})`;
  return data.roles.weight === undefined ? "difference in means" : "difference in weighted means";
}

/** @throws LiftwiseError (data) when an arm has no row of positive weight with a known outcome. */
export function requireEveryArm(data: Dataset, outcome: string): void {
  const y = data.outcome(outcome);
  const { arm, arms } = data.treatment();
  const weight = data.weight();
  const known = new Int32Array(arms.length);
  for (let i = 0; i < y.length; i++) if (!Number.isNaN(y[i]) && (weight === undefined || weight[i] > 0)) known[arm[i]]++;
  const empty = known.indexOf(0);
  if (empty >= 0)
    throw dataError(`${data.at(outcome)}: no row of arm "${arms[empty]}" has a known outcome (and a weight above 0); take more rows, or leave the arm out`);
}

/** Where outcomes are missing: how many, and the share in each arm. */
export function missingNotes(y: Float64Array, arm: Int32Array, arms: readonly string[]): string[] {
  const [missing, rows] = [new Int32Array(arms.length), new Int32Array(arms.length)];
  for (let i = 0; i < y.length; i++) {
    rows[arm[i]]++;
    if (Number.isNaN(y[i])) missing[arm[i]]++;
  }
  const total = missing.reduce((sum, count) => sum + count, 0);
  if (total === 0) return [];
  const shares = arms.map((name, a) => `${name} ${((100 * missing[a]) / rows[a]).toFixed(2)} %`);
  return [`${total} of ${y.length} rows have no outcome and are left out (${shares.join(", ")})`];
}

function lacking(contrast: Contrast, clustered: boolean): string[] {
  if (Number.isNaN(contrast.se))
    return [`a standard error needs at least two ${clustered ? "clusters" : "rows"} in each arm; there are ${contrast.units.join(" and ")}`];
  return contrast.se === 0 ? ["the outcome does not vary within the arms, so there is no p-value"] : [];
}

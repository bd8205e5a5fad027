import { usageError } from "../base/errors.ts";
import { noncentralTCdf } from "../base/stats/noncentralT.ts";
import { normalCdf, normalQuantile, normalSf } from "../base/stats/normal.ts";
import { studentQuantile } from "../base/stats/student.ts";
import { designEffect } from "./clusters.ts";

/** What is known before an experiment with one treated arm and control. */
export interface Plan {
  /** What is measured: a rate, or a continuous outcome with its standard deviation (and its mean, where the effect is relative). */
  readonly outcome: { readonly kind: "binary"; readonly rate: number } | { readonly kind: "continuous"; readonly sd: number; readonly mean?: number };
  /** Whether effects are given and returned as shares of the control's rate or mean. Defaults to false: units of the outcome. */
  readonly relative?: boolean;
  /** Chance of a false alarm. Defaults to 0.05. */
  readonly alpha?: number;
  /** 2 to look for an effect either way, 1 to look only in its direction. Defaults to 2. */
  readonly sides?: 1 | 2;
  /** Treated rows per control row. Defaults to 1. */
  readonly ratio?: number;
  /** Treated arms that are each compared with control; alpha is divided by their number (Bonferroni). Defaults to 1. */
  readonly comparisons?: number;
  /** Where clusters are randomised: their mean size, the intraclass correlation, and the coefficient of variation of the sizes (default 0). */
  readonly clusters?: { readonly size: number; readonly icc: number; readonly variation?: number };
  /** Correlation of the outcome with the covariates that will be adjusted for: variance falls by its square. Defaults to 0. */
  readonly correlation?: number;
}

/** Rows that a plan needs. */
export interface SampleSize {
  /** Rows of the control arm, of one treated arm, and of all arms. */
  readonly control: number;
  readonly treated: number;
  readonly total: number;
  /** Clusters of each, where clusters are randomised. */
  readonly clusters?: { readonly control: number; readonly treated: number; readonly total: number };
  /** Power with these rows. */
  readonly power: number;
}

/**
 * Chance of finding an effect of this size with this many rows in control: the t test for a continuous outcome (with as many degrees of freedom as
 * rows, or clusters, less two), the z test with unpooled variances for a binary one.
 * @param effect in units of the outcome, or a share of the control mean where the plan is relative
 * @throws LiftwiseError (usage) for a plan out of bounds
 */
export function power(plan: Plan, effect: number, controlRows: number): number {
  checkPlan(plan);
  return powerOf(plan, absolute(plan, effect), controlRows);
}

/**
 * Least rows that find the effect with the power wanted.
 * @param wanted defaults to 0.8
 * @throws LiftwiseError (usage) for an effect of zero, one that rates cannot bear, or a power outside (alpha, 1)
 */
export function sampleSize(plan: Plan, effect: number, wanted = 0.8): SampleSize {
  checkPlan(plan);
  checkPower(plan, wanted);
  const { ratio = 1, comparisons = 1, clusters } = plan;
  const delta = absolute(plan, effect);
  if (delta === 0) throw usageError("sampleSize: an effect of 0 cannot be found with any number of rows; give the least effect worth finding");
  const size = clusters?.size ?? 1;
  // In units: rows, or clusters, of the control arm.
  const enough = (units: number): boolean => powerOf(plan, delta, units * size) >= wanted;
  const units = leastWhole(enough);
  const treatedUnits = Math.ceil(units * ratio);
  const [control, treated] = [Math.ceil(units * size), Math.ceil(treatedUnits * size)];
  return {
    control,
    treated,
    total: control + comparisons * treated,
    clusters: clusters === undefined ? undefined : { control: units, treated: treatedUnits, total: units + comparisons * treatedUnits },
    power: powerOf(plan, delta, units * size),
  };
}

/**
 * Least effect that is found with the power wanted, given the rows of the control arm.
 * @param direction whether the effect raises or lowers the outcome: for a rate the two differ
 * @returns in units of the outcome, or as a share of the control mean where the plan is relative; negative for a decrease
 * @throws LiftwiseError (usage) when even the largest possible change of a rate would not be found
 */
export function minimumDetectableEffect(plan: Plan, controlRows: number, wanted = 0.8, direction: "increase" | "decrease" = "increase"): number {
  checkPlan(plan);
  checkPower(plan, wanted);
  const sign = direction === "increase" ? 1 : -1;
  const { outcome } = plan;
  const most = outcome.kind === "continuous" ? Number.POSITIVE_INFINITY : direction === "increase" ? 1 - outcome.rate : outcome.rate;
  const reached = (size: number): boolean => powerOf(plan, sign * size, controlRows) >= wanted;
  let [low, high] = [0, outcome.kind === "continuous" ? outcome.sd : most];
  if (outcome.kind === "binary" && !reached(high))
    throw usageError(
      `minimumDetectableEffect: ${controlRows} rows in control find no ${direction} of a rate of ${outcome.rate} with power ${wanted}; plan more rows`,
    );
  while (!reached(high)) [low, high] = [high, 2 * high];
  for (let step = 0; step < 200 && high - low > 1e-13 * high; step++) {
    const middle = (low + high) / 2;
    if (reached(middle)) high = middle;
    else low = middle;
  }
  return (sign * high) / (plan.relative === true ? controlMean(plan) : 1);
}

function powerOf(plan: Plan, delta: number, rows: number): number {
  const { outcome, alpha = 0.05, sides = 2, ratio = 1, comparisons = 1, clusters, correlation = 0 } = plan;
  if (!(rows > 0)) throw usageError(`power: the rows of the control arm are more than 0, got ${rows}`);
  const inflation = (clusters === undefined ? 1 : designEffect(clusters.size, clusters.icc, clusters.variation ?? 0)) * (1 - correlation ** 2);
  const tail = alpha / comparisons / sides;
  if (outcome.kind === "binary") {
    const [p0, p1] = [outcome.rate, outcome.rate + delta];
    const se = Math.sqrt((inflation * (p0 * (1 - p0) + (p1 * (1 - p1)) / ratio)) / rows);
    const z = -normalQuantile(tail);
    return normalSf(z - Math.abs(delta) / se) + (sides === 2 ? normalCdf(-z - Math.abs(delta) / se) : 0);
  }
  const se = outcome.sd * Math.sqrt((inflation * (1 + 1 / ratio)) / rows);
  const df = (rows * (1 + ratio)) / (clusters?.size ?? 1) - 2;
  if (!(df > 0)) return 0;
  const t = -studentQuantile(tail, df);
  const shift = Math.abs(delta) / se;
  return 1 - noncentralTCdf(t, df, shift) + (sides === 2 ? noncentralTCdf(-t, df, shift) : 0);
}

/** Least whole number from 1 up for which `enough` holds; it must hold from there on. */
function leastWhole(enough: (n: number) => boolean): number {
  let high = 2;
  while (!enough(high)) {
    if (high > 1e15) throw usageError("sampleSize: more than 1e15 rows would be needed; plan for a larger effect");
    high *= 2;
  }
  let low = 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (enough(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function absolute(plan: Plan, effect: number): number {
  const delta = plan.relative === true ? effect * controlMean(plan) : effect;
  if (!Number.isFinite(delta)) throw usageError(`power: the effect must be a finite number, got ${effect}`);
  if (plan.outcome.kind === "binary" && !(plan.outcome.rate + delta > 0 && plan.outcome.rate + delta < 1))
    throw usageError(`power: an effect of ${delta} would take the rate of ${plan.outcome.rate} to ${plan.outcome.rate + delta}, outside (0, 1)`);
  return delta;
}

function controlMean({ outcome }: Plan): number {
  const mean = outcome.kind === "binary" ? outcome.rate : outcome.mean;
  if (mean === undefined || mean === 0)
    throw usageError("power: a relative effect needs the control's mean, other than 0; give outcome.mean, or an absolute effect");
  return mean;
}

function checkPower({ alpha = 0.05, comparisons = 1 }: Plan, wanted: number): void {
  if (!(wanted > alpha / comparisons && wanted < 1))
    throw usageError(`power: the power wanted lies between alpha (${alpha / comparisons}) and 1, got ${wanted}`);
}

function checkPlan({ outcome, alpha = 0.05, ratio = 1, comparisons = 1, correlation = 0, sides = 2 }: Plan): void {
  if (outcome.kind === "binary" && !(outcome.rate > 0 && outcome.rate < 1))
    throw usageError(`power: outcome.rate must lie strictly between 0 and 1, got ${outcome.rate}`);
  if (outcome.kind === "continuous" && !(outcome.sd > 0 && outcome.sd < Number.POSITIVE_INFINITY))
    throw usageError(`power: outcome.sd must be positive, got ${outcome.sd}`);
  if (!(alpha > 0 && alpha < 1)) throw usageError(`power: alpha must lie strictly between 0 and 1, got ${alpha}`);
  if (!(ratio > 0 && ratio < Number.POSITIVE_INFINITY)) throw usageError(`power: ratio (treated rows per control row) must be positive, got ${ratio}`);
  if (!(Number.isInteger(comparisons) && comparisons >= 1))
    throw usageError(`power: comparisons is a whole number of treated arms, at least 1; got ${comparisons}`);
  if (!(correlation > -1 && correlation < 1)) throw usageError(`power: correlation must lie strictly between -1 and 1, got ${correlation}`);
  if (sides !== 1 && sides !== 2) throw usageError(`power: sides must be 1 or 2, got ${sides}`);
}

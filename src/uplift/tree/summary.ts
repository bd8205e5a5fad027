import { dataError, suggest, usageError } from "../../base/errors.ts";
import type { Rng } from "../../base/rng.ts";
import type { Json } from "../../base/state.ts";
import type { Features } from "../../data/schema.ts";
import { averageEffect, bestLinearProjection, calibrate, doublyRobustScores, type ForestRows } from "./analysis.ts";
import type { Moments } from "./moments.ts";
import { rankWeightedEffect } from "./rankWeighted.ts";
import type { Coefficient } from "./regression.ts";

export interface Summary {
  readonly report: Readonly<Record<string, Json>>;
  /** Average effect of each treated arm. */
  readonly overall: readonly number[];
  readonly scores: readonly Float64Array[];
}

/** Effects beyond this propensity rest on few rows of the other arm. */
const thin = 0.02;

/**
 * What a causal forest says of the rows it was fitted on: average effects, calibration, what ranking by the effects is worth, projection, and how far the
 * arms overlap. With an
 * instrument there are no doubly robust scores; the scores are then the effects themselves and the averages plain means of them.
 */
export function summarise(
  rows: ForestRows,
  moments: Moments,
  x: Features,
  options: { readonly projection: readonly string[]; readonly covered: number; readonly rng: Rng },
): Summary {
  const usable = covered(rows);
  const kept = usable.length === rows.y.length ? rows : takeRows(rows, usable);
  if (usable.length === 0) throw dataError("causal forest: no row could be judged by trees that have not seen it; use more trees or more rows");
  const treated = rows.arms.slice(1);
  if (moments.instrument) {
    const overall = rows.effect.map((_, a) => meanOf(kept.effect[a], kept.weight));
    return { report: { judgedRows: options.covered, averageEffects: { [treated[0]]: { mean: overall[0] } } }, overall, scores: rows.effect };
  }
  const two = treated.length === 1;
  const targets = two ? (["all", "treated", "control", "overlap"] as const) : (["all"] as const);
  const averages = Object.fromEntries(
    treated.map((arm, a) => [arm, Object.fromEntries(targets.map((target) => [target, finite({ ...averageEffect(kept, a, target) })]))]),
  );
  const overall = treated.map((_, a) => {
    const { estimate } = averageEffect(kept, a, "all");
    return Number.isFinite(estimate) ? estimate : meanOf(kept.effect[a], kept.weight);
  });
  const calibration = two ? calibrate(kept) : undefined;
  const report: Record<string, Json> = {
    judgedRows: options.covered,
    averageEffects: averages,
    propensity: Object.fromEntries(treated.map((arm, a) => [arm, rangeOf(rows.propensity[a])])),
  };
  if (calibration !== undefined) report.calibration = { mean: finite({ ...calibration.mean }), differential: finite({ ...calibration.differential }) };
  report.rankWeighted = rankWeighted(kept, treated, options.rng);
  if (options.projection.length > 0) report.projection = projections(kept, x, usable, options.projection, treated);
  const warnings = overlapWarnings(rows, treated);
  if (warnings.length > 0) report.warnings = warnings;
  return { report, overall, scores: doublyRobustScores(rows) };
}

/** Rank-weighted effects of each arm's effects as priority; both weightings, on rows judged by trees that have not seen them. */
function rankWeighted(rows: ForestRows, treated: readonly string[], rng: Rng): Record<string, Json> {
  const { weight, cluster, effect } = rows;
  const scores = doublyRobustScores(rows);
  return Object.fromEntries(
    treated.map((arm, a) => [
      arm,
      Object.fromEntries(
        (["autoc", "qini"] as const).map((weighting) => [
          weighting,
          finite({ ...rankWeightedEffect(scores[a], effect[a], weighting, { weight, cluster, rng: rng.split(weighting, a) }) }),
        ]),
      ),
    ]),
  );
}

/** Numbers that JSON cannot hold become null. */
function finite(record: Readonly<Record<string, number>>): Record<string, Json> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, Number.isFinite(value) ? value : null]));
}

function covered(rows: ForestRows): Int32Array {
  const usable: number[] = [];
  for (let i = 0; i < rows.y.length; i++)
    if (rows.effect.every((values) => !Number.isNaN(values[i])) && (rows.weight === undefined || rows.weight[i] > 0)) usable.push(i);
  return Int32Array.from(usable);
}

function takeRows(rows: ForestRows, at: Int32Array): ForestRows {
  const take = (values: Float64Array): Float64Array => Float64Array.from(at, (i) => values[i]);
  return {
    arms: rows.arms,
    y: take(rows.y),
    arm: at.map((i) => rows.arm[i]),
    weight: rows.weight && take(rows.weight),
    cluster: rows.cluster && at.map((i) => (rows.cluster as Int32Array)[i]),
    outcome: take(rows.outcome),
    propensity: rows.propensity.map(take),
    effect: rows.effect.map(take),
    variance: rows.variance.map(take),
  };
}

function meanOf(values: Float64Array, weight: Float64Array | undefined): number {
  let [sum, total] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const w = weight === undefined ? 1 : weight[i];
    sum += w * values[i];
    total += w;
  }
  return sum / total;
}

function rangeOf(values: Float64Array): Record<string, number> {
  return { least: values.reduce((a, b) => Math.min(a, b), 1), most: values.reduce((a, b) => Math.max(a, b), 0) };
}

function overlapWarnings({ propensity }: ForestRows, treated: readonly string[]): string[] {
  return treated.flatMap((arm, a) => {
    const rows = propensity[a].reduce((count, e) => count + (e < thin || e > 1 - thin ? 1 : 0), 0);
    if (rows === 0) return [];
    return [
      `${rows} rows have a probability of arm "${arm}" below ${thin} or above ${1 - thin}: their doubly robust scores rest on few others; the overlap average does not`,
    ];
  });
}

function projections(rows: ForestRows, x: Features, usable: Int32Array, names: readonly string[], treated: readonly string[]): Record<string, Json> {
  const columns = names.map((name) => {
    const column = x.columns.find((other) => other.name === name);
    const known = x.columns.filter(({ kind }) => kind === "number").map((other) => other.name);
    if (column === undefined || column.kind !== "number")
      throw usageError(`causal forest: projection names "${name}", which is not a numeric feature; ${suggest(name, known)}`);
    if (column.values.some(Number.isNaN)) throw usageError(`causal forest: projection names "${name}", which has missing values; fill them or leave it out`);
    return Float64Array.from(usable, (i) => column.values[i]);
  });
  const labels = ["constant", ...names];
  return Object.fromEntries(
    treated.map((arm, a) => {
      const fit: readonly Coefficient[] | undefined = bestLinearProjection(rows, columns, a);
      return [arm, fit === undefined ? null : Object.fromEntries(fit.map((coefficient, k) => [labels[k], finite({ ...coefficient })]))];
    }),
  );
}

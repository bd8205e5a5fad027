import { dataError } from "../base/errors.ts";
import type { Curve, Score } from "../metrics/contract.ts";
import type { Comparison, ModelResult } from "./comparison.ts";

/** The comparison as JSON text: typed arrays are lists, and what JSON cannot say (NaN, infinite) is null. */
export function comparisonToJson(comparison: Comparison): string {
  return JSON.stringify(comparison, (_key, value: unknown) => {
    if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array, finite);
    return typeof value === "number" ? finite(value) : value;
  });
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/**
 * A comparison read back, nulls being NaN again.
 *
 * @param where what errors call the text: a path
 * @throws LiftwiseError (data) for what is no comparison, or one of another format
 */
export function comparisonFromJson(text: string, where: string): Comparison {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw dataError(`${where}: not valid JSON (${(cause as Error).message}); the file is damaged, run compare again`, cause);
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (format !== "liftwise-comparison/1")
    throw dataError(
      `${where}: format is ${JSON.stringify(format ?? null)}, this version reads "liftwise-comparison/1"; name the folder that compare wrote, or run compare again`,
    );
  const read = value as Comparison;
  for (const key of ["data", "effects", "results", "resolved", "split"] as const)
    if (read[key] === undefined || read[key] === null) throw dataError(`${where}: "${key}" is missing; the file is damaged, run compare again`);
  // Only where null means "no number": elsewhere it is a value of its own.
  return { ...read, data: numbered(read.data), effects: numbered(read.effects), results: read.results.map(resultFrom) };
}

function resultFrom(result: ModelResult): ModelResult {
  const { metrics, differences, curves, calibration, segments } = result;
  return {
    ...result,
    metrics: Object.fromEntries(Object.entries(metrics).map(([id, score]) => [id, numbered(score) as Score])),
    differences: numbered(differences),
    curves: { uplift: curveFrom(curves.uplift), qini: curveFrom(curves.qini) },
    calibration: numbered(calibration),
    segments: numbered(segments),
  };
}

function curveFrom(curve: Curve): Curve {
  return Object.fromEntries(
    Object.entries(curve).map(([key, list]) => [key, Float64Array.from(list as ArrayLike<number | null>, (v) => v ?? Number.NaN)]),
  ) as unknown as Curve;
}

function numbered<T>(value: T): T {
  if (value === null) return Number.NaN as T;
  if (Array.isArray(value)) return value.map(numbered) as T;
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value as object).map(([key, inner]) => [key, numbered(inner)])) as T;
}

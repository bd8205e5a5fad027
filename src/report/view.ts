import type { Comparison, ModelResult, PairedDifference } from "../evaluate/comparison.ts";
import type { OutcomeKind } from "../data/schema.ts";
import type { Score } from "../metrics/contract.ts";

/** The entry of a record keyed by names from the data, among which "constructor" may be. */
export function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** All models on one outcome and arm, best first by the leading metric. */
export interface Slice {
  readonly outcome: string;
  readonly kind: OutcomeKind | undefined;
  readonly arm: string;
  /** `Mens E-Mail`, or words for the policy of the best arm. */
  readonly armName: string;
  readonly control: string;
  readonly results: readonly ModelResult[];
  /** Metric ids that any of the models has, the leading one first. */
  readonly metrics: readonly string[];
  /** The metric that orders the models. */
  readonly leading: string | undefined;
  /** The model the paired differences are against. */
  readonly baseline: string | undefined;
}

/** What a metric's numbers mean for the words around them. */
export interface MetricFacts {
  readonly name: string;
  readonly summary?: string;
  readonly better: "higher" | "lower";
  /** Whether targeting at random has the value zero, so that an interval without zero shows skill. */
  readonly zeroIsRandom: boolean;
}

/** Metrics that order the models where they are there; any other first one does where they are not. */
const preferred = ["qini", "auuc", "autoc"];

/**
 * The comparison with every number a number: one that came through JSON has null for NaN and lists for typed arrays. Free-form parts (config, the models'
 * own reports) are left alone, since null means null there.
 */
export function revive(comparison: Comparison): Comparison {
  const walk = (value: unknown, key: string): unknown => {
    if (value === null) return Number.NaN;
    if (typeof value !== "object" || ArrayBuffer.isView(value) || key === "report") return value;
    if (Array.isArray(value)) return value.map((item) => walk(item, ""));
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, walk(inner, name)]));
  };
  return {
    ...comparison,
    data: walk(comparison.data, "") as Comparison["data"],
    effects: walk(comparison.effects, "") as Comparison["effects"],
    results: walk(comparison.results, "") as Comparison["results"],
  };
}

/** The slices in the order of the outcomes, arms as they first appear. */
export function slices(comparison: Comparison, facts: (metric: string) => MetricFacts): Slice[] {
  const outcomes = [...new Set([...comparison.data.outcomes.map((o) => o.name), ...comparison.results.map((r) => r.outcome)])];
  return outcomes.flatMap((outcome) => {
    const here = comparison.results.filter((result) => result.outcome === outcome);
    return [...new Set(here.map((result) => result.arm))].map((arm) =>
      slice(
        comparison,
        here.filter((result) => result.arm === arm),
        outcome,
        arm,
        facts,
      ),
    );
  });
}

function slice(comparison: Comparison, results: readonly ModelResult[], outcome: string, arm: string, facts: (metric: string) => MetricFacts): Slice {
  const known = [...new Set(results.flatMap((result) => Object.keys(result.metrics)))];
  const leading = preferred.find((metric) => known.includes(metric)) ?? known[0];
  const sign = leading !== undefined && facts(leading).better === "lower" ? 1 : -1;
  const value = (result: ModelResult): number => (leading === undefined ? Number.NaN : (own(result.metrics, leading)?.value ?? Number.NaN));
  const order = (a: ModelResult, b: ModelResult): number => {
    const [x, y] = [value(a), value(b)];
    if (Number.isFinite(x) && Number.isFinite(y)) return sign * (x - y);
    return Number(Number.isFinite(y)) - Number(Number.isFinite(x));
  };
  const treated = comparison.data.arms.map((a) => a.arm);
  return {
    outcome,
    kind: comparison.data.outcomes.find((o) => o.name === outcome)?.kind,
    arm,
    // The word for the policy only where no real arm has that name.
    armName: arm === "best" && !treated.includes("best") ? "Best arm for each unit" : arm,
    control: comparison.data.control,
    results: results.toSorted(order),
    metrics: leading === undefined ? [] : [leading, ...known.filter((metric) => metric !== leading)],
    leading,
    baseline: results.flatMap((result) => Object.values(result.differences))[0]?.against,
  };
}

/** The model at the top, when it has a value there. */
export function leader(slice: Slice): { readonly result: ModelResult; readonly score: Score; readonly difference: PairedDifference | undefined } | undefined {
  const result = slice.results[0];
  const score = slice.leading === undefined || result === undefined ? undefined : own(result.metrics, slice.leading);
  if (result === undefined || score === undefined || slice.leading === undefined || !Number.isFinite(score.value)) return undefined;
  return { result, score, difference: own(result.differences, slice.leading) };
}

/** The slice that speaks for an outcome: the policy of the best arm where there is one, else the first arm. */
export function mainSlices(all: readonly Slice[]): Slice[] {
  return [...new Set(all.map((s) => s.outcome))].map((outcome) => {
    const here = all.filter((s) => s.outcome === outcome);
    return here.find((s) => s.armName !== s.arm) ?? here[0];
  });
}

/** Coverage of the intervals as the run resolved it; 0.95 where it does not say. */
export function levelOf(comparison: Comparison): number {
  const { resolved } = comparison;
  const level = typeof resolved === "object" && resolved !== null && "level" in resolved ? (resolved as { readonly level?: unknown }).level : undefined;
  return typeof level === "number" && level > 0 && level < 1 ? level : 0.95;
}

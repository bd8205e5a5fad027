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
  /** Metric ids that any of the models has, in the order they were asked for. */
  readonly metrics: readonly string[];
  /** The metric that orders the models: the first. */
  readonly leading: string | undefined;
  /** The model that the paired differences of the leading metric are against. */
  readonly baseline: string | undefined;
}

/** How the policy that gives each unit the arm with its highest predicted effect is called. */
export const bestArmName = "Best arm for each unit";

/** What a metric's numbers mean for the words around them. */
export interface MetricFacts {
  readonly name: string;
  readonly summary?: string;
  readonly better: "higher" | "lower";
  /** Whether targeting at random has the value zero, so that an interval without zero shows skill. */
  readonly zeroIsRandom: boolean;
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
  const [leading] = known;
  const sign = leading !== undefined && facts(leading).better === "lower" ? 1 : -1;
  const value = (result: ModelResult): number => (leading === undefined ? Number.NaN : (own(result.metrics, leading)?.value ?? Number.NaN));
  const order = (a: ModelResult, b: ModelResult): number => {
    const [x, y] = [value(a), value(b)];
    if (Number.isFinite(x) && Number.isFinite(y)) return sign * (x - y);
    return Number(Number.isFinite(y)) - Number(Number.isFinite(x));
  };
  const arms = comparison.data.arms.map((a) => a.arm);
  return {
    outcome,
    kind: comparison.data.outcomes.find((o) => o.name === outcome)?.kind,
    arm,
    // What is no arm of the data is the policy of the best one.
    armName: arms.includes(arm) ? arm : bestArmName,
    control: comparison.data.control,
    results: results.toSorted(order),
    metrics: known,
    leading,
    baseline: leading === undefined ? undefined : results.map((result) => own(result.differences, leading)?.against).find((name) => name !== undefined),
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

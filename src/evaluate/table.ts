import type { ArmEffect, Comparison, PairedDifference } from "./comparison.ts";
import type { Score } from "../metrics/contract.ts";

/** A table before it is drawn. */
export interface TextTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The average effect of each arm on each outcome. */
export function effectTable(effects: readonly ArmEffect[]): TextTable {
  return {
    head: ["outcome", "arm", "control mean", "arm mean", "effect", "interval", "p"],
    rows: effects.map((effect) => {
      const digits = digitsFor(effect.se);
      return [
        effect.outcome,
        effect.arm,
        fixed(effect.controlMean, digits),
        fixed(effect.armMean, digits),
        signed(effect.value, digits),
        range(effect.interval, digits),
        pText(effect.pValue),
      ];
    }),
  };
}

/** One outcome and arm: a line a model, a column a metric, with the interval, and beside the first metric the paired difference to the best baseline. */
export function resultTable({ results }: Comparison, outcome: string, arm: string, metrics?: readonly string[]): TextTable {
  const shown = results.filter((result) => result.outcome === outcome && result.arm === arm);
  const ids = metrics ?? Object.keys(shown[0]?.metrics ?? {});
  const [first] = ids;
  const paired = first !== undefined && shown.some((result) => result.differences[first] !== undefined);
  return {
    head: ["model", ...ids.slice(0, 1), ...(paired ? ["against best baseline"] : []), ...ids.slice(1), "seconds"],
    rows: shown.map((result) => [
      result.model,
      ...ids.slice(0, 1).map((id) => scoreText(result.metrics[id])),
      ...(paired ? [differenceText(result.differences[first])] : []),
      ...ids.slice(1).map((id) => scoreText(result.metrics[id])),
      result.fitSeconds.toFixed(1),
    ]),
  };
}

/** Outcome and arm pairs in the order of the results. */
export function sectionsOf({ results }: Comparison): readonly { readonly outcome: string; readonly arm: string }[] {
  const seen = new Map(results.map(({ outcome, arm }) => [JSON.stringify([outcome, arm]), { outcome, arm }]));
  return [...seen.values()];
}

/** "0.0312 [0.0105, 0.0519]": as many digits as the standard error bears. */
export function scoreText(score: Score | undefined): string {
  if (score === undefined) return "";
  if (!Number.isFinite(score.value)) return "-";
  if (score.se === undefined || score.interval === undefined || !Number.isFinite(score.se)) return significant(score.value);
  const digits = digitsFor(score.se);
  return `${fixed(score.value, digits)} ${range(score.interval, digits)}`;
}

export function differenceText(difference: PairedDifference | undefined): string {
  if (difference === undefined) return "baseline";
  if (!Number.isFinite(difference.value)) return "-";
  const digits = digitsFor(difference.se);
  return `${signed(difference.value, digits)} ${range(difference.interval, digits)} p ${pText(difference.pValue)}`;
}

/** Decimals that a value with this standard error bears: two digits of the error. */
export function digitsFor(se: number): number {
  if (!(se > 0)) return 4;
  return Math.max(0, Math.min(12, 1 - Math.floor(Math.log10(se))));
}

/** The value with so many decimals; "-" where it does not exist. */
export function fixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return "-";
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

/** With a plus sign before what is above zero. */
export function signed(value: number, digits: number): string {
  return value > 0 ? `+${fixed(value, digits)}` : fixed(value, digits);
}

/** "[low, high]"; nothing where an end does not exist. */
export function range([low, high]: readonly [number, number], digits: number): string {
  return Number.isFinite(low) && Number.isFinite(high) ? `[${fixed(low, digits)}, ${fixed(high, digits)}]` : "";
}

function significant(value: number): string {
  return String(Number(value.toPrecision(6)));
}

export function pText(p: number): string {
  if (!Number.isFinite(p)) return "-";
  return p < 0.001 ? "<0.001" : p.toFixed(3);
}

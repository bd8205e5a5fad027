import type { OutcomeAnalysis } from "./analyse.ts";
import { percent, short } from "./checks.ts";

/** One sentence for each arm and outcome: what the arm did, how sure that is, and what could have been seen. */
export function findings(outcomes: readonly OutcomeAnalysis[], level: number): string[] {
  return outcomes.flatMap(({ outcome, effects }) =>
    effects.map(({ arm, plain, adjusted, correctedPValue, detectable }) => {
      const { value, interval, control } = adjusted ?? plain;
      const range = `${percent(level)} interval ${number(interval[0])} to ${number(interval[1])}`;
      const share = plain.relative === undefined ? "" : `, ${signed(100 * (value / plain.controlMean))} % of the ${number(plain.controlMean)} without it`;
      if (Number.isNaN(correctedPValue)) return `${arm}: whether it changes ${outcome} cannot be told (${plain.notes.at(-1) ?? "no standard error"}).`;
      if (correctedPValue < 1 - level)
        return `${arm} ${value > 0 ? "raises" : "lowers"} ${outcome} by ${number(Math.abs(value))} against ${control} (${range}${share}; corrected p ${short(correctedPValue)}).`;
      const could = detectable === undefined ? "" : ` An effect of ${number(detectable)} would have been found with a chance of 80 %.`;
      return `${arm} shows no clear effect on ${outcome} against ${control}: ${number(value)} (${range}; corrected p ${short(correctedPValue)}).${could}`;
    }),
  );
}

function number(value: number): string {
  const size = Math.abs(value);
  return size >= 1e5 || (size < 1e-4 && size > 0) ? value.toExponential(2) : String(Number(value.toPrecision(3)));
}

function signed(value: number): string {
  return `${value > 0 ? "+" : ""}${Number(value.toPrecision(2))}`;
}

import { dataError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";

/** The primary outcome, 0 or 1 (NaN: missing). @throws LiftwiseError (data) naming the first row with another value. */
export function binaryOutcome(data: Dataset, metric: string): Float64Array {
  const y = data.outcome();
  for (let i = 0; i < y.length; i++) {
    if (y[i] === 0 || y[i] === 1 || Number.isNaN(y[i])) continue;
    throw dataError(
      `${metric}: ${data.at(data.roles.outcomes[0])} must hold 0 and 1 only, got ${y[i]} in row ${i + 1}; recode the outcome or choose another metric`,
    );
  }
  return y;
}

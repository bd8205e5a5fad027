import { usageError } from "../base/errors.ts";
import { chi2Sf } from "../base/stats/chi2.ts";

/** Whether the sizes of the arms fit the planned shares. */
export interface SampleRatio {
  /** Shares the counts were held against, summing to 1. */
  readonly expected: readonly number[];
  /** Pearson's chi-squared. */
  readonly statistic: number;
  readonly df: number;
  /** Under 0.001, something is wrong with who was counted: find out what before reading any effect (Fabijan2019). */
  readonly pValue: number;
  readonly notes: readonly string[];
}

/**
 * Test of the arms' sizes against the planned shares: a mismatch means that rows were lost or added in a way that depends on the arm.
 * @param counts rows of each arm
 * @param expected planned shares, in any unit (1:1:2 will do); equal by default
 * @throws LiftwiseError (usage) for fewer than two arms, counts that are not whole, or shares that are not positive
 */
export function sampleRatio(counts: readonly number[], expected: readonly number[] = counts.map(() => 1)): SampleRatio {
  if (counts.length < 2) throw usageError(`sampleRatio: needs the counts of at least two arms, got ${counts.length}`);
  const bad = counts.find((count) => !(Number.isInteger(count) && count >= 0));
  if (bad !== undefined) throw usageError(`sampleRatio: counts are whole numbers of rows, at least 0; got ${bad}`);
  if (expected.length !== counts.length) throw usageError(`sampleRatio: ${counts.length} counts need as many expected shares, got ${expected.length}`);
  const wrong = expected.find((share) => !(share > 0 && share < Number.POSITIVE_INFINITY));
  if (wrong !== undefined) throw usageError(`sampleRatio: expected shares are positive; got ${wrong}`);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) throw usageError("sampleRatio: there are no rows to count");
  const all = expected.reduce((sum, share) => sum + share, 0);
  const shares = expected.map((share) => share / all);
  const statistic = counts.reduce((sum, count, k) => sum + (count - total * shares[k]) ** 2 / (total * shares[k]), 0);
  const least = Math.min(...shares) * total;
  const notes = least < 5 ? [`the smallest expected count is ${least.toPrecision(2)}; below 5 the p-value is rough`] : [];
  return { expected: shares, statistic, df: counts.length - 1, pValue: chi2Sf(statistic, counts.length - 1), notes };
}

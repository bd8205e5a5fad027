import type { Dataset } from "../data/dataset.ts";
import { armSizes, checkWarnings } from "../experiment/checks.ts";
import { sampleRatio } from "../experiment/sampleRatio.ts";
import type { DataSummary } from "./comparison.ts";

/** Planned shares of the arms: all alike, or by arm in any unit (1:1:2 will do). */
export type PlannedShares = "equal" | Readonly<Record<string, number>>;

/**
 * The test of the arms' sizes against their planned shares (where none are given, against known propensities; undefined where the plan is
 * not known), and what a reader must hear of who was counted.
 *
 * @throws LiftwiseError (usage) when shares are given for some arms only, or for one that is not there
 */
export function plannedRatio(data: Dataset, shares?: PlannedShares): { readonly ratio: DataSummary["sampleRatio"]; readonly warnings: readonly string[] } {
  const planned = shares === "equal" ? Object.fromEntries(data.treatment().arms.map((arm) => [arm, 1])) : shares;
  const sizes = armSizes(data, planned);
  const test = sizes.expected === undefined ? undefined : sampleRatio(sizes.counts, sizes.expected);
  const ratio = test === undefined ? undefined : { expected: test.expected, statistic: test.statistic, pValue: test.pValue };
  return { ratio, warnings: checkWarnings(data, sizes, test, undefined) };
}

import { suggest, usageError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import { sampleRatio } from "../experiment/sampleRatio.ts";
import type { DataSummary } from "./comparison.ts";

/** Planned shares of the arms: all alike, or by arm in any unit (1:1:2 will do). */
export type PlannedShares = "equal" | Readonly<Record<string, number>>;

/**
 * The test of the arms' sizes against their planned shares; where none are given, against known propensities that are the same for every
 * row; undefined where the plan is not known.
 *
 * @throws LiftwiseError (usage) when shares are given for some arms only, or for one that is not there
 */
export function plannedRatio(data: Dataset, shares?: PlannedShares): DataSummary["sampleRatio"] {
  const { arm, arms } = data.treatment();
  const planned = shares === undefined ? constantChances(data) : shares === "equal" ? arms.map(() => 1) : sharesOf(shares, arms, data.name);
  if (planned === undefined) return undefined;
  const counts = new Int32Array(arms.length);
  for (const a of arm) counts[a]++;
  const { expected, statistic, pValue } = sampleRatio(Array.from(counts), planned);
  return { expected, statistic, pValue };
}

/** What a reader must hear when the arms' sizes do not fit the plan; undefined where they do. Fabijan2019 */
export function ratioWarning(ratio: DataSummary["sampleRatio"], name: string): string | undefined {
  if (ratio === undefined || !(ratio.pValue < 0.001)) return undefined;
  const p = ratio.pValue === 0 ? "below 1e-300" : ratio.pValue.toPrecision(2);
  return `${name}: the arms' sizes do not fit their planned shares (p ${p}): rows were lost or added by arm; find out how before believing an effect`;
}

function sharesOf(shares: Readonly<Record<string, number>>, arms: readonly string[], name: string): number[] {
  const strange = Object.keys(shares).find((arm) => !arms.includes(arm));
  if (strange !== undefined) throw usageError(`shares: there is no arm "${strange}" in ${name}; ${suggest(strange, arms)}`);
  const lacking = arms.find((arm) => shares[arm] === undefined);
  if (lacking !== undefined) throw usageError(`shares: arm "${lacking}" has none; give a share for every arm, control included`);
  return arms.map((arm) => shares[arm]);
}

function constantChances(data: Dataset): number[] | undefined {
  const treated = data
    .treatment()
    .arms.slice(1)
    .map((arm) => data.propensity(arm));
  const chances: number[] = [];
  for (const e of treated) {
    if (e === undefined || e.length === 0 || e.some((p) => p !== e[0])) return undefined;
    chances.push(e[0]);
  }
  const control = 1 - chances.reduce((sum, e) => sum + e, 0);
  return control > 0 ? [control, ...chances] : undefined;
}

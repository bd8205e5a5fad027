import { usageError } from "../base/errors.ts";
import { chi2Sf } from "../base/stats/chi2.ts";
import type { Dataset } from "../data/dataset.ts";
import type { OutcomeAnalysis } from "./analyse.ts";
import { inverseWeights, knownChances } from "./ate.ts";
import type { BalanceTest } from "./balance.ts";
import type { SampleRatio } from "./sampleRatio.ts";

/** Below this, chance is no explanation of a broken check (Fabijan2019 use 0.0005, others 0.01). */
const alarm = 0.001;

export interface ArmSizes {
  /** Rows of each arm, control first. */
  readonly rows: readonly number[];
  /** Clusters of each arm, where every cluster is in one arm. */
  readonly clusters?: readonly number[];
  /** What the sample ratio is judged by: clusters where there are any, else rows. */
  readonly counts: readonly number[];
  readonly expected?: readonly number[];
}

/** @throws LiftwiseError (usage) when the shares name an arm that is not there, or leave one out. */
export function armSizes(data: Dataset, shares: Readonly<Record<string, number>> | undefined): ArmSizes {
  const { arm, arms } = data.treatment();
  const rows = arms.map(() => 0);
  for (const a of arm) rows[a]++;
  const groups = data.groups();
  const clusters = groups === undefined ? undefined : clustersByArm(arm, arms.length, groups.index, groups.count);
  return { rows, clusters, counts: clusters ?? rows, expected: expectedShares(data, arms, shares) };
}

function expectedShares(data: Dataset, arms: readonly string[], shares: Readonly<Record<string, number>> | undefined): number[] | undefined {
  if (shares !== undefined) {
    const foreign = Object.keys(shares).find((arm) => !arms.includes(arm));
    if (foreign !== undefined) throw usageError(`shares: there is no arm "${foreign}"; the arms are ${arms.join(", ")}`);
    const without = arms.find((arm) => shares[arm] === undefined);
    if (without !== undefined) throw usageError(`shares: the planned share of arm "${without}" is not given; name every arm, control included`);
    return arms.map((arm) => shares[arm]);
  }
  const treated = arms.slice(1).map((arm) => data.propensity(arm));
  if (treated.includes(undefined) || data.rows === 0) return undefined;
  const means = (treated as Float64Array[]).map((e) => e.reduce((sum, p) => sum + p, 0) / e.length);
  return [1 - means.reduce((sum, p) => sum + p, 0), ...means];
}

/** Clusters of each arm, or undefined when a cluster holds several arms. */
function clustersByArm(arm: Int32Array, arms: number, index: Int32Array, count: number): number[] | undefined {
  const of = new Int32Array(count).fill(-1);
  for (let i = 0; i < arm.length; i++) {
    if (of[index[i]] >= 0 && of[index[i]] !== arm[i]) return undefined;
    of[index[i]] = arm[i];
  }
  const counts = Array.from({ length: arms }, () => 0);
  for (const a of of) if (a >= 0) counts[a]++;
  return counts;
}

/** Warnings about who was counted and how they were assigned. */
export function checkWarnings(data: Dataset, sizes: ArmSizes, ratio: SampleRatio | undefined, balance: readonly BalanceTest[] | undefined): string[] {
  const { arms } = data.treatment();
  const warnings: string[] = [];
  if (ratio !== undefined && ratio.pValue < alarm) {
    const got = arms.map((arm, a) => `${arm} ${sizes.counts[a]}`).join(", ");
    const planned = ratio.expected.map((share) => percent(share)).join(", ");
    warnings.push(
      `Sample ratio mismatch (p ${short(ratio.pValue)}): got ${got} where shares of ${planned} were planned. Rows were lost, added or assigned wrongly in a way that depends on the arm; find out why before reading any effect.`,
    );
  }
  for (const test of balance ?? []) {
    if (!(test.pValue < alarm)) continue;
    const worst = test.worst === undefined ? "" : `, most of all in ${test.worst.covariate} (z = ${test.worst.z.toFixed(1)})`;
    warnings.push(
      `${test.arm} and ${test.control} differ before the treatment by more than chance allows (omnibus test, p ${short(test.pValue)})${worst}: was the assignment random, and are the covariates measured before it?`,
    );
  }
  const few = sizes.clusters === undefined ? -1 : sizes.clusters.findIndex((count) => count < 20);
  if (few >= 0)
    warnings.push(
      `${arms[few]} has only ${sizes.clusters?.[few]} clusters: standard errors from fewer than about 20 a side are rough, though the t distribution allows for some of it.`,
    );
  return [...warnings, ...weightWarning(data)];
}

// Kish1965: (sum w)^2 / sum w^2 rows of equal weight would be as precise.
function weightWarning(data: Dataset): string[] {
  const { arm, arms } = data.treatment();
  const weight = inverseWeights(arm, knownChances(data), data.weight());
  if (weight === undefined) return [];
  const [rows, sum, squares] = [new Float64Array(arms.length), new Float64Array(arms.length), new Float64Array(arms.length)];
  for (let i = 0; i < arm.length; i++) {
    rows[arm[i]]++;
    sum[arm[i]] += weight[i];
    squares[arm[i]] += weight[i] ** 2;
  }
  return arms.flatMap((name, a) => {
    const effective = sum[a] ** 2 / squares[a];
    return effective < 0.1 * rows[a]
      ? [`The weights of ${name} are so uneven that its ${rows[a]} rows count like ${Math.round(effective)}: a few rows decide, and intervals are rough.`]
      : [];
  });
}

/** Warnings about one outcome. */
export function outcomeWarnings(data: Dataset, { outcome, kind, missing }: OutcomeAnalysis): string[] {
  const y = data.outcome(outcome);
  const { arm, arms } = data.treatment();
  const warnings: string[] = [];
  if (missing > 0) {
    const test = missingTest(y, arm, arms.length);
    const share = percent(missing / y.length);
    warnings.push(
      test < alarm
        ? `${outcome} is missing in ${share} of the rows, and more often in some arms than in others (p ${short(test)}): who is missing depends on the treatment, so the effect on the rest may be biased.`
        : `${outcome} is missing in ${share} of the rows, about equally in all arms; these rows are left out.`,
    );
  }
  let [needed, skewed] = [0, 0];
  for (const [a, name] of arms.entries()) {
    const values = y.filter((v, i) => arm[i] === a && !Number.isNaN(v));
    const events = values.filter((v) => v !== 0).length;
    const rare = Math.min(events, values.length - events);
    if (kind === "binary" && rare < 10)
      warnings.push(`${outcome} is ${events === rare ? "1" : "0"} in only ${rare} of ${values.length} rows of ${name}: intervals are rough.`);
    // Kohavi2014, rule 7: rows from which the mean is nearly normal; of the skewness, what is there beyond sampling error.
    const rows = 355 * Math.max(0, Math.abs(skewness(values)) - 2.5 * Math.sqrt(6 / values.length)) ** 2;
    if (kind !== "binary" && values.length < rows && rows > needed) [needed, skewed] = [rows, values.length];
  }
  if (needed > 0)
    warnings.push(
      `${outcome} is so skewed that the mean of an arm needs about ${Number(needed.toPrecision(2))} rows to be nearly normal, and there are ${skewed}: read its intervals with care, or cap it (winsorise).`,
    );
  return warnings;
}

function missingTest(y: Float64Array, arm: Int32Array, arms: number): number {
  const [rows, gone] = [new Float64Array(arms), new Float64Array(arms)];
  for (let i = 0; i < y.length; i++) {
    rows[arm[i]]++;
    if (Number.isNaN(y[i])) gone[arm[i]]++;
  }
  const share = gone.reduce((s, v) => s + v, 0) / y.length;
  let statistic = 0;
  for (let a = 0; a < arms; a++) if (rows[a] > 0) statistic += (gone[a] - rows[a] * share) ** 2 / (rows[a] * share * (1 - share));
  return chi2Sf(statistic, arms - 1);
}

function skewness(values: Float64Array): number {
  const n = values.length;
  const centre = values.reduce((s, v) => s + v, 0) / n;
  let [second, third] = [0, 0];
  for (const v of values) {
    second += (v - centre) ** 2;
    third += (v - centre) ** 3;
  }
  return second === 0 ? 0 : third / n / (second / n) ** 1.5;
}

/** `= 0.03`, `= 3e-12`, `below 1e-300`. */
export function short(p: number): string {
  if (Number.isNaN(p)) return "unknown";
  if (p < 1e-300) return "below 1e-300";
  return `= ${p < 1e-4 ? p.toExponential(0) : p.toPrecision(2)}`;
}

export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

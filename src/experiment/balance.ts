import { cross, gram } from "../base/linear/gram.ts";
import { spectrum } from "../base/linear/solve.ts";
import { chi2Sf } from "../base/stats/chi2.ts";
import type { Dataset } from "../data/dataset.ts";
import { inverseWeights, knownChances } from "./ate.ts";
import { covariateDesign, type Design } from "./design.ts";
import { pick, rowsWhere } from "./regression.ts";

/** Whether all covariates together differ between an arm and control by more than chance would have it. */
export interface BalanceTest {
  readonly arm: string;
  readonly control: string;
  readonly statistic: number;
  readonly df: number;
  readonly pValue: number;
  /** The covariate that is furthest from balance, by its own z. */
  readonly worst?: { readonly covariate: string; readonly z: number };
  readonly notes: readonly string[];
}

/**
 * Omnibus balance test of Hansen2008: d' V^- d for the differences in means d of all covariates, chi-squared under randomisation. V is the
 * randomisation covariance of the pooled rows; with clusters or weights, the sum of the outer products of the clusters' (rows') contributions.
 * @param covariates all features by default
 */
export function balanceTests(data: Dataset, covariates?: readonly string[]): BalanceTest[] {
  return balanceOf(data, covariateDesign(data, covariates));
}

/** The same for covariates that are already numbers. */
export function balanceOf(data: Dataset, design: Design): BalanceTest[] {
  const { arm, arms } = data.treatment();
  const weight = inverseWeights(arm, knownChances(data), data.weight());
  const clusters = data.groups();
  return arms.slice(1).map((name, k) => {
    const rows = rowsWhere(arm.length, (i) => arm[i] === 0 || arm[i] === k + 1);
    const index = clusters === undefined ? undefined : Int32Array.from(rows, (i) => clusters.index[i]);
    const unit = { index, count: clusters?.count ?? 0 };
    const columns = design.columns.map((column) => pick(column, rows));
    const treated = new Uint8Array(rows.length);
    for (let at = 0; at < rows.length; at++) treated[at] = arm[rows[at]] === 0 ? 0 : 1;
    const w = weight === undefined ? undefined : pick(weight, rows);
    return { arm: name, control: arms[0], ...omnibus(columns, treated, w, unit, design.names), notes: design.notes };
  });
}

function omnibus(
  columns: readonly Float64Array[],
  treated: Uint8Array,
  weight: Float64Array | undefined,
  clusters: { readonly index?: Int32Array; readonly count: number },
  names: readonly string[],
): Pick<BalanceTest, "statistic" | "df" | "pValue" | "worst"> {
  const n = treated.length;
  const p = columns.length;
  const total = [0, 0];
  for (let i = 0; i < n; i++) total[treated[i]] += weight === undefined ? 1 : weight[i];
  // A row's share in the difference of means: + w / W1 or - w / W0.
  const share = new Float64Array(n);
  for (let i = 0; i < n; i++) share[i] = ((treated[i] === 1 ? 1 : -1) * (weight === undefined ? 1 : weight[i])) / total[treated[i]];
  const pooled = columns.map((column) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += (weight === undefined ? 1 : weight[i]) * column[i];
    const mean = sum / (total[0] + total[1]);
    return column.map((v) => v - mean);
  });
  const difference = cross(pooled, share);
  const covariance = weight === undefined && clusters.index === undefined ? randomisation(pooled, total) : outerProducts(pooled, share, clusters);
  const scale = Float64Array.from({ length: p }, (_, j) => Math.sqrt(covariance[j * p + j]));
  // As correlations: the rank must not depend on the covariates' units.
  const correlation = covariance.map((v, at) => (scale[Math.floor(at / p)] > 0 && scale[at % p] > 0 ? v / (scale[Math.floor(at / p)] * scale[at % p]) : 0));
  const z = Array.from(difference, (d, j) => (scale[j] > 0 ? d / scale[j] : 0));
  const { values, vectors, rank } = spectrum(correlation);
  let statistic = 0;
  for (let k = 0; k < rank; k++) statistic += z.reduce((sum, v, j) => sum + v * vectors[k * p + j], 0) ** 2 / values[k];
  const at = z.reduce((best, v, j) => (best < 0 || Math.abs(v) > Math.abs(z[best]) ? j : best), -1);
  return { statistic, df: rank, pValue: rank === 0 ? Number.NaN : chi2Sf(statistic, rank), worst: at < 0 ? undefined : { covariate: names[at], z: z[at] } };
}

// Covariance of a difference in means when n1 of n rows are drawn at random: S (1 / n1 + 1 / n0).
function randomisation(pooled: readonly Float64Array[], [n0, n1]: readonly number[]): Float64Array {
  const n = n0 + n1;
  return gram(pooled).map((v) => (v / (n - 1)) * (1 / n1 + 1 / n0));
}

function outerProducts(pooled: readonly Float64Array[], share: Float64Array, clusters: { readonly index?: Int32Array; readonly count: number }): Float64Array {
  const { index } = clusters;
  const parts = pooled.map((column) => {
    if (index === undefined) return column.map((v, i) => v * share[i]);
    const sums = new Float64Array(clusters.count);
    for (let i = 0; i < column.length; i++) sums[index[i]] += column[i] * share[i];
    return sums;
  });
  return gram(parts);
}

import { type Coefficient, robustRegression } from "./regression.ts";

/** What a causal forest knows of the rows it was fitted on, each judged by trees that have not seen it. One array an arm is of treated arms. */
export interface ForestRows {
  readonly y: Float64Array;
  /** 0 is the control. */
  readonly arm: Int32Array;
  readonly arms: readonly string[];
  readonly weight?: Float64Array;
  readonly cluster?: Int32Array;
  /** Expected outcome, and probability of each treated arm, given the features. */
  readonly outcome: Float64Array;
  readonly propensity: readonly Float64Array[];
  readonly effect: readonly Float64Array[];
  readonly variance: readonly Float64Array[];
}

/**
 * Doubly robust scores of the effect of each treated arm against control, whose mean over any group of rows estimates the group's mean
 * effect (Robins1994; Athey2019, sec. 2.2): the forest's effect, corrected by the residual of the arm the row was in, over its probability.
 *
 * @returns one array of n a treated arm, in units of the outcome
 */
export function doublyRobustScores({ y, arm, outcome, propensity, effect }: ForestRows): Float64Array[] {
  const n = y.length;
  const scores = effect.map(() => new Float64Array(n));
  for (let i = 0; i < n; i++) {
    let [control, mean0] = [1, outcome[i]];
    for (let a = 0; a < effect.length; a++) {
      control -= propensity[a][i];
      mean0 -= propensity[a][i] * effect[a][i];
    }
    for (let a = 0; a < effect.length; a++) {
      let score = effect[a][i];
      if (arm[i] === a + 1) score += (y[i] - mean0 - effect[a][i]) / propensity[a][i];
      else if (arm[i] === 0) score -= (y[i] - mean0) / control;
      scores[a][i] = score;
    }
  }
  return scores;
}

/** Whose mean effect: all rows, those treated by the arm, those in control, or all weighted by how undecided their assignment was. */
export type Target = "all" | "treated" | "control" | "overlap";

export interface AverageEffect {
  readonly estimate: number;
  readonly se: number;
}

/**
 * Mean effect of a treated arm, with a standard error that allows for clusters.
 *
 * `all`: mean of the doubly robust scores. `treated` and `control`: the forest's mean effect there, corrected by residuals of both arms, the other
 * arm's weighted to look like the target (Athey2019, sec. 2.2). `overlap`: residual on residual (Crump2009; Nie2021, eq. 4), which holds
 * where some propensities are near 0 or 1. Two arms only, but for `all`.
 */
export function averageEffect(rows: ForestRows, treated: number, target: Target): AverageEffect {
  const { y, arm, outcome, propensity, effect, weight } = rows;
  const n = y.length;
  const e = propensity[treated];
  const tau = effect[treated];
  if (target === "all") return weightedMean(doublyRobustScores(rows)[treated], undefined, rows);
  if (target === "overlap") {
    const w = Float64Array.from(arm, (a, i) => (a === treated + 1 ? 1 : 0) - e[i]);
    const residual = y.map((v, i) => v - outcome[i]);
    const [slope] = robustRegression([w], residual, weight, rows.cluster) ?? [];
    return { estimate: slope?.estimate ?? Number.NaN, se: slope?.se ?? Number.NaN };
  }
  const score = new Float64Array(n);
  const share = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const isTreated = arm[i] === treated + 1;
    const mean0 = outcome[i] - e[i] * tau[i];
    const residual = y[i] - mean0 - (isTreated ? tau[i] : 0);
    const inTarget = (target === "treated") === isTreated ? 1 : 0;
    const odds = target === "treated" ? e[i] / (1 - e[i]) : (1 - e[i]) / e[i];
    share[i] = inTarget;
    score[i] = inTarget * tau[i] + (isTreated ? 1 : -1) * residual * (inTarget === 1 ? 1 : odds);
  }
  return weightedMean(score, share, rows);
}

/** Sum of w * score over sum of w * share, with the standard error of a ratio. */
function weightedMean(score: Float64Array, share: Float64Array | undefined, { weight, cluster }: ForestRows): AverageEffect {
  const n = score.length;
  const w = (i: number): number => (weight === undefined ? 1 : weight[i]);
  const s = (i: number): number => (share === undefined ? 1 : share[i]);
  let [total, size] = [0, 0];
  for (let i = 0; i < n; i++) {
    if (w(i) === 0) continue;
    total += w(i) * score[i];
    size += w(i) * s(i);
  }
  const estimate = total / size;
  const groups = cluster === undefined ? n : cluster.reduce((most, c) => Math.max(most, c + 1), 0);
  const pull = new Float64Array(groups);
  for (let i = 0; i < n; i++) if (w(i) > 0) pull[cluster === undefined ? i : cluster[i]] += (w(i) * (score[i] - s(i) * estimate)) / size;
  const variance = pull.reduce((sum, v) => sum + v * v, 0);
  return { estimate, se: Math.sqrt((variance * groups) / Math.max(1, groups - 1)) };
}

/** Are the forest's predictions right on average, and do effects differ as it says? */
export interface Calibration {
  /** 1 where the forest's mean effect is right. */
  readonly mean: Coefficient;
  /** Above 0 where the forest found differences that are there; 1 where they are as large as it says. */
  readonly differential: Coefficient;
}

/**
 * Are the effects right on average, and do they differ as the forest says (Chernozhukov2018, sec. 2)? Residual outcomes on residual
 * treatment times the mean effect, and times each row's distance from it. Two arms.
 *
 * @returns undefined where the forest's effects are all the same
 */
export function calibrate({ y, arm, outcome, propensity, effect, weight, cluster }: ForestRows, treated = 0): Calibration | undefined {
  const tau = effect[treated];
  const n = y.length;
  let [total, size] = [0, 0];
  for (let i = 0; i < n; i++) {
    const w = weight === undefined ? 1 : weight[i];
    total += w * tau[i];
    size += w;
  }
  const mean = total / size;
  const distance = Float64Array.from(arm, (a, i) => (a === treated + 1 ? 1 : 0) - propensity[treated][i]);
  const fit = robustRegression(
    [distance.map((d) => d * mean), distance.map((d, i) => d * (tau[i] - mean))],
    y.map((v, i) => v - outcome[i]),
    weight,
    cluster,
  );
  return fit === undefined ? undefined : { mean: fit[0], differential: fit[1] };
}

/** Coefficients of the best linear approximation of the effects (Semenova2021): doubly robust scores regressed on columns and a constant, which comes first. */
export function bestLinearProjection(rows: ForestRows, columns: readonly Float64Array[], treated = 0): Coefficient[] | undefined {
  const scores = doublyRobustScores(rows)[treated];
  return robustRegression([new Float64Array(scores.length).fill(1), ...columns], scores, rows.weight, rows.cluster);
}

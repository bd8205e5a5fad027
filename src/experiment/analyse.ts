import { type Dataset, outcomeKind } from "../data/dataset.ts";
import type { OutcomeKind } from "../data/schema.ts";
import { adjustBy, type AdjustedEffect } from "./adjusted.ts";
import { averageEffects, type AverageEffect, requireEveryArm } from "./ate.ts";
import { balanceOf, type BalanceTest } from "./balance.ts";
import { clusterSummary, type ClusterSummary } from "./clusters.ts";
import { armSizes, checkWarnings, outcomeWarnings } from "./checks.ts";
import { studentQuantile } from "../base/stats/student.ts";
import { requireLevel } from "./inference.ts";
import { adjustPValues, type Correction } from "./multiple.ts";
import { sampleRatio, type SampleRatio } from "./sampleRatio.ts";
import { covariateDesign, type Design } from "./design.ts";
import { findings } from "./findings.ts";
import { winsoriseOutcome } from "./winsorise.ts";

/** Settings of `analyseExperiment`. */
export interface AnalysisOptions {
  /** Outcomes to analyse. Default to all declared ones. */
  readonly outcomes?: readonly string[];
  /** Coverage of the intervals. Defaults to 0.95. */
  readonly level?: number;
  /** Planned share of each arm, in any unit, control included; known propensities tell it where this is left out. */
  readonly shares?: Readonly<Record<string, number>>;
  /** Columns to adjust for and to check the balance of, fixed before the treatment. Default to all features. */
  readonly covariates?: readonly string[];
  /** Correction of the p-values for the number of arms and outcomes. Defaults to "holm". */
  readonly correction?: Correction;
  /** Quantile above which continuous outcomes and counts are capped; left as they are by default. */
  readonly winsorise?: number;
}

/** A whole experiment: is it sound, and what did it do. Plain data. */
export interface ExperimentAnalysis {
  readonly format: "liftwise-experiment/1";
  readonly data: string;
  readonly rows: number;
  readonly level: number;
  readonly control: string;
  readonly arms: readonly { readonly arm: string; readonly rows: number; readonly share: number; readonly clusters?: number }[];
  /** Absent when neither planned shares nor propensities are known; over clusters where whole clusters were assigned. */
  readonly sampleRatio?: SampleRatio;
  /** Absent without covariates. */
  readonly balance?: readonly BalanceTest[];
  readonly outcomes: readonly OutcomeAnalysis[];
  /** What a reader must know before believing the numbers; empty when nothing was found wrong. */
  readonly warnings: readonly string[];
  /** The results in plain sentences. */
  readonly findings: readonly string[];
}

/** One outcome of an experiment: what every arm did to it. */
export interface OutcomeAnalysis {
  readonly outcome: string;
  readonly kind: OutcomeKind;
  readonly missing: number;
  readonly effects: readonly ArmAnalysis[];
  readonly clusters?: ClusterSummary;
  readonly winsorised?: { readonly above: number; readonly bound: number };
}

/** What one arm did to one outcome: plain, adjusted, corrected for how many were asked. */
export interface ArmAnalysis {
  readonly arm: string;
  readonly plain: AverageEffect;
  /** Absent without covariates. */
  readonly adjusted?: AdjustedEffect;
  /** p-value of the estimate that counts (adjusted where there is one), corrected over all arms and outcomes. */
  readonly correctedPValue: number;
  /** Least effect that these rows would have found with power 0.8, units of the outcome; absent where the standard error is unknown. */
  readonly detectable?: number;
}

/**
 * Everything an analyst checks and reads in a randomised experiment: sample ratio, balance, missing outcomes, average effects with and without
 * adjustment for covariates, corrected for how many there are, with warnings in plain language.
 * @throws LiftwiseError (data) when an arm has no row with a known outcome, (usage) for shares that do not name every arm
 */
export function analyseExperiment(data: Dataset, options: AnalysisOptions = {}): ExperimentAnalysis {
  const { level = 0.95, correction = "holm", covariates = data.roles.features } = options;
  requireLevel(level, "experiment");
  const names = options.outcomes ?? data.roles.outcomes;
  for (const outcome of names) requireEveryArm(data, outcome);
  const { arms } = data.treatment();
  const sizes = armSizes(data, options.shares);
  const ratio = sizes.expected === undefined ? undefined : sampleRatio(sizes.counts, sizes.expected);
  const design = covariates.length === 0 ? undefined : covariateDesign(data, covariates);
  const balance = design === undefined ? undefined : balanceOf(data, design);
  const drafts = names.map((outcome) => outcomeOf(data, outcome, level, design, options.winsorise));
  const counting = drafts.flatMap(({ effects }) => effects.map((effect) => (effect.adjusted ?? effect.plain).pValue));
  const corrected = adjustPValues(counting, correction);
  const outcomes = drafts.map((draft, o) => ({
    ...draft,
    effects: draft.effects.map((effect, k) => ({ ...effect, correctedPValue: corrected[o * (arms.length - 1) + k] })),
  }));
  return {
    format: "liftwise-experiment/1",
    data: data.name,
    rows: data.rows,
    level,
    control: arms[0],
    arms: arms.map((arm, a) => ({ arm, rows: sizes.rows[a], share: sizes.rows[a] / data.rows, clusters: sizes.clusters?.[a] })),
    sampleRatio: ratio,
    balance,
    outcomes,
    warnings: [...checkWarnings(data, sizes, ratio, balance), ...outcomes.flatMap((outcome) => outcomeWarnings(data, outcome))],
    findings: findings(outcomes, level),
  };
}

function outcomeOf(
  data: Dataset,
  outcome: string,
  level: number,
  design: Design | undefined,
  cap: number | undefined,
): Omit<OutcomeAnalysis, "effects"> & { readonly effects: readonly Omit<ArmAnalysis, "correctedPValue">[] } {
  const kind = outcomeKind(data.outcome(outcome));
  const capped = cap === undefined || kind === "binary" ? undefined : winsoriseOutcome(data, outcome, { upper: cap });
  const used = capped?.data ?? data;
  const plain = averageEffects(used, { outcome, level });
  const adjusted = design === undefined ? undefined : adjustBy(used, design, { outcome, level });
  const groups = data.groups();
  return {
    outcome,
    kind,
    missing: data.outcome(outcome).reduce((sum, v) => sum + (Number.isNaN(v) ? 1 : 0), 0),
    effects: plain.map((effect, k) => ({ arm: effect.arm, plain: effect, adjusted: adjusted?.[k], detectable: detectable(adjusted?.[k] ?? effect, level) })),
    clusters: groups === undefined ? undefined : clusterSummary(residuals(used, outcome), groups),
    winsorised: capped === undefined ? undefined : { above: capped.changed.above, bound: capped.changed.bounds[1] },
  };
}

// Bloom1995: the t quantiles of the level and of the power, in standard errors.
function detectable({ se, df }: AverageEffect, level: number): number | undefined {
  return se > 0 ? se * (studentQuantile((1 + level) / 2, df) + studentQuantile(0.8, df)) : undefined;
}

function residuals(data: Dataset, outcome: string): Float64Array {
  const y = data.outcome(outcome);
  const { arm, arms } = data.treatment();
  const [sum, rows] = [new Float64Array(arms.length), new Float64Array(arms.length)];
  for (let i = 0; i < y.length; i++) {
    if (Number.isNaN(y[i])) continue;
    sum[arm[i]] += y[i];
    rows[arm[i]]++;
  }
  return y.map((v, i) => v - sum[arm[i]] / rows[arm[i]]);
}

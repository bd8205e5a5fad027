import type { Dataset } from "../data/dataset.ts";
import { type ArmEffects, againstControl, bestArm, type ScoredData } from "../metrics/arm.ts";
import { calibrationTable } from "../metrics/calibration.ts";
import type { Metric } from "../metrics/contract.ts";
import { qiniCurve, upliftCurve } from "../metrics/curve.ts";
import { difference, type Evaluation, evaluate, type IntervalSettings } from "../metrics/interval.ts";
import type { ModelResult } from "./comparison.ts";
import type { Contender, HeldOut } from "./heldOut.ts";
import { segments } from "./segments.ts";

export interface Scoring {
  readonly metrics: readonly Metric[];
  /** Names of the contenders that the others are compared with. */
  readonly baselines: readonly string[];
  readonly settings: IntervalSettings;
  readonly signal?: AbortSignal;
  readonly progress?: (what: string) => void;
}

/**
 * Every contender's predictions scored on the held-out rows: each treated arm against control, then, with several of them, the policy of
 * the best arm. All are evaluated on the same resamples, from which the paired differences follow.
 *
 * @param test the held-out rows, in the order of the predictions
 */
export function scoreAll(contenders: readonly Contender[], held: readonly HeldOut[], test: Dataset, scoring: Scoring): ModelResult[] {
  const treated = test.treatment().arms.slice(1);
  const views: { arm: string; view: (effects: ArmEffects) => View }[] = treated.map((arm, a) => ({
    arm,
    view: ({ effect }) => ({ ...againstControl(effect[a], test, arm), all: effect[a] }),
  }));
  const policy = treated.includes("best") ? "policy of the best arm" : "best";
  if (treated.length > 1) views.push({ arm: policy, view: (effects) => ({ ...bestArm(effects, test), all: highest(effects.effect) }) });
  return views.flatMap(({ arm, view }) => {
    const evaluations: Evaluation[][] = [];
    const found = contenders.map((contender, m) => {
      scoring.signal?.throwIfAborted();
      scoring.progress?.(`scoring ${contender.name}, ${test.roles.outcomes[0]}, ${arm}`);
      const cut = view({ arms: treated, effect: held[m].effect });
      evaluations.push(evaluationsOf(cut, test, scoring));
      return resultOf(contender, held[m], arm, cut, test, scoring);
    });
    return found.map((result, m) => ({ ...result, ...comparedTo(m, evaluations, contenders, scoring) }));
  });
}

interface View extends ScoredData {
  /** Score of every held-out row, also of those in other arms. */
  readonly all: Float64Array;
}

function evaluationsOf(cut: View, test: Dataset, { metrics, settings }: Scoring): Evaluation[] {
  return evaluate(
    metrics.map((metric) => ({ metric })),
    cut.prediction,
    cut.data,
    { ...settings, from: { data: test, rows: cut.rows } },
  );
}

function resultOf(
  { name }: Contender,
  held: HeldOut,
  arm: string,
  cut: View,
  test: Dataset,
  { settings }: Scoring,
): Omit<ModelResult, "metrics" | "differences"> {
  return {
    model: name,
    outcome: test.roles.outcomes[0],
    arm,
    fitSeconds: held.seconds,
    report: held.report,
    curves: { uplift: upliftCurve(cut.prediction, cut.data, settings), qini: qiniCurve(cut.prediction, cut.data, settings) },
    calibration: calibrationTable(cut.prediction, cut.data, { level: settings.level }),
    segments: segments(cut.all, test),
  };
}

// The best baseline is chosen metric by metric; a baseline that is itself the best has nothing to be compared with.
function comparedTo(
  m: number,
  evaluations: readonly Evaluation[][],
  contenders: readonly Contender[],
  { metrics, baselines, settings }: Scoring,
): Pick<ModelResult, "metrics" | "differences"> {
  const scores: Record<string, ModelResult["metrics"][string]> = {};
  const differences: Record<string, ModelResult["differences"][string]> = {};
  metrics.forEach((metric, k) => {
    const { curve: _, ...score } = evaluations[m][k].score;
    scores[metric.id] = score;
    const sign = metric.better === "higher" ? 1 : -1;
    const rivals = contenders.flatMap(({ name }, i) => (baselines.includes(name) && Number.isFinite(evaluations[i][k].score.value) ? [i] : []));
    if (rivals.length === 0) return;
    const best = rivals.reduce((a, b) => (sign * evaluations[b][k].score.value > sign * evaluations[a][k].score.value ? b : a));
    if (best !== m) differences[metric.id] = difference(evaluations[m][k], evaluations[best][k], contenders[best].name, settings.level);
  });
  return { metrics: scores, differences };
}

function highest(effect: readonly Float64Array[]): Float64Array {
  const best = effect[0].slice();
  for (const values of effect) for (let i = 0; i < best.length; i++) best[i] = Math.max(best[i], values[i]);
  return best;
}

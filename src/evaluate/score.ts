import type { Dataset } from "../data/dataset.ts";
import { calibrationTable } from "../metrics/calibration.ts";
import type { Metric } from "../metrics/contract.ts";
import { qiniCurve, upliftCurve } from "../metrics/curve.ts";
import { difference, type Evaluation, evaluate, type IntervalSettings } from "../metrics/interval.ts";
import type { ModelResult } from "./comparison.ts";
import type { Contender, HeldOut } from "./heldOut.ts";
import { segments } from "./segments.ts";
import { armView, comparesArms, policyView, type View, withArm } from "./views.ts";

/** What is scored, and how. */
export interface Scoring {
  readonly metrics: readonly Metric[];
  /** Names of the contenders that the others are compared with. */
  readonly baselines: readonly string[];
  readonly settings: IntervalSettings;
  readonly signal?: AbortSignal;
  /** Share of the scoring done, 0 to 1, and what is being scored. */
  readonly progress?: (share: number, what: string) => void;
}

/**
 * Every contender's predictions scored on the held-out rows: each treated arm against control, then, with several of them, the policy of
 * the best arm. All are evaluated on the same resamples, from which the paired differences follow.
 *
 * @param test the held-out rows, in the order of the predictions
 */
export async function scoreAll(contenders: readonly Contender[], held: readonly HeldOut[], test: Dataset, scoring: Scoring): Promise<ModelResult[]> {
  const treated = test.treatment().arms.slice(1);
  const makers: { readonly arm: string; readonly view: (effect: readonly Float64Array[]) => View }[] = treated.map((arm, a) => ({
    arm,
    view: (effect) => armView(arm, effect[a], test),
  }));
  const policy = treated.includes("best") ? "policy of the best arm" : "best";
  if (treated.length > 1) makers.push({ arm: policy, view: (effect) => policyView(policy, { arms: treated, effect }, test) });
  const results: ModelResult[] = [];
  for (const [v, { arm, view }] of makers.entries()) {
    const evaluations: Evaluation[][] = [];
    const found: ReturnType<typeof resultOf>[] = [];
    for (const [m, contender] of contenders.entries()) {
      // Without a turn of the event loop no signal can come in.
      await new Promise(setImmediate);
      scoring.signal?.throwIfAborted();
      scoring.progress?.((v + m / contenders.length) / makers.length, `scoring ${contender.name}, ${test.roles.outcomes[0]}, ${arm}`);
      const seen = view(held[m].effect);
      evaluations.push(evaluationsOf(seen, test, scoring));
      found.push(resultOf(contender, held[m], seen, test, scoring));
    }
    results.push(...found.map((result, m) => ({ ...result, ...comparedTo(m, evaluations, contenders, scoring) })));
  }
  return results;
}

// Whatever is evaluated, the resamples are those of the held-out rows.
function evaluationsOf({ arm, cut, whole }: View, test: Dataset, { metrics, settings }: Scoring): Evaluation[] {
  const compares = metrics.filter(comparesArms);
  const others = metrics.filter((metric) => !comparesArms(metric));
  const ofCut = evaluate(
    compares.map((metric) => ({ metric })),
    cut.prediction,
    cut.data,
    { ...settings, from: { data: test, rows: cut.rows } },
  );
  const ofWhole = evaluate(
    others.map((metric) => ({ metric, options: withArm(metric, arm, undefined) })),
    whole.prediction,
    whole.data,
    settings,
  );
  return metrics.map((metric) => (comparesArms(metric) ? ofCut[compares.indexOf(metric)] : ofWhole[others.indexOf(metric)]));
}

function resultOf(
  { name }: Contender,
  held: HeldOut,
  { arm, cut, whole }: View,
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
    segments: segments(whole.prediction, test),
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

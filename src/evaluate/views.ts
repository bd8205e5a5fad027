import type { z } from "zod";
import { type Dataset, numberColumn } from "../data/dataset.ts";
import { type ArmEffects, againstControl, bestArm, type ScoredData } from "../metrics/arm.ts";
import type { Metric } from "../metrics/contract.ts";

/** Predictions of several arms seen as one score. */
export interface View {
  /** The treated arm, or the policy's name. */
  readonly arm: string;
  /** Control and the arm (or whoever got the arm recommended to them) as an experiment of two arms. */
  readonly cut: ScoredData;
  /** Every row, for metrics that need no treatment: those that hold predictions against a known truth. */
  readonly whole: { readonly prediction: Float64Array; readonly data: Dataset };
}

export function armView(arm: string, prediction: Float64Array, data: Dataset): View {
  return { arm, cut: againstControl(prediction, data, arm), whole: { prediction, data } };
}

/** The policy that gives each row the arm with the highest predicted effect. @param name what the policy goes by */
export function policyView(name: string, effects: ArmEffects, data: Dataset): View {
  const { prediction, chosen } = highest(effects.effect);
  const truth = effects.arms.map((arm) => data.trueEffect(arm));
  const column = `true effect of the ${name} arm`;
  const known = truth.every((values) => values !== undefined);
  const whole = data.withRoles({ treatment: undefined, propensity: undefined, cost: undefined, potential: undefined, effect: undefined });
  const withTruth = known
    ? whole.withColumns(
        [
          numberColumn(
            column,
            prediction.map((_, i) => truth[chosen[i]][i]),
          ),
        ],
        { effect: { [name]: column } },
      )
    : whole;
  return { arm: name, cut: bestArm(effects, data), whole: { prediction, data: withTruth } };
}

/** Whether a metric compares arms: it is then evaluated on the cut, else on every row. */
export function comparesArms(metric: Metric): boolean {
  return metric.needs.includes("treatment");
}

/** The options with the arm named, where the metric asks for one. */
export function withArm(metric: Metric, arm: string | undefined, options: unknown): unknown {
  const { shape } = metric.options as Partial<z.ZodObject>;
  return arm === undefined || shape?.arm === undefined ? options : { arm, ...(options as object | undefined) };
}

function highest(effect: readonly Float64Array[]): { readonly prediction: Float64Array; readonly chosen: Int32Array } {
  const prediction = effect[0].slice();
  const chosen = new Int32Array(prediction.length);
  for (let a = 1; a < effect.length; a++) {
    for (let i = 0; i < prediction.length; i++) if (effect[a][i] > prediction[i]) [prediction[i], chosen[i]] = [effect[a][i], a];
  }
  return { prediction, chosen };
}

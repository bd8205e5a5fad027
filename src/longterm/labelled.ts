import { z } from "zod";
import { mean, variance } from "../base/stats/moments.ts";
import type { TwoSamples } from "../data/longterm.ts";
import { type Choice, chosen, fitChosen, learnerChoice } from "../learn/choice.ts";
import type { FittedLearner } from "../learn/contract.ts";
import { crossFit, drawFolds } from "../learn/crossFit.ts";
import type { Model } from "../model/contract.ts";
import { effectsOn, functionOf, type HistoryPart, restoreEffects } from "./effects.ts";
import { historyArms, labelConfig } from "./labels.ts";
import { type AverageEffect, longtermModel, type Shop } from "./model.ts";
import { classify, densityRatio, normalised, stack, takeRowsOf } from "./overlap.ts";
import { curved, type EffectConfig, effectConfig, weightConfig } from "./settings.ts";

export interface LabelledConfig extends EffectConfig {
  readonly labels: "auto" | "logged" | "classified";
  readonly outcomeLearner: Choice;
  readonly clipWeights: number;
}

const config = z.strictObject({
  ...labelConfig,
  outcomeLearner: learnerChoice("linear", "Learner of the outcome in each arm of history: a name, or an object with id and settings."),
  ...weightConfig,
  ...effectConfig,
}) as unknown as z.ZodType<LabelledConfig>;

/** E_H[Y | seen, A = a] by arm, where seen is x or (x, s): out of fold at rows of history, and at the experiment's rows. */
async function perArm(
  samples: TwoSamples,
  seen: "x" | "z",
  arm: Int32Array,
  choice: Choice,
  folds: number,
  shop: Shop,
): Promise<{ readonly history: Float64Array[]; readonly experiment: Float64Array[] }> {
  const { history, experiment, arms } = samples;
  const learner = chosen(choice, "regressor");
  const parts = drawFolds(arm, undefined, folds, shop.rng.split("folds"));
  const [old, recent]: [Float64Array[], Float64Array[]] = [[], []];
  for (let a = 0; a < arms.length; a++) {
    const context = { ...shop, rng: shop.rng.split("arm", a) };
    old.push(await crossFit(learner, history[seen], history.y, undefined, parts, (i) => arm[i] === a, context));
    const rows = Int32Array.from(arm.keys()).filter((i) => arm[i] === a);
    const fitted = await fitChosen(
      learner,
      takeRowsOf(history[seen], rows),
      Float64Array.from(rows, (i) => history.y[i]),
      undefined,
      context,
    );
    recent.push(await fitted.predict(experiment[seen]));
  }
  return { history: old, experiment: recent };
}

/** Ghassami2022 (imputation under latent unconfoundedness): the outcome of history in the same arm at the same features and surrogates. */
export const imputation: Model<"imputation", "longterm", z.ZodType<LabelledConfig>> = longtermModel({
  id: "imputation",
  summary: "Imputation: the outcome of history's units of the same arm, features and surrogates; needs history's arms, or classifies them.",
  source: [{ key: "Ghassami2022", at: "sec. 3", departure: "the variance of history's part uses logistic weights by arm" }],
  config,
  quick: { folds: 2 },
  recipe: {
    learn: async (settings, samples, shop) => {
      const { history, experiment, arms } = samples;
      const { arm, how } = await historyArms(samples, settings.labels, shop);
      const k = await perArm(samples, "z", arm, settings.outcomeLearner, settings.folds, shop);
      const value = Float64Array.from(experiment.arm, (a, i) => k.experiment[a][i]);
      const residual = Float64Array.from(history.y, (y, i) => y - k.history[arm[i]][i]);
      const weights = await armRatios(samples, arm, shop);
      const parts = arms.slice(1).map((_, j): HistoryPart => {
        const influence = residual.map((r, i) => (arm[i] === j + 1 ? weights[j + 1][i] * r : arm[i] === 0 ? -weights[0][i] * r : 0));
        return { influence, correct: false };
      });
      const { effects, average } = await effectsOn(samples, { value, history: parts }, settings, shop);
      return { effects, average, report: { historyArms: how } };
    },
    restore: restoreEffects,
  },
});

// P(x, s | A = a, experiment) over P(x, s, A = a | history) at the rows of the arm: mean 1 over all rows of history, zero elsewhere.
async function armRatios({ history, experiment, arms }: TwoSamples, arm: Int32Array, shop: Shop): Promise<Float64Array[]> {
  const out: Float64Array[] = [];
  for (let a = 0; a < arms.length; a++) {
    const old = Int32Array.from(arm.keys()).filter((i) => arm[i] === a);
    const recent = Int32Array.from(experiment.arm.keys()).filter((i) => experiment.arm[i] === a);
    const z = stack(takeRowsOf(history.z, old), takeRowsOf(experiment.z, recent));
    const fitted = await classify(
      z,
      Float64Array.from({ length: z.rows }, (_, i) => (i < old.length ? 0 : 1)),
      { ...shop, rng: shop.rng.split("ratio", a) },
    );
    const p = await fitted.predict(takeRowsOf(history.z, old));
    const weight = new Float64Array(history.rows);
    old.forEach((i, k) => {
      weight[i] = p[k] / (1 - p[k]);
    });
    out.push(normalised(weight));
  }
  return out;
}

/**
 * Saito2024: V(a) = mean over history of w_a (y - h(x, a_i)) + mean of h(x, a), with w_a = pihat(a | x, s) / pi(a | x): an outcome counts for every action that
 * could have led to its surrogates. Moved to the experiment's units by weights of x.
 */
export const lope: Model<"lope", "longterm", z.ZodType<LabelledConfig>> = longtermModel({
  id: "lope",
  summary: "LOPE: every outcome of history counts for each action that its surrogates could come from, around a regression on features and action.",
  source: [
    {
      key: "Saito2024",
      at: "eq. 8",
      departure:
        "compares always giving each arm with always giving the control; pihat(a | x, s) and pi(a | x) are logistic regressions on history in place of nets",
    },
  ],
  config,
  quick: { folds: 2 },
  recipe: {
    learn: async (settings, samples, shop) => {
      const { history, arms } = samples;
      const { arm, how } = await historyArms(samples, settings.labels, shop);
      const { history: h, experiment: there } = await perArm(samples, "x", arm, settings.outcomeLearner, settings.folds, shop);
      const [given, logged]: Float64Array[][] = [[], []];
      for (let a = 0; a < arms.length; a++) {
        const context = { ...shop, rng: shop.rng.split("arm", a) };
        const t = Float64Array.from(arm, (b) => (b === a ? 1 : 0));
        given.push(await (await classify(history.z, t, context)).predict(history.z));
        logged.push(await (await classify(history.x, t, context)).predict(history.x));
      }
      const ratio = await densityRatio(samples, "x", settings.clipWeights, shop);
      const residual = Float64Array.from(history.y, (y, i) => y - h[arm[i]][i]);
      const weight = arms.map((_, a) => normalised(given[a].map((p, i) => p / logged[a][i])));
      const learned: FittedLearner[] = [];
      const average: AverageEffect[] = [];
      const effect = chosen(settings.effectLearner, "regressor");
      for (let a = 1; a < arms.length; a++) {
        const push = residual.map((r, i) => (weight[a][i] - weight[0][i]) * r);
        const base = there[a].map((v, i) => v - there[0][i]);
        const moved = push.map((v, i) => v * ratio.weight[i]);
        average.push({ effect: mean(base) + mean(moved), se: Math.sqrt(variance(base) / base.length + variance(moved) / moved.length) });
        const target = push.map((v, i) => h[a][i] - h[0][i] + v);
        learned.push(await fitChosen(effect, curved(history.x, settings.curvature), target, ratio.weight, { ...shop, rng: shop.rng.split("effect", a) }));
      }
      return {
        effects: functionOf(learned, [], settings.curvature),
        average,
        report: { historyArms: how, weights: { effectiveRows: ratio.effective, clippedWeights: ratio.clipped } },
      };
    },
    restore: restoreEffects,
  },
});

export interface ShortTermConfig extends EffectConfig {
  readonly metric?: string;
  readonly scale: "none" | "slope";
}

/** What most teams do: take the effect on a short-term metric for the effect. */
export const shortTerm: Model<"short-term", "longterm", z.ZodType<ShortTermConfig>> = longtermModel({
  id: "short-term",
  summary: "Naive: the effect on a metric at the end of the experiment, taken for the long-term effect.",
  source: [],
  config: z.strictObject({
    metric: z
      .string()
      .min(1)
      .optional()
      .describe("Surrogate column that stands for the outcome; by default that of the last step with the largest correlation with the outcome in history."),
    scale: z
      .enum(["none", "slope"])
      .default("none")
      .describe("none: in the metric's own units; slope: times the slope of the outcome on the metric in history."),
    ...effectConfig,
  }) as unknown as z.ZodType<ShortTermConfig>,
  quick: { folds: 2 },
  recipe: {
    learn: async (settings, samples, shop) => {
      const { history, experiment, grid } = samples;
      const last = grid.place.slice(-grid.metrics.length);
      const { suggest, usageError } = await import("../base/errors.ts");
      const named = experiment.s.columns.findIndex((column) => column.name === settings.metric);
      if (settings.metric !== undefined && named < 0)
        throw usageError(
          `metric: there is no surrogate "${settings.metric}"; ${suggest(
            settings.metric,
            experiment.s.columns.map(({ name }) => name),
          )}`,
        );
      const relation = (j: number): { r: number; slope: number } => correlation(numbers(history.s.columns[j]), history.y);
      const best = named >= 0 ? named : Array.from(last).reduce((top, j) => (Math.abs(relation(j).r) > Math.abs(relation(top).r) ? j : top), last[0]);
      const factor = settings.scale === "slope" ? relation(best).slope : 1;
      const raw = numbers(experiment.s.columns[best]);
      const known = raw.filter((v) => !Number.isNaN(v));
      const value = raw.map((v) => factor * (Number.isNaN(v) ? mean(known) : v));
      const { effects, average } = await effectsOn(samples, { value }, settings, shop);
      return { effects, average, report: { metric: experiment.s.columns[best].name, factor, missing: raw.length - known.length } };
    },
    restore: restoreEffects,
  },
});

function numbers(column: { readonly kind: string }): Float64Array {
  return (column as unknown as { values: Float64Array }).values;
}

/** Correlation, and the slope of y on x, over rows where x is known. */
export function correlation(x: Float64Array, y: Float64Array): { r: number; slope: number } {
  const rows = Int32Array.from(x.keys()).filter((i) => !Number.isNaN(x[i]));
  const [mx, my] = [x, y].map((v) => rows.reduce((sum, i) => sum + v[i], 0) / rows.length);
  let [sxx, sxy, syy] = [0, 0, 0];
  for (const i of rows) {
    sxx += (x[i] - mx) ** 2;
    sxy += (x[i] - mx) * (y[i] - my);
    syy += (y[i] - my) ** 2;
  }
  return sxx > 0 && syy > 0 ? { r: sxy / Math.sqrt(sxx * syy), slope: sxy / sxx } : { r: 0, slope: 0 };
}

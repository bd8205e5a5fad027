import { z } from "zod";
import type { State } from "../base/state.ts";
import type { TwoSamples } from "../data/longterm.ts";
import { type Choice, chosen, fitChosen, learnerChoice } from "../learn/choice.ts";
import { crossFit, drawFolds } from "../learn/crossFit.ts";
import type { Model } from "../model/contract.ts";
import { effectsOn, functionOf, type HistoryPart, restoreEffects } from "./effects.ts";
import { type LongtermRecipe, longtermModel, type Shop } from "./model.ts";
import { neuralIndex, neuralSettings, type NeuralSettings } from "./neural.ts";
import { normalised, scoreWeights } from "./overlap.ts";
import { curved, type EffectConfig, effectConfig, weightConfig } from "./settings.ts";

export interface IndexConfig extends EffectConfig {
  readonly outcomeLearner: Choice;
  readonly clipWeights: number;
}

const boosting = { id: "boosting", rounds: 200, learningRate: 0.1, maxLeaves: 15, folds: 0 };

const indexShape = (standard: string | Choice): z.ZodType<IndexConfig> =>
  z.strictObject({
    outcomeLearner: learnerChoice(standard, "Learner of the outcome given features and surrogates: a name, or an object with id and settings."),
    ...weightConfig,
    ...effectConfig,
  }) as never;

/** E_H[Y | x, s] at rows of both samples; out of fold at those of history. */
async function surrogateIndex(
  samples: TwoSamples,
  choice: Choice,
  folds: number,
  shop: Shop,
): Promise<{ readonly history: Float64Array; readonly experiment: Float64Array }> {
  const learner = chosen(choice, "regressor");
  return shop.once(`surrogate index ${folds} ${learner.key}`, async (rng) => {
    const { history, experiment } = samples;
    const context = { ...shop, rng };
    const parts = drawFolds(new Int32Array(history.rows), undefined, folds, rng.split("folds"));
    const out = await crossFit(learner, history.z, history.y, undefined, parts, undefined, context);
    const fitted = await fitChosen(learner, history.z, history.y, undefined, context);
    return { history: out, experiment: await fitted.predict(experiment.z) };
  });
}

/** What history's residuals say of the average: alpha (y - h), one array of n_H a treated arm. */
export async function influences(
  samples: TwoSamples,
  index: Float64Array,
  clip: number,
  correct: boolean,
  shop: Shop,
): Promise<{
  readonly parts: HistoryPart[];
  readonly report: { readonly effectiveRows: number; readonly largestWeight: number; readonly clippedWeights: number };
}> {
  const parts: HistoryPart[] = [];
  let report = { effectiveRows: 0, largestWeight: 0, clippedWeights: 0 };
  for (let a = 1; a < samples.arms.length; a++) {
    const { alpha, ratio } = await scoreWeights(samples, a, clip, shop);
    parts.push({ influence: alpha.map((w, i) => w * (samples.history.y[i] - index[i])), correct });
    report = { effectiveRows: ratio.effective, largestWeight: ratio.largest, clippedWeights: ratio.clipped };
  }
  return { parts, report };
}

function recipe(correct: boolean): LongtermRecipe<IndexConfig> {
  return {
    learn: async (config, samples, shop) => {
      const index = await surrogateIndex(samples, config.outcomeLearner, config.folds, shop);
      const { parts, report } = await influences(samples, index.history, config.clipWeights, correct, shop);
      const { effects, average } = await effectsOn(samples, { value: index.experiment, history: parts }, config, shop);
      return { effects, average, report: { weights: report } };
    },
    restore: restoreEffects,
  };
}

const athey = (departure?: string): { key: string; at: string; departure?: string } => ({
  key: "Athey2019surrogate",
  at: "theorem 1",
  ...(departure ? { departure } : {}),
});

/** Athey2019surrogate: effects on h(x, s) = E[Y | x, s], a linear regression in history. */
export const surrogateIndexLinear: Model<"surrogate-index", "longterm", z.ZodType<IndexConfig>> = longtermModel({
  id: "surrogate-index",
  summary: "Surrogate index: the outcome as a linear function of features and surrogates, learned in history, in place of the outcome.",
  source: [athey()],
  config: indexShape("linear"),
  quick: { folds: 2 },
  recipe: recipe(false),
});

/** The same with boosted trees. */
export const surrogateIndexBoosted: Model<"surrogate-index-boosted", "longterm", z.ZodType<IndexConfig>> = longtermModel({
  id: "surrogate-index-boosted",
  summary: "Surrogate index with boosted trees.",
  source: [athey()],
  config: indexShape(boosting),
  quick: { folds: 2, outcomeLearner: { id: "boosting", rounds: 20, folds: 0 } as never },
  recipe: recipe(false),
});

/** Chen2023: the index corrected by history's residuals, weighted by the surrogate score; right if either the index or the weights are. */
export const doublyRobustSurrogate: Model<"doubly-robust-surrogate", "longterm", z.ZodType<IndexConfig>> = longtermModel({
  id: "doubly-robust-surrogate",
  summary: "Surrogate index corrected by the weighted residuals of history; interval of the efficient influence function.",
  source: [{ key: "Chen2023", at: "theorem 3.1", departure: "weights are logistic regressions; arms' weights are normalised to mean 1" }],
  config: indexShape("linear"),
  quick: { folds: 2 },
  recipe: recipe(true),
});

export interface NeuralIndexConfig extends EffectConfig, NeuralSettings {
  readonly clipWeights: number;
}

/** The index as a net of dense layers. */
export const surrogateIndexNeural: Model<"surrogate-index-neural", "longterm", z.ZodType<NeuralIndexConfig>> = longtermModel({
  id: "surrogate-index-neural",
  summary: "Surrogate index with a net of dense layers.",
  source: [athey()],
  config: z.strictObject({ ...neuralSettings, ...weightConfig, ...effectConfig }) as unknown as z.ZodType<NeuralIndexConfig>,
  quick: { folds: 2, steps: 40, hidden: [8] } as never,
  engine: "net",
  recipe: {
    learn: async (config, samples, shop) => {
      const { history, experiment, engine } = await neuralIndex(config, samples, shop);
      const { parts, report } = await influences(samples, history, config.clipWeights, false, shop);
      const { effects, average } = await effectsOn(samples, { value: experiment, history: parts }, config, shop);
      return { effects, average, report: { weights: report, engine } };
    },
    restore: restoreEffects,
  },
});

export interface ScoreConfig extends EffectConfig {
  readonly clipWeights: number;
}

/**
 * Athey2019surrogate, theorem 2: outcomes of history, weighted to look like either arm of the experiment. Reads nothing off (x, s) but the weights. Effects
 * given x: a regression of weighted outcomes of history on x.
 */
export const surrogateScore: Model<"surrogate-score", "longterm", z.ZodType<ScoreConfig>> = longtermModel({
  id: "surrogate-score",
  summary: "Surrogate score: outcomes of history, weighted to look like either arm of the experiment.",
  source: [{ key: "Athey2019surrogate", at: "theorem 2", departure: "weights are logistic regressions, normalised to mean 1 in each arm" }],
  config: z.strictObject({ ...weightConfig, ...effectConfig }) as unknown as z.ZodType<ScoreConfig>,
  quick: { folds: 2 },
  recipe: {
    learn: async (config, samples, shop) => {
      const { history, arms } = samples;
      const learner = chosen(config.effectLearner, "regressor");
      const state: Awaited<ReturnType<typeof fitChosen>>[] = [];
      const average: { effect: number; se: number }[] = [];
      let report = {};
      for (let a = 1; a < arms.length; a++) {
        const { alpha, ratio } = await scoreWeights(samples, a, config.clipWeights, shop);
        const n = history.rows;
        const effect = alpha.reduce((sum, w, i) => sum + w * history.y[i], 0) / n;
        // Both arms' means are subtracted from the outcome where their weights stand, as for any ratio of sums.
        const centre = centred(samples, alpha);
        const se = Math.sqrt(centre.reduce((sum, v) => sum + v * v, 0)) / n;
        average.push({ effect, se });
        const base = normalised(ratio.weight);
        const target = alpha.map((w, i) => (w * history.y[i]) / Math.max(base[i], 1e-12));
        state.push(await fitChosen(learner, curved(history.x, config.curvature), target, base, { ...shop, rng: shop.rng.split("effect", a) }));
        report = { effectiveRows: ratio.effective, largestWeight: ratio.largest, clippedWeights: ratio.clipped };
      }
      return { effects: functionOf(state, [], config.curvature), average, report: { weights: report } };
    },
    restore: async (config: ScoreConfig, arms: readonly string[], saved: State) => restoreEffects(config, arms, saved),
  },
});

function centred({ history }: TwoSamples, alpha: Float64Array): Float64Array {
  const mean = history.y.reduce((a, b) => a + b, 0) / history.rows;
  return alpha.map((w, i) => w * (history.y[i] - mean));
}

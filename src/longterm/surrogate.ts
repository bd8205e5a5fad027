import { z } from "zod";
import { variance } from "../base/stats/moments.ts";
import type { TwoSamples } from "../data/longterm.ts";
import { type Choice, type ChosenLearner, chosen, fitChosen, learnerChoice } from "../learn/choice.ts";
import type { FittedLearner } from "../learn/contract.ts";
import { crossFit, drawFolds } from "../learn/crossFit.ts";
import type { Model } from "../model/contract.ts";
import { balanceArms } from "./balance.ts";
import { effectsOn, functionOf, type HistoryPart, restoreEffects, robustScores } from "./effects.ts";
import { type AverageEffect, type LongtermRecipe, longtermModel, type Shop } from "./model.ts";
import { neuralIndex, neuralSettings, type NeuralSettings } from "./neural.ts";
import { scoreWeights } from "./overlap.ts";
import { curved, type EffectConfig, effectConfig, weightConfig } from "./settings.ts";

export interface IndexConfig extends EffectConfig {
  readonly outcomeLearner: Choice;
  /** What the learner starts from, where that can be chosen. */
  readonly start?: "line" | "nothing";
  readonly clipWeights: number;
}

const boosting = { id: "boosting", rounds: 200, learningRate: 0.1, maxLeaves: 15, folds: 0 };

const indexShape = <More extends z.ZodRawShape>(standard: string | Choice, more?: More): z.ZodType<IndexConfig> =>
  z.strictObject({
    outcomeLearner: learnerChoice(standard, "Learner of the outcome given features and surrogates: a name, or an object with id and settings."),
    ...more,
    ...weightConfig,
    ...effectConfig,
  }) as never;

/**
 * A learner of what a line leaves: the line first, then the learner on its residuals. Trees by themselves draw slopes together, and an effect that goes along such a slope
 * with them. Made for the index, which is read at once: it cannot be saved.
 */
function onLine({ learner, config, key }: ChosenLearner): ChosenLearner {
  const line = chosen({ id: "linear" }, "regressor");
  return {
    config,
    key: `${key} on a line`,
    learner: {
      ...learner,
      fit: async (own, x, y, weight, context) => {
        const straight = await fitChosen(line, x, y, weight, context);
        const base = await straight.predict(x);
        const rest = await learner.fit(
          own,
          x,
          y.map((v, i) => v - base[i]),
          weight,
          context,
        );
        return {
          predict: async (given) => {
            const [under, over] = [await straight.predict(given), await rest.predict(given)];
            return under.map((v, i) => v + over[i]);
          },
          state: () => {
            throw new Error("an index on a line is not saved");
          },
        };
      },
    },
  };
}

/** E_H[Y | x, s] at rows of both samples; out of fold at those of history. */
async function surrogateIndex(
  samples: TwoSamples,
  learner: ChosenLearner,
  folds: number,
  shop: Shop,
): Promise<{ readonly history: Float64Array; readonly experiment: Float64Array }> {
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
      const learner = chosen(config.outcomeLearner, "regressor");
      const index = await surrogateIndex(samples, config.start === "line" ? onLine(learner) : learner, config.folds, shop);
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

/** The same with boosted trees, grown on what a linear regression leaves. */
export const surrogateIndexBoosted: Model<"surrogate-index-boosted", "longterm", z.ZodType<IndexConfig>> = longtermModel({
  id: "surrogate-index-boosted",
  summary: "Surrogate index with boosted trees, grown on what a linear regression leaves.",
  source: [athey()],
  config: indexShape(boosting, {
    start: z
      .enum(["line", "nothing"])
      .default("line")
      .describe("line: the learner is given what a linear regression leaves; nothing: the outcome itself. Trees alone shrink slopes."),
  }),
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

/**
 * Athey2019surrogate, theorem 2: outcomes of history, weighted to look like either arm of the experiment. Weights are learned without outcomes, by balance (see `balanceArms`).
 * Effects given x: regressions of history's outcomes on x under the weights of either arm, at the experiment's features. The standard error counts what the
 * weights do not know: as for any calibrated mean, that of history's distance from the line through what is balanced, and that of the line's means over the experiment.
 */
export const surrogateScore: Model<"surrogate-score", "longterm", z.ZodType<EffectConfig>> = longtermModel({
  id: "surrogate-score",
  summary: "Surrogate score: outcomes of history, weighted to look like either arm of the experiment.",
  source: [
    {
      key: "Athey2019surrogate",
      at: "theorem 2",
      departure:
        "weights are learned by entropy balancing, each arm's ratio at once: logistic regressions of arm and sample do not know that history is a mixture of treated and untreated",
    },
    { key: "Hainmueller2012" },
    { key: "Zhao2017balance" },
  ],
  config: z.strictObject({ ...effectConfig }) as unknown as z.ZodType<EffectConfig>,
  quick: { folds: 2 },
  recipe: {
    learn: async (config, samples, shop) => {
      const { history, experiment, arms } = samples;
      const learner = chosen(config.effectLearner, "regressor");
      const balanced = await shop.once("balanced arms", async () => balanceArms(samples));
      const scores = await robustScores(
        samples,
        Float64Array.from(experiment.arm, (a, i) => balanced[a].line.experiment[i]),
        config,
        shop,
        "balanced",
      );
      const past = curved(history.x, config.curvature);
      const now = curved(experiment.x, config.curvature);
      const means: Float64Array[] = [];
      for (const [a, { weight }] of balanced.entries())
        means.push(await (await fitChosen(learner, past, history.y, weight, { ...shop, rng: shop.rng.split("mean", a) })).predict(now));
      const n = history.rows;
      const off = balanced.map(({ weight, line, free }) =>
        weight.map((w, i) => (w * (history.y[i] - line.history[i])) / Math.sqrt(free > 0 ? free : Number.NaN)),
      );
      const state: FittedLearner[] = [];
      const average: AverageEffect[] = [];
      for (let a = 1; a < arms.length; a++) {
        const { weight } = balanced[a];
        const effect = history.y.reduce((sum, v, i) => sum + (weight[i] - balanced[0].weight[i]) * v, 0) / n;
        const own = off[a].reduce((sum, v, i) => sum + (v - off[0][i]) ** 2, 0) / n ** 2;
        average.push({ effect, se: Math.sqrt(own + variance(scores[a - 1]) / experiment.rows) });
        const target = means[a].map((v, i) => v - means[0][i]);
        state.push(await fitChosen(learner, now, target, undefined, { ...shop, rng: shop.rng.split("effect", a) }));
      }
      const weights = balanced.map(({ effective, largest, imbalance }, a) => ({ arm: arms[a], effectiveRows: effective, largestWeight: largest, imbalance }));
      return { effects: functionOf(state, [], config.curvature), average, report: { weights } };
    },
    restore: restoreEffects,
  },
});

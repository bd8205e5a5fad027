import { mean, variance } from "../base/stats/moments.ts";
import type { State } from "../base/state.ts";
import type { TwoSamples } from "../data/longterm.ts";
import { bundle, unbundle } from "../learn/bundle.ts";
import { chosen, fitChosen, restoreChosen } from "../learn/choice.ts";
import type { FittedLearner } from "../learn/contract.ts";
import { crossFit, drawFolds, type Folds } from "../learn/crossFit.ts";
import type { AverageEffect, EffectFunction, Shop } from "./model.ts";
import { curved, type EffectConfig } from "./settings.ts";

/** What history adds to an average effect: the variance of its part, and a correction where the method makes one. */
export interface HistoryPart {
  /** n_H influences, mean 0 but for chance. */
  readonly influence: Float64Array;
  /** Whether their mean is added to the effect. */
  readonly correct: boolean;
}

/** Values of the experiment's rows that stand in for the outcome. */
export interface Imputed {
  /** n_E values. */
  readonly value: Float64Array;
  /** Values as they would be without the part of the effect that goes around the surrogates. */
  readonly through?: Float64Array;
  /** By treated arm. */
  readonly history?: readonly HistoryPart[];
  /** Effects given x that are known by other means, by treated arm: a share of them is taken, and what the scores add to it is regressed on x. */
  readonly around?: { readonly effect: readonly Float64Array[]; readonly indirect: readonly Float64Array[] };
}

/**
 * Average and conditional effects on values of the experiment's rows: doubly robust scores (Robins1994) with cross-fitted linear means, then a
 * regression of the scores on x (Kennedy2023).
 */
export async function effectsOn(
  samples: TwoSamples,
  { value, through, history, around }: Imputed,
  config: EffectConfig,
  shop: Shop,
): Promise<{
  readonly effects: EffectFunction;
  readonly average: readonly AverageEffect[];
  readonly scores: readonly Float64Array[];
  /** How much of `around` the effects are to be added to, by treated arm. */
  readonly shares: { readonly effect: readonly number[]; readonly indirect: readonly number[] };
}> {
  const { experiment, arms } = samples;
  const scores = await robustScores(samples, value, config, shop, "value");
  const short = through === undefined ? undefined : await robustScores(samples, through, config, shop, "through");
  const learner = chosen(config.effectLearner, "regressor");
  const x = curved(experiment.x, config.curvature);
  const one = async (score: Float64Array, known: Float64Array | undefined, label: string, a: number): Promise<{ fitted: FittedLearner; share: number }> => {
    const own = { ...shop, rng: shop.rng.split(label, a) };
    const share = known === undefined ? 0 : await shareOf(score, known, (y, folds) => crossFit(learner, x, y, undefined, folds, undefined, own), config, shop);
    const rest = known === undefined ? score : score.map((v, i) => v - share * known[i]);
    return { fitted: await fitChosen(learner, x, rest, undefined, own), share };
  };
  const [learned, carried]: { fitted: FittedLearner; share: number }[][] = [[], []];
  for (let a = 1; a < arms.length; a++) {
    learned.push(await one(scores[a - 1], around?.effect[a - 1], "effect", a));
    if (short !== undefined) carried.push(await one(short[a - 1], around?.indirect[a - 1], "indirect", a));
  }
  const average = scores.map((score, k): AverageEffect => {
    const part = history?.[k];
    const own = variance(score) / score.length;
    const past = part === undefined ? 0 : variance(part.influence) / part.influence.length;
    const moved = part?.correct ? mean(part.influence) : 0;
    return { effect: mean(score) + moved, se: Math.sqrt(own + past), ...(short === undefined ? {} : { indirect: mean(short[k]) }) };
  });
  const fits = (list: typeof learned): FittedLearner[] => list.map(({ fitted }) => fitted);
  return {
    effects: functionOf(fits(learned), fits(carried), config.curvature),
    average,
    scores,
    shares: { effect: learned.map(({ share }) => share), indirect: carried.map(({ share }) => share) },
  };
}

/** How much of known effects given x to take: the share between 0 and 1 with which scores are predicted best on rows left out, the rest being regressed on x. */
async function shareOf(
  score: Float64Array,
  known: Float64Array,
  regress: (y: Float64Array, folds: Folds) => Promise<Float64Array>,
  config: EffectConfig,
  shop: Shop,
): Promise<number> {
  const folds = drawFolds(new Int32Array(score.length), undefined, config.folds, shop.rng.split("share"));
  const less = score.map((v, i) => v - known[i]);
  const [without, withAll] = [await regress(score, folds), await regress(less, folds)];
  let [along, square] = [0, 0];
  for (let i = 0; i < score.length; i++) {
    const difference = known[i] + withAll[i] - without[i];
    along += (score[i] - without[i]) * difference;
    square += difference * difference;
  }
  return square > 0 ? Math.max(0, Math.min(1, along / square)) : 0;
}

/** The effects of learners of x, one a treated arm; `carried` holds those of the indirect part, or nothing. */
export function functionOf(learned: readonly FittedLearner[], carried: readonly FittedLearner[] = [], curvature = true): EffectFunction {
  return {
    predict: async (given) => {
      const x = curved(given, curvature);
      const effect: Float64Array[] = [];
      const indirect: Float64Array[] = [];
      for (const one of learned) effect.push(await one.predict(x));
      for (const one of carried) indirect.push(await one.predict(x));
      return { effect, ...(carried.length > 0 ? { indirect } : {}) };
    },
    state: () =>
      bundle(
        Object.fromEntries([
          ...learned.map((one, a): [string, State] => [`effect${a}`, one.state()]),
          ...carried.map((one, a): [string, State] => [`indirect${a}`, one.state()]),
        ]),
      ),
  };
}

export async function restoreEffects(config: EffectConfig, arms: readonly string[], state: State): Promise<EffectFunction> {
  const learner = chosen(config.effectLearner, "regressor");
  const has = (name: string): boolean => (state.json as Record<string, unknown>)[name] !== undefined;
  const learned: FittedLearner[] = [];
  const carried: FittedLearner[] = [];
  for (let a = 0; a < arms.length - 1; a++) {
    learned.push(await restoreChosen(learner, unbundle(state, `effect${a}`)));
    if (has(`indirect${a}`)) carried.push(await restoreChosen(learner, unbundle(state, `indirect${a}`)));
  }
  return functionOf(learned, carried, config.curvature);
}

/** mu_a - mu_0 + 1(A = a) (v - mu_a) / e_a - 1(A = 0) (v - mu_0) / e_0 for each treated arm: arrays of n_E. */
export async function robustScores(samples: TwoSamples, value: Float64Array, config: EffectConfig, shop: Shop, label: string): Promise<Float64Array[]> {
  const { experiment, arms } = samples;
  const { arm, e } = experiment;
  const x = curved(experiment.x, config.curvature);
  const learner = chosen({ id: "linear" }, "regressor");
  const folds = drawFolds(arm, undefined, config.folds, shop.rng.split("folds"));
  const mu: Float64Array[] = [];
  for (let a = 0; a < arms.length; a++)
    mu.push(
      x.columns.length === 0
        ? new Float64Array(x.rows).fill(mean(value.filter((_, i) => arm[i] === a)))
        : await crossFit(learner, x, value, undefined, folds, (i) => arm[i] === a, { ...shop, rng: shop.rng.split(label, a) }),
    );
  return arms.slice(1).map((_, k) => {
    const a = k + 1;
    return Float64Array.from(value, (v, i) => {
      const base = mu[a][i] - mu[0][i];
      if (arm[i] === a) return base + (v - mu[a][i]) / e[a][i];
      return arm[i] === 0 ? base - (v - mu[0][i]) / e[0][i] : base;
    });
  });
}

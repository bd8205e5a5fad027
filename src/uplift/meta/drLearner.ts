import { z } from "zod";
import { unbundle } from "../../learn/bundle.ts";
import { type Choice, chosen, fitChosen, learnerChoice, restoreChosen } from "../../learn/choice.ts";
import type { FittedLearner } from "../../learn/contract.ts";
import type { Model } from "../../model/contract.ts";
import { estimateOf, stateOf } from "./effects.ts";
import type { Experiment } from "./experiment.ts";
import { outcomeLearnerFor, outcomeOfArmOutOfFold, renumbered } from "./outcome.ts";
import { type PropensityConfig, propensities, propensityConfig } from "./propensity.ts";
import { type IntervalConfig, intervalConfig, type Learned, metaLearner, type Recipe } from "./recipe.ts";

export interface DrLearnerConfig extends IntervalConfig, PropensityConfig {
  readonly outcomeLearner: Choice;
  readonly effectLearner: Choice;
  readonly folds: number;
}

const config: z.ZodType<DrLearnerConfig> = z.strictObject({
  outcomeLearner: learnerChoice("boosting", "Learner of the outcome in each arm: a name, or an object with id and settings."),
  effectLearner: learnerChoice("linear", "Learner of the effect, from pseudo-outcomes: a name, or an object with id and settings."),
  folds: z.int().min(2).max(50).default(5).describe("Folds in which outcomes and propensity are cross-fitted."),
  ...propensityConfig,
  ...intervalConfig,
});

const recipe: Recipe<DrLearnerConfig> = {
  learn: async (config, experiment, shop) => {
    const { x, arm, arms, weight, group } = experiment;
    shop.progress(0, "propensity");
    const { of: e, report } = await propensities(config, config.folds, experiment, shop);
    const outcome = outcomeLearnerFor(config.outcomeLearner, experiment.kind);
    const mu: Float64Array[] = [];
    for (let a = 0; a < arms.length; a++) {
      shop.progress(0.1 + (0.7 * a) / arms.length, `outcome of arm ${arms[a]}`);
      mu.push(await outcomeOfArmOutOfFold(outcome, config.folds, experiment, a, shop));
    }
    const effect = chosen(config.effectLearner, "regressor");
    const rows = Int32Array.from(arm.keys());
    const inference = shop.errors ? { cluster: group && renumbered(rows, group) } : undefined;
    const tau: FittedLearner[] = [];
    const averages: Record<string, { value: number; se: number }> = {};
    for (let a = 1; a < arms.length; a++) {
      shop.progress(0.8 + (0.2 * (a - 1)) / (arms.length - 1), `effect of arm ${arms[a]}`);
      const phi = pseudoOutcome(experiment, a, mu, e);
      averages[arms[a]] = average(phi, weight, inference?.cluster);
      tau.push(await fitChosen(effect, x, phi, weight, { ...shop, rng: shop.rng.split("effect", a), inference }));
    }
    return learned(tau, arms, { ...report, averageEffect: averages });
  },
  restore: async (config, about, state) => {
    const effect = chosen(config.effectLearner, "regressor");
    return learned(await Promise.all(about.arms.slice(1).map((_, k) => restoreChosen(effect, unbundle(state, `tau${k + 1}`)))), about.arms, {});
  },
};

// Kennedy2023, alg. 1, for arm a against the control: its mean given x is the effect when either mu or e is right.
function pseudoOutcome({ y, arm }: Experiment, a: number, mu: readonly Float64Array[], e: readonly Float64Array[]): Float64Array {
  return y.map((outcome, i) => {
    const plugIn = mu[a][i] - mu[0][i];
    if (arm[i] === a) return plugIn + (outcome - mu[a][i]) / e[a][i];
    if (arm[i] === 0) return plugIn - (outcome - mu[0][i]) / e[0][i];
    return plugIn;
  });
}

/** Mean of the pseudo-outcomes and its standard error, over groups where there are groups. */
function average(phi: Float64Array, weight: Float64Array | undefined, cluster: Int32Array | undefined): { value: number; se: number } {
  let total = 0;
  let sum = 0;
  for (let i = 0; i < phi.length; i++) {
    const w = weight === undefined ? 1 : weight[i];
    total += w;
    sum += w * phi[i];
  }
  const value = sum / total;
  const scores = new Float64Array(cluster === undefined ? phi.length : cluster.reduce((most, g) => Math.max(most, g + 1), 0));
  for (let i = 0; i < phi.length; i++) scores[cluster === undefined ? i : cluster[i]] += (weight === undefined ? 1 : weight[i]) * (phi[i] - value);
  let square = 0;
  for (const score of scores) square += score * score;
  return { value, se: Math.sqrt((square * scores.length) / Math.max(1, scores.length - 1)) / total };
}

function learned(tau: readonly FittedLearner[], arms: readonly string[], report: Learned["report"]): Learned {
  return {
    report: { ...report, effect: Object.fromEntries(tau.map((learner, k) => [arms[k + 1], learner.report ?? {}])) },
    estimate: (x) => estimateOf(tau, x),
    state: () => stateOf(tau),
  };
}

/** A regression on doubly robust pseudo-outcomes. */
export const drLearner: Model<"dr-learner", "uplift", z.ZodType<DrLearnerConfig>> = metaLearner({
  id: "dr-learner",
  summary: "Regression on doubly robust pseudo-outcomes; with a linear effect, intervals for the best linear fit to the effects.",
  source: [
    {
      key: "Kennedy2023",
      at: "alg. 1",
      departure: "Nuisances come from folds and one regression runs over all rows, in place of averaging over three-way splits.",
    },
    { key: "Semenova2021", at: "intervals with a linear effect" },
  ],
  config,
  quick: { outcomeLearner: "linear", effectLearner: "linear", folds: 2 },
  recipe,
});

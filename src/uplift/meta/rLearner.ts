import { z } from "zod";
import { unbundle } from "../../learn/bundle.ts";
import { type Choice, chosen, fitChosen, learnerChoice, restoreChosen } from "../../learn/choice.ts";
import type { FittedLearner } from "../../learn/contract.ts";
import { rowsWhere, takeFeatures } from "../../learn/crossFit.ts";
import type { Model } from "../../model/contract.ts";
import { estimateOf, stateOf } from "./effects.ts";
import type { Experiment, Workshop } from "./experiment.ts";
import { outcomeLearnerFor, outcomeOfPairOutOfFold, renumbered } from "./outcome.ts";
import { type PropensityConfig, propensities, propensityConfig } from "./propensity.ts";
import { type IntervalConfig, intervalConfig, type Learned, metaLearner, type Recipe } from "./recipe.ts";

export interface RLearnerConfig extends IntervalConfig, PropensityConfig {
  readonly outcomeLearner: Choice;
  readonly effectLearner: Choice;
  readonly folds: number;
}

const config: z.ZodType<RLearnerConfig> = z.strictObject({
  outcomeLearner: learnerChoice("boosting", "Learner of the expected outcome over both arms: a name, or an object with id and settings."),
  effectLearner: learnerChoice("stack", "Learner of the effect: a name, or an object with id and settings."),
  folds: z.int().min(2).max(50).default(5).describe("Folds in which outcome and propensity are cross-fitted."),
  ...propensityConfig,
  ...intervalConfig,
});

const recipe: Recipe<RLearnerConfig> = {
  learn: async (config, experiment, shop) => {
    shop.progress(0, "propensity");
    const { of: e, report } = await propensities(config, config.folds, experiment, shop);
    const tau: FittedLearner[] = [];
    for (let a = 1; a < experiment.arms.length; a++) {
      shop.progress(a / experiment.arms.length, `effect of arm ${experiment.arms[a]}`);
      tau.push(await learnArm(config, experiment, a, e, shop));
    }
    return learned(tau, experiment.arms, report);
  },
  restore: async (config, about, state) => {
    const effect = chosen(config.effectLearner, "regressor");
    return learned(await Promise.all(about.arms.slice(1).map((_, k) => restoreChosen(effect, unbundle(state, `tau${k + 1}`)))), about.arms, {});
  },
};

/**
 * Nie2021, eq. 4: tau minimises the sum of w ((y - m(x)) - (t - e(x)) tau(x))^2, which is a regression of (y - m) / (t - e) with weights
 * w (t - e)^2. Several arms are taken one by one against the control, each on the rows of the two arms.
 */
async function learnArm(config: RLearnerConfig, experiment: Experiment, a: number, e: readonly Float64Array[], shop: Workshop): Promise<FittedLearner> {
  const { x, y, arm, weight, group } = experiment;
  const m = await outcomeOfPairOutOfFold(outcomeLearnerFor(config.outcomeLearner, experiment.kind), config.folds, experiment, a, shop);
  const rows = rowsWhere(arm.length, (i) => arm[i] === 0 || arm[i] === a);
  const target = new Float64Array(rows.length);
  const importance = new Float64Array(rows.length);
  rows.forEach((i, k) => {
    const surprise = (arm[i] === a ? 1 : 0) - e[a][i] / (e[a][i] + e[0][i]);
    target[k] = (y[i] - m[i]) / surprise;
    importance[k] = (weight === undefined ? 1 : weight[i]) * surprise * surprise;
  });
  const inference = shop.errors ? { cluster: group && renumbered(rows, group) } : undefined;
  return fitChosen(chosen(config.effectLearner, "regressor"), takeFeatures(x, rows), target, importance, {
    ...shop,
    rng: shop.rng.split("effect", a),
    inference,
  });
}

function learned(tau: readonly FittedLearner[], arms: readonly string[], report: Learned["report"]): Learned {
  return {
    report: { ...report, effect: Object.fromEntries(tau.map((learner, k) => [arms[k + 1], learner.report ?? {}])) },
    estimate: (x) => estimateOf(tau, x),
    state: () => stateOf(tau),
  };
}

/** Residuals of the outcome regressed on residuals of the treatment. */
export const rLearner: Model<"r-learner", "uplift", z.ZodType<RLearnerConfig>> = metaLearner({
  id: "r-learner",
  summary: "Residuals of the outcome on residuals of the treatment, cross-fitted; robust to errors of both nuisance models.",
  source: [{ key: "Nie2021", at: "eq. 4", departure: "Several arms are learned one by one against the control." }],
  config,
  quick: { outcomeLearner: "linear", effectLearner: "linear", folds: 2 },
  recipe,
});

import { z } from "zod";
import { type Choice, learnerChoice, restoreChosen } from "../../learn/choice.ts";
import { bundle, unbundle } from "../../learn/bundle.ts";
import type { FittedLearner } from "../../learn/contract.ts";
import type { Model } from "../../model/contract.ts";
import { outcomeLearnerFor, outcomeOfArm } from "./outcome.ts";
import { type IntervalConfig, intervalConfig, type Learned, metaLearner, type Recipe } from "./recipe.ts";

export interface TLearnerConfig extends IntervalConfig {
  readonly outcomeLearner: Choice;
}

const config: z.ZodType<TLearnerConfig> = z.strictObject({
  outcomeLearner: learnerChoice("stack", "Learner of the outcome in each arm: a name, or an object with id and settings."),
  ...intervalConfig,
});

// Kunzel2019, sec. 2: tau_a(x) = mu_a(x) - mu_0(x), each mu from the rows of its arm alone.
const recipe: Recipe<TLearnerConfig> = {
  learn: async (config, experiment, shop) => {
    const learner = outcomeLearnerFor(config.outcomeLearner, experiment.kind);
    const mu: FittedLearner[] = [];
    for (let a = 0; a < experiment.arms.length; a++) {
      shop.progress(a / experiment.arms.length, `outcome of arm ${experiment.arms[a]}`);
      mu.push(await outcomeOfArm(learner, experiment, a, shop));
    }
    return learned(mu, experiment.arms);
  },
  restore: async (config, about, state) => {
    const learner = outcomeLearnerFor(config.outcomeLearner, about.kind);
    return learned(await Promise.all(about.arms.map((_, a) => restoreChosen(learner, unbundle(state, `mu${a}`)))), about.arms);
  },
};

function learned(mu: readonly FittedLearner[], arms: readonly string[]): Learned {
  return {
    report: { outcome: Object.fromEntries(arms.map((name, a) => [name, mu[a].report ?? {}])) },
    estimate: async (x) => {
      const outcome = await Promise.all(mu.map((learner) => learner.predict(x)));
      const effect = outcome.slice(1).map((values) => values.map((value, i) => value - outcome[0][i]));
      const errors = await Promise.all(mu.map((learner) => learner.standardError?.(x)));
      if (errors.includes(undefined)) return { effect, outcome };
      // The arms share no row: their errors are independent.
      const [control, ...treated] = errors as Float64Array[];
      return { effect, outcome, standardError: treated.map((values) => values.map((value, i) => Math.hypot(value, control[i]))) };
    },
    state: () => bundle(Object.fromEntries(mu.map((learner, a) => [`mu${a}`, learner.state()]))),
  };
}

/** One regression an arm; the effect is the difference of two predictions. */
export const tLearner: Model<"t-learner", "uplift", z.ZodType<TLearnerConfig>> = metaLearner({
  id: "t-learner",
  summary: "One regression of the outcome an arm; the effect is their difference.",
  source: [{ key: "Kunzel2019", at: "sec. 2" }],
  config,
  quick: { outcomeLearner: "linear" },
  recipe,
});

import { z } from "zod";
import type { Json } from "../../base/state.ts";
import { bundle, unbundle } from "../../learn/bundle.ts";
import { type Choice, chosen, fitChosen, learnerChoice, restoreChosen } from "../../learn/choice.ts";
import type { FittedLearner } from "../../learn/contract.ts";
import { rowsWhere, takeFeatures, takeNumbers } from "../../learn/crossFit.ts";
import type { Features } from "../../data/schema.ts";
import type { Model } from "../../model/contract.ts";
import type { Experiment, Workshop } from "./experiment.ts";
import { outcomeLearnerFor, outcomeOfArm } from "./outcome.ts";
import { type IntervalConfig, intervalConfig, type Learned, metaLearner, type Recipe } from "./recipe.ts";

export interface XLearnerConfig extends IntervalConfig {
  readonly outcomeLearner: Choice;
  readonly effectLearner: Choice;
  readonly weighting: "share" | "estimate";
  readonly propensityLearner: Choice;
}

const config: z.ZodType<XLearnerConfig> = z.strictObject({
  outcomeLearner: learnerChoice("stack", "Learner of the outcome in each arm: a name, or an object with id and settings."),
  effectLearner: learnerChoice("stack", "Learner of the imputed effects: a name, or an object with id and settings."),
  weighting: z
    .enum(["share", "estimate"])
    .default("estimate")
    .describe(
      "How the two effect estimates are mixed: by the arm's share of the rows, or by its estimated propensity. Any weight is valid; it moves variance, not bias.",
    ),
  propensityLearner: learnerChoice("linear", "Learner of the propensity where it is estimated: a name, or an object with id and settings."),
  ...intervalConfig,
});

/** What stands behind one treated arm's effect. */
interface Arm {
  /** Effect learned from the control's rows, and from the arm's own. */
  readonly tau0: FittedLearner;
  readonly tau1: FittedLearner;
  /** g(x): probability of the arm among its rows and the control's; a number where it is the same for everyone. */
  readonly g: FittedLearner | number;
}

const recipe: Recipe<XLearnerConfig> = {
  learn: async (config, experiment, shop) => {
    const outcome = outcomeLearnerFor(config.outcomeLearner, experiment.kind);
    const mu: FittedLearner[] = [];
    for (let a = 0; a < experiment.arms.length; a++) {
      shop.progress((a / experiment.arms.length) * 0.5, `outcome of arm ${experiment.arms[a]}`);
      mu.push(await outcomeOfArm(outcome, experiment, a, shop));
    }
    const treated: Arm[] = [];
    for (let a = 1; a < mu.length; a++) {
      shop.progress(0.5 + ((a - 1) / (mu.length - 1)) * 0.5, `effect of arm ${experiment.arms[a]}`);
      treated.push(await learnArm(config, experiment, a, mu, shop));
    }
    return learned(treated, experiment.arms);
  },
  restore: async (config, about, state) => {
    const effect = chosen(config.effectLearner, "regressor");
    const propensity = chosen(config.propensityLearner, "classifier");
    const treated: Arm[] = [];
    for (let a = 1; a < about.arms.length; a++) {
      const saved = unbundle(state, `g${a}`);
      treated.push({
        tau0: await restoreChosen(effect, unbundle(state, `control${a}`)),
        tau1: await restoreChosen(effect, unbundle(state, `treated${a}`)),
        g: typeof saved.json === "number" ? saved.json : await restoreChosen(propensity, saved),
      });
    }
    return learned(treated, about.arms);
  },
};

async function learnArm(config: XLearnerConfig, experiment: Experiment, a: number, mu: readonly FittedLearner[], shop: Workshop): Promise<Arm> {
  const { x, y, arm, weight } = experiment;
  const effect = chosen(config.effectLearner, "regressor");
  // Kunzel2019, sec. 3, stage 2: D = Y - mu_0(x) on the treated, D = mu_a(x) - Y on the control. Neither mu has seen the rows it is used on.
  const imputed = async (own: number, other: FittedLearner, sign: 1 | -1, stream: string): Promise<FittedLearner> => {
    const rows = rowsWhere(arm.length, (i) => arm[i] === own);
    const features = takeFeatures(x, rows);
    const expected = await other.predict(features);
    const d = expected.map((value, k) => sign * (y[rows[k]] - value));
    return fitChosen(effect, features, d, weight && takeNumbers(weight, rows), { ...shop, rng: shop.rng.split(stream, a) });
  };
  return { tau1: await imputed(a, mu[0], 1, "treated"), tau0: await imputed(0, mu[a], -1, "control"), g: await mixing(config, experiment, a, shop) };
}

async function mixing(config: XLearnerConfig, { x, arm, weight }: Experiment, a: number, shop: Workshop): Promise<FittedLearner | number> {
  const rows = rowsWhere(arm.length, (i) => arm[i] === 0 || arm[i] === a);
  const t = Float64Array.from(rows, (row) => (arm[row] === a ? 1 : 0));
  const w = weight && takeNumbers(weight, rows);
  if (config.weighting === "share") {
    const total = w === undefined ? t.length : w.reduce((sum, v) => sum + v, 0);
    return t.reduce((sum, v, k) => sum + v * (w === undefined ? 1 : w[k]), 0) / total;
  }
  const classifier = chosen(config.propensityLearner, "classifier");
  return shop.once(`propensity ${a}, all rows: ${classifier.key}`, (rng) => fitChosen(classifier, takeFeatures(x, rows), t, w, { ...shop, rng }));
}

function learned(treated: readonly Arm[], arms: readonly string[]): Learned {
  return {
    report: { weighting: Object.fromEntries(treated.map(({ g }, k) => [arms[k + 1], typeof g === "number" ? g : (g.report ?? {})])) },
    estimate: async (x) => ({ effect: await Promise.all(treated.map((arm) => mixed(arm, x))) }),
    state: () =>
      bundle(
        Object.fromEntries(
          treated.flatMap(({ tau0, tau1, g }, k) => [
            [`control${k + 1}`, tau0.state()],
            [`treated${k + 1}`, tau1.state()],
            [`g${k + 1}`, typeof g === "number" ? { json: g as Json, arrays: {} } : g.state()],
          ]),
        ),
      ),
  };
}

// Kunzel2019, sec. 3, stage 3: tau(x) = g(x) tau_0(x) + (1 - g(x)) tau_1(x).
async function mixed({ tau0, tau1, g }: Arm, x: Features): Promise<Float64Array> {
  const [fromControl, fromTreated] = [await tau0.predict(x), await tau1.predict(x)];
  const share = typeof g === "number" ? undefined : await g.predict(x);
  return fromControl.map((effect, i) => {
    const p = share === undefined ? (g as number) : share[i];
    return p * effect + (1 - p) * fromTreated[i];
  });
}

/** Effects imputed in each arm by the other arm's regression, learned, and mixed by propensity. */
export const xLearner: Model<"x-learner", "uplift", z.ZodType<XLearnerConfig>> = metaLearner({
  id: "x-learner",
  summary: "Effects imputed by the other arm's regression, learned in both arms and mixed by propensity; good with arms of unequal size.",
  source: [{ key: "Kunzel2019", at: "sec. 3" }],
  config,
  quick: { outcomeLearner: "linear", effectLearner: "linear" },
  recipe,
});

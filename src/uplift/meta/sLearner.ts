import { z } from "zod";
import type { CategoryColumn, Column, Features } from "../../data/schema.ts";
import type { Json } from "../../base/state.ts";
import { bundle, unbundle } from "../../learn/bundle.ts";
import { type Choice, fitChosen, learnerChoice, restoreChosen } from "../../learn/choice.ts";
import type { FittedLearner } from "../../learn/contract.ts";
import { type Encoder, fitEncoder, restoreEncoder } from "../../learn/encode.ts";
import type { Model } from "../../model/contract.ts";
import { outcomeLearnerFor } from "./outcome.ts";
import { type IntervalConfig, intervalConfig, type Learned, metaLearner, type Recipe } from "./recipe.ts";

export interface SLearnerConfig extends IntervalConfig {
  readonly outcomeLearner: Choice;
}

const config: z.ZodType<SLearnerConfig> = z.strictObject({
  outcomeLearner: learnerChoice("boosting", "Learner of the outcome: a name, or an object with id and settings."),
  ...intervalConfig,
});

/** Rows predicted in one go, so that the widened features of all rows need not stand in memory. */
const chunk = 65_536;

// Kunzel2019, sec. 2: tau_a(x) = mu(x, a) - mu(x, 0), one mu over all rows with the arm among the features.
const recipe: Recipe<SLearnerConfig> = {
  learn: async (config, experiment, shop) => {
    const { x, y, arm, arms, weight } = experiment;
    shop.progress(0, "outcome");
    const chosen = outcomeLearnerFor(config.outcomeLearner, experiment.kind);
    const encoder =
      chosen.learner.additive === true ? fitEncoder(x, { weight, maxLevels: (chosen.config as { readonly maxLevels?: number }).maxLevels }) : undefined;
    const mu = await fitChosen(chosen, withArm(x, arm, arms, encoder), y, weight, { ...shop, rng: shop.rng.split("outcome") });
    return learned(mu, arms, encoder);
  },
  restore: async (config, about, state) => {
    const chosen = outcomeLearnerFor(config.outcomeLearner, about.kind);
    const mu = await restoreChosen(chosen, unbundle(state, "mu"));
    const saved = unbundle(state, "encoder").json;
    return learned(mu, about.arms, saved === null ? undefined : restoreEncoder(saved));
  },
};

/**
 * The features with the arm beside them: as a category for learners that find interactions by themselves; for additive ones (which would
 * otherwise predict the same effect for everyone) as an indicator an arm and its product with every encoded column.
 */
function withArm(x: Features, arm: Int32Array, arms: readonly string[], encoder: Encoder | undefined): Features {
  if (encoder === undefined) {
    const given: CategoryColumn = { kind: "category", name: "(arm)", codes: arm, levels: arms };
    return { rows: x.rows, columns: [...x.columns, given] };
  }
  const encoded = encoder.encode(x);
  const columns: Column[] = encoded.map((values, j) => ({ kind: "number", name: encoder.names[j], values }));
  for (let a = 1; a < arms.length; a++) {
    const inArm = Float64Array.from(arm, (given) => (given === a ? 1 : 0));
    columns.push({ kind: "number", name: `arm ${arms[a]}`, values: inArm });
    encoded.forEach((values, j) =>
      columns.push({ kind: "number", name: `arm ${arms[a]} x ${encoder.names[j]}`, values: values.map((value, i) => value * inArm[i]) }),
    );
  }
  return { rows: x.rows, columns };
}

function learned(mu: FittedLearner, arms: readonly string[], encoder: Encoder | undefined): Learned {
  return {
    report: { outcome: mu.report ?? {} },
    estimate: async (x) => {
      const outcome = arms.map(() => new Float64Array(x.rows));
      for (let start = 0; start < x.rows; start += chunk) {
        const part = slice(x, start, Math.min(x.rows, start + chunk));
        for (let a = 0; a < arms.length; a++) outcome[a].set(await mu.predict(withArm(part, new Int32Array(part.rows).fill(a), arms, encoder)), start);
      }
      return { effect: outcome.slice(1).map((values) => values.map((value, i) => value - outcome[0][i])), outcome };
    },
    state: () => bundle({ mu: mu.state(), encoder: { json: (encoder?.state() ?? null) as Json, arrays: {} } }),
  };
}

function slice(x: Features, start: number, end: number): Features {
  if (start === 0 && end === x.rows) return x;
  const columns = x.columns.map((column): Column => {
    if (column.kind === "number") return { ...column, values: column.values.subarray(start, end) };
    if (column.kind === "category") return { ...column, codes: column.codes.subarray(start, end) };
    return { ...column, offsets: column.offsets.subarray(start, end + 1) };
  });
  return { rows: end - start, columns };
}

/** One regression over all rows with the arm among the features. */
export const sLearner: Model<"s-learner", "uplift", z.ZodType<SLearnerConfig>> = metaLearner({
  id: "s-learner",
  summary: "One regression of the outcome with the arm among the features; the effect is the change when the arm is switched.",
  source: [
    {
      key: "Kunzel2019",
      at: "sec. 2",
      departure: "Linear learners are given the products of arm and features, without which the effect would be the same for everyone.",
    },
  ],
  config,
  quick: { outcomeLearner: "linear" },
  recipe,
});

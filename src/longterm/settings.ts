import { z } from "zod";
import type { Features, NumberColumn } from "../data/schema.ts";
import { type Choice, learnerChoice } from "../learn/choice.ts";

/** How effects given x follow from values of the experiment's rows, whatever method gave the values. */
export interface EffectConfig {
  readonly effectLearner: Choice;
  readonly curvature: boolean;
  readonly folds: number;
  readonly level: number;
}

export const effectConfig: { readonly [K in keyof EffectConfig]: z.ZodType<EffectConfig[K], EffectConfig[K] | undefined> } = {
  effectLearner: learnerChoice("linear", "Learner of the effect given the features: a name, or an object with id and settings.") as never,
  curvature: z
    .boolean()
    .default(true)
    .describe("Whether squares of the numeric features (where there are at most 40) stand beside them where effects are regressed on features."),
  folds: z.int().min(2).max(20).default(5).describe("Folds of cross-fitting."),
  level: z.number().gt(0).lt(1).default(0.95).describe("Coverage of the intervals."),
};

/** How far one row of history may count. */
export const weightConfig: { readonly clipWeights: z.ZodType<number, number | undefined> } = {
  clipWeights: z
    .number()
    .min(0)
    .default(0)
    .describe("Largest weight of a row of history, in means; larger ones are cut and counted in the report. 0 cuts nothing."),
};

/** Features with the squares of those that are numbers, unless there are too many of them. */
export function curved(x: Features, wanted = true): Features {
  const numbers = x.columns.filter((column): column is NumberColumn => column.kind === "number");
  if (!wanted || numbers.length > 40) return x;
  return {
    rows: x.rows,
    columns: [...x.columns, ...numbers.map((column) => ({ ...column, name: `${column.name} squared`, values: column.values.map((v) => v * v) }))],
  };
}

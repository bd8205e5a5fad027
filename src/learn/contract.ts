import type { z } from "zod";
import type { Rng } from "../base/rng.ts";
import type { Json, State } from "../base/state.ts";
import type { Features } from "../data/schema.ts";

export interface LearnContext {
  readonly rng: Rng;
  readonly threads: number;
  readonly signal: AbortSignal;
  /** Asks for `standardError`; `cluster` holds the cluster of each row (0, 1, ...), to allow for dependence inside clusters. */
  readonly inference?: { readonly cluster?: Int32Array };
}

/** A nuisance learner: predicts a number from features. A classifier's `y` is 0 or 1 and its prediction a probability strictly inside (0, 1). */
export interface Learner<Id extends string = string, C extends z.ZodType = z.ZodType> {
  readonly id: Id;
  readonly kind: "regressor" | "classifier";
  readonly summary: string;
  /** Its prediction is a sum of terms of single columns (on the scale of its link): interactions must be given to it as columns. */
  readonly additive?: boolean;
  /** Strict zod object with defaults, bounds and help texts. */
  readonly config: C;
  /**
   * @param x n rows of numbers (NaN is missing) and categories (-1 is missing); sequences are refused
   * @param y n finite targets
   * @param weight n weights >= 0, or undefined for one each
   */
  fit(config: z.output<C>, x: Features, y: Float64Array, weight: Float64Array | undefined, context: LearnContext): Promise<FittedLearner>;
  restore(config: z.output<C>, state: State): Promise<FittedLearner>;
}

export interface FittedLearner {
  /** n predictions; columns and levels as in the fit. */
  predict(x: Features): Promise<Float64Array>;
  /** Robust (sandwich) standard error of each prediction, where the learner has one. */
  standardError?(x: Features): Promise<Float64Array>;
  /** What a reader should know of the fit: the penalty chosen, columns left out. */
  readonly report?: Readonly<Record<string, Json>>;
  state(): State;
}

import type { z } from "zod";
import type { Dataset } from "../data/dataset.ts";
import type { Role } from "../data/schema.ts";

/** Points of a curve; x is the share of units treated unless `notes` say otherwise. */
export interface Curve {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly lower?: Float64Array;
  readonly upper?: Float64Array;
}

export interface Score {
  /** NaN where the data has no answer (one class, an empty arm in every part); `notes` then says why. */
  readonly value: number;
  readonly se?: number;
  readonly interval?: readonly [number, number];
  readonly curve?: Curve;
  readonly notes?: readonly string[];
}

/** A measure of one score column against data; many arms are scored arm by arm against control. */
export interface Metric<Id extends string = string, C extends z.ZodType = z.ZodType> {
  readonly id: Id;
  readonly summary: string;
  readonly better: "higher" | "lower";
  /** Roles the data must have. */
  readonly needs: readonly Role[];
  readonly options: C;
  /**
   * @param prediction n scores; higher means "treat first", or the predicted effect where the metric compares values
   * @throws LiftwiseError (data) for a score that is not finite, naming the first row
   */
  score(prediction: Float64Array, data: Dataset, options: z.output<C>): Score;
}

import type { z } from "zod";
import type { Dataset } from "../data/dataset.ts";
import type { Role } from "../data/schema.ts";
import type { Scored } from "./scored.ts";

/** Points of a curve; x is the share of units treated unless `notes` say otherwise. */
export interface Curve {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly lower?: Float64Array;
  readonly upper?: Float64Array;
}

/** Value of a metric with what is known of its error. */
export interface Score {
  /** NaN where the data has no answer (one class, an empty arm in every part); `notes` then says why. */
  readonly value: number;
  readonly se?: number;
  readonly interval?: readonly [number, number];
  readonly curve?: Curve;
  readonly notes?: readonly string[];
}

/** A metric bound to scores and data, ready to be evaluated again on resampled rows. */
export interface Statistic {
  /** @param counts how often each row of the dataset counts, n whole numbers, not written to afterwards; left out, every row counts once */
  value(counts?: Uint8Array): number;
  /** The value before it is folded, where it is an absolute value: the standard error is taken of this one. */
  readonly unfolded?: (counts?: Uint8Array) => number;
  readonly curve?: () => Curve;
  /** Values that are possible, by which the interval is bounded; absent where there is no bound. */
  readonly range?: readonly [number, number];
  /** What a reader should know: rows left out, why there is no answer. */
  readonly notes: readonly string[];
}

/** What a metric promises; the laws in test/contract hold it to that. */
export interface MetricTraits {
  /** `order`: any increasing transform of the score changes nothing. `value`: the numbers themselves are compared. */
  readonly reads: "order" | "value";
  /** `averaged`: rows of equal score count as one point. `row order`: they count as they come, so the order of the file matters. */
  readonly ties: "averaged" | "row order";
  /** `duplicates`: a row of weight 2 is the same as two rows. `used`: weights enter in another way. `ignored`: with a note. */
  readonly weights: "duplicates" | "used" | "ignored";
  /** What a constant score, which is random targeting, must get; absent where that depends on the constant or on row order. */
  readonly constant?: "zero" | "half" | "effect" | "half the effect";
  /** The library whose numbers this reproduces; absent for our own definitions. */
  readonly library?: string;
}

/** A measure of one score column against data; many arms are scored arm by arm against control. */
export interface Metric<Id extends string = string, C extends z.ZodType = z.ZodType> {
  readonly id: Id;
  readonly summary: string;
  readonly better: "higher" | "lower";
  /** Roles the data must have; known potential outcomes serve where `effect` is asked for. */
  readonly needs: readonly Role[];
  readonly traits: MetricTraits;
  /** One strict zod object with defaults, bounds and help texts. */
  readonly options: C;
  /**
   * @param prediction n scores; higher means "treat first", or the predicted effect where the metric compares values
   * @throws LiftwiseError (data) for a score that is not finite, naming the first row; (usage) for an option the metric does not have
   */
  score(prediction: Float64Array, data: Dataset, options?: z.input<C>): Score;
  /** The same for scores already laid against the data, so that several metrics and resamples share one sort. `options` are checked. */
  statistic(scored: Scored, options: z.output<C>): Statistic;
}

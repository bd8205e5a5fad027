import { dataError } from "../base/errors.ts";
import { type Descending, descending } from "../base/stats/sort.ts";
import type { Dataset } from "../data/dataset.ts";
import { type Ranking, ranking } from "./ranking.ts";

/** A score column laid against data. What is asked for first is computed then, and kept: metrics and resamples share one sort. */
export interface Scored {
  readonly prediction: Float64Array;
  readonly data: Dataset;
  /** The treated arm that was asked for. */
  readonly arm: string | undefined;
  /** All rows in descending order of score. */
  readonly order: Descending;
  /** Control and the arm, rows with an outcome, in that order. */
  readonly ranking: Ranking;
}

/**
 * Rows in the order of their scores, ready for metrics.
 * @param prediction one finite score a row
 * @param arm the treated arm to compare with control; needed when there are several and a metric compares arms
 * @throws LiftwiseError (data) when the lengths differ or a score is not finite
 */
export function scored(prediction: Float64Array, data: Dataset, arm?: string): Scored {
  if (prediction.length !== data.rows) throw dataError(`${data.name}: ${prediction.length} scores for ${data.rows} rows; give one score a row`);
  checkFinite(prediction, data);
  let order: Descending | undefined;
  let ranked: Ranking | undefined;
  return {
    prediction,
    data,
    arm,
    get order(): Descending {
      order ??= descending(prediction);
      return order;
    },
    get ranking(): Ranking {
      ranked ??= ranking(this);
      return ranked;
    },
  };
}

function checkFinite(prediction: Float64Array, data: Dataset): void {
  let broken = 0;
  let first = -1;
  for (let i = 0; i < prediction.length; i++) {
    if (Number.isFinite(prediction[i])) continue;
    if (broken++ === 0) first = i;
  }
  if (broken === 0) return;
  const count = broken === 1 ? "the only such row" : `the first of ${broken} such rows`;
  throw dataError(
    `${data.name}: the score of row ${first + 1} is ${prediction[first]}, ${count}; a score must be a finite number, so fill these rows or remove them`,
  );
}

import type { Rng } from "../base/rng.ts";
import { takeColumn } from "../data/dataset.ts";
import type { Features } from "../data/schema.ts";
import type { ChosenLearner } from "./choice.ts";
import type { LearnContext } from "./contract.ts";

/** Which of k parts each row is left out with. */
export interface Folds {
  /** n numbers from 0 to count - 1. */
  readonly of: Int32Array;
  readonly count: number;
}

/**
 * k parts of equal size, equal also inside every stratum; rows of one group stay together.
 * @param strata n stratum numbers, such as the arm; with groups they are passed over
 * @param groups n group numbers, or undefined
 */
export function drawFolds(strata: Int32Array, groups: Int32Array | undefined, count: number, rng: Rng): Folds {
  const n = strata.length;
  const of = new Int32Array(n);
  if (groups !== undefined) {
    const size = groups.reduce((most, g) => Math.max(most, g + 1), 0);
    const foldOf = dealt(rng.permutation(size), count, 0);
    for (let i = 0; i < n; i++) of[i] = foldOf[groups[i]];
    return { of, count };
  }
  const order = rng.permutation(n);
  // One dealer for all strata: where one ends the next goes on, so that the parts are equal as a whole too.
  const sizes = new Int32Array(strata.reduce((most, s) => Math.max(most, s + 1), 0));
  for (let i = 0; i < n; i++) sizes[strata[i]]++;
  const next = new Int32Array(sizes.length);
  for (let s = 1; s < sizes.length; s++) next[s] = next[s - 1] + sizes[s - 1];
  for (const i of order) of[i] = next[strata[i]]++ % count;
  return { of, count };
}

function dealt(order: Int32Array, count: number, start: number): Int32Array {
  const fold = new Int32Array(order.length);
  order.forEach((item, place) => {
    fold[item] = (start + place) % count;
  });
  return fold;
}

/**
 * Out-of-fold predictions: each row's comes from a fit on the rows of the other folds.
 * @param train n flags: rows the fits may learn from; all rows get a prediction. Undefined means all.
 * @param y n targets; those of rows that are not trained on are not read
 */
export async function crossFit(
  { learner, config }: Pick<ChosenLearner, "learner" | "config">,
  x: Features,
  y: Float64Array,
  weight: Float64Array | undefined,
  folds: Folds,
  train: ((row: number) => boolean) | undefined,
  context: LearnContext,
): Promise<Float64Array> {
  const prediction = new Float64Array(x.rows);
  for (let fold = 0; fold < folds.count; fold++) {
    // Without a turn of the event loop no signal can come in.
    await new Promise(setImmediate);
    context.signal.throwIfAborted();
    const learnFrom = rowsWhere(x.rows, (i) => folds.of[i] !== fold && (train === undefined || train(i)));
    const leftOut = rowsWhere(x.rows, (i) => folds.of[i] === fold);
    if (leftOut.length === 0) continue;
    const fitted = await learner.fit(config, takeFeatures(x, learnFrom), takeNumbers(y, learnFrom), weight && takeNumbers(weight, learnFrom), {
      ...context,
      rng: context.rng.split("fold", fold),
    });
    const out = await fitted.predict(takeFeatures(x, leftOut));
    for (let k = 0; k < out.length; k++) prediction[leftOut[k]] = out[k];
  }
  return prediction;
}

export function rowsWhere(n: number, holds: (row: number) => boolean): Int32Array {
  const rows = new Int32Array(n);
  let k = 0;
  for (let i = 0; i < n; i++) if (holds(i)) rows[k++] = i;
  return rows.slice(0, k);
}

export function takeFeatures(x: Features, rows: Int32Array): Features {
  return { rows: rows.length, columns: x.columns.map((column) => takeColumn(column, rows)) };
}

export function takeNumbers(values: Float64Array, rows: Int32Array): Float64Array {
  const taken = new Float64Array(rows.length);
  for (let k = 0; k < taken.length; k++) taken[k] = values[rows[k]];
  return taken;
}

import { z } from "zod";
import type { Metric } from "./contract.ts";
import { defineMetric } from "./define.ts";
import type { Options } from "./options.ts";
import { binaryOutcome } from "./outcomes.ts";
import { keepRows, leftOut } from "./ranking.ts";

const options = z.strictObject({});

/**
 * Area under the ROC curve of the score for a 0/1 outcome, over the rows of all arms: the probability that a row with outcome 1 has a higher
 * score than one with outcome 0, ties counting half, rows weighted. It measures prediction of the outcome, not of an effect.
 * NaN with a note when one class is absent.
 */
export const auc: Metric<"auc", Options<Record<never, never>>> = defineMetric({
  id: "auc",
  summary: "Area under the ROC curve of the score for the outcome itself",
  better: "higher",
  needs: ["outcome"],
  traits: { reads: "order", ties: "averaged", weights: "duplicates", constant: "half" },
  options,
  statistic({ data, order }) {
    const y = binaryOutcome(data, "auc");
    const { row, ends, missing } = keepRows(order, undefined, y);
    const weight = data.weight();
    const value = (counts?: Uint8Array): number => rankAuc(row, ends, y, weight, counts);
    const notes = [...leftOut(missing, data.rows), ...(ends.length === 1 && row.length > 1 ? ["all scores are equal: nothing is ordered"] : [])];
    return { value, range: [0, 1], notes: Number.isNaN(value()) ? [...notes, "only one class of the outcome occurs, so there are no pairs to order"] : notes };
  },
});

/** Rows in descending order of score, tied groups ending at `ends`. NaN when a class has no weight. */
export function rankAuc(row: Uint32Array, ends: Uint32Array, y: Float64Array, weight?: Float64Array, counts?: Uint8Array): number {
  let positive = 0;
  let negative = 0;
  let won = 0;
  let k = 0;
  for (let g = 0; g < ends.length; g++) {
    let p = 0;
    let q = 0;
    for (const end = ends[g]; k < end; k++) {
      const i = row[k];
      const w = (counts === undefined ? 1 : counts[i]) * (weight === undefined ? 1 : weight[i]);
      if (y[i] === 1) p += w;
      else q += w;
    }
    won += q * (positive + p / 2);
    positive += p;
    negative += q;
  }
  return won / (positive * negative);
}

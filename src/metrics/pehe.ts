import { z } from "zod";
import type { Metric } from "./contract.ts";
import { defineMetric } from "./define.ts";
import { armOption, type Options } from "./options.ts";
import { meanOver, missingNotes, trueEffectOf } from "./truth.ts";

/**
 * Precision in estimating heterogeneous effects (Hill2011): the weighted mean over all rows, whatever their arm, of (score - true effect)^2.
 * Needs the truth, so simulated or semi-simulated data. Rows without it are left out, with a note.
 */
export const pehe: Metric<"pehe", Options<{ arm?: string }>> = peheMetric(
  "pehe",
  (square) => square,
  "Mean squared error of the predicted effect against the true one, squared units of the outcome",
);

/** The root of `pehe`, in units of the outcome: what papers usually print. */
export const rootPehe: Metric<"root-pehe", Options<{ arm?: string }>> = peheMetric(
  "root-pehe",
  Math.sqrt,
  "Root mean squared error of the predicted effect against the true one, units of the outcome",
);

function peheMetric<const Id extends string>(id: Id, scale: (square: number) => number, summary: string): Metric<Id, Options<{ arm?: string }>> {
  return defineMetric({
    id,
    summary,
    better: "lower",
    needs: ["effect"],
    traits: { reads: "value", ties: "averaged", weights: "duplicates" },
    options: z.strictObject(armOption),
    statistic({ prediction, data }, { arm }) {
      const truth = trueEffectOf(data, arm, id);
      const weight = data.weight();
      return {
        value: (counts) => scale(meanOver(data.rows, (i) => (prediction[i] - truth[i]) ** 2, weight, counts)),
        range: [0, Number.POSITIVE_INFINITY],
        notes: missingNotes(truth, "true effect"),
      };
    },
  });
}

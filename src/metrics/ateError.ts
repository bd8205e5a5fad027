import { z } from "zod";
import type { Metric, Statistic } from "./contract.ts";
import { defineMetric } from "./define.ts";
import { gainAreas } from "./gain.ts";
import { armOption, type Options } from "./options.ts";
import type { Scored } from "./scored.ts";
import { meanOver, missingNotes, trueEffectOf } from "./truth.ts";

const options = z.strictObject({
  against: z
    .enum(["truth", "experiment"])
    .default("truth")
    .describe("`truth`: the mean of the known true effects. `experiment`: the difference of the arm means, which carries sampling error of its own."),
  signed: z.boolean().default(false).describe("Keep the sign: above zero when the scores promise too much."),
  ...armOption,
});

/**
 * Error of the average effect: |mean score - average effect|, the mean of the scores being weighted and over all rows. Against the
 * `experiment`, mean and effect are taken over control and the arm, the effect as in gain.ts, known propensities used.
 */
export const ateError: Metric<"ate-error", Options<{ against: "truth" | "experiment"; signed: boolean; arm?: string }>> = defineMetric({
  id: "ate-error",
  summary: "Distance of the mean predicted effect from the average effect, units of the outcome",
  better: "lower",
  needs: ["effect"],
  traits: { reads: "value", ties: "averaged", weights: "duplicates" },
  options,
  statistic(scores, { against, signed, arm }) {
    const error = against === "truth" ? errorAgainstTruth(scores, arm) : errorAgainstExperiment(scores);
    if (signed) return error;
    return { value: (counts) => Math.abs(error.value(counts)), unfolded: error.value, range: [0, Number.POSITIVE_INFINITY], notes: error.notes };
  },
});

function errorAgainstTruth({ prediction, data }: Scored, arm: string | undefined): Statistic {
  const truth = trueEffectOf(data, arm, "ate-error");
  const weight = data.weight();
  return { value: (counts) => meanOver(data.rows, (i) => prediction[i] - truth[i], weight, counts), notes: missingNotes(truth, "true effect") };
}

function errorAgainstExperiment({ prediction, ranking }: Scored): Statistic {
  const { row, weight } = ranking;
  const promised = (counts?: Uint8Array): number => {
    let sum = 0;
    let total = 0;
    for (let k = 0; k < row.length; k++) {
      const w = (counts === undefined ? 1 : counts[row[k]]) * (weight === undefined ? 1 : weight[k]);
      sum += w * prediction[row[k]];
      total += w;
    }
    return sum / total;
  };
  return { value: (counts) => promised(counts) - gainAreas(ranking, counts).effect, notes: ranking.notes };
}

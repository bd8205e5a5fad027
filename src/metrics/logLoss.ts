import { z } from "zod";
import { dataError } from "../base/errors.ts";
import type { Metric } from "./contract.ts";
import { defineMetric } from "./define.ts";
import type { Options } from "./options.ts";
import { binaryOutcome } from "./outcomes.ts";
import { meanOver, missingNotes } from "./truth.ts";

const options = z.strictObject({
  clip: z.number().min(0).lt(0.5).default(0).describe("Probabilities are held to [clip, 1 - clip]; 0, the default, leaves them as they are."),
});

/**
 * Mean negative log-likelihood, in nats, of a 0/1 outcome under the score as its probability, over the rows of all arms, rows weighted.
 * A score of 0 or 1 that is contradicted by the outcome gives Infinity, with a note; the option `clip` asks for the usual repair.
 */
export const logLoss: Metric<"log-loss", Options<{ clip: number }>> = defineMetric({
  id: "log-loss",
  summary: "Mean negative log-likelihood of the outcome with the score as its probability, nats",
  better: "lower",
  needs: ["outcome"],
  traits: { reads: "value", ties: "averaged", weights: "duplicates" },
  options,
  statistic({ data, prediction }, { clip }) {
    const y = binaryOutcome(data, "log-loss");
    const bad = prediction.findIndex((p) => !(p >= 0 && p <= 1));
    if (bad >= 0)
      throw dataError(
        `log-loss: ${data.name}: the score of row ${bad + 1} is ${prediction[bad]}; a probability lies between 0 and 1, so score effects by another metric`,
      );
    const weight = data.weight();
    const loss = (i: number): number => {
      const p = Math.min(Math.max(prediction[i], clip), 1 - clip);
      return y[i] === 1 ? -Math.log(p) : y[i] === 0 ? -Math.log1p(-p) : Number.NaN;
    };
    const value = (counts?: Uint8Array): number => meanOver(data.rows, loss, weight, counts);
    const notes = missingNotes(y, "outcome");
    return {
      value,
      range: [0, Number.POSITIVE_INFINITY],
      notes:
        value() === Number.POSITIVE_INFINITY
          ? [...notes, "a score of 0 or 1 is contradicted by the outcome; the option clip holds scores away from 0 and 1"]
          : notes,
    };
  },
});

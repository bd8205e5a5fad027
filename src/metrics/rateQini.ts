import { z } from "zod";
import type { Metric } from "./contract.ts";
import { defineMetric } from "./define.ts";
import { armOption, type Options } from "./options.ts";
import { orderNotes } from "./ranking.ts";
import { rate, tocCurve } from "./rate.ts";

const options = z.strictObject(armOption);

/**
 * The integral of q TOC(q) over the share q (rate.ts): the area between the cumulative effect and its straight line, in units of the outcome
 * per unit of the population. Close to the excess area of `auuc`; it differs in using scores instead of differences of means in each prefix.
 *
 * Ties: the group's mean score, spread evenly. No prefix can lack an arm, since scores are averaged and not means compared.
 * NaN with a note when an arm is empty.
 */
export const rateQini: Metric<"rate-qini", Options<{ arm?: string }>> = defineMetric({
  id: "rate-qini",
  summary: "RATE with QINI weights: effect among the top ranked over the average, weighted by how many they are",
  better: "higher",
  needs: ["treatment", "outcome"],
  traits: { reads: "order", ties: "averaged", weights: "duplicates", constant: "zero" },
  options,
  statistic({ ranking }) {
    return { value: (counts) => rate(ranking, "qini", counts), curve: () => tocCurve(ranking), notes: orderNotes(ranking) };
  },
});

import { z } from "zod";
import type { Metric } from "./contract.ts";
import { defineMetric } from "./define.ts";
import { armOption, type Options } from "./options.ts";
import { orderNotes } from "./ranking.ts";
import { rate, tocCurve } from "./rate.ts";

const options = z.strictObject(armOption);

/**
 * The integral of TOC(q) over the share q (rate.ts): near the top the few count as much as the many further down, so it is sensitive to
 * small groups of large effect. Random targeting gets zero exactly.
 *
 * Ties: the group's mean score, spread evenly. No prefix can lack an arm, since scores are averaged and not means compared.
 * NaN with a note when an arm is empty.
 */
export const autoc: Metric<"autoc", Options<{ arm?: string }>> = defineMetric({
  id: "autoc",
  summary: "Area under the targeting operator characteristic: how much larger the effect is among the top ranked, averaged over depth",
  better: "higher",
  needs: ["treatment", "outcome"],
  traits: { reads: "order", ties: "averaged", weights: "duplicates", constant: "zero" },
  options,
  statistic({ ranking }) {
    return { value: (counts) => rate(ranking, "autoc", counts), curve: () => tocCurve(ranking), notes: orderNotes(ranking) };
  },
});

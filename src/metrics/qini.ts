import { z } from "zod";
import type { Metric } from "./contract.ts";
import { defineMetric } from "./define.ts";
import { divisionNote, gainAreas, gainCurve } from "./gain.ts";
import { armOption, type Options } from "./options.ts";
import { orderNotes } from "./ranking.ts";

const options = z.strictObject({
  normalise: z
    .enum(["none", "effect"])
    .default("none")
    .describe("`none`: units of the outcome per treated unit. `effect`: over the size of the average effect."),
  ...armOption,
});

/**
 * Area between the Qini curve of gain.ts and the straight line to its end, for x from 0 to 1. Random targeting gets zero exactly.
 *
 * Ties: one point per distinct score, straight lines between. Missing arm: the curve runs straight from the origin to the first point with
 * both arms. NaN with a note when an arm is empty, or (normalised) when the average effect is zero.
 */
export const qini: Metric<"qini", Options<{ normalise: "none" | "effect"; arm?: string }>> = defineMetric({
  id: "qini",
  summary: "Area between the Qini curve and random targeting, units of the outcome per treated unit",
  better: "higher",
  needs: ["treatment", "outcome"],
  traits: { reads: "order", ties: "averaged", weights: "duplicates", constant: "zero" },
  options,
  statistic(scores, { normalise }) {
    const { ranking } = scores;
    return {
      value(counts) {
        const { qini: excess, effect } = gainAreas(ranking, counts);
        return normalise === "none" ? excess : effect === 0 ? Number.NaN : excess / Math.abs(effect);
      },
      curve: () => gainCurve(ranking, "qini"),
      notes: [...orderNotes(ranking), ...divisionNote(ranking, normalise)],
    };
  },
});

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
    .describe(
      "`none`: units of the outcome per unit of the population. `effect`: over the size of the average effect, so that random targeting gets 0.5 or -0.5.",
    ),
  ...armOption,
});

/**
 * Area under the uplift curve of gain.ts, for x from 0 to 1: what is gained per unit of the population, averaged over how deep one targets.
 * Random targeting, and so a constant score, gets half the average effect exactly.
 *
 * Ties: one point per distinct score, straight lines between. Missing arm: the curve runs straight from the origin to the first point with
 * both arms. NaN with a note when an arm is empty, or (normalised) when the average effect is zero.
 */
export const auuc: Metric<"auuc", Options<{ normalise: "none" | "effect"; arm?: string }>> = defineMetric({
  id: "auuc",
  summary: "Area under the uplift curve, units of the outcome per unit of the population",
  better: "higher",
  needs: ["treatment", "outcome"],
  traits: { reads: "order", ties: "averaged", weights: "duplicates", constant: "half the effect" },
  options,
  statistic(scores, { normalise }) {
    const { ranking } = scores;
    return {
      value(counts) {
        const { uplift: excess, effect } = gainAreas(ranking, counts);
        const area = effect / 2 + excess;
        return normalise === "none" ? area : effect === 0 ? Number.NaN : area / Math.abs(effect);
      },
      curve: () => gainCurve(ranking, "uplift"),
      notes: [...orderNotes(ranking), ...divisionNote(ranking, normalise)],
    };
  },
});

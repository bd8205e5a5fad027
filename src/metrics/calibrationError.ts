import { z } from "zod";
import { binSums, binsOf } from "./calibration.ts";
import type { Metric } from "./contract.ts";
import { defineMetric } from "./define.ts";
import { armOption, type Options } from "./options.ts";

const options = z.strictObject({
  bins: z.int().min(1).max(1000).default(10).describe("Parts of equal weight the ranking is cut into; tied scores stay together."),
  norm: z.enum(["l1", "l2"]).default("l1").describe("`l1`: mean absolute distance, units of the outcome. `l2`: mean squared distance, squared units."),
  ...armOption,
});

/**
 * Distance between predicted and observed effect, averaged over tenths of the ranking by their weight: of bin b, the weighted mean score
 * against the difference of the (inverse-probability weighted) arm means.
 *
 * It is the plain binned estimate: noise in the observed effects adds to it, so a perfectly calibrated score does not get zero on finite data.
 * The paired difference of two scores on the same bins' noise is the safer comparison. Bins that lack an arm are left out, with a note; NaN
 * with a note when all do.
 */
export const calibrationError: Metric<"calibration-error", Options<{ bins: number; norm: "l1" | "l2"; arm?: string }>> = defineMetric({
  id: "calibration-error",
  summary: "Mean distance of predicted from observed effect over tenths of the ranking, units of the outcome",
  better: "lower",
  needs: ["treatment", "outcome"],
  traits: { reads: "value", ties: "averaged", weights: "duplicates" },
  options,
  statistic({ ranking, prediction }, { bins, norm }) {
    const bin = binsOf(ranking, bins);
    const distance = (counts?: Uint8Array): { readonly value: number; readonly lacking: number } => {
      const { W, P, T, C, A, B } = binSums(ranking, prediction, bin, bins, counts);
      let sum = 0;
      let total = 0;
      let lacking = 0;
      for (let b = 0; b < bins; b++) {
        if (W[b] === 0) continue;
        const off = P[b] / W[b] - (A[b] / T[b] - B[b] / C[b]);
        if (!(T[b] > 0 && C[b] > 0)) {
          lacking++;
          continue;
        }
        sum += W[b] * (norm === "l1" ? Math.abs(off) : off * off);
        total += W[b];
      }
      return { value: sum / total, lacking };
    };
    const { lacking } = distance();
    const { notes } = ranking;
    return {
      value: (counts) => distance(counts).value,
      range: [0, Number.POSITIVE_INFINITY],
      notes: lacking === 0 ? notes : [...notes, `${lacking} bins lack an arm and are left out`],
    };
  },
});

import { z } from "zod";
import type { TwoSamples } from "../data/longterm.ts";
import type { Shop } from "./model.ts";
import { armScores } from "./overlap.ts";

/** Arms of history for methods that cannot do without. */
export interface HistoryArms {
  readonly arm: Int32Array;
  readonly how: "logged" | "classified";
}

export const labelConfig: { readonly labels: z.ZodType<"auto" | "logged" | "classified", "auto" | "logged" | "classified" | undefined> } = {
  labels: z
    .enum(["auto", "logged", "classified"])
    .default("auto")
    .describe(
      "Arms of history: as logged, or the likeliest arm given features and surrogates by a logistic regression on the experiment; auto takes what is logged for every row, else classifies.",
    ),
};

/** Arms of history: logged, or hard labels of a logistic regression of the arm on (x, s) in the experiment. */
export async function historyArms(samples: TwoSamples, how: "auto" | "logged" | "classified", shop: Shop): Promise<HistoryArms> {
  const { history, arms } = samples;
  if (how === "logged" || (how === "auto" && history.logged)) {
    const { dataError } = await import("../base/errors.ts");
    if (!history.logged) throw dataError('labels is "logged", but the arm of some rows of history is not known; set labels to "classified", or log the arm');
    const absent = arms.findIndex((_, a) => !history.arm.includes(a));
    if (absent >= 0)
      throw dataError(
        `history has no row in arm "${arms[absent]}", so nothing can be learned of it there; set labels to "classified", or leave history's arms out`,
      );
    return { arm: history.arm, how: "logged" };
  }
  const rho = await armScores(samples, "history", shop);
  const arm = Int32Array.from({ length: history.rows }, (_, i) => rho.reduce((best, p, a) => (p[i] > rho[best][i] ? a : best), 0));
  // An arm that is never the likeliest takes the rows that come nearest to it.
  rho.forEach((p, a) => {
    if (arm.includes(a)) return;
    const order = Int32Array.from(p.keys()).sort((i, j) => p[j] - p[i]);
    for (const i of order.subarray(0, Math.max(10, Math.round(0.02 * p.length)))) arm[i] = a;
  });
  return { arm, how: "classified" };
}

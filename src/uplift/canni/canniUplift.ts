import { z } from "zod";
import type { Model } from "../../model/contract.ts";
import { type CanniConfig, canniNet } from "./canni.ts";
import { sellerModel } from "./sellerModel.ts";
import { quickSellers, sellersConfig } from "./settings.ts";

const weight = (standard: number, what: string): z.ZodDefault<z.ZodNumber> => z.number().min(0).max(1000).default(standard).describe(what);

const own = {
  mode: z
    .enum(["itt", "exclusion"])
    .default("itt")
    .describe(
      "itt: an incentive may work without being redeemed. exclusion: it does nothing unless redeemed, so that its effect is p times a gain of at least 0.",
    ),
  redemption: z.boolean().default(true).describe("Split the treated response by redemption (RDD)."),
  platform: z.boolean().default(true).describe("Let heads see the rivals' incentives, and tie their sum to the platform's total (PGA)."),
  platformWeight: weight(1, "Weight of the platform's total in the loss."),
  redemptionWeight: weight(
    0.05,
    "Weight of the redemption in the loss; spending counts in units of ten times its mean, so that 1 would be ten times its share.",
  ),
  entireSpaceWeight: weight(0.3, "Weight of spending with and without redemption in the loss."),
  armWeight: weight(15, "Weight of the platform's total summed over each arm of users, in each batch; 0 leaves it out."),
};

const config: z.ZodType<CanniConfig> = z.strictObject({ ...own, ...sellersConfig });

/** The config with parts set by the model and no longer open. */
function fixed(parts: { readonly redemption: boolean; readonly platform: boolean }): z.ZodType<CanniConfig> {
  return z.strictObject({
    ...own,
    redemption: z.literal(parts.redemption).default(parts.redemption).describe("Fixed by the model."),
    platform: z.literal(parts.platform).default(parts.platform).describe("Fixed by the model."),
    ...sellersConfig,
  }) as z.ZodType<CanniConfig>;
}

/** Only the global alignment: rivals, outside and platform total, with EUEN's treated head. */
export const canniPga: Model<"canni-pga", "sellers", z.ZodType<CanniConfig>> = sellerModel({
  id: "canni-pga",
  summary: "CanniUplift without the split by redemption: rivals, outside spending and the platform's total alone.",
  source: [{ key: "CanniUplift2026", at: "table 2" }],
  config: fixed({ redemption: false, platform: true }),
  quick: quickSellers,
  needs: () => ({ redeemed: false, platform: true }),
  build: canniNet,
});

/** Only the split by redemption, each pair by itself. */
export const canniRdd: Model<"canni-rdd", "sellers", z.ZodType<CanniConfig>> = sellerModel({
  id: "canni-rdd",
  summary: "CanniUplift without rivals and platform: treated spending split by redemption alone.",
  source: [{ key: "CanniUplift2026", at: "table 2" }],
  config: fixed({ redemption: true, platform: false }),
  quick: quickSellers,
  needs: () => ({ redeemed: true, platform: false }),
  build: canniNet,
});

/** CanniUplift. */
export const canniUplift: Model<"canni-uplift", "sellers", z.ZodType<CanniConfig>> = sellerModel({
  id: "canni-uplift",
  summary: "CanniUplift: shops' effects tied to the platform's total, treated spending split by redemption, history read by the offer.",
  source: [{ key: "CanniUplift2026", departure: "reconstruction from the public description: rivals by additive attention, outside spending a head" }],
  config,
  quick: quickSellers,
  needs: ({ redemption, platform }) => ({ redeemed: redemption, platform }),
  build: canniNet,
});

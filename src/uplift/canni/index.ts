import type { Model } from "../../model/contract.ts";
import { cfrnetSellers, dragonnetSellers, euenSellers, mmoeSellers, pleSellers, sLearnerSellers, tLearnerSellers } from "./baselines.ts";
import { canniPga, canniRdd, canniUplift } from "./canniUplift.ts";

/** Models of candidate sellers, in the order of tables and help. */
export const sellers: readonly Model<string, "sellers">[] = [
  canniUplift,
  canniPga,
  canniRdd,
  euenSellers,
  sLearnerSellers,
  tLearnerSellers,
  dragonnetSellers,
  cfrnetSellers,
  mmoeSellers,
  pleSellers,
];

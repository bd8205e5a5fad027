/**
 * Incentives at many sellers whose customers are the same people: models of the task "sellers", fitted by `fit`, whose prediction tells what an
 * incentive does to its own shop from what it does to the platform.
 */
export { type Candidates, candidatesOf, problemText, repairSellers, type SellersProblem, sellersProblems, type SellersRepair } from "../data/sellers.ts";
export type { PlatformOutcome, SellerFlip, SellersPrediction } from "../model/contract.ts";
export { canniPga, canniRdd, canniUplift } from "../uplift/canni/canniUplift.ts";
export { sellers } from "../uplift/canni/index.ts";

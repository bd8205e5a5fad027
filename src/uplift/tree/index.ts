import type { Model } from "../../model/contract.ts";
import { causalForest } from "./causalForest.ts";
import { upliftBoosting } from "./upliftBoosting.ts";
import { upliftForest } from "./upliftForest.ts";

/** Tree models of the effect of a treatment. */
export const treeModels: readonly Model<string, "uplift">[] = [upliftForest, upliftBoosting, causalForest];

import type { Model } from "../../model/contract.ts";
import { causalForest } from "./causalForest.ts";
import { upliftBoosting } from "./upliftBoosting.ts";
import { upliftForest } from "./upliftForest.ts";

/** Tree models of the effect of a treatment. */
export const treeModels: readonly Model<string, "uplift">[] = [upliftForest, upliftBoosting, causalForest];

export {
  type AverageEffect,
  averageEffect,
  bestLinearProjection,
  type Calibration,
  calibrate,
  doublyRobustScores,
  type ForestRows,
  type Target,
} from "./analysis.ts";
export { causalForest, type CausalForestConfig } from "./causalForest.ts";
export { type JudgeOptions, judgeRows } from "./judged.ts";
export { type ReadableTree, readableTree, type TreeNode, treeSvg, treeText } from "./picture.ts";
export { rankWeightedEffect, type RankWeightedOptions } from "./rankWeighted.ts";
export type { Coefficient } from "./regression.ts";
export { upliftBoosting, type UpliftBoostingConfig } from "./upliftBoosting.ts";
export { upliftForest, type UpliftForestConfig } from "./upliftForest.ts";

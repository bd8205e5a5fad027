/**
 * Several levers chosen together: which discount, subsidy and commission for whom. Models of the task "levers" are fitted by `fit`; what they
 * predict is a function of cells, which the functions here read.
 */
export { cellName, cellOf, dosesOf, everyCell, type LeverGrid, leverGrid, levelsOfCell, levelsOfRows } from "../data/levers.ts";
export { simulatedLevers } from "../data/synth/levers.ts";
export type { LeverRole } from "../data/schema.ts";
export { bestCells, type Choice, type ChoiceOptions } from "../evaluate/leverChoice.ts";
export { leverCostCurve, type LeverCostCurve } from "../evaluate/leverCost.ts";
export {
  type CellInsight,
  type CurvePointInsight,
  type Doubted,
  type InsightOptions,
  type InteractionInsight,
  type LeverInsight,
  leverInsight,
  type Support,
} from "../evaluate/leverInsight.ts";
export type { CellOverlap, CellQuery, LeversPrediction, RankLoadings } from "../model/contract.ts";
export { renderLeverReport } from "../report/levers.ts";
export { levers } from "../uplift/levers/index.ts";

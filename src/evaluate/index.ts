export { type CompareOptions, compare, defaultMetrics } from "./compare.ts";
export type { ArmEffect, Comparison, DataSummary, DecileEffect, ModelResult } from "./comparison.ts";
export { type Contender, type HeldOut, type Part, partsOf, predictHeldOut, type RunContext, type Split, splitOf } from "./heldOut.ts";
export { type Scoring, scoreAll } from "./score.ts";
export { segments } from "./segments.ts";
export { comparisonFromJson, comparisonToJson } from "./stored.ts";
export { effectTable, resultTable, scoreText, sectionsOf, type TextTable } from "./table.ts";
export { balanceWarning } from "./balance.ts";
export { type PlannedShares, plannedRatio } from "./shares.ts";

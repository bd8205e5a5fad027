export { type Allocation, allocate } from "./allocate.ts";
export type { AllocationOptions } from "./problem.ts";
export { type Frontier, frontier, lowerBounds } from "./frontier.ts";
export { type CostCurve, costCurve, type CostedExperiment } from "./costCurve.ts";

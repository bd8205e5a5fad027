export type { Citation, FitContext, Fitted, LongtermAverage, LongtermPrediction, Model, Predictions, Task, Traits, UpliftPrediction } from "./contract.ts";
export { type FitOptions, type FittedModel, fit } from "./fit.ts";
export { type SharedRun, sharedRun } from "./run.ts";
export { loadModel, modelFromJson, modelToJson, saveModel } from "./save.ts";
export type { FittedSchema } from "./schema.ts";
export { liftwiseVersion } from "./version.ts";

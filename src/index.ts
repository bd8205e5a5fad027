// Data
export { LiftwiseError } from "./base/errors.ts";
export { Rng } from "./base/rng.ts";
export {
  categoryColumn,
  type Cell,
  type Column,
  type CombineOptions,
  combineSamples,
  Dataset,
  type DataSummary,
  describe,
  folds,
  fromDanfo,
  fromRows,
  type Generator,
  generators,
  holdout,
  numberColumn,
  openDataset,
  openSource,
  type OutcomeKind,
  readTable,
  type Role,
  type RoleFlags,
  type Roles,
  simulate,
  toDanfo,
  writeTable,
} from "./data/index.ts";

// Was the experiment sound, and what was the effect
export * from "./experiment/index.ts";

// For whom: models
export {
  type Citation,
  type FitOptions,
  type Fitted,
  type FittedModel,
  fit,
  liftwiseVersion,
  type LongtermAverage,
  type LongtermPrediction,
  loadModel,
  modelFromJson,
  modelToJson,
  type Model,
  type Predictions,
  type SharedRun,
  saveModel,
  sharedRun,
  type Task,
  type Traits,
  type UpliftPrediction,
} from "./model/index.ts";
export { modelById, models } from "./models.ts";

// How well: metrics and comparisons
export {
  againstControl,
  bestArm,
  calibrationTable,
  type Curve,
  type IntervalSettings,
  type Metric,
  metricById,
  metrics,
  type PairedDifference,
  pairedDifference,
  qiniCurve,
  type Score,
  scoreWithInterval,
  tocCurve,
  upliftCurve,
} from "./metrics/index.ts";
export {
  type CompareOptions,
  type Comparison,
  type Contender,
  compare,
  comparisonFromJson,
  comparisonToJson,
  defaultMetrics,
  type ModelResult,
} from "./evaluate/index.ts";

// Whom to treat
export { type Allocation, allocate, type AllocationOptions, costCurve, frontier, lowerBounds } from "./allocate/index.ts";

// To look at
export { decilePlot, forestPlot, heatPlot, lovePlot, qiniPlot, type Spec, toPng, toSvg, tocPlot, upliftPlot } from "./plot/index.ts";
export { renderReport } from "./report/index.ts";

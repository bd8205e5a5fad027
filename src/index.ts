// Data
export { LiftwiseError } from "./base/errors.ts";
export { Rng } from "./base/rng.ts";
export { type DanfoConstructor, type DanfoFrame, fromDanfo, toDanfo } from "./data/danfo.ts";
export { categoryColumn, Dataset, numberColumn, outcomeKind, type Treatment } from "./data/dataset.ts";
export { type DataSummary, describe } from "./data/describe.ts";
export { openDataset, type OpenedSource, openSource, type RoleFlags } from "./data/open.ts";
export { readTable } from "./data/read.ts";
export { type Cell, fromRows } from "./data/rows.ts";
export type { CategoryColumn, Column, Features, LeverRole, NumberColumn, OutcomeKind, Role, Roles, SequenceColumn } from "./data/schema.ts";
export { folds, type Holdout, holdout, type SplitBy } from "./data/split.ts";
export { type Generator, generatorById, generators, simulate } from "./data/synth/index.ts";
export { writeTable } from "./data/write.ts";

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
  loadModel,
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

// To look at
export { decilePlot, forestPlot, heatPlot, lovePlot, qiniPlot, type Spec, toPng, toSvg, tocPlot, upliftPlot } from "./plot/index.ts";
export { renderReport } from "./report/index.ts";

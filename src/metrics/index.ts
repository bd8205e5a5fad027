import { suggest, usageError } from "../base/errors.ts";
import { ateError } from "./ateError.ts";
import { auc } from "./auc.ts";
import { autoc } from "./autoc.ts";
import { auuc } from "./auuc.ts";
import { calibrationError } from "./calibrationError.ts";
import { causalmlAuuc, causalmlAuucRaw, causalmlQini, causalmlQiniRaw } from "./compat/causalml.ts";
import { grfAutoc, grfQini } from "./compat/grf.ts";
import { pyliftAqini, pyliftCgains, pyliftQini } from "./compat/pylift.ts";
import { skliftQiniAuc, skliftQiniAucNonneg, skliftUpliftAuc } from "./compat/sklift.ts";
import { skliftUpliftAtK, skliftWeightedAverageUplift } from "./compat/skliftTop.ts";
import { ydfAuuc, ydfQini } from "./compat/ydf.ts";
import type { Metric } from "./contract.ts";
import { gauc } from "./gauc.ts";
import { logLoss } from "./logLoss.ts";
import { pehe, rootPehe } from "./pehe.ts";
import { policyValueDr, policyValueIps, policyValueSnips } from "./policyValue.ts";
import { qini } from "./qini.ts";
import { rateQini } from "./rateQini.ts";
import { upliftAtK } from "./upliftAtK.ts";

/** Every metric, ours first: the one list that the command line, the docs and the laws are made from. */
export const metrics: readonly Metric[] = [
  auuc,
  qini,
  upliftAtK,
  autoc,
  rateQini,
  policyValueIps,
  policyValueSnips,
  policyValueDr,
  calibrationError,
  pehe,
  rootPehe,
  ateError,
  auc,
  gauc,
  logLoss,
  causalmlAuuc,
  causalmlAuucRaw,
  causalmlQini,
  causalmlQiniRaw,
  skliftUpliftAuc,
  skliftQiniAuc,
  skliftQiniAucNonneg,
  skliftUpliftAtK,
  skliftWeightedAverageUplift,
  grfAutoc,
  grfQini,
  ydfAuuc,
  ydfQini,
  pyliftQini,
  pyliftCgains,
  pyliftAqini,
];

/**
 * The metric with this id.
 * @throws LiftwiseError (usage) for an id that does not exist, with the nearest one that does.
 */
export function metricById(id: string): Metric {
  const found = metrics.find((metric) => metric.id === id);
  if (found === undefined)
    throw usageError(
      `there is no metric "${id}"; ${suggest(
        id,
        metrics.map((metric) => metric.id),
      )}`,
    );
  return found;
}

export * from "./arm.ts";
export { ateError } from "./ateError.ts";
export { auc } from "./auc.ts";
export { autoc } from "./autoc.ts";
export { auuc } from "./auuc.ts";
export { type CalibrationBin, calibrationTable } from "./calibration.ts";
export { calibrationError } from "./calibrationError.ts";
export * from "./compat/causalml.ts";
export { grfAutoc, grfQini } from "./compat/grf.ts";
export * from "./compat/pylift.ts";
export { skliftQiniAuc, skliftQiniAucNonneg, skliftUpliftAuc } from "./compat/sklift.ts";
export { skliftUpliftAtK, skliftWeightedAverageUplift } from "./compat/skliftTop.ts";
export * from "./compat/ydf.ts";
export type { Curve, Metric, MetricTraits, Score, Statistic } from "./contract.ts";
export { type CurveSettings, qiniCurve, tocCurve, upliftCurve } from "./curve.ts";
export { gauc } from "./gauc.ts";
export {
  difference,
  type Evaluation,
  evaluate,
  type IntervalSettings,
  type PairedDifference,
  pairedDifference,
  type Request,
  scoreWithInterval,
} from "./interval.ts";
export { logLoss } from "./logLoss.ts";
export { pehe, rootPehe } from "./pehe.ts";
export { policyValueDr, policyValueIps, policyValueSnips } from "./policyValue.ts";
export { qini } from "./qini.ts";
export { rateQini } from "./rateQini.ts";
export type { ResampleKind } from "./resample.ts";
export { type Scored, scored } from "./scored.ts";
export { upliftAtK } from "./upliftAtK.ts";

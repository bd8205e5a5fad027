import { describe, expect, test } from "vitest";
import type { Metric } from "../../src/metrics/contract.ts";
import { defineMetric } from "../../src/metrics/define.ts";
import { auuc, ateError, metrics, pehe, qini } from "../../src/metrics/index.ts";
import { slow } from "../metrics/slow.ts";
import { laws } from "./metricLaws.ts";

describe.each(metrics.map((metric) => [metric.id, metric] as const))("metric %s", (id, metric) => {
  test.each(Object.entries(laws))("%s", (_, law) => {
    law(metric, slow[id]);
  });
});

/** One law each that a plausible mistake breaks: the proof that the law can fail. */
const broken: Readonly<Record<string, Metric>> = {
  "the order of the rows changes nothing (of distinct scores, where tied rows enter one by one)": changed(qini, (value, prediction) => value + prediction[0]),
  "an increasing transform of the score changes nothing, where the metric reads the order": changed(
    qini,
    (value, prediction) => value + Math.max(...prediction),
  ),
  "a constant score is exactly random targeting, and says so": changed(auuc, (value) => value + 0.01),
  "a row of weight 2 is the same as two rows, of weight 0 as none; ignored weights change nothing and are noted": defineMetric({
    ...auuc,
    statistic: (scores, options) =>
      auuc.statistic({ ...scores, order: scores.order, ranking: { ...scores.ranking, weight: undefined, inverse: undefined } }, options),
  }),
  "no score beats the truth when each unit is seen both treated and untreated": changed(qini, (value) => -value),
  "equals its slow twin on 200 cases with many ties": changed(auuc, (value, prediction) => (prediction.length === 30 ? value + 1e-9 : value)),
  "rows without an outcome are left out, and counted in a note": defineMetric({
    ...qini,
    statistic: (scores, options) => ({ ...qini.statistic(scores, options), notes: [] }),
  }),
  "data without an answer (no rows, one row, an empty arm, one class) gives a number, or NaN with a note, and no error": changed(auuc, (value) =>
    Number.isNaN(value) ? 0 : value,
  ),
  "a score that is not finite is an error that names the first row": {
    ...pehe,
    score: (prediction, data) =>
      pehe.score(
        prediction.map((s) => (Number.isFinite(s) ? s : 0)),
        data,
      ),
  },
  "an option it does not have is an error": { ...ateError, score: (prediction, data) => ateError.score(prediction, data) },
  "scores and data are left as they were": { ...ateError, score: (prediction, data) => ateError.score(prediction.fill(0), data) },
};

/** The metric with its value tampered with. */
function changed(metric: Metric, tamper: (value: number, prediction: Float64Array) => number): Metric {
  return {
    ...metric,
    score: (prediction, data, options) => ({
      ...metric.score(prediction, data, options),
      value: tamper(metric.score(prediction, data, options).value, prediction),
    }),
  };
}

describe("each law fails a metric that breaks it", () => {
  test.each(Object.entries(laws))("%s", (name, law) => {
    const toy = broken[name];
    expect(toy, "a toy for this law").toBeDefined();
    expect(() => law(toy, slow[toy.id])).toThrow();
  });
});

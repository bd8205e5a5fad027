import { dataError } from "../base/errors.ts";
import type { Json } from "../base/state.ts";
import type { Sample, TwoSamples } from "../data/longterm.ts";
import type { Column, Features } from "../data/schema.ts";
import { logistic as logisticLearner } from "../learn/logistic.ts";
import { parse } from "../base/parse.ts";
import type { FittedLearner } from "../learn/contract.ts";
import { takeColumn } from "../data/dataset.ts";
import type { Shop } from "./model.ts";

/** Rows of two tables with the same columns, one above the other. */
export function stack(above: Features, below: Features): Features {
  const n = above.rows + below.rows;
  const columns = above.columns.map((column, j): Column => {
    const other = below.columns[j];
    if (column.kind === "number" && other.kind === "number") {
      const values = new Float64Array(n);
      values.set(column.values);
      values.set(other.values, above.rows);
      return { ...column, values };
    }
    if (column.kind === "category" && other.kind === "category") {
      const codes = new Int32Array(n);
      codes.set(column.codes);
      codes.set(other.codes, above.rows);
      return { ...column, codes };
    }
    throw dataError(`column "${column.name}" is not the same kind of thing in both samples`);
  });
  return { rows: n, columns };
}

export function takeRowsOf(x: Features, rows: Int32Array): Features {
  return { rows: rows.length, columns: x.columns.map((column) => takeColumn(column, rows)) };
}

/** Logistic regression of 0 and 1 on columns; penalty by AIC. */
export async function classify(x: Features, t: Float64Array, shop: Shop, weight?: Float64Array): Promise<FittedLearner> {
  return logisticLearner.fit(parse(logisticLearner.config, {}, "classifier"), x, t, weight, shop);
}

/** What one sample's rows say of the other: density ratio of experiment to history for each row of history, mean 1, and how well the samples can be told apart. */
export interface Ratio {
  readonly weight: Float64Array;
  /** (sum w)^2 / sum w^2, in rows of history. */
  readonly effective: number;
  readonly largest: number;
  /** Area under the curve of telling the samples apart: 1/2 when nobody can. */
  readonly auc: number;
  readonly clipped: number;
}

/**
 * P(row | experiment) / P(row | history) at each row of history, by a logistic regression that tells the samples apart (Sugiyama2012).
 * @param of by features alone, or by features and surrogates
 * @param clip largest weight; 0 for none
 */
export async function densityRatio(samples: TwoSamples, of: "x" | "z", clip: number, shop: Shop): Promise<Ratio> {
  const { history, experiment } = samples;
  const { p, auc } = await shop.once(`sample classifier ${of}`, async (rng) => {
    const x = stack(history[of], experiment[of]);
    const t = Float64Array.from({ length: x.rows }, (_, i) => (i < history.rows ? 0 : 1));
    const fitted = await classify(x, t, { ...shop, rng });
    const all = await fitted.predict(x);
    return { p: all.slice(0, history.rows), auc: areaUnder(all, t) };
  });
  const weight = p.map((q) => ((q / (1 - q)) * history.rows) / experiment.rows);
  let clipped = 0;
  if (clip > 0)
    for (let i = 0; i < weight.length; i++)
      if (weight[i] > clip) {
        weight[i] = clip;
        clipped++;
      }
  const total = weight.reduce((a, b) => a + b, 0);
  let [square, largest] = [0, 0];
  for (let i = 0; i < weight.length; i++) {
    weight[i] *= history.rows / total;
    square += weight[i] ** 2;
    largest = Math.max(largest, weight[i]);
  }
  return { weight, effective: history.rows ** 2 / square, largest, auc, clipped };
}

/** Area under the curve of scores for 0 and 1, ties counted half. */
export function areaUnder(score: Float64Array, t: ArrayLike<number>): number {
  const order = Float64Array.from(score.keys()).sort((i, j) => score[i] - score[j]);
  let [rank, ones] = [0, 0];
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && score[order[to]] === score[order[from]]) to++;
    for (let k = from; k < to; k++) if (t[order[k]] === 1) rank += (from + to + 1) / 2;
    from = to;
  }
  for (let i = 0; i < t.length; i++) ones += t[i];
  return (rank - (ones * (ones + 1)) / 2) / (ones * (t.length - ones));
}

/** @throws LiftwiseError (data) when history has next to no row like those of the experiment */
export async function checkOverlap(samples: TwoSamples, name: string, shop: Shop): Promise<Json> {
  if (samples.history.x.columns.length === 0) return { auc: 0.5, effectiveRows: samples.history.rows };
  const { effective, auc, largest } = await densityRatio(samples, "x", 0, shop);
  if (auc > 0.999 || effective < 5) {
    // Where the samples lie apart altogether the weights say nothing any more.
    const rows = auc > 0.999 ? "" : `, and ${effective.toFixed(1)} of ${samples.history.rows} rows of history would carry the answer`;
    throw dataError(
      `${name}: history and experiment do not overlap: the features tell them apart (area under the curve ${auc.toFixed(3)})${rows}; bring history of units like those of the experiment, or leave out the features that separate them (dates, version numbers)`,
    );
  }
  return { auc, effectiveRows: effective, largestWeight: largest };
}

/** Probability of each arm given x and s in the experiment, control first, for rows of a sample (Begg1984: pairs against the control). */
export async function armScores(samples: TwoSamples, on: "history" | "experiment", shop: Shop): Promise<Float64Array[]> {
  const { experiment, arms } = samples;
  const odds: Float64Array[] = [];
  for (let a = 1; a < arms.length; a++) odds.push(await armOdds(samples, a, on, shop));
  const sample: Sample = on === "history" ? samples.history : experiment;
  const control = Float64Array.from({ length: sample.rows }, (_, i) => 1 / (1 + odds.reduce((sum, o) => sum + o[i], 0)));
  return [control, ...odds.map((o) => o.map((v, i) => v * control[i]))];
}

async function armOdds(samples: TwoSamples, a: number, on: "history" | "experiment", shop: Shop): Promise<Float64Array> {
  const { experiment, history } = samples;
  const both = await shop.once(`arm classifier ${a}`, async (rng) => {
    const rows = Int32Array.from(experiment.arm.keys()).filter((i) => experiment.arm[i] === 0 || experiment.arm[i] === a);
    const t = Float64Array.from(rows, (i) => (experiment.arm[i] === a ? 1 : 0));
    const fitted = await classify(takeRowsOf(experiment.z, rows), t, { ...shop, rng });
    return { history: await fitted.predict(history.z), experiment: await fitted.predict(experiment.z) };
  });
  return both[on].map((p) => p / (1 - p));
}

/** Probability of each arm of the experiment at rows of history: the shares where they are the same for all, else a logistic regression on x. */
export async function propensityOnHistory(samples: TwoSamples, shop: Shop): Promise<Float64Array[]> {
  const { experiment, history, arms } = samples;
  if (experiment.e.every((p) => p.every((v) => Math.abs(v - p[0]) < 1e-12))) return experiment.e.map((p) => new Float64Array(history.rows).fill(p[0]));
  const odds: Float64Array[] = [];
  for (let a = 1; a < arms.length; a++)
    odds.push(
      await shop.once(`propensity ${a} on history`, async (rng) => {
        const rows = Int32Array.from(experiment.arm.keys()).filter((i) => experiment.arm[i] === 0 || experiment.arm[i] === a);
        const fitted = await classify(
          takeRowsOf(experiment.x, rows),
          Float64Array.from(rows, (i) => (experiment.arm[i] === a ? 1 : 0)),
          { ...shop, rng },
        );
        return (await fitted.predict(history.x)).map((p) => p / (1 - p));
      }),
    );
  const control = Float64Array.from({ length: history.rows }, (_, i) => 1 / (1 + odds.reduce((sum, o) => sum + o[i], 0)));
  return [control, ...odds.map((o) => o.map((v, i) => v * control[i]))];
}

/**
 * How much each outcome of history counts in the average effect of arm a when outcomes are read off (x, s): the weights of the surrogate score
 * (Athey2019surrogate, theorem 2), w(x, s) (rho_a / e_a - rho_0 / e_0), mean over history 0.
 */
export async function scoreWeights(samples: TwoSamples, a: number, clip: number, shop: Shop): Promise<{ readonly alpha: Float64Array; readonly ratio: Ratio }> {
  const ratio = await densityRatio(samples, "z", clip, shop);
  const rho = await armScores(samples, "history", shop);
  const e = await propensityOnHistory(samples, shop);
  // Normalised arm by arm: the weights of either arm have mean 1, whatever the classifiers say on the whole.
  const plus = normalised(ratio.weight.map((w, i) => (w * rho[a][i]) / e[a][i]));
  const minus = normalised(ratio.weight.map((w, i) => (w * rho[0][i]) / e[0][i]));
  return { alpha: plus.map((v, i) => v - minus[i]), ratio };
}

export function normalised(weight: Float64Array): Float64Array {
  const total = weight.reduce((x, y) => x + y, 0);
  return weight.map((w) => (w * weight.length) / total);
}

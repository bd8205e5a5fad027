import { inverseSpd, spectrum } from "../../base/linear/solve.ts";
import type { Json } from "../../base/state.ts";
import type { TwoSamples } from "../../data/longterm.ts";
import { drawFolds, type Folds } from "../../learn/crossFit.ts";
import type { Shop } from "../model.ts";
import { armScores, stack } from "../overlap.ts";
import { encoderOf, sequenceOf, sequenceScales } from "../sequence.ts";
import { type Behaviour, beliefs, fitPrototypes, startingBeliefs } from "./prototypes.ts";

/** Settings of the pseudo-policy. */
export interface PolicyConfig {
  readonly prototypes: number;
  readonly rounds: number;
  readonly folds: number;
  readonly calibrate: boolean;
  readonly priorShift: boolean;
}

/** Pseudo labels of history and all that was learned of short-term behaviour on the way. */
export interface PseudoPolicy {
  /** Both samples, history first. */
  readonly behaviour: Behaviour;
  readonly folds: Folds;
  readonly prototypes: number;
  /** rows x prototypes x arms, out of fold: in history by its pseudo labels, in the experiment the arm is known. */
  readonly joint: Float64Array;
  /** History's probability of each arm, n_H x arms, calibrated. */
  readonly label: Float64Array;
  /** Expected effect of each treated arm on the course given x: rows x depth, by arm. */
  readonly course: readonly Float64Array[];
  /** The labels that other values of the calibration would give, with the covariance of those values: how sure the labels are. */
  readonly calibration: readonly Calibration[];
  readonly relabel: (shifts: readonly (readonly [number, number])[]) => { readonly joint: Float64Array; readonly label: Float64Array };
  readonly report: Readonly<Record<string, Json>>;
}

/** P(a) = logistic(intercept + slope x evidence) against the control, on rows of the experiment that the evidence was not learned from. */
export interface Calibration {
  readonly intercept: number;
  readonly slope: number;
  /** 2 x 2, row by row. */
  readonly covariance: Float64Array;
}

// Courses longer than this are described by their principal components.
const longest = 36;

/**
 * Soft labels of history from heterogeneous short-term behaviour: prototypes of behaviour learned from both samples with history's arms hidden,
 * evidence of each arm out of fold, calibrated on the experiment's own arms (Platt1999), and turned into history's probabilities by the shares of arms in history
 * (Saerens2002).
 */
export async function pseudoPolicy(samples: TwoSamples, config: PolicyConfig, shop: Shop): Promise<PseudoPolicy> {
  const { history, experiment, arms } = samples;
  const data = behaviourOf(samples);
  const { rows } = data;
  const rng = shop.rng.split("prototypes");
  const guess = new Float64Array(rows * arms.length);
  if (!history.logged) (await armScores(samples, "history", shop)).forEach((p, a) => p.forEach((v, i) => (guess[i * arms.length + a] = v)));
  const start = startingBeliefs(data, guess, config.prototypes, rng);
  const whole = fitPrototypes(data, { joint: start }, { count: config.prototypes, rounds: config.rounds, tolerance: 1e-6 });
  shop.progress(0.3, "prototypes of behaviour");
  shop.signal.throwIfAborted();
  const strata = Int32Array.from({ length: rows }, (_, i) => (i < history.rows ? arms.length : experiment.arm[i - history.rows]));
  const folds = drawFolds(strata, undefined, config.folds, shop.rng.split("folds"));
  const cells = config.prototypes * arms.length;
  const joint = new Float64Array(rows * cells);
  const evidence = new Float64Array(rows * arms.length);
  for (let f = 0; f < folds.count; f++) {
    await new Promise(setImmediate);
    shop.signal.throwIfAborted();
    const use = Uint8Array.from(folds.of, (own) => (own === f ? 0 : 1));
    const { model } = fitPrototypes(data, { from: whole.model }, { count: config.prototypes, rounds: 6, tolerance: 1e-6, use });
    const belief = beliefs(data, model);
    for (let i = 0; i < rows; i++) {
      if (folds.of[i] !== f) continue;
      joint.set(belief.joint.subarray(i * cells, (i + 1) * cells), i * cells);
      evidence.set(belief.evidence.subarray(i * arms.length, (i + 1) * arms.length), i * arms.length);
    }
    shop.progress(0.3 + (0.3 * (f + 1)) / folds.count, `fold ${f + 1} of ${folds.count}`);
  }
  const logOdds = arms.slice(1).map((_, k) => Float64Array.from({ length: rows }, (__, i) => evidence[i * arms.length + k + 1] - evidence[i * arms.length]));
  const fits = logOdds.map((odds, k) => calibrationOf(odds.subarray(history.rows), experiment.arm, experiment.e, k + 1));
  const used = fits.map((fit) => (config.calibrate ? fit : { ...fit, intercept: 0, slope: 1 }));
  const relabel: PseudoPolicy["relabel"] = (shifts) => {
    if (history.logged) return { joint, label: oneHot(history.arm, arms.length) };
    const calibrated = logOdds.map((odds, k) =>
      odds.subarray(0, history.rows).map((v) => used[k].intercept + shifts[k][0] + (used[k].slope + shifts[k][1]) * v),
    );
    const label = config.priorShift ? shifted(calibrated, data) : plainLabels(calibrated);
    return { joint: rescaled(joint, label, history.rows, config.prototypes, arms.length), label };
  };
  const { joint: final, label } = relabel(used.map(() => [0, 0]));
  const share = arms.map((_, a) => mean(label, arms.length, a));
  const sure = countSure(label, arms.length) / history.rows;
  const report = {
    prototypes: config.prototypes,
    rounds: whole.rounds,
    labels: history.logged ? "logged" : "pseudo",
    historyShares: Object.fromEntries(arms.map((name, a) => [name, share[a]])),
    confident: sure,
    calibration: fits.map(({ intercept, slope }, k) => ({
      arm: arms[k + 1],
      intercept,
      slope,
      auc: auc(logOdds[k].subarray(history.rows), experiment.arm, k + 1),
      error: calibrationError(
        logOdds[k]
          .subarray(history.rows)
          .map((v, i) => 1 / (1 + (experiment.e[0][i] / experiment.e[k + 1][i]) * Math.exp(-(used[k].intercept + used[k].slope * v)))),
        experiment.arm,
        k + 1,
      ),
    })),
  };
  const course = arms.slice(1).map((_, k) => courseEffect(data, whole.model.course, whole.model.kind, k + 1));
  return { behaviour: data, folds, prototypes: config.prototypes, joint: final, label, course, calibration: used, relabel, report };
}

function behaviourOf(samples: TwoSamples): Behaviour {
  const { history, experiment, arms } = samples;
  const rows = history.rows + experiment.rows;
  const both = stack(history.x, experiment.x);
  const encoder = encoderOf(both);
  const columns = encoder.encode(both);
  const width = columns.length + 1;
  const x = new Float64Array(rows * width);
  for (let i = 0; i < rows; i++) {
    x[i * width] = 1;
    columns.forEach((column, j) => (x[i * width + j + 1] = column[i]));
  }
  const raw = sequenceOf(stack(history.s, experiment.s), samples, sequenceScales(samples));
  const { s, depth } = shortened(raw, rows, samples.grid.place.length);
  const arm = new Int32Array(rows).fill(-1);
  if (history.logged) arm.set(history.arm);
  arm.set(experiment.arm, history.rows);
  const logChance = new Float64Array(rows * arms.length);
  experiment.e.forEach((p, a) => p.forEach((v, i) => (logChance[(history.rows + i) * arms.length + a] = Math.log(v))));
  return { rows, history: history.rows, x, width, s, depth, arm, arms: arms.length, logChance };
}

function shortened(raw: Float32Array, rows: number, width: number): { readonly s: Float64Array; readonly depth: number } {
  if (width <= longest) return { s: Float64Array.from(raw), depth: width };
  const gram = new Float64Array(width * width);
  for (let i = 0; i < rows; i++) for (let k = 0; k < width; k++) for (let l = 0; l < width; l++) gram[k * width + l] += raw[i * width + k] * raw[i * width + l];
  const { vectors } = spectrum(gram);
  const s = new Float64Array(rows * longest);
  for (let i = 0; i < rows; i++)
    for (let d = 0; d < longest; d++) for (let k = 0; k < width; k++) s[i * longest + d] += raw[i * width + k] * vectors[d * width + k];
  return { s, depth: longest };
}

/** sum over prototypes of P(j | x) x theta_ja: the part of the course that the policy causes. */
function courseEffect({ rows, x, width, depth }: Behaviour, course: readonly Float64Array[], kind: Float64Array, a: number): Float64Array {
  const out = new Float64Array(rows * depth);
  const share = new Float64Array(course.length);
  for (let i = 0; i < rows; i++) {
    let total = 0;
    for (let j = 0; j < course.length; j++) {
      let eta = 0;
      for (let u = 0; u < width; u++) eta += kind[j * width + u] * x[i * width + u];
      total += share[j] = Math.exp(Math.min(30, eta));
    }
    for (let j = 0; j < course.length; j++)
      for (let u = 0; u < width; u++) {
        const w = (share[j] / total) * x[i * width + u];
        for (let k = 0; k < depth; k++) out[i * depth + k] += w * course[j][(a * width + u) * depth + k];
      }
  }
  return out;
}

// Logistic regression of "arm a, not control" on the evidence, the design's own odds being known: two numbers and their covariance.
function calibrationOf(odds: Float64Array, arm: Int32Array, e: readonly Float64Array[], a: number): Calibration {
  let [intercept, slope] = [0, 1];
  let covariance = Float64Array.of(1, 0, 0, 1);
  for (let round = 0; round < 50; round++) {
    const [g, h] = [new Float64Array(2), new Float64Array(4)];
    for (let i = 0; i < arm.length; i++) {
      if (arm[i] !== 0 && arm[i] !== a) continue;
      const p = 1 / (1 + Math.exp(-(intercept + slope * odds[i] + Math.log(e[a][i] / e[0][i]))));
      const [r, w] = [(arm[i] === a ? 1 : 0) - p, p * (1 - p)];
      g[0] += r;
      g[1] += r * odds[i];
      h[0] += w;
      h[1] += w * odds[i];
      h[3] += w * odds[i] ** 2;
    }
    h[2] = h[1];
    // A weak pull to (0, 1) keeps separable evidence finite.
    h[0] += 0.1;
    h[3] += 0.1;
    g[0] -= 0.1 * intercept;
    g[1] -= 0.1 * (slope - 1);
    covariance = (inverseSpd(h) ?? covariance) as Float64Array<ArrayBuffer>;
    const step = [covariance[0] * g[0] + covariance[1] * g[1], covariance[2] * g[0] + covariance[3] * g[1]];
    intercept += Math.max(-1, Math.min(1, step[0]));
    slope += Math.max(-0.5, Math.min(0.5, step[1]));
    if (Math.abs(step[0]) + Math.abs(step[1]) < 1e-9) break;
  }
  return { intercept, slope: Math.max(0, slope), covariance };
}

/** Labels under the shares of arms in history given x, which are learned from the calibrated evidence itself (Saerens2002). */
function shifted(logOdds: readonly Float64Array[], { x, width }: Behaviour): Float64Array {
  const n = logOdds[0].length;
  const arms = logOdds.length + 1;
  const label = new Float64Array(n * arms);
  const w = new Float64Array(logOdds.length * width);
  const chance = new Float64Array(arms);
  for (let round = 0; round < 60; round++) {
    let change = 0;
    const g = logOdds.map(() => new Float64Array(width));
    const h = logOdds.map(() => new Float64Array(width * width));
    for (let i = 0; i < n; i++) {
      chance[0] = 1;
      let [priorTotal, total] = [1, 1];
      const eta = logOdds.map((_, k) => {
        let sum = 0;
        for (let u = 0; u < width; u++) sum += w[k * width + u] * x[i * width + u];
        return sum;
      });
      const posterior = eta.map((value, k) => {
        priorTotal += Math.exp(value);
        const odds = Math.exp(Math.max(-30, Math.min(30, value + logOdds[k][i])));
        total += odds;
        return odds;
      });
      label[i * arms] = 1 / total;
      posterior.forEach((odds, k) => {
        const [q, p] = [odds / total, Math.exp(eta[k]) / priorTotal];
        label[i * arms + k + 1] = q;
        const weight = p * (1 - p);
        for (let u = 0; u < width; u++) {
          g[k][u] += (q - p) * x[i * width + u];
          const wx = weight * x[i * width + u];
          for (let v = u; v < width; v++) h[k][u * width + v] += wx * x[i * width + v];
        }
      });
    }
    g.forEach((slope, k) => {
      const curve = h[k];
      for (let u = 0; u < width; u++) {
        for (let v = 0; v < u; v++) curve[u * width + v] = curve[v * width + u];
        curve[u * width + u] += 1;
        slope[u] -= w[k * width + u];
      }
      const inverse = inverseSpd(curve);
      if (inverse === undefined) return;
      for (let u = 0; u < width; u++) {
        let step = 0;
        for (let v = 0; v < width; v++) step += inverse[u * width + v] * slope[v];
        w[k * width + u] += Math.max(-1, Math.min(1, step));
        change += Math.abs(step);
      }
    });
    if (change < 1e-4) break;
  }
  return label;
}

function plainLabels(logOdds: readonly Float64Array[]): Float64Array {
  const arms = logOdds.length + 1;
  const label = new Float64Array(logOdds[0].length * arms);
  for (let i = 0; i < logOdds[0].length; i++) {
    const odds = logOdds.map((values) => Math.exp(Math.max(-30, Math.min(30, values[i]))));
    const total = 1 + odds.reduce((a, b) => a + b, 0);
    label[i * arms] = 1 / total;
    odds.forEach((o, k) => (label[i * arms + k + 1] = o / total));
  }
  return label;
}

/** Beliefs of history's rows brought to the calibrated labels, the prototypes' shares inside each arm kept. */
function rescaled(joint: Float64Array, label: Float64Array, history: number, count: number, arms: number): Float64Array {
  const out = joint.slice();
  for (let i = 0; i < history; i++)
    for (let a = 0; a < arms; a++) {
      let total = 0;
      for (let j = 0; j < count; j++) total += joint[(i * count + j) * arms + a];
      for (let j = 0; j < count; j++)
        out[(i * count + j) * arms + a] = label[i * arms + a] * (total > 1e-12 ? joint[(i * count + j) * arms + a] / total : 1 / count);
    }
  return out;
}

function oneHot(arm: Int32Array, arms: number): Float64Array {
  const label = new Float64Array(arm.length * arms);
  arm.forEach((a, i) => (label[i * arms + a] = 1));
  return label;
}

function mean(values: Float64Array, stride: number, at: number): number {
  let sum = 0;
  for (let i = at; i < values.length; i += stride) sum += values[i];
  return (sum * stride) / values.length;
}

function countSure(label: Float64Array, arms: number): number {
  let count = 0;
  for (let i = 0; i < label.length; i += arms) for (let a = 0; a < arms; a++) if (label[i + a] > 0.9) count++;
  return count;
}

function auc(score: Float64Array, arm: Int32Array, a: number): number {
  const rows = Int32Array.from(arm.keys()).filter((i) => arm[i] === 0 || arm[i] === a);
  const order = rows.toSorted((i, j) => score[i] - score[j]);
  let [rank, ones] = [0, 0];
  order.forEach((i, k) => {
    if (arm[i] !== a) return;
    rank += k + 1;
    ones++;
  });
  return (rank - (ones * (ones + 1)) / 2) / (ones * (order.length - ones));
}

/** Mean over tenths of |share of the arm - mean label|. */
function calibrationError(p: Float64Array, arm: Int32Array, a: number): number {
  const rows = Int32Array.from(arm.keys()).filter((i) => arm[i] === 0 || arm[i] === a);
  const order = rows.toSorted((i, j) => p[i] - p[j]);
  let total = 0;
  for (let k = 0; k < 10; k++) {
    const part = order.subarray(Math.floor((k * order.length) / 10), Math.floor(((k + 1) * order.length) / 10));
    total += Math.abs(part.reduce((sum, i) => sum + p[i] - (arm[i] === a ? 1 : 0), 0)) / order.length;
  }
  return total;
}

import { spectrum } from "../../base/linear/solve.ts";
import type { Json } from "../../base/state.ts";
import type { TwoSamples } from "../../data/longterm.ts";
import { drawFolds, type Folds } from "../../learn/crossFit.ts";
import type { Features } from "../../data/schema.ts";
import type { Encoder } from "../../learn/encode.ts";
import type { Shop } from "../model.ts";
import { armScores, stack } from "../overlap.ts";
import { encoderOf, sequenceOf, sequenceScales } from "../sequence.ts";
import { type Calibration, calibrationError, calibrationOf, evidenceAuc } from "./calibration.ts";
import { type Shape, shapeFor } from "./outcome.ts";
import {
  type Behaviour,
  beliefs,
  blank,
  fitPrototypes,
  kindShares,
  logSum,
  maximise,
  pastShares,
  pastStep,
  type Prototypes,
  startingBeliefs,
} from "./prototypes.ts";
import { reduced } from "./reduced.ts";

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
  readonly encoder: Encoder;
  readonly shape: Shape;
  /** Courses and shares of the prototypes, learned from all rows. */
  readonly parameters: Pick<Prototypes, "course" | "kind">;
  /** Expected effect of each treated arm on the course given x: rows x depth, by arm. */
  readonly course: readonly Float64Array[];
  /** `joint` as it would be without the rows of a fold: prototypes, calibration and shares learned from the other rows. */
  readonly without: (fold: number) => Float64Array;
  readonly report: Readonly<Record<string, Json>>;
}

// Courses longer than this are described by their principal components.
const longest = 36;

// Rounds of fitting the prototypes again without a fold.
const refits = 6;

/**
 * Soft labels of history from heterogeneous short-term behaviour: prototypes of behaviour learned from both samples with history's arms hidden,
 * evidence of each arm out of fold, calibrated on the experiment's own arms (Platt1999), and turned into history's probabilities by the shares of arms in history
 * (Saerens2002), which differ by features and by prototype.
 */
export async function pseudoPolicy(samples: TwoSamples, config: PolicyConfig, shop: Shop): Promise<PseudoPolicy> {
  const { history, experiment, arms } = samples;
  const { behaviour: full, encoder } = behaviourOf(samples);
  const { rows } = full;
  const count = config.prototypes;
  const rng = shop.rng.split("prototypes");
  const guess = new Float64Array(rows * arms.length);
  if (!history.logged) (await armScores(samples, "history", shop)).forEach((p, a) => p.forEach((v, i) => (guess[i * arms.length + a] = v)));
  const start = startingBeliefs(full, guess, count, rng);
  const first = fitPrototypes(full, { joint: start }, { count, rounds: Math.ceil(config.rounds / 4), tolerance: 1e-6 });
  const data = reduced(full, first.model, first.belief.joint);
  const { kind: kinds, past } = first.model;
  const from = maximise(data, first.belief.joint, { ...blank(data, count), kind: kinds, past });
  const whole = fitPrototypes(data, { from }, { count, rounds: config.rounds, tolerance: 1e-6 });
  shop.progress(0.3, "prototypes of behaviour");
  shop.signal.throwIfAborted();
  const strata = Int32Array.from({ length: rows }, (_, i) => (i < history.rows ? arms.length : experiment.arm[i - history.rows]));
  const folds = drawFolds(strata, undefined, config.folds, shop.rng.split("folds"));
  const cells = count * arms.length;
  const joint = new Float64Array(rows * cells);
  const terms = new Float64Array(rows * cells);
  const models: Prototypes[] = [];
  for (let f = 0; f < folds.count; f++) {
    await new Promise(setImmediate);
    shop.signal.throwIfAborted();
    const use = Uint8Array.from(folds.of, (own) => (own === f ? 0 : 1));
    const { model, belief } = fitPrototypes(data, { from: whole.model }, { count, rounds: refits, tolerance: 1e-6, use });
    models.push(model);
    for (let i = 0; i < rows; i++) {
      if (folds.of[i] !== f) continue;
      joint.set(belief.joint.subarray(i * cells, (i + 1) * cells), i * cells);
      terms.set(belief.terms.subarray(i * cells, (i + 1) * cells), i * cells);
    }
    shop.progress(0.3 + (0.3 * (f + 1)) / folds.count, `fold ${f + 1} of ${folds.count}`);
  }
  const evidence = arms.slice(1).map((_, k) => evidenceOf(terms, count, arms.length, k + 1));
  const calibrated = (use?: (row: number) => boolean): Calibration[] =>
    evidence.map((odds, k) =>
      config.calibrate ? calibrationOf(odds.subarray(history.rows), experiment.arm, experiment.e, k + 1, use) : { intercept: 0, slope: 1 },
    );
  const used = calibrated();
  const labelled = (own: Float64Array, ownTerms: Float64Array, by: readonly Calibration[], past: Float64Array, use?: Uint8Array): Float64Array =>
    history.logged ? own : withShares(data, own, tempered(ownTerms, count, arms.length, by), { count, past }, config.priorShift, use);
  const final = labelled(joint, terms, used, whole.model.past);
  const label = new Float64Array(history.rows * arms.length);
  for (let i = 0; i < history.rows; i++)
    if (history.logged) label[i * arms.length + history.arm[i]] = 1;
    else for (let k = 0; k < cells; k++) label[i * arms.length + (k % arms.length)] += final[i * cells + k];
  const share = arms.map((_, a) => mean(label, arms.length, a));
  const report = {
    prototypes: count,
    rounds: whole.rounds,
    directions: data.depth,
    labels: history.logged ? "logged" : "pseudo",
    historyShares: Object.fromEntries(arms.map((name, a) => [name, share[a]])),
    confident: countSure(label, arms.length) / history.rows,
    calibration: used.map(({ intercept, slope }, k) => {
      const odds = evidence[k].subarray(history.rows);
      const p = odds.map((v, i) => 1 / (1 + (experiment.e[0][i] / experiment.e[k + 1][i]) * Math.exp(-(intercept + slope * v))));
      return {
        arm: arms[k + 1],
        intercept,
        slope,
        auc: evidenceAuc(odds, experiment.arm, k + 1),
        error: calibrationError(p, experiment.arm, k + 1),
      };
    }),
  };
  const { course, kind } = maximise(full, whole.belief.joint, { ...blank(full, count), kind: whole.model.kind, past: whole.model.past });
  return {
    behaviour: full,
    encoder,
    shape: shapeFor(history.rows, full.width, count),
    parameters: { course, kind },
    folds,
    prototypes: count,
    joint: final,
    label,
    course: arms.slice(1).map((_, k) => courseEffect(full, course, kind, k + 1)),
    without: (fold) => {
      const use = Uint8Array.from(folds.of, (own) => (own === fold ? 0 : 1));
      const belief = beliefs(data, models[fold], use);
      const by = calibrated((row) => folds.of[history.rows + row] !== fold);
      return labelled(belief.joint, belief.terms, by, models[fold].past, use);
    },
    report,
  };
}

/** log P(s | x, a) - log P(s | x, control), prototypes summed over. */
function evidenceOf(terms: Float64Array, count: number, arms: number, a: number): Float64Array {
  const cells = count * arms;
  return Float64Array.from({ length: terms.length / cells }, (_, i) => logSum(terms, i * cells + a, count, arms) - logSum(terms, i * cells, count, arms));
}

/** Terms with the evidence of each arm brought to its calibrated value; prototypes inside an arm keep their proportions. */
function tempered(terms: Float64Array, count: number, arms: number, by: readonly Calibration[]): Float64Array {
  const cells = count * arms;
  const out = terms.slice();
  by.forEach(({ intercept, slope }, k) => {
    const evidence = evidenceOf(terms, count, arms, k + 1);
    evidence.forEach((v, i) => {
      const more = Math.max(-30, Math.min(30, intercept + slope * v)) - v;
      for (let j = 0; j < count; j++) out[i * cells + j * arms + k + 1] += more;
    });
  });
  return out;
}

/**
 * Beliefs with history's rows by the shares of arms in history given x and prototype, which are learned from the tempered terms themselves; or by equal shares.
 * @param use rows that the shares are learned from
 */
function withShares(
  data: Behaviour,
  joint: Float64Array,
  terms: Float64Array,
  { count, past }: Pick<Prototypes, "count" | "past">,
  learned: boolean,
  use: Uint8Array | undefined,
): Float64Array {
  const cells = count * data.arms;
  const out = joint.slice();
  const chance = new Float64Array(cells);
  let shares = learned ? past : new Float64Array(past.length);
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < data.history; i++) {
      const at = i * cells;
      pastShares(data, { count, past: shares }, i, chance);
      for (let k = 0; k < cells; k++) out[at + k] = terms[at + k] + Math.log(chance[k] + 1e-300);
      const all = logSum(out, at, cells, 1);
      for (let k = 0; k < cells; k++) out[at + k] = Math.exp(out[at + k] - all);
    }
    if (!learned) break;
    const next = pastStep(data, out, { count, past: shares }, use);
    const change = next.reduce((sum, v, k) => sum + Math.abs(v - shares[k]), 0);
    shares = next;
    if (change < 0.01) break;
  }
  return out;
}

/** Encoded features row by row, after a column of ones. */
export function bordered(encoder: Encoder, features: Features): { readonly x: Float64Array; readonly width: number } {
  const columns = encoder.encode(features);
  const width = columns.length + 1;
  const x = new Float64Array(features.rows * width);
  for (let i = 0; i < features.rows; i++) {
    x[i * width] = 1;
    columns.forEach((column, j) => (x[i * width + j + 1] = column[i]));
  }
  return { x, width };
}

function behaviourOf(samples: TwoSamples): { readonly behaviour: Behaviour; readonly encoder: Encoder } {
  const { history, experiment, arms } = samples;
  const rows = history.rows + experiment.rows;
  const both = stack(history.x, experiment.x);
  const encoder = encoderOf(both);
  const { x, width } = bordered(encoder, both);
  const raw = sequenceOf(stack(history.s, experiment.s), samples, sequenceScales(samples));
  const { s, depth } = shortened(raw, rows, samples.grid.place.length);
  const arm = new Int32Array(rows).fill(-1);
  if (history.logged) arm.set(history.arm);
  arm.set(experiment.arm, history.rows);
  const logChance = new Float64Array(rows * arms.length);
  experiment.e.forEach((p, a) => p.forEach((v, i) => (logChance[(history.rows + i) * arms.length + a] = Math.log(v))));
  return { behaviour: { rows, history: history.rows, x, width, s, depth, arm, arms: arms.length, logChance }, encoder };
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
    kindShares(x, i, width, kind, course.length, share);
    for (let j = 0; j < course.length; j++)
      for (let u = 0; u < width; u++) {
        const w = share[j] * x[i * width + u];
        for (let k = 0; k < depth; k++) out[i * depth + k] += w * course[j][(a * width + u) * depth + k];
      }
  }
  return out;
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

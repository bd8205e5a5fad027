import { z } from "zod";
import { variance } from "../../base/stats/moments.ts";
import type { Json } from "../../base/state.ts";
import * as c from "../../compute/index.ts";
import type { TwoSamples } from "../../data/longterm.ts";
import type { Model } from "../../model/contract.ts";
import { effectsOn, type HistoryPart, restoreEffects } from "../effects.ts";
import { longtermModel, type Shop } from "../model.ts";
import { type TrainingSettings, trainingSettings, trainNet } from "../neural.ts";
import { classify, densityRatio, normalised, scoreWeights, stack } from "../overlap.ts";
import { sequenceOf, sequenceScales } from "../sequence.ts";
import { type EffectConfig, effectConfig } from "../settings.ts";
import { attentionNet } from "./attention.ts";
import { fitWide, wideColumns } from "./outcome.ts";
import { type PolicyConfig, type PseudoPolicy, pseudoPolicy } from "./pseudoPolicy.ts";

export interface StealConfig extends EffectConfig, PolicyConfig, TrainingSettings {
  readonly mode: "full" | "surrogacy";
  readonly correct: boolean;
  readonly shiftWeights: number;
  readonly members: number;
  readonly hidden: number;
}

const config = z.strictObject({
  mode: z
    .enum(["full", "surrogacy"])
    .default("full")
    .describe("full: history's pseudo policy has an effect beyond the surrogates; surrogacy: it has none, and what is left is a surrogate index."),
  correct: z
    .boolean()
    .default(false)
    .describe(
      "Whether history's mean residual in each pseudo arm, weighted to look like the experiment, is added: it takes out what the outcome's form misses.",
    ),
  prototypes: z.int().min(1).max(12).default(3).describe("Prototypes of short-term behaviour."),
  rounds: z.int().min(1).max(1000).default(40).describe("Most rounds of fitting the prototypes."),
  calibrate: z.boolean().default(true).describe("Whether pseudo labels are calibrated on the experiment's own arms, out of fold."),
  priorShift: z.boolean().default(true).describe("Whether history's share of each arm given the features is learned; otherwise that of a fair coin."),
  shiftWeights: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe("Power of the weights P(x | experiment) / P(x | history) in learning the outcome: 0 all rows alike, 1 full weights."),
  members: z.int().min(0).max(50).default(2).describe("Attention nets that learn what the linear part leaves; 0 for the linear part alone."),
  hidden: z.int().min(2).max(512).default(24).describe("Width of the attention nets."),
  ...trainingSettings({ steps: 400, learningRate: 0.003, batch: 256, l2: 1e-3 }),
  ...effectConfig,
}) as unknown as z.ZodType<StealConfig>;

/**
 * Long-term effects of an experiment whose policy is not in history.
 *
 * (1) Prototypes of short-term behaviour give history soft labels of the policy, out of fold, calibrated on the experiment, at history's own shares of the arms.
 * (2) The policy's effect on the short-term course is separated from the natural course, by prototype.
 * (3) History's outcome is y0(x, s) + sum_a P(a | x, s) dy_a(x, s), in expectation: fitted to E[y | x, s], not to either arm by its label, which would
 * attenuate dy. A linear part on features, course, prototypes and pseudo arms; attention nets, asked by the separated effect, learn what it leaves, as far as held-out rows
 * of history support.
 * (4) On the experiment the arm is known: f(x, s, a) replaces the outcome. Effects by doubly robust scores; f(x, s, 0) gives the part that goes through s.
 */
export const steal: Model<"steal", "longterm", z.ZodType<StealConfig>> = longtermModel({
  id: "steal",
  summary:
    "STEAL: pseudo policy labels of history from short-term behaviour, separated short-term effect, attention for the long-term one; indirect and direct parts.",
  source: [
    {
      key: "STEAL2026",
      departure:
        "from the public abstract, which names the parts and gives no equations: pseudo labels by a mixture of linear courses with calibration and prior shift in place of a classifier net, a linear outcome part under the attention net, closed-form variance; the paper's results are not reproduced",
    },
  ],
  config,
  quick: { prototypes: 2, rounds: 4, folds: 2, members: 1, steps: 10, hidden: 4 },
  engine: "net",
  recipe: {
    learn: (settings, samples, shop) => learn(settings, samples, shop),
    restore: restoreEffects,
  },
});

async function learn(
  settings: StealConfig,
  samples: TwoSamples,
  shop: Shop,
): ReturnType<Parameters<typeof longtermModel<"steal", StealConfig>>[0]["recipe"]["learn"]> {
  const { history, experiment, arms } = samples;
  const policy = await pseudoPolicy(samples, settings, shop);
  const past = Int32Array.from({ length: history.rows }, (_, i) => i);
  const now = Int32Array.from({ length: experiment.rows }, (_, i) => history.rows + i);
  const weight = settings.shiftWeights > 0 ? await powered(samples, settings.shiftWeights, shop) : new Float64Array(history.rows).fill(1);
  const direct = settings.mode === "full";
  const own = (row: number): number => experiment.arm[row - history.rows];
  const columns = wideColumns(policy, policy.joint, past, direct);
  const wide = fitWide(columns, history.y, weight);
  const given = wideColumns(policy, policy.joint, now, direct, own);
  const value = wide.predict(given);
  const through = wide.predict(wideColumns(policy, policy.joint, now, direct, () => 0));
  const linear = value.slice();
  shop.progress(0.65, "linear part");
  const deep = settings.members > 0 ? await attend(settings, samples, policy, residualOf(history.y, wide.predict(columns)), weight, shop) : undefined;
  if (deep !== undefined)
    for (let i = 0; i < value.length; i++) {
      value[i] += deep.value[i];
      through[i] += deep.through[i];
    }
  const left = residualOf(history.y, wide.predict(columns));
  if (deep !== undefined) for (let i = 0; i < left.length; i++) left[i] -= deep.past[i];
  const alpha = settings.correct ? await armWeights(samples, policy, direct, shop) : undefined;
  const moved = alpha?.map((weights) => weights.reduce((sum, w, i) => sum + w * left[i], 0) / history.rows);
  if (moved !== undefined) for (let i = 0; i < value.length; i++) value[i] += moved[experiment.arm[i]];
  const parts: HistoryPart[] = [];
  const unsure: number[] = [];
  for (let a = 1; a < arms.length; a++) {
    const v = contrastWeights(samples, policy, a);
    const contrast = Float64Array.from(given, (column) => column.reduce((sum, value, i) => sum + v[i] * value, 0));
    // The correction takes back what the linear part's own error has in common with it, and adds its own.
    const pull = alpha === undefined ? undefined : alpha[a].map((w, i) => w - alpha[0][i]);
    const own_ = pull === undefined ? contrast : contrast.map((value, j) => value - columns[j].reduce((sum, z, i) => sum + pull[i] * z, 0) / history.rows);
    const influence = wide.influence(own_).map((u, i) => u * history.rows + (pull === undefined ? 0 : pull[i] * left[i]));
    parts.push({ influence, correct: false });
    const labels = direct && !history.logged ? labelVariance(samples, policy, { past, now, weight, own, linear, v }) : 0;
    unsure.push(labels + ensembleVariance(deep?.members ?? [], v));
  }
  const { effects, average } = await effectsOn(samples, { value, through: direct ? through : value, history: parts }, settings, shop);
  return {
    effects,
    average: average.map((one, k) => ({ ...one, se: Math.sqrt(one.se ** 2 + unsure[k]) })),
    report: {
      mode: settings.mode,
      pseudoPolicy: policy.report,
      penalty: wide.lambda,
      ...(moved === undefined ? {} : { correction: moved }),
      ...(deep === undefined ? {} : { attention: deep.report }),
      standardErrorOfLabelsAndEnsemble: unsure.map(Math.sqrt),
    },
  };
}

function residualOf(y: Float64Array, mu: Float64Array): Float64Array {
  return y.map((v, i) => v - mu[i]);
}

/**
 * Weights of history's rows, mean 1, that make the rows of each pseudo arm look like the experiment's units: label times the odds of the experiment against the arm's rows
 * given x. Without a direct part all rows stand for every arm, by the surrogate score.
 */
async function armWeights(samples: TwoSamples, { label }: PseudoPolicy, direct: boolean, shop: Shop): Promise<Float64Array[]> {
  const { history, experiment, arms } = samples;
  if (!direct) {
    const zero = new Float64Array(history.rows);
    const score: Float64Array[] = [zero];
    for (let a = 1; a < arms.length; a++) score.push((await scoreWeights(samples, a, 0, shop)).alpha);
    return score;
  }
  const both = stack(history.x, experiment.x);
  const t = Float64Array.from({ length: both.rows }, (_, i) => (i < history.rows ? 0 : 1));
  const out: Float64Array[] = [];
  for (let a = 0; a < arms.length; a++) {
    const weight = Float64Array.from({ length: both.rows }, (_, i) => (i < history.rows ? label[i * arms.length + a] : 1));
    const p = await (await classify(both, t, { ...shop, rng: shop.rng.split("arm weights", a) }, weight)).predict(history.x);
    out.push(normalised(p.map((q, i) => (label[i * arms.length + a] * q) / (1 - q))));
  }
  return out;
}

async function powered(samples: TwoSamples, power: number, shop: Shop): Promise<Float64Array> {
  const { weight } = await densityRatio(samples, "x", 0, shop);
  const raised = weight.map((w) => w ** power);
  const total = raised.reduce((a, b) => a + b, 0);
  return raised.map((w) => (w * raised.length) / total);
}

/** v with sum_i v_i u_i the coefficient of arm a in a least squares line of u on the arm and x, over rows of arm a and the control. */
function contrastWeights({ experiment, history }: TwoSamples, { behaviour }: PseudoPolicy, a: number): Float64Array {
  const { x, width } = behaviour;
  const rows = Array.from(experiment.arm.keys()).filter((i) => experiment.arm[i] === 0 || experiment.arm[i] === a);
  const columns = Array.from({ length: width - 1 }, (_, u) => Float64Array.from(rows, (i) => x[(history.rows + i) * width + u + 1]));
  const t = Float64Array.from(rows, (i) => (experiment.arm[i] === a ? 1 : 0));
  const fitted =
    columns.length === 0 ? t.map(() => t.reduce((p, q) => p + q, 0) / t.length) : fitWide(columns, t, new Float64Array(t.length).fill(1)).predict(columns);
  const out = new Float64Array(experiment.rows);
  let square = 0;
  rows.forEach((_, k) => (square += (t[k] - fitted[k]) * t[k]));
  rows.forEach((i, k) => (out[i] = (t[k] - fitted[k]) / square));
  return out;
}

/** Variance of an average effect that comes from not knowing the calibration of the labels exactly (delta method, one refit a number). */
function labelVariance(
  { history }: TwoSamples,
  policy: PseudoPolicy,
  at: { past: Int32Array; now: Int32Array; weight: Float64Array; own: (row: number) => number; linear: Float64Array; v: Float64Array },
): number {
  const still = policy.calibration.map((): [number, number] => [0, 0]);
  const effect = (values: Float64Array): number => values.reduce((sum, value, i) => sum + at.v[i] * value, 0);
  const base = effect(at.linear);
  let total = 0;
  policy.calibration.forEach(({ covariance }, k) => {
    const slopes = [0, 1].map((which) => {
      const step = Math.sqrt(covariance[which * 3]);
      const shifts = still.map((pair, other): [number, number] => (other === k ? [which === 0 ? step : 0, which === 1 ? step : 0] : pair));
      const { joint } = policy.relabel(shifts);
      const wide = fitWide(wideColumns(policy, joint, at.past, true), history.y, at.weight);
      return (effect(wide.predict(wideColumns(policy, joint, at.now, true, at.own))) - base) / step;
    });
    total += slopes[0] ** 2 * covariance[0] + 2 * slopes[0] * slopes[1] * covariance[1] + slopes[1] ** 2 * covariance[3];
  });
  return total;
}

/** Variance of the mean of the nets' contributions to an average effect: nets from other starts and other rows would say something else. */
function ensembleVariance(members: readonly Float64Array[], v: Float64Array): number {
  if (members.length < 2) return 0;
  return variance(members.map((values) => values.reduce((sum, value, i) => sum + v[i] * value, 0))) / members.length;
}

/** What the attention nets add on the experiment's rows, shrunk to what held-out rows of history support. */
async function attend(
  settings: StealConfig,
  samples: TwoSamples,
  policy: PseudoPolicy,
  residual: Float64Array,
  weight: Float64Array,
  shop: Shop,
): Promise<{
  readonly value: Float64Array;
  readonly through: Float64Array;
  readonly past: Float64Array;
  readonly members: readonly Float64Array[];
  readonly report: Json;
}> {
  const { history, experiment, grid, arms } = samples;
  const { behaviour, course } = policy;
  const [rows, width, depth] = [behaviour.rows, Math.max(1, behaviour.width - 1), behaviour.depth];
  const x = new Float32Array(rows * width);
  for (let i = 0; i < rows; i++) for (let u = 0; u < behaviour.width - 1; u++) x[i * width + u] = behaviour.x[i * behaviour.width + u + 1];
  const s = sequenceOf(stack(history.s, experiment.s), samples, sequenceScales(samples));
  const treated = arms.length - 1;
  const effect = new Float32Array(rows * treated * depth);
  course.forEach((values, k) => {
    for (let i = 0; i < rows; i++) for (let d = 0; d < depth; d++) effect[(i * treated + k) * depth + d] = values[i * depth + d];
  });
  const scale = Math.sqrt(residual.reduce((sum, r) => sum + r * r, 0) / residual.length) || 1;
  const q = new Float32Array(rows * treated);
  for (let i = 0; i < history.rows; i++) for (let a = 1; a < arms.length; a++) q[i * treated + a - 1] = policy.label[i * arms.length + a];
  for (let i = 0; i < experiment.rows; i++) if (experiment.arm[i] > 0) q[(history.rows + i) * treated + experiment.arm[i] - 1] = 1;
  const all: Record<string, c.Value> = {
    x: c.rows(x, [width]),
    s: c.rows(s, [grid.steps.length, grid.metrics.length]),
    effect: c.rows(effect, [treated * depth]),
    q: c.rows(q, [treated]),
  };
  const past = Int32Array.from({ length: history.rows }, (_, i) => i);
  const now = Int32Array.from({ length: experiment.rows }, (_, i) => history.rows + i);
  const learnt = Object.fromEntries(Object.entries(all).map(([name, value]) => [name, c.takeRows(value, past)]));
  const columns = { ...learnt, y: c.rows(Float32Array.from(residual, (r) => r / scale)), w: c.rows(Float32Array.from(weight)) };
  const net = attentionNet({
    features: width,
    steps: grid.steps.length,
    metrics: grid.metrics.length,
    effect: depth,
    arms: arms.length,
    hidden: settings.hidden,
  });
  const init = { net: net.init };
  const full = settings.mode === "full";
  const outcome = (w: c.TensorsOf<typeof init>, b: Readonly<Record<string, c.Tensor>>): { y: c.Tensor; natural: c.Tensor } => {
    const { natural, direct } = net.apply(w.net, b.x, b.s, b.effect);
    return { natural, y: full ? c.add(natural, c.sum(c.mul(b.q, direct), 1)) : natural };
  };
  const engine = await c.chooseEngine(settings.engine);
  const [value, through, before] = [new Float64Array(experiment.rows), new Float64Array(experiment.rows), new Float64Array(history.rows)];
  const each: Float64Array[] = [];
  const shares: number[] = [];
  const steps: number[] = [];
  for (let m = 0; m < settings.members; m++) {
    const rng = shop.rng.split("member", m);
    const order = rng.split("judge").permutation(history.rows);
    const cut = Math.floor(0.2 * history.rows);
    const [judge, learn] = [order.slice(0, cut), order.slice(cut)];
    const part = Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, c.takeRows(column, learn)]));
    const trained = await trainNet(init, part, (w, b) => c.mean(c.mul(b.w, c.nn.squaredError(outcome(w, b).y, b.y))), settings, engine, { ...shop, rng });
    steps.push(trained.steps);
    const ready = await c.forward<typeof init, string, "y" | "natural">(
      { init, weights: trained.weights, columns: c.specOf(all), apply: (w, b) => outcome(w, b) },
      { engine, threads: shop.threads },
    );
    try {
      const held = await ready.run(Object.fromEntries(Object.entries(learnt).map(([name, column]) => [name, c.takeRows(column, judge)])));
      let [gy, gg] = [0, 0];
      judge.forEach((i, k) => {
        gy += weight[i] * held.y.data[k] * (residual[i] / scale);
        gg += weight[i] * held.y.data[k] ** 2;
      });
      const share = gg > 0 ? Math.max(0, Math.min(1, gy / gg)) : 0;
      shares.push(share);
      const here = await ready.run(learnt);
      for (let i = 0; i < history.rows; i++) before[i] += (share * scale * here.y.data[i]) / settings.members;
      const there = await ready.run(Object.fromEntries(Object.entries(all).map(([name, column]) => [name, c.takeRows(column, now)])));
      each.push(Float64Array.from(there.y.data, (v) => share * scale * v));
      for (let i = 0; i < experiment.rows; i++) {
        value[i] += (share * scale * there.y.data[i]) / settings.members;
        through[i] += (share * scale * there.natural.data[i]) / settings.members;
      }
    } finally {
      ready.dispose();
    }
    shop.progress(0.65 + (0.3 * (m + 1)) / settings.members, `net ${m + 1} of ${settings.members}`);
  }
  return { value, through, past: before, members: each, report: { engine: engine.report as unknown as Json, shareKept: shares, steps } };
}

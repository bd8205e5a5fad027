import { z } from "zod";
import { variance } from "../../base/stats/moments.ts";
import type { Json, State } from "../../base/state.ts";
import * as c from "../../compute/index.ts";
import type { TwoSamples } from "../../data/longterm.ts";
import { bundle, unbundle } from "../../learn/bundle.ts";
import type { Model } from "../../model/contract.ts";
import { effectsOn, restoreEffects } from "../effects.ts";
import { type EffectFunction, longtermModel, type Shop } from "../model.ts";
import { type TrainingSettings, trainingSettings, trainNet } from "../neural.ts";
import { densityRatio, stack } from "../overlap.ts";
import { sequenceOf, sequenceScales } from "../sequence.ts";
import { type EffectConfig, effectConfig } from "../settings.ts";
import { attentionNet } from "./attention.ts";
import { effectForm, formOn, formState, restoreForm, shareOfForm } from "./form.ts";
import { jackknife } from "./jackknife.ts";
import { fitWide, wideColumns } from "./outcome.ts";
import { type PolicyConfig, type PseudoPolicy, pseudoPolicy } from "./pseudoPolicy.ts";

export interface StealConfig extends EffectConfig, PolicyConfig, TrainingSettings {
  readonly mode: "full" | "surrogacy";
  readonly parts: number;
  readonly shiftWeights: number;
  readonly members: number;
  readonly hidden: number;
}

const config = z.strictObject({
  mode: z
    .enum(["full", "surrogacy"])
    .default("full")
    .describe("full: history's pseudo policy has an effect beyond the surrogates; surrogacy: it has none, and what is left is a surrogate index."),
  prototypes: z.int().min(1).max(12).default(3).describe("Prototypes of short-term behaviour."),
  rounds: z.int().min(1).max(1000).default(40).describe("Most rounds of fitting the prototypes."),
  calibrate: z.boolean().default(true).describe("Whether pseudo labels are calibrated on the experiment's own arms, out of fold."),
  priorShift: z.boolean().default(true).describe("Whether history's share of each arm given the features is learned; otherwise that of a fair coin."),
  parts: z
    .int()
    .min(3)
    .max(100)
    .default(10)
    .describe("Parts of both samples: labels of each are learned from the others, and the answers without each give the interval (jackknife)."),
  shiftWeights: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe("Power of the weights P(x | experiment) / P(x | history) in learning the outcome: 0 all rows alike, 1 full weights."),
  members: z.int().min(0).max(50).default(2).describe("Attention nets that learn what the linear part leaves; 0 for the linear part alone."),
  hidden: z.int().min(2).max(512).default(24).describe("Width of the attention nets."),
  ...trainingSettings({ steps: 200, learningRate: 0.003, batch: 256, l2: 1e-3 }),
  ...effectConfig,
}) as unknown as z.ZodType<StealConfig>;

/**
 * Long-term effects of an experiment whose policy is not in history.
 *
 * (1) Prototypes of short-term behaviour give history soft labels of the policy, out of fold, calibrated on the experiment, at history's own shares of the arms, which
 * differ by features and prototype.
 * (2) The policy's effect on the short-term course is separated from the natural course, by prototype.
 * (3) History's outcome is y0(x, s) + sum_a P(a | x, s) dy_a(x, s), in expectation: fitted to E[y | x, s], not to either arm by its label, which would
 * attenuate dy. A linear part on features, course, prototypes and pseudo arms; attention nets, asked by the separated effect, learn what it leaves, as far as held-out rows
 * of history support.
 * (4) On the experiment the arm is known: f(x, s, a) replaces the outcome. The average by doubly robust scores; effects given x follow from the parts (1) to (3), and what
 * the scores add to them is regressed on x; f(x, s, 0) gives the part that goes through s.
 */
export const steal: Model<"steal", "longterm", z.ZodType<StealConfig>> = longtermModel({
  id: "steal",
  summary:
    "STEAL: pseudo policy labels of history from short-term behaviour, separated short-term effect, attention for the long-term one; indirect and direct parts.",
  source: [
    {
      key: "STEAL2026",
      departure:
        "from the public abstract, which names the parts and gives no equations: pseudo labels by a mixture of linear courses with calibration and prior shift in place of a classifier net, a linear outcome part under the attention net, intervals by leaving out parts; the paper's results are not reproduced",
    },
  ],
  config,
  quick: { prototypes: 2, rounds: 4, folds: 2, parts: 3, members: 1, steps: 10, hidden: 4 },
  engine: "net",
  recipe: {
    learn: (settings, samples, shop) => learn(settings, samples, shop),
    restore: async (settings, arms, state) => around(await restoreEffects(settings, arms, unbundle(state, "rest")), unbundle(state, "form")),
  },
});

async function learn(
  settings: StealConfig,
  samples: TwoSamples,
  shop: Shop,
): ReturnType<Parameters<typeof longtermModel<"steal", StealConfig>>[0]["recipe"]["learn"]> {
  const { history, experiment, arms } = samples;
  const policy = await pseudoPolicy(samples, { ...settings, folds: settings.parts }, shop);
  const past = Int32Array.from({ length: history.rows }, (_, i) => i);
  const now = Int32Array.from({ length: experiment.rows }, (_, i) => history.rows + i);
  const weight = settings.shiftWeights > 0 ? await powered(samples, settings.shiftWeights, shop) : new Float64Array(history.rows).fill(1);
  const direct = settings.mode === "full";
  const columns = wideColumns(policy, policy.joint, past, direct);
  const wide = fitWide(columns, history.y, weight);
  const value = wide.predict(wideColumns(policy, policy.joint, now, direct, (row) => experiment.arm[row - history.rows]));
  const through = wide.predict(wideColumns(policy, policy.joint, now, direct, () => 0));
  shop.progress(0.65, "linear part");
  const deep = settings.members > 0 ? await attend(settings, samples, policy, residualOf(history.y, wide.predict(columns)), weight, shop) : undefined;
  if (deep !== undefined)
    for (let i = 0; i < value.length; i++) {
      value[i] += deep.value[i];
      through[i] += deep.through[i];
    }
  const linear = jackknife(samples, policy, { weight, direct, penalty: wide.lambda });
  const nets = arms.slice(1).map((_, k) => ensembleVariance(deep?.members ?? [], contrastWeights(samples, policy, k + 1)));
  const form = effectForm(policy, wide.coefficients, direct);
  const known = policy.shape.formed ? formOn(form, policy.encoder)(experiment.x) : undefined;
  const { effects, average, shares } = await effectsOn(samples, { value, through: direct ? through : value, around: known }, settings, shop);
  return {
    effects: around(effects, formState(shareOfForm(form, shares), policy.encoder)),
    average: average.map((one, k) => ({ ...one, se: Math.sqrt(linear[k] + nets[k]), df: settings.parts - 1 })),
    report: {
      mode: settings.mode,
      pseudoPolicy: policy.report,
      penalty: wide.lambda,
      ...(deep === undefined ? {} : { attention: deep.report }),
      standardErrorOfNets: nets.map(Math.sqrt),
      shape: { ...policy.shape, share: shares.effect },
    },
  };
}

/** Effects of the form and what the scores add to them. */
function around(rest: EffectFunction, state: State): EffectFunction {
  const form = restoreForm(state);
  const sum = (a: readonly Float64Array[], b: readonly Float64Array[] | undefined): Float64Array[] => a.map((v, k) => v.map((u, i) => u + (b?.[k][i] ?? 0)));
  return {
    predict: async (x) => {
      const [more, base] = [await rest.predict(x), form(x)];
      return { effect: sum(more.effect, base.effect), ...(more.indirect === undefined ? {} : { indirect: sum(more.indirect, base.indirect) }) };
    },
    state: () => bundle({ rest: rest.state(), form: state }),
    dispose: () => rest.dispose?.(),
  };
}

function residualOf(y: Float64Array, mu: Float64Array): Float64Array {
  return y.map((v, i) => v - mu[i]);
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
  const [value, through] = [new Float64Array(experiment.rows), new Float64Array(experiment.rows)];
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
  return { value, through, members: each, report: { engine: engine.report as unknown as Json, shareKept: shares, steps } };
}

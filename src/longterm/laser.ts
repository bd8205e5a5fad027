import { z } from "zod";
import type { Json } from "../base/state.ts";
import * as c from "../compute/index.ts";
import type { Model } from "../model/contract.ts";
import { effectsOn, restoreEffects } from "./effects.ts";
import { historyArms, labelConfig } from "./labels.ts";
import { longtermModel } from "./model.ts";
import { type TrainingSettings, trainingSettings, trainNet } from "./neural.ts";
import { stack } from "./overlap.ts";
import { encoderOf, matrixOf, widthOf } from "./sequence.ts";
import { effectConfig, type EffectConfig } from "./settings.ts";
import { fitWide } from "./steal/outcome.ts";
import { influences } from "./surrogate.ts";

export interface LaserConfig extends EffectConfig, TrainingSettings {
  readonly labels: "auto" | "logged" | "classified";
  readonly hidden: number;
  readonly latent: number;
}

/**
 * Cai2024: latent surrogates z behind what is measured, by an identifiable variational autoencoder: q(z | s, x, t), p(z | x, t) = N(0, exp(net)),
 * p(s | z) of variance 0.01, and the outcome of history from (z, x). The outcome at the posterior mean stands in on the experiment.
 *
 * Surrogates and outcome come to the net as a line on x leaves them, in standard deviations of what is left. The treatment moves that part alone: where x tells most of s, a tenth of
 * a standard deviation of s is much of what is left, and z that is so noisy would hide it from the outcome.
 */
export const laser: Model<"laser", "longterm", z.ZodType<LaserConfig>> = longtermModel({
  id: "laser",
  summary: "LASER: latent surrogates behind the measured ones, by a variational autoencoder; the outcome is read off them.",
  source: [
    {
      key: "Cai2024",
      departure:
        "two layers of 64 in place of three of 200; trained on both samples at once; surrogates and outcome less their line on the features; without logged arms it takes classified ones",
    },
  ],
  config: z.strictObject({
    ...labelConfig,
    latent: z.int().min(1).max(256).default(8).describe("Latent surrogates."),
    hidden: z.int().min(2).max(1024).default(64).describe("Width of the layers."),
    ...trainingSettings({ steps: 1000, learningRate: 0.001, batch: 256, l2: 1e-4 }),
    ...effectConfig,
  }) as unknown as z.ZodType<LaserConfig>,
  quick: { steps: 8, hidden: 4, latent: 2, folds: 2 } as never,
  engine: "net",
  recipe: {
    learn: async (config, samples, shop) => {
      const { history, experiment, grid, arms } = samples;
      const { arm, how } = await historyArms(samples, config.labels, shop);
      const both = stack(history.x, experiment.x);
      const encoder = encoderOf(both);
      const [width, depth, k, h] = [widthOf(encoder), grid.place.length, config.latent, config.hidden];
      const n = both.rows;
      const t = new Float32Array(n * arms.length);
      for (let i = 0; i < n; i++) t[i * arms.length + (i < history.rows ? arm[i] : experiment.arm[i - history.rows])] = 1;
      const plain = encoder.names.length > 0 ? encoder.encode(both) : [new Float64Array(n).fill(1)];
      const past = left(
        plain,
        Float64Array.from({ length: n }, (_, i) => (i < history.rows ? history.y[i] : Number.NaN)),
      );
      const known = Float32Array.from({ length: n }, (_, i) => (i < history.rows ? n / history.rows : 0));
      const measured = stack(history.s, experiment.s);
      const s = new Float32Array(n * depth);
      grid.place.forEach((j, at) => {
        const column = measured.columns[j];
        if (column.kind !== "number") return;
        const { rest } = left(plain, column.values);
        for (let i = 0; i < n; i++) s[i * depth + at] = rest[i];
      });
      const inputs: Record<string, c.Value> = { x: c.rows(matrixOf(encoder, both), [width]), s: c.rows(s, [depth]), t: c.rows(t, [arms.length]) };
      const posterior = c.nn.mlp(depth + width + arms.length, [h, h, 2 * k], { activation: "elu", last: "linear" });
      const prior = c.nn.mlp(width + arms.length, [h, k], { activation: "elu", last: "linear" });
      const decode = c.nn.mlp(k, [h, depth], { activation: "elu", last: "linear" });
      const outcome = c.nn.mlp(k + width, [h, h, 1], { activation: "elu", last: "linear" });
      const init = { posterior: posterior.init, prior: prior.init, decode: decode.init, outcome: outcome.init };
      type Batch = Readonly<Record<string, c.Tensor>>;
      const encode = (w: c.TensorsOf<typeof init>, b: Batch): [mean: c.Tensor, logVariance: c.Tensor] => {
        const both_ = posterior.apply(w.posterior, c.concat([b.s, b.x, b.t], 1));
        return [c.slice(both_, 1, 0, k), c.mul(6, c.tanh(c.div(c.slice(both_, 1, k, 2 * k), 6)))];
      };
      const loss = (w: c.TensorsOf<typeof init>, b: Batch, step: c.Step): Record<string, c.Tensor> => {
        const [m, lv] = encode(w, b);
        const latent = step.training ? c.add(m, c.mul(c.exp(c.div(lv, 2)), step.noise("normal", [k]))) : m;
        const lp = c.mul(6, c.tanh(c.div(prior.apply(w.prior, c.concat([b.x, b.t], 1)), 6)));
        const divergence = c.mul(0.5, c.sum(c.sub(c.add(c.sub(lp, lv), c.mul(c.add(c.exp(lv), c.mul(m, m)), c.exp(c.neg(lp)))), 1), 1));
        // Variance 0.01: the factor 1 / 0.02, brought to the scale of the outcome's loss as a whole.
        const rebuilt = c.mul(50, c.sum(c.nn.squaredError(decode.apply(w.decode, latent), b.s), 1));
        const mu = c.squeeze(outcome.apply(w.outcome, c.concat([latent, b.x], 1)), -1);
        return { elbo: c.mul(0.02, c.mean(c.add(rebuilt, divergence))), outcome: c.mean(c.mul(b.known, c.nn.squaredError(mu, b.y))) };
      };
      const engine = await c.chooseEngine(config.engine);
      const trained = await trainNet(init, { ...inputs, y: c.rows(Float32Array.from(past.rest)), known: c.rows(known) }, loss, config, engine, shop);
      const ready = await c.forward<typeof init, string, "mu">(
        {
          init,
          weights: trained.weights,
          columns: c.specOf(inputs),
          apply: (w, b) => ({ mu: c.squeeze(outcome.apply(w.outcome, c.concat([encode(w, b)[0], b.x], 1)), -1) }),
        },
        { engine, threads: shop.threads },
      );
      const { mu } = await ready.run(inputs);
      ready.dispose();
      const all = Float64Array.from(mu.data, (v, i) => past.line[i] + past.unit * v);
      const { parts, report } = await influences(samples, all.slice(0, history.rows), 0, false, shop);
      const { effects, average } = await effectsOn(samples, { value: all.slice(history.rows), history: parts }, config, shop);
      return {
        effects,
        average,
        report: { historyArms: how, weights: report, engine: engine.report as unknown as Json, steps: trained.steps, stopped: trained.stopped },
      };
    },
    restore: restoreEffects,
  },
});

/** The line of values on columns, learned where they are known, and what it leaves in its standard deviations; 0 where a value is not known. */
function left(columns: readonly Float64Array[], v: Float64Array): { readonly line: Float64Array; readonly unit: number; readonly rest: Float64Array } {
  const rows = Int32Array.from(v.keys()).filter((i) => !Number.isNaN(v[i]));
  const own = rows.length === v.length ? columns : columns.map((column) => Float64Array.from(rows, (i) => column[i]));
  const values = Float64Array.from(rows, (i) => v[i]);
  const line = fitWide(own, values, new Float64Array(rows.length).fill(1)).predict(columns);
  const unit = Math.sqrt(rows.reduce((sum, i) => sum + (v[i] - line[i]) ** 2, 0) / rows.length);
  // What x tells up to rounding has nothing left to say.
  const says = unit > 1e-9 * Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / rows.length);
  return { line, unit, rest: v.map((value, i) => (says && !Number.isNaN(value) ? (value - line[i]) / unit : 0)) };
}

import { z } from "zod";
import * as c from "../../compute/index.ts";
import type { Model } from "../../model/contract.ts";
import { outcomeLoss } from "./link.ts";
import { type TrainingConfig, trainingConfig, widths } from "./settings.ts";
import { balanceLoss } from "./balance.ts";
import { leverNetModel } from "./leverNet.ts";

export interface XtnetConfig extends TrainingConfig {
  readonly representation: readonly number[];
  readonly basic: readonly number[];
  readonly effect: readonly number[];
  readonly mask: readonly number[];
  readonly embedding: number;
  readonly cross: number;
  readonly balanceWeight: number;
  readonly distance: "mmd" | "wasserstein";
}

const config: z.ZodType<XtnetConfig> = z.strictObject({
  representation: widths("the layers that all parts share", 64, 64),
  basic: widths("the hidden layers of each lever's basic effect", 64),
  effect: widths("the hidden layers of the cross effect", 64),
  mask: widths("the hidden layers of the mask", 32),
  embedding: z.int().min(1).max(256).default(8).describe("Width of the vector of a level."),
  cross: z.int().min(1).max(256).default(16).describe("Width of what the mask is laid over."),
  balanceWeight: z.number().min(0).max(1000).default(0.01).describe("Weight of the distance between units with one level of a lever and the rest."),
  distance: z.enum(["mmd", "wasserstein"]).default("mmd").describe("The distance: of means (linear MMD), or by optimal transport."),
  ...trainingConfig,
});

/**
 * Basic effects lever by lever plus a cross effect under a learned mask; cells of a single lever are pure basic effect.
 * mu = b0(h) + sum_k b_k(h)[t_k] + EffectNet([h, m (*) W E]),  m = sigmoid(MaskNet([h, E])) 1{at least two levers in use},  E the levels' vectors.
 */
export const xtnet: Model<"xtnet", "levers", z.ZodType<XtnetConfig>> = leverNetModel({
  id: "xtnet",
  summary: "Basic effect of each lever plus a masked net of their crossing, re-implemented from the public description.",
  source: [
    {
      key: "XTNet2025",
      departure: "no code is public: layer sizes, the additive reading of basic and cross effects and the form of the imbalance loss are ours",
    },
  ],
  config,
  quick: { steps: 300, learningRate: 0.01, representation: [16], basic: [8], effect: [8], mask: [8], embedding: 4, cross: 8, batch: 64 },
  build: (config, { inputs, grid: { sizes }, scale: { link } }) => {
    const { dropout, embedding, cross } = config;
    const trunk = c.nn.mlp(inputs, config.representation, { dropout });
    const width = config.representation.at(-1) ?? inputs;
    const base = c.nn.mlp(width, [...config.basic, 1], { last: "linear", dropout });
    const basics = c.nn.several(sizes.map((size) => c.nn.mlp(width, [...config.basic, size - 1], { last: "linear", dropout })));
    const vectors = sizes.map((size) => c.nn.embedding(size, embedding, { group: "main", start: c.starts.normal(0.3) }));
    const together = embedding * sizes.length;
    const mask = c.nn.mlp(width + together, [...config.mask, cross], { last: "sigmoid", dropout });
    const project = c.nn.dense(together, cross, { bias: false });
    const effect = c.nn.mlp(width + cross, [...config.effect, 1], { last: "linear", dropout });
    const respond = (weights: c.Tensors, h: c.Tensor, levels: c.Tensor, step?: c.Step): c.Tensor => {
      const own = sizes.map((_, l) => c.take(levels, 1, l));
      const b0 = c.squeeze(base.apply(weights.base as c.Tensors, h, step), -1);
      const basic = basics
        .apply(weights.basics as c.Tensors, h, step)
        .map((heads, l) => c.sum(c.mul(heads, c.slice(c.oneHot(own[l], sizes[l]), 1, 1, sizes[l])), 1));
      const e = c.concat(
        vectors.map((layer, l) => layer.apply((weights.vectors as c.Tensors)[l] as c.Tensors, own[l])),
        1,
      );
      const used = c.sum(c.cast(c.less(0, c.cast(levels, "float")), "float"), 1);
      const joint = c.cast(c.less(1.5, used), "float");
      const m = c.mul(mask.apply(weights.mask as c.Tensors, c.concat([h, e], 1), step), c.expand(joint, 1));
      const crossed = c.concat([h, c.mul(m, project.apply(weights.project as c.Tensors, e))], 1);
      const whole = c.squeeze(effect.apply(weights.effect as c.Tensors, crossed, step), -1);
      return [b0, ...basic, c.mul(whole, joint)].reduce((a, b) => c.add(a, b));
    };
    const represent = (weights: c.Tensors, x: c.Tensor, step?: c.Step): c.Tensor => trunk.apply(weights.trunk as c.Tensors, x, step);
    return {
      init: {
        trunk: trunk.init,
        base: base.init,
        basics: basics.init,
        vectors: Object.fromEntries(vectors.map((layer, l) => [l, layer.init])),
        mask: mask.init,
        project: project.init,
        effect: effect.init,
      },
      response: (weights, x, levels, step) => respond(weights, represent(weights, x, step), levels, step),
      watched: (weights, x, { levels, y, w }, step) => c.weightedMean(outcomeLoss(respond(weights, represent(weights, x, step), levels, step), y, link), w),
      loss: (weights, x, { levels, y, w }, step) => {
        const h = represent(weights, x, step);
        const outcome = c.weightedMean(outcomeLoss(respond(weights, h, levels, step), y, link), w);
        return config.balanceWeight > 0 ? { outcome, balance: c.mul(balanceLoss(h, levels, sizes, config.distance), config.balanceWeight) } : outcome;
      },
    };
  },
});

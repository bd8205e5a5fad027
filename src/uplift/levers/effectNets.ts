import { z } from "zod";
import * as c from "../../compute/index.ts";
import type { Model } from "../../model/contract.ts";
import { outcomeLoss } from "./link.ts";
import { trainingConfig, widths } from "./settings.ts";
import { type CellNetConfig, cellNet, heads } from "./cellNets.ts";
import { type LeverNet, leverNetModel } from "./leverNet.ts";

// Nets that hold a baseline and effects apart: over logged cells as arms (DESCN, M3TN), and over levers (MTMT).

const shared: { readonly representation: z.ZodType<readonly number[], readonly number[] | undefined>; readonly head: z.ZodDefault<z.ZodInt> } = {
  representation: widths("the layers that all parts share", 64, 64),
  head: z.int().min(1).max(1024).default(16).describe("Hidden units of each cell's own head."),
};
const quick = { steps: 300, learningRate: 0.01, representation: [16], head: 4, batch: 64 };

type Standard<Id extends string, C extends CellNetConfig = CellNetConfig> = Model<Id, "levers", z.ZodType<C>>;

/** Entire space cross network: propensity, response and effect of each cell, each row of every cell teaching all. */
export const descnCells: Standard<"descn-cells"> = leverNetModel({
  id: "descn-cells",
  summary: "DESCN over cells: responses learned in the entire space by way of the propensity, and crossed with effects.",
  source: [{ key: "Zhong2022", departure: "squared errors where the outcome is continuous; the loss over the entire space is averaged over logged cells" }],
  config: z.strictObject({ ...shared, ...trainingConfig }),
  quick,
  build: (config, about) => {
    const count = about.logged.length;
    const trunk = c.nn.mlp(about.inputs, config.representation, { dropout: config.dropout });
    const width = config.representation.at(-1) ?? about.inputs;
    const response = heads(width, count, config.head);
    const effect = heads(width, count - 1, config.head);
    const propensity = c.nn.dense(width, count);
    return cellNet(about, {
      init: { trunk: trunk.init, response: response.init, effect: effect.init, propensity: propensity.init },
      apply: (weights, x, step) => {
        const h = trunk.apply(weights.trunk as c.Tensors, x, step);
        const mu = response.apply(weights.response as c.Tensors, h);
        const tau = effect.apply(weights.effect as c.Tensors, h);
        const logits = propensity.apply(weights.propensity as c.Tensors, h);
        const base = c.slice(mu, 1, 0, 1);
        const crossed = c.concat([base, c.add(base, tau)], 1);
        return {
          mu: crossed,
          factual: mu,
          extra: ({ cell, y, w }) => {
            const given = c.oneHot(cell, count);
            const expected = about.scale.link === "logit" ? c.sigmoid(mu) : mu;
            const entire = c.sum(c.square(c.sub(c.mul(c.softmax(logits), expected), c.mul(given, c.expand(y, 1)))), 1);
            return {
              propensity: c.mul(c.weightedMean(c.nn.softmaxCrossEntropy(logits, cell), w), 0.1),
              entire: c.mul(c.weightedMean(entire, w), 0.5),
              crossed: c.mul(c.weightedMean(outcomeLoss(c.pick(crossed, cell), y, about.scale.link), w), 0.8),
            };
          },
        };
      },
    });
  },
});

/** Multi-gate mixture of experts: a gate for each cell, a baseline and an uplift module. */
export const m3tnCells: Standard<"m3tn-cells", CellNetConfig & { readonly experts: number }> = leverNetModel({
  id: "m3tn-cells",
  summary: "M3TN over cells: experts mixed by a gate for each cell, a baseline response and an uplift for each.",
  source: [{ key: "Sun2024", departure: "each logged cell is an arm; widths are ours" }],
  config: z.strictObject({ ...shared, experts: z.int().min(1).max(64).default(4).describe("Experts that all cells share."), ...trainingConfig }),
  quick: { ...quick, experts: 2 },
  build: (config, about) => {
    const { experts, head } = config;
    const count = about.logged.length;
    const trunk = c.nn.mlp(about.inputs, config.representation, { dropout: config.dropout });
    const width = config.representation.at(-1) ?? about.inputs;
    const pool = c.nn.dense(width, experts * head, { activation: "elu" });
    const gates = c.nn.dense(width, count * experts);
    return cellNet(about, {
      init: {
        trunk: trunk.init,
        pool: pool.init,
        gates: gates.init,
        w: c.weight([count, head], { start: c.starts.normal(1 / Math.sqrt(head)), decay: true }),
        b: c.weight([count]),
      },
      apply: (weights, x, step) => {
        const h = trunk.apply(weights.trunk as c.Tensors, x, step);
        const expert = c.reshape(pool.apply(weights.pool as c.Tensors, h), [-1, experts, head]);
        const gate = c.softmax(c.reshape(gates.apply(weights.gates as c.Tensors, h), [-1, count, experts]));
        const parts = c.add(c.sum(c.mul(c.matmul(gate, expert), weights.w as c.Tensor), 2), weights.b as c.Tensor);
        const base = c.slice(parts, 1, 0, 1);
        return { mu: c.concat([base, c.add(base, c.slice(parts, 1, 1, count))], 1) };
      },
    });
  },
});

/** Base effect of using a lever and incremental effect of its levels, each from features met by the level's vector. */
export const mtmt: Standard<"mtmt"> = leverNetModel({
  id: "mtmt",
  summary: "Base effect of using each lever and incremental effect of its level, from features met by the level's vector.",
  source: [{ key: "MTMT2024", departure: "from the public abstract; one task; no interaction between levers" }],
  config: z.strictObject({ ...shared, ...trainingConfig }),
  quick,
  build: (config, { inputs, grid: { sizes }, scale: { link } }): LeverNet => {
    const trunk = c.nn.mlp(inputs, config.representation, { dropout: config.dropout });
    const width = config.representation.at(-1) ?? inputs;
    const control = c.nn.mlp(width, [config.head, 1], { last: "linear" });
    const bases = c.nn.several(sizes.map(() => c.nn.mlp(width, [config.head, 1], { last: "linear" })));
    const vectors = sizes.map((size) => c.weight([size, width], { start: c.starts.normal(0.3), decay: true }));
    const increments = sizes.map(() => c.nn.mlp(width, [config.head, 1], { last: "linear" }));
    const response: LeverNet["response"] = (weights, x, levels, step) => {
      const h = trunk.apply(weights.trunk as c.Tensors, x, step);
      const base = bases.apply(weights.bases as c.Tensors, h, step);
      const effects = sizes.map((_, l) => {
        const own = c.take(levels, 1, l);
        const vector = c.gather((weights.vectors as c.Tensors)[l] as c.Tensor, own);
        const increment = increments[l].apply((weights.increments as c.Tensors)[l] as c.Tensors, c.mul(h, vector), step);
        return c.mul(c.squeeze(c.add(base[l], increment), -1), c.cast(c.less(0, c.cast(own, "float")), "float"));
      });
      return [c.squeeze(control.apply(weights.control as c.Tensors, h, step), -1), ...effects].reduce((a, b) => c.add(a, b));
    };
    const watched: LeverNet["watched"] = (weights, x, { levels, y, w }, step) => c.weightedMean(outcomeLoss(response(weights, x, levels, step), y, link), w);
    return {
      init: {
        trunk: trunk.init,
        control: control.init,
        bases: bases.init,
        vectors: Object.fromEntries(vectors.map((w, l) => [l, w])),
        increments: Object.fromEntries(increments.map((layer, l) => [l, layer.init])),
      },
      response,
      watched,
      loss: watched,
    };
  },
});

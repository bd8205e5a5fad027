import { z } from "zod";
import * as c from "../../compute/index.ts";
import { relativeDoses } from "../../data/levers.ts";
import type { Model } from "../../model/contract.ts";
import { type LeverLink, outcomeLoss } from "./link.ts";
import { type TrainingConfig, trainingConfig, widths } from "./settings.ts";
import { type LeverNet, leverNetModel } from "./leverNet.ts";

// Nets of doses: levels enter by their dose, so that levels in between can be answered. Several levers enter as a vector of doses.

export interface DoseNetConfig extends TrainingConfig {
  readonly representation: readonly number[];
  readonly head: readonly number[];
  readonly pieces: number;
}

const fields: {
  readonly representation: z.ZodType<readonly number[], readonly number[] | undefined>;
  readonly head: z.ZodType<readonly number[], readonly number[] | undefined>;
} = { representation: widths("the layers all doses share", 64, 64), head: widths("the hidden layers of the heads", 32) };
const quick = { steps: 300, learningRate: 0.01, representation: [16], head: [8], batch: 64 };

/** Relative dose of each row's level of lever l, [rows]. */
function doseOf(levels: c.Tensor, l: number, doses: readonly number[]): c.Tensor {
  return c.gather(c.constant(Float32Array.from(doses), [doses.length]), c.take(levels, 1, l));
}

/** Heads for pieces of the dose range: a head is chosen by the piece of the first lever, and reads all doses (Schwab2020). */
export const drnet: Model<"drnet", "levers", z.ZodType<DoseNetConfig>> = leverNetModel({
  id: "drnet",
  summary: "Dose-response net: a head for each piece of the dose range, which reads the dose again.",
  source: [{ key: "Schwab2020", departure: "with several levers there is a set of heads for each, and their outputs are added" }],
  config: z.strictObject({ ...fields, pieces: z.int().min(1).max(64).default(5).describe("Pieces of the range of doses."), ...trainingConfig }),
  quick,
  build: (config, { inputs, grid, scale: { link } }) => {
    const doses = grid.levers.map(relativeDoses);
    const trunk = c.nn.mlp(inputs, config.representation, { dropout: config.dropout });
    const width = config.representation.at(-1) ?? inputs;
    const sets = doses.map(() =>
      c.nn.several(Array.from({ length: config.pieces }, () => c.nn.mlp(width + doses.length, [...config.head, 1], { last: "linear" }))),
    );
    const response: LeverNet["response"] = (weights, x, levels, step) => {
      const h = trunk.apply(weights.trunk as c.Tensors, x, step);
      const v = doses.map((list, l) => doseOf(levels, l, list));
      const read = c.concat([h, c.stack(v, 1)], 1);
      return sets
        .map((set, l) => {
          const all = c.concat(set.apply((weights.sets as c.Tensors)[l] as c.Tensors, read, step), 1);
          const piece = doses[l].map((dose) => Math.min(config.pieces - 1, Math.floor(dose * config.pieces)));
          return c.pick(all, c.gather(c.constant(Int32Array.from(piece), [piece.length], "int"), c.take(levels, 1, l)));
        })
        .reduce((a, b) => c.add(a, b));
    };
    return dosed({ trunk: trunk.init, sets: Object.fromEntries(sets.map((set, l) => [l, set.init])) }, response, link);
  },
});

/** Coefficients that vary with the dose: every weight of the head is a spline of it (Nie2021b). */
export const vcnet: Model<"vcnet", "levers", z.ZodType<DoseNetConfig>> = leverNetModel({
  id: "vcnet",
  summary: "Varying coefficient net: the weights of the head are splines of the dose.",
  source: [
    { key: "Nie2021b", departure: "truncated quadratic splines with knots at thirds; with several levers the heads are added; no targeted regularisation" },
  ],
  config: z.strictObject({ ...fields, pieces: z.int().min(1).max(64).default(3).describe("Pieces of the spline."), ...trainingConfig }),
  quick,
  build: (config, { inputs, grid, scale: { link } }) => {
    const doses = grid.levers.map(relativeDoses);
    const trunk = c.nn.mlp(inputs, config.representation, { dropout: config.dropout });
    const width = config.representation.at(-1) ?? inputs;
    const bases = 2 + config.pieces;
    const hidden = config.head.at(-1) ?? width;
    const inner = doses.map(() => c.nn.dense(width, hidden * bases));
    const outer = doses.map(() => c.nn.dense(hidden, bases));
    const response: LeverNet["response"] = (weights, x, levels, step) => {
      const h = trunk.apply(weights.trunk as c.Tensors, x, step);
      const parts = doses.map((list, l) => {
        const basis = c.gather(c.constant(Float32Array.from(list.flatMap((v) => splineBasis(v, config.pieces))), [list.length, bases]), c.take(levels, 1, l));
        const first = c.reshape(inner[l].apply((weights.inner as c.Tensors)[l] as c.Tensors, h), [-1, bases, hidden]);
        const mixed = c.elu(c.sum(c.mul(first, c.expand(basis, 2)), 1));
        return c.sum(c.mul(outer[l].apply((weights.outer as c.Tensors)[l] as c.Tensors, mixed), basis), 1);
      });
      return parts.reduce((a, b) => c.add(a, b));
    };
    return dosed(
      {
        trunk: trunk.init,
        inner: Object.fromEntries(inner.map((layer, l) => [l, layer.init])),
        outer: Object.fromEntries(outer.map((layer, l) => [l, layer.init])),
      },
      response,
      link,
    );
  },
});

/** 1, v, v^2 and a truncated square at each inner knot. */
export function splineBasis(v: number, pieces: number): number[] {
  return [1, v, v * v, ...Array.from({ length: pieces - 1 }, (_, k) => Math.max(0, v - (k + 1) / pieces) ** 2)];
}

function dosed(init: c.Init, response: LeverNet["response"], link: LeverLink): LeverNet {
  const watched: LeverNet["watched"] = (weights, x, { levels, y, w }, step) => c.weightedMean(outcomeLoss(response(weights, x, levels, step), y, link), w);
  return { init, response, watched, loss: watched };
}

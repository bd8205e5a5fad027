import { z } from "zod";
import type { Json } from "../../base/state.ts";
import * as c from "../../compute/index.ts";
import { outcomeLoss } from "../net/outcome.ts";
import { type TrainingConfig, trainingConfig, widths } from "./settings.ts";
import { balanceLoss } from "./balance.ts";
import { type AboutLevers, type ExportableLeverModel, type LeverNet, leverNetModel } from "./leverNet.ts";
import { type SurfaceLayout, surfaceOf, surfaceWidth } from "./surface.ts";

export interface MdlriConfig extends TrainingConfig {
  readonly baseline: readonly number[];
  readonly encoder: readonly number[];
  readonly curves: number;
  readonly andRanks: number;
  readonly orRanks: number;
  readonly gates: "common" | "unit";
  readonly pots: "main" | "unit";
  readonly mode: "hard" | "soft";
  readonly warmUp: number;
  readonly baselineRate: number;
  readonly baselineL2: number;
  readonly effectL2: number;
  readonly directL2: number;
  readonly rankL2: number;
  readonly balanceWeight: number;
  readonly smoothWeight: number;
  readonly monotoneWeight: number;
  readonly rankWeight: number;
}

const weightField = (what: string, standard: number): z.ZodDefault<z.ZodNumber> => z.number().min(0).max(1000).default(standard).describe(what);

const config: z.ZodType<MdlriConfig> = z.strictObject({
  baseline: widths("the layers of the response without any lever", 64, 64),
  encoder: widths("the layers from which heights and strengths are read", 32),
  curves: z.int().min(1).max(8).default(1).describe("Curves a lever's main effect is mixed from; 1 gives every unit the same curve at its own height."),
  andRanks: z.int().min(0).max(64).default(2).describe("Ranks of synergy: levers that need each other."),
  orRanks: z.int().min(0).max(64).default(2).describe("Ranks of substitution: levers that stand in for each other."),
  gates: z.enum(["common", "unit"]).default("common").describe("Whether the gates of the synergy ranks are the same for all units."),
  pots: z
    .enum(["main", "unit"])
    .default("main")
    .describe("What fills the pots of the substitution ranks: the levers' main effects (in hard mode), or strengths of their own for each unit."),
  mode: z.enum(["hard", "soft"]).default("hard").describe("hard: more of a lever can never lower the response; soft: lowering is penalised."),
  warmUp: z.number().min(0).max(0.9).default(0.2).describe("Share of the steps in which only baseline and main effects learn."),
  baselineRate: z.number().positive().max(10).default(0.3).describe("Learning rate of the baseline, in multiples of --learning-rate."),
  baselineL2: weightField("L2 of the baseline, in multiples of --l2.", 4),
  effectL2: weightField("L2 of what heights and strengths read off the encoder, in multiples of --l2.", 20),
  directL2: weightField("L2 of what heights and strengths read off the inputs, in multiples of --l2.", 0.4),
  rankL2: weightField("L2 of what strengths of ranks read off the inputs, in multiples of --l2.", 4),
  balanceWeight: weightField("Weight of the distance between the encoder's picture of units with and without each lever.", 0),
  smoothWeight: weightField("Weight of squared second differences of the curves and gates.", 0),
  monotoneWeight: weightField("Weight of squared lowering in soft mode.", 1),
  rankWeight: weightField("Weight of the size of each rank, which drives ranks that are not needed to zero.", 0),
  ...trainingConfig,
  steps: z.int().min(1).max(10_000_000).default(2500).describe("Steps of the optimiser; at least one pass over the rows is always made."),
  learningRate: z.number().positive().max(1).default(0.05).describe("Learning rate of Adam, at its highest."),
  heldOut: z.number().min(0).max(0.9).default(0.1).describe("Share of the rows held out to stop early; 0 trains on all rows for all steps."),
});

/** A number (or several) of each unit, from the inputs directly and from the encoder. */
type Head = c.Layer<[x: c.Tensor, encoded: c.Tensor], c.Tensor>;

/** Tables of a batch, on the net's scale. */
interface Tables {
  readonly base: c.Tensor;
  /** Main effect of each level, [rows, levels of the lever], one a lever. */
  readonly main: readonly c.Tensor[];
  /** Strength of each rank, [rows, ranks]. */
  readonly and: c.Tensor | undefined;
  readonly or: c.Tensor | undefined;
  /** Scores, [rows, levels, ranks] (rows 1 where they are common), one a lever. */
  readonly andScore: readonly c.Tensor[];
  readonly orScore: readonly c.Tensor[];
}

function build(config: MdlriConfig, about: AboutLevers): LeverNet {
  const { sizes } = about.grid;
  const { curves, andRanks, orRanks, mode, gates, dropout } = config;
  const hard = mode === "hard";
  // A main effect that may fall cannot fill a pot.
  const linked = config.pots === "main" && hard;
  const positive = (x: c.Tensor): c.Tensor => (hard ? c.softplus(x) : x);
  const tower = c.nn.mlp(about.inputs, [...config.baseline, 1], { last: "linear", dropout, group: "baseline" });
  const encoder = c.nn.mlp(about.inputs, config.encoder, { dropout, group: "effects" });
  const read = config.encoder.at(-1) ?? 0;
  // What is read off the inputs directly is held back by less than what goes through the encoder, so that a simple law stays one.
  const head = (outputs: number, group: string, biasStart = 0): Head => {
    const plain = c.nn.dense(about.inputs, outputs, { group: `${group} direct`, biasStart, start: c.starts.normal(0.1 / Math.sqrt(about.inputs)) });
    const deep = read > 0 ? c.nn.dense(read, outputs, { group, bias: false, start: c.starts.normal(0.1 / Math.sqrt(read)) }) : undefined;
    return {
      init: deep === undefined ? { plain: plain.init } : { plain: plain.init, deep: deep.init },
      apply: (weights, x, encoded) => {
        const direct = plain.apply(weights.plain as c.Tensors, x);
        return deep === undefined ? direct : c.add(direct, deep.apply(weights.deep as c.Tensors, encoded));
      },
    };
  };
  // Softplus of -2 is small: ranks start as a little of everything, and grow where they are needed.
  const heights = sizes.map(() => head(curves, "effects", hard ? -0.5 : 0.3));
  const andStrength = andRanks > 0 ? head(andRanks, "ranks", hard ? -1.5 : 0.1) : undefined;
  const orStrength = orRanks > 0 && !linked ? head(orRanks, "ranks", hard ? -1.5 : 0.1) : undefined;
  const andShift = andRanks > 0 && gates === "unit" ? sizes.map(() => head(andRanks, "ranks")) : undefined;
  const orHeight = orRanks > 0 && !linked ? sizes.map(() => head(orRanks, "ranks")) : undefined;
  const steps = (ranks: number, group: string, start: number): c.Init =>
    Object.fromEntries(sizes.map((size, l) => [l, c.weight([size - 1, ranks], { start: around(start, 0.3), group })]));
  const init: Record<string, c.Init | c.Weight> = {
    tower: tower.init,
    encoder: encoder.init,
    heights: many(heights),
    curves: steps(curves, "effects", hard ? -0.5 : 0.3),
  };
  if (andStrength !== undefined) {
    init.andStrength = andStrength.init;
    init.andSteps = steps(andRanks, "ranks", 0);
    init.andOffset = c.weight([sizes.length, andRanks], { start: around(1, 0.5), group: "ranks" });
  }
  if (andShift !== undefined) init.andShift = many(andShift);
  if (orRanks > 0 && linked) {
    init.potShare = c.weight([sizes.length, orRanks], { start: around(0, 0.5), group: "ranks" });
    init.potSize = c.weight([orRanks], { start: c.starts.constant(-0.5), group: "ranks" });
    init.potStrength = c.weight([orRanks], { start: c.starts.constant(-2), group: "ranks" });
  }
  if (orStrength !== undefined && orHeight !== undefined) {
    init.orStrength = orStrength.init;
    init.orSteps = steps(orRanks, "ranks", -1);
    init.orHeight = many(orHeight);
  }
  const tables = (weights: c.Tensors, x: c.Tensor, step?: c.Step): Tables & { readonly encoded: c.Tensor } => {
    const encoded = encoder.apply(weights.encoder as c.Tensors, x, step);
    const own = (name: string, l: number): c.Tensors => (weights[name] as c.Tensors)[l] as c.Tensors;
    const at = (name: string, l: number): c.Tensor => (weights[name] as c.Tensors)[l] as c.Tensor;
    const main = heights.map((layer, l) => {
      const increments = c.matmul(positive(layer.apply(own("heights", l), x, encoded)), c.transpose(positive(at("curves", l))));
      return cumulated(increments);
    });
    const andScore =
      andStrength === undefined
        ? []
        : sizes.map((_, l) => {
            // [levels, ranks] common to all, or with every step stretched by the unit: softplus(step + shift).
            const offset = c.reshape(c.slice(weights.andOffset as c.Tensor, 0, l, l + 1), [1, 1, andRanks]);
            const steps = c.expand(at("andSteps", l), 0);
            const shift = andShift === undefined ? undefined : c.expand(andShift[l].apply(own("andShift", l), x, encoded), 1);
            return c.sub(cumulated(c.softplus(shift === undefined ? steps : c.add(steps, shift))), offset);
          });
    const pots = orRanks > 0 && linked ? potsOf(weights, main, sizes, orRanks, positive) : undefined;
    const orScore =
      pots?.score ??
      (orHeight === undefined
        ? []
        : sizes.map((_, l) => {
            const steps = c.expand(c.softplus(at("orSteps", l)), 0);
            return cumulated(c.mul(c.expand(c.softplus(orHeight[l].apply(own("orHeight", l), x, encoded)), 1), steps));
          }));
    return {
      encoded,
      base: c.squeeze(tower.apply(weights.tower as c.Tensors, x, step), -1),
      main,
      and: andStrength === undefined ? undefined : positive(andStrength.apply(weights.andStrength as c.Tensors, x, encoded)),
      or: pots !== undefined ? pots.strength : orStrength === undefined ? undefined : positive(orStrength.apply(weights.orStrength as c.Tensors, x, encoded)),
      andScore,
      orScore,
    };
  };
  const responseFrom = (t: Tables, levels: c.Tensor): c.Tensor => {
    const codes = sizes.map((size, l) => c.oneHot(c.take(levels, 1, l), size));
    return sumAll([t.base, ...interior(t, codes)]);
  };
  const layout: SurfaceLayout = { sizes, andRanks, orRanks };
  const net: LeverNet = {
    init,
    response: (weights, x, levels, step) => responseFrom(tables(weights, x, step), levels),
    watched: (weights, x, { levels, y, w }, step) => c.weightedMean(outcomeLoss(responseFrom(tables(weights, x, step), levels), y, about.link), w),
    loss: (weights, x, { levels, y, w }, step) => {
      const t = tables(weights, x, step);
      const losses: Record<string, c.Tensor> = { outcome: c.weightedMean(outcomeLoss(responseFrom(t, levels), y, about.link), w) };
      if (config.balanceWeight > 0) losses.balance = c.mul(balanceLoss(t.encoded, levels, sizes, "mmd"), config.balanceWeight);
      if (config.smoothWeight > 0) losses.smooth = c.mul(roughness([...t.main.map((x) => c.expand(x, -1)), ...t.andScore, ...t.orScore]), config.smoothWeight);
      if (config.rankWeight > 0) {
        const norms = [t.and, t.or].filter((x) => x !== undefined).map((x) => c.sum(c.sqrt(c.add(c.mean(c.square(x), 0), 1e-8))));
        if (norms.length > 0) losses.rank = c.mul(sumAll(norms), config.rankWeight);
      }
      if (!hard && config.monotoneWeight > 0) losses.monotone = c.mul(lowering(t, levels, sizes), config.monotoneWeight);
      return losses;
    },
    surface: {
      width: surfaceWidth(layout),
      unit: (weights, x) => {
        const t = tables(weights, x);
        const flat = (s: c.Tensor): c.Tensor =>
          c.reshape(c.add(s, c.reshape(c.mul(t.base, 0), [-1, 1, 1])), [-1, (s.shape[1] as number) * (s.shape[2] as number)]);
        const parts = [c.expand(t.base, 1), ...t.main];
        if (t.and !== undefined) parts.push(t.and, ...t.andScore.map(flat));
        if (t.or !== undefined) parts.push(t.or, ...t.orScore.map(flat));
        return c.concat(parts, 1);
      },
      add: surfaceOf(layout),
    },
    later: config.warmUp > 0 && andRanks + orRanks > 0 ? { groups: laterGroups(init), share: config.warmUp } : undefined,
    l2: { baseline: config.baselineL2, effects: config.effectL2, ranks: config.effectL2, "effects direct": config.directL2, "ranks direct": config.rankL2 },
    rates: { baseline: config.baselineRate },
    monotone: hard,
    describe: (weights) => ranksReport(weights, config, about),
  };
  return net;
}

/** What levers and ranks add to the base: [rows] each. `codes` is the one-hot level of each lever. */
function interior(t: Tables, codes: readonly c.Tensor[]): c.Tensor[] {
  const at = (score: c.Tensor, code: c.Tensor): c.Tensor => c.sum(c.mul(score, c.expand(code, -1)), 1);
  const parts = t.main.map((f, l) => c.sum(c.mul(f, codes[l]), 1));
  if (t.and !== undefined) {
    // log G = sum over levers of log sigmoid(score): the gate is additive in logarithms.
    const log = sumAll(t.andScore.map((z, l) => c.logSigmoid(at(z, codes[l]))));
    const none = sumAll(t.andScore.map((z) => c.logSigmoid(c.take(z, 1, 0))));
    parts.push(c.sum(c.mul(t.and, c.sub(c.exp(log), c.exp(none))), 1));
  }
  if (t.or !== undefined) {
    const total = sumAll(t.orScore.map((s, l) => at(s, codes[l])));
    parts.push(c.sum(c.mul(t.or, c.sub(1, c.exp(c.neg(total)))), 1));
  }
  return parts;
}

/** Mean squared lowering of the response by one level more of each lever, from the row's own levels. */
function lowering(t: Tables, levels: c.Tensor, sizes: readonly number[]): c.Tensor {
  const codes = sizes.map((size, l) => c.oneHot(c.take(levels, 1, l), size));
  const here = sumAll(interior(t, codes));
  const parts = sizes.map((size, l) => {
    // A level more: the code moved by one place; at the top there is none, and nothing is lowered.
    const top = c.slice(codes[l], 1, size - 1, size);
    const raised = c.concat([c.slice(codes[l], 1, 0, 1), c.slice(codes[l], 1, 0, size - 1)], 1);
    const moved = c.add(c.mul(raised, notFirst(size)), c.mul(top, lastOnly(size)));
    return c.mean(
      c.square(
        c.relu(
          c.sub(
            here,
            sumAll(
              interior(
                t,
                codes.map((code, m) => (m === l ? moved : code)),
              ),
            ),
          ),
        ),
      ),
    );
  });
  return c.mul(sumAll(parts), 1 / sizes.length);
}

const notFirst = (size: number): c.Tensor => c.constant(Float32Array.from({ length: size }, (_, k) => (k === 0 ? 0 : 1)));
const lastOnly = (size: number): c.Tensor => c.constant(Float32Array.from({ length: size }, (_, k) => (k === size - 1 ? 1 : 0)));

function roughness(tables: readonly c.Tensor[]): c.Tensor {
  const bends = tables.flatMap((x) => {
    const size = x.shape[1] as number;
    if (size < 3) return [];
    const step = c.sub(c.slice(x, 1, 1, size), c.slice(x, 1, 0, size - 1));
    return [c.mean(c.square(c.sub(c.slice(step, 1, 1, size - 1), c.slice(step, 1, 0, size - 2))))];
  });
  return bends.length === 0 ? c.constant(0) : sumAll(bends);
}

/** Sums of the increments up to each level: [rows, steps] -> [rows, steps + 1], 0 first. Added up in order, so that none can fall by rounding. */
function cumulated(increments: c.Tensor): c.Tensor {
  return c.pad(c.cumsum(increments, 1), 1, 1, 0);
}
/**
 * Pots that main effects fill: rank r holds at most `size_r` times what all levers could pour into it at their top levels, and takes in 1 - exp(-poured /
 * pot). Levers that pour into one pot stand in for each other, in proportion to their own effects on this unit.
 */
function potsOf(
  weights: c.Tensors,
  main: readonly c.Tensor[],
  sizes: readonly number[],
  ranks: number,
  positive: (x: c.Tensor) => c.Tensor,
): { readonly score: c.Tensor[]; readonly strength: c.Tensor } {
  const share = c.softplus(weights.potShare as c.Tensor);
  const shareOf = (l: number): c.Tensor => c.slice(share, 0, l, l + 1);
  const tops = sumAll(main.map((f, l) => c.mul(c.slice(f, 1, sizes[l] - 1, sizes[l]), shareOf(l))));
  const pot = c.add(c.mul(c.abs(tops), c.softplus(weights.potSize as c.Tensor)), 1e-3);
  const score = main.map((f, l) => c.div(c.mul(c.expand(f, 2), c.reshape(shareOf(l), [1, 1, ranks])), c.expand(pot, 1)));
  return { score, strength: c.mul(pot, positive(weights.potStrength as c.Tensor)) };
}

/** Groups of the weights of the ranks. */
function laterGroups(init: c.Init): string[] {
  const groups = new Set<string>();
  const walk = (tree: c.Init): void => {
    for (const entry of Object.values(tree)) {
      if ("kind" in entry && entry.kind === "weight") groups.add((entry as c.Weight).group);
      else walk(entry as c.Init);
    }
  };
  walk(init);
  return [...groups].filter((group) => group.startsWith("ranks"));
}

function sumAll(parts: readonly c.Tensor[]): c.Tensor {
  return parts.reduce((sum, x) => c.add(sum, x));
}

function many(layers: readonly Head[]): c.Init {
  return Object.fromEntries(layers.map((layer, l) => [l, layer.init]));
}

function around(centre: number, deviation: number): c.Weight["start"] {
  return (rng, shape) =>
    c.starts
      .normal(deviation)(rng, shape)
      .map((value) => value + centre);
}

/** How far each lever moves each rank: from the steps that all units share. */
function ranksReport(_weights: c.Weights, { andRanks, orRanks }: MdlriConfig, { grid }: AboutLevers): Record<string, Json> {
  return { ranks: { and: andRanks, or: orRanks }, parametersOfTable: grid.cells };
}

/** Multi-lever low-rank interaction: main effects on thermometer codes, synergy (AND) and substitution (OR) ranks of low CP rank, monotone by construction. */
export const mdlri: ExportableLeverModel<"m-dlri", MdlriConfig> = leverNetModel({
  id: "m-dlri",
  summary: "Joint effect of several levers: monotone curves, low-rank synergy and substitution, cells that were never logged included.",
  source: [],
  config,
  quick: { steps: 300, learningRate: 0.01, baseline: [16], encoder: [8], batch: 64, andRanks: 2, orRanks: 2 },
  build,
});

import * as c from "../../compute/index.ts";
import { balanceLoss } from "./balance.ts";
import type { AboutLevers, LeverNet, SeenLevers } from "./leverNet.ts";
import { outcomeLoss, zilnLoss } from "./link.ts";
import type { MdlriConfig } from "./mdlri.ts";
import { cumulated, type Form, interior, lowering, potsOf, sharesOf, sumAll, type Tables } from "./mdlriRanks.ts";
import { rankLoadings } from "./rankLoadings.ts";
import { sparseReading } from "./sparseReading.ts";
import { type SurfaceLayout, surfaceOf, surfaceWidth } from "./surface.ts";

/** A number (or several) of each unit, from the inputs directly and from the encoder. */
type Head = c.Layer<[x: c.Tensor, encoded: c.Tensor], c.Tensor>;

export function buildMdlri(config: MdlriConfig, about: AboutLevers): LeverNet {
  const { sizes } = about.grid;
  const { curves, andRanks, orRanks, mode, gates, dropout } = config;
  const hard = mode === "hard";
  // A main effect that may fall cannot fill a pot.
  const pots = hard ? config.pots : "unit";
  const linked = pots !== "unit";
  const relative = gates === "relative";
  const positive = (x: c.Tensor): c.Tensor => (hard ? c.softplus(x) : x);
  // With ziln a second number of the baseline is the logarithm of what is paid.
  const ziln = about.scale.link === "ziln";
  const bases = ziln ? 2 : 1;
  const tower = c.nn.mlp(about.inputs, [...config.baseline, bases], { last: "linear", dropout, group: "baseline" });
  // Simple terms beside the net: what is simple need not be held back with what is not.
  const direct = sparseReading(about.inputs, bases, config.terms, "baseline direct");
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
    direct: direct.init,
    encoder: encoder.init,
    ...(ziln
      ? { follow: c.weight([], { start: c.starts.constant(-1), group: "effects" }), spread: c.weight([], { start: c.starts.zeros, group: "baseline" }) }
      : {}),
    heights: many(heights),
    curves: steps(curves, "effects", hard ? -0.5 : 0.3),
  };
  if (andStrength !== undefined) {
    init.andStrength = andStrength.init;
    init.andSteps = steps(andRanks, "ranks", relative ? -0.5 : 0);
    init.andOffset = c.weight([sizes.length, andRanks], { start: relative ? around(-2, 0.5) : around(1, 0.5), group: "ranks" });
  }
  if (andShift !== undefined) init.andShift = many(andShift);
  if (orRanks > 0 && linked) {
    init.potShare = c.weight([sizes.length, orRanks], { start: around(0, 0.5), group: "ranks" });
    if (pots === "main") init.potSize = c.weight([orRanks], { start: c.starts.constant(-0.5), group: "ranks" });
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
            if (relative) {
              const risen = c.add(cumulated(c.softplus(steps)), c.softplus(offset));
              return c.div(risen, c.slice(risen, 1, sizes[l] - 1, sizes[l]));
            }
            const shift = andShift === undefined ? undefined : c.expand(andShift[l].apply(own("andShift", l), x, encoded), 1);
            return c.sub(cumulated(c.softplus(shift === undefined ? steps : c.add(steps, shift))), offset);
          });
    const poured =
      orRanks === 0 || !linked ? undefined : pots === "ces" ? sharesOf(weights, main, orRanks, positive) : potsOf(weights, main, sizes, orRanks, positive);
    const orScore =
      poured?.score ??
      (orHeight === undefined
        ? []
        : sizes.map((_, l) => {
            const steps = c.expand(c.softplus(at("orSteps", l)), 0);
            return cumulated(c.mul(c.expand(c.softplus(orHeight[l].apply(own("orHeight", l), x, encoded)), 1), steps));
          }));
    const base = c.add(tower.apply(weights.tower as c.Tensors, x, step), direct.apply(weights.direct as c.Tensors, x));
    return {
      encoded,
      base: c.take(base, 1, 0),
      amount: ziln ? c.take(base, 1, 1) : undefined,
      main,
      and: andStrength === undefined ? undefined : positive(andStrength.apply(weights.andStrength as c.Tensors, x, encoded)),
      or:
        poured !== undefined ? poured.strength : orStrength === undefined ? undefined : positive(orStrength.apply(weights.orStrength as c.Tensors, x, encoded)),
      andScore,
      orScore,
    };
  };
  const form: Form = { relative, norm: pots === "ces" ? config.norm : undefined };
  const { scale } = about;
  const valueFrom = (t: Tables, levels: c.Tensor): c.Tensor => {
    const codes = sizes.map((size, l) => c.oneHot(c.take(levels, 1, l), size));
    return sumAll([t.base, ...interior(t, codes, form)]);
  };
  // What levers add to the log-odds they add to the logarithm of the amount too, in a proportion of its own that is not negative.
  const slope = (weights: c.Tensors): c.Tensor => positive(weights.follow as c.Tensor);
  const half = (weights: c.Tensors): c.Tensor => c.mul(c.exp(c.mul(weights.spread as c.Tensor, 2)), 0.5 * scale.deviation ** 2);
  const amountFrom = (weights: c.Tensors, t: Tables, value: c.Tensor): c.Tensor => c.add(t.amount as c.Tensor, c.mul(slope(weights), c.sub(value, t.base)));
  const responseFrom = (weights: c.Tensors, t: Tables, levels: c.Tensor): c.Tensor => {
    const value = valueFrom(t, levels);
    return ziln ? c.mul(c.sigmoid(value), c.exp(c.add(c.mul(amountFrom(weights, t, value), scale.deviation), half(weights)))) : value;
  };
  const factual = (weights: c.Tensors, t: Tables, { levels, y, w }: SeenLevers): c.Tensor => {
    const value = valueFrom(t, levels);
    const each = ziln ? zilnLoss(value, amountFrom(weights, t, value), weights.spread as c.Tensor, y) : outcomeLoss(value, y, scale.link);
    return c.weightedMean(each, w);
  };
  const layout: SurfaceLayout = { sizes, andRanks, orRanks, amounts: ziln, ...form };
  return {
    init,
    response: (weights, x, levels, step) => responseFrom(weights, tables(weights, x, step), levels),
    watched: (weights, x, seen, step) => factual(weights, tables(weights, x, step), seen),
    loss: (weights, x, seen, step) => {
      const t = tables(weights, x, step);
      const { levels } = seen;
      const losses: Record<string, c.Tensor> = { outcome: factual(weights, t, seen) };
      if (config.balanceWeight > 0) losses.balance = c.mul(balanceLoss(t.encoded, levels, sizes, "mmd"), config.balanceWeight);
      if (config.sparseWeight > 0) losses.sparse = c.mul(direct.penalty(weights.direct as c.Tensors), config.sparseWeight * about.l2);
      if (config.rankWeight > 0) {
        const norms = [t.and, t.or].filter((x) => x !== undefined).map((x) => c.sum(c.sqrt(c.add(c.mean(c.square(x), 0), 1e-8))));
        if (norms.length > 0) losses.rank = c.mul(sumAll(norms), config.rankWeight);
      }
      if (!hard && config.monotoneWeight > 0) losses.monotone = c.mul(lowering(t, levels, sizes, form), config.monotoneWeight);
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
        if (t.or !== undefined) parts.push(c.add(t.or, c.mul(c.expand(t.base, 1), 0)), ...t.orScore.map(flat));
        if (t.amount !== undefined) {
          // Logarithm of the amount at log-odds of 0, and what a unit of log-odds adds to it.
          const perOdds = c.mul(slope(weights), scale.deviation);
          const from = c.add(c.sub(c.mul(t.amount, scale.deviation), c.mul(perOdds, t.base)), half(weights));
          parts.push(c.expand(from, 1), c.expand(c.add(perOdds, c.mul(t.base, 0)), 1));
        }
        return c.concat(parts, 1);
      },
      add: surfaceOf(layout),
      ranks: (unit, rows) => rankLoadings(layout, about.grid, unit, rows, scale.link === "identity" ? scale.deviation : 1),
    },
    later: config.warmUp > 0 && andRanks + orRanks > 0 ? { groups: laterGroups(init), share: config.warmUp } : undefined,
    l2: {
      baseline: config.baselineL2,
      "baseline direct": 0,
      effects: config.effectL2,
      ranks: config.effectL2,
      "effects direct": config.directL2,
      "ranks direct": config.rankL2,
    },
    rates: { baseline: config.baselineRate },
    monotone: hard,
  };
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

function many(layers: readonly Head[]): c.Init {
  return Object.fromEntries(layers.map((layer, l) => [l, layer.init]));
}

function around(centre: number, deviation: number): c.Weight["start"] {
  return (rng, shape) =>
    c.starts
      .normal(deviation)(rng, shape)
      .map((value) => value + centre);
}

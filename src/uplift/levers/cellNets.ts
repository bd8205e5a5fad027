import { z } from "zod";
import * as c from "../../compute/index.ts";
import { levelsOfCell } from "../../data/levers.ts";
import type { Model } from "../../model/contract.ts";
import { fromLeverScale, outcomeLoss } from "./link.ts";
import { type TrainingConfig, trainingConfig, widths } from "./settings.ts";
import { balanceLoss } from "./balance.ts";
import { type AboutLevers, type LeverNet, leverNetModel, type SeenLevers } from "./leverNet.ts";
import { nearestLogged } from "./nearest.ts";

// Nets of one treatment with many arms, applied to levers by taking each logged cell as an arm. They know nothing of a cell that was never logged: it is
// answered by the logged cells nearest to it.

export interface CellNetConfig extends TrainingConfig {
  readonly representation: readonly number[];
  readonly head: number;
}

const shared: { readonly representation: z.ZodType<readonly number[], readonly number[] | undefined>; readonly head: z.ZodDefault<z.ZodInt> } = {
  representation: widths("the layers all cells share", 64, 64),
  head: z.int().min(1).max(1024).default(16).describe("Hidden units of each cell's own head."),
};

const quick = { steps: 300, learningRate: 0.01, representation: [16], head: 4, batch: 64 };

/** A head of one hidden layer for each of `count` arms: [rows, inputs] -> [rows, count]. All heads are computed at once. */
export function heads(inputs: number, count: number, hidden: number): c.Layer<[h: c.Tensor], c.Tensor> {
  const first = c.nn.dense(inputs, count * hidden, { activation: "elu" });
  return {
    init: { first: first.init, w: c.weight([count, hidden], { start: c.starts.normal(1 / Math.sqrt(hidden)), decay: true }), b: c.weight([count]) },
    apply: (weights, h) => {
      const inner = c.reshape(first.apply(weights.first as c.Tensors, h), [-1, count, hidden]);
      return c.add(c.sum(c.mul(inner, weights.w as c.Tensor), 2), weights.b as c.Tensor);
    },
  };
}

/** What a kind of net gives for a batch: the response under every logged cell, [rows, logged], and, in training, what is minimised beside the factual loss. */
export interface CellParts {
  readonly init: c.Init;
  apply(
    weights: c.Tensors,
    x: c.Tensor,
    step?: c.Step,
  ): { readonly mu: c.Tensor; readonly extra?: (seen: SeenLevers) => Readonly<Record<string, c.Tensor>>; readonly factual?: c.Tensor };
}

/** A net of levers from one of arms. */
export function cellNet(about: AboutLevers, parts: CellParts): LeverNet {
  const { logged, grid } = about;
  const { link } = about.scale;
  const { sizes } = grid;
  const factual = (mu: c.Tensor, { cell, y, w }: SeenLevers): c.Tensor => c.weightedMean(outcomeLoss(c.pick(mu, cell), y, link), w);
  const answers = new Map<number, Int32Array>();
  const answerOf = (cell: number): Int32Array => {
    const known = answers.get(cell) ?? nearestLogged(sizes, logged, levelsOfCell(sizes, cell));
    answers.set(cell, known);
    return known;
  };
  return {
    init: parts.init,
    response: () => {
      throw new Error("a net of cells answers by its surface");
    },
    watched: (weights, x, seen, step) => factual(parts.apply(weights, x, step).mu, seen),
    loss: (weights, x, seen, step) => {
      const { mu, extra, factual: training = mu } = parts.apply(weights, x, step);
      const outcome = factual(training, seen);
      return extra === undefined ? outcome : { outcome, ...extra(seen) };
    },
    surface: {
      width: logged.length,
      unit: (weights, x) => parts.apply(weights, x).mu,
      add: (unit, rows, cells, own, scale, share, into, at) => {
        const m = own ? 1 : cells.length / sizes.length;
        const index = (k: number): Int32Array => {
          let cell = 0;
          for (let l = 0; l < sizes.length; l++) cell = cell * sizes[l] + cells[k * sizes.length + l];
          return answerOf(cell);
        };
        const known = own ? undefined : Array.from({ length: m }, (_, j) => index(j));
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < m; j++) {
            const near = known === undefined ? index(i) : known[j];
            let sum = 0;
            for (const place of near) sum += fromLeverScale(unit[i * logged.length + place], scale);
            into[at + i * m + j] += (share * sum) / near.length;
          }
        }
      },
    },
  };
}

function trunkOf(
  { representation, dropout }: CellNetConfig,
  inputs: number,
): { readonly trunk: c.Layer<[x: c.Tensor, step?: c.Step], c.Tensor>; readonly width: number } {
  return { trunk: c.nn.mlp(inputs, representation, { dropout }), width: representation.at(-1) ?? inputs };
}

type Standard<Id extends string, C extends CellNetConfig> = Model<Id, "levers", z.ZodType<C>>;

/** TARNet with one head a logged cell. */
export const tarnetCells: Standard<"tarnet-cells", CellNetConfig> = leverNetModel({
  id: "tarnet-cells",
  summary: "TARNet with a head for each logged cell.",
  source: [{ key: "Shalit2017", departure: "each logged cell is an arm; cells never logged are answered by the nearest logged ones" }],
  config: z.strictObject({ ...shared, ...trainingConfig }),
  quick,
  build: (config, about) => cellNet(about, tarnetParts(config, about)),
});

function tarnetParts(config: CellNetConfig, about: AboutLevers, extra?: (h: c.Tensor, mu: c.Tensor, seen: SeenLevers) => Record<string, c.Tensor>): CellParts {
  const { trunk, width } = trunkOf(config, about.inputs);
  const head = heads(width, about.logged.length, config.head);
  return {
    init: { trunk: trunk.init, head: head.init },
    apply: (weights, x, step) => {
      const h = trunk.apply(weights.trunk as c.Tensors, x, step);
      const mu = head.apply(weights.head as c.Tensors, h);
      return { mu, extra: extra && ((seen) => extra(h, mu, seen)) };
    },
  };
}

export interface CfrnetConfig extends CellNetConfig {
  readonly balanceWeight: number;
  readonly distance: "mmd" | "wasserstein";
}

/** TARNet whose representation is alike in all cells: distance of each cell's units to the rest, averaged. */
export const cfrnetCells: Standard<"cfrnet-cells", CfrnetConfig> = leverNetModel({
  id: "cfrnet-cells",
  summary: "TARNet over cells with a balanced representation (MMD or Wasserstein).",
  source: [
    { key: "Shalit2017", at: "sec. 5", departure: "distances between each level of each lever and the rest, as single cells have too few rows in a batch" },
  ],
  config: z.strictObject({
    ...shared,
    balanceWeight: z.number().min(0).max(1000).default(0.1).describe("Weight of the distance."),
    distance: z.enum(["mmd", "wasserstein"]).default("mmd").describe("Distance of means (linear MMD), or by optimal transport."),
    ...trainingConfig,
  }),
  quick: { ...quick, distance: "mmd" },
  build: (config, about) =>
    cellNet(
      about,
      tarnetParts(config, about, (h, _, { levels }) => ({ balance: c.mul(balanceLoss(h, levels, about.grid.sizes, config.distance), config.balanceWeight) })),
    ),
});

export interface DragonnetCellsConfig extends CellNetConfig {
  readonly propensityWeight: number;
}

/** TARNet whose representation also predicts the levels given: a softmax for each lever. */
export const dragonnetCells: Standard<"dragonnet-cells", DragonnetCellsConfig> = leverNetModel({
  id: "dragonnet-cells",
  summary: "TARNet over cells whose representation also predicts which cell was given.",
  source: [{ key: "Shi2019", departure: "softmax over the logged cells; without targeted regularisation, whose inverse propensities of rare cells explode" }],
  config: z.strictObject({
    ...shared,
    propensityWeight: z.number().min(0).max(1000).default(0.1).describe("Weight of the loss of the propensity."),
    ...trainingConfig,
  }),
  quick,
  build: (config, about) => {
    const { trunk, width } = trunkOf(config, about.inputs);
    const head = heads(width, about.logged.length, config.head);
    const propensity = c.nn.dense(width, about.logged.length);
    return cellNet(about, {
      init: { trunk: trunk.init, head: head.init, propensity: propensity.init },
      apply: (weights, x, step) => {
        const h = trunk.apply(weights.trunk as c.Tensors, x, step);
        const extra = ({ cell, w }: SeenLevers): Record<string, c.Tensor> => ({
          propensity: c.mul(c.weightedMean(c.nn.softmaxCrossEntropy(propensity.apply(weights.propensity as c.Tensors, h), cell), w), config.propensityWeight),
        });
        return { mu: head.apply(weights.head as c.Tensors, h), extra };
      },
    });
  },
});

/** [rows, logged] from the response of the first logged cell [rows] and effects of the others [rows, logged - 1]. */
function withControl(base: c.Tensor, effects: c.Tensor): c.Tensor {
  return c.concat([c.expand(base, 1), c.add(c.expand(base, 1), effects)], 1);
}

/** Two nets, one of the response in the baseline cell and one of the effects, which do not pull at each other. */
export const euenCells: Standard<"euen-cells", CellNetConfig> = leverNetModel({
  id: "euen-cells",
  summary: "Explicit uplift: one net for the baseline response, one for the effect of each logged cell.",
  source: [{ key: "Ke2021", departure: "an effect for each logged cell against the first logged one, which is the baseline wherever that was logged" }],
  config: z.strictObject({ ...shared, ...trainingConfig }),
  quick,
  build: (config, about) => {
    const control = c.nn.mlp(about.inputs, [...config.representation, 1], { last: "linear", dropout: config.dropout });
    const { trunk, width } = trunkOf(config, about.inputs);
    const effect = heads(width, about.logged.length - 1, config.head);
    return cellNet(about, {
      init: { control: control.init, trunk: trunk.init, effect: effect.init },
      apply: (weights, x, step) => {
        const base = c.squeeze(control.apply(weights.control as c.Tensors, x, step), -1);
        const tau = effect.apply(weights.effect as c.Tensors, trunk.apply(weights.trunk as c.Tensors, x, step));
        // In training, treated rows teach the effect alone.
        const fixed = c.stopGradient(base);
        const factual = c.concat([c.expand(base, 1), c.add(c.expand(fixed, 1), tau)], 1);
        return { mu: withControl(base, tau), factual };
      },
    });
  },
});

/** Effects by attention of the cell to the features, stop-gradient of the baseline, and a penalty that makes the cell hard to guess. */
export const efinCells: Standard<"efin-cells", CellNetConfig & { readonly field: number }> = leverNetModel({
  id: "efin-cells",
  summary: "EFIN over levers: each feature has a vector, and the levels given attend to the features.",
  source: [{ key: "Liu2023", departure: "the levels' summed vectors take the place of the treatment bit; its guessing loss is a softmax over logged cells" }],
  config: z.strictObject({ ...shared, field: z.int().min(1).max(256).default(16).describe("Width of a feature's vector."), ...trainingConfig }),
  quick: { ...quick, field: 4 },
  build: (config, about) => efinNet(config, about),
});

function efinNet(config: CellNetConfig & { readonly field: number }, { inputs, grid: { sizes }, scale: { link }, logged }: AboutLevers): LeverNet {
  const { field, dropout } = config;
  const vectors = c.weight([inputs, field], { start: c.starts.normal(0.3), decay: true });
  const control = c.nn.mlp(inputs * field, [...config.representation, 1], { last: "linear", dropout });
  const lever = sizes.map((size) => c.weight([size, field], { start: c.starts.normal(0.3) }));
  const query = c.nn.dense(field, field, { bias: false });
  const key = c.nn.dense(field, field);
  const score = c.nn.dense(field, 1, { bias: false });
  const effect = c.nn.mlp(2 * field, [...config.representation, 1], { last: "linear", dropout });
  const guess = c.nn.dense(inputs * field, logged.length);
  const respond = (weights: c.Tensors, x: c.Tensor, levels: c.Tensor, step: c.Step | undefined, cut: boolean): c.Tensor => {
    const fields = c.mul(c.expand(x, 2), weights.vectors as c.Tensor);
    const flat = c.reshape(fields, [-1, inputs * field]);
    const base = c.squeeze(control.apply(weights.control as c.Tensors, flat, step), -1);
    const t = sizes.map((_, l) => c.gather((weights.lever as c.Tensors)[l] as c.Tensor, c.take(levels, 1, l))).reduce((a, b) => c.add(a, b));
    const q = c.expand(c.sigmoid(query.apply(weights.query as c.Tensors, t)), 1);
    const k = c.sigmoid(key.apply(weights.key as c.Tensors, fields));
    const attention = c.softmax(c.squeeze(score.apply(weights.score as c.Tensors, c.relu(c.add(q, k))), -1));
    const summed = c.sum(c.mul(fields, c.expand(attention, 2)), 1);
    const tau = c.squeeze(effect.apply(weights.effect as c.Tensors, c.concat([summed, t], 1), step), -1);
    const treated = c.cast(c.less(0, c.sum(c.cast(levels, "float"), 1)), "float");
    // The baseline learns from untreated rows alone, the effect from the others.
    const fixed = cut ? c.add(c.mul(base, c.sub(1, treated)), c.mul(c.stopGradient(base), treated)) : base;
    return c.add(fixed, c.mul(tau, treated));
  };
  return {
    init: {
      vectors,
      control: control.init,
      lever: Object.fromEntries(lever.map((w, l) => [l, w])),
      query: query.init,
      key: key.init,
      score: score.init,
      effect: effect.init,
      guess: guess.init,
    },
    response: (weights, x, levels, step) => respond(weights, x, levels, step, false),
    watched: (weights, x, { levels, y, w }, step) => c.weightedMean(outcomeLoss(respond(weights, x, levels, step, false), y, link), w),
    loss: (weights, x, { levels, cell, y, w }, step) => {
      const flat = c.reshape(c.mul(c.expand(x, 2), weights.vectors as c.Tensor), [-1, inputs * field]);
      const uniform = c.nn.softmaxCrossEntropy(guess.apply(weights.guess as c.Tensors, flat), cell);
      return { outcome: c.weightedMean(outcomeLoss(respond(weights, x, levels, step, true), y, link), w), guess: c.mul(c.weightedMean(uniform, w), 0.001) };
    },
  };
}

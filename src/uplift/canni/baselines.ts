import { z } from "zod";
import * as c from "../../compute/index.ts";
import type { Model } from "../../model/contract.ts";
import { canniNet } from "./canni.ts";
import { type Heads, type LossParts, type SellerNet, spending, spendingLoss } from "./net.ts";
import { type About, type Reader, reader, type Seen } from "./parts.ts";
import { type SellerModel, sellerModel } from "./sellerModel.ts";
import { quickSellers, type SellersConfig, sellersConfig } from "./settings.ts";

// Nets that judge every pair of user and seller by itself. They share reader, towers, loss and training with CanniUplift.

type Standard<Id extends string, C extends SellersConfig = SellersConfig> = Model<Id, "sellers", z.ZodType<C>>;

const plainParts: LossParts = { entireSpace: 0, redemption: 0, platform: 0, arms: 0 };
const plainNeeds = () => ({ redeemed: false, platform: false });
const config: z.ZodType<SellersConfig> = z.strictObject(sellersConfig);
const first = -2;
const one = (x: c.Tensor): c.Tensor => c.squeeze(x, -1);
const level = (): c.Weight => c.weight([1], { start: c.starts.constant(first) });
const tower = (inputs: number, { tower: hidden, dropout }: SellersConfig): ReturnType<typeof c.nn.mlp> =>
  c.nn.mlp(inputs, [hidden, 1], { last: "linear", dropout });
const trunkOf = (inputs: number, { hidden, dropout }: SellersConfig): ReturnType<typeof c.nn.mlp> => c.nn.mlp(inputs, [hidden, hidden], { dropout });

/** Explicit uplift: the base that CanniUplift adds to. */
export const euenSellers: Standard<"euen-sellers"> = sellerModel({
  id: "euen-sellers",
  summary: "Explicit uplift of each pair by itself: a control response, and an uplift that treated pairs alone teach.",
  source: [{ key: "Ke2021", departure: "the uplift is added before the last activation, so that spending stays positive" }],
  config,
  quick: quickSellers,
  needs: plainNeeds,
  build: (settings, about) =>
    canniNet(
      { ...settings, mode: "itt", redemption: false, platform: false, platformWeight: 0, redemptionWeight: 0, entireSpaceWeight: 0, armWeight: 0 },
      about,
    ),
});

/** Input of nets that read the incentive as a feature: features, and the incentive and its attention where it is given. */
function asFeature(read: Reader, weights: c.Tensors, seen: Seen, given: boolean): c.Tensor {
  const plain = read.plain(weights, seen);
  const own = c.slice(read.withOffer(weights, seen, plain), 2, read.pair, read.offered);
  const mark = c.expand(given ? seen.mask : c.mul(seen.mask, 0), 2);
  return c.concat([plain, c.mul(own, mark), mark], 2);
}

/** One net that reads the incentive as a feature. */
export const sLearnerSellers: Standard<"s-learner-sellers"> = sellerModel({
  id: "s-learner-sellers",
  summary: "One net of spending that reads the incentive as a feature.",
  source: [{ key: "Kunzel2019", at: "sec. 2", departure: "pairs of user and seller; a net on whole users" }],
  config,
  quick: quickSellers,
  needs: plainNeeds,
  build: (settings, about): SellerNet => {
    const read = reader(about, settings);
    const trunk = trunkOf(read.offered + 1, settings);
    const head = tower(settings.hidden, settings);
    const respond = (weights: c.Tensors, seen: Seen, given: boolean, step?: c.Step): c.Tensor => {
      const z = trunk.apply(weights.trunk as c.Tensors, asFeature(read, weights.reader as c.Tensors, seen, given), step);
      return spending(c.add(one(head.apply(weights.head as c.Tensors, z, step)), weights.level as c.Tensor));
    };
    return {
      init: { reader: read.init, trunk: trunk.init, head: head.init, level: level() },
      parts: plainParts,
      heads: (weights, seen, step) => ({ mu0: respond(weights, seen, false, step), mu1: respond(weights, seen, true, step) }),
    };
  },
});

/** Two nets that have nothing in common. */
export const tLearnerSellers: Standard<"t-learner-sellers"> = sellerModel({
  id: "t-learner-sellers",
  summary: "Two nets of spending, one for pairs with an incentive and one for pairs without.",
  source: [{ key: "Kunzel2019", at: "sec. 2", departure: "pairs of user and seller; nets on whole users" }],
  config,
  quick: quickSellers,
  needs: plainNeeds,
  build: (settings, about): SellerNet => {
    const sides = [0, 1].map((given) => {
      const read = reader(about, settings);
      return { given, read, trunk: trunkOf(given === 1 ? read.offered : read.pair, settings), head: tower(settings.hidden, settings) };
    });
    const respond = (weights: c.Tensors, seen: Seen, side: (typeof sides)[number], step?: c.Step): c.Tensor => {
      const w = weights[side.given] as c.Tensors;
      const plain = side.read.plain(w.reader as c.Tensors, seen);
      const x = side.given === 1 ? side.read.withOffer(w.reader as c.Tensors, seen, plain) : plain;
      return spending(c.add(one(side.head.apply(w.head as c.Tensors, side.trunk.apply(w.trunk as c.Tensors, x, step), step)), w.level as c.Tensor));
    };
    return {
      init: Object.fromEntries(sides.map(({ given, read, trunk, head }) => [given, { reader: read.init, trunk: trunk.init, head: head.init, level: level() }])),
      parts: plainParts,
      heads: (weights, seen, step) => ({ mu0: respond(weights, seen, sides[0], step), mu1: respond(weights, seen, sides[1], step) }),
    };
  },
});

interface Represented extends Heads {
  /** [B, m, hidden]. */
  readonly z: c.Tensor;
}

/** A representation of the pair, and a head for each arm: TARNet over pairs, which CFRNet and DragonNet build on. */
function tarnet(settings: SellersConfig, about: About): { readonly init: c.Init; apply(weights: c.Tensors, seen: Seen, step?: c.Step): Represented } {
  const read = reader(about, settings);
  const trunk = trunkOf(read.pair, settings);
  const [control, treated] = [tower(settings.hidden, settings), tower(settings.hidden + read.offered - read.pair, settings)];
  return {
    init: { reader: read.init, trunk: trunk.init, control: control.init, treated: treated.init, level: level() },
    apply: (weights, seen, step) => {
      const w = weights as Record<"reader" | "trunk" | "control" | "treated", c.Tensors> & Record<"level", c.Tensor>;
      const plain = read.plain(w.reader, seen);
      const z = trunk.apply(w.trunk, plain, step);
      const own = c.slice(read.withOffer(w.reader, seen, plain), 2, read.pair, read.offered);
      const respond = (raw: c.Tensor): c.Tensor => spending(c.add(one(raw), w.level));
      return { mu0: respond(control.apply(w.control, z, step)), mu1: respond(treated.apply(w.treated, c.concat([z, own], 2), step)), z };
    },
  };
}

interface CfrConfig extends SellersConfig {
  readonly balanceWeight: number;
}

export const cfrnetSellers: Standard<"cfrnet-sellers", CfrConfig> = sellerModel({
  id: "cfrnet-sellers",
  summary: "CFRNet over pairs: a head for each arm on a representation whose means are drawn together.",
  source: [{ key: "Shalit2017", departure: "pairs of user and seller; linear maximum mean discrepancy" }],
  config: z.strictObject({ balanceWeight: z.number().min(0).max(1000).default(0.1).describe("Weight of the distance between the arms."), ...sellersConfig }),
  quick: quickSellers,
  needs: plainNeeds,
  build: (settings, about): SellerNet => {
    const net = tarnet(settings, about);
    return {
      init: net.init,
      parts: plainParts,
      heads: (weights, seen, step) => headsOf(net.apply(weights, seen, step)),
      extra: (weights, seen, { w }, _heads, step) => {
        const { z } = net.apply(weights, seen, step);
        const mean = (of: c.Tensor): c.Tensor => c.div(c.sum(c.mul(z, c.expand(of, 2)), [0, 1]), c.maximum(c.sum(of), 1e-6));
        const apart = c.sum(c.square(c.sub(mean(c.mul(w, seen.t)), mean(c.mul(w, c.sub(1, seen.t))))));
        return { balance: c.mul(apart, settings.balanceWeight) };
      },
    };
  },
});

function headsOf({ mu0, mu1 }: Represented): Heads {
  return { mu0, mu1 };
}

interface DragonConfig extends SellersConfig {
  readonly propensityWeight: number;
  readonly targetedWeight: number;
}

export const dragonnetSellers: Standard<"dragonnet-sellers", DragonConfig> = sellerModel({
  id: "dragonnet-sellers",
  summary: "DragonNet over pairs: the representation also predicts the assignment, with targeted regularisation.",
  source: [{ key: "Shi2019", at: "sec. 2", departure: "pairs of user and seller" }],
  config: z.strictObject({
    propensityWeight: z.number().min(0).max(1000).default(0.1).describe("Weight of the loss of the propensity."),
    targetedWeight: z.number().min(0).max(1000).default(0.1).describe("Weight of targeted regularisation."),
    ...sellersConfig,
  }),
  quick: quickSellers,
  needs: plainNeeds,
  build: (settings, about): SellerNet => {
    const net = tarnet(settings, about);
    const propensity = c.nn.dense(settings.hidden, 1);
    return {
      init: { net: net.init, propensity: propensity.init, epsilon: c.weight([1]) },
      parts: plainParts,
      heads: (weights, seen, step) => headsOf(net.apply(weights.net as c.Tensors, seen, step)),
      extra: (weights, seen, { y, w }, _heads, step) => {
        const { z, mu0, mu1 } = net.apply(weights.net as c.Tensors, seen, step);
        const logit = one(propensity.apply(weights.propensity as c.Tensors, z));
        const e = c.clip(c.sigmoid(logit), 0.01, 0.99);
        const correction = c.mul(c.sub(c.div(seen.t, e), c.div(c.sub(1, seen.t), c.sub(1, e))), weights.epsilon as c.Tensor);
        const moved = c.maximum(c.add(c.add(c.mul(seen.t, mu1), c.mul(c.sub(1, seen.t), mu0)), correction), 1e-6);
        return {
          propensity: c.mul(c.weightedMean(c.nn.bceWithLogits(logit, seen.t), w), settings.propensityWeight),
          targeted: c.mul(c.weightedMean(spendingLoss(moved, y, settings), w), settings.targetedWeight),
        };
      },
    };
  },
});

interface ExpertConfig extends SellersConfig {
  readonly experts: number;
}

/** Spending and redemption as two tasks over experts that read the incentive as a feature. */
function multiTask<Id extends string>(id: Id, summary: string, source: SellerModel<Id, ExpertConfig>["source"]): Standard<Id, ExpertConfig> {
  return sellerModel({
    id,
    summary,
    source,
    config: z.strictObject({
      experts: z
        .int()
        .min(1)
        .max(64)
        .default(4)
        .describe(id === "ple-sellers" ? "Experts: half of them shared, the others by task." : "Experts that both tasks share."),
      ...sellersConfig,
    }),
    quick: { ...quickSellers, experts: 2 },
    needs: () => ({ redeemed: true, platform: false }),
    build: (settings, about): SellerNet => {
      const read = reader(about, settings);
      const { hidden, dropout, experts } = settings;
      const inputs = read.offered + 1;
      const expert = (): ReturnType<typeof c.nn.mlp> => c.nn.mlp(inputs, [hidden, Math.max(2, Math.round(hidden / 2))], { dropout });
      const half = Math.max(1, Math.round(experts / 2));
      const mixed =
        id === "ple-sellers"
          ? c.nn.ple({ inputs, tasks: 2, expert, shared: half, perTask: Math.max(1, Math.round(half / 2)) })
          : c.nn.mmoe({ inputs, tasks: 2, expert, experts });
      const width = Math.max(2, Math.round(hidden / 2));
      const [spends, redeems] = [tower(width, settings), tower(width, settings)];
      const both = (weights: c.Tensors, seen: Seen, given: boolean, step?: c.Step): { readonly spent: c.Tensor; readonly used: c.Tensor } => {
        const x = asFeature(read, weights.reader as c.Tensors, seen, given);
        const [rows, m] = [x.shape[0], x.shape[1]];
        const [a, b] = mixed.apply(weights.mixed as c.Tensors, c.reshape(x, [-1, inputs]), step);
        const pairs = (values: c.Tensor): c.Tensor => c.reshape(values, [rows, m]);
        return {
          spent: spending(c.add(pairs(spends.apply(weights.spends as c.Tensors, a, step)), weights.level as c.Tensor)),
          used: pairs(redeems.apply(weights.redeems as c.Tensors, b, step)),
        };
      };
      return {
        init: { reader: read.init, mixed: mixed.init, spends: spends.init, redeems: redeems.init, level: level() },
        parts: { ...plainParts, redemption: 1 },
        heads: (weights, seen, step) => {
          const [off, on] = [both(weights, seen, false, step), both(weights, seen, true, step)];
          return { mu0: off.spent, mu1: on.spent, p: c.sigmoid(on.used), redeems: on.used };
        },
      };
    },
  });
}

export const mmoeSellers: Standard<"mmoe-sellers", ExpertConfig> = multiTask(
  "mmoe-sellers",
  "Experts shared by spending and redemption, each task with its gate.",
  [{ key: "Ma2018", departure: "redemption as an auxiliary task on treated pairs; the incentive is a feature" }],
);

export const pleSellers: Standard<"ple-sellers", ExpertConfig> = multiTask(
  "ple-sellers",
  "Shared experts and experts of each task, for spending and redemption.",
  [{ key: "Tang2020", departure: "one level; redemption as an auxiliary task on treated pairs; the incentive is a feature" }],
);

import * as c from "../../compute/index.ts";
import type { About, Seen } from "./parts.ts";
import type { SellersConfig } from "./settings.ts";

/** What a net says of every pair, [B, m], with rivals as assigned; spending in units of the net. */
export interface Heads {
  readonly mu0: c.Tensor;
  readonly mu1: c.Tensor;
  /** Probability of redeeming where the incentive is given, and its logit. */
  readonly p?: c.Tensor;
  readonly redeems?: c.Tensor;
  /** Spending where redeemed and where not; mu1 = p m1 + (1 - p) m0. */
  readonly m1?: c.Tensor;
  readonly m0?: c.Tensor;
  /** Spending of those who do not redeem, learned on its own: in exclusion mode, where `m0` is bound to organic demand. */
  readonly free0?: c.Tensor;
  /** Spending of the user outside the candidates, [B]. */
  readonly outside?: c.Tensor;
  /** The platform's total, [B], through which only competition learns: what pairs and users do by themselves is held. */
  readonly tied?: c.Tensor;
}

/** What was observed; spending in units of the net, rows of pairs [B, m] but for `total` and `arm`, [B]. */
export interface Observed {
  readonly y: c.Tensor;
  readonly redeemed: c.Tensor;
  /** Weight of the pair; 0 where there is none. */
  readonly w: c.Tensor;
  readonly total: c.Tensor;
  readonly arm: c.Tensor;
}

export interface SellerNet {
  readonly init: c.Init;
  heads(weights: c.Tensors, seen: Seen, step?: c.Step): Heads;
  /** Further losses, from the heads and what was observed. */
  extra?(weights: c.Tensors, seen: Seen, observed: Observed, heads: Heads, step: c.Step): Readonly<Record<string, c.Tensor>>;
  /** Weights of the parts of the loss; 0 leaves a part out. */
  readonly parts: LossParts;
  /** Multiples of the common L2, and of the learning rate, by group. */
  readonly l2?: Readonly<Record<string, number>>;
  readonly rates?: Readonly<Record<string, number>>;
}

export interface LossParts {
  /** Product heads: spending with and without redemption over the entire space of treated pairs. */
  readonly entireSpace: number;
  readonly redemption: number;
  /** Platform total against the sum of heads and outside. */
  readonly platform: number;
  /** Mean platform total of each arm of users. */
  readonly arms: number;
}

export type Build<C extends SellersConfig> = (config: C, about: About) => SellerNet;

/** Loss of each entry: a Poisson quasi-likelihood (its minimum is the mean whatever the distribution), or a squared error. */
export function spendingLoss(mean: c.Tensor, y: c.Tensor, { loss }: Pick<SellersConfig, "loss">): c.Tensor {
  return loss === "squared" ? c.square(c.sub(mean, y)) : c.sub(mean, c.mul(y, c.log(c.maximum(mean, 1e-6))));
}

const average = (loss: c.Tensor, w: c.Tensor): c.Tensor => c.weightedMean(loss, w);

/** All parts of the loss of a batch. */
export function lossOf(net: SellerNet, config: SellersConfig, weights: c.Tensors, seen: Seen, observed: Observed, step: c.Step): Record<string, c.Tensor> {
  const heads = net.heads(weights, seen, step);
  const { mu0, mu1, p, redeems, m1, m0, free0, outside, tied } = heads;
  const { t } = seen;
  const { y, redeemed, w, total, arm } = observed;
  const { entireSpace, redemption, platform, arms } = net.parts;
  const factual = c.add(c.mul(t, mu1), c.mul(c.sub(1, t), mu0));
  const losses: Record<string, c.Tensor> = { shops: average(spendingLoss(factual, y, config), w) };
  const treated = c.mul(w, t);
  // Averaged over all pairs, as the shops' loss is.
  const overTreated = (loss: c.Tensor): c.Tensor => c.div(c.sum(c.mul(loss, treated)), c.maximum(c.sum(w), 1e-6));
  if (redeems !== undefined && redemption > 0) losses.redemption = c.mul(overTreated(c.nn.bceWithLogits(redeems, redeemed)), redemption);
  if (p !== undefined && m1 !== undefined && m0 !== undefined && entireSpace > 0) {
    const used = spendingLoss(c.mul(p, m1), c.mul(y, redeemed), config);
    const unused = spendingLoss(c.mul(c.sub(1, p), m0), c.mul(y, c.sub(1, redeemed)), config);
    losses.entireSpace = c.mul(overTreated(c.add(used, unused)), entireSpace);
    if (free0 !== undefined) losses.unredeemed = overTreated(spendingLoss(c.mul(c.stopGradient(c.sub(1, p)), free0), c.mul(y, c.sub(1, redeemed)), config));
  }
  if (outside !== undefined && platform > 0) {
    const there = c.maximum(c.sum(seen.mask, 1), 1);
    const predicted = c.add(c.sum(c.mul(factual, seen.mask), 1), outside);
    losses.platform = c.mul(c.mean(c.div(spendingLoss(predicted, total, config), there)), platform);
    const rest = c.maximum(c.sub(total, c.sum(c.mul(y, seen.mask), 1)), 0);
    losses.outside = c.mul(c.mean(c.div(spendingLoss(outside, rest, config), there)), platform);
    if (tied !== undefined && arms > 0) {
      // On the scale of the total's loss: what an arm is off by, squared, over what is expected of it.
      const off = (of: c.Tensor): c.Tensor => c.div(c.square(c.sum(c.mul(c.sub(tied, total), of))), c.maximum(c.sum(c.mul(c.stopGradient(tied), of)), 1e-6));
      losses.arms = c.mul(c.div(c.add(off(arm), off(c.sub(1, arm))), c.maximum(c.sum(seen.mask), 1)), arms);
    }
  }
  return { ...losses, ...net.extra?.(weights, seen, observed, heads, step) };
}

/** The loss watched on held-out users: what the shops spent. */
export function watchedOf(net: SellerNet, config: SellersConfig, weights: c.Tensors, seen: Seen, { y, w }: Observed, step: c.Step): c.Tensor {
  const { mu0, mu1 } = net.heads(weights, seen, step);
  return average(spendingLoss(c.add(c.mul(seen.t, mu1), c.mul(c.sub(1, seen.t), mu0)), y, config), w);
}

/** A spending from what a tower says: positive, exponential below the unit and straight above. */
export const spending = (raw: c.Tensor): c.Tensor => c.softplus(raw);

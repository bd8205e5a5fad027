import * as c from "../../compute/index.ts";
import { type Heads, type SellerNet, spending } from "./net.ts";
import { type About, reader, rivalry, type Seen } from "./parts.ts";
import type { SellersConfig } from "./settings.ts";

/** Options of CanniUplift beside those of every net of candidate sellers. */
export interface CanniConfig extends SellersConfig {
  readonly mode: "itt" | "exclusion";
  readonly redemption: boolean;
  readonly platform: boolean;
  readonly platformWeight: number;
  readonly redemptionWeight: number;
  readonly entireSpaceWeight: number;
  readonly armWeight: number;
}

const first = -2;

/** [.., 1] as [..]. */
const one = (x: c.Tensor): c.Tensor => c.squeeze(x, -1);

/**
 * The net. Without `redemption` and `platform` it is EUEN: a control response, and an uplift that treated pairs alone teach (Ke2021). `redemption` splits the
 * treated response into a redeemed and an unredeemed path; `platform` lets every head see the rivals' incentives, adds spending outside the candidates, and ties
 * the sum to the platform's total.
 */
export function canniNet(config: CanniConfig, about: About): SellerNet {
  const { hidden, tower, dropout, mode } = config;
  const read = reader(about, config);
  const trunk = c.nn.mlp(read.pair, [hidden, hidden], { dropout });
  const offered = c.nn.mlp(hidden + read.offered - read.pair, [hidden, tower], { dropout });
  const head = (inputs: number, group = "main"): ReturnType<typeof c.nn.mlp> => c.nn.mlp(inputs, [tower, 1], { last: "linear", dropout, group });
  const control = head(hidden);
  const names = config.redemption ? (["redeems", "used", "share", mode === "exclusion" ? "free" : "unused"] as const) : (["uplift"] as const);
  const treated = Object.fromEntries(names.map((name) => [name, head(tower, name === "unused" ? "idle" : "main")]));
  const rivals = config.platform ? rivalry(hidden, config) : undefined;
  const elsewhere = config.platform ? head(hidden) : undefined;
  const init: c.Init = {
    reader: read.init,
    trunk: trunk.init,
    offered: offered.init,
    control: control.init,
    treated: Object.fromEntries(names.map((name) => [name, treated[name].init])),
    ...(rivals === undefined || elsewhere === undefined
      ? {}
      : {
          rivals: rivals.init,
          elsewhere: elsewhere.init,
          // What each head of rivalry takes of demand, of an incentive's gain and of its redemption; what the outside gives way by. Of either sign.
          taking: c.weight([config.heads], { start: c.starts.constant(0.1), group: "competition" }),
          wearing: c.weight([config.heads], { start: c.starts.constant(0.1), group: "competition" }),
          lapsing: c.weight([config.heads], { start: c.starts.constant(0.05), group: "competition" }),
          drawn: c.weight([1], { group: "competition" }),
        }),
    level: c.weight([1], { start: c.starts.constant(first) }),
    ...(elsewhere === undefined ? {} : { outsideLevel: c.weight([1]) }),
  };

  const heads = (weights: c.Tensors, seen: Seen, step?: c.Step): Heads => {
    const w = weights as Record<"reader" | "trunk" | "offered" | "control" | "treated" | "rivals" | "elsewhere", c.Tensors> &
      Record<"level" | "outsideLevel" | "drawn" | "taking" | "wearing" | "lapsing", c.Tensor>;
    const plain = read.plain(w.reader, seen);
    const z = trunk.apply(w.trunk, plain, step);
    const full = read.withOffer(w.reader, seen, plain);
    const own = c.slice(full, 2, read.pair, read.offered);
    const z1 = offered.apply(w.offered, c.concat([z, own], 2), step);
    const raw0 = c.add(one(control.apply(w.control, z, step)), w.level);
    const raw = Object.fromEntries(names.map((name) => [name, one(treated[name].apply((w.treated as Record<string, c.Tensors>)[name], z1, step))]));
    const parts = partsOf(raw0, raw);
    const alone = assembled(parts);
    if (rivals === undefined || elsewhere === undefined) return alone;
    // The model's own view of every candidate by itself: what competes, and for what.
    const demand = c.stopGradient(alone.mu0);
    const uplift = c.stopGradient(c.relu(c.sub(alone.mu1, alone.mu0)));
    const { taken, stronger } = rivals.apply(w.rivals, z, seen, demand, uplift);
    const factor = (x: c.Tensor, by: c.Tensor): c.Tensor => c.exp(c.neg(c.clip(c.sum(c.mul(x, by), 2), -1, 5)));
    const company = assembled(parts, { left: factor(taken, w.taking), works: factor(stronger, w.wearing), redeems: factor(stronger, w.lapsing) });
    const count = c.maximum(c.sum(seen.mask, 1, { keep: true }), 1);
    const pooled = c.div(c.sum(c.mul(z, c.expand(seen.mask, 2)), 1), count);
    const rawOutside = c.add(one(elsewhere.apply(w.elsewhere, pooled, step)), w.outsideLevel);
    const whole = spending(rawOutside);
    const gains = c.sum(c.mul(c.mul(uplift, seen.t), seen.mask), 1);
    // Spending outside gives way to what the incentives bring: a share of it, learned, of either sign.
    const outside = c.mul(whole, c.exp(c.clip(c.mul(c.div(gains, c.add(c.stopGradient(whole), 1e-4)), w.drawn), -2, 2)));
    return { ...company, outside };
  };

  /** What treated heads say of a pair by itself. */
  const partsOf = (raw0: c.Tensor, raw: Readonly<Record<string, c.Tensor>>): Parts => {
    const mu0 = spending(raw0);
    // Treated pairs do not teach the control response.
    const [organic, base] = [c.stopGradient(mu0), c.stopGradient(raw0)];
    if (!config.redemption) return { mu0, organic, gain: c.sub(spending(c.add(base, raw.uplift)), organic) };
    return {
      mu0,
      organic,
      gain: spending(c.add(base, raw.used)),
      redeems: raw.redeems,
      share: c.sigmoid(raw.share),
      ...(raw.unused === undefined ? {} : { idle: c.exp(c.clip(raw.unused, -3, 3)) }),
      ...(raw.free === undefined ? {} : { free0: spending(c.add(base, raw.free)) }),
    };
  };

  const { redemption, platform } = config;
  return {
    init,
    heads,
    l2: { rivals: 10, idle: 10 },
    rates: { competition: 10 },
    parts: {
      entireSpace: redemption ? config.entireSpaceWeight : 0,
      redemption: redemption ? config.redemptionWeight : 0,
      platform: platform ? config.platformWeight : 0,
      arms: platform ? config.armWeight : 0,
    },
  };
}

/** Heads of a pair by itself, from which those in company are put together. */
interface Parts {
  readonly mu0: c.Tensor;
  /** The control response as treated heads see it: no gradient flows through it. */
  readonly organic: c.Tensor;
  /** What the incentive adds: where redeemed, if the treated response is split; else in all. */
  readonly gain: c.Tensor;
  readonly redeems?: c.Tensor;
  /** Share of organic demand that falls to those who do not redeem. */
  readonly share?: c.Tensor;
  /** Factor on the spending of those who do not redeem; 1 in exclusion mode. */
  readonly idle?: c.Tensor;
  readonly free0?: c.Tensor;
}

/** What rivals do to a pair: factors on organic demand, on what the incentive adds, and on redeeming; absent for a pair by itself. */
interface Company {
  readonly left: c.Tensor;
  readonly works: c.Tensor;
  readonly redeems: c.Tensor;
}

/**
 * The responses. With redemption the organic demand of a pair is shared between those who would redeem and those who would not, and
 *   p m1 = (1 - share) organic + p gain,   (1 - p) m0 = share organic idle,   so   tau = p gain + share organic (idle - 1).
 */
function assembled({ mu0, organic, gain, redeems, share, idle, free0 }: Parts, company?: Company): Heads {
  const own = company === undefined ? mu0 : c.mul(mu0, company.left);
  const demand = company === undefined ? organic : c.mul(organic, company.left);
  const added = company === undefined ? gain : c.mul(gain, company.works);
  if (redeems === undefined || share === undefined) return { mu0: own, mu1: c.maximum(c.add(demand, added), 1e-6) };
  const alone = c.sigmoid(redeems);
  const p = c.clip(company === undefined ? alone : c.mul(alone, company.redeems), 1e-4, 1 - 1e-4);
  const m1 = c.add(c.div(c.mul(demand, c.sub(1, share)), p), added);
  const unredeemed = c.mul(demand, share);
  const m0 = c.div(idle === undefined ? unredeemed : c.mul(unredeemed, idle), c.sub(1, p));
  const mu1 = c.add(c.mul(p, m1), c.mul(c.sub(1, p), m0));
  return { mu0: own, mu1, p, redeems: c.sub(c.log(p), c.log(c.sub(1, p))), m1, m0, ...(free0 === undefined ? {} : { free0 }) };
}

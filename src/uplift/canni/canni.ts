import * as c from "../../compute/index.ts";
import { type Heads, type SellerNet, spending } from "./net.ts";
import { type About, fades, reader, rivalry, type Seen } from "./parts.ts";
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
  const names = config.redemption ? (mode === "exclusion" ? ["redeems", "share", "gain", "free"] : ["redeems", "share", "uplift"]) : ["uplift"];
  const treated = Object.fromEntries(names.map((name) => [name, head(tower, name === "share" ? "share" : "main")]));
  const rivals = config.platform ? rivalry({ width: hidden, categories: about.categories }) : undefined;
  const user = config.platform
    ? {
        elsewhere: head(read.pair, "user"),
        moves: c.nn.dense(read.pair, 16, { activation: "elu", group: "moves" }),
        shares: c.nn.dense(16, 2, { start: c.starts.constant(0), group: "moves" }),
      }
    : undefined;
  const init: c.Init = {
    reader: read.init,
    trunk: trunk.init,
    offered: offered.init,
    control: control.init,
    treated: Object.fromEntries(names.map((name) => [name, treated[name].init])),
    ...(rivals === undefined || user === undefined
      ? {}
      : {
          rivals: rivals.init,
          elsewhere: user.elsewhere.init,
          moves: user.moves.init,
          shares: user.shares.init,
          // What stronger rivals take of an incentive's gain and of its redemption; the shares of gains that come from rivals and from outside. Of either sign.
          wearing: c.weight([1], { start: c.starts.constant(0.5), group: "competition" }),
          lapsing: c.weight([1], { start: c.starts.constant(0.05), group: "competition" }),
          taking: c.weight([1], { start: c.starts.constant(0.2), group: "competition" }),
          drawn: c.weight([1], { start: c.starts.constant(0.2), group: "competition" }),
          outsideLevel: c.weight([1]),
        }),
    level: c.weight([1], { start: c.starts.constant(first) }),
  };

  const heads = (weights: c.Tensors, seen: Seen, step?: c.Step): Heads => {
    const w = weights as Record<"reader" | "trunk" | "offered" | "control" | "treated" | "rivals" | "elsewhere" | "moves" | "shares", c.Tensors> &
      Record<"level" | "outsideLevel" | "drawn" | "taking" | "wearing" | "lapsing", c.Tensor>;
    const plain = read.plain(w.reader, seen);
    const z = trunk.apply(w.trunk, plain, step);
    const full = read.withOffer(w.reader, seen, plain);
    const own = c.slice(full, 2, read.pair, read.offered);
    const z1 = offered.apply(w.offered, c.concat([z, own], 2), step);
    const raw0 = c.add(one(control.apply(w.control, z, step)), w.level);
    const raw = Object.fromEntries(names.map((name) => [name, one(treated[name].apply((w.treated as Record<string, c.Tensors>)[name], z1, step))]));
    const parts = partsOf(raw0, raw);
    const alone = assembled(parts, mode === "exclusion");
    if (rivals === undefined || user === undefined) return alone;
    // The model's own view of every candidate by itself: what competes, and for what.
    const demand = c.stopGradient(alone.mu0);
    const uplift = c.stopGradient(c.relu(c.sub(alone.mu1, alone.mu0)));
    const { stronger, works, taken } = rivals.apply(w.rivals, z, seen, demand, uplift, w.wearing);
    const gains = c.mul(uplift, works);
    // What a user moves from shop to shop, and from outside, instead of adding: as shares of gains, by what is known of the user.
    const about = c.stopGradient(c.div(c.sum(c.mul(plain, c.expand(seen.mask, 2)), 1), c.maximum(c.sum(seen.mask, 1, { keep: true }), 1)));
    const by = c.sigmoid(user.shares.apply(w.shares, user.moves.apply(w.moves, about)));
    const moved = c.mul(c.slice(by, 1, 0, 1), w.taking);
    const drawn = c.mul(one(c.slice(by, 1, 1, 2)), w.drawn);
    const left = c.exp(c.neg(c.clip(c.mul(taken, moved), -1, 5)));
    const beside: Company = { left, works, redeems: fades(stronger, w.lapsing) };
    const whole = spending(c.add(one(user.elsewhere.apply(w.elsewhere, about, step)), w.outsideLevel));
    const brought = c.mul(c.sum(c.mul(c.mul(gains, seen.t), seen.mask), 1), drawn);
    const outside = (without: c.Tensor): c.Tensor => c.maximum(c.sub(without, brought), c.mul(without, 0.02));
    const held = assembled(
      Object.fromEntries(Object.entries(parts).map(([name, x]) => [name, c.stopGradient(x)])) as unknown as Parts,
      mode === "exclusion",
      beside,
    );
    const factual = c.add(c.mul(seen.t, held.mu1), c.mul(c.sub(1, seen.t), held.mu0));
    const tied = c.add(c.sum(c.mul(factual, seen.mask), 1), outside(c.stopGradient(whole)));
    return { ...assembled(parts, mode === "exclusion", beside), outside: outside(whole), tied };
  };

  /** What treated heads say of a pair by itself. */
  const partsOf = (raw0: c.Tensor, raw: Readonly<Record<string, c.Tensor>>): Parts => {
    const mu0 = spending(raw0);
    // Treated pairs do not teach the control response.
    const [organic, base] = [c.stopGradient(mu0), c.stopGradient(raw0)];
    const gain = mode === "exclusion" && config.redemption ? spending(c.add(base, raw.gain)) : c.sub(spending(c.add(base, raw.uplift)), organic);
    if (!config.redemption) return { mu0, organic, gain };
    return {
      mu0,
      organic,
      // What is gained where redeemed, times how often that is: redemption is seen far more clearly than a gain in spending, and tells users apart. Of either
      // sign, and no restriction in itt mode, where nothing keeps the gain of a redemption from being as small or large as the data ask.
      gain: mode === "exclusion" ? gain : c.mul(gain, c.sigmoid(raw.redeems)),
      redeems: raw.redeems,
      share: c.sigmoid(raw.share),
      ...(raw.free === undefined ? {} : { free0: spending(c.add(base, raw.free)) }),
    };
  };

  const { redemption, platform } = config;
  return {
    init,
    heads,
    l2: { rivals: 10, share: 10, user: 1, moves: 0.03 },
    rates: { competition: 10, moves: 5 },
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
  /** What the incentive adds; in exclusion mode where redeemed. */
  readonly gain: c.Tensor;
  readonly redeems?: c.Tensor;
  /** Share of organic demand that is bought without redeeming. */
  readonly share?: c.Tensor;
  readonly free0?: c.Tensor;
}

/** What rivals do to a pair: factors on organic demand, on what the incentive adds, and on redeeming; absent for a pair by itself. */
interface Company {
  readonly left: c.Tensor;
  readonly works: c.Tensor;
  readonly redeems: c.Tensor;
}

/**
 * The responses. With redemption, what is spent without redeeming is a share of organic demand, and all else is spent redeeming:
 *   (1 - p) m0 = share organic,   p m1 = (1 - share) organic + p gain,   so   tau = p gain,
 * and what redeemers spend tells the gain with less noise than all spending does. In exclusion mode the gain is p times that of a redeemed incentive.
 */
function assembled({ mu0, organic, gain, redeems, share, free0 }: Parts, exclusion: boolean, company?: Company): Heads {
  const own = company === undefined ? mu0 : c.mul(mu0, company.left);
  const demand = company === undefined ? organic : c.mul(organic, company.left);
  const added = company === undefined ? gain : c.mul(gain, company.works);
  if (redeems === undefined || share === undefined) return { mu0: own, mu1: c.maximum(c.add(demand, added), 1e-6) };
  const alone = c.sigmoid(redeems);
  const p = c.clip(company === undefined ? alone : c.mul(alone, company.redeems), 1e-4, 1 - 1e-4);
  const unredeemed = c.mul(demand, share);
  const redeemed = c.maximum(c.add(c.sub(demand, unredeemed), exclusion ? c.mul(p, added) : added), 1e-6);
  const m1 = c.div(redeemed, p);
  const m0 = c.div(unredeemed, c.sub(1, p));
  const mu1 = c.add(c.mul(p, m1), c.mul(c.sub(1, p), m0));
  return { mu0: own, mu1, p, redeems: c.sub(c.log(p), c.log(c.sub(1, p))), m1, m0, ...(free0 === undefined ? {} : { free0 }) };
}

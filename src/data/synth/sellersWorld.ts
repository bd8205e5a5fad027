import type { Rng } from "../../base/rng.ts";
import { logistic, softplus } from "./assemble.ts";

/** Parameters of the simulated market; see `sellersGenerator`. */
export interface SellersConfig {
  readonly users: number;
  readonly sellers: number;
  readonly candidates: number;
  readonly ragged: number;
  readonly events: number;
  readonly assignment: "user" | "pair" | "cluster";
  readonly treated: number;
  readonly share: number;
  readonly confounding: number;
  readonly decay: number;
  readonly diversion: number;
  readonly outside: number;
  readonly switching: number;
  readonly intent: number;
  readonly unredeemed: number;
}

/** By what incentives wear off, and what they take from whom; shares of a user's gains. */
export type Rules = Pick<SellersConfig, "decay" | "diversion" | "outside">;

export const segments = 10;
const traits = 4;
const values = [5, 10, 20] as const;
/** Purchases a seller's price stands for: the chance to buy is 1 - exp(-baskets x mean / price). */
const baskets = 2;
/** Shape of the Gamma that an amount is drawn from. */
const shape = 8;
/** What an incentive brings, as a share of the price; how much users differ in it; how prices differ (all logarithmic but the first). */
const strength = 0.45;
const reachWeight = 0.3;
const priceSpread = 0.3;
/** Correlation between taking to incentives and moving spending for them. */
const dealProne = 0.8;
/** How far users differ, in log-odds, in how often they have a better coupon at hand. */
const couponSpread = 2;
/** Users of a cluster where clusters are randomised. */
const clusterSize = 20;

/** Sellers, and what all users have in common. */
export interface SellersWorld {
  readonly config: SellersConfig;
  readonly segment: Uint8Array;
  readonly quality: Float64Array;
  readonly price: Float64Array;
  /** sellers x 4. */
  readonly x: Float64Array;
  /** Sellers of each segment. */
  readonly members: readonly Int32Array[];
  /** Taste for incentives, and the directions along which users differ in what they substitute and in the other coupons they have. */
  readonly w: readonly number[];
  readonly a: readonly number[];
  readonly o: readonly number[];
  /** Intercept of redeeming, such that the share of unredeemed purchases is as asked for. */
  readonly k0: number;
  readonly rng: Rng;
}

/** One user with all candidates. Arrays run over the m candidates. */
export interface SimulatedUser {
  readonly x: readonly number[];
  /** Spending of the past, a noisy sign of the user's means. */
  readonly pastSpend: number;
  readonly seller: Int32Array;
  /** Earlier visits of the seller. */
  readonly visits: Int32Array;
  /** Face value of the incentive in per cent of the price. */
  readonly value: Float64Array;
  readonly arm: 0 | 1;
  readonly planned: Uint8Array;
  readonly assigned: Uint8Array;
  /** P(planned). */
  readonly probability: Float64Array;
  readonly history: readonly { readonly segment: number; readonly price: number; readonly age: number; readonly bought: 0 | 1; readonly coupon: 0 | 1 }[];
  readonly cluster: number;
  readonly redeemed: Uint8Array;
  readonly spent: Float64Array;
  readonly elsewhere: number;
  /** What all of it follows from. */
  readonly market: Market;
  readonly rules: Rules;
  readonly truth: UserTruth;
}

/** What is known in closed form, with the rivals as planned. */
export interface UserTruth {
  /** Expected spending at each shop without and with its own incentive. */
  readonly mu0: Float64Array;
  readonly mu1: Float64Array;
  /** Effect on the shop if no rival gave an incentive. */
  readonly alone: Float64Array;
  /** Effect of each incentive on the whole platform: the same flip, all shops and the outside counted. */
  readonly platform: Float64Array;
  /** Effect of the whole plan on the platform. */
  readonly lift: number;
  /** Expected spending outside the candidates without incentives. */
  readonly outside: number;
}

/** The market of one user: organic demand `b`, uplift before cannibalisation `u`, and who competes with whom. */
export interface Market {
  readonly b: Float64Array;
  readonly u: Float64Array;
  readonly segment: Int32Array;
  readonly outside: number;
}

export function sellersWorld(config: SellersConfig, rng: Rng): SellersWorld {
  const n = config.sellers;
  const [draw, taste] = [rng.split("sellers"), rng.split("taste")];
  const segment = new Uint8Array(n);
  const [quality, price, x] = [new Float64Array(n), new Float64Array(n), new Float64Array(n * traits)];
  const lists: number[][] = Array.from({ length: segments }, () => []);
  for (let s = 0; s < n; s++) {
    // The first ten fill every segment.
    segment[s] = s < segments ? s : draw.int(segments);
    quality[s] = draw.normal();
    price[s] = Math.exp(3.5 + priceSpread * draw.normal());
    for (let j = 0; j < traits; j++) x[s * traits + j] = draw.normal() / 2;
    lists[segment[s]].push(s);
  }
  const w = unit(Array.from({ length: traits }, () => taste.normal()));
  // Who takes to incentives also moves spending for them: the two directions are correlated.
  const free = Array.from({ length: traits }, () => taste.normal());
  const along = dot(free, w);
  const rest = unit(free.map((v, j) => v - along * w[j]));
  const a = w.map((v, j) => dealProne * v + Math.sqrt(1 - dealProne ** 2) * rest[j]);
  // Who has other coupons is told by a third direction, at right angles to both.
  const third = Array.from({ length: traits }, () => taste.normal());
  const [onW, onRest] = [dot(third, w), dot(third, rest)];
  const o = unit(third.map((v, j) => v - onW * w[j] - onRest * rest[j]));
  const world = { config, segment, quality, price, x, members: lists.map((list) => Int32Array.from(list)), w, a, o, k0: 0, rng };
  return { ...world, k0: calibrated(world) };
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, v, j) => sum + v * b[j], 0);

function unit(v: readonly number[]): number[] {
  const length = Math.sqrt(dot(v, v));
  return v.map((value) => value / length);
}

/** The intercept at which the expected share of treated purchases without redemption is as asked for, over users of a pilot of their own. */
function calibrated(world: SellersWorld): number {
  const pilot = { ...world, rng: world.rng.split("pilot") };
  const { intent, unredeemed } = world.config;
  const cases: { readonly buy: number; readonly made: number; readonly better: number; readonly clear: number }[] = [];
  for (let i = 0; i < 2000; i++) {
    const person = drawPerson(pilot, i);
    const { market, planned, rules } = person;
    const { mean, effect } = expected(market, planned, rules);
    for (let j = 0; j < planned.length; j++)
      if (planned[j] === 1)
        cases.push({
          buy: buying(mean[j], world.price[person.seller[j]]),
          made: madeBy(effect[j], market.b[j]),
          better: person.better[j],
          clear: person.clear,
        });
  }
  let [low, high] = [-30, 30];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    let [lost, all] = [0, 0];
    for (const { buy, made, better, clear } of cases) {
      lost += buy * (1 - redeeming(middle - better, made, clear, intent));
      all += buy;
    }
    if (lost / all > unredeemed) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Purchases that the incentive brought are redeemed more often, by `intent` in log-odds, than those that would have been made anyway; those only where no better
 * coupon is at hand.
 */
function redeeming(base: number, made: number, clear: number, intent: number): number {
  return (1 - made) * clear * logistic(base) + made * logistic(base + intent);
}

function buying(mean: number, price: number): number {
  return 1 - Math.exp((-baskets * mean) / price);
}

/** What a user substitutes: the shares of gains taken from the segment and from outside, moved together by a trait of mean 0 and variance 1. */
export function substitution({ decay, diversion, outside, switching }: SellersConfig, trait: number): Rules {
  const all = diversion + outside;
  const own = all > 0 ? among(Math.log(all / (1 - all)), switching, trait) / all : 0;
  return { decay, diversion: diversion * own, outside: outside * own };
}

/**
 * Share of a user's purchases without a better coupon at hand. Better coupons are three quarters as common as purchases without redemption, which leaves some of
 * these to organic intent.
 */
function clearOf({ unredeemed }: SellersConfig, trait: number): number {
  const other = 0.75 * unredeemed;
  return among(Math.log((1 - other) / other), couponSpread, trait);
}

/** A share that differs among users by `spread` log-odds a standard deviation of the trait, and whose mean has about these log-odds. */
function among(logOdds: number, spread: number, trait: number): number {
  return logistic(logOdds * Math.sqrt(1 + (Math.PI * spread ** 2) / 8) + spread * trait);
}

/** Share of what is expected at a shop that its incentive brings. */
function madeBy(effect: number, organic: number): number {
  return effect / (effect + organic + 1e-12);
}

/** Draws a user: what is known of them, the candidates, the plan. */
function drawPerson(world: SellersWorld, i: number) {
  const { config, segment, quality, price, x, members, w, a, o } = world;
  const rng = world.rng.split("user", i);
  const theta = dirichlet(segments, 0.3, rng.split("preference"));
  const own = rng.split("x");
  const xu = Array.from({ length: traits }, () => own.normal());
  const spend = Math.exp(0.5 * own.normal());
  const pastSpend = (100 * spend * own.gamma(200)) / 200;
  const pick = rng.split("candidates");
  const m = config.candidates - (config.ragged > 0 ? pick.int(Math.floor(config.ragged * (config.candidates - 1)) + 1) : 0);
  const seller = drawSellers(m, theta, members, pick);
  const offer = rng.split("offer");
  const [b, u, visits, value, better, probability] = [0, 1, 2, 3, 4, 5].map(() => new Float64Array(m));
  const planned = new Uint8Array(m);
  const reach = dot(xu, w);
  const clear = clearOf(config, dot(xu, o));
  for (let j = 0; j < m; j++) {
    const s = seller[j];
    let match = 0;
    for (let k = 0; k < traits; k++) match += xu[k] * x[s * traits + k];
    const affinity = 1.5 * Math.log(theta[segment[s]] * 10 + 0.1) + 0.5 * quality[s] + 0.3 * match;
    value[j] = values[offer.int(values.length)];
    b[j] = spend * price[s] * logistic(affinity - 2);
    u[j] = clear * strength * price[s] * softplus((12 * value[j]) / 100 + reachWeight * reach - 0.5 * affinity);
    visits[j] = offer.poisson(Math.exp(Math.min(4, 0.5 * affinity)));
    better[j] = Math.max(0, offer.normal());
    probability[j] = logistic(Math.log(config.share / (1 - config.share)) + config.confounding * affinity);
    planned[j] = offer.bernoulli(probability[j]);
  }
  const rules = substitution(config, dot(xu, a));
  const market: Market = { b, u, segment: seller.map((s) => segment[s]), outside: 3 * config.candidates * spend };
  return {
    rng,
    theta,
    x: xu,
    spend,
    reach,
    clear,
    pastSpend,
    seller,
    visits: Int32Array.from(visits),
    value,
    better,
    probability,
    planned,
    market,
    rules,
    price,
  };
}

function drawSellers(m: number, theta: readonly number[], members: readonly Int32Array[], rng: Rng): Int32Array {
  const mix = theta.map((share) => 0.8 * share + 0.2 / segments);
  const seen = new Set<number>();
  while (seen.size < m) {
    const list = members[rng.choice(mix)];
    seen.add(list[rng.int(list.length)]);
  }
  return Int32Array.from(seen);
}

function dirichlet(size: number, concentration: number, rng: Rng): number[] {
  const draws = Array.from({ length: size }, () => rng.gamma(concentration));
  const total = draws.reduce((a, b) => a + b, 0);
  return total > 0 ? draws.map((draw) => draw / total) : draws.map(() => 1 / size);
}

/**
 * Expected spending under an assignment: uplifts of one segment wear off with each stronger incentive of the same segment, every shop of a segment loses to
 * what its segment gained in proportion to its organic demand, and so does the rest of the platform.
 */
export function expected(
  { b, u, segment, outside }: Market,
  assigned: ArrayLike<number>,
  { decay, diversion, outside: fromOutside }: Rules,
): { readonly mean: Float64Array; readonly effect: Float64Array; readonly elsewhere: number; readonly total: number } {
  const m = b.length;
  const [gained, organic] = [new Float64Array(segments), new Float64Array(segments)];
  const [effect, mean] = [new Float64Array(m), new Float64Array(m)];
  let all = 0;
  for (let j = 0; j < m; j++) {
    organic[segment[j]] += b[j];
    if (assigned[j] !== 1) continue;
    let stronger = 0;
    for (let k = 0; k < m; k++) if (assigned[k] === 1 && segment[k] === segment[j] && (u[k] > u[j] || (u[k] === u[j] && k < j))) stronger++;
    effect[j] = u[j] * Math.exp(-decay * stronger);
    gained[segment[j]] += effect[j];
    all += effect[j];
  }
  let total = 0;
  for (let j = 0; j < m; j++) {
    mean[j] = Math.max(0, b[j] + effect[j] - (diversion * gained[segment[j]] * b[j]) / organic[segment[j]]);
    total += mean[j];
  }
  const elsewhere = Math.max(0, outside - fromOutside * all);
  return { mean, effect, elsewhere, total: total + elsewhere };
}

/** The truth of a plan, by evaluating the closed form under every single flip. */
export function truthOf(market: Market, planned: Uint8Array, rules: Rules): UserTruth {
  const m = planned.length;
  const [mu0, mu1, alone, platform] = [0, 1, 2, 3].map(() => new Float64Array(m));
  const none = expected(market, new Uint8Array(m), rules);
  const joint = expected(market, planned, rules);
  for (let j = 0; j < m; j++) {
    const flipped = planned.slice();
    flipped[j] = 1 - planned[j];
    const other = expected(market, flipped, rules);
    const [on, off] = planned[j] === 1 ? [joint, other] : [other, joint];
    mu0[j] = off.mean[j];
    mu1[j] = on.mean[j];
    platform[j] = on.total - off.total;
    const only = new Uint8Array(m);
    only[j] = 1;
    alone[j] = expected(market, only, rules).mean[j] - none.mean[j];
  }
  return { mu0, mu1, alone, platform, lift: joint.total - none.total, outside: none.elsewhere };
}

/** User i: the same whoever else is simulated. */
export function simulateUser(world: SellersWorld, i: number): SimulatedUser {
  const { config, price, k0 } = world;
  const person = drawPerson(world, i);
  const { rng, market, planned, rules, seller, better, theta, reach, clear } = person;
  const m = seller.length;
  const cluster = Math.floor(i / clusterSize);
  const coin = config.assignment === "cluster" ? world.rng.split("cluster", cluster) : rng.split("arm");
  const arm: 0 | 1 = config.assignment === "pair" ? 1 : coin.bernoulli(config.treated);
  const assigned = arm === 1 ? planned : new Uint8Array(m);
  const { mean, effect, elsewhere } = expected(market, assigned, rules);
  const noise = rng.split("outcome");
  const spent = new Float64Array(m);
  const redeemed = new Uint8Array(m);
  for (let j = 0; j < m; j++) {
    const chance = buying(mean[j], price[seller[j]]);
    const buys = noise.bernoulli(chance);
    const amount = chance > 0 ? ((mean[j] / chance) * noise.gamma(shape)) / shape : 0;
    const uses = noise.bernoulli(redeeming(k0 - better[j], madeBy(effect[j], market.b[j]), clear, config.intent));
    spent[j] = buys * amount;
    redeemed[j] = assigned[j] === 1 && buys === 1 ? uses : 0;
  }
  const rest = elsewhere > 0 ? (elsewhere * noise.gamma(2 * shape)) / (2 * shape) : 0;
  const past = rng.split("history");
  const mix = theta.map((share) => 0.8 * share + 0.2 / segments);
  const history = Array.from({ length: config.events }, (_, e) => {
    const segment = past.choice(mix);
    const bought = past.bernoulli(0.5);
    return {
      segment,
      price: Math.exp(3.5 + 0.6 * past.normal() + 0.3 * Math.log(person.spend)),
      // The newest last.
      age: config.events - 1 - e + past.float(),
      bought,
      coupon: bought === 1 ? past.bernoulli(logistic(-1 + 2 * reach)) : (0 as const),
    };
  });
  return {
    x: person.x,
    pastSpend: person.pastSpend,
    seller,
    visits: person.visits,
    value: person.value,
    arm,
    planned,
    assigned,
    probability: person.probability,
    history,
    cluster,
    redeemed,
    spent,
    elsewhere: rest,
    market,
    rules,
    truth: truthOf(market, planned, rules),
  };
}

import { Rng } from "../../base/rng.ts";
import { type Clicks, sequenceLength, type Vocabulary } from "./layout.ts";

export interface ClickSimulation {
  /** Rows in all, about: users are added until there are as many. */
  readonly clicks: number;
  /** Ads on offer. Defaults to 20000. */
  readonly ads?: number;
  /** Clicks of a user, on average. Defaults to 24. */
  readonly clicksPerUser?: number;
  /** Share of an earlier click's effect that is left after one more click. Defaults to 0.5. */
  readonly carry?: number;
  readonly seed: number;
}

/** Simulated clicks, with what is never known of real ones. */
export interface SimulatedClicks extends Clicks {
  readonly vocabulary: Vocabulary;
  /** Journey of each click, 0, 1, ...; a journey ends with a conversion or when its user gives up. */
  readonly journey: Int32Array;
  /** Number of clicks of the click's journey. */
  readonly pathLength: Int32Array;
  /** Conversions this click caused in expectation: the click's share of the hazard, summed over the steps at which it was at work. */
  readonly contribution: Float64Array;
  /** Channel of each click (`context_feat3`): what an attribution report is broken down by. */
  readonly converted: Uint8Array;
}

const traits = 6;
const categories = 40;
const brands = 600;
const mostTouches = 16;

/**
 * Clicks in the benchmark's layout whose causes are known. A user goes through journeys, each after one category of goods; the click on ad
 * a adds exp(taste_u . item_a + quality_a) to the hazard of buying, which fades by `carry` with each further click. A purchase after click
 * i of a journey happens with probability 1 - exp(-(base_u + sum of what is left of the effects)), and ends it. The true contribution of a
 * click is its share of that hazard. Credits: `first`, `last` and `linear` by rule; `mta` in proportion to a noisy estimate of the shares,
 * cut to zero below half of an even share, as a data-driven mechanism gives them.
 */
export function simulateClicks(options: ClickSimulation): SimulatedClicks {
  const { clicks, ads = 20_000, clicksPerUser = 24, carry = 0.5, seed } = options;
  const root = new Rng(seed);
  const catalogue = drawAds(ads, root.split("ads"));
  const out = emptyClicks(clicks);
  const history = new Int32Array(sequenceLength);
  let row = 0;
  let journey = 0;
  for (let user = 0; row < clicks; user++) {
    const rng = root.split("user", user);
    const person = drawUser(rng);
    const budget = Math.max(4, rng.poisson(clicksPerUser));
    history.fill(0);
    for (let done = 0; done < budget && row < clicks; journey++) {
      const from = row;
      const want = rng.choice(person.interest);
      const effects = new Float64Array(mostTouches);
      let bought = -1;
      let step = 0;
      for (; step < mostTouches && row < clicks && bought < 0; step++) {
        const ad = catalogue.pick(want, rng);
        const context = [rng.int(24), rng.int(7), Math.min(9, Math.floor(rng.exponential() * 3)), rng.int(4)];
        writeClick(out, row, user, person.fields, catalogue, ad, context, history, rng);
        let match = catalogue.quality[ad] - 0.12 * context[2] + 0.25 * Math.cos((context[0] - 20) * 0.26);
        for (let k = 0; k < traits; k++) match += person.taste[k] * catalogue.item[ad * traits + k];
        effects[step] = Math.exp(match - 3.6);
        let hazard = person.base;
        for (let k = 0; k <= step; k++) hazard += effects[k] * carry ** (step - k);
        for (let k = 0; k <= step; k++) out.contribution[from + k] += ((effects[k] * carry ** (step - k)) / hazard) * (1 - Math.exp(-hazard)); // expected at this step
        if (rng.float() < 1 - Math.exp(-hazard)) bought = step;
        history.copyWithin(0, 1);
        history[sequenceLength - 1] = ad + 1;
        out.journey[row++] = journey;
        done++;
        if (bought < 0 && rng.float() < 0.22) {
          step++;
          break;
        }
      }
      settle(out, from, row, bought >= 0, effects, carry, rng);
    }
  }
  return { ...out, rows: row, vocabulary: vocabularyOf(ads) };
}

/** Credits of one journey that is over. */
function settle(out: SimulatedClicks, from: number, to: number, bought: boolean, effects: Float64Array, carry: number, rng: Rng): void {
  const n = to - from;
  for (let i = from; i < to; i++) out.pathLength[i] = n;
  if (!bought) return;
  out.credit.first[from] = 1;
  out.credit.last[to - 1] = 1;
  const share = new Float64Array(n);
  let total = 0;
  for (let k = 0; k < n; k++) {
    out.credit.linear[from + k] = 1 / n;
    out.converted[from + k] = 1;
    share[k] = effects[k] * carry ** (n - 1 - k) * Math.exp(0.4 * rng.normal());
    total += share[k];
  }
  let kept = 0;
  for (let k = 0; k < n; k++) {
    if (share[k] / total < 0.5 / n) share[k] = 0;
    kept += share[k];
  }
  for (let k = 0; k < n; k++) out.credit.mta[from + k] = share[k] / kept;
}

interface Catalogue {
  readonly item: Float64Array;
  readonly quality: Float64Array;
  readonly category: Int32Array;
  readonly brand: Int32Array;
  readonly price: Int32Array;
  readonly shop: Int32Array;
  readonly creative: Int32Array;
  /** An ad of this category mostly, popular ones more often. */
  pick(category: number, rng: Rng): number;
}

function drawAds(ads: number, rng: Rng): Catalogue {
  const normal = (n: number, deviation: number): Float64Array => Float64Array.from({ length: n }, () => deviation * rng.normal());
  const ofCategory = normal(categories * traits, 0.5);
  const ofBrand = normal(brands * traits, 0.3);
  const brandQuality = normal(brands, 0.4);
  const item = new Float64Array(ads * traits);
  const quality = new Float64Array(ads);
  const [category, brand, price, shop, creative] = [0, 1, 2, 3, 4].map(() => new Int32Array(ads));
  const byCategory: number[][] = Array.from({ length: categories }, () => []);
  for (let a = 0; a < ads; a++) {
    category[a] = rng.int(categories);
    brand[a] = Math.floor(brands * rng.float() ** 1.5);
    shop[a] = rng.int(4);
    creative[a] = rng.int(30);
    quality[a] = brandQuality[brand[a]] + 0.7 * rng.normal();
    price[a] = Math.max(0, Math.min(9, Math.round(4.5 + 1.5 * rng.normal() - quality[a])));
    for (let k = 0; k < traits; k++) item[a * traits + k] = ofCategory[category[a] * traits + k] + ofBrand[brand[a] * traits + k] + 0.3 * rng.normal();
    byCategory[category[a]].push(a);
  }
  return {
    item,
    quality,
    category,
    brand,
    price,
    shop,
    creative,
    pick: (wanted, draw) => {
      const shelf = draw.float() < 0.8 ? byCategory[wanted] : byCategory[draw.int(categories)];
      return shelf.length === 0 ? draw.int(ads) : shelf[Math.floor(shelf.length * draw.float() ** 2)];
    },
  };
}

interface Person {
  readonly taste: Float64Array;
  readonly interest: Float64Array;
  readonly base: number;
  readonly fields: readonly number[];
}

function drawUser(rng: Rng): Person {
  const taste = Float64Array.from({ length: traits }, () => 0.6 * rng.normal());
  const keen = 0.5 * rng.normal();
  const interest = Float64Array.from({ length: categories }, () => rng.gamma(0.3));
  const bucket = (value: number, deviation: number, count: number): number => Math.max(0, Math.min(count - 1, Math.floor(count * (0.5 + value / (4 * deviation)))));
  const fields = [
    bucket(taste[0] + 0.3 * rng.normal(), 0.67, 12),
    taste[1] + 0.3 * rng.normal() > 0 ? 1 : 0,
    bucket(taste[2] + 0.3 * rng.normal(), 0.67, 50),
    bucket(keen + 0.3 * rng.normal(), 0.58, 8),
    bucket(taste[3] + 0.3 * rng.normal(), 0.67, 20),
    rng.int(30),
  ];
  return { taste, interest, base: 0.015 * Math.exp(keen), fields };
}

function writeClick(out: SimulatedClicks, row: number, user: number, person: readonly number[], ads: Catalogue, ad: number, context: readonly number[], history: Int32Array, rng: Rng): void {
  out.user[row] = user;
  const { fields, sequences, similarities } = out;
  person.forEach((value, i) => {
    fields[`user_feat${i}` as "user_feat0"][row] = value + 1;
  });
  fields.ad_feat0[row] = ad + 1;
  fields.ad_feat1[row] = ads.category[ad] + 1;
  fields.ad_feat2[row] = ads.brand[ad] + 1;
  fields.ad_feat3[row] = ads.price[ad] + 1;
  fields.ad_feat4[row] = ads.shop[ad] + 1;
  fields.ad_feat5[row] = ads.creative[ad] + 1;
  context.forEach((value, i) => {
    fields[`context_feat${i}` as "context_feat0"][row] = value + 1;
  });
  const at = row * sequenceLength;
  for (let k = 0; k < sequenceLength; k++) {
    const seen = history[k];
    if (seen === 0) continue;
    sequences.ad_feat0_seq[at + k] = seen;
    sequences.ad_feat1_seq[at + k] = ads.category[seen - 1] + 1;
    sequences.ad_feat2_seq[at + k] = ads.brand[seen - 1] + 1;
    similarities.mm_feat0_seq[at + k] = cosine(ads.item, ad, seen - 1, 0, traits / 2, rng);
    similarities.mm_feat1_seq[at + k] = cosine(ads.item, ad, seen - 1, traits / 2, traits, rng);
  }
}

function cosine(item: Float64Array, a: number, b: number, from: number, to: number, rng: Rng): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let k = from; k < to; k++) {
    const [x, y] = [item[a * traits + k], item[b * traits + k]];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return Math.max(-1, Math.min(1, ab / Math.sqrt(aa * bb) + 0.05 * (rng.float() - 0.5)));
}

function vocabularyOf(ads: number): Vocabulary {
  return {
    user_feat0: 13,
    user_feat1: 3,
    user_feat2: 51,
    user_feat3: 9,
    user_feat4: 21,
    user_feat5: 31,
    ad_feat0: ads + 1,
    ad_feat1: categories + 1,
    ad_feat2: brands + 1,
    ad_feat3: 11,
    ad_feat4: 5,
    ad_feat5: 31,
    context_feat0: 25,
    context_feat1: 8,
    context_feat2: 11,
    context_feat3: 5,
  };
}

function emptyClicks(rows: number): SimulatedClicks {
  const ints = <K extends string>(names: readonly K[], width = 1): Record<K, Int32Array> => Object.fromEntries(names.map((name) => [name, new Int32Array(rows * width)])) as Record<K, Int32Array>;
  const floats = <K extends string>(names: readonly K[], width = 1): Record<K, Float32Array> => Object.fromEntries(names.map((name) => [name, new Float32Array(rows * width)])) as Record<K, Float32Array>;
  return {
    rows,
    user: new Int32Array(rows),
    fields: ints(["user_feat0", "user_feat1", "user_feat2", "user_feat3", "user_feat4", "user_feat5", "ad_feat0", "ad_feat1", "ad_feat2", "ad_feat3", "ad_feat4", "ad_feat5", "context_feat0", "context_feat1", "context_feat2", "context_feat3"]),
    sequences: ints(["ad_feat0_seq", "ad_feat1_seq", "ad_feat2_seq"], sequenceLength),
    similarities: floats(["mm_feat0_seq", "mm_feat1_seq"], sequenceLength),
    credit: floats(["first", "last", "mta", "linear"]),
    vocabulary: vocabularyOf(0),
    journey: new Int32Array(rows),
    pathLength: new Int32Array(rows),
    contribution: new Float64Array(rows),
    converted: new Uint8Array(rows),
  };
}

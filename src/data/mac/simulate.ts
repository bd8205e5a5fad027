import { usageError } from "../../base/errors.ts";
import { Rng } from "../../base/rng.ts";
import { adSizes, type Catalogue, categories, drawAds, likeness, traits } from "./catalogue.ts";
import { adFields, type Clicks, labelFields, sequenceFields, sequenceLength, similarityFields, userFields, type Vocabulary } from "./layout.ts";

export interface ClickSimulation {
  /** Rows in all, about: users are added until there are as many. */
  readonly clicks: number;
  /** Ads on offer. Defaults to 30000. */
  readonly ads?: number;
  /** Clicks of a user, on average. Defaults to 30. */
  readonly clicksPerUser?: number;
  /** Share of an earlier click's effect that is left after one more click. Defaults to 0.6. */
  readonly carry?: number;
  /** Logarithm of the hazard that an average click adds; lower makes conversions rarer. Defaults to -5.7, which is about one conversion in 60 clicks. */
  readonly intercept?: number;
  readonly seed: number;
}

/** Simulated clicks, with what is never known of real ones. */
export interface SimulatedClicks extends Clicks {
  readonly vocabulary: Vocabulary;
  /** Milliseconds since 1970. */
  readonly time: Float64Array;
  /** Journey of each click, 0, 1, ... within the chunk; a journey ends with a conversion or when its user gives up. */
  readonly journey: Int32Array;
  /** Number of clicks of the click's journey. */
  readonly pathLength: Int32Array;
  /** Conversions this click caused in expectation: its share of the hazard at each step at which it was at work, times the chance to buy there. */
  readonly contribution: Float64Array;
  /** Probability of a purchase right after the click, given all that happened before. */
  readonly chance: Float64Array;
  /** 1 where the click's journey ended with a purchase. */
  readonly converted: Uint8Array;
}

/** Channels of the simulation, the values of `context_feat3`; they differ in how much their clicks sell. */
export const channels = ["search", "feed", "display", "video", "affiliate", "email"] as const;
const channelEffect = [0.5, 0.1, -0.5, 0.2, -0.2, 0];
const channelShare = [0.2, 0.3, 0.2, 0.1, 0.1, 0.1];
const mostTouches = 16;
const hour = 3_600_000;
const start = Date.UTC(2025, 0, 6);

/**
 * Clicks in the benchmark's layout whose causes are known. A user goes through journeys, each after one category of goods and with an intent
 * of its own that no column shows. The click on ad a adds exp(intercept + taste_u . item_a + quality_a + intent + channel + context) to the
 * hazard of buying, which fades by `carry` with each further click; after click i a purchase happens with probability
 * 1 - exp(-(base_u + sum of what is left of the effects)), and ends the journey. The true contribution of a click is its share of that hazard.
 * Credits: `first`, `last` and `linear` by rule; `mta` in proportion to a noisy estimate of the shares, cut to zero below half of an even
 * share, as a data-driven mechanism gives them.
 */
export function simulateClicks(options: ClickSimulation): SimulatedClicks {
  for (const chunk of clickChunks(options, options.clicks)) return chunk;
  throw usageError(`simulate: clicks must be at least 1, got ${options.clicks}`);
}

/** The same in parts of whole users, of about `chunkRows` rows each, so that any number of clicks can be written in little memory. */
export function* clickChunks(options: ClickSimulation, chunkRows = 200_000): Generator<SimulatedClicks> {
  const { clicks, ads = 30_000, clicksPerUser = 30, seed } = options;
  if (!(Number.isInteger(clicks) && clicks >= 1)) throw usageError(`simulate: clicks must be a whole number of at least 1, got ${clicks}`);
  if (!(Number.isInteger(ads) && ads >= 100)) throw usageError(`simulate: ads must be a whole number of at least 100, got ${ads}`);
  if (!(clicksPerUser >= 4)) throw usageError(`simulate: clicksPerUser must be at least 4, got ${clicksPerUser}`);
  const root = new Rng(seed);
  const catalogue = drawAds(ads, root.split("ads"));
  const vocabulary = vocabularyOf(ads);
  const longest = Math.ceil(4 * clicksPerUser);
  let user = 0;
  for (let done = 0; done < clicks; ) {
    const wanted = Math.min(chunkRows, clicks - done);
    const out = emptyClicks(wanted + longest + mostTouches, vocabulary);
    const place: Place = { row: 0, journey: 0 };
    while (place.row < wanted) {
      const rng = root.split("user", user);
      const budget = Math.min(longest, Math.max(4, rng.poisson(clicksPerUser * rng.gamma(2) * 0.5)));
      live(out, place, user++, budget, catalogue, options, rng);
    }
    done += place.row;
    yield trimmed(out, place.row);
  }
}

interface Place {
  row: number;
  journey: number;
}

/** All journeys of one user. */
function live(out: SimulatedClicks, place: Place, user: number, budget: number, catalogue: Catalogue, options: ClickSimulation, rng: Rng): void {
  const { carry = 0.6, intercept = -5.7 } = options;
  const person = drawUser(rng);
  const history = new Int32Array(sequenceLength);
  const last = place.row + budget;
  let time = start + 24 * hour * 60 * rng.float();
  while (place.row < last) {
    const from = place.row;
    const want = rng.choice(person.interest);
    const intent = 0.7 * rng.normal();
    const effects = new Float64Array(mostTouches);
    let bought = false;
    for (let step = 0; step < mostTouches && !bought; step++) {
      const row = place.row++;
      const ad = catalogue.pick(want, rng);
      const at = new Date(time);
      const context = [at.getUTCHours(), at.getUTCDay(), Math.min(9, Math.floor(rng.exponential() * 3)), rng.choice(channelShare)];
      out.time[row] = time;
      out.journey[row] = place.journey;
      writeClick(out, row, user, person.fields, catalogue, ad, context, history, rng);
      let match = intercept + intent + catalogue.quality[ad] + channelEffect[context[3]] - 0.12 * context[2] + 0.25 * Math.cos((context[0] - 20) * 0.26);
      for (let k = 0; k < traits; k++) match += person.taste[k] * catalogue.item[ad * traits + k];
      effects[step] = Math.exp(match);
      let hazard = person.base * Math.exp(intercept);
      for (let k = 0; k <= step; k++) hazard += effects[k] * carry ** (step - k);
      const chance = 1 - Math.exp(-hazard);
      out.chance[row] = chance;
      for (let k = 0; k <= step; k++) out.contribution[from + k] += ((effects[k] * carry ** (step - k)) / hazard) * chance;
      bought = rng.float() < chance;
      history.copyWithin(0, 1);
      history[sequenceLength - 1] = ad + 1;
      time += hour * 20 * rng.exponential();
      if (rng.float() < 0.2) break;
    }
    settle(out, from, place.row, bought, effects, carry, rng);
    place.journey++;
    time += 24 * hour * 4 * rng.exponential();
  }
}

/** Credits of one journey that is over. */
function settle(out: SimulatedClicks, from: number, to: number, bought: boolean, effects: Float64Array, carry: number, rng: Rng): void {
  const n = to - from;
  out.pathLength.fill(n, from, to);
  if (!bought) return;
  out.converted.fill(1, from, to);
  out.credit.first[from] = 1;
  out.credit.last[to - 1] = 1;
  out.credit.linear.fill(1 / n, from, to);
  const share = new Float64Array(n);
  let total = 0;
  for (let k = 0; k < n; k++) {
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

interface Person {
  readonly taste: Float64Array;
  readonly interest: Float64Array;
  /** Purchases without any click, as a multiple of what an average click adds. */
  readonly base: number;
  readonly fields: readonly number[];
}

const userSizes = [12, 2, 50, 8, 20, 30] as const;

function drawUser(rng: Rng): Person {
  const taste = Float64Array.from({ length: traits }, () => 0.8 * rng.normal());
  const keen = 0.5 * rng.normal();
  const interest = Float64Array.from({ length: categories }, () => rng.gamma(0.1));
  // What is known of a user are rough and noisy answers to some of the tastes.
  const bucket = (value: number, deviation: number, count: number): number =>
    Math.max(0, Math.min(count - 1, Math.floor(count * (0.5 + (value + 0.4 * deviation * rng.normal()) / (4.3 * deviation)))));
  const fields = [
    bucket(taste[0], 0.8, userSizes[0]),
    bucket(taste[1], 0.8, userSizes[1]),
    bucket(taste[2], 0.8, userSizes[2]),
    bucket(keen, 0.5, userSizes[3]),
    bucket(taste[3], 0.8, userSizes[4]),
    rng.int(userSizes[5]),
  ];
  return { taste, interest, base: 0.5 * Math.exp(keen), fields };
}

function writeClick(
  out: SimulatedClicks,
  row: number,
  user: number,
  person: readonly number[],
  ads: Catalogue,
  ad: number,
  context: readonly number[],
  history: Int32Array,
  rng: Rng,
): void {
  const { fields, sequences, similarities } = out;
  out.user[row] = user;
  userFields.forEach((name, i) => {
    fields[name][row] = person[i] + 1;
  });
  const values = [ad, ads.category[ad], ads.brand[ad], ads.price[ad], ads.shop[ad], ads.creative[ad], ...context];
  adFields.forEach((name, i) => {
    fields[name][row] = values[i] + 1;
  });
  const at = row * sequenceLength;
  for (let k = 0; k < sequenceLength; k++) {
    const seen = history[k];
    if (seen === 0) continue;
    sequences.ad_feat0_seq[at + k] = seen;
    sequences.ad_feat1_seq[at + k] = ads.category[seen - 1] + 1;
    sequences.ad_feat2_seq[at + k] = ads.brand[seen - 1] + 1;
    similarities.mm_feat0_seq[at + k] = likeness(ads, ad, seen - 1, 0, traits / 2, rng);
    similarities.mm_feat1_seq[at + k] = likeness(ads, ad, seen - 1, traits / 2, traits, rng);
  }
}

function vocabularyOf(ads: number): Vocabulary {
  const sizes = [...userSizes.map((count) => count + 1), ...adSizes(ads), 25, 8, 11, channels.length + 1];
  return Object.fromEntries([...userFields, ...adFields].map((name, i) => [name, sizes[i]])) as Vocabulary;
}

function emptyClicks(rows: number, vocabulary: Vocabulary): SimulatedClicks {
  const ints = <K extends string>(names: readonly K[], width = 1): Record<K, Int32Array> =>
    Object.fromEntries(names.map((name) => [name, new Int32Array(rows * width)])) as Record<K, Int32Array>;
  const floats = <K extends string>(names: readonly K[], width = 1): Record<K, Float32Array> =>
    Object.fromEntries(names.map((name) => [name, new Float32Array(rows * width)])) as Record<K, Float32Array>;
  return {
    rows,
    user: new Int32Array(rows),
    fields: ints([...userFields, ...adFields]),
    sequences: ints(sequenceFields, sequenceLength),
    similarities: floats(similarityFields, sequenceLength),
    credit: floats(labelFields),
    vocabulary,
    time: new Float64Array(rows),
    journey: new Int32Array(rows),
    pathLength: new Int32Array(rows),
    contribution: new Float64Array(rows),
    chance: new Float64Array(rows),
    converted: new Uint8Array(rows),
  };
}

function trimmed(out: SimulatedClicks, rows: number): SimulatedClicks {
  const cut = <R extends Readonly<Record<string, Int32Array | Float32Array>>>(record: R, width = 1): R =>
    Object.fromEntries(Object.entries(record).map(([name, values]) => [name, values.subarray(0, rows * width)])) as unknown as R;
  return {
    rows,
    user: out.user.subarray(0, rows),
    fields: cut(out.fields),
    sequences: cut(out.sequences, sequenceLength),
    similarities: cut(out.similarities, sequenceLength),
    credit: cut(out.credit),
    vocabulary: out.vocabulary,
    time: out.time.subarray(0, rows),
    journey: out.journey.subarray(0, rows),
    pathLength: out.pathLength.subarray(0, rows),
    contribution: out.contribution.subarray(0, rows),
    chance: out.chance.subarray(0, rows),
    converted: out.converted.subarray(0, rows),
  };
}

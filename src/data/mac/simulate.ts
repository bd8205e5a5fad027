import { usageError } from "../../base/errors.ts";
import { Rng } from "../../base/rng.ts";
import { adSizes, type Catalogue, categories, drawAds, likeness, traits } from "./catalogue.ts";
import { adFields, type Clicks, labelFields, sequenceFields, sequenceLength, similarityFields, userFields, type Vocabulary } from "./layout.ts";

/** Settings of `simulateClicks`. */
export interface ClickSimulation {
  /** Rows in all, about: users are added until there are as many. */
  readonly clicks: number;
  /** Ads on offer. Defaults to 30000. */
  readonly ads?: number;
  /** Clicks of a user, on average. Defaults to 30. */
  readonly clicksPerUser?: number;
  /** Share of a click's effect that acts before the user's next click. Defaults to 0.5. */
  readonly atOnce?: number;
  /** What is left of the rest after one more click. Defaults to 0.9. */
  readonly carry?: number;
  /** Logarithm of the hazard that an average click adds; lower makes conversions rarer. Defaults to -5.4, which is about one conversion in 50 clicks. */
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
/** Chance that a journey ends after a click without a purchase. */
const givesUp = 0.2;
const hour = 3_600_000;
const start = Date.UTC(2025, 0, 6);

/**
 * Clicks in the benchmark's layout whose causes are known. A user goes through journeys, each after one category of goods and with an intent
 * of its own that no column shows. The click on ad a adds e_a = exp(intercept + taste_u . item_a + quality_a + intent + channel + context) to the
 * hazard of buying (an additive hazard: Zhang2014): the share `atOnce` of it acts before the next click, and the rest fades by `carry` from click to click,
 * or acts after the last click when the user gives up. So the whole effect of a click is e_a wherever it stands, and a purchase is
 * credited to the last click although an earlier one may have caused it. The true contribution of a click is its share of the hazard at
 * work. Behaviour sequences hold what the user bought, most of it before the log begins, chosen by the same tastes; they are what tells tastes.
 *
 * Where the defaults come from: clicks of a path, 4.4 on average, as in the PathData journeys (4.3); conversions in a click, about 2 %, between
 * the 0.5 % of Ali-CCP (Ma2018esmm) and the 5 % of PathData; half of the effect at once and half of the rest gone after a week of
 * clicks 20 hours apart, as half of all conversions come within a day of the click and 13 % after more than two weeks (Chapelle2014).
 *
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
  const world: World = { catalogue, kernel: kernelOf(options), intercept: options.intercept ?? -5.4 };
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
      live(out, place, user++, budget, world, rng);
    }
    done += place.row;
    yield trimmed(out, place.row);
  }
}

interface Place {
  row: number;
  journey: number;
}

/** What of a click's effect acts right after it, after the next click, and so on; and what is left to act from each of them on. */
interface Kernel {
  readonly now: Float64Array;
  readonly left: Float64Array;
}

function kernelOf({ atOnce = 0.5, carry = 0.9 }: ClickSimulation): Kernel {
  if (!(atOnce > 0 && atOnce <= 1)) throw usageError(`simulate: atOnce must be above 0 and at most 1, got ${atOnce}`);
  if (!(carry >= 0 && carry <= 1)) throw usageError(`simulate: carry must lie from 0 to 1, got ${carry}`);
  const now = Float64Array.from({ length: mostTouches }, (_, lag) => (lag === 0 ? atOnce : (1 - atOnce) * (1 - carry) * carry ** (lag - 1)));
  const left = Float64Array.from({ length: mostTouches }, (_, lag) => (lag === 0 ? 1 : (1 - atOnce) * carry ** (lag - 1)));
  return { now, left };
}

/** What is the same for all users of a simulation. */
interface World {
  readonly catalogue: Catalogue;
  readonly kernel: Kernel;
  readonly intercept: number;
}

/** All journeys of one user. */
function live(out: SimulatedClicks, place: Place, user: number, budget: number, { catalogue, kernel, intercept }: World, rng: Rng): void {
  const person = drawUser(rng);
  const bought = drawHistory(person, catalogue, rng.split("history"));
  const last = place.row + budget;
  let time = start + 24 * hour * 60 * rng.float();
  while (place.row < last) {
    const from = place.row;
    const want = rng.choice(person.interest);
    const intent = 0.7 * rng.normal();
    const ads: number[] = [];
    const effects = new Float64Array(mostTouches);
    const share = new Float64Array(mostTouches);
    let converted = false;
    for (let step = 0, goesOn = true; goesOn && !converted; step++) {
      const row = place.row++;
      const ad = catalogue.pick(want, rng);
      const at = new Date(time);
      const context = [at.getUTCHours(), at.getUTCDay(), Math.min(9, Math.floor(rng.exponential() * 3)), rng.choice(channelShare)];
      ads.push(ad);
      out.time[row] = time;
      out.journey[row] = place.journey;
      writeClick(out, row, user, person.fields, catalogue, ad, context, bought, rng);
      const setting = channelEffect[context[3]] - 0.12 * context[2] + 0.25 * Math.cos((context[0] - 20) * 0.26);
      effects[step] = Math.exp(intercept + intent + catalogue.quality[ad] + setting + match(person, catalogue, ad));
      const base = person.base * Math.exp(intercept);
      let [pausing, leaving] = [base, base];
      for (let k = 0; k <= step; k++) {
        pausing += effects[k] * kernel.now[step - k];
        leaving += effects[k] * kernel.left[step - k];
      }
      goesOn = step < mostTouches - 1 && rng.float() >= givesUp;
      const stays = step < mostTouches - 1 ? 1 - givesUp : 0;
      out.chance[row] = stays * (1 - Math.exp(-pausing)) + (1 - stays) * (1 - Math.exp(-leaving));
      const hazard = goesOn ? pausing : leaving;
      const chance = 1 - Math.exp(-hazard);
      for (let k = 0; k <= step; k++) {
        share[k] = (effects[k] * (goesOn ? kernel.now : kernel.left)[step - k]) / hazard;
        out.contribution[from + k] += share[k] * chance;
      }
      converted = rng.float() < chance;
      time += hour * 20 * rng.exponential();
    }
    settle(out, from, place.row, converted, share, rng);
    // What is bought in the end is, like as not, what made the user buy.
    if (converted) remember(bought, ads[rng.choice(share.subarray(0, ads.length))]);
    place.journey++;
    time += 24 * hour * 4 * rng.exponential();
  }
}

/** Credits of one journey that is over; `shares` are those of the hazard when it converted. */
function settle(out: SimulatedClicks, from: number, to: number, converted: boolean, shares: Float64Array, rng: Rng): void {
  const n = to - from;
  out.pathLength.fill(n, from, to);
  if (!converted) return;
  out.converted.fill(1, from, to);
  out.credit.first[from] = 1;
  out.credit.last[to - 1] = 1;
  out.credit.linear.fill(1 / n, from, to);
  const share = new Float64Array(n);
  let total = 0;
  for (let k = 0; k < n; k++) {
    share[k] = shares[k] * Math.exp(0.4 * rng.normal());
    total += share[k];
  }
  let kept = 0;
  for (let k = 0; k < n; k++) {
    if (share[k] / total < 0.5 / n) share[k] = 0;
    kept += share[k];
  }
  for (let k = 0; k < n; k++) out.credit.mta[from + k] = share[k] / kept;
}

/** How well an ad meets a user's tastes. */
function match({ taste }: Person, { item }: Catalogue, ad: number): number {
  let sum = 0;
  for (let k = 0; k < traits; k++) sum += taste[k] * item[ad * traits + k];
  return sum;
}

/** The last purchases before the log begins, newest last: of five ads that the user came upon, one, the likelier the better it meets the user's tastes. */
function drawHistory(person: Person, catalogue: Catalogue, rng: Rng): Int32Array {
  const history = new Int32Array(sequenceLength);
  const count = Math.min(sequenceLength, rng.poisson(15));
  for (let i = 0; i < count; i++) {
    const want = rng.choice(person.interest);
    const seen = Array.from({ length: 5 }, () => catalogue.pick(want, rng));
    remember(history, seen[rng.choice(Float64Array.from(seen, (ad) => Math.exp(match(person, catalogue, ad) + catalogue.quality[ad])))]);
  }
  return history;
}

function remember(history: Int32Array, ad: number): void {
  history.copyWithin(0, 1);
  history[sequenceLength - 1] = ad + 1;
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

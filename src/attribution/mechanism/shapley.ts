import { dataError, usageError } from "../../base/errors.ts";
import type { Rng } from "../../base/rng.ts";
import { type ChannelCredit, type Journeys, journeyCount } from "./journeys.ts";

export interface ShapleyResult extends ChannelCredit {
  /** Monte Carlo standard error of `conversions`, one a channel; 0 where the values are exact. */
  readonly se: Float64Array;
  readonly exact: boolean;
}

/** Settings of `shapley`. */
export interface ShapleyOptions {
  /**
   * What a set of channels is worth (Zhao2018):
   * `conversions` - the conversions of journeys that use no other channel; each journey is then shared alike by its distinct channels;
   * `rate` - the conversion rate of journeys that use exactly these channels, 0 where there is none. Shares are scaled to the total
   * number of conversions, and a channel that lowers the rate has a negative one. Defaults to `conversions`.
   */
  readonly worth?: "conversions" | "rate";
  /** Channels up to which all 2^k sets are added up; beyond, orders are sampled. Defaults to 16, at most 22. */
  readonly exactUpTo?: number;
  /** Sampled orders of channels, where sampling is needed; more narrows the Monte Carlo error. Defaults to 2000. */
  readonly orders?: number;
}

/** Shapley values of the channels: each one's mean marginal contribution over all orders of arrival (Shapley1953). */
export function shapley(journeys: Journeys, rng: Rng, options: ShapleyOptions = {}): ShapleyResult {
  const { worth = "conversions", exactUpTo = 16, orders = 2000 } = options;
  if (!(exactUpTo >= 1 && exactUpTo <= 22)) throw usageError(`shapley: exactUpTo must lie from 1 to 22, got ${exactUpTo}`);
  if (!(orders >= 2)) throw usageError(`shapley: at least 2 orders must be sampled, got ${orders}`);
  const sets = channelSets(journeys);
  let conversions = 0;
  let value = 0;
  for (let j = 0; j < journeyCount(journeys); j++) {
    conversions += journeys.conversions[j];
    value += journeys.value[j];
  }
  if (worth === "conversions") {
    const shares = shareAlike(sets, journeys.channels.length);
    return { ...shares, se: new Float64Array(journeys.channels.length), exact: true };
  }
  const k = journeys.channels.length;
  const rate = new Map<string, number>();
  for (const set of sets.values()) rate.set(set.channels.join(","), set.users > 0 ? set.conversions / set.users : 0);
  // Shapley values sum to the worth of all channels together: where that is 0 there is nothing to scale the conversions by.
  if (!((rate.get(Array.from({ length: k }, (_, c) => c).join(",")) ?? 0) > 0))
    throw dataError(
      `shapley: no journey that uses all ${k} channels converts, so the rates of sets of channels share nothing out; leave rare channels out, or choose worth "conversions"`,
    );
  const { phi, se } = k <= exactUpTo ? { phi: exactValues(k, rate), se: new Float64Array(k) } : sampledValues(k, rate, rng, orders);
  let total = 0;
  for (const share of phi) total += share;
  const scale = 1 / total;
  return {
    conversions: phi.map((share) => share * scale * conversions),
    value: phi.map((share) => share * scale * value),
    se: se.map((error) => Math.abs(error * scale) * conversions),
    exact: k <= exactUpTo,
  };
}

interface ChannelSet {
  readonly channels: readonly number[];
  conversions: number;
  value: number;
  users: number;
}

function channelSets(journeys: Journeys): Map<string, ChannelSet> {
  const sets = new Map<string, ChannelSet>();
  for (let j = 0; j < journeyCount(journeys); j++) {
    const distinct = [...new Set(journeys.channel.subarray(journeys.offsets[j], journeys.offsets[j + 1]))].sort((a, b) => a - b);
    if (distinct.length === 0) continue;
    const key = distinct.join(",");
    let set = sets.get(key);
    if (set === undefined) sets.set(key, (set = { channels: distinct, conversions: 0, value: 0, users: 0 }));
    set.conversions += journeys.conversions[j];
    set.value += journeys.value[j];
    set.users += journeys.conversions[j] + journeys.nulls[j];
  }
  return sets;
}

// The game is a sum of unanimity games, whose Shapley value is an equal split among their members.
function shareAlike(sets: ReadonlyMap<string, ChannelSet>, k: number): ChannelCredit {
  const conversions = new Float64Array(k);
  const value = new Float64Array(k);
  for (const set of sets.values()) {
    for (const c of set.channels) {
      conversions[c] += set.conversions / set.channels.length;
      value[c] += set.value / set.channels.length;
    }
  }
  return { conversions, value };
}

function exactValues(k: number, worth: ReadonlyMap<string, number>): Float64Array {
  const v = new Float64Array(2 ** k);
  for (const [key, w] of worth) v[key.split(",").reduce((mask, c) => mask | (1 << Number(c)), 0)] = w;
  // weight[s] = s! (k - s - 1)! / k!, for joining a set of s others
  const weight = new Float64Array(k);
  weight[0] = 1 / k;
  for (let s = 1; s < k; s++) weight[s] = (weight[s - 1] * s) / (k - s);
  const phi = new Float64Array(k);
  for (let mask = 0; mask < v.length; mask++) {
    let size = 0;
    for (let m = mask; m > 0; m &= m - 1) size++;
    for (let c = 0; c < k; c++) if ((mask & (1 << c)) === 0) phi[c] += weight[size] * (v[mask | (1 << c)] - v[mask]);
  }
  return phi;
}

function sampledValues(k: number, worth: ReadonlyMap<string, number>, rng: Rng, orders: number): { phi: Float64Array; se: Float64Array } {
  const mean = new Float64Array(k);
  const spread = new Float64Array(k);
  for (let r = 1; r <= orders; r++) {
    const order = rng.split("order", r).permutation(k);
    const members: number[] = [];
    let before = 0;
    for (const c of order) {
      const at = members.findIndex((m) => m > c);
      members.splice(at < 0 ? members.length : at, 0, c);
      const after = worth.get(members.join(",")) ?? 0;
      const gain = after - before;
      const old = mean[c];
      mean[c] += (gain - old) / r;
      spread[c] += (gain - old) * (gain - mean[c]);
      before = after;
    }
  }
  return { phi: mean, se: spread.map((sum) => Math.sqrt(sum / (orders - 1) / orders)) };
}

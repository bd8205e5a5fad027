import type { Rng } from "../../base/rng.ts";
import { type AttributionMechanism, type ChannelCredit, type Journeys, journeyCount } from "./index.ts";

/** Credit of every channel under several mechanisms: plain data, from which table, JSON and report page are made. */
export interface ChannelReport {
  readonly format: "liftwise-attribution/1";
  readonly journeys: number;
  readonly conversions: number;
  readonly value: number;
  readonly channels: readonly string[];
  /** Cost of each channel, 0 where no cost was given. */
  readonly cost: readonly number[];
  readonly touches: readonly number[];
  readonly mechanisms: readonly MechanismReport[];
  /** Total variation between mechanisms, 0 (the same shares) to 1 (nothing in common), in the order of `mechanisms`. */
  readonly disagreement: readonly (readonly number[])[];
  /** Shares of incremental conversions by channel where they are known, from an experiment or a simulator. */
  readonly truth?: { readonly conversions: readonly number[]; readonly distance: readonly number[] };
  readonly notes: readonly string[];
}

/** Credit of every channel under one mechanism. */
export interface MechanismReport {
  readonly id: string;
  readonly conversions: readonly number[];
  readonly value: readonly number[];
  /** Cost of a conversion; null where there is no cost or no conversion. */
  readonly cpa: readonly (number | null)[];
  /** Value for each unit of cost; null where there is no cost. */
  readonly roas: readonly (number | null)[];
}

/** Settings of `sideBySide`. */
export interface SideBySideOptions {
  readonly mechanisms: readonly AttributionMechanism[];
  readonly halfLife?: number;
  /** Incremental conversions by channel, where they are known. */
  readonly truth?: Readonly<Record<string, number>>;
  /** What happened to the log on the way. */
  readonly notes?: readonly string[];
  readonly rng: Rng;
}

/** Every mechanism on the same journeys. Channels that cost money and were given nothing have no CPA. */
export async function sideBySide(journeys: Journeys, { mechanisms, halfLife, truth, notes = [], rng }: SideBySideOptions): Promise<ChannelReport> {
  const k = journeys.channels.length;
  const cost = new Array<number>(k).fill(0);
  const touches = new Array<number>(k).fill(0);
  for (let j = 0; j < journeyCount(journeys); j++) {
    // A path that was counted stands for all who took it; a journey of a log for one.
    const users = Math.max(1, journeys.conversions[j] + journeys.nulls[j]);
    for (let i = journeys.offsets[j]; i < journeys.offsets[j + 1]; i++) {
      cost[journeys.channel[i]] += journeys.cost?.[i] ?? 0;
      touches[journeys.channel[i]] += users;
    }
  }
  const credits: ChannelCredit[] = [];
  for (const mechanism of mechanisms) credits.push(await mechanism.credit(journeys, { halfLife, rng }));
  const shares = credits.map(({ conversions }) => sharesOf(conversions));
  const known = truth === undefined ? undefined : journeys.channels.map((channel) => truth[channel] ?? 0);
  return {
    format: "liftwise-attribution/1",
    journeys: journeyCount(journeys),
    conversions: sum(journeys.conversions),
    value: sum(journeys.value),
    channels: journeys.channels,
    cost,
    touches,
    mechanisms: mechanisms.map(({ id }, m) => ({
      id,
      conversions: [...credits[m].conversions],
      value: [...credits[m].value],
      cpa: cost.map((spent, c) => (spent > 0 && credits[m].conversions[c] > 0 ? spent / credits[m].conversions[c] : null)),
      roas: cost.map((spent, c) => (spent > 0 ? credits[m].value[c] / spent : null)),
    })),
    disagreement: shares.map((a) => shares.map((b) => totalVariation(a, b))),
    ...(known === undefined ? {} : { truth: { conversions: known, distance: shares.map((a) => totalVariation(a, sharesOf(known))) } }),
    notes,
  };
}

/** Half the sum of absolute differences between two lists of shares. */
export function totalVariation(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, share, c) => total + Math.abs(share - b[c]), 0) / 2;
}

function sharesOf(values: ArrayLike<number>): number[] {
  const total = sum(values);
  return Array.from(values, (v) => (total === 0 ? 0 : v / total));
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}

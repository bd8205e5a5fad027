import { dataError } from "../../base/errors.ts";
import type { Rng } from "../../base/rng.ts";
import { numberColumn } from "../../data/dataset.ts";
import { logistic } from "../../learn/logistic.ts";
import { byChannel, type ChannelCredit, type Journeys, journeyCount, type TouchCredit } from "./journeys.ts";

export interface DataDrivenResult extends ChannelCredit {
  readonly credit: TouchCredit;
  /** Converted journeys none of whose touches raises the predicted conversion: they are shared alike. */
  readonly alike: number;
  /** Predicted probability of conversion of each journey. */
  readonly probability: Float64Array;
}

/**
 * Learned credit by counterfactual removal (Shao2011): a logistic regression predicts whether a journey converts, from the log of 1 + touches of
 * every channel and from the channel of its last touch; a touch is credited with the drop of the predicted probability when it is taken out
 * of the path, in proportion within the journey. Touches without which the prediction would be higher get nothing.
 *
 * @throws LiftwiseError (data) when all journeys converted, or none did: then nothing tells channels apart
 */
export async function dataDriven(journeys: Journeys, rng: Rng): Promise<DataDrivenResult> {
  const k = journeys.channels.length;
  const profiles = profilesOf(journeys);
  const { rows, y, weight } = pooled(journeys, profiles);
  const converted = y.reduce((sum, v, i) => sum + v * weight[i], 0);
  const all = weight.reduce((sum, w) => sum + w, 0);
  if (!(converted > 0 && converted < all))
    throw dataError(
      `data-driven: ${converted === 0 ? "no journey converts" : "every journey converts"}, so nothing tells what a touch changes; bring journeys of both kinds, or choose another mechanism`,
    );
  const signal = new AbortController().signal;
  const model = await logistic.fit(
    { lambda: "auto", maxLevels: 2 } as never,
    features(
      k,
      rows.map((row) => profiles.list[row]),
    ),
    y,
    weight,
    { rng, threads: 1, signal },
  );

  // Every path that is asked about, met or counterfactual, is predicted once.
  const asked = new Map(profiles.keys);
  const list = [...profiles.list];
  const indexOf = (touches: Int32Array): number => {
    const key = keyOf(touches, k);
    const found = asked.get(key.text);
    if (found !== undefined) return found;
    list.push(key.profile);
    asked.set(key.text, list.length - 1);
    return list.length - 1;
  };
  const without = new Int32Array(journeys.channel.length);
  eachConverted(journeys, (_, from, to) => {
    const touches = journeys.channel.subarray(from, to);
    for (let i = from; i < to; i++) without[i] = indexOf(touches.filter((_channel, at) => at !== i - from));
  });
  const predicted = await model.predict(features(k, list));

  const credit = new Float64Array(journeys.channel.length);
  let alike = 0;
  eachConverted(journeys, (j, from, to) => {
    let total = 0;
    for (let i = from; i < to; i++) {
      credit[i] = Math.max(0, predicted[profiles.of[j]] - predicted[without[i]]);
      total += credit[i];
    }
    if (total === 0) alike += journeys.conversions[j];
    for (let i = from; i < to; i++) credit[i] = total > 0 ? credit[i] / total : 1 / (to - from);
  });
  return { ...byChannel(journeys, credit), credit, alike, probability: Float64Array.from(profiles.of, (p) => predicted[p]) };
}

/** Touches of every channel, and the last channel (-1 for an empty path). */
interface Profile {
  readonly counts: Uint16Array;
  readonly last: number;
}

interface Profiles {
  readonly list: readonly Profile[];
  readonly keys: ReadonlyMap<string, number>;
  /** Profile of each journey. */
  readonly of: Int32Array;
}

// What the model sees of a path is the same for many paths: it is fitted and asked by profile.
function profilesOf(journeys: Journeys): Profiles {
  const keys = new Map<string, number>();
  const list: Profile[] = [];
  const of = Int32Array.from({ length: journeyCount(journeys) }, (_, j) => {
    const key = keyOf(journeys.channel.subarray(journeys.offsets[j], journeys.offsets[j + 1]), journeys.channels.length);
    const found = keys.get(key.text);
    if (found !== undefined) return found;
    keys.set(key.text, list.length);
    list.push(key.profile);
    return list.length - 1;
  });
  return { list, keys, of };
}

function keyOf(touches: Int32Array, channels: number): { readonly text: string; readonly profile: Profile } {
  const counts = new Uint16Array(channels);
  for (const channel of touches) counts[channel]++;
  const last = touches.length === 0 ? -1 : touches[touches.length - 1];
  return { text: `${counts.join()}|${last}`, profile: { counts, last } };
}

/** One row a profile and outcome, weighted by the users behind it. */
function pooled(journeys: Journeys, { list, of }: Profiles): { readonly rows: readonly number[]; readonly y: Float64Array; readonly weight: Float64Array } {
  const yes = new Float64Array(list.length);
  const no = new Float64Array(list.length);
  for (let j = 0; j < of.length; j++) {
    yes[of[j]] += journeys.conversions[j];
    no[of[j]] += journeys.nulls[j];
  }
  const rows: number[] = [];
  const y: number[] = [];
  const weight: number[] = [];
  for (let p = 0; p < list.length; p++) {
    for (const [outcome, users] of [
      [1, yes[p]],
      [0, no[p]],
    ]) {
      if (users === 0) continue;
      rows.push(p);
      y.push(outcome);
      weight.push(users);
    }
  }
  return { rows, y: Float64Array.from(y), weight: Float64Array.from(weight) };
}

function features(channels: number, profiles: readonly Profile[]): { readonly rows: number; readonly columns: ReturnType<typeof numberColumn>[] } {
  const columns = Array.from({ length: channels }, (_, c) => [
    numberColumn(
      `touches ${c}`,
      Float64Array.from(profiles, ({ counts }) => Math.log1p(counts[c])),
    ),
    numberColumn(
      `last ${c}`,
      Float64Array.from(profiles, ({ last }) => Number(last === c)),
    ),
  ]);
  return { rows: profiles.length, columns: columns.flat() };
}

function eachConverted(journeys: Journeys, use: (journey: number, from: number, to: number) => void): void {
  for (let j = 0; j < journeyCount(journeys); j++) {
    const [from, to] = [journeys.offsets[j], journeys.offsets[j + 1]];
    if (journeys.conversions[j] > 0 && to > from) use(j, from, to);
  }
}

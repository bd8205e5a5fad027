import { dataError } from "../../base/errors.ts";

/**
 * Journeys laid end to end: journey j holds the touches `offsets[j] .. offsets[j + 1] - 1`, oldest first.
 * A journey may stand for many users who took the same path; `conversions` and `nulls` then count them.
 */
export interface Journeys {
  readonly channels: readonly string[];
  /** Journeys + 1 positions. */
  readonly offsets: Int32Array;
  /** Index into `channels`, one a touch. */
  readonly channel: Int32Array;
  /** Conversions that followed each journey, >= 0. */
  readonly conversions: Float64Array;
  /** Value of those conversions in all, in money. */
  readonly value: Float64Array;
  /** Users on the same path who did not convert, >= 0. */
  readonly nulls: Float64Array;
  /** Milliseconds since 1970, one a touch; absent where only the order is known. */
  readonly time?: Float64Array;
  /** Time of the conversion, one a journey; NaN where there was none. */
  readonly conversionTime?: Float64Array;
  /** 1 for a click, 0 for an impression, one a touch; absent where all are clicks. */
  readonly click?: Uint8Array;
  /** Cost of each touch in money, for all the users of the journey. */
  readonly cost?: Float64Array;
}

/**
 * Share of a conversion that each touch is given, one number a touch; the touches of a journey that converted sum to 1,
 * those of a journey that did not are 0.
 */
export type TouchCredit = Float64Array;

/** What a mechanism answers for every channel, in the order of `journeys.channels`. */
export interface ChannelCredit {
  readonly conversions: Float64Array;
  readonly value: Float64Array;
}

/** Number of journeys. */
export function journeyCount(journeys: Journeys): number {
  return journeys.conversions.length;
}

/**
 * Journeys from paths written out: `["a > b", "b"]`.
 * @param separator text between two channels; spaces around a channel are dropped
 * @throws LiftwiseError (data) for an empty path or a negative count, naming its row
 */
export function fromPaths(
  paths: readonly string[],
  counts: { readonly conversions: ArrayLike<number>; readonly value?: ArrayLike<number>; readonly nulls?: ArrayLike<number> },
  separator = ">",
): Journeys {
  const index = new Map<string, number>();
  const offsets = new Int32Array(paths.length + 1);
  const touches: number[] = [];
  for (let j = 0; j < paths.length; j++) {
    for (const part of paths[j].split(separator)) {
      const name = part.trim();
      if (name === "") throw dataError(`journeys: row ${j + 1} has an empty channel in ${JSON.stringify(paths[j])}; name every touch or remove the row`);
      const code = index.get(name) ?? index.size;
      index.set(name, code);
      touches.push(code);
    }
    offsets[j + 1] = touches.length;
  }
  // Channels in alphabetical order, whatever the order of the rows.
  const channels = [...index.keys()].sort();
  const code = new Int32Array(channels.length);
  for (let c = 0; c < channels.length; c++) code[index.get(channels[c]) ?? 0] = c;
  return {
    channels,
    offsets,
    channel: Int32Array.from(touches, (touch) => code[touch]),
    conversions: countsOf("conversions", counts.conversions),
    value: countsOf("value", counts.value ?? new Float64Array(paths.length)),
    nulls: countsOf("nulls", counts.nulls ?? new Float64Array(paths.length)),
  };
}

function countsOf(what: string, counts: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(counts);
  const bad = values.findIndex((count) => !(count >= 0 && count < Number.POSITIVE_INFINITY));
  if (bad >= 0) throw dataError(`journeys: ${what} of row ${bad + 1} must be a number of at least 0, got ${values[bad]}; correct or remove the row`);
  return values;
}

/** Adds up credit by channel: each touch counts its share of the journey's conversions and value. */
export function byChannel(journeys: Journeys, credit: TouchCredit): ChannelCredit {
  const conversions = new Float64Array(journeys.channels.length);
  const value = new Float64Array(journeys.channels.length);
  for (let j = 0; j < journeyCount(journeys); j++) {
    for (let i = journeys.offsets[j]; i < journeys.offsets[j + 1]; i++) {
      conversions[journeys.channel[i]] += credit[i] * journeys.conversions[j];
      value[journeys.channel[i]] += credit[i] * journeys.value[j];
    }
  }
  return { conversions, value };
}

/**
 * The credit of journeys cut to a look-back window (touches at most `days` before the conversion) and, where asked, to clicks.
 * A journey that converted but keeps no touch has nobody to credit: its conversions are counted in `lost`, not given to anyone.
 * @param days window in days, > 0; Infinity keeps all. Needs touch and conversion times.
 */
export function withinWindow(journeys: Journeys, days: number, clicksOnly = false): { readonly journeys: Journeys; readonly lost: number } {
  if (!(days > 0)) throw dataError(`journeys: the look-back window must be longer than 0 days, got ${days}`);
  const { time, conversionTime, click } = journeys;
  if (days < Number.POSITIVE_INFINITY && (time === undefined || conversionTime === undefined))
    throw dataError("journeys: a look-back window needs the time of every touch and conversion; give a time column or leave the window out");
  const kept: number[] = [];
  const offsets = new Int32Array(journeys.offsets.length);
  const conversions = journeys.conversions.slice();
  const value = journeys.value.slice();
  let lost = 0;
  for (let j = 0; j < conversions.length; j++) {
    // A journey without conversion is measured from its last touch.
    const end = conversionTime !== undefined && !Number.isNaN(conversionTime[j]) ? conversionTime[j] : (time?.[journeys.offsets[j + 1] - 1] ?? 0);
    for (let i = journeys.offsets[j]; i < journeys.offsets[j + 1]; i++) {
      const inside = time === undefined || (time[i] <= end && end - time[i] <= days * 86_400_000);
      if (inside && (!clicksOnly || click === undefined || click[i] === 1)) kept.push(i);
    }
    offsets[j + 1] = kept.length;
    if (offsets[j + 1] === offsets[j] && conversions[j] > 0) {
      lost += conversions[j];
      conversions[j] = 0;
      value[j] = 0;
    }
  }
  return {
    journeys: {
      ...journeys,
      offsets,
      conversions,
      value,
      channel: Int32Array.from(kept, (i) => journeys.channel[i]),
      time: time && Float64Array.from(kept, (i) => time[i]),
      click: click && Uint8Array.from(kept, (i) => click[i]),
      cost: journeys.cost && Float64Array.from(kept, (i) => journeys.cost?.[i] ?? 0),
    },
    lost,
  };
}

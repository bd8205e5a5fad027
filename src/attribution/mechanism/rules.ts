import { dataError, usageError } from "../../base/errors.ts";
import { type Journeys, journeyCount, type TouchCredit } from "./journeys.ts";

/** Weights of one journey's touches, any numbers >= 0 that are not all 0; `ages` are days before the conversion, where times are known. */
export type Rule = (touches: {
  readonly channels: readonly string[];
  readonly ages?: readonly number[];
  readonly clicks?: readonly boolean[];
}) => readonly number[];

/** All to the first touch. */
export function first(journeys: Journeys): TouchCredit {
  return spread(journeys, (credit, from) => {
    credit[from] = 1;
  });
}

/** All to the last touch. */
export function last(journeys: Journeys): TouchCredit {
  return spread(journeys, (credit, _from, to) => {
    credit[to - 1] = 1;
  });
}

/** The same to every touch. */
export function linear(journeys: Journeys): TouchCredit {
  return spread(journeys, (credit, from, to) => {
    credit.fill(1 / (to - from), from, to);
  });
}

/**
 * Weight 2^(-age / halfLife), age in days before the conversion; where times are not known, in touches before the last.
 * @param halfLife > 0, in days (or touches). Defaults to 7.
 */
export function timeDecay(journeys: Journeys, halfLife = 7): TouchCredit {
  if (!(halfLife > 0)) throw usageError(`time-decay: the half-life must be greater than 0, got ${halfLife}`);
  return spread(journeys, (credit, from, to, j) => {
    const end = journeys.conversionTime?.[j];
    // Ages are counted from the youngest touch, so that a long pause before the conversion cannot underflow every weight.
    const youngest = journeys.time !== undefined && end !== undefined ? (end - journeys.time[to - 1]) / 86_400_000 : 0;
    for (let i = from; i < to; i++) {
      const age = journeys.time !== undefined && end !== undefined ? (end - journeys.time[i]) / 86_400_000 : to - 1 - i;
      credit[i] = 2 ** (-(age - youngest) / halfLife);
    }
    normalise(credit, from, to);
  });
}

/**
 * `ends[0]` to the first touch, `ends[1]` to the last, the rest shared by those between; two touches share in the ratio of the ends.
 * @param ends shares in [0, 1] that sum to at most 1. Defaults to 40 % and 40 %.
 */
export function positionBased(journeys: Journeys, ends: readonly [number, number] = [0.4, 0.4]): TouchCredit {
  const [head, tail] = ends;
  if (!(head >= 0 && tail >= 0 && head + tail > 0 && head + tail <= 1))
    throw usageError(`position-based: the shares of the first and last touch are at least 0 and sum to at most 1, got ${head} and ${tail}`);
  return spread(journeys, (credit, from, to) => {
    const between = to - from - 2;
    if (between < 0) credit[from] = 1;
    else {
      credit.fill(between > 0 ? (1 - head - tail) / between : 0, from + 1, to - 1);
      credit[from] = head;
      credit[to - 1] = tail;
      normalise(credit, from, to);
    }
  });
}

/** A rule of the user's own; its weights are normalised to sum to 1 in each journey. */
export function byRule(journeys: Journeys, rule: Rule): TouchCredit {
  return spread(journeys, (credit, from, to, j) => {
    const range = Array.from({ length: to - from }, (_, i) => from + i);
    const end = journeys.conversionTime?.[j];
    const weights = rule({
      channels: range.map((i) => journeys.channels[journeys.channel[i]]),
      ages: journeys.time && end !== undefined ? range.map((i) => (end - (journeys.time?.[i] ?? Number.NaN)) / 86_400_000) : undefined,
      clicks: journeys.click && range.map((i) => journeys.click?.[i] === 1),
    });
    const good = weights.length === to - from && weights.every((w) => w >= 0 && w < Number.POSITIVE_INFINITY) && weights.some((w) => w > 0);
    if (!good) throw dataError(`rule: journey ${j + 1} has ${to - from} touches and needs as many weights >= 0, not all 0; got [${weights.join(", ")}]`);
    credit.set(weights, from);
    normalise(credit, from, to);
  });
}

/** Each converted journey's touches weighted by their channel; weights of 0 everywhere share alike. */
export function byChannelWeight(journeys: Journeys, weight: Float64Array): TouchCredit {
  return spread(journeys, (credit, from, to) => {
    for (let i = from; i < to; i++) credit[i] = weight[journeys.channel[i]];
    normalise(credit, from, to);
  });
}

function spread(journeys: Journeys, fill: (credit: Float64Array, from: number, to: number, journey: number) => void): TouchCredit {
  const credit = new Float64Array(journeys.channel.length);
  for (let j = 0; j < journeyCount(journeys); j++) {
    const [from, to] = [journeys.offsets[j], journeys.offsets[j + 1]];
    if (journeys.conversions[j] > 0 && to > from) fill(credit, from, to, j);
  }
  return credit;
}

function normalise(credit: Float64Array, from: number, to: number): void {
  let total = 0;
  for (let i = from; i < to; i++) total += credit[i];
  for (let i = from; i < to; i++) credit[i] = total > 0 ? credit[i] / total : 1 / (to - from);
}

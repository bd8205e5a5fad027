import { suggest, usageError } from "../../base/errors.ts";
import type { Rng } from "../../base/rng.ts";
import { dataDriven } from "./dataDriven.ts";
import { byChannel, type ChannelCredit, type Journeys } from "./journeys.ts";
import { markov } from "./markov.ts";
import { first, last, linear, positionBased, timeDecay } from "./rules.ts";
import { shapley } from "./shapley.ts";

export { dataDriven, type DataDrivenResult } from "./dataDriven.ts";
export { byChannel, type ChannelCredit, fromPaths, type Journeys, journeyCount, type TouchCredit, withinWindow } from "./journeys.ts";
export { markov, type MarkovResult } from "./markov.ts";
export { byChannelWeight, byRule, first, last, linear, positionBased, type Rule, timeDecay } from "./rules.ts";
export { shapley, type ShapleyOptions, type ShapleyResult } from "./shapley.ts";

/** Settings of attribution mechanisms. */
export interface MechanismOptions {
  /** Days (or touches, where times are not known) in which the weight of a touch halves. Defaults to 7. */
  readonly halfLife?: number;
  readonly rng: Rng;
}

/** A way to share conversions out among channels. */
export interface AttributionMechanism {
  readonly id: string;
  readonly summary: string;
  credit(journeys: Journeys, options: MechanismOptions): ChannelCredit | Promise<ChannelCredit>;
}

/** Every mechanism, rules first. */
export const attributionMechanisms: readonly AttributionMechanism[] = [
  { id: "first", summary: "all to the first touch", credit: (journeys) => byChannel(journeys, first(journeys)) },
  { id: "last", summary: "all to the last touch", credit: (journeys) => byChannel(journeys, last(journeys)) },
  { id: "linear", summary: "the same to every touch", credit: (journeys) => byChannel(journeys, linear(journeys)) },
  {
    id: "time-decay",
    summary: "the more, the nearer to the conversion",
    credit: (journeys, { halfLife }) => byChannel(journeys, timeDecay(journeys, halfLife)),
  },
  {
    id: "position-based",
    summary: "40 % to the first, 40 % to the last, the rest between",
    credit: (journeys) => byChannel(journeys, positionBased(journeys)),
  },
  { id: "markov", summary: "removal effect in a Markov chain of order 1", credit: (journeys) => markov(journeys, 1) },
  { id: "markov-2", summary: "removal effect in a Markov chain of order 2", credit: (journeys) => markov(journeys, 2) },
  { id: "markov-3", summary: "removal effect in a Markov chain of order 3", credit: (journeys) => markov(journeys, 3) },
  { id: "shapley", summary: "Shapley value of the channels of each journey", credit: (journeys, { rng }) => shapley(journeys, rng.split("shapley")) },
  {
    id: "shapley-rate",
    summary: "Shapley value of conversion rates by set of channels; a channel may lower the rate",
    credit: (journeys, { rng }) => shapley(journeys, rng.split("shapley-rate"), { worth: "rate" }),
  },
  {
    id: "data-driven",
    summary: "drop of the predicted conversion when the touch is taken out",
    credit: (journeys, { rng }) => dataDriven(journeys, rng.split("data-driven")),
  },
];

/**
 * The attribution mechanism with this id.
 * @throws LiftwiseError (usage) with the nearest id
 */
export function mechanismById(id: string): AttributionMechanism {
  const ids = attributionMechanisms.map((mechanism) => mechanism.id);
  const found = attributionMechanisms.find((mechanism) => mechanism.id === id);
  if (found === undefined) throw usageError(`there is no attribution mechanism "${id}"; ${suggest(id, ids)}`);
  return found;
}

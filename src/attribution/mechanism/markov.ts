import { dataError, usageError } from "../../base/errors.ts";
import { type ChannelCredit, type Journeys, journeyCount } from "./journeys.ts";

export interface MarkovResult extends ChannelCredit {
  /** Share of conversions that would be lost without the channel, 0 to 1, one a channel. */
  readonly removalEffect: Float64Array;
  /** Probability that a journey of the chain converts; equals the observed rate. */
  readonly conversionRate: number;
}

interface Chain {
  /** Transitions in compressed rows: from state s to `to[k]` with `probability[k]`, k in `offsets[s] .. offsets[s + 1] - 1`. */
  readonly offsets: Int32Array;
  readonly to: Int32Array;
  readonly probability: Float64Array;
  /** Probability of converting right after the state. */
  readonly convert: Float64Array;
  /** Channel of the state's newest touch; the start has -1. */
  readonly channel: Int32Array;
}

/**
 * Removal effect of every channel in a Markov chain over the last `order` touches (Anderl2016, sec. 3): a journey that reaches the
 * removed channel is lost. Conversions and value are shared out in proportion to the removal effects.
 *
 * Absorption probabilities are the solution of a linear system, not a simulation, so there is no Monte Carlo error.
 * @param order 1 to 3
 */
export function markov(journeys: Journeys, order = 1): MarkovResult {
  if (!(order === 1 || order === 2 || order === 3)) throw usageError(`markov: the order must be 1, 2 or 3, got ${order}`);
  const chain = buildChain(journeys, order);
  const channels = journeys.channels.length;
  const start = absorption(chain, -1);
  if (!(start > 0)) throw dataError("markov: no journey converts, so there is nothing to attribute");
  const removalEffect = new Float64Array(channels);
  let total = 0;
  for (let c = 0; c < channels; c++) {
    removalEffect[c] = 1 - absorption(chain, c) / start;
    total += removalEffect[c];
  }
  let conversions = 0;
  let value = 0;
  for (let j = 0; j < journeyCount(journeys); j++) {
    conversions += journeys.conversions[j];
    value += journeys.value[j];
  }
  return {
    removalEffect,
    conversionRate: start,
    conversions: removalEffect.map((effect) => (conversions * effect) / total),
    value: removalEffect.map((effect) => (value * effect) / total),
  };
}

// A state is the last `order` touches; journeys shorter than that keep the touches they have.
function buildChain(journeys: Journeys, order: number): Chain {
  const base = journeys.channels.length + 1;
  const states = new Map<number, number>([[0, 0]]);
  const channel: number[] = [-1];
  const moves: Map<number, number>[] = [new Map()];
  const leave: number[] = [0];
  const convert: number[] = [0];
  const width = base ** order;
  for (let j = 0; j < journeyCount(journeys); j++) {
    const users = journeys.conversions[j] + journeys.nulls[j];
    if (users === 0 || journeys.offsets[j] === journeys.offsets[j + 1]) continue;
    let key = 0;
    let state = 0;
    for (let i = journeys.offsets[j]; i < journeys.offsets[j + 1]; i++) {
      key = (key * base + journeys.channel[i] + 1) % width;
      let next = states.get(key);
      if (next === undefined) {
        next = states.size;
        states.set(key, next);
        channel.push(journeys.channel[i]);
        moves.push(new Map());
        leave.push(0);
        convert.push(0);
      }
      moves[state].set(next, (moves[state].get(next) ?? 0) + users);
      leave[state] += users;
      state = next;
    }
    leave[state] += users;
    convert[state] += journeys.conversions[j];
  }
  const offsets = new Int32Array(states.size + 1);
  for (let s = 0; s < states.size; s++) offsets[s + 1] = offsets[s] + moves[s].size;
  const to = new Int32Array(offsets[states.size]);
  const probability = new Float64Array(to.length);
  for (let s = 0; s < states.size; s++) {
    let k = offsets[s];
    for (const [next, users] of moves[s]) {
      to[k] = next;
      probability[k++] = users / leave[s];
    }
  }
  return {
    offsets,
    to,
    probability,
    convert: Float64Array.from(convert, (users, s) => (leave[s] > 0 ? users / leave[s] : 0)),
    channel: Int32Array.from(channel),
  };
}

/**
 * Probability of converting from the start when every visit of `removed` ends the journey (-1 removes nothing): Gauss-Seidel on
 * p = convert + P p. Every journey ends, so the chain absorbs and the sweeps converge geometrically.
 */
function absorption(chain: Chain, removed: number): number {
  const { offsets, to, probability, convert, channel } = chain;
  const p = new Float64Array(channel.length);
  for (let sweep = 0; sweep < 100_000; sweep++) {
    let change = 0;
    for (let s = p.length - 1; s >= 0; s--) {
      if (channel[s] === removed && s > 0) continue;
      let sum = convert[s];
      let stay = 0;
      for (let k = offsets[s]; k < offsets[s + 1]; k++) {
        if (to[k] === s) stay += probability[k];
        else sum += probability[k] * p[to[k]];
      }
      // stay = 1 would be a state no journey ever leaves, which counting cannot produce.
      const next = sum / (1 - stay);
      change = Math.max(change, Math.abs(next - p[s]));
      p[s] = next;
    }
    if (change < 1e-16) return p[0];
  }
  throw new Error("markov: the absorption probabilities did not settle");
}

import type { Descending } from "../base/stats/sort.ts";
import { pairOf } from "./arm.ts";
import type { Scored } from "./scored.ts";

/** Control and one treated arm in descending order of score: what every ranking metric walks over. Arrays are by rank. */
export interface Ranking {
  readonly control: string;
  readonly arm: string;
  /** Row of the dataset. */
  readonly row: Uint32Array;
  /** Group g of tied scores holds the ranks `ends[g - 1] .. ends[g] - 1`. */
  readonly ends: Uint32Array;
  /** Outcome; rows without one are left out. */
  readonly y: Float64Array;
  /** 1 in the arm, 0 in control. */
  readonly t: Uint8Array;
  /** How much of the population the row stands for: its weight, over P(arm or control) where there are other arms. Undefined: one each. */
  readonly weight: Float64Array | undefined;
  /** `weight` over the known probability of the row's own arm. Undefined: the share treated is used, which is constant within an arm. */
  readonly inverse: Float64Array | undefined;
  /** Known P(arm | arm or control). */
  readonly propensity: Float64Array | undefined;
  /** Whether control or the arm has no row. */
  readonly empty: boolean;
  /** Whether all scores are equal. */
  readonly constant: boolean;
  /** Rows left out, an empty arm. */
  readonly notes: readonly string[];
}

/** The ranking of control and the arm asked for, from the one sort of `scores`. */
export function ranking(scores: Scored): Ranking {
  const { data } = scores;
  const pair = pairOf(data, scores.arm);
  const { arm } = data.treatment();
  const outcome = data.outcome();
  const weights = data.weight();
  const { row, ends, missing, wanted } = keepRows(scores.order, pair.alone ? undefined : (i) => arm[i] === 0 || arm[i] === pair.index, outcome);
  const n = row.length;
  const { y, t, treated } = inOrder(row, outcome, arm);
  const { share, propensity } = pair;
  const weight = weights === undefined && share === undefined ? undefined : byRank(row, (i) => (weights?.[i] ?? 1) / (share?.[i] ?? 1));
  const e = propensity === undefined ? undefined : byRank(row, (i) => propensity[i]);
  const inverse = e === undefined ? weight : e.map((p, k) => (weight?.[k] ?? 1) / (t[k] === 1 ? p : 1 - p));
  const empty = treated === 0 || treated === n;
  const notes = leftOut(missing, wanted);
  if (empty) notes.push(`${treated === 0 ? `arm "${pair.arm}"` : `control "${pair.control}"`} has no row with an outcome, so there is nothing to compare`);
  return { control: pair.control, arm: pair.arm, row, ends, y, t, weight, inverse, propensity: e, empty, constant: ends.length === 1 && n > 1, notes };
}

export function leftOut(missing: number, of: number): string[] {
  return missing === 0 ? [] : [`${missing} of ${of} rows have no outcome and are left out`];
}

/** The notes of a metric that reads the order only. */
export function orderNotes(r: Ranking): readonly string[] {
  return r.constant ? [...r.notes, "all scores are equal: the value is that of random targeting"] : r.notes;
}

/** Row k repeated as often as it counts, for definitions that take rows one by one. */
export function repeated(r: Ranking, counts: Uint8Array): Ranking {
  let n = 0;
  for (let k = 0; k < r.row.length; k++) n += counts[r.row[k]];
  const from = new Uint32Array(n);
  const ends = new Uint32Array(r.ends.length);
  let groups = 0;
  n = 0;
  for (let g = 0, k = 0; g < r.ends.length; g++) {
    const before = n;
    for (; k < r.ends[g]; k++) for (let m = counts[r.row[k]]; m > 0; m--) from[n++] = k;
    if (n > before) ends[groups++] = n;
  }
  const pick = (values: Float64Array | undefined): Float64Array | undefined => (values === undefined ? undefined : byRank(from, (k) => values[k]));
  return {
    ...r,
    row: from.map((k) => r.row[k]),
    ends: ends.slice(0, groups),
    y: byRank(from, (k) => r.y[k]),
    t: Uint8Array.from(from, (k) => r.t[k]),
    weight: pick(r.weight),
    inverse: pick(r.inverse),
    propensity: pick(r.propensity),
  };
}

/**
 * The ranks whose rows belong (all, if there is no rule) and have an outcome, still in order. Rows are shared, not copied, when none is left out.
 */
export function keepRows(
  order: Descending,
  belongs: ((row: number) => boolean) | undefined,
  outcome: Float64Array,
): { readonly row: Uint32Array; readonly ends: Uint32Array; readonly missing: number; readonly wanted: number } {
  let missing = 0;
  let dropped = 0;
  for (let i = 0; i < outcome.length; i++) {
    if (belongs !== undefined && !belongs(i)) dropped++;
    else if (Number.isNaN(outcome[i])) missing++;
  }
  const wanted = outcome.length - dropped;
  if (missing + dropped === 0) return { row: order.order, ends: order.ends, missing, wanted };
  const row = new Uint32Array(wanted - missing);
  const ends = new Uint32Array(order.ends.length);
  let n = 0;
  let groups = 0;
  let rank = 0;
  for (const end of order.ends) {
    const before = n;
    for (; rank < end; rank++) {
      const i = order.order[rank];
      if ((belongs === undefined || belongs(i)) && !Number.isNaN(outcome[i])) row[n++] = i;
    }
    if (n > before) ends[groups++] = n;
  }
  return { row, ends: ends.slice(0, groups), missing, wanted };
}

/**
 * Outcome and arm (1 for any but the first) by rank. Rows are read in random order here, and one byte a row stays in the processor's cache where
 * twelve do not: outcomes that are small whole numbers travel in the same byte as the arm, others alone.
 */
function inOrder(row: Uint32Array, outcome: Float64Array, arm: Int32Array): { readonly y: Float64Array; readonly t: Uint8Array; readonly treated: number } {
  const n = row.length;
  const y = new Float64Array(n);
  const t = new Uint8Array(n);
  const small = allSmall(outcome);
  const bytes = new Uint8Array(outcome.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (small ? (outcome[i] & 127) << 1 : 0) | (arm[i] === 0 ? 0 : 1);
  let treated = 0;
  for (let k = 0; k < n; k++) {
    const byte = bytes[row[k]];
    y[k] = small ? byte >> 1 : outcome[row[k]];
    t[k] = byte & 1;
    treated += t[k];
  }
  return { y, t, treated };
}

function allSmall(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) if ((values[i] & 127) !== values[i] && !Number.isNaN(values[i])) return false;
  return true;
}

function byRank(row: Uint32Array, value: (row: number) => number): Float64Array {
  const list = new Float64Array(row.length);
  for (let k = 0; k < list.length; k++) list[k] = value(row[k]);
  return list;
}

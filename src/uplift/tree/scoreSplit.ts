import { argsortDescending } from "../../base/stats/sort.ts";

/**
 * Sums over the rows of a node that share a code, for the codes that occur, ascending (0, the missing, first): what is searched for a split.
 * Columns are padded; `count` says how many entries hold.
 */
export interface CodeSums {
  count: number;
  readonly code: Int32Array;
  readonly rows: Float64Array;
  /** Weight of the rows; where all weigh the same it is `rows` itself. */
  readonly weight: Float64Array;
  /** How much treatment varies among the rows: squared distances from the node's mean. */
  readonly variation: Float64Array;
  /** Sums of the pseudo-outcomes, one list a treated arm. */
  readonly score: readonly Float64Array[];
}

export function codeSums(length: number, scores: number, weighted: boolean): CodeSums {
  const rows = new Float64Array(length);
  return {
    count: 0,
    code: new Int32Array(length),
    rows,
    weight: weighted ? new Float64Array(length) : rows,
    variation: new Float64Array(length),
    score: Array.from({ length: scores }, () => new Float64Array(length)),
  };
}

/** Bounds on both sides of a split, in the units of the sums. */
export interface SideLimits {
  readonly rows: number;
  readonly variation: number;
}

export interface ScoreSplit {
  readonly gain: number;
  readonly cut: number;
  /** Undefined where the node has no missing rows to go by. */
  readonly missingLeft: boolean | undefined;
  readonly codes?: { readonly left: readonly number[]; readonly right: readonly number[] };
  readonly leftRows: number;
}

interface Totals {
  readonly rows: number;
  readonly weight: number;
  readonly variation: number;
  readonly score: readonly number[];
}

function totals(sums: CodeSums): Totals {
  const add = (list: Float64Array): number => {
    let total = 0;
    for (let k = 0; k < sums.count; k++) total += list[k];
    return total;
  };
  return { rows: add(sums.rows), weight: add(sums.weight), variation: add(sums.variation), score: sums.score.map(add) };
}

/**
 * The cut that makes the sides' mean pseudo-outcomes differ most: sum over arms of S_left^2 / n_left + S_right^2 / n_right, less the same of
 * the node (Athey2019, eq. 9). The first of equal cuts is kept. Missing rows go with either side, or stand against the rest.
 *
 * @param last the highest code of the column
 * @returns undefined where no cut gains more than `most` within the limits
 */
export function bestCut(sums: CodeSums, last: number, limits: SideLimits, most: number): ScoreSplit | undefined {
  const { count, code, rows, weight, variation, score } = sums;
  const all = totals(sums);
  const missing = count > 0 && code[0] === 0 ? 1 : 0;
  const left = new Float64Array(score.length);
  let least = most + nodeGain(all);
  let best: { place: number; pass: number; value: number; rows: number } | undefined;
  for (let pass = 0; pass <= missing; pass++) {
    let [n, w, v] = pass === 1 ? [rows[0], weight[0], variation[0]] : [0, 0, 0];
    for (let a = 0; a < left.length; a++) left[a] = pass === 1 ? score[a][0] : 0;
    // Without the missing rows on the left, the last cut sets them against the rest.
    const end = pass === 0 && missing === 1 ? count : count - 1;
    for (let k = missing; k < end; k++) {
      n += rows[k];
      w += weight[k];
      v += variation[k];
      let gain = 0;
      for (let a = 0; a < left.length; a++) {
        left[a] += score[a][k];
        const right = all.score[a] - left[a];
        gain += (left[a] * left[a]) / w + (right * right) / (all.weight - w);
      }
      if (!(gain > least) || n < limits.rows || all.rows - n < limits.rows || v < limits.variation || all.variation - v < limits.variation) continue;
      least = gain;
      best = { place: k, pass, value: gain, rows: n };
    }
  }
  if (best === undefined) return undefined;
  const cut = missing === 1 && best.pass === 0 && best.place === count - 1 ? last : code[best.place];
  return { gain: best.value - nodeGain(all), cut, missingLeft: missing === 1 ? best.pass === 1 : undefined, leftRows: best.rows };
}

function nodeGain({ score, weight }: Totals): number {
  return score.reduce((sum, s) => sum + (s * s) / weight, 0);
}

/** Codes in the order of each arm's mean pseudo-outcome in turn, then the best cut of that order; missing is a code like the others. */
export function bestSubset(sums: CodeSums, limits: SideLimits, most: number): ScoreSplit | undefined {
  let best: ScoreSplit | undefined;
  for (const values of sums.score) {
    const key = new Float64Array(sums.count);
    for (let k = 0; k < sums.count; k++) key[k] = -values[k] / sums.weight[k];
    const order = argsortDescending(key);
    const sorted = codeSums(sums.count, sums.score.length, sums.weight !== sums.rows);
    sorted.count = sums.count;
    order.forEach((k, place) => {
      // Places in the order, from 1: none of them is "missing".
      sorted.code[place] = place + 1;
      sorted.rows[place] = sums.rows[k];
      sorted.weight[place] = sums.weight[k];
      sorted.variation[place] = sums.variation[k];
      sums.score.forEach((list, a) => {
        sorted.score[a][place] = list[k];
      });
    });
    const found = bestCut(sorted, sums.count, limits, best?.gain ?? most);
    if (found === undefined) continue;
    const codes = Array.from(order, (k) => sums.code[k]);
    best = { ...found, cut: 0, codes: { left: codes.slice(0, found.cut), right: codes.slice(found.cut) } };
  }
  return best;
}

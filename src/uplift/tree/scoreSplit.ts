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
  /** Room for the sums of a left side. */
  readonly left: Float64Array;
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
    left: new Float64Array(scores),
  };
}

/** Bounds on both sides of a split, in the units of the sums. */
export interface SideLimits {
  readonly rows: number;
  readonly variation: number;
}

export interface ScoreSplit {
  /** Sum over arms and sides of S^2 / n; the gain is what it exceeds the node's by. */
  readonly worth: number;
  readonly cut: number;
  /** Undefined where the node has no missing rows to go by. */
  readonly missingLeft: boolean | undefined;
  readonly codes?: { readonly left: readonly number[]; readonly right: readonly number[] };
  readonly leftRows: number;
}

/** The same sums over all codes: they do not depend on the column. */
export interface NodeTotals {
  readonly rows: number;
  readonly weight: number;
  readonly variation: number;
  readonly score: Float64Array;
  /** Sum over arms of S^2 / n: what a split must exceed to gain. */
  readonly worth: number;
}

export function totalsOf(sums: CodeSums): NodeTotals {
  const add = (list: Float64Array): number => {
    let total = 0;
    for (let k = 0; k < sums.count; k++) total += list[k];
    return total;
  };
  const score = Float64Array.from(sums.score, add);
  const weight = add(sums.weight);
  return { rows: add(sums.rows), weight, variation: add(sums.variation), score, worth: score.reduce((sum, s) => sum + (s * s) / weight, 0) };
}

/**
 * The cut that makes the sides' mean pseudo-outcomes differ most: sum over arms of S_left^2 / n_left + S_right^2 / n_right, less the same of
 * the node (Athey2019, eq. 9). The first of equal cuts is kept. Missing rows go with either side, or stand against the rest.
 *
 * @param last the highest code of the column
 * @param least worth to be exceeded
 * @returns undefined where no cut within the limits is worth more
 */
export function bestCut(sums: CodeSums, node: NodeTotals, last: number, limits: SideLimits, least: number): ScoreSplit | undefined {
  const { count, code, rows, weight, variation, score, left } = sums;
  const arms = score.length;
  const missing = count > 0 && code[0] === 0 ? 1 : 0;
  let [most, place, way, leftRows] = [least, -1, 0, 0];
  for (let pass = 0; pass <= missing; pass++) {
    let n = pass === 1 ? rows[0] : 0;
    let w = pass === 1 ? weight[0] : 0;
    let v = pass === 1 ? variation[0] : 0;
    for (let a = 0; a < arms; a++) left[a] = pass === 1 ? score[a][0] : 0;
    // Without the missing rows on the left, the last cut sets them against the rest.
    const end = pass === 0 && missing === 1 ? count : count - 1;
    for (let k = missing; k < end; k++) {
      n += rows[k];
      w += weight[k];
      v += variation[k];
      let worth = 0;
      for (let a = 0; a < arms; a++) {
        left[a] += score[a][k];
        const right = node.score[a] - left[a];
        worth += (left[a] * left[a]) / w + (right * right) / (node.weight - w);
      }
      if (!(worth > most) || n < limits.rows || node.rows - n < limits.rows || v < limits.variation || node.variation - v < limits.variation) continue;
      most = worth;
      place = k;
      way = pass;
      leftRows = n;
    }
  }
  if (place < 0) return undefined;
  const cut = missing === 1 && way === 0 && place === count - 1 ? last : code[place];
  return { worth: most, cut, missingLeft: missing === 1 ? way === 1 : undefined, leftRows };
}

/** Codes in the order of each arm's mean pseudo-outcome in turn, then the best cut of that order; missing is a code like the others. */
export function bestSubset(sums: CodeSums, node: NodeTotals, limits: SideLimits, least: number): ScoreSplit | undefined {
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
    const found = bestCut(sorted, node, sums.count, limits, best?.worth ?? least);
    if (found === undefined) continue;
    const codes = Array.from(order, (k) => sums.code[k]);
    best = { ...found, cut: 0, codes: { left: codes.slice(0, found.cut), right: codes.slice(found.cut) } };
  }
  return best;
}

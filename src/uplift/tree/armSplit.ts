import { argsortDescending } from "../../base/stats/sort.ts";
import { type EffectRule, keepRule } from "./constraint.ts";
import { type CriterionName, gainOf, isForProbabilities, normaliser } from "./criterion.ts";

/**
 * Sums over the rows of a node, `sumWords` numbers an arm, control first: weighted outcome, weight, rows. They are in the units of the cells
 * until `unitY` and `unitW` bring them to those of the data.
 */
export type ArmSums = Float64Array;
export const sumWords = 3;

/** How splits of a node are judged. */
export interface ArmRule {
  readonly criterion: CriterionName;
  readonly normalise: boolean;
  /** Rows of the node's own estimate that an estimate below it is worth (causal inference calls it regularisation). */
  readonly shrinkage: number;
  /** Fewest rows of a side, and of each arm on a side. */
  readonly minRows: number;
  readonly minArmRows: number;
  readonly minGain: number;
  readonly effects: EffectRule | undefined;
  /** What one unit of the sums of outcomes and weights is in the data. */
  readonly unitY: number;
  readonly unitW: number;
  readonly countShift: number;
}

/** A split of a node: of a number at `cut`, of a category by the codes that go left. */
export interface ArmSplit {
  readonly gain: number;
  readonly column: number;
  readonly cut: number;
  /** Undefined where the node has no missing rows to go by. */
  readonly missingLeft: boolean | undefined;
  /** Codes of either side, where the column is a category. */
  readonly codes?: { readonly left: readonly number[]; readonly right: readonly number[] };
  readonly left: ArmSums;
}

/** Means of the arms as a node or a side believes them: drawn towards its parent's, inside (0, 1) for probabilities, and within the rule. */
export function believe(rule: ArmRule, sums: ArmSums, parent: Float64Array | undefined, mean: Float64Array, weight: Float64Array): void {
  const { shrinkage, unitY, unitW, effects } = rule;
  // Laplace's correction: one unit of each class.
  const laplace = isForProbabilities(rule.criterion) ? 1 : 0;
  const pull = parent === undefined ? 0 : shrinkage;
  for (let a = 0; a < mean.length; a++) {
    const y = sums[sumWords * a] * unitY;
    const w = sums[sumWords * a + 1] * unitW;
    weight[a] = w;
    const size = w + pull + 2 * laplace;
    const above = parent === undefined ? 0 : parent[a];
    mean[a] = size > 0 ? (y + pull * above + laplace) / size : above;
  }
  if (effects !== undefined) keepRule(effects, mean, weight);
}

const wordSpan = 4_294_967_296;

/** One search after another on the columns of a node; what it needs for a cut is allocated once. */
export interface ArmSearch {
  /** Tries the cuts of one column; `codes` are those with rows, ascending. Returns the best if it gains more than `most`. */
  column(
    cells: Int32Array,
    base: number,
    bins: number,
    column: number,
    isCategory: boolean,
    node: ArmSums,
    believed: Float64Array,
    most: number,
  ): ArmSplit | undefined;
}

export function armSearch(rule: ArmRule, arms: number): ArmSearch {
  const gain = gainOf(rule.criterion);
  const divisor = rule.normalise ? normaliser(rule.criterion) : undefined;
  const [left, right] = [new Float64Array(sumWords * arms), new Float64Array(sumWords * arms)];
  const [leftMean, rightMean] = [new Float64Array(arms), new Float64Array(arms)];
  const [leftWeight, rightWeight] = [new Float64Array(arms), new Float64Array(arms)];
  const highBits = rule.countShift - 32;
  const mask = 2 ** highBits - 1;

  const addCode = (cells: Int32Array, base: number, code: number, into: ArmSums): void => {
    for (let a = 0, cell = base + 4 * arms * code; a < arms; a++, cell += 4) {
      const high = cells[cell + 3];
      into[sumWords * a] += cells[cell + 1] * wordSpan + (cells[cell] >>> 0);
      into[sumWords * a + 1] += (high & mask) * wordSpan + (cells[cell + 2] >>> 0);
      into[sumWords * a + 2] += high >>> highBits;
    }
  };
  /** Gain of the split whose left side is `left`; NaN where a side is too small. */
  const judge = (node: ArmSums, believed: Float64Array): number => {
    let [rowsLeft, rowsRight, weightLeft, weightRight] = [0, 0, 0, 0];
    for (let a = 0, at = 0; a < arms; a++, at += sumWords) {
      const nl = left[at + 2];
      const nr = node[at + 2] - nl;
      if (nl < rule.minArmRows || nr < rule.minArmRows) return Number.NaN;
      rowsLeft += nl;
      rowsRight += nr;
      weightLeft += left[at + 1];
      weightRight += node[at + 1] - left[at + 1];
      for (let k = 0; k < sumWords; k++) right[at + k] = node[at + k] - left[at + k];
    }
    if (rowsLeft < rule.minRows || rowsRight < rule.minRows) return Number.NaN;
    believe(rule, left, believed, leftMean, leftWeight);
    believe(rule, right, believed, rightMean, rightWeight);
    const raw = gain(believed, leftMean, rightMean, weightLeft / (weightLeft + weightRight));
    return divisor === undefined ? raw : raw / divisor(leftWeight, rightWeight);
  };
  const present = (cells: Int32Array, base: number, bins: number): number[] => {
    const codes: number[] = [];
    for (let code = 0, cell = base; code < bins; code++) {
      let rows = 0;
      for (let a = 0; a < arms; a++, cell += 4) rows |= cells[cell + 3] >>> highBits;
      if (rows !== 0) codes.push(code);
    }
    return codes;
  };

  const number = (
    cells: Int32Array,
    base: number,
    bins: number,
    codes: readonly number[],
    column: number,
    node: ArmSums,
    believed: Float64Array,
    most: number,
  ): ArmSplit | undefined => {
    let best: ArmSplit | undefined;
    let least = most;
    const missing = codes[0] === 0 ? 1 : 0;
    const offer = (cut: number, missingLeft: boolean): void => {
      const found = judge(node, believed);
      if (!(found > least)) return;
      least = found;
      best = { gain: found, column, cut, missingLeft: missing === 1 ? missingLeft : undefined, left: left.slice() };
    };
    for (let pass = 0; pass <= missing; pass++) {
      left.fill(0);
      if (pass === 1) addCode(cells, base, 0, left);
      for (let k = missing; k < codes.length - 1; k++) {
        addCode(cells, base, codes[k], left);
        offer(codes[k], pass === 1);
      }
      if (pass === 0 && missing === 1 && codes.length > 1) {
        addCode(cells, base, codes[codes.length - 1], left);
        offer(bins - 1, false);
      }
    }
    return best;
  };
  /** Codes in the order of each treated arm's effect in turn, then every cut of that order. */
  const category = (
    cells: Int32Array,
    base: number,
    _: number,
    codes: readonly number[],
    column: number,
    node: ArmSums,
    believed: Float64Array,
    most: number,
  ): ArmSplit | undefined => {
    let best: ArmSplit | undefined;
    let least = most;
    for (let treated = 1; treated < arms; treated++) {
      const key = new Float64Array(codes.length);
      for (let k = 0; k < codes.length; k++) {
        left.fill(0);
        addCode(cells, base, codes[k], left);
        believe(rule, left, believed, leftMean, leftWeight);
        key[k] = leftMean[0] - leftMean[treated];
      }
      const order = Array.from(argsortDescending(key), (k) => codes[k]);
      left.fill(0);
      for (let k = 0; k < order.length - 1; k++) {
        addCode(cells, base, order[k], left);
        const found = judge(node, believed);
        if (!(found > least)) continue;
        least = found;
        best = { gain: found, column, cut: 0, missingLeft: undefined, codes: { left: order.slice(0, k + 1), right: order.slice(k + 1) }, left: left.slice() };
      }
    }
    return best;
  };
  return {
    column: (cells, base, bins, column, isCategory, node, believed, most) => {
      const codes = present(cells, base, bins);
      if (codes.length < 2) return undefined;
      return (isCategory ? category : number)(cells, base, bins, codes, column, node, believed, most);
    },
  };
}

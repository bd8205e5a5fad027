import { argsortDescending } from "../../base/stats/sort.ts";
import { found, present, type SplitLimits, wordSpan } from "./split.ts";

/*
 * Boosting with arms: a leaf says one number for the control and, for each treated arm, that number plus an effect. Sums are three numbers
 * an arm: gradients, curvatures, rows.
 */

/**
 * What each arm's score moves by in a leaf: a for the control, a + b_k for treated arm k, where a and all b_k minimise together the quadratic
 * approximation of the loss plus l2 a^2 / 2 + effectL2 sum b_k^2 / 2. Given a, b_k = -(G_k + H_k a) / (H_k + effectL2); put back, a has a
 * closed form too.
 *
 * @returns twice the fall of the penalised loss; `into` holds the arms' values
 */
export function armValues(sums: Float64Array, at: number, arms: number, l2: number, effectL2: number, into: Float64Array): number {
  let g = sums[at];
  let h = sums[at + 1] + l2;
  for (let k = 1; k < arms; k++) {
    const share = shareOf(sums[at + 3 * k + 1], effectL2);
    g += share * sums[at + 3 * k];
    h += share * sums[at + 3 * k + 1];
  }
  const a = h > 0 ? -g / h : 0;
  into[0] = a;
  let loss = sums[at] * a + 0.5 * (sums[at + 1] + l2) * a * a;
  for (let k = 1; k < arms; k++) {
    const [gk, hk] = [sums[at + 3 * k], sums[at + 3 * k + 1]];
    const size = hk + effectL2;
    const b = size > 0 ? -(gk + hk * a) / size : 0;
    into[k] = a + b;
    loss += gk * (a + b) + 0.5 * hk * (a + b) * (a + b) + 0.5 * effectL2 * b * b;
  }
  return -2 * loss;
}

/** How much of a treated arm's sums the control's value has to answer for: the part its effect is not free to take. */
function shareOf(h: number, effectL2: number): number {
  const size = h + effectL2;
  return size > 0 ? effectL2 / size : 1;
}

/** The best cut of a column into two leaves with arms; as `scanNumber` and `scanCategory`. Categories are put in the order of each arm's value, and of each effect, in turn. */
export function scanArms(
  cells: Int32Array,
  base: number,
  bins: number,
  isCategory: boolean,
  countShift: number,
  node: Float64Array,
  limits: SplitLimits,
  out: Float64Array,
  at: number,
): void {
  const arms = node.length / 3;
  const { l2, effectL2 } = limits;
  const [left, right, values] = [new Float64Array(3 * arms), new Float64Array(3 * arms), new Float64Array(arms)];
  const parent = armValues(node, 0, arms, l2, effectL2, values);
  let most = limits.minGain + parent;
  out[at + found.gain] = 0;
  const offer = (cut: number, missingLeft: number, order: number): void => {
    for (let k = 0; k < 3 * arms; k++) right[k] = node[k] - left[k];
    if (!allowed(left, limits) || !allowed(right, limits)) return;
    const both = armValues(left, 0, arms, l2, effectL2, values) + armValues(right, 0, arms, l2, effectL2, values);
    if (!(both > most)) return;
    most = both;
    out.set([both - parent, cut, missingLeft, order], at);
    out.set(left, at + found.leftG);
  };
  if (isCategory) {
    for (let which = 0; which < ordersOf(arms); which++) {
      const order = categoryOrder(cells, base, bins, countShift, arms, limits, which);
      left.fill(0);
      for (let k = 0; k < order.length - 1; k++) {
        addCode(cells, base, order[k], countShift, left);
        offer(k + 1, 0, which);
      }
    }
    return;
  }
  const codes = presentInAny(cells, base, bins, countShift, arms);
  const missing = codes.length > 0 && codes[0] === 0 ? 1 : 0;
  for (let pass = 0; pass <= missing; pass++) {
    left.fill(0);
    if (pass === 1) addCode(cells, base, 0, countShift, left);
    for (let k = missing; k < codes.length - 1; k++) {
      addCode(cells, base, codes[k], countShift, left);
      offer(codes[k], missing === 1 ? pass : heavier(left, node), 0);
    }
    if (pass === 0 && missing === 1 && codes.length > 1) {
      addCode(cells, base, codes[codes.length - 1], countShift, left);
      offer(bins - 1, 0, 0);
    }
  }
}

function allowed(side: Float64Array, limits: SplitLimits): boolean {
  let [rows, weight] = [0, 0];
  for (let k = 0; k < side.length; k += 3) {
    if (side[k + 2] < limits.minArmRows) return false;
    weight += side[k + 1];
    rows += side[k + 2];
  }
  return rows >= limits.minRows && weight >= limits.minWeight;
}

/** 1 where the left side has the more rows: missing rows, of which the node has none, would go there. */
function heavier(left: Float64Array, node: Float64Array): number {
  let rows = 0;
  for (let k = 2; k < left.length; k += 3) rows += 2 * left[k] - node[k];
  return rows > 0 ? 1 : 0;
}

function addCode(cells: Int32Array, base: number, code: number, countShift: number, into: Float64Array): void {
  const highBits = countShift - 32;
  const mask = 2 ** highBits - 1;
  let cell = base + (4 * into.length * code) / 3;
  for (let k = 0; k < into.length; k += 3, cell += 4) {
    into[k] += cells[cell + 1] * wordSpan + (cells[cell] >>> 0);
    into[k + 1] += (cells[cell + 3] & mask) * wordSpan + (cells[cell + 2] >>> 0);
    into[k + 2] += cells[cell + 3] >>> highBits;
  }
}

function presentInAny(cells: Int32Array, base: number, bins: number, countShift: number, arms: number): Int32Array {
  if (arms === 1) return present(cells, base, bins, countShift - 32);
  const codes = new Int32Array(bins);
  let count = 0;
  for (let code = 0, cell = base; code < bins; code++) {
    let rows = 0;
    for (let k = 0; k < arms; k++, cell += 4) rows |= cells[cell + 3] >>> (countShift - 32);
    if (rows !== 0) codes[count++] = code;
  }
  return codes.slice(0, count);
}

/** Orders that categories are cut in: by each arm's value, and by each treated arm's effect. */
export const ordersOf = (arms: number): number => 2 * arms - 1;

/** Codes with rows in one of the orders; sums of few rows are drawn to 0 by `categorySmoothing`. */
export function categoryOrder(cells: Int32Array, base: number, bins: number, countShift: number, arms: number, limits: SplitLimits, which: number): Int32Array {
  const codes = presentInAny(cells, base, bins, countShift, arms);
  const sums = new Float64Array(3 * arms);
  const value = (arm: number): number => {
    const size = sums[3 * arm + 1] + limits.categorySmoothing;
    return size > 0 ? -sums[3 * arm] / size : 0;
  };
  const key = new Float64Array(codes.length);
  for (let k = 0; k < codes.length; k++) {
    sums.fill(0);
    addCode(cells, base, codes[k], countShift, sums);
    key[k] = which < arms ? value(which) : value(which - arms + 1) - value(0);
  }
  return Int32Array.from(argsortDescending(key), (k) => codes[k]);
}

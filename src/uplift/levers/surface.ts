import { fromLeverScale, type LeverScale } from "./link.ts";

/**
 * How the numbers of a unit lie: base; main effect of each level, lever by lever; strengths of AND ranks and their scores, lever by level by rank; the same
 * for OR ranks; with amounts, the logarithm of the amount at log-odds of 0 and what a unit of log-odds adds to it.
 */
export interface SurfaceLayout {
  readonly sizes: readonly number[];
  readonly andRanks: number;
  readonly orRanks: number;
  /** AND scores are gates already, in place of numbers whose sigmoid is the gate. */
  readonly relative?: boolean;
  /** Whether the response is the probability of paying times an amount (ziln). */
  readonly amounts?: boolean;
  /** Norm (a power of two) in which the scores of an OR rank add up; noisy or, 1 - exp(-sum), where there is none. */
  readonly norm?: number;
}

export function surfaceWidth({ sizes, andRanks, orRanks, amounts = false }: SurfaceLayout): number {
  const levels = sizes.reduce((a, b) => a + b, 0);
  return 1 + levels + (andRanks > 0 ? andRanks * (1 + levels) : 0) + (orRanks > 0 ? orRanks * (1 + levels) : 0) + (amounts ? 2 : 0);
}

/** 1 / (1 + exp(-z)), never falling as z rises. */
function sigmoid(z: number): number {
  return 1 / (1 + Math.exp(-z));
}

// Squares and square roots are rounded correctly by every processor, so that they cannot turn a rise into a fall as Math.pow might.
function squared(x: number, times: number): number {
  let out = x;
  for (let k = 0; k < times; k++) out *= out;
  return out;
}

function rooted(x: number, times: number): number {
  let out = x;
  for (let k = 0; k < times; k++) out = Math.sqrt(out);
  return out;
}

/**
 * Writes responses of rows x cells from the numbers of each unit. A response is made of additions and multiplications of numbers that are not
 * negative and of tables that do not fall, in the same order for every cell: rounding cannot turn a rise into a fall.
 */
export function surfaceOf(
  layout: SurfaceLayout,
): (unit: ArrayLike<number>, rows: number, cells: Int32Array, own: boolean, scale: LeverScale, share: number, into: Float64Array, at: number) => void {
  const { sizes, andRanks, orRanks, relative = false, norm, amounts = false } = layout;
  const times = norm === undefined ? 0 : Math.log2(norm);
  const width = surfaceWidth(layout);
  const levers = sizes.length;
  const levels = sizes.reduce((a, b) => a + b, 0);
  const starts = sizes.map((_, l) => sizes.slice(0, l).reduce((a, b) => a + b, 0));
  const ranks = andRanks + orRanks;
  return (unit, rows, cells, own, scale, share, into, at) => {
    const m = own ? 1 : cells.length / levers;
    // Factor of each level for each rank: the gate for AND; exp(-score), or the power that is added up, for OR.
    const factor = new Float64Array(levels * ranks);
    const main = new Float64Array(levels);
    const strength = new Float64Array(ranks);
    const product = new Float64Array((levers + 1) * ranks);
    const sum = new Float64Array(levers + 1);
    const last = levers * ranks;
    // Ranks whose levers multiply; those after them add powers up.
    const multiplied = norm === undefined ? ranks : andRanks;
    const changed = own ? new Int32Array(0) : firstChange(cells, levers);
    for (let i = 0; i < rows; i++) {
      const from = i * width;
      const base = unit[from];
      for (let k = 0; k < levels; k++) main[k] = unit[from + 1 + k];
      let p = from + 1 + levels;
      if (andRanks > 0) {
        for (let r = 0; r < andRanks; r++) strength[r] = unit[p++];
        for (let k = 0; k < levels; k++) for (let r = 0; r < andRanks; r++) factor[k * ranks + r] = relative ? unit[p++] : sigmoid(unit[p++]);
      }
      if (orRanks > 0) {
        for (let r = 0; r < orRanks; r++) strength[andRanks + r] = unit[p++];
        for (let k = 0; k < levels; k++)
          for (let r = 0; r < orRanks; r++) factor[k * ranks + andRanks + r] = norm === undefined ? Math.exp(-unit[p++]) : squared(unit[p++], times);
      }
      // What the AND ranks give at the baseline cell is taken off, so that the base is the response there.
      let start = base;
      for (let r = 0; r < andRanks; r++) {
        let none = strength[r];
        for (let l = 0; l < levers; l++) none *= factor[starts[l] * ranks + r];
        start -= none;
      }
      // Cells differ from the one before in their last levers mostly: products over the levers in front are kept, as are the sums of main effects.
      for (let j = 0; j < m; j++) {
        const cell = (own ? i : j) * levers;
        for (let l = own ? 0 : changed[j]; l < levers; l++) {
          const row = (starts[l] + cells[cell + l]) * ranks;
          const [to, before] = [(l + 1) * ranks, l * ranks];
          if (l === 0) for (let r = 0; r < multiplied; r++) product[to + r] = strength[r] * factor[row + r];
          else for (let r = 0; r < multiplied; r++) product[to + r] = product[before + r] * factor[row + r];
          for (let r = multiplied; r < ranks; r++) product[to + r] = (l === 0 ? 0 : product[before + r]) + factor[row + r];
          sum[l + 1] = sum[l] + main[starts[l] + cells[cell + l]];
        }
        let value = sum[levers];
        for (let r = 0; r < andRanks; r++) value += product[last + r];
        for (let r = andRanks; r < multiplied; r++) value += strength[r] - product[last + r];
        for (let r = multiplied; r < ranks; r++) value += strength[r] * rooted(product[last + r], times);
        const odds = start + value;
        into[at + i * m + j] += share * fromLeverScale(amounts ? sigmoid(odds) * Math.exp(unit[p] + unit[p + 1] * odds) : odds, scale);
      }
    }
  };
}

/** The first lever in which a cell differs from the one before it in the list; 0 for the first. */
function firstChange(cells: Int32Array, levers: number): Int32Array {
  return Int32Array.from({ length: cells.length / levers }, (_, j) => {
    if (j === 0) return 0;
    for (let l = 0; l < levers; l++) if (cells[j * levers + l] !== cells[(j - 1) * levers + l]) return l;
    return levers;
  });
}

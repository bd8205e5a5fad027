import { fromScale, type OutcomeScale } from "../net/outcome.ts";

/** How the numbers of a unit lie: base; main effect of each level, lever by lever; strengths of AND ranks and their scores, lever by level by rank; the same for OR ranks. */
export interface SurfaceLayout {
  readonly sizes: readonly number[];
  readonly andRanks: number;
  readonly orRanks: number;
}

export function surfaceWidth({ sizes, andRanks, orRanks }: SurfaceLayout): number {
  const levels = sizes.reduce((a, b) => a + b, 0);
  return 1 + levels + (andRanks > 0 ? andRanks * (1 + levels) : 0) + (orRanks > 0 ? orRanks * (1 + levels) : 0);
}

/** 1 / (1 + exp(-z)), never falling as z rises. */
function sigmoid(z: number): number {
  return 1 / (1 + Math.exp(-z));
}

/**
 * Writes responses of rows x cells from the numbers of each unit. A response is made of additions and multiplications of numbers that are not
 * negative and of tables that do not fall, in the same order for every cell: rounding cannot turn a rise into a fall.
 */
export function surfaceOf(
  layout: SurfaceLayout,
): (unit: ArrayLike<number>, rows: number, cells: Int32Array, own: boolean, scale: OutcomeScale, share: number, into: Float64Array, at: number) => void {
  const { sizes, andRanks, orRanks } = layout;
  const width = surfaceWidth(layout);
  const levers = sizes.length;
  const levels = sizes.reduce((a, b) => a + b, 0);
  const starts = sizes.map((_, l) => sizes.slice(0, l).reduce((a, b) => a + b, 0));
  const ranks = andRanks + orRanks;
  return (unit, rows, cells, own, scale, share, into, at) => {
    const m = own ? 1 : cells.length / levers;
    // Factor of each level for each rank: sigmoid(score) for AND, exp(-score) for OR.
    const factor = new Float64Array(levels * ranks);
    const main = new Float64Array(levels);
    const strength = new Float64Array(ranks);
    const product = new Float64Array((levers + 1) * ranks);
    const sum = new Float64Array(levers + 1);
    const last = levers * ranks;
    const changed = own ? new Int32Array(0) : firstChange(cells, levers);
    for (let i = 0; i < rows; i++) {
      const from = i * width;
      const base = unit[from];
      for (let k = 0; k < levels; k++) main[k] = unit[from + 1 + k];
      let p = from + 1 + levels;
      if (andRanks > 0) {
        for (let r = 0; r < andRanks; r++) strength[r] = unit[p++];
        for (let k = 0; k < levels; k++) for (let r = 0; r < andRanks; r++) factor[k * ranks + r] = sigmoid(unit[p++]);
      }
      if (orRanks > 0) {
        for (let r = 0; r < orRanks; r++) strength[andRanks + r] = unit[p++];
        for (let k = 0; k < levels; k++) for (let r = 0; r < orRanks; r++) factor[k * ranks + andRanks + r] = Math.exp(-unit[p++]);
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
          if (l === 0) for (let r = 0; r < ranks; r++) product[to + r] = strength[r] * factor[row + r];
          else for (let r = 0; r < ranks; r++) product[to + r] = product[before + r] * factor[row + r];
          sum[l + 1] = sum[l] + main[starts[l] + cells[cell + l]];
        }
        let value = sum[levers];
        for (let r = 0; r < andRanks; r++) value += product[last + r];
        for (let r = andRanks; r < ranks; r++) value += strength[r] - product[last + r];
        into[at + i * m + j] += share * fromScale(start + value, scale);
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

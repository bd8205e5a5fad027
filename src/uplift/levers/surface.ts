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
export function surfaceOf(layout: SurfaceLayout): (
  unit: ArrayLike<number>,
  rows: number,
  cells: Int32Array,
  own: boolean,
  scale: OutcomeScale,
  share: number,
  into: Float64Array,
  at: number,
) => void {
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
    const none = new Float64Array(andRanks);
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
      for (let r = 0; r < andRanks; r++) {
        none[r] = 1;
        for (let l = 0; l < levers; l++) none[r] *= factor[starts[l] * ranks + r];
      }
      for (let j = 0; j < m; j++) {
        const cell = (own ? i : j) * levers;
        let value = 0;
        for (let l = 0; l < levers; l++) value += main[starts[l] + cells[cell + l]];
        for (let r = 0; r < ranks; r++) {
          let product = 1;
          for (let l = 0; l < levers; l++) product *= factor[(starts[l] + cells[cell + l]) * ranks + r];
          value += strength[r] * (r < andRanks ? product - none[r] : 1 - product);
        }
        into[at + i * m + j] += share * fromScale(base + value, scale);
      }
    }
  };
}

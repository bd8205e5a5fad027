import { everyCell, type LeverGrid } from "../data/levers.ts";
import type { LeversPrediction } from "../model/contract.ts";

/** Settings of `bestCells`. */
export interface ChoiceOptions {
  /** What a unit of the outcome is worth, in units of cost. Defaults to 1. */
  readonly worth?: number;
  /** Largest table that is laid out; larger ones are searched lever by lever. Defaults to 4096 cells. */
  readonly most?: number;
  readonly from?: number;
  readonly to?: number;
}

/** The best cell of every row. */
export interface Choice {
  /** Levels of the best cell of each row, rows x levers. */
  readonly cells: Int32Array;
  /** Worth of the effect against the baseline, less the cost. */
  readonly value: Float64Array;
  readonly how: string;
}

/**
 * The cell of each row with the most worth after costs (the sum of the levers' declared costs; none where none are declared). A table that is small enough
 * is laid out; in a larger one each lever in turn moves to its best level given the others, from the baseline and from all levers at the top, until nothing
 * moves: sum of levels questions a round instead of their product. What is found cannot be bettered by any one lever alone.
 */
export async function bestCells(prediction: LeversPrediction, options: ChoiceOptions = {}): Promise<Choice> {
  const { worth = 1, most = 4096, from = 0, to = prediction.rows } = options;
  const { grid } = prediction;
  const costs = grid.levers.map(({ levels, costs: own }) => own ?? levels.map(() => 0));
  if (grid.cells <= most) return laidOut(prediction, costs, worth, from, to);
  const starts = [grid.sizes.map(() => 0), grid.sizes.map((size) => size - 1)];
  const found: Choice[] = [];
  for (const start of starts) found.push(await searched(prediction, costs, worth, from, to, start));
  const [best, other] = found;
  const width = grid.sizes.length;
  for (let i = 0; i < best.value.length; i++) {
    if (other.value[i] <= best.value[i]) continue;
    best.value[i] = other.value[i];
    best.cells.set(other.cells.subarray(i * width, (i + 1) * width), i * width);
  }
  return best;
}

const block = 8192;

async function laidOut(prediction: LeversPrediction, costs: readonly (readonly number[])[], worth: number, from: number, to: number): Promise<Choice> {
  const { grid } = prediction;
  const width = grid.sizes.length;
  const all = everyCell(grid);
  const cost = Float64Array.from({ length: grid.cells }, (_, j) => costs.reduce((sum, list, l) => sum + list[all[j * width + l]] - list[0], 0));
  const cells = new Int32Array((to - from) * width);
  const value = new Float64Array(to - from);
  for (let start = from; start < to; start += block) {
    const end = Math.min(to, start + block);
    const response = await prediction.response(all, { from: start, to: end });
    for (let i = start; i < end; i++) {
      const row = (i - start) * grid.cells;
      let best = 0;
      let most = 0;
      for (let j = 1; j < grid.cells; j++) {
        const gain = worth * (response[row + j] - response[row]) - cost[j];
        if (gain > most) [best, most] = [j, gain];
      }
      value[i - from] = most;
      cells.set(all.subarray(best * width, (best + 1) * width), (i - from) * width);
    }
  }
  return { cells, value, how: `all ${grid.cells} cells` };
}

const rounds = 8;

async function searched(
  prediction: LeversPrediction,
  costs: readonly (readonly number[])[],
  worth: number,
  from: number,
  to: number,
  start: readonly number[],
): Promise<Choice> {
  const { grid } = prediction;
  const width = grid.sizes.length;
  const n = to - from;
  const cells = new Int32Array(n * width);
  for (let i = 0; i < n; i++) cells.set(start, i * width);
  const none = await prediction.response(new Int32Array(width), { from, to });
  const judge = async (): Promise<Float64Array> => {
    const response = await prediction.responseOfOwn(cells, { from, to });
    return response.map((r, i) => worth * (r - none[i]) - costOfRow(grid, costs, cells, i));
  };
  const value = await judge();
  for (let round = 0; round < rounds; round++) {
    let moved = 0;
    for (let l = 0; l < width; l++) {
      const kept = Int32Array.from({ length: n }, (_, i) => cells[i * width + l]);
      const before = kept.slice();
      for (let k = 0; k < grid.sizes[l]; k++) {
        for (let i = 0; i < n; i++) cells[i * width + l] = k;
        const here = await judge();
        for (let i = 0; i < n; i++) if (here[i] > value[i]) [kept[i], value[i]] = [k, here[i]];
      }
      for (let i = 0; i < n; i++) {
        cells[i * width + l] = kept[i];
        if (kept[i] !== before[i]) moved++;
      }
    }
    if (moved === 0) break;
  }
  return { cells, value, how: `lever by lever over ${grid.cells} cells, from the baseline and from the top` };
}

function costOfRow({ sizes }: LeverGrid, costs: readonly (readonly number[])[], cells: Int32Array, row: number): number {
  let sum = 0;
  for (let l = 0; l < sizes.length; l++) sum += costs[l][cells[row * sizes.length + l]] - costs[l][0];
  return sum;
}

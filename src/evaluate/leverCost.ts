import { dataError } from "../base/errors.ts";
import { descending } from "../base/stats/sort.ts";
import type { Dataset } from "../data/dataset.ts";
import { cellName, cellOf, levelsOfCell, levelsOfRows } from "../data/levers.ts";
import type { LeversPrediction } from "../model/contract.ts";

/** A cost curve over units and cells together. */
export interface LeverCostCurve {
  /** Area under value against cost, both as shares of their totals; 0.5 is what a random order has. */
  readonly area: number;
  /** Shares of cost and value after each distinct score, from (0, 0) to (1, 1). */
  readonly cost: Float64Array;
  readonly value: Float64Array;
  /** Gain a unit and cost a unit, summed over the cells, when every cell is given to every unit. */
  readonly totalCost: number;
  readonly totalValue: number;
}

/** Units with cells: predicted gain over cost, and what each pair brings to the sums of cost and value. */
interface Pairs {
  readonly score: Float64Array;
  readonly cost: Float64Array;
  readonly value: Float64Array;
}

const block = 8192;

/**
 * MCMV-AUCC (XTNet2025; the sums are our reading, for no code is public): each unit with each cell but the baseline is ranked by predicted gain over cost.
 * Along this order the gain of what was passed is the mean outcome of units seen in a cell minus that of units seen in the baseline, sum y / n_cell -
 * sum y / n_baseline over the pairs passed, cell by cell; its cost the sum of the levers' costs of units seen in the cell, over n_cell.
 * For randomised data: rows must have come to their cells by chance. Cells that no row of `data` is in are left out.
 * @param prediction of the rows of `data`
 * @throws LiftwiseError (data) without rows in the baseline or elsewhere, without costs, with a cell that costs nothing, or when the total gain is not above 0
 */
export async function leverCostCurve(prediction: LeversPrediction, data: Dataset): Promise<LeverCostCurve> {
  const { grid, levels } = levelsOfRows(data);
  const { sizes } = grid;
  const width = sizes.length;
  const y = data.outcome();
  const free = grid.levers.find(({ costs }) => costs === undefined);
  if (free !== undefined) throw dataError(`${data.name}: lever ${free.column} has no costs; a cost curve needs those of every level`);
  const own = Int32Array.from({ length: data.rows }, (_, i) => cellOf(sizes, levels, i * width));
  const counts = new Map<number, number>();
  for (const cell of own) counts.set(cell, (counts.get(cell) ?? 0) + 1);
  const baseline = counts.get(0) ?? 0;
  const cells = [...counts.keys()].filter((cell) => cell > 0).sort((a, b) => a - b);
  if (baseline === 0 || cells.length === 0)
    throw dataError(
      `${data.name}: a cost curve compares rows in other cells with rows in the baseline cell, and there are none of ${baseline === 0 ? "these" : "those"}`,
    );
  const asked = Int32Array.from([0, ...cells].flatMap((cell) => levelsOfCell(sizes, cell)));
  const costs = cells.map((cell) => {
    const cost = levelsOfCell(sizes, cell).reduce(
      (sum, k, l) => sum + (grid.levers[l].costs as readonly number[])[k] - (grid.levers[l].costs as readonly number[])[0],
      0,
    );
    if (!(cost > 0))
      throw dataError(
        `${data.name}: cell ${cellName(grid, levelsOfCell(sizes, cell))} costs ${cost} more than the baseline; gain over cost needs a cost above 0`,
      );
    return cost;
  });
  const place = new Map(cells.map((cell, j) => [cell, j]));
  const many = data.rows - baseline + baseline * cells.length;
  const pairs: Pairs = { score: new Float64Array(many), cost: new Float64Array(many), value: new Float64Array(many) };
  let at = 0;
  const add = (score: number, cost: number, value: number): void => {
    pairs.score[at] = score;
    pairs.cost[at] = cost;
    pairs.value[at++] = value;
  };
  const m = cells.length + 1;
  for (let from = 0; from < data.rows; from += block) {
    const to = Math.min(data.rows, from + block);
    const response = await prediction.response(asked, { from, to });
    const score = (i: number, j: number): number => (response[(i - from) * m + j + 1] - response[(i - from) * m]) / costs[j];
    for (let i = from; i < to; i++) {
      const j = place.get(own[i]);
      if (j === undefined) for (let k = 0; k < cells.length; k++) add(score(i, k), 0, -y[i] / baseline);
      else {
        const n = counts.get(own[i]) as number;
        add(score(i, j), costs[j] / n, y[i] / n);
      }
    }
  }
  return curveOf(pairs, data.name);
}

function curveOf({ score, cost, value }: Pairs, name: string): LeverCostCurve {
  const totalCost = cost.reduce((sum, v) => sum + v, 0);
  const totalValue = value.reduce((sum, v) => sum + v, 0);
  if (!(totalValue > 0)) throw dataError(`${name}: all cells together gain ${totalValue.toPrecision(3)} over the baseline, and shares need a gain above 0`);
  // Pairs of one score come together: their order among themselves is nobody's choice.
  const { order, ends } = descending(score);
  const [along, up] = [new Float64Array(ends.length + 1), new Float64Array(ends.length + 1)];
  let [spent, gained, area, from] = [0, 0, 0, 0];
  ends.forEach((end, g) => {
    for (; from < end; from++) {
      spent += cost[order[from]];
      gained += value[order[from]];
    }
    const whole = end === score.length;
    along[g + 1] = whole ? 1 : spent / totalCost;
    up[g + 1] = whole ? 1 : gained / totalValue;
    area += ((along[g + 1] - along[g]) * (up[g + 1] + up[g])) / 2;
  });
  return { area, cost: along, value: up, totalCost, totalValue };
}

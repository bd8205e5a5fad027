import { type Dataset, numberColumn } from "../../data/dataset.ts";
import { quantileSorted } from "../../base/stats/quantile.ts";
import { cellName, cellOf, type LeverGrid, levelsOfCell } from "../../data/levers.ts";
import type { Features } from "../../data/schema.ts";
import { chosen, type Choice } from "../../learn/choice.ts";
import { crossFit, drawFolds } from "../../learn/crossFit.ts";
import type { LearnContext } from "../../learn/contract.ts";
import type { CellOverlap } from "../../model/contract.ts";

/** Probability of cells given features: as declared, or the product over levers of the estimated probability of each level. */
export interface CellPropensity {
  readonly how: "declared" | "product of levers";
  /** P(cell | x) of row i. */
  at(row: number, cell: number): number;
}

/** Declared probabilities by cell; undefined unless every logged cell has a column. */
export function declaredPropensity(data: Dataset, grid: LeverGrid, logged: Iterable<number>): CellPropensity | undefined {
  const columns = new Map<number, Float64Array>();
  for (const cell of logged) {
    const own = data.propensity(cellName(grid, levelsOfCell(grid.sizes, cell)));
    if (own === undefined) return undefined;
    columns.set(cell, own);
  }
  return { how: "declared", at: (row, cell) => columns.get(cell)?.[row] ?? 0 };
}

/** Cross-fitted one-against-rest models of each lever's level, brought to sum to one; levers taken as independent given x. */
export async function estimatedPropensity(
  x: Features,
  levels: Int32Array,
  { sizes }: LeverGrid,
  learner: Choice,
  folds: number,
  context: LearnContext,
): Promise<CellPropensity> {
  const levers = sizes.length;
  const byLever: Float64Array[][] = [];
  for (let l = 0; l < levers; l++) {
    const own = Int32Array.from({ length: x.rows }, (_, i) => levels[i * levers + l]);
    const drawn = drawFolds(own, undefined, folds, context.rng.split("folds", l));
    const scores: Float64Array[] = [];
    for (let k = 0; k < sizes[l]; k++) {
      const given = Float64Array.from(own, (level) => (level === k ? 1 : 0));
      const constant = given.every((value) => value === given[0]);
      scores.push(
        constant
          ? given
          : await crossFit(chosen(learner, "classifier"), x, given, undefined, drawn, undefined, { ...context, rng: context.rng.split(`lever ${l}`, k) }),
      );
    }
    for (let i = 0; i < x.rows; i++) {
      const total = scores.reduce((sum, score) => sum + score[i], 0);
      for (const score of scores) score[i] /= total;
    }
    byLever.push(scores);
  }
  return {
    how: "product of levers",
    at: (row, cell) => levelsOfCell(sizes, cell).reduce((product, k, l) => product * byLever[l][k][row], 1),
  };
}

/** Declared probabilities, else cross-fitted logistic models of each lever's level; undefined where none are declared and only those will do. */
export async function loggingPropensity(
  data: Dataset,
  levels: Int32Array,
  grid: LeverGrid,
  counts: ReadonlyMap<number, number>,
  declaredOnly: boolean,
  context: LearnContext,
): Promise<CellPropensity | undefined> {
  const declared = declaredPropensity(data, grid, counts.keys());
  if (declared !== undefined || declaredOnly) return declared;
  return estimatedPropensity(data.features(), levels, grid, { id: "linear" }, 2, context);
}

// Rows looked at for the spread of propensities.
const mostRows = 5000;

/** Mean and fifth percentile of each logged cell's probability over (at most 5000) rows. */
export function loggedOverlap(e: CellPropensity, rows: number, counts: ReadonlyMap<number, number>): ReadonlyMap<number, CellOverlap> {
  const stride = Math.max(1, Math.floor(rows / mostRows));
  const looked = Array.from({ length: Math.min(mostRows, Math.floor(rows / stride)) }, (_, i) => i * stride);
  return new Map(
    [...counts.keys()].map((cell) => {
      const values = Float64Array.from(looked, (i) => e.at(i, cell)).sort();
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return [cell, { mean, low: quantileSorted(values, 0.05) }];
    }),
  );
}

/**
 * Inverse probability weights of the rows' own cells, stabilised by the share of the cell (with declared probabilities) or the product of its levels' shares,
 * clipped at their 95th percentile and brought to a mean of one. They keep a net from spending itself on combinations the old policy favoured.
 */
export function stabilisedWeights(
  e: CellPropensity,
  levels: Int32Array,
  { sizes }: LeverGrid,
  counts: ReadonlyMap<number, number>,
): { readonly weights: Float64Array; readonly clippedAt: number; readonly clipped: number } {
  const levers = sizes.length;
  const n = levels.length / levers;
  const shares = sizes.map((size, l) => {
    const own = new Float64Array(size);
    for (let i = 0; i < n; i++) own[levels[i * levers + l]] += 1 / n;
    return own;
  });
  const raw = Float64Array.from({ length: n }, (_, i) => {
    const cell = cellOf(sizes, levels, i * levers);
    const share = e.how === "declared" ? (counts.get(cell) as number) / n : shares.reduce((product, own, l) => product * own[levels[i * levers + l]], 1);
    return share / e.at(i, cell);
  });
  const clippedAt = quantileSorted(raw.toSorted(), 0.95);
  let [sum, clipped] = [0, 0];
  for (let i = 0; i < n; i++) {
    if (raw[i] > clippedAt) [raw[i], clipped] = [clippedAt, clipped + 1];
    sum += raw[i];
  }
  return { weights: raw.map((w) => (w * n) / sum), clippedAt, clipped };
}

/** Levels as columns of doses beside the features: what a learner of the response over cells reads. */
export function withDoses(
  x: Features,
  levels: (row: number, lever: number) => number,
  doses: readonly (readonly number[])[],
  names: readonly string[],
): Features {
  const columns = doses.map((list, l) =>
    numberColumn(
      `(${names[l]})`,
      Float64Array.from({ length: x.rows }, (_, i) => list[levels(i, l)]),
    ),
  );
  return { rows: x.rows, columns: [...x.columns, ...columns] };
}

import { type Dataset, numberColumn } from "../../data/dataset.ts";
import { cellName, type LeverGrid, levelsOfCell } from "../../data/levers.ts";
import type { Features } from "../../data/schema.ts";
import { chosen, type Choice } from "../../learn/choice.ts";
import { crossFit, drawFolds } from "../../learn/crossFit.ts";
import type { LearnContext } from "../../learn/contract.ts";

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

import { dataError, oneOf } from "../base/errors.ts";
import { asCategory, type Dataset } from "./dataset.ts";
import type { Column, LeverRole } from "./schema.ts";

/**
 * Levers and the cells they span: a cell is one level of every lever, and its index counts with the last lever fastest. The table of cells is
 * never laid out unless someone asks for all of it: six levers of ten levels are a million cells.
 */
export interface LeverGrid {
  readonly levers: readonly LeverRole[];
  /** Levels of each lever. */
  readonly sizes: readonly number[];
  /** Product of the sizes. */
  readonly cells: number;
}

export function leverGrid(levers: readonly LeverRole[]): LeverGrid {
  const sizes = levers.map(({ levels }) => levels.length);
  return { levers, sizes, cells: sizes.reduce((product, size) => product * size, 1) };
}

/** Dose of each level; 0, 1, 2, ... where the lever does not say. */
export function dosesOf({ levels, doses }: LeverRole): readonly number[] {
  return doses ?? levels.map((_, k) => k);
}

/** Doses brought to 0 for the baseline and 1 for the largest. */
export function relativeDoses(lever: LeverRole): readonly number[] {
  const doses = dosesOf(lever);
  const reach = Math.max(...doses) - doses[0];
  return doses.map((dose) => (reach > 0 ? (dose - doses[0]) / reach : 0));
}

/** Levels of the cell with this index. */
export function levelsOfCell(sizes: readonly number[], cell: number): number[] {
  const levels = new Array<number>(sizes.length);
  for (let l = sizes.length - 1, rest = cell; l >= 0; l--) {
    levels[l] = rest % sizes[l];
    rest = Math.floor(rest / sizes[l]);
  }
  return levels;
}

/** Index of the cell with these levels. */
export function cellOf(sizes: readonly number[], levels: ArrayLike<number>, from = 0): number {
  let cell = 0;
  for (let l = 0; l < sizes.length; l++) cell = cell * sizes[l] + levels[from + l];
  return cell;
}

/** Levels of every cell, cells x levers row by row, in the order of their indices. For grids small enough to be laid out. */
export function everyCell({ sizes, cells }: LeverGrid): Int32Array {
  const out = new Int32Array(cells * sizes.length);
  for (let cell = 0; cell < cells; cell++) out.set(levelsOfCell(sizes, cell), cell * sizes.length);
  return out;
}

/** What a cell is called in tables and as the key of `potential` and `propensity`: its levels in the order of the levers, "10 x free x 0". */
export function cellName({ levers }: LeverGrid, levels: ArrayLike<number>, from = 0): string {
  return levers.map((lever, l) => lever.levels[levels[from + l]]).join(" x ");
}

/**
 * Level of every lever in each row, n x levers row by row.
 * @throws LiftwiseError (data) when no lever is declared, a lever has one level only or doses that do not rise, or a row has no level or one that is not declared
 */
export function levelsOfRows(data: Dataset): { readonly grid: LeverGrid; readonly levels: Int32Array } {
  const { levers } = data.roles;
  if (levers === undefined || levers.length === 0) throw dataError(`${data.name}: no levers are declared; name the columns that were chosen together`);
  const grid = leverGrid(levers);
  const levels = new Int32Array(data.rows * levers.length);
  levers.forEach((lever, l) => {
    checkLever(lever, data.at(lever.column));
    const { codes, levels: found } = asCategory(data.column(lever.column), data.at(lever.column));
    const placeOf = found.map((level) => lever.levels.indexOf(level));
    for (let i = 0; i < codes.length; i++) {
      const place = codes[i] < 0 ? -1 : placeOf[codes[i]];
      if (place < 0)
        throw dataError(
          `${data.at(lever.column)}: row ${i + 1} has ${codes[i] < 0 ? "no level" : `level "${found[codes[i]]}"`}, and the levels of this lever are ${oneOf(lever.levels)}; declare it, or leave these rows out`,
        );
      levels[i * levers.length + l] = place;
    }
  });
  return { grid, levels };
}

function checkLever({ levels, doses, costs }: LeverRole, where: string): void {
  if (levels.length < 2) throw dataError(`${where}: a lever needs a baseline and at least one more level, got ${oneOf(levels)}`);
  if (new Set(levels).size < levels.length) throw dataError(`${where}: the levels of a lever are distinct, got ${oneOf(levels)}`);
  for (const [what, list] of [
    ["doses", doses],
    ["costs", costs],
  ] as const) {
    if (list !== undefined && list.length !== levels.length)
      throw dataError(`${where}: ${list.length} ${what} for ${levels.length} levels; give one for each level, the baseline first`);
  }
  if (doses?.some((dose, k) => k > 0 && !(dose > doses[k - 1])))
    throw dataError(`${where}: levels are ordered, so doses must rise from level to level, got ${doses.join(", ")}`);
}

/** Rows in each logged cell, by index; cells that no row is in are not among the keys. */
export function cellCounts({ sizes }: LeverGrid, levels: Int32Array): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (let from = 0; from < levels.length; from += sizes.length) {
    const cell = cellOf(sizes, levels, from);
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
  }
  return counts;
}

/** A lever from its column: levels in ascending order of their numbers, or in the order of the texts, the first being the baseline. */
export function leverFrom(columns: readonly Column[], name: string, where: string): LeverRole {
  const column = columns.find((candidate) => candidate.name === name) as Column;
  const { levels } = asCategory(column, `${where}: column "${name}"`, 200);
  const doses = levels.map(Number);
  return doses.every((dose, k) => Number.isFinite(dose) && (k === 0 || dose > doses[k - 1])) ? { column: name, levels, doses } : { column: name, levels };
}

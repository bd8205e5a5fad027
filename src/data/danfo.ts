import { dataError } from "../base/errors.ts";
import { Dataset } from "./dataset.ts";
import { type Cell, columnOf } from "./rows.ts";
import type { Column, Roles } from "./schema.ts";

/** What is used of a danfo DataFrame; the package itself is not needed. */
export interface DanfoFrame {
  readonly columns: readonly string[];
  /** `int32`, `float32`, `string` or `boolean`, one a column. */
  readonly dtypes: readonly string[];
  /** Columns by name, as Series. */
  column(name: string): { readonly values: unknown };
}

/** The constructor of danfo's DataFrame: `dfd.DataFrame`. */
export type DanfoConstructor<F> = new (data: Record<string, readonly unknown[]>, options?: { columns?: string[]; dtypes?: string[] }) => F;

/**
 * A dataset from a danfo frame. `string` columns are categories, the others numbers; null, undefined and NaN are missing.
 * @throws LiftwiseError (data) for what is no frame, and for a column that mixes texts and numbers
 */
export function fromDanfo(frame: DanfoFrame, roles: Roles, name = "frame"): Dataset {
  if (!Array.isArray(frame?.columns) || !Array.isArray(frame?.dtypes) || typeof frame?.column !== "function")
    throw dataError(`${name}: a danfo DataFrame has columns, dtypes and column(name); got ${frame === null ? "null" : typeof frame}`);
  const columns = frame.columns.map((column, j): Column => {
    const values = Array.from(frame.column(column).values as ArrayLike<Cell>);
    // Danfo reads a text column that has a number in it as `string` all the same.
    return columnOf(
      column,
      frame.dtypes[j] === "string" ? values.map((value) => (value === null || value === undefined || Number.isNaN(value) ? null : String(value))) : values,
      name,
    );
  });
  return new Dataset(columns, roles, name);
}

/**
 * A danfo frame with a dataset's columns: numbers as `float32` (danfo's only float type; its arrays keep the doubles), categories as `string`
 * with null for missing.
 * @param DataFrame danfo's own constructor: `toDanfo(data, dfd.DataFrame)`
 * @throws LiftwiseError (data) for a sequence, which a frame has no place for
 */
export function toDanfo<F>(data: Dataset, DataFrame: DanfoConstructor<F>): F {
  const values: Record<string, readonly unknown[]> = {};
  const dtypes: string[] = [];
  for (const column of data.columns) {
    if (column.kind === "sequence") throw dataError(`${data.at(column.name)}: a sequence has no place in a danfo frame; leave the column out`);
    values[column.name] = column.kind === "number" ? Array.from(column.values) : Array.from(column.codes, (code) => (code < 0 ? null : column.levels[code]));
    dtypes.push(column.kind === "number" ? "float32" : "string");
  }
  return new DataFrame(values, { columns: [...data.names], dtypes });
}

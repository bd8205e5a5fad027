import { dataError } from "../base/errors.ts";
import { categoryColumn, Dataset, numberColumn } from "./dataset.ts";
import type { Column, Roles } from "./schema.ts";

/** What a field of a record may hold; null, undefined and NaN are missing. */
export type Cell = number | boolean | bigint | string | Date | null | undefined | readonly (number | string | null)[];

/**
 * A dataset from records, one a row. A column's kind is that of its values: numbers, truth values and dates are numbers, texts are categories,
 * lists are sequences. A key that a record has not is missing there.
 * @throws LiftwiseError (data) for a column that mixes texts and numbers, naming the first row that does
 */
export function fromRows(records: readonly Readonly<Record<string, Cell>>[], roles: Roles, name = "data"): Dataset {
  const keys = new Set<string>();
  for (const record of records) for (const key in record) keys.add(key);
  const columns = Array.from(keys, (key) =>
    columnOf(
      key,
      records.map((record) => record[key]),
      name,
    ),
  );
  return new Dataset(columns, roles, name);
}

/** A column from values of one kind. @throws LiftwiseError (data) where kinds are mixed */
export function columnOf(name: string, values: readonly Cell[], where = "data"): Column {
  const first = values.findIndex((value) => !isMissing(value));
  const kind = first < 0 ? "number" : kindOf(values[first]);
  const strange = values.findIndex((value) => !isMissing(value) && kindOf(value) !== kind);
  if (strange >= 0)
    throw dataError(
      `${where}: column "${name}" holds a ${kind} in row ${first + 1} (${show(values[first])}) and a ${kindOf(values[strange])} in row ${strange + 1} (${show(values[strange])}); make them one kind`,
    );
  if (kind === "number") return numberColumn(name, values.map(numberOf));
  if (kind === "text") {
    // Long whole numbers would lose digits as numbers, so they are names.
    return categoryColumn(
      name,
      values.map((value) => (isMissing(value) ? null : String(value))),
    );
  }
  return sequenceColumn(name, values as readonly (readonly (number | string | null)[] | null | undefined)[], where);
}

function isMissing(value: Cell): value is null | undefined {
  return value === null || value === undefined || Number.isNaN(value);
}

function kindOf(value: Cell): "number" | "text" | "list" {
  if (typeof value === "string") return "text";
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? "number" : "text";
  return Array.isArray(value) || ArrayBuffer.isView(value) ? "list" : "number";
}

function numberOf(value: Cell): number {
  if (isMissing(value)) return Number.NaN;
  return value instanceof Date ? value.getTime() : Number(value);
}

function sequenceColumn(name: string, lists: readonly (readonly (number | string | null)[] | null | undefined)[], where: string): Column {
  const offsets = new Int32Array(lists.length + 1);
  const items: (number | string | null)[] = [];
  for (const [i, list] of lists.entries()) {
    for (const item of list ?? []) items.push(item);
    offsets[i + 1] = items.length;
  }
  const column = columnOf(name, items, where);
  if (column.kind === "number") return { kind: "sequence", name, offsets, values: column.values };
  if (column.kind === "sequence") throw dataError(`${where}: column "${name}" holds lists of lists; a sequence holds numbers or texts`);
  return { kind: "sequence", name, offsets, values: Float64Array.from(column.codes, (code) => (code < 0 ? Number.NaN : code)), levels: column.levels };
}

function show(value: Cell): string {
  const text = typeof value === "bigint" ? String(value) : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

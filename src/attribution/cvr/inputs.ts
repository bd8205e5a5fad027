import { dataError, usageError } from "../../base/errors.ts";
import type { ArrayState, Json } from "../../base/state.ts";
import { type ColumnSpec, rows, type Value } from "../../compute/index.ts";
import type { CategoryColumn, Column, Features, NumberColumn, SequenceColumn } from "../../data/schema.ts";
import { type ClickFields, type Field, type SequenceField, similarityBins, similarityRow } from "./fields.ts";

/**
 * How the columns of a dataset become what a conversion net reads.
 *
 * A category has row 0 of its table for missing and unknown levels. A number is an index already, as in the benchmark's files, where 0 is
 * padding. A sequence called `<field>_seq` holds earlier values of that field and shares its table; any other sequence of numbers holds
 * similarities, cosines in [-1, 1]. Columns whose name begins with "user" describe the user, the others the ad and its context.
 */
export interface ClickInputs {
  readonly fields: ClickFields;
  readonly spec: Readonly<Record<string, ColumnSpec>>;
  /** Rows `from .. to - 1` as columns of a batch; what had to be replaced is added to `found`. */
  columns(x: Features, from: number, to: number, found?: Replaced): Record<string, Value>;
  state(): { readonly json: Json; readonly arrays: Readonly<Record<string, ArrayState>> };
}

/** Entries that were replaced on the way into the net, by what was done. */
export interface Replaced {
  /** Indices beyond the table, or negative: row 0 was read instead. */
  unknown: number;
  /** Sequences longer than the net reads: their oldest items were left out. */
  cut: number;
}

interface Plan {
  readonly fields: ClickFields;
  /** Table row of each level of a sequence, where the sequence has levels. */
  readonly levelRow: Readonly<Record<string, Int32Array>>;
}

/** Reads off the features what the net is to be built of. @throws LiftwiseError (data) for a column it has no place for */
export function fitInputs(x: Features, sequenceLength: number, id: string): ClickInputs {
  const sequences = x.columns.filter((column) => column.kind === "sequence");
  const single = x.columns.filter((column) => column.kind !== "sequence");
  const levelRow: Record<string, Int32Array> = {};
  const sizes = new Map<string, number>(single.map((column) => [column.name, sizeOf(column, id)]));
  const behaviour: SequenceField[] = [];
  const similarities: string[] = [];
  for (const column of sequences) {
    const table = column.name.replace(/_seq$/, "");
    const field = single.find(({ name }) => name === table);
    if (field === undefined) {
      similarities.push(checkedSimilarity(column, id));
      continue;
    }
    if (table.startsWith("user"))
      throw dataError(`${id}: column "${column.name}" is a sequence of the user field "${table}"; sequences hold earlier values of an ad field`);
    behaviour.push({ name: column.name, table, length: sequenceLength });
    sizes.set(table, sharedTable(field, column, sizes.get(table) as number, levelRow, id));
  }
  const fieldOf = ({ name }: Column): Field => ({ name, size: sizes.get(name) as number });
  const fields: ClickFields = {
    user: single.filter(({ name }) => name.startsWith("user")).map(fieldOf),
    ad: single.filter(({ name }) => !name.startsWith("user")).map(fieldOf),
    sequences: behaviour,
    similarities,
  };
  if (fields.ad.length === 0) throw dataError(`${id}: no feature describes the ad (every name begins with "user"); give at least one that does`);
  return inputsOf({ fields, levelRow });
}

/** Inputs of the benchmark's files, whose columns are indices: nothing is looked up. */
export function indexInputs(fields: ClickFields): ClickInputs {
  return inputsOf({ fields, levelRow: {} });
}

export function restoreInputs(json: Json, arrays: Readonly<Record<string, ArrayState>>): ClickInputs {
  const { fields, levels } = json as unknown as { fields: ClickFields; levels: string[] };
  return inputsOf({ fields, levelRow: Object.fromEntries(levels.map((name) => [name, arrays[`levels.${name}`].data as Int32Array])) });
}

function inputsOf(plan: Plan): ClickInputs {
  const { fields } = plan;
  const single = [...fields.user, ...fields.ad];
  const spec: Record<string, ColumnSpec> = {};
  for (const { name } of single) spec[name] = { shape: [], dtype: "int" };
  for (const { name, length } of fields.sequences) spec[name] = { shape: [length], dtype: "int" };
  for (const name of fields.similarities) spec[name] = { shape: [similarityBins], dtype: "float" };
  const size = new Map(single.map((field) => [field.name, field.size]));
  return {
    fields,
    spec,
    columns: (x, from, to, found = { unknown: 0, cut: 0 }) => {
      const byName = new Map(x.columns.map((column) => [column.name, column]));
      const values: Record<string, Value> = {};
      for (const { name, size } of single) values[name] = rows(indices(byName.get(name) as NumberColumn | CategoryColumn, from, to, size, found));
      for (const { name, table, length } of fields.sequences)
        values[name] = rows(items(byName.get(name) as SequenceColumn, from, to, length, size.get(table) as number, plan.levelRow[name], found), [length]);
      for (const name of fields.similarities) values[name] = rows(histograms(byName.get(name) as SequenceColumn, from, to), [similarityBins]);
      return values;
    },
    state: () => ({
      json: { fields: fields as unknown as Json, levels: Object.keys(plan.levelRow) },
      arrays: Object.fromEntries(Object.entries(plan.levelRow).map(([name, data]) => [`levels.${name}`, { shape: [data.length], data }])),
    }),
  };
}

/** Rows of a field's table: one more than its levels, or than the largest index. */
function sizeOf(column: CategoryColumn | NumberColumn, id: string): number {
  if (column.kind === "category") return column.levels.length + 1;
  return largest(column.values, column.name, id) + 1;
}

const mostRows = 2 ** 26;

function largest(values: Float64Array, name: string, id: string): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (Number.isNaN(v)) continue;
    if (!(Number.isInteger(v) && v >= 0 && v < mostRows))
      throw dataError(
        `${id}: column "${name}" holds ${v} where an index is wanted, a whole number from 0 to ${mostRows - 1}; read it as text, or cut it into classes`,
      );
    most = Math.max(most, v);
  }
  return most;
}

/** Size of the table that a field and its sequence share; what only the sequence knows comes after the field's own levels. */
function sharedTable(field: CategoryColumn | NumberColumn, column: SequenceColumn, size: number, levelRow: Record<string, Int32Array>, id: string): number {
  if ((field.kind === "category") !== (column.levels !== undefined))
    throw dataError(`${id}: "${field.name}" and its sequence "${column.name}" must both be text or both be indices; read them alike`);
  if (field.kind === "number") return Math.max(size, largest(column.values, column.name, id) + 1);
  const known = new Map(field.levels.map((level, code) => [level, code + 1]));
  let next = size;
  levelRow[column.name] = Int32Array.from(column.levels ?? [], (level) => known.get(level) ?? next++);
  return next;
}

function checkedSimilarity(column: SequenceColumn, id: string): string {
  if (column.levels !== undefined)
    throw dataError(
      `${id}: sequence "${column.name}" belongs to no feature; call it <feature>_seq after the feature whose earlier values it holds, or leave it out`,
    );
  const bad = column.values.findIndex((v) => !(v >= -1.001 && v <= 1.001) && !Number.isNaN(v));
  if (bad >= 0)
    throw dataError(
      `${id}: sequence "${column.name}" is no <feature>_seq, so it is taken for similarities, which lie from -1 to 1; it holds ${column.values[bad]}`,
    );
  return column.name;
}

function indices(column: NumberColumn | CategoryColumn, from: number, to: number, size: number, found: Replaced): Int32Array {
  const out = new Int32Array(to - from);
  if (column.kind === "category") {
    for (let i = from; i < to; i++) out[i - from] = column.codes[i] + 1;
    return out;
  }
  for (let i = from; i < to; i++) out[i - from] = known(column.values[i], size, found);
  return out;
}

function known(value: number, size: number, found: Replaced): number {
  if (Number.isNaN(value)) return 0;
  if (Number.isInteger(value) && value >= 0 && value < size) return value;
  found.unknown++;
  return 0;
}

function items(column: SequenceColumn, from: number, to: number, length: number, size: number, levelRow: Int32Array | undefined, found: Replaced): Int32Array {
  const out = new Int32Array((to - from) * length);
  for (let i = from; i < to; i++) {
    const end = column.offsets[i + 1];
    const start = Math.max(column.offsets[i], end - length);
    if (start > column.offsets[i]) found.cut++;
    // The newest item stands last, padding first.
    let at = (i - from + 1) * length - (end - start);
    for (let k = start; k < end; k++, at++) {
      const value = column.values[k];
      out[at] = levelRow === undefined ? known(value, size, found) : value >= 0 ? levelRow[value] : 0;
    }
  }
  return out;
}

/** Histograms of sequences of any length; missing cosines count nowhere. */
function histograms(column: SequenceColumn, from: number, to: number): Float32Array {
  const out = new Float32Array((to - from) * similarityBins);
  for (let i = from; i < to; i++) similarityRow(column.values, column.offsets[i], column.offsets[i + 1], out, (i - from) * similarityBins);
  return out;
}

/** What was replaced, as notes for a prediction or report. */
export function notesOf({ unknown, cut }: Replaced, length: number): string[] {
  return [
    ...(unknown > 0 ? [`${unknown} indices are beyond the tables the model was fitted with and are taken as unknown`] : []),
    ...(cut > 0 ? [`${cut} sequences have more than ${length} items; the newest ${length} are read`] : []),
  ];
}

/** @throws LiftwiseError (usage) where the net's groups of 16 would not come out even */
export function checkWidth(fields: ClickFields, width: number): void {
  if (width % 16 !== 0) throw usageError(`width: must be a multiple of 16, got ${width}`);
  if (fields.ad.some(({ size }) => size < 1) || fields.user.some(({ size }) => size < 1))
    throw dataError("fields: a vocabulary is empty; every field has at least the unknown value");
}

import { dataError } from "../../base/errors.ts";
import type { Column, Features } from "../../data/schema.ts";
import { type Plan, reserve } from "./arena.ts";
import { quantileCuts } from "./cuts.ts";
import type { Kernels } from "./kernels.ts";
import type { WasmMemory } from "../../base/wasm.ts";

/** What the codes of one column stand for. Code 0 is missing; a number has codes 1 .. cuts + 1, a category 1 .. levels. */
export interface BinnedColumn {
  readonly name: string;
  readonly kind: "number" | "category";
  /** Codes in all, the missing one included. */
  readonly bins: number;
  /** Cuts of a number, see `quantileCuts`; empty for a category. */
  readonly cuts: Float64Array;
  /** Names of a category's levels; empty for a number. */
  readonly levels: readonly string[];
  /** Two bytes a code instead of one. */
  readonly wide: boolean;
  /** Where the codes lie, one row after another. */
  readonly codes: number;
}

/** Columns as small whole numbers, one byte a cell (two where a category has over 255 levels): all that growing trees reads. */
export interface Table {
  readonly rows: number;
  readonly columns: readonly BinnedColumn[];
  /** Bytes of one number column's chunk of values, used while encoding. */
  readonly staging: number;
}

const stagingRows = 8192;
const paddedCuts = 255;

/** @throws LiftwiseError (data) for a sequence, or a category of more than 65,535 levels */
export function planTable(plan: Plan, x: Features, bins: number): Table {
  const columns = x.columns.map((column): BinnedColumn => {
    if (column.kind === "sequence")
      throw dataError(`trees: column "${column.name}" is a sequence; trees read numbers and categories, so leave it out of the features`);
    const names = column.kind === "category" ? column.levels : [];
    const levels = names.length;
    if (levels > 65_535)
      throw dataError(
        `trees: column "${column.name}" has ${levels} levels where at most 65535 are allowed; leave it out if it is an identifier, or merge rare levels`,
      );
    const cuts = column.kind === "category" ? new Float64Array(0) : quantileCuts(column.values, bins);
    const codes = column.kind === "category" ? levels + 1 : cuts.length + 2;
    const wide = codes > 256;
    return { name: column.name, kind: column.kind, bins: codes, cuts, levels: names, wide, codes: reserve(plan, x.rows * (wide ? 2 : 1)) };
  });
  return { rows: x.rows, columns, staging: reserve(plan, 8 * (stagingRows + paddedCuts)) };
}

/** The table without what only its reader needs, to be sent to threads. */
export function bare(table: Table): Table {
  const none = new Float64Array(0);
  return { ...table, columns: table.columns.map((column) => ({ ...column, cuts: none, levels: [] })) };
}

/** Writes the codes of `x` into the planned places. */
export function fillTable(memory: WasmMemory, kernels: Kernels, table: Table, x: Features): void {
  for (let j = 0; j < table.columns.length; j++) {
    const column = x.columns[j];
    if (column.kind === "number") encodeNumbers(memory, kernels, table, table.columns[j], column.values);
    else encodeLevels(memory, table.columns[j], column);
  }
}

function encodeNumbers(memory: WasmMemory, kernels: Kernels, table: Table, { cuts, codes }: BinnedColumn, values: Float64Array): void {
  const staged = new Float64Array(memory.buffer, table.staging, stagingRows);
  const padded = new Float64Array(memory.buffer, table.staging + 8 * stagingRows, paddedCuts).fill(Number.POSITIVE_INFINITY);
  padded.set(cuts);
  for (let begin = 0; begin < values.length; begin += stagingRows) {
    const end = Math.min(values.length, begin + stagingRows);
    staged.set(values.subarray(begin, end));
    kernels.encode(staged.byteOffset, staged.byteOffset + 8 * (end - begin), padded.byteOffset, codes + begin);
  }
}

function encodeLevels(memory: WasmMemory, { wide, codes }: BinnedColumn, column: Column): void {
  if (column.kind !== "category") return;
  const n = column.codes.length;
  const into = wide ? new Uint16Array(memory.buffer, codes, n) : new Uint8Array(memory.buffer, codes, n);
  for (let i = 0; i < n; i++) into[i] = column.codes[i] + 1;
}

import { usageError } from "../../base/errors.ts";
import type { Numbers, Value } from "../engine/contract.ts";
import type { Graph } from "../graph.ts";
import type { Tensor } from "../tensor.ts";

type Floats = Float32Array | Float64Array;

/** The batch columns that read each lazy table, found in the graph. @throws LiftwiseError (usage) when a table or its indices are used otherwise */
export function lookupsOf(graph: Graph, tables: ReadonlyMap<string, Tensor>, columnPrefix: string): Map<string, string[]> {
  const lookups = new Map([...tables.keys()].map((name) => [name, [] as string[]]));
  const owner = new Map<string, string>();
  const inputNames = new Map([...tables].map(([name, x]) => [x.op === "input" ? x.attributes.name : "", name]));
  const tableOf = (x: Tensor): string | undefined => (x.op === "input" ? inputNames.get(x.attributes.name) : undefined);
  for (const x of graph.nodes) {
    x.inputs.forEach((read, k) => {
      const table = tableOf(read);
      if (table === undefined) return;
      const column = x.op === "gather" && k === 0 ? columnOf(x.inputs[1], columnPrefix) : undefined;
      if (column === undefined)
        throw usageError(
          `weights: the lazy table "${table}" is read by ${x.op}, but may only be read by gather with a column of the batch as indices; set lazy: false`,
        );
      if ((owner.get(column) ?? table) !== table)
        throw usageError(
          `weights: column "${column}" indexes both lazy tables "${owner.get(column)}" and "${table}"; give it to the batch twice, or set lazy: false`,
        );
      owner.set(column, table);
      const list = lookups.get(table) as string[];
      if (!list.includes(column)) list.push(column);
    });
  }
  for (const x of graph.nodes) {
    if (x.op === "gather" && tableOf(x.inputs[0]) !== undefined) continue;
    for (const read of x.inputs) {
      const name = read.op === "input" && read.attributes.name.startsWith(columnPrefix) ? read.attributes.name.slice(columnPrefix.length) : undefined;
      const moves = x.op === "reshape" || x.op === "slice";
      if (name !== undefined && owner.has(name) && !moves)
        throw usageError(
          `weights: column "${name}" indexes the lazy table "${owner.get(name)}" and is also read by ${x.op}; give it to the batch twice, or set lazy: false`,
        );
    }
  }
  return lookups;
}

function columnOf(x: Tensor, prefix: string): string | undefined {
  if (x.op === "reshape" || x.op === "slice") return columnOf(x.inputs[0], prefix);
  return x.op === "input" && x.attributes.name.startsWith(prefix) ? x.attributes.name.slice(prefix.length) : undefined;
}

/** Numbers the rows that a batch names 0, 1, 2, ... in ascending order, in which the table is read and written fastest. */
export class RowIndex {
  // Number of each row of the table: -1 not named, from 0 on once `order` has been called.
  private readonly slot: Int32Array;
  private readonly touched: Int32Array;
  private count = 0;
  private readonly name: string;

  constructor(name: string, size: number) {
    this.name = name;
    this.slot = new Int32Array(size).fill(-1);
    this.touched = new Int32Array(size);
  }

  /** Notes the rows that a column names. */
  mark(data: Numbers, column: string): void {
    const { slot, touched } = this;
    let { count } = this;
    for (let i = 0; i < data.length; i++) {
      const row = data[i];
      const seen = slot[row];
      if (seen === undefined) throw usageError(`columns: "${column}" holds ${row}, but the table "${this.name}" has rows 0 .. ${slot.length - 1}`);
      if (seen >= 0) continue;
      slot[row] = 0;
      touched[count++] = row;
      this.count = count;
    }
  }

  /** The rows that were marked since `clear`, ascending. */
  order(): Int32Array {
    const { slot, touched, count } = this;
    const rows = touched.subarray(0, count);
    if (count * 8 < slot.length) rows.sort();
    // Many rows are found faster by going through all than by sorting.
    else for (let row = 0, k = 0; row < slot.length; row++) if (slot[row] >= 0) touched[k++] = row;
    for (let k = 0; k < count; k++) slot[rows[k]] = k;
    return rows;
  }

  /** Indices of a marked column in terms of `order()`, into `out`. */
  renumber({ data, shape }: Value, out: Int32Array): Value {
    for (let i = 0; i < out.length; i++) out[i] = this.slot[data[i]];
    return { data: out, shape };
  }

  clear(): void {
    for (let i = 0; i < this.count; i++) this.slot[this.touched[i]] = -1;
    this.count = 0;
  }
}

/** Rows of a table, one after the other, into `out`. */
export function takeRowsOf(table: Floats, width: number, rows: Int32Array, out: Floats): void {
  for (let i = 0, o = 0; i < rows.length; i++) for (let j = rows[i] * width, end = j + width; j < end; j++) out[o++] = table[j];
}

/** Adds each row of `values` to the row of `sums` that `rows` names for it. */
export function addRows(sums: Floats, width: number, rows: Numbers, values: Numbers): void {
  for (let i = 0, o = 0; i < rows.length; i++) for (let j = rows[i] * width, end = j + width; j < end; j++) sums[j] += values[o++];
}

/** Adds `scale` times these rows of a table to sums that lie one after the other. */
export function addScaledRows(sums: Floats, width: number, table: Floats, rows: Int32Array, scale: number): void {
  for (let i = 0, o = 0; i < rows.length; i++) for (let j = rows[i] * width, end = j + width; j < end; j++) sums[o++] += scale * table[j];
}

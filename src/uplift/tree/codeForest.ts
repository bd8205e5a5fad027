import { z } from "zod";
import { dataError } from "../../base/errors.ts";
import type { ArrayState } from "../../base/state.ts";
import type { Features } from "../../data/schema.ts";
import type { BinnedColumn } from "../../learn/tree/table.ts";

/** Codes of a table, column by column: what forests walk on. */
export type Codes = readonly (Uint8Array | Uint16Array)[];

/**
 * Trees on codes, laid end to end, in a few bytes a node: forests of hundreds of deep trees stay small. A node is three words:
 * column, test, left child; the right child follows the left one. A number goes left when `code - 1 < test` as unsigned, or where the test
 * is written as its complement (negative), when `code < ~test + 1`, which takes the missing ones (code 0) along; a category when bit `code` of the
 * set that begins at word `test` of `sets` is on. In a leaf the column is -1 and the test is where its values begin, in units of `outputs`.
 */
export interface CodeForest {
  readonly roots: Int32Array;
  readonly nodes: Int32Array;
  readonly sets: Int32Array;
  readonly values: Float64Array;
  readonly outputs: number;
}

export const nodeWords = 3;

/** Whether each column is a category: the two kinds of test. */
export function categories(columns: readonly BinnedColumn[]): Uint8Array {
  return Uint8Array.from(columns, ({ kind }) => (kind === "category" ? 1 : 0));
}

/** The leaf a row falls into, from the node at `root`: an index of nodes. */
export function leafOf(nodes: Int32Array, sets: Int32Array, codes: Codes, isCategory: Uint8Array, root: number, row: number): number {
  let node = root;
  for (let column = nodes[nodeWords * node]; column >= 0; column = nodes[nodeWords * node]) {
    const code = codes[column][row];
    const test = nodes[nodeWords * node + 1];
    let right: boolean;
    if (isCategory[column] === 1) right = ((sets[test + (code >> 5)] >>> (code & 31)) & 1) === 0;
    else if (test >= 0) right = (code - 1) >>> 0 >= test;
    else right = code > ~test;
    node = nodes[nodeWords * node + 2] + (right ? 1 : 0);
  }
  return node;
}

/** The test of a number whose codes up to `cut` go left, with or without the missing ones. */
export function numberTest(cut: number, missingLeft: boolean): number {
  return missingLeft ? ~cut : cut;
}

/** Trees grown apart, put together in the order given. */
export interface TreePart {
  readonly roots: Int32Array;
  readonly nodes: Int32Array;
  readonly sets: Int32Array;
  readonly values: Float64Array;
}

/** The result lies in shared memory, so that workers can be given it without a copy. */
export function joinTrees(parts: readonly TreePart[], columns: readonly BinnedColumn[], outputs: number): CodeForest {
  const total = (pick: (part: TreePart) => ArrayLike<number>): number => parts.reduce((sum, part) => sum + pick(part).length, 0);
  const roots = new Int32Array(new SharedArrayBuffer(4 * total((p) => p.roots)));
  const nodes = new Int32Array(new SharedArrayBuffer(4 * total((p) => p.nodes)));
  const sets = new Int32Array(new SharedArrayBuffer(4 * total((p) => p.sets)));
  const values = new Float64Array(new SharedArrayBuffer(8 * total((p) => p.values)));
  const isCategory = categories(columns);
  let [trees, words, setWords, numbers] = [0, 0, 0, 0];
  for (const part of parts) {
    for (const root of part.roots) roots[trees++] = words / nodeWords + root;
    nodes.set(part.nodes, words);
    for (let at = words; at < words + part.nodes.length; at += nodeWords) {
      if (nodes[at] < 0) nodes[at + 1] += numbers / outputs;
      else {
        if (isCategory[nodes[at]] === 1) nodes[at + 1] += setWords;
        nodes[at + 2] += words / nodeWords;
      }
    }
    sets.set(part.sets, setWords);
    values.set(part.values, numbers);
    words += part.nodes.length;
    setWords += part.sets.length;
    numbers += part.values.length;
  }
  return { roots, nodes, sets, values, outputs };
}

/** Codes of new data by the columns a forest was grown on. */
export function encode(x: Features, columns: readonly BinnedColumn[]): Codes {
  return x.columns.map((column, j) => {
    const { wide, cuts } = columns[j];
    const codes = wide ? new Uint16Array(x.rows) : new Uint8Array(x.rows);
    if (column.kind === "category") for (let i = 0; i < x.rows; i++) codes[i] = column.codes[i] + 1;
    else if (column.kind === "number") for (let i = 0; i < x.rows; i++) codes[i] = codeOf(column.values[i], cuts);
    return codes;
  });
}

/** 1 + how many cuts lie below the value; 0 for NaN. */
function codeOf(value: number, cuts: Float64Array): number {
  if (Number.isNaN(value)) return 0;
  let low = 0;
  let high = cuts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= cuts[middle]) high = middle;
    else low = middle + 1;
  }
  return low + 1;
}

export function forestArrays(forest: CodeForest, columns: readonly BinnedColumn[]): Record<string, ArrayState> {
  const { outputs, values, ...arrays } = forest;
  const cuts = Float64Array.from(columns.flatMap((column) => Array.from(column.cuts)));
  const state: Record<string, ArrayState> = {
    values: { shape: [values.length / outputs, outputs], data: values.slice() },
    cuts: { shape: [cuts.length], data: cuts },
  };
  for (const [name, data] of Object.entries(arrays)) state[name] = { shape: [data.length], data: data.slice() };
  return state;
}

/** What is kept of a column in the saved description; the cuts of all columns are one array. */
export interface SavedColumn {
  readonly name: string;
  readonly kind: "number" | "category";
  readonly bins: number;
  readonly levels: readonly string[];
}

export const savedColumn: z.ZodType<SavedColumn> = z.strictObject({
  name: z.string(),
  kind: z.enum(["number", "category"]),
  bins: z.int(),
  levels: z.array(z.string()),
});

export function savedColumns(columns: readonly BinnedColumn[]): SavedColumn[] {
  return columns.map(({ name, kind, bins, levels }) => ({ name, kind, bins, levels }));
}

/** @throws LiftwiseError (data) for arrays that are missing or of another type */
export function restoreForest(arrays: Readonly<Record<string, ArrayState>>, saved: readonly SavedColumn[]): { forest: CodeForest; columns: BinnedColumn[] } {
  const words = (name: string): Int32Array => {
    const data = arrays[name]?.data;
    if (!(data instanceof Int32Array)) throw dataError(`saved trees: array "${name}" is missing or of the wrong type; the file is damaged or not one of ours`);
    return data;
  };
  const { values, cuts } = { values: arrays.values, cuts: arrays.cuts };
  if (!(values?.data instanceof Float64Array && cuts?.data instanceof Float64Array))
    throw dataError("saved trees: values or cuts are missing; the file is damaged or not one of ours");
  let at = 0;
  const columns = saved.map(({ name, kind, bins, levels }): BinnedColumn => {
    const count = kind === "number" ? bins - 2 : 0;
    at += count;
    return { name, kind, bins, levels, wide: bins > 256, codes: 0, cuts: (cuts.data as Float64Array).slice(at - count, at) };
  });
  const forest = { roots: words("roots"), nodes: words("nodes"), sets: words("sets"), values: values.data, outputs: values.shape[1] };
  return { forest, columns };
}

import { type Plan, reserve } from "./arena.ts";
import { type Kernels, kernelsOn } from "./kernels.ts";
import { type Loss, type LossName, lossOf } from "./loss.ts";
import { foundSize } from "./split.ts";
import type { Table } from "./table.ts";
import { control, mostTasks } from "./team.ts";
import type { WasmMemory, WasmModule } from "../../base/wasm.ts";

/** Where all that a boosting fit works on lies in the shared memory, in bytes. Plain data: workers are sent it. */
export interface JobLayout {
  readonly table: Table;
  readonly loss: LossName;
  readonly tweediePower: number;
  /** -1, 0 or 1 a column. */
  readonly monotone: Int8Array;
  /** Treatments (1: none are told apart), and where each row's is. */
  readonly arms: number;
  readonly arm: number;
  /** Most leaves of a tree. */
  readonly leaves: number;
  readonly threads: number;
  /** Rows of a task that goes over rows. */
  readonly chunk: number;
  readonly control: number;
  readonly numbers: number;
  /** Outcome, weight (0: every row counts once) and score of each row. */
  readonly y: number;
  readonly weight: number;
  readonly score: number;
  /** Gradient and curvature of each row, as records. */
  readonly records: number;
  /** The rows the tree is grown on, leaf after leaf; as much room to part them in; the rows it is not grown on. */
  readonly rows: number;
  readonly parted: number;
  readonly others: number;
  /** By task: length of the left part; largest gradient and curvature. */
  readonly leftParts: number;
  readonly peaks: number;
  readonly chosen: number;
  /** Where a column's cells begin within a histogram, and the size of one. */
  readonly cells: Int32Array;
  readonly cellBytes: number;
  /** Histograms of leaves, one after another. */
  readonly histograms: number;
  /** By thread: a histogram of its own, gathered records (16 bytes with arms), and gradients and curvatures of a block of rows. */
  readonly buffers: number;
  readonly bufferBytes: number;
  /** By thread: the tag of the histogram it last added to. */
  readonly written: number;
  /** Best split on each chosen column of the smaller, then of the larger child. */
  readonly splits: number;
  /** The tree that is being grown, as `nodeWords` words and a value a node; sets of its categories; node and span of each leaf. */
  readonly nodes: number;
  readonly nodeValues: number;
  readonly sets: number;
  readonly spans: number;
}

/** A node in shared memory: column (-1 in a leaf), then first code and span of codes that go left (span -1: address of the set first), left child. */
export const nodeWords = 4;

/** Rows that are gathered at a time: their records stay in the first cache. */
export const blockRows = 4096;
const smallestChunk = 8192;

/** Arguments of an operation: words of the control block, */
export const argument = {
  begin: 0,
  end: 1,
  columns: 2,
  tag: 3,
  small: 4,
  large: 5,
  searchSmall: 6,
  searchLarge: 7,
  code: 8,
  wide: 9,
  from: 10,
  span: 11,
  leftEnd: 12,
  others: 13,
} as const;
/** and numbers: units, factor on values, `SplitLimits`, then bounds and sums (three an arm) of both children. */
export const number = { gUnit: 0, hUnit: 1, countShift: 2, scale: 3, limits: 4, small: 16 } as const;
export const bounds = { low: 0, high: 1, sums: 2 } as const;
export const largeAt = (arms: number): number => number.small + bounds.sums + 3 * arms;

export interface JobSettings {
  readonly loss: LossName;
  readonly tweediePower: number;
  readonly monotone: Int8Array;
  readonly arms: number;
  readonly weighted: boolean;
  readonly leaves: number;
  readonly threads: number;
}

export function planJob(plan: Plan, table: Table, settings: JobSettings): JobLayout {
  const n = table.rows;
  const p = table.columns.length;
  const { leaves, threads, weighted, arms, ...rest } = settings;
  const cells = new Int32Array(p);
  let cellBytes = 0;
  for (let j = 0; j < p; j++) {
    cells[j] = cellBytes;
    cellBytes += 16 * arms * table.columns[j].bins;
  }
  const chunk = Math.max(smallestChunk, Math.ceil(n / (mostTasks - 1)));
  const tasks = Math.ceil(n / chunk) + 1;
  const bufferBytes = roomOf(cellBytes) + 16 * blockRows + 16 * blockRows;
  const setWords = table.columns.reduce((most, { kind, bins }) => (kind === "category" ? Math.max(most, (bins + 31) >> 5) : most), 0);
  return {
    ...rest,
    table,
    arms,
    arm: arms > 1 ? reserve(plan, n) : 0,
    leaves,
    threads,
    chunk,
    cells,
    cellBytes,
    bufferBytes,
    control: reserve(plan, 4 * control.words),
    numbers: reserve(plan, 8 * numbersIn(arms)),
    y: reserve(plan, 8 * n),
    weight: weighted ? reserve(plan, 8 * n) : 0,
    score: reserve(plan, 8 * n),
    records: reserve(plan, 8 * n),
    rows: reserve(plan, 4 * n),
    parted: reserve(plan, 4 * n),
    others: reserve(plan, 4 * n),
    leftParts: reserve(plan, 4 * tasks),
    peaks: reserve(plan, 16 * tasks),
    chosen: reserve(plan, 4 * p),
    histograms: reserve(plan, cellBytes * leaves),
    buffers: reserve(plan, bufferBytes * threads),
    written: reserve(plan, 4 * threads),
    splits: reserve(plan, 8 * 2 * p * foundSize(arms)),
    nodes: reserve(plan, 4 * nodeWords * 2 * leaves),
    nodeValues: reserve(plan, 8 * arms * 2 * leaves),
    sets: reserve(plan, 4 * setWords * leaves),
    spans: reserve(plan, 12 * leaves),
  };
}

const numbersIn = (arms: number): number => largeAt(arms) + bounds.sums + 3 * arms;

const roomOf = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** Where in its buffer a thread gathers records, after its histogram. */
export const gatheredAt = ({ cellBytes }: JobLayout): number => roomOf(cellBytes);

/** Views of all that a layout names. */
export interface Job {
  readonly layout: JobLayout;
  readonly kernels: Kernels;
  readonly loss: Loss;
  /** The whole memory. */
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Int32Array;
  readonly control: Int32Array;
  readonly arguments: Int32Array;
  readonly numbers: Float64Array;
  readonly arm: Uint8Array;
  readonly y: Float64Array;
  readonly weight: Float64Array | undefined;
  readonly score: Float64Array;
  readonly records: Int32Array;
  readonly rows: Int32Array;
  readonly others: Int32Array;
  readonly leftParts: Int32Array;
  readonly peaks: Float64Array;
  readonly chosen: Int32Array;
  readonly written: Int32Array;
  readonly splits: Float64Array;
  readonly nodes: Int32Array;
  readonly nodeValues: Float64Array;
  readonly spans: Int32Array;
}

export function openJob(memory: WasmMemory, layout: JobLayout, module?: WasmModule): Job {
  const { buffer } = memory;
  const n = layout.table.rows;
  const p = layout.table.columns.length;
  const tasks = Math.ceil(n / layout.chunk) + 1;
  const words = (at: number, length: number): Int32Array => new Int32Array(buffer, at, length);
  const doubles = (at: number, length: number): Float64Array => new Float64Array(buffer, at, length);
  const block = words(layout.control, control.words);
  return {
    layout,
    kernels: kernelsOn(memory, module),
    loss: lossOf(layout.loss, layout.tweediePower),
    bytes: new Uint8Array(buffer),
    halves: new Uint16Array(buffer),
    words: new Int32Array(buffer),
    control: block,
    arguments: block.subarray(control.arguments),
    numbers: doubles(layout.numbers, numbersIn(layout.arms)),
    arm: new Uint8Array(buffer, layout.arm, layout.arms > 1 ? n : 0),
    y: doubles(layout.y, n),
    weight: layout.weight === 0 ? undefined : doubles(layout.weight, n),
    score: doubles(layout.score, n),
    records: words(layout.records, 2 * n),
    rows: words(layout.rows, n),
    others: words(layout.others, n),
    leftParts: words(layout.leftParts, tasks),
    peaks: doubles(layout.peaks, 2 * tasks),
    chosen: words(layout.chosen, p),
    written: words(layout.written, layout.threads),
    splits: doubles(layout.splits, 2 * p * foundSize(layout.arms)),
    nodes: words(layout.nodes, nodeWords * 2 * layout.leaves),
    nodeValues: doubles(layout.nodeValues, layout.arms * 2 * layout.leaves),
    spans: words(layout.spans, 3 * layout.leaves),
  };
}

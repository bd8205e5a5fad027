import { type Plan, reserve } from "../../learn/tree/arena.ts";
import { type Kernels, kernelsOn } from "../../learn/tree/kernels.ts";
import { bare, type Table } from "../../learn/tree/table.ts";
import type { WasmMemory, WasmModule } from "../../base/wasm.ts";
import type { Codes } from "./codeForest.ts";

/** Where the data of a forest and the workspaces of its threads lie in the shared memory, in bytes. Plain data: workers are sent it. */
export interface ForestLayout {
  readonly table: Table;
  /** Cells a code has in a histogram: one an arm. */
  readonly arms: number;
  /** One record a row, and its arm. */
  readonly records: number;
  readonly arm: number;
  /** Columns of 64-bit numbers, as many as the family of trees wants; the first is the weight. */
  readonly numbers: readonly number[];
  /** Unit of each row that is sampled as one (a cluster), -1: every row its own. */
  readonly unit: number;
  readonly cells: Int32Array;
  readonly cellBytes: number;
  readonly threads: number;
  /** Records a row of the node has gathered at once; 0: they are gathered block by block from `records`. */
  readonly planes: number;
  /** By thread: a set of codes, rows, room to part them, gathered records, histograms. */
  readonly workspaces: number;
  readonly workspaceBytes: number;
  readonly histograms: number;
}

/** Room for the set of a category with the most levels. */
const setBytes = 8192;

/** Room for what searching a node of few rows writes: its sorted rows, what is found, and the columns searched. */
const fewBytes = (columns: number): number => 2048 + room(4 * columns);

/** Rows whose records are gathered at a time. */
export const blockRows = 4096;

export function planForest(
  plan: Plan,
  table: Table,
  settings: {
    readonly arms: number;
    readonly numbers: number;
    readonly clustered: boolean;
    readonly threads: number;
    readonly histograms: number;
    readonly planes: number;
  },
): ForestLayout {
  const n = table.rows;
  const { arms, threads, histograms, planes } = settings;
  const cells = new Int32Array(table.columns.length);
  let cellBytes = 0;
  for (let j = 0; j < cells.length; j++) {
    cells[j] = cellBytes;
    cellBytes += 16 * arms * table.columns[j].bins;
  }
  const workspaceBytes = setBytes + fewBytes(cells.length) + 3 * room(4 * n) + gatheredBytes(planes, n) + histograms * room(cellBytes);
  return {
    table: bare(table),
    arms,
    cells,
    cellBytes,
    threads,
    histograms,
    planes,
    workspaceBytes,
    records: planes === 0 ? reserve(plan, 8 * n) : -1,
    arm: reserve(plan, n),
    numbers: Array.from({ length: settings.numbers }, () => reserve(plan, 8 * n)),
    unit: settings.clustered ? reserve(plan, 4 * n) : -1,
    workspaces: reserve(plan, workspaceBytes * threads),
  };
}

const gatheredBytes = (planes: number, rows: number): number => room(planes === 0 ? 16 * blockRows : 8 * planes * rows);

const room = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** Views of the data and of one thread's workspace. */
export interface ForestJob {
  readonly layout: ForestLayout;
  readonly kernels: Kernels;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly codes: Codes;
  readonly records: Int32Array;
  readonly arm: Uint8Array;
  readonly numbers: readonly Float64Array[];
  readonly unit: Int32Array | undefined;
  /** Byte addresses in the thread's workspace: a set of codes, room for searching few rows, lists of rows, gathered records, histograms. */
  readonly setAt: number;
  readonly fewAt: number;
  readonly rowsAt: number;
  readonly partedAt: number;
  readonly gatheredAt: number;
  readonly histogramsAt: number;
  readonly histogramBytes: number;
  /** Whether a row has no weight. */
  readonly isEmpty: (row: number) => boolean;
  /** Rows the tree is grown on, and rows it is estimated on. */
  readonly rows: Int32Array;
  readonly estimation: Int32Array;
}

export function openForest(memory: WasmMemory, layout: ForestLayout, slot: number, module?: WasmModule): ForestJob {
  const { buffer } = memory;
  const n = layout.table.rows;
  const setAt = layout.workspaces + slot * layout.workspaceBytes;
  const fewAt = setAt + setBytes;
  const rowsAt = fewAt + fewBytes(layout.table.columns.length);
  const partedAt = rowsAt + room(4 * n);
  const estimationAt = partedAt + room(4 * n);
  const gatheredAt = estimationAt + room(4 * n);
  const records = new Int32Array(buffer, Math.max(0, layout.records), layout.records < 0 ? 0 : 2 * n);
  const numbers = layout.numbers.map((at) => new Float64Array(buffer, at, n));
  return {
    layout,
    kernels: kernelsOn(memory, module),
    words: new Int32Array(buffer),
    doubles: new Float64Array(buffer),
    codes: layout.table.columns.map(({ wide, codes }) => (wide ? new Uint16Array(buffer, codes, n) : new Uint8Array(buffer, codes, n))),
    records,
    isEmpty: layout.records < 0 ? (row) => numbers[0][row] === 0 : (row) => records[2 * row + 1] === 0,
    arm: new Uint8Array(buffer, layout.arm, n),
    numbers,
    unit: layout.unit < 0 ? undefined : new Int32Array(buffer, layout.unit, n),
    setAt,
    fewAt,
    rowsAt,
    partedAt,
    gatheredAt,
    histogramsAt: gatheredAt + gatheredBytes(layout.planes, n),
    histogramBytes: room(layout.cellBytes),
    rows: new Int32Array(buffer, rowsAt, n),
    estimation: new Int32Array(buffer, estimationAt, n),
  };
}

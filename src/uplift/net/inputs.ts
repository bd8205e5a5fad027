import type { Json } from "../../base/state.ts";
import { type ColumnSpec, concat, type Layer, nn, reshape, rows, type Tensor, type Tensors, type Value } from "../../compute/index.ts";
import type { CategoryColumn, Features } from "../../data/schema.ts";
import { type Encoder, fitEncoder, restoreEncoder } from "../../learn/encode.ts";

/**
 * Features as a net reads them. Numbers and categories of few levels become standardised columns with marks for what was missing (see `fitEncoder`);
 * every category of many levels becomes an index into a table of learned vectors, in which row 0 stands for missing, rare and unknown levels.
 */
export interface Inputs {
  /** Columns of a batch: `x` [width], and `codes` [categories] where there are categories of many levels. */
  readonly spec: Readonly<Record<string, ColumnSpec>>;
  /** Width of what the layer gives. */
  readonly width: number;
  /** The batch as one tensor [rows, width]. */
  readonly layer: Layer<[batch: Readonly<Record<string, Tensor>>], Tensor>;
  /** Rows `start` .. `end - 1` as columns of a batch; all rows unless said otherwise. */
  columns(x: Features, start?: number, end?: number): Readonly<Record<string, Value>>;
  /** Names of what the plain columns hold, and of the categories with learned vectors. */
  readonly names: readonly string[];
  state(): Json;
}

export interface InputsOptions {
  /** n row weights for means and scales. */
  readonly weight?: Float64Array;
  /** Most levels of a category that become columns of their own. Defaults to 20. */
  readonly plainLevels?: number;
  /** Width of the learned vectors. Defaults to 8. */
  readonly vectorWidth?: number;
}

// A category of many levels: its place among the features, and the table row of each level.
interface Coded {
  readonly at: number;
  readonly name: string;
  readonly rowOf: readonly number[];
}

interface Plan {
  readonly plain: readonly number[];
  readonly coded: readonly Coded[];
  readonly tableRows: number;
  readonly vectorWidth: number;
  readonly encoder: Json;
}

// A level seen fewer times teaches its vector nothing; it shares that of the unknown.
const rare = 3;
// From this many rows on, only the rows of the batch are updated.
const lazyFrom = 4096;

export function fitInputs(x: Features, options: InputsOptions = {}): Inputs {
  const { weight, plainLevels = 20, vectorWidth = 8 } = options;
  const many = x.columns.map((column) => column.kind === "category" && column.levels.length > plainLevels);
  const coded: Coded[] = [];
  let tableRows = 1;
  x.columns.forEach((column, at) => {
    if (!many[at]) return;
    const { codes, levels, name } = column as CategoryColumn;
    const counts = new Int32Array(levels.length);
    for (const code of codes) if (code >= 0) counts[code]++;
    coded.push({ at, name, rowOf: Array.from(counts, (count) => (count < rare ? 0 : tableRows++)) });
  });
  const plain = x.columns.map((_, at) => at).filter((at) => !many[at]);
  const encoder = fitEncoder(only(x, plain), { weight, maxLevels: plainLevels });
  return inputs({ plain, coded, tableRows, vectorWidth, encoder: encoder.state() }, encoder);
}

export function restoreInputs(state: Json): Inputs {
  const plan = state as unknown as Plan;
  return inputs(plan, restoreEncoder(plan.encoder));
}

function inputs(plan: Plan, encoder: Encoder): Inputs {
  const { plain, coded, tableRows, vectorWidth } = plan;
  // A net needs something to look at, even where nothing varies.
  const plainWidth = Math.max(encoder.names.length, coded.length === 0 ? 1 : 0);
  const table = coded.length === 0 ? undefined : nn.embedding(tableRows, vectorWidth, { lazy: tableRows >= lazyFrom, decay: true });
  const spec: Record<string, ColumnSpec> = {};
  if (plainWidth > 0) spec.x = { shape: [plainWidth], dtype: "float" };
  if (coded.length > 0) spec.codes = { shape: [coded.length], dtype: "int" };
  return {
    spec,
    width: plainWidth + coded.length * vectorWidth,
    names: [...encoder.names, ...coded.map(({ name }) => name)],
    layer: {
      init: table === undefined ? {} : { vectors: table.init },
      apply: (weights, { x, codes }) => {
        if (table === undefined) return x;
        const vectors = reshape(table.apply(weights.vectors as Tensors, codes), [-1, coded.length * vectorWidth]);
        return x === undefined ? vectors : concat([x, vectors], 1);
      },
    },
    columns: (x, start = 0, end = x.rows) => {
      const columns: Record<string, Value> = {};
      if (plainWidth > 0) columns.x = rows(interleaved(encoder, only(x, plain), start, end, plainWidth), [plainWidth]);
      if (coded.length > 0) columns.codes = rows(codesOf(x, coded, start, end), [coded.length]);
      return columns;
    },
    state: () => plan as unknown as Json,
  };
}

function only(x: Features, places: readonly number[]): Features {
  return { rows: x.rows, columns: places.map((at) => x.columns[at]) };
}

const block = 4096;

/** The encoder's columns row by row, in single precision. */
function interleaved(encoder: Encoder, x: Features, start: number, end: number, width: number): Float32Array {
  const out = new Float32Array((end - start) * width);
  const columns = encoder.names.map(() => new Float64Array(Math.min(block, end - start)));
  if (columns.length === 0) return out.fill(1);
  for (let from = start; from < end; from += block) {
    const to = Math.min(end, from + block);
    encoder.fill(x, from, to, columns);
    columns.forEach((column, j) => {
      for (let i = from, o = (from - start) * width + j; i < to; i++, o += width) out[o] = column[i - from];
    });
  }
  return out;
}

function codesOf(x: Features, coded: readonly Coded[], start: number, end: number): Int32Array {
  const out = new Int32Array((end - start) * coded.length);
  coded.forEach(({ at, rowOf }, k) => {
    const { codes } = x.columns[at] as CategoryColumn;
    for (let i = start; i < end; i++) out[(i - start) * coded.length + k] = codes[i] < 0 ? 0 : (rowOf[codes[i]] ?? 0);
  });
  return out;
}

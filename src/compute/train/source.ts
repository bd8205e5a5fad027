import { usageError } from "../../base/errors.ts";
import type { Rng } from "../../base/rng.ts";
import type { Numbers, Value } from "../engine/contract.ts";
import { input, type Size, symbol, type Tensor } from "../tensor.ts";

/** What a column of a batch holds in each row: its shape without the rows ([] for one number), and whether it is an index. */
export interface ColumnSpec {
  readonly shape: readonly number[];
  readonly dtype: "float" | "int";
}

/** Some rows of every column; each value has the rows as its first axis. It may be overwritten once the next batch is asked for. */
export interface Batch {
  readonly rows: number;
  readonly values: Readonly<Record<string, Value>>;
}

/** Where batches come from. */
export interface Source<C extends string = string> {
  readonly columns: Readonly<Record<C, ColumnSpec>>;
  /** Batches in an epoch, where that is known beforehand. */
  readonly batchCount?: number;
  /** Most rows in a batch, where that is known. */
  readonly batchRows?: number;
  /** One pass over the data; the order may be drawn from `rng`. */
  batches(epoch: number, rng: Rng): Iterable<Batch> | AsyncIterable<Batch>;
}

/** n rows of numbers that lie one after the other, `shape` being that of one row. A plain array is taken as one number a row. */
export function rows(data: Numbers, shape: readonly number[] = []): Value {
  const width = shape.reduce((a, b) => a * b, 1);
  if (data.length % width !== 0) throw usageError(`rows: ${data.length} numbers are not a whole number of rows of [${shape.join(", ")}]`);
  return { data, shape: [data.length / width, ...shape] };
}

export function specOf<C extends string>(columns: Readonly<Record<C, Value>>): Readonly<Record<C, ColumnSpec>> {
  const spec = Object.entries<Value>(columns).map(([name, { shape, data }]) => [
    name,
    { shape: shape.slice(1), dtype: data instanceof Int32Array ? "int" : "float" },
  ]);
  return Object.fromEntries(spec) as Readonly<Record<C, ColumnSpec>>;
}

export function rowCount(columns: Readonly<Record<string, Value>>): number {
  const counts = Object.entries(columns).map(([name, { shape }]): [string, number] => [name, shape[0]]);
  for (const [name, count] of counts)
    if (count !== counts[0][1]) throw usageError(`columns: "${name}" has ${count} rows, "${counts[0][0]}" has ${counts[0][1]}`);
  return counts[0]?.[1] ?? 0;
}

export interface ArraysOptions {
  /** Most rows in a batch; an epoch is cut into the fewest batches of nearly equal size, so that none is a small remainder. */
  readonly batch: number;
  /** Rows in a new random order each epoch. Defaults to true. */
  readonly shuffle?: boolean;
}

/** Batches from arrays in memory. */
export function arrays<C extends string>(columns: Readonly<Record<C, Value>>, { batch, shuffle = true }: ArraysOptions): Source<C> {
  const n = rowCount(columns);
  if (!(Number.isInteger(batch) && batch >= 1)) throw usageError(`batch: must be a whole number of at least 1, got ${batch}`);
  if (n === 0) throw usageError("columns: there are no rows to train on");
  const batchCount = Math.ceil(n / batch);
  const spec = specOf(columns);
  const names = Object.keys(spec) as C[];
  return {
    columns: spec,
    batchCount,
    batchRows: Math.ceil(n / batchCount),
    *batches(_, rng) {
      const order = Int32Array.from({ length: n }, (_, i) => i);
      if (shuffle) rng.shuffle(order);
      for (let b = 0; b < batchCount; b++) {
        const taken = order.subarray(Math.floor((b * n) / batchCount), Math.floor(((b + 1) * n) / batchCount));
        yield { rows: taken.length, values: Object.fromEntries(names.map((name) => [name, takeRows(columns[name], taken)])) };
      }
    },
  };
}

/** Batches from anywhere, such as a file too large for memory: `open` starts a new pass. */
export function stream<C extends string>(
  columns: Readonly<Record<C, ColumnSpec>>,
  open: (epoch: number) => AsyncIterable<Batch>,
  batchCount?: number,
): Source<C> {
  return { columns, batchCount, batches: (epoch) => open(epoch) };
}

export function takeRows({ data, shape }: Value, taken: Int32Array): Value {
  const width = data.length / shape[0];
  const out: Numbers =
    data instanceof Int32Array
      ? new Int32Array(taken.length * width)
      : data instanceof Float64Array
        ? new Float64Array(taken.length * width)
        : new Float32Array(taken.length * width);
  if (width === 1) for (let i = 0; i < taken.length; i++) out[i] = data[taken[i]];
  else if (width < 32) for (let i = 0, o = 0; i < taken.length; i++) for (let j = taken[i] * width, end = j + width; j < end; j++) out[o++] = data[j];
  else for (let i = 0; i < taken.length; i++) out.set(data.subarray(taken[i] * width, (taken[i] + 1) * width), i * width);
  return { data: out, shape: [taken.length, ...shape.slice(1)] };
}

/** Consecutive parts of at most `most` rows, without copying. */
export function* parts(columns: Readonly<Record<string, Value>>, most: number): Generator<Batch> {
  const n = rowCount(columns);
  for (let from = 0; from < n; from += most) {
    const to = Math.min(n, from + most);
    const values = Object.entries(columns).map(([name, { data, shape }]) => {
      const width = data.length / n;
      return [name, { data: data.subarray(from * width, to * width), shape: [to - from, ...shape.slice(1)] }];
    });
    yield { rows: to - from, values: Object.fromEntries(values) };
  }
}

/** The rows of a batch, as a size. */
export const batchRows: Size = symbol("rows");

/** The batch as tensors, with `rows` as their first axis. */
export function batchTensors<C extends string>(columns: Readonly<Record<C, ColumnSpec>>, prefix = ""): Readonly<Record<C, Tensor>> {
  const tensors = Object.entries<ColumnSpec>(columns).map(([name, { shape, dtype }]) => [name, input(prefix + name, [batchRows, ...shape], dtype)]);
  return Object.fromEntries(tensors) as Readonly<Record<C, Tensor>>;
}

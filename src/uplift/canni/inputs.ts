import { quantileSorted } from "../../base/stats/quantile.ts";
import type { Json } from "../../base/state.ts";
import * as c from "../../compute/index.ts";
import { candidatesOf, flagsOf, sellersRole } from "../../data/sellers.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Column, Features, SequenceColumn } from "../../data/schema.ts";
import { fitInputs, type Inputs, restoreInputs } from "../net/inputs.ts";

/** How features of users, sellers and incentives become the columns of a batch. Rows of a batch are users, their candidates padded to a common number. */
export interface SellersInputs {
  /** Features without the incentive, and the incentive: encoded widths come from their layers. */
  readonly pair: Inputs;
  readonly offer: Inputs;
  readonly events: Events | undefined;
  /** Levels of the category; 0 where there is none. */
  readonly categories: number;
  state(): Json;
}

/** Columns of the history as numbers: one-hot texts, standardised numbers. */
export interface Events {
  readonly width: number;
  /** Most events of a user. */
  readonly most: number;
  /** Place among the sequences of the one that names categories of sellers; -1 where none does. */
  readonly category: number;
}

interface LogPlan {
  readonly name: string;
  readonly unit: number;
}
interface EventPlan {
  readonly name: string;
  readonly levels: number;
  readonly mean: number;
  readonly scale: number;
}
interface Plan {
  readonly pair: Json;
  readonly offer: Json;
  readonly logs: readonly LogPlan[];
  readonly incentives: readonly string[];
  readonly category: string | null;
  readonly categories: number;
  readonly events: readonly EventPlan[];
  readonly most: number;
  readonly sameCategory: number;
}

/** Rows of one dataset in the order of their users, as plain arrays: what batches are cut from. */
export interface SellersTable {
  readonly users: number;
  readonly offsets: Int32Array;
  /** Row of the dataset at each place. */
  readonly rows: Int32Array;
  readonly most: number;
  /** By place: encoded columns, each with the width of a row. */
  readonly columns: Readonly<Record<string, { readonly data: Float32Array | Int32Array; readonly width: number }>>;
  /** By user: one number each. */
  readonly perUser?: Readonly<Record<string, Float32Array>>;
  /** By user: events, their categories, and which are there. */
  readonly history?: {
    readonly data: Float32Array;
    readonly category: Int32Array;
    readonly present: Float32Array;
    readonly width: number;
    readonly most: number;
  };
}

const isSequence = (column: Column): column is SequenceColumn => column.kind === "sequence";

export function fitSellersInputs(data: Dataset, mostEvents: number): SellersInputs {
  const role = sellersRole(data);
  const x = data.features();
  const sequences = x.columns.filter(isSequence);
  const incentives = role.incentives.filter((name) => x.columns.some((column) => column.name === name));
  const plain = x.columns.filter((column) => !isSequence(column));
  const logs = plain.flatMap((column) => {
    const unit = column.kind === "number" ? logUnit(column.values) : 0;
    return unit > 0 ? [{ name: column.name, unit }] : [];
  });
  const logged = plain.map((column) => inLogs(column, logs));
  const part = (offer: boolean): Features => ({ rows: x.rows, columns: logged.filter(({ name }) => incentives.includes(name) === offer) });
  const category = role.category === undefined ? undefined : data.column(role.category);
  const levels = category?.kind === "category" ? category.levels : [];
  let most = 0;
  for (const { offsets } of sequences) for (let i = 0; i < x.rows; i++) most = Math.max(most, offsets[i + 1] - offsets[i]);
  const plan: Plan = {
    pair: fitInputs(part(false)).state(),
    offer: fitInputs(part(true)).state(),
    logs,
    incentives,
    category: levels.length > 0 ? (role.category as string) : null,
    categories: levels.length,
    events: most === 0 ? [] : sequences.map(planEvents),
    most: Math.min(most, mostEvents),
    sameCategory: sequences.findIndex((column) => column.levels !== undefined && levels.length > 0 && column.levels.every((level) => levels.includes(level))),
  };
  return inputsOf(plan);
}

export function restoreSellersInputs(state: Json): SellersInputs {
  return inputsOf(state as unknown as Plan);
}

function inputsOf(plan: Plan): SellersInputs {
  const width = plan.events.reduce((sum, { levels }) => sum + Math.max(1, levels), 0);
  return {
    pair: restoreInputs(plan.pair),
    offer: restoreInputs(plan.offer),
    events: plan.events.length === 0 ? undefined : { width, most: plan.most, category: plan.sameCategory },
    categories: plan.categories,
    state: () => plan as unknown as Json,
  };
}

/** Median of a number that is never negative and has a long tail, so that it is better read on a logarithmic scale; else 0. */
function logUnit(values: Float64Array): number {
  const known = values.filter((value) => !Number.isNaN(value));
  if (known.length < 20 || known.some((value) => value < 0)) return 0;
  const positive = known.filter((value) => value > 0).sort();
  if (positive.length < known.length / 10) return 0;
  const [median, high] = [quantileSorted(positive, 0.5), quantileSorted(positive, 0.99)];
  return high > 3 * median ? median : 0;
}

function inLogs(column: Column, logs: readonly LogPlan[]): Column {
  const plan = logs.find(({ name }) => name === column.name);
  if (plan === undefined || column.kind !== "number") return column;
  return { ...column, values: column.values.map((value) => Math.log(Math.max(value, 0) / plan.unit + 0.05)) };
}

function planEvents(column: SequenceColumn): EventPlan {
  const { values, levels, name } = column;
  if (levels !== undefined) return { name, levels: levels.length, mean: 0, scale: 1 };
  let [count, sum, square] = [0, 0, 0];
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    count++;
    sum += value;
    square += value * value;
  }
  const mean = count > 0 ? sum / count : 0;
  return { name, levels: 0, mean, scale: Math.sqrt(Math.max(count > 0 ? square / count - mean * mean : 0, 0)) || 1 };
}

/**
 * @param order place of each row in an order of its own, by which the candidates of a user are lined up: results then do not depend on the order of the data
 */
export function tableOf(inputs: SellersInputs, data: Dataset, order?: ArrayLike<number>): SellersTable {
  const plan = inputs.state() as unknown as Plan;
  const { users, offsets, rows: given, most } = candidatesOf(data);
  const rows = given.slice();
  if (order !== undefined) for (let u = 0; u < users; u++) rows.subarray(offsets[u], offsets[u + 1]).sort((a, b) => order[a] - order[b]);
  const x = data.features();
  const plain = x.columns.filter((column) => !isSequence(column)).map((column) => inLogs(column, plan.logs));
  const part = (offer: boolean): Features => ({ rows: x.rows, columns: plain.filter(({ name }) => plan.incentives.includes(name) === offer) });
  const columns: Record<string, { data: Float32Array | Int32Array; width: number }> = {};
  const add = (prefix: string, own: Readonly<Record<string, c.Value>>): void => {
    for (const [name, value] of Object.entries(own)) {
      const taken = c.takeRows(value, rows);
      columns[prefix + name] = { data: taken.data as Float32Array | Int32Array, width: value.shape.slice(1).reduce((a, b) => a * b, 1) };
    }
  };
  add("pair ", inputs.pair.columns(part(false)));
  add("offer ", inputs.offer.columns(part(true)));
  if (plan.category !== null) {
    const column = data.column(plan.category);
    const codes = column.kind === "category" ? column.codes : new Int32Array(data.rows).fill(-1);
    columns.category = { data: rows.map((row) => codes[row]), width: 1 };
  }
  const planned = flagsOf(data, sellersRole(data).planned, "the plan");
  columns.t = { data: Float32Array.from(rows, (row) => planned[row]), width: 1 };
  const history = inputs.events === undefined ? undefined : historyOf(plan, inputs.events, x, data, { users, offsets, rows });
  return { users, offsets, rows, most, columns, ...(history === undefined ? {} : { history }) };
}

// The history is the user's: it is read from the first of the user's rows that has one.
function historyOf(
  plan: Plan,
  { width, most }: Events,
  x: Features,
  data: Dataset,
  { users, offsets, rows }: Pick<SellersTable, "users" | "offsets" | "rows">,
): NonNullable<SellersTable["history"]> {
  const out = {
    data: new Float32Array(users * most * width),
    category: new Int32Array(users * most).fill(-1),
    present: new Float32Array(users * most),
    width,
    most,
  };
  const column = plan.category === null ? undefined : data.column(plan.category);
  const levels = column?.kind === "category" ? column.levels : [];
  let from = 0;
  for (const [k, { name, levels: count, mean, scale }] of plan.events.entries()) {
    const sequence = x.columns.find((candidate) => candidate.name === name) as SequenceColumn;
    const place = (sequence.levels ?? []).map((level) => levels.indexOf(level));
    for (let u = 0; u < users; u++) {
      const row = firstWith(sequence, rows, offsets[u], offsets[u + 1]);
      if (row < 0) continue;
      const [start, end] = [Math.max(sequence.offsets[row], sequence.offsets[row + 1] - most), sequence.offsets[row + 1]];
      for (let e = start; e < end; e++) {
        const at = u * most + e - start;
        const value = sequence.values[e];
        out.present[at] = 1;
        if (count > 0) {
          if (value >= 0 && value < count) out.data[at * width + from + value] = 1;
          if (k === plan.sameCategory && value >= 0) out.category[at] = place[value] ?? -1;
        } else out.data[at * width + from] = Number.isNaN(value) ? 0 : (value - mean) / scale;
      }
    }
    from += Math.max(1, count);
  }
  return out;
}

function firstWith({ offsets }: SequenceColumn, rows: Int32Array, from: number, to: number): number {
  let first = -1;
  for (let k = from; k < to; k++) if (offsets[rows[k] + 1] > offsets[rows[k]] && (first < 0 || rows[k] < first)) first = rows[k];
  return first;
}

/** Users as the rows of a batch, every user's candidates padded to `width`: a mask says which are there. */
export function batchOfUsers(table: SellersTable, users: ArrayLike<number>, width: number): Record<string, c.Value> {
  const n = users.length;
  const out: Record<string, c.Value> = {};
  for (const [name, { data, width: w }] of Object.entries(table.columns)) {
    const padded = data instanceof Int32Array ? new Int32Array(n * width * w) : new Float32Array(n * width * w);
    for (let i = 0; i < n; i++) padded.set(data.subarray(table.offsets[users[i]] * w, table.offsets[users[i] + 1] * w) as never, i * width * w);
    out[name] = { data: padded, shape: name.includes(" ") ? [n, width, w] : [n, width] };
  }
  const mask = new Float32Array(n * width);
  for (let i = 0; i < n; i++) mask.fill(1, i * width, i * width + table.offsets[users[i] + 1] - table.offsets[users[i]]);
  out.mask = { data: mask, shape: [n, width] };
  const { history, perUser = {} } = table;
  for (const [name, values] of Object.entries(perUser)) out[name] = { data: Float32Array.from(users, (u) => values[u]), shape: [n] };
  if (history !== undefined) {
    const { most, width: w } = history;
    const taken = { data: new Float32Array(n * most * w), category: new Int32Array(n * most), present: new Float32Array(n * most) };
    for (let i = 0; i < n; i++) {
      taken.data.set(history.data.subarray(users[i] * most * w, (users[i] + 1) * most * w), i * most * w);
      taken.category.set(history.category.subarray(users[i] * most, (users[i] + 1) * most), i * most);
      taken.present.set(history.present.subarray(users[i] * most, (users[i] + 1) * most), i * most);
    }
    out.events = { data: taken.data, shape: [n, most, w] };
    out.eventCategory = { data: taken.category, shape: [n, most] };
    out.present = { data: taken.present, shape: [n, most] };
  }
  return out;
}

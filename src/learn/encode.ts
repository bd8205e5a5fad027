import { dataError } from "../base/errors.ts";
import type { Json } from "../base/state.ts";
import { type Column, columnLength, type Features } from "../data/schema.ts";

/** Rows encoded in one go by those who walk over a design without holding all of it. */
export const blockRows = 4096;

export interface EncoderOptions {
  /** n row weights for means and scales. */
  readonly weight?: Float64Array;
  /** Levels of a category that get a column of their own; the rarer ones share one. Defaults to 50. */
  readonly maxLevels?: number;
}

/**
 * Turns features into p columns of numbers, each with mean 0 and standard deviation 1 over the rows it was made from.
 *
 * A number gives its value, and, where values were missing, a column that says so; a missing value stands at the mean. A category gives
 * one column a level (one in all for two levels), and one for "missing" where that occurred. A level never seen, and a value missing where
 * none was missing before, stand at the mean of their columns. Columns without variation are left out.
 */
export interface Encoder {
  /** p names: `age`, `age missing`, `city=Bonn`, `city other`. */
  readonly names: readonly string[];
  /** Columns of the features that do not vary and so were left out. */
  readonly constant: readonly string[];
  /** Writes rows `start` .. `end - 1` into the first places of the p arrays of `into`. */
  fill(x: Features, start: number, end: number, into: readonly Float64Array[]): void;
  /** The p columns for all rows. */
  encode(x: Features): Float64Array[];
  state(): Json;
}

// One column of the features and the columns made of it; `at` is the place of the first among the p.
interface NumberPlan {
  readonly kind: "number";
  readonly name: string;
  readonly mean: number;
  /** 0 where the values do not vary. */
  readonly scale: number;
  /** Share of missing values; 0 gives no column. */
  readonly missing: number;
}
interface CategoryPlan {
  readonly kind: "category";
  readonly name: string;
  /** Slot of each level: which of the category's columns it belongs to, -1 none (base level), -2 never seen. */
  readonly slots: readonly number[];
  /** Name and share of each slot. */
  readonly columns: readonly { readonly name: string; readonly share: number }[];
  /** Slot of missing values, -2 where none was missing. */
  readonly missing: number;
}
type Plan = NumberPlan | CategoryPlan;

const never = -2;

/** @throws LiftwiseError (data) for a sequence, naming it */
export function fitEncoder(x: Features, options: EncoderOptions = {}): Encoder {
  const { weight, maxLevels = 50 } = options;
  return encoder(
    x.columns.map((column) => {
      if (column.kind === "number") return planNumber(column.name, column.values, weight);
      if (column.kind === "category") return planCategory(column.name, column.codes, column.levels, maxLevels, weight);
      throw dataError(`feature "${column.name}" is a sequence, which this learner cannot use; leave it out or choose a model that reads sequences`);
    }),
  );
}

/** The encoder with this state. */
export function restoreEncoder(state: Json): Encoder {
  return encoder(state as unknown as readonly Plan[]);
}

function planNumber(name: string, values: Float64Array, weight: Float64Array | undefined): NumberPlan {
  let total = 0;
  let present = 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const w = weight === undefined ? 1 : weight[i];
    total += w;
    if (Number.isNaN(values[i])) continue;
    present += w;
    sum += w * values[i];
  }
  const mean = present > 0 ? sum / present : 0;
  let square = 0;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isNaN(values[i])) square += (weight === undefined ? 1 : weight[i]) * (values[i] - mean) ** 2;
  }
  const deviation = present > 0 ? Math.sqrt(square / present) : 0;
  // Below this the differences are rounding errors of equal numbers.
  return { kind: "number", name, mean, scale: deviation > 1e-13 * Math.abs(mean) ? deviation : 0, missing: total > 0 ? (total - present) / total : 0 };
}

function planCategory(name: string, codes: Int32Array, levels: readonly string[], maxLevels: number, weight: Float64Array | undefined): CategoryPlan {
  const counts = new Float64Array(levels.length + 1);
  let total = 0;
  for (let i = 0; i < codes.length; i++) {
    const w = weight === undefined ? 1 : weight[i];
    counts[codes[i] < 0 ? levels.length : codes[i]] += w;
    total += w;
  }
  const missingCount = counts[levels.length];
  const seen = levels.map((_, code) => code).filter((code) => counts[code] > 0);
  const common = [...seen].sort((a, b) => counts[b] - counts[a] || a - b).slice(0, seen.length > maxLevels ? maxLevels : seen.length);
  const own = common.sort((a, b) => a - b);
  // Two levels and nothing missing: the second column would only mirror the first.
  if (seen.length === 2 && missingCount === 0) own.shift();
  const slots = levels.map((_, code) => (counts[code] > 0 ? own.indexOf(code) : never));
  const columns = own.map((code) => ({ name: `${name}=${levels[code]}`, share: counts[code] / total }));
  if (seen.length > maxLevels) {
    const pooled = seen.filter((code) => slots[code] < 0);
    for (const code of pooled) slots[code] = columns.length;
    columns.push({ name: `${name} other`, share: pooled.reduce((sum, code) => sum + counts[code], 0) / total });
  }
  let missing = never;
  if (missingCount > 0) {
    missing = columns.length;
    columns.push({ name: `${name} missing`, share: missingCount / total });
  }
  return { kind: "category", name, slots, missing, columns: columns.some(({ share }) => share < 1) ? columns : [] };
}

function encoder(plans: readonly Plan[]): Encoder {
  const names = plans.flatMap(namesOf);
  const encoded = (x: Features): Float64Array[] => {
    const columns = names.map(() => new Float64Array(x.rows));
    fill(plans, x, 0, x.rows, columns);
    return columns;
  };
  return {
    names,
    constant: plans.filter((plan) => namesOf(plan).length === 0).map((plan) => plan.name),
    fill: (x, start, end, into) => fill(plans, x, start, end, into),
    encode: encoded,
    state: () => plans as unknown as Json,
  };
}

function namesOf(plan: Plan): string[] {
  if (plan.kind === "category") return plan.columns.map((column) => column.name);
  return [...(plan.scale > 0 ? [plan.name] : []), ...(plan.missing > 0 && plan.missing < 1 ? [`${plan.name} missing`] : [])];
}

function fill(plans: readonly Plan[], x: Features, start: number, end: number, into: readonly Float64Array[]): void {
  let at = 0;
  plans.forEach((plan, c) => {
    const column = x.columns[c];
    if (column === undefined || column.kind !== plan.kind || end > columnLength(column))
      throw new Error(`column ${c} is not the ${plan.kind} "${plan.name}" the encoder was made for`);
    const made = namesOf(plan).length;
    if (plan.kind === "number") fillNumber(plan, column as Extract<Column, { kind: "number" }>, start, end, into.slice(at, at + made));
    else fillCategory(plan, column as Extract<Column, { kind: "category" }>, start, end, into.slice(at, at + made));
    at += made;
  });
}

function fillNumber(plan: NumberPlan, column: Extract<Column, { kind: "number" }>, start: number, end: number, into: readonly Float64Array[]): void {
  const { values } = column;
  let next = 0;
  if (plan.scale > 0) {
    const out = into[next++];
    for (let i = start; i < end; i++) out[i - start] = Number.isNaN(values[i]) ? 0 : (values[i] - plan.mean) / plan.scale;
  }
  if (next < into.length) {
    const out = into[next];
    const [absent, present] = standardised(plan.missing);
    for (let i = start; i < end; i++) out[i - start] = Number.isNaN(values[i]) ? present : absent;
  }
}

function fillCategory(plan: CategoryPlan, column: Extract<Column, { kind: "category" }>, start: number, end: number, into: readonly Float64Array[]): void {
  const { codes } = column;
  if (into.length === 0) return;
  const marks = plan.columns.map(({ share }) => standardised(share));
  into.forEach((out, slot) => out.fill(marks[slot][0], 0, end - start));
  for (let i = start; i < end; i++) {
    const slot = codes[i] < 0 ? plan.missing : (plan.slots[codes[i]] ?? never);
    if (slot >= 0) into[slot][i - start] = marks[slot][1];
    else if (slot === never) for (const out of into) out[i - start] = 0;
  }
}

// The values of a 0/1 column with this share of ones, at mean 0 and standard deviation 1.
function standardised(share: number): readonly [number, number] {
  const scale = Math.sqrt(share * (1 - share));
  return scale > 0 ? [-share / scale, (1 - share) / scale] : [0, 0];
}

import { dataError, usageError } from "../base/errors.ts";
import type { Rng } from "../base/rng.ts";
import { asCategory, type Dataset } from "./dataset.ts";

/**
 * What is dealt out: single rows, whole groups, or stretches of time.
 * Rows and groups are dealt arm by arm, so that every part holds the arms in the same shares. Groups that hold several arms are dealt together.
 */
export type SplitBy = "row" | "group" | "time";

/** Settings of `holdout`. */
export interface HoldoutOptions {
  /** Share of the rows to hold out, above 0 and below 1. */
  readonly test: number;
  /** Groups where the data has a group column, else rows; by time, the latest rows are held out. */
  readonly by?: SplitBy;
}

/** Row numbers of the two parts, ascending. */
export interface Holdout {
  readonly train: Int32Array;
  readonly test: Int32Array;
}

/**
 * Two parts of the data. Rows of one group, or of one point in time, stay together, so that the share held out is the nearest one to be had.
 * @throws LiftwiseError (usage) for a share outside (0, 1) or a role that is not there, (data) when a part would be empty
 */
export function holdout(data: Dataset, options: HoldoutOptions, rng: Rng): Holdout {
  const { test } = options;
  if (!(test > 0 && test < 1)) throw usageError(`holdout: test is the share of rows to hold out and lies between 0 and 1, got ${test}`);
  const by = splitBy(data, options.by);
  const held = by === "time" ? latest(data, test) : dealt(data, by, rng, [1 - test, test]);
  const parts = { train: rowsWhere(held, 0), test: rowsWhere(held, 1) };
  for (const [part, rows] of Object.entries(parts))
    if (rows.length === 0)
      throw dataError(`${data.name}: holding out ${test} of ${data.rows} rows by ${by} leaves the ${part} part empty; choose another share, or split by row`);
  return parts;
}

/**
 * Fold (0 .. k - 1) of each row, of nearly equal size. By time, folds are stretches of it, the earliest being fold 0.
 * @throws LiftwiseError (usage) for k below 2, (data) when there are fewer rows, groups or points in time than folds
 */
export function folds(data: Dataset, k: number, rng: Rng, by?: SplitBy): Int32Array {
  if (!(Number.isInteger(k) && k >= 2)) throw usageError(`folds: k is a whole number of at least 2, got ${k}`);
  const how = splitBy(data, by);
  const fold =
    how === "time"
      ? stretches(data, k)
      : dealt(
          data,
          how,
          rng,
          Array.from({ length: k }, () => 1 / k),
        );
  const sizes = new Int32Array(k);
  for (const f of fold) sizes[f]++;
  if (sizes.includes(0)) throw dataError(`${data.name}: ${data.rows} rows cannot be cut into ${k} folds by ${how} without an empty one; ask for fewer folds`);
  return fold;
}

function splitBy(data: Dataset, by: SplitBy | undefined): SplitBy {
  const { group, time } = data.roles;
  if (by === "group" && group === undefined) throw usageError(`${data.name}: a split by group needs a group column; name one, or split by row`);
  if (by === "time" && time === undefined) throw usageError(`${data.name}: a split by time needs a time column; name one, or split by row`);
  return by ?? (group === undefined ? "row" : "group");
}

/** Part of each row, units being dealt at random within their stratum so that the parts come near to these shares. */
function dealt(data: Dataset, by: "row" | "group", rng: Rng, shares: readonly number[]): Int32Array {
  const treatment = data.roles.treatment === undefined ? undefined : data.treatment();
  const arm = treatment?.arm ?? new Int32Array(data.rows);
  const mixed = treatment?.arms.length ?? 1;
  const groups = by === "group" ? data.groups() : undefined;
  const units = groups?.count ?? data.rows;
  const size = new Int32Array(units);
  const stratum = new Int32Array(units);
  for (let i = 0; i < data.rows; i++) {
    const u = groups === undefined ? i : groups.index[i];
    // A group with several arms belongs to a stratum of its own kind.
    stratum[u] = size[u] === 0 || stratum[u] === arm[i] ? arm[i] : mixed;
    size[u]++;
  }
  const part = new Int32Array(units);
  for (let s = 0; s <= mixed; s++) deal(rng.split("stratum", s).shuffle(rowsWhere(stratum, s)), size, shares, part);
  return groups === undefined ? part : groups.index.map((u) => part[u]);
}

// Each unit goes to the part that lacks most of its share, so that no part is off by more than one unit.
function deal(members: Int32Array, size: Int32Array, shares: readonly number[], part: Int32Array): void {
  let total = 0;
  for (const u of members) total += size[u];
  const lacking = shares.map((share) => share * total);
  for (const u of members) {
    let most = 0;
    for (let p = 1; p < lacking.length; p++) if (lacking[p] > lacking[most]) most = p;
    part[u] = most;
    lacking[most] -= size[u];
  }
}

function timesOf(data: Dataset): Float64Array {
  const name = data.roles.time as string;
  const column = data.column(name);
  // Texts are taken to be dates written so that they sort: year, month, day.
  const values =
    column.kind === "number" ? column.values : Float64Array.from(asCategory(column, data.at(name)).codes, (code) => (code < 0 ? Number.NaN : code));
  const missing = values.findIndex((value) => Number.isNaN(value));
  if (missing >= 0) throw dataError(`${data.at(name)}: row ${missing + 1} has no time; fill it or remove the row, or split by row`);
  return values;
}

/** Where the points in time begin in the rows sorted by it: positions 0 < c < n at which a cut parts no two rows of one time. */
function cuts(times: Float64Array): { readonly sorted: Float64Array; readonly at: Int32Array } {
  const sorted = times.toSorted();
  const at = new Int32Array(sorted.length);
  let n = 0;
  for (let i = 1; i < sorted.length; i++) if (sorted[i] !== sorted[i - 1]) at[n++] = i;
  return { sorted, at: at.subarray(0, n) };
}

function nearestCut(at: Int32Array, wanted: number): number {
  let best = at[0];
  for (const cut of at) if (Math.abs(cut - wanted) < Math.abs(best - wanted)) best = cut;
  return best;
}

function latest(data: Dataset, test: number): Int32Array {
  const times = timesOf(data);
  const { sorted, at } = cuts(times);
  if (at.length === 0) throw dataError(`${data.at(data.roles.time as string)}: all rows have the same time; split by row`);
  const first = sorted[nearestCut(at, (1 - test) * data.rows)];
  return Int32Array.from(times, (time) => (time >= first ? 1 : 0));
}

function stretches(data: Dataset, k: number): Int32Array {
  const times = timesOf(data);
  const { sorted, at } = cuts(times);
  if (at.length < k - 1)
    throw dataError(`${data.at(data.roles.time as string)}: ${at.length + 1} points in time cannot be cut into ${k} folds; ask for fewer folds`);
  const starts: number[] = [];
  let from = 0;
  for (let f = 1; f < k; f++) {
    // As many points in time are left over as there are folds still to begin.
    const choice = at.subarray(from, at.length - (k - 1 - f));
    const cut = nearestCut(choice, (f * data.rows) / k);
    from = at.indexOf(cut) + 1;
    starts.push(sorted[cut]);
  }
  return Int32Array.from(times, (time) => starts.reduce((fold, start) => fold + (time >= start ? 1 : 0), 0));
}

function rowsWhere(part: Int32Array, wanted: number): Int32Array {
  let n = 0;
  for (const p of part) if (p === wanted) n++;
  const rows = new Int32Array(n);
  let at = 0;
  for (let i = 0; i < part.length; i++) if (part[i] === wanted) rows[at++] = i;
  return rows;
}

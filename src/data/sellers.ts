import { dataError } from "../base/errors.ts";
import { asCategory, type Dataset, numberColumn } from "./dataset.ts";
import type { Column, SellersRole } from "./schema.ts";

/** Rows of sellers grouped by user, ragged: user u holds `rows[offsets[u]] .. rows[offsets[u + 1] - 1]`, in the order of the data. */
export interface Candidates {
  readonly users: number;
  readonly offsets: Int32Array;
  readonly rows: Int32Array;
  /** User of each row of the data, counted in order of first appearance. */
  readonly user: Int32Array;
  readonly names: readonly string[];
  /** Candidates of the user who has the most. */
  readonly most: number;
}

/** @throws LiftwiseError (data) when no group (the user) is declared or a row has none */
export function candidatesOf(data: Dataset): Candidates {
  const groups = data.groups();
  if (groups === undefined) throw dataError(`${data.name}: no group is declared; name the column of the user, whose candidate sellers the rows are`);
  const { index, count, names } = groups;
  const offsets = new Int32Array(count + 1);
  for (let i = 0; i < index.length; i++) offsets[index[i] + 1]++;
  let most = 0;
  for (let u = 0; u < count; u++) {
    most = Math.max(most, offsets[u + 1]);
    offsets[u + 1] += offsets[u];
  }
  const next = offsets.slice(0, count);
  const rows = new Int32Array(index.length);
  for (let i = 0; i < index.length; i++) rows[next[index[i]]++] = i;
  return { users: count, offsets, rows, user: index, names, most };
}

/** The role, with what is left open filled in. @throws LiftwiseError (data) where it is not declared */
export function sellersRole(data: Dataset): SellersRole & { readonly planned: string } {
  const { sellers, treatment } = data.roles;
  if (sellers === undefined)
    throw dataError(
      `${data.name}: no candidate sellers are declared; say what the columns are: --sellers category=...,incentives=...,redeemed=...,platform=...`,
    );
  const planned = sellers.planned ?? treatment?.column;
  if (planned === undefined)
    throw dataError(`${data.name}: neither a treatment nor a plan is declared; name the column that says which incentives are given (planned)`);
  return { ...sellers, planned };
}

/** Whether the incentive is given, by row: 0 or 1. @throws LiftwiseError (data) for anything else */
export function flagsOf(data: Dataset, column: string, what: string): Uint8Array {
  const { codes, levels } = asCategory(data.column(column), data.at(column));
  const out = new Uint8Array(codes.length);
  for (let i = 0; i < codes.length; i++) {
    const value = codes[i] < 0 ? Number.NaN : Number(levels[codes[i]]);
    if (value !== 0 && value !== 1)
      throw dataError(`${data.at(column)}: ${what} is 0 or 1, and row ${i + 1} has ${codes[i] < 0 ? "none" : `"${levels[codes[i]]}"`}; recode it`);
    out[i] = value;
  }
  return out;
}

/** One way in which rows of sellers contradict each other. */
export interface SellersProblem {
  readonly kind:
    | "redeemed without assignment"
    | "redemption unknown"
    | "negative shop outcome"
    | "negative platform outcome"
    | "platform outcome unknown"
    | "platform differs within user"
    | "platform below shops"
    | "no candidate"
    | "candidate twice"
    | "incentive in a control user";
  /** Rows at fault, ascending, counted from 0. */
  readonly rows: Int32Array;
  readonly users: number;
  /** What it means, for a reader. */
  readonly what: string;
  /** What a repair would do. */
  readonly repair: string;
}

// Sums of many shops in floating point may exceed the total that a file holds rounded.
const slack = 1e-6;

/** Everything that is wrong with rows of sellers; empty when nothing is. Rows are those of `data` as it stands. */
export function sellersProblems(data: Dataset): SellersProblem[] {
  const role = sellersRole(data);
  const candidates = candidatesOf(data);
  const { user, users } = candidates;
  const n = data.rows;
  const found: SellersProblem[] = [];
  const note = (kind: SellersProblem["kind"], faulty: (row: number) => boolean, what: string, repair: string): void => {
    const rows = Int32Array.from({ length: n }, (_, i) => i).filter(faulty);
    if (rows.length > 0) found.push({ kind, rows, users: new Set(Array.from(rows, (row) => user[row])).size, what, repair });
  };
  const given = treatmentOf(data);
  const absent = missingSeller(data, role);
  note("no candidate", (i) => absent(i), "name a user and no seller", "left out, and users without any other row with them");
  if (role.seller !== undefined) {
    const twice = repeats(candidates, identityOf(data.column(role.seller)), absent);
    note("candidate twice", (i) => twice[i] === 1, "name a seller that the user has already", "left out, the first is kept");
  }
  if (role.redeemed !== undefined) {
    const redeemed = data.number(role.redeemed, "redemption");
    note("redemption unknown", (i) => redeemed[i] !== 0 && redeemed[i] !== 1, "have a redemption that is neither 0 nor 1", "taken as 0");
    if (given !== undefined)
      note("redeemed without assignment", (i) => redeemed[i] === 1 && given[i] === 0, "redeem an incentive that was not given", "taken as not redeemed");
  }
  const y = data.roles.outcomes[0] === undefined ? undefined : data.outcome();
  if (y !== undefined) note("negative shop outcome", (i) => y[i] < 0, "spend less than nothing at the shop", "taken as 0");
  if (role.platform !== undefined) {
    const platform = data.number(role.platform, "platform outcome");
    const sums = new Float64Array(users);
    const [least, most] = [new Float64Array(users).fill(Number.POSITIVE_INFINITY), new Float64Array(users).fill(Number.NEGATIVE_INFINITY)];
    for (let i = 0; i < n; i++) {
      if (y !== undefined && y[i] > 0) sums[user[i]] += y[i];
      least[user[i]] = Math.min(least[user[i]], platform[i]);
      most[user[i]] = Math.max(most[user[i]], platform[i]);
    }
    note("platform outcome unknown", (i) => Number.isNaN(platform[i]), "have no platform outcome", "their users are left out");
    note("negative platform outcome", (i) => platform[i] < 0, "spend less than nothing on the platform", "raised to the sum of the user's shops");
    note("platform differs within user", (i) => most[user[i]] > least[user[i]], "belong to a user with more than one platform outcome", "the largest is taken");
    note(
      "platform below shops",
      (i) => platform[i] >= 0 && platform[i] < sums[user[i]] * (1 - slack) - slack,
      "have a platform outcome below the sum of the user's shops",
      "raised to the sum",
    );
  }
  if (role.arm !== undefined && given !== undefined) {
    const arm = data.number(role.arm, "arm of the user");
    const wrong = new Uint8Array(users);
    const first = new Float64Array(users).fill(Number.NaN);
    for (let i = 0; i < n; i++) {
      const u = user[i];
      if (Number.isNaN(first[u])) first[u] = arm[i];
      if ((arm[i] !== 0 && arm[i] !== 1) || arm[i] !== first[u] || (arm[i] === 0 && given[i] === 1)) wrong[u] = 1;
    }
    note(
      "incentive in a control user",
      (i) => wrong[user[i]] === 1,
      "belong to a user of the control arm with an incentive, or of more than one arm",
      "their users are left out",
    );
  }
  return found;
}

function treatmentOf(data: Dataset): Int32Array | undefined {
  return data.roles.treatment === undefined ? undefined : data.treatment().arm;
}

function missingSeller(data: Dataset, role: SellersRole): (row: number) => boolean {
  const name = role.seller ?? role.category;
  if (name === undefined) return () => false;
  const column = data.column(name);
  if (column.kind === "number") return (i) => Number.isNaN(column.values[i]);
  if (column.kind === "category") return (i) => column.codes[i] < 0;
  throw dataError(`${data.at(name)}: a seller is a text or a number, not a sequence`);
}

function identityOf(column: Column): ArrayLike<number> {
  return column.kind === "number" ? column.values : column.kind === "category" ? column.codes : [];
}

function repeats({ users, offsets, rows }: Candidates, identity: ArrayLike<number>, absent: (row: number) => boolean): Uint8Array {
  const out = new Uint8Array(rows.length);
  for (let u = 0; u < users; u++) {
    const seen = new Set<number>();
    for (let k = offsets[u]; k < offsets[u + 1]; k++) {
      const row = rows[k];
      if (absent(row)) continue;
      if (seen.has(identity[row])) out[row] = 1;
      seen.add(identity[row]);
    }
  }
  return out;
}

/** One sentence a problem: count, users, and the first rows (counted from 1). */
export function problemText({ rows, users, what }: SellersProblem, shown = 5): string {
  const first = Array.from(rows.subarray(0, shown), (row) => String(row + 1));
  return `${rows.length} rows (${users} ${users === 1 ? "user" : "users"}) ${what}: ${rows.length === 1 ? "row" : "rows"} ${first.join(", ")}${rows.length > shown ? ", ..." : ""}`;
}

/** @throws LiftwiseError (data) that names every problem with its rows */
export function requireSellers(data: Dataset): void {
  const problems = sellersProblems(data);
  if (problems.length === 0) return;
  const texts = problems.map((problem) => problemText(problem));
  throw dataError(`${data.name}: ${texts.join("; ")}; correct these rows (liftwise sellers check lists all of them), or have them repaired with --repair`);
}

/** What a repair did. */
export interface SellersRepair {
  readonly data: Dataset;
  /** Rows at fault, by problem. */
  readonly repaired: Readonly<Partial<Record<SellersProblem["kind"], number>>>;
  readonly notes: readonly string[];
}

/** Mends what `sellersProblems` finds, as it says there, and counts it. The same data when nothing is wrong. */
export function repairSellers(data: Dataset): SellersRepair {
  const problems = sellersProblems(data);
  if (problems.length === 0) return { data, repaired: {}, notes: [] };
  const role = sellersRole(data);
  const { user, users } = candidatesOf(data);
  const at = (kind: SellersProblem["kind"]): Int32Array => problems.find((problem) => problem.kind === kind)?.rows ?? new Int32Array(0);
  const columns: Column[] = [];
  if (role.redeemed !== undefined) {
    const values = data.number(role.redeemed).slice();
    for (const row of [...at("redemption unknown"), ...at("redeemed without assignment")]) values[row] = 0;
    columns.push(numberColumn(role.redeemed, values));
  }
  const y = data.roles.outcomes[0] === undefined ? undefined : data.outcome().slice();
  if (y !== undefined) {
    for (const row of at("negative shop outcome")) y[row] = 0;
    columns.push(numberColumn(data.roles.outcomes[0], y));
  }
  const gone = new Uint8Array(data.rows);
  for (const row of [...at("no candidate"), ...at("candidate twice")]) gone[row] = 1;
  const out = new Uint8Array(users);
  for (const row of [...at("platform outcome unknown"), ...at("incentive in a control user")]) out[user[row]] = 1;
  for (let i = 0; i < data.rows; i++) if (out[user[i]] === 1) gone[i] = 1;
  if (role.platform !== undefined) {
    const values = data.number(role.platform);
    const [sums, most] = [new Float64Array(users), new Float64Array(users)];
    for (let i = 0; i < data.rows; i++) {
      if (gone[i] === 0 && y !== undefined && !Number.isNaN(y[i])) sums[user[i]] += y[i];
      most[user[i]] = Math.max(most[user[i]], Number.isNaN(values[i]) ? 0 : values[i]);
    }
    const short = (u: number): boolean => most[u] < sums[u] * (1 - slack) - slack;
    columns.push(
      numberColumn(
        role.platform,
        Float64Array.from(user, (u) => (short(u) ? sums[u] : most[u])),
      ),
    );
  }
  const kept = Int32Array.from({ length: data.rows }, (_, i) => i).filter((i) => gone[i] === 0);
  const mended = data.withColumns(columns);
  return {
    data: kept.length === data.rows ? mended : mended.take(kept),
    repaired: Object.fromEntries(problems.map(({ kind, rows }) => [kind, rows.length])),
    notes: problems.map((problem) => `${problemText(problem)}: ${problem.repair}`),
  };
}

import { dataError, oneOf, suggest } from "../base/errors.ts";
import {
  type CategoryColumn,
  type Column,
  columnLength,
  type Features,
  type NumberColumn,
  type OutcomeKind,
  type Role,
  type Roles,
  type SellersRole,
} from "./schema.ts";

/** Who got what: `arm[i]` is an index into `arms`, whose first entry is the control. */
export interface Treatment {
  readonly arm: Int32Array;
  readonly arms: readonly string[];
}

/**
 * An immutable table of typed columns with roles. Nothing of ours writes into its arrays, and nothing it is given may be written to
 * afterwards: columns are shared between datasets, not copied.
 */
export class Dataset {
  readonly rows: number;
  /** What errors call this data: a path, a catalogue name, "simulated". */
  readonly name: string;
  readonly roles: Roles;
  private readonly table: ReadonlyMap<string, Column>;
  private cachedTreatment: Treatment | undefined;

  /**
   * @param columns equally long, with distinct names
   * @param roles every column named must exist; a treatment may not be missing in any row
   * @throws LiftwiseError (data) that names the column at fault
   */
  constructor(columns: Iterable<Column>, roles: Roles, name = "data") {
    const table = new Map<string, Column>();
    let rows = -1;
    for (const column of columns) {
      if (table.has(column.name)) throw dataError(`${name}: column "${column.name}" appears twice; rename one of them`);
      const length = columnLength(column);
      if (rows >= 0 && length !== rows) throw dataError(`${name}: column "${column.name}" has ${length} rows where the columns before it have ${rows}`);
      rows = length;
      table.set(column.name, column);
    }
    this.rows = Math.max(0, rows);
    this.name = name;
    this.table = table;
    this.roles = roles;
    for (const used of columnsOf(roles)) this.column(used);
    if (roles.treatment !== undefined) this.treatment();
    for (const outcome of roles.outcomes) this.number(outcome, "outcome");
    if (roles.weight !== undefined)
      checkEvery(
        this.number(roles.weight, "weight"),
        this.at(roles.weight),
        (w) => w >= 0 && w < Number.POSITIVE_INFINITY,
        "a weight is finite and at least 0",
      );
    for (const column of Object.values(roles.propensity ?? {}))
      checkEvery(this.number(column, "propensity"), this.at(column), (e) => e > 0 && e < 1, "a propensity lies strictly between 0 and 1");
  }

  /** Names of all columns, in order. */
  get names(): readonly string[] {
    return [...this.table.keys()];
  }

  get columns(): readonly Column[] {
    return [...this.table.values()];
  }

  has(name: string): boolean {
    return this.table.has(name);
  }

  /** @throws LiftwiseError (data) when there is no such column, with the nearest name. */
  column(name: string): Column {
    const column = this.table.get(name);
    if (column === undefined) throw dataError(`${this.name}: there is no column "${name}"; ${suggest(name, this.names)}`);
    return column;
  }

  /** The n values of a numeric column. `use` says in the error what it was wanted for. */
  number(name: string, use = "number"): Float64Array {
    const column = this.column(name);
    if (column.kind === "number") return column.values;
    const example = column.kind === "category" ? column.levels.find((level) => Number.isNaN(Number(level))) : undefined;
    const shown = example === undefined ? "" : ` (for example ${JSON.stringify(example)})`;
    throw dataError(
      `${this.at(name)}: ${use} must be numeric, got ${column.kind === "category" ? "text" : "a sequence"}${shown}; choose another column or recode it`,
    );
  }

  /** `name: column "x"`, the start of an error about a column. */
  at(column: string): string {
    return `${this.name}: column "${column}"`;
  }

  features(): Features {
    return { rows: this.rows, columns: this.roles.features.map((name) => this.column(name)) };
  }

  /** @throws LiftwiseError (data) when no treatment is declared, a row has none, or the control is not among the arms. */
  treatment(): Treatment {
    if (this.cachedTreatment !== undefined) return this.cachedTreatment;
    const role = this.roles.treatment;
    if (role === undefined) throw dataError(`${this.name}: no treatment column is declared; name the column that says who got what`);
    const { codes, levels } = asCategory(this.column(role.column), this.at(role.column));
    const control = levels.indexOf(role.control);
    if (control < 0) throw dataError(`${this.at(role.column)}: control arm "${role.control}" does not occur; the arms are ${oneOf(levels)}`);
    const arms = [role.control, ...levels.filter((_, i) => i !== control)];
    if (arms.length < 2) throw dataError(`${this.at(role.column)}: all rows are in arm "${role.control}"; an experiment needs a treated arm as well`);
    const arm = new Int32Array(codes.length);
    let missing = 0;
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i];
      if (code < 0) missing++;
      arm[i] = code === control ? 0 : code < control ? code + 1 : code;
    }
    if (missing > 0)
      throw dataError(`${this.at(role.column)}: ${missing} of ${this.rows} rows have no treatment; remove these rows, or give them an arm of their own`);
    this.cachedTreatment = { arm, arms };
    return this.cachedTreatment;
  }

  /** The n values of an outcome (the primary one by default); NaN is missing. */
  outcome(name?: string): Float64Array {
    const column = name ?? this.roles.outcomes[0];
    if (column === undefined) throw dataError(`${this.name}: no outcome column is declared; name the column that says what happened`);
    return this.number(column, "outcome");
  }

  /** Row weights, or undefined when every row counts once. */
  weight(): Float64Array | undefined {
    return this.roles.weight === undefined ? undefined : this.number(this.roles.weight, "weight");
  }

  /** Group index of each row (0, 1, ... in order of first appearance), or undefined. */
  groups(): { readonly index: Int32Array; readonly count: number; readonly names: readonly string[] } | undefined {
    if (this.roles.group === undefined) return undefined;
    const { codes, levels } = asCategory(this.column(this.roles.group), this.at(this.roles.group), Number.POSITIVE_INFINITY);
    const seen = new Int32Array(levels.length).fill(-1);
    const index = new Int32Array(codes.length);
    const names: string[] = [];
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i];
      if (code < 0) throw dataError(`${this.at(this.roles.group)}: row ${i + 1} has no group; fill it or remove the row`);
      if (seen[code] < 0) {
        seen[code] = names.length;
        names.push(levels[code]);
      }
      index[i] = seen[code];
    }
    return { index, count: names.length, names };
  }

  /** Known propensity of an arm, or undefined when it was not given. */
  propensity(arm: string): Float64Array | undefined {
    const column = this.roles.propensity?.[arm];
    return column === undefined ? undefined : this.number(column, "propensity");
  }

  cost(arm: string): Float64Array | undefined {
    const column = this.roles.cost?.[arm];
    return column === undefined ? undefined : this.number(column, "cost");
  }

  /** True effect of an arm against control on the primary outcome, n values in its units; undefined for real data. */
  trueEffect(arm: string): Float64Array | undefined {
    const { effect, potential, treatment } = this.roles;
    if (effect?.[arm] !== undefined) return this.number(effect[arm], "effect");
    if (potential?.[arm] === undefined || treatment === undefined || potential[treatment.control] === undefined) return undefined;
    const y1 = this.number(potential[arm], "potential outcome");
    const y0 = this.number(potential[treatment.control], "potential outcome");
    return y1.map((y, i) => y - y0[i]);
  }

  /** A dataset of these rows, in this order; rows may repeat. */
  take(rows: ArrayLike<number>): Dataset {
    const cut = this.columns.map((column) => takeColumn(column, rows));
    const taken = new Dataset(cut, { ...this.roles, treatment: undefined }, this.name);
    return taken.inherit(this, rows);
  }

  // A subset keeps the arms of the whole, also those it has no row of: an arm's index means the same everywhere.
  private inherit(whole: Dataset, rows: ArrayLike<number>): Dataset {
    if (whole.roles.treatment === undefined) return this;
    const { arm, arms } = whole.treatment();
    const cut = new Int32Array(rows.length);
    for (let i = 0; i < cut.length; i++) cut[i] = arm[rows[i]];
    const result = Object.create(Dataset.prototype) as { -readonly [K in keyof Dataset]: Dataset[K] };
    return Object.assign(result, this, { roles: whole.roles, cachedTreatment: { arm: cut, arms } }) as Dataset;
  }

  /** The same columns with other roles. */
  withRoles(roles: Partial<Roles>): Dataset {
    return new Dataset(this.columns, { ...this.roles, ...roles }, this.name);
  }

  /** With these columns added, or put in the place of those of the same name. */
  withColumns(columns: readonly Column[], roles: Partial<Roles> = {}): Dataset {
    const table = new Map(this.table);
    for (const column of columns) table.set(column.name, column);
    return new Dataset(table.values(), { ...this.roles, ...roles }, this.name);
  }

  /** Only the columns that play one of these parts: what a model is allowed to see. */
  restrict(sees: readonly Role[]): Dataset {
    const kept = keepRoles(this.roles, new Set(sees));
    const names = new Set(columnsOf(kept));
    return new Dataset(
      this.columns.filter((column) => names.has(column.name)),
      kept,
      this.name,
    );
  }
}

/** Binary when only 0 and 1 occur, a count when only whole numbers >= 0 do, else continuous; missing values are passed over. */
export function outcomeKind(values: Float64Array): OutcomeKind {
  let binary = true;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (v === 0 || v === 1 || Number.isNaN(v)) continue;
    if (!(v >= 0 && Number.isInteger(v))) return "continuous";
    binary = false;
  }
  return binary ? "binary" : "count";
}

/** A column as codes and levels; numbers become levels in ascending order. @throws when a number has more than `most` distinct values. */
export function asCategory(column: Column, where: string, most = 1000): CategoryColumn {
  if (column.kind === "category") return column;
  if (column.kind === "sequence") throw dataError(`${where}: a sequence cannot be used as a category`);
  const distinct = new Set<number>();
  for (const value of column.values) if (!Number.isNaN(value)) distinct.add(value);
  if (distinct.size > most) throw dataError(`${where}: ${distinct.size} distinct numbers where at most ${most} levels are expected; is this the right column?`);
  const sorted = Float64Array.from(distinct).sort();
  const code = new Map<number, number>();
  for (let i = 0; i < sorted.length; i++) code.set(sorted[i], i);
  const codes = new Int32Array(column.values.length);
  for (let i = 0; i < codes.length; i++) codes[i] = code.get(column.values[i]) ?? -1;
  return { kind: "category", name: column.name, codes, levels: Array.from(sorted, String) };
}

/** A column of numbers; NaN is missing. */
export function numberColumn(name: string, values: ArrayLike<number>): NumberColumn {
  return { kind: "number", name, values: values instanceof Float64Array ? values : Float64Array.from(values) };
}

/** Codes follow the sorted order of the distinct texts; null and undefined are missing. */
export function categoryColumn(name: string, texts: readonly (string | null | undefined)[]): CategoryColumn {
  const levels = [...new Set(texts.filter((text): text is string => text !== null && text !== undefined))].sort(byCodePoint);
  const code = new Map(levels.map((level, i) => [level, i]));
  return { kind: "category", name, codes: Int32Array.from(texts, (text) => (text === null || text === undefined ? -1 : (code.get(text) ?? -1))), levels };
}

/** Order of texts by code point, as the database sorts them; JavaScript's own order puts U+E000 .. U+FFFF after everything beyond them. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

// Halves of a pair stand for code points beyond U+FFFF.
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

export function takeColumn(column: Column, rows: ArrayLike<number>): Column {
  const n = rows.length;
  if (column.kind === "number") {
    const values = new Float64Array(n);
    for (let i = 0; i < n; i++) values[i] = column.values[rows[i]];
    return { ...column, values };
  }
  if (column.kind === "category") {
    const codes = new Int32Array(n);
    for (let i = 0; i < n; i++) codes[i] = column.codes[rows[i]];
    return { ...column, codes };
  }
  const offsets = new Int32Array(n + 1);
  for (let i = 0; i < n; i++) offsets[i + 1] = offsets[i] + column.offsets[rows[i] + 1] - column.offsets[rows[i]];
  const values = new Float64Array(offsets[n]);
  for (let i = 0; i < n; i++) values.set(column.values.subarray(column.offsets[rows[i]], column.offsets[rows[i] + 1]), offsets[i]);
  return { ...column, offsets, values };
}

/** Every column that plays a part, each once. */
export function columnsOf(roles: Roles): string[] {
  const one = [roles.treatment?.column, roles.weight, roles.group, roles.time, roles.sample?.column].filter((name) => name !== undefined);
  const byArm = [roles.cost, roles.propensity, roles.potential, roles.effect].flatMap((record) => Object.values(record ?? {}));
  const { incentives = [], ...sellers } = roles.sellers ?? {};
  const lists = [roles.features, roles.outcomes, roles.labels ?? [], roles.surrogates ?? [], (roles.levers ?? []).map((lever) => lever.column)];
  return [...new Set([...one, ...byArm, ...lists.flat(), ...incentives, ...Object.values(sellers).filter((name) => name !== undefined)])];
}

function keepRoles(roles: Roles, keep: ReadonlySet<Role>): Roles {
  const when = <T>(role: Role, value: T): T | undefined => (keep.has(role) ? value : undefined);
  return {
    features: when("feature", roles.features) ?? [],
    outcomes: when("outcome", roles.outcomes) ?? [],
    treatment: when("treatment", roles.treatment),
    levers: when("lever", roles.levers),
    labels: when("label", roles.labels),
    surrogates: when("surrogate", roles.surrogates),
    weight: when("weight", roles.weight),
    group: when("group", roles.group),
    time: when("time", roles.time),
    sample: when("sample", roles.sample),
    // The plan is the treatment unless it is named; a model that is not shown who got what still has to know what rivals do.
    sellers: when("seller", roles.sellers && keepSellers({ ...(roles.treatment && { planned: roles.treatment.column }), ...roles.sellers }, keep)),
    cost: when("cost", roles.cost),
    propensity: when("propensity", roles.propensity),
    potential: when("potential", roles.potential),
    effect: when("effect", roles.effect),
  };
}

function keepSellers({ seller, redeemed, platform, arm, ...seen }: SellersRole, keep: ReadonlySet<Role>): SellersRole {
  const when = (role: Role, name: "seller" | "redeemed" | "platform" | "arm", value: string | undefined): Partial<SellersRole> =>
    keep.has(role) && value !== undefined ? { [name]: value } : {};
  return {
    ...seen,
    ...when("group", "seller", seller),
    ...when("label", "redeemed", redeemed),
    ...when("outcome", "platform", platform),
    ...when("treatment", "arm", arm),
  };
}

function checkEvery(values: Float64Array, where: string, holds: (value: number) => boolean, rule: string): void {
  let broken = 0;
  let first = -1;
  for (let i = 0; i < values.length; i++) {
    if (holds(values[i])) continue;
    if (broken++ === 0) first = i;
  }
  if (broken > 0)
    throw dataError(
      `${where}: ${rule}; ${broken} of ${values.length} rows do not hold, the first is row ${first + 1} with ${values[first]}; correct or remove them`,
    );
}

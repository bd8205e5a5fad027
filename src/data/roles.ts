import { dataError, oneOf, suggest, usageError } from "../base/errors.ts";
import { asCategory } from "./dataset.ts";
import { leverFrom } from "./levers.ts";
import { type Column, columnLength, type LeverRole, type Roles } from "./schema.ts";

/** Which column plays which part, as a person says it: on the command line, in a config file. What is left out comes from the catalogue, where the data is in it. */
export interface RoleFlags {
  readonly treatment?: string;
  /** The arm everything is compared with. Where it is not given: "0", or an arm called control. */
  readonly control?: string;
  /** One column, several, or a list with commas; the first is the primary one. */
  readonly outcome?: string | readonly string[];
  /** What models may see; every column without a part by default. */
  readonly features?: readonly string[];
  /** Columns that are no features, though they have no other part. */
  readonly ignore?: readonly string[];
  readonly labels?: readonly string[];
  readonly surrogates?: readonly string[];
  /** Levers; one without levels takes them from its column: numbers ascending, texts in their order, the first being the baseline. */
  readonly levers?: readonly LeverRole[];
  /** Candidate sellers: parts by name (category, seller, planned, redeemed, platform, arm), and the incentives, several joined by "+". */
  readonly sellers?: Readonly<Record<string, string>>;
  readonly weight?: string;
  readonly group?: string;
  readonly time?: string;
  /** Known probability of the arm: one column where there is one treated arm; else by arm, as a record or as "arm=column,arm=column". */
  readonly propensity?: string | Readonly<Record<string, string>>;
  /** Cost of treating, given in the same ways. */
  readonly cost?: string | Readonly<Record<string, string>>;
  /** Known true effect, given in the same ways. */
  readonly truth?: string | Readonly<Record<string, string>>;
  /** Known expected outcome by arm, control included. */
  readonly potential?: Readonly<Record<string, string>>;
  /** Columns to read besides those with a part, when features are listed: a score to evaluate, an identifier to write out. */
  readonly keep?: readonly string[];
  /** Columns read as text whatever they look like. */
  readonly text?: readonly string[];
}

/** "a,b" as a and b, unless a column is called so. */
export function listOf(value: string | readonly string[] | undefined, names: readonly string[]): string[] {
  if (value === undefined) return [];
  if (typeof value !== "string") return [...value];
  return names.includes(value) ? [value] : value.split(",").map((part) => part.trim());
}

/** Columns that flags name, and a catalogue's roles where the flags leave a part open. */
export function namedColumns(flags: RoleFlags, base: Roles | undefined, names: readonly string[]): string[] {
  const byArm = (value: string | Readonly<Record<string, string>> | undefined): string[] =>
    value === undefined ? [] : typeof value === "string" ? Object.values(pairsOf(value, names) ?? { one: value }) : Object.values(value);
  const merged =
    base === undefined
      ? []
      : [base.treatment?.column, base.weight, base.group, base.time, base.sample?.column, ...base.outcomes, ...(base.labels ?? []), ...(base.surrogates ?? [])];
  const records = base === undefined ? [] : [base.cost, base.propensity, base.potential, base.effect].flatMap((record) => Object.values(record ?? {}));
  const said = [flags.treatment, flags.weight, flags.group, flags.time, ...listOf(flags.outcome, names), ...(flags.features ?? base?.features ?? [])];
  const rest = [
    flags.labels,
    flags.surrogates,
    flags.keep,
    flags.ignore,
    flags.levers?.map((lever) => lever.column),
    Object.entries(flags.sellers ?? {}).flatMap(([part, value]) => (part === "incentives" ? value.split("+") : [value])),
    base?.sellers === undefined ? [] : sellerColumns(base.sellers),
    Object.values(flags.potential ?? {}),
  ].flatMap((list) => list ?? []);
  const all = [...said, ...rest, ...byArm(flags.propensity), ...byArm(flags.cost), ...byArm(flags.truth), ...merged, ...records];
  return [...new Set(all.filter((name) => name !== undefined))];
}

/**
 * The roles that flags give these columns.
 * @param base roles to start from; those that depend on an arm or outcome that the flags change are dropped
 * @param where what errors call the data
 * @throws LiftwiseError (data) for a column that is not there, (usage) for a control or arm that is not clear, and for a feature with another part
 */
export function rolesFrom(flags: RoleFlags, columns: readonly Column[], base: Roles | undefined, where: string): Roles {
  const names = columns.map((column) => column.name);
  const found = (name: string): string => {
    if (!names.includes(name)) throw dataError(`${where}: there is no column "${name}"; ${suggest(name, names)}`);
    return name;
  };
  const outcomes = flags.outcome === undefined ? [...(base?.outcomes ?? [])] : listOf(flags.outcome, names).map(found);
  const treatment = treatmentOf(flags, columns, base, where, found);
  const kept = keptTruth(base, treatment, outcomes);
  const arms = treatment === undefined ? [] : armsOf(columns, treatment, where);
  const byArm = (flag: string, value: string | Readonly<Record<string, string>> | undefined): Roles["cost"] =>
    value === undefined ? undefined : recordOf(flag, value, arms, names, where, found);
  const roles: Omit<Roles, "features"> = {
    treatment,
    outcomes,
    levers: flags.levers?.map((lever) => (lever.levels.length > 0 ? lever : leverFrom(columns, found(lever.column), where))) ?? base?.levers,
    sellers: sellersFrom(flags.sellers, base?.sellers, where, found),
    labels: flags.labels?.map(found) ?? base?.labels,
    surrogates: (flags.surrogates?.map(found) ?? base?.surrogates)?.filter((name) => !outcomes.includes(name)),
    weight: flags.weight === undefined ? base?.weight : found(flags.weight),
    group: flags.group === undefined ? base?.group : found(flags.group),
    time: flags.time === undefined ? base?.time : found(flags.time),
    sample: base?.sample,
    cost: byArm("cost", flags.cost) ?? kept.cost,
    propensity: byArm("propensity", flags.propensity) ?? kept.propensity,
    effect: byArm("truth", flags.truth) ?? kept.effect,
    potential: flags.potential ?? kept.potential,
  };
  for (const lever of flags.levers ?? []) found(lever.column);
  for (const name of [...Object.values(flags.potential ?? {}), ...(flags.ignore ?? []), ...(flags.keep ?? [])]) found(name);
  return { ...dropUndefined(roles), outcomes, features: featuresOf(flags, names, base, roles, where, found) };
}

function treatmentOf(
  flags: RoleFlags,
  columns: readonly Column[],
  base: Roles | undefined,
  where: string,
  found: (name: string) => string,
): Roles["treatment"] {
  const column = flags.treatment ?? base?.treatment?.column;
  if (column === undefined) {
    if (flags.control !== undefined) throw usageError(`${where}: a control arm ("${flags.control}") was named, but no treatment column; name it too`);
    return undefined;
  }
  found(column);
  const role = columns.find((candidate) => candidate.name === column) as Column;
  if (flags.control !== undefined) return { column, control: levelName(role, flags.control) };
  if (flags.treatment === undefined || flags.treatment === base?.treatment?.column) return base?.treatment as Roles["treatment"];
  const levels = asCategory(role, `${where}: column "${column}"`).levels;
  const usual = levels.includes("0") ? ["0"] : levels.filter((level) => /^(control|placebo)$/i.test(level));
  if (usual.length !== 1) throw usageError(`${where}: column "${column}": which arm is the control? name it; the arms are ${oneOf(levels)}`);
  return { column, control: usual[0] };
}

// A number may be written in more than one way.
function levelName(column: Column, level: string): string {
  if (column.kind !== "number" || level.trim() === "" || Number.isNaN(Number(level))) return level;
  return String(Number(level));
}

/** The treated arms. */
function armsOf(columns: readonly Column[], treatment: NonNullable<Roles["treatment"]>, where: string): string[] {
  const column = columns.find((candidate) => candidate.name === treatment.column) as Column;
  return asCategory(column, `${where}: column "${treatment.column}"`).levels.filter((level) => level !== treatment.control);
}

function recordOf(
  flag: string,
  value: string | Readonly<Record<string, string>>,
  arms: readonly string[],
  names: readonly string[],
  where: string,
  found: (name: string) => string,
): Readonly<Record<string, string>> {
  const pairs = typeof value === "string" ? pairsOf(value, names) : value;
  if (pairs === undefined) {
    if (arms.length !== 1)
      throw usageError(
        `${where}: ${flag}: there are ${arms.length} treated arms (${oneOf(arms)}); give a column for each: ${arms.map((arm) => `${arm}=column`).join(",")}`,
      );
    return { [arms[0]]: found(value as string) };
  }
  for (const [arm, column] of Object.entries(pairs)) {
    if (!arms.includes(arm)) throw usageError(`${where}: ${flag}: there is no treated arm "${arm}"; ${suggest(arm, arms)}`);
    found(column);
  }
  return pairs;
}

const sellerParts = ["category", "seller", "planned", "redeemed", "platform", "arm"] as const;

function sellersFrom(
  flags: Readonly<Record<string, string>> | undefined,
  base: Roles["sellers"],
  where: string,
  found: (name: string) => string,
): Roles["sellers"] {
  if (flags === undefined) return base;
  const allowed = [...sellerParts, "incentives"];
  for (const part of Object.keys(flags))
    if (!allowed.includes(part)) throw usageError(`${where}: --sellers: there is no part "${part}"; ${suggest(part, allowed)}`);
  const parts = Object.fromEntries(sellerParts.flatMap((part) => (flags[part] === undefined ? [] : [[part, found(flags[part])]])));
  const incentives = flags.incentives === undefined ? (base?.incentives ?? []) : flags.incentives.split("+").map((name) => found(name.trim()));
  return { ...base, ...parts, incentives };
}

function sellerColumns({ incentives, ...parts }: NonNullable<Roles["sellers"]>): string[] {
  return [...incentives, ...Object.values(parts)].filter((name) => name !== undefined);
}

/** "a=x,b=y" as a record; undefined for a plain column name. */
function pairsOf(value: string, names: readonly string[]): Record<string, string> | undefined {
  if (names.includes(value) || !value.includes("=")) return undefined;
  return Object.fromEntries(value.split(",").map(pairOf));
}

function pairOf(part: string): [arm: string, column: string] {
  const at = part.indexOf("=");
  return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
}

/** What a catalogue knows by arm, as far as it still holds. */
function keptTruth(
  base: Roles | undefined,
  treatment: Roles["treatment"],
  outcomes: readonly string[],
): Pick<Roles, "cost" | "propensity" | "effect" | "potential"> {
  if (base === undefined || treatment?.column !== base.treatment?.column) return {};
  const sameControl = treatment?.control === base.treatment?.control;
  const sameOutcome = outcomes[0] === base.outcomes[0];
  return {
    cost: sameControl ? base.cost : undefined,
    propensity: sameControl ? base.propensity : undefined,
    effect: sameControl && sameOutcome ? base.effect : undefined,
    potential: sameOutcome ? base.potential : undefined,
  };
}

function featuresOf(
  flags: RoleFlags,
  names: readonly string[],
  base: Roles | undefined,
  roles: Omit<Roles, "features">,
  where: string,
  found: (name: string) => string,
): string[] {
  const parts = new Map<string, string>();
  const play = (part: string, ...columns: readonly (string | undefined)[]): void => {
    for (const column of columns) if (column !== undefined) parts.set(column, part);
  };
  play("treatment", roles.treatment?.column);
  play("outcome", ...roles.outcomes);
  play("label", ...(roles.labels ?? []));
  play("surrogate", ...(roles.surrogates ?? []));
  play("weight", roles.weight);
  const { category: _, incentives: __, planned, ...sellers } = roles.sellers ?? { incentives: [] };
  play("seller", planned === roles.treatment?.column ? undefined : planned, ...Object.values(sellers));
  play("sample", roles.sample?.column);
  play("propensity", ...Object.values(roles.propensity ?? {}));
  play("cost", ...Object.values(roles.cost ?? {}));
  play("truth", ...Object.values(roles.effect ?? {}), ...Object.values(roles.potential ?? {}));
  play("lever", ...(roles.levers ?? []).map((lever) => lever.column));
  for (const name of flags.features ?? []) {
    const part = parts.get(found(name));
    if (part !== undefined) throw usageError(`${where}: column "${name}" is the ${part} and cannot be a feature too; take it out of the features`);
  }
  if (flags.features !== undefined) return flags.features.filter((name) => !(flags.ignore ?? []).includes(name));
  play("group", roles.group);
  play("time", roles.time);
  // What is known to be an outcome or a weight is no feature either when the flags choose another.
  const known = new Set(namedColumns({}, base, names));
  const open = base?.features.length ? base.features : names.filter((name) => !isRowName(name) && !known.has(name));
  return open.filter((name) => !parts.has(name) && !(flags.ignore ?? []).includes(name) && !(flags.keep ?? []).includes(name));
}

/** Whether a column came without a name: row numbers that pandas or R wrote out, which tell nothing of a unit. */
export function isRowName(name: string): boolean {
  return /^unnamed_\d+$/.test(name);
}

function dropUndefined<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
}

/** Rows of the columns. */
export function rowsOfColumns(columns: readonly Column[]): number {
  return columns.length === 0 ? 0 : columnLength(columns[0]);
}

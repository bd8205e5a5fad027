import { dataError, oneOf, suggest } from "../base/errors.ts";
import { Dataset, outcomeKind } from "../data/dataset.ts";
import type { CategoryColumn, Column, OutcomeKind, Role, Roles, SequenceColumn } from "../data/schema.ts";
import { columnLength } from "../data/schema.ts";
import { checkFinite } from "./check.ts";

/** What a fitted model knows of the data it was fitted on; plain JSON. */
export interface FittedSchema {
  /** The columns `predict` reads, with the levels of categories. */
  readonly columns: readonly { readonly name: string; readonly kind: Column["kind"]; readonly levels?: readonly string[] }[];
  /** Their parts. */
  readonly roles: Roles;
  /** Arms of the treatment, control first. */
  readonly arms?: readonly string[];
  readonly outcome?: { readonly name: string; readonly kind: OutcomeKind };
  /** Rows fitted on. */
  readonly rows: number;
}

/** @param sees the roles `predict` is shown */
export function schemaOf(data: Dataset, sees: readonly Role[]): FittedSchema {
  const seen = data.restrict(sees);
  // Names of users and shops are told apart, never learned: the next data brings others.
  const names = new Set([seen.roles.group, seen.roles.sellers?.seller]);
  const columns = seen.columns.map((column) => ({
    name: column.name,
    kind: column.kind,
    ...(column.kind !== "number" && column.levels !== undefined && !(names.has(column.name) && sees.includes("seller")) ? { levels: column.levels } : {}),
  }));
  const outcome = data.roles.outcomes[0];
  // Through JSON, so that a schema just made equals one read from a file.
  return JSON.parse(
    JSON.stringify({
      columns,
      roles: seen.roles,
      arms: data.roles.treatment === undefined ? undefined : data.treatment().arms,
      outcome: outcome === undefined ? undefined : { name: outcome, kind: outcomeKind(data.outcome()) },
      rows: data.rows,
    }),
  ) as FittedSchema;
}

/**
 * The columns of the schema out of `data`, with the schema's roles and levels, and nothing else.
 * @param where what errors start with, such as the model's id
 * @throws LiftwiseError (data) for a column that is missing, of another kind, or not finite
 */
export function conform(schema: FittedSchema, data: Dataset, where: string): { readonly data: Dataset; readonly notes: readonly string[] } {
  const notes: string[] = [];
  const columns = schema.columns.map((wanted) => {
    if (!data.has(wanted.name))
      throw dataError(`${where}: ${data.name} has no column "${wanted.name}", which the model was fitted on; ${suggest(wanted.name, data.names)}`);
    const column = data.column(wanted.name);
    if (column.kind !== wanted.kind) {
      if (allMissing(column)) return blank(wanted, data.rows);
      throw dataError(
        `${where}: ${data.at(wanted.name)} is a ${column.kind} where the model was fitted on a ${wanted.kind}; read it as ${wanted.kind === "category" ? "text" : `a ${wanted.kind}`}`,
      );
    }
    if (column.kind === "number" || wanted.levels === undefined || (column.levels !== undefined && same(column.levels, wanted.levels))) return column;
    return recode(column, wanted.levels, notes);
  });
  checkFinite(`${where}: ${data.name}`, columns);
  return { data: new Dataset(columns, schema.roles, data.name), notes };
}

function recode(column: CategoryColumn | SequenceColumn, levels: readonly string[], notes: string[]): Column {
  const place = new Map(levels.map((level, code) => [level, code]));
  const codes = (column.levels ?? []).map((level) => place.get(level) ?? -1);
  const foreign = new Map<string, number>();
  const translate = (code: number): number => {
    const known = code < 0 ? -1 : (codes[code] ?? -1);
    if (code >= 0 && known < 0) foreign.set(column.levels?.[code] ?? String(code), (foreign.get(column.levels?.[code] ?? String(code)) ?? 0) + 1);
    return known;
  };
  const recoded: Column =
    column.kind === "category" ? { ...column, codes: column.codes.map(translate), levels } : { ...column, values: column.values.map(translate), levels };
  if (foreign.size > 0) {
    const count = [...foreign.values()].reduce((a, b) => a + b, 0);
    const names = oneOf(
      [...foreign.keys()].sort().map((level) => JSON.stringify(level)),
      5,
    ).replace(" or ", " and ");
    notes.push(`column "${column.name}": ${count} entries have levels the model was not fitted on (${names}) and are taken as missing`);
  }
  return recoded;
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((level, i) => level === b[i]));
}

// A reader cannot tell the kind of a column without a single value.
function allMissing(column: Column): boolean {
  if (column.kind === "number") return column.values.every(Number.isNaN);
  if (column.kind === "category") return column.codes.every((code) => code < 0);
  return column.offsets[columnLength(column)] === 0;
}

function blank(wanted: FittedSchema["columns"][number], rows: number): Column {
  const { name } = wanted;
  if (wanted.kind === "number") return { kind: "number", name, values: new Float64Array(rows).fill(Number.NaN) };
  if (wanted.kind === "category") return { kind: "category", name, codes: new Int32Array(rows).fill(-1), levels: wanted.levels ?? [] };
  return { kind: "sequence", name, offsets: new Int32Array(rows + 1), values: new Float64Array(0), levels: wanted.levels };
}

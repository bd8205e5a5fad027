import type { DuckDBConnection } from "@duckdb/node-api";
import { dataError, suggest } from "../base/errors.ts";
import { type CsvOptions, layoutOf, loadCsv } from "./csv.ts";
import { columnsOf, exactLimit, type Field, fieldsOf, literal, pathLiteral, rowsOf, withDuck } from "./duck.ts";
import { type FileKind, kindOf } from "./file.ts";
import { readNumpy } from "./npz.ts";
import type { Column } from "./schema.ts";

/** Settings of `readTable`. */
export interface ReadOptions {
  /** Columns to read, and their order, or a choice among the names that are there; all by default. */
  readonly columns?: readonly string[] | ((names: readonly string[]) => readonly string[]);
  /** Columns read as a category whatever they look like: identifiers, codes with leading zeros. */
  readonly text?: readonly string[];
  /** CSV only: names of the columns, in place of the header's or where there is no header. */
  readonly names?: readonly string[];
  /** CSV only: whether the first line is a header; true unless `names` are given. */
  readonly header?: boolean;
}

/**
 * The columns of a file: CSV (plain or gzipped), Parquet, JSON lines, a JSON list of records, or NumPy arrays of equal length.
 *
 * Numbers are Float64 with NaN for missing; false and true are 0 and 1; dates are milliseconds since 1970 (UTC), times of day milliseconds since midnight.
 * Texts are categories whose levels ascend by code point. Whole numbers beyond 2^53 and, in CSV, numbers with leading zeros are kept as categories.
 * In CSV an empty field is missing; NA, NaN, null and their like are missing in a column of numbers and a level in a column of texts.
 * With the delimiter ";" a comma is read as the decimal point.
 * @throws LiftwiseError (data) that names the file and, where it can be known, the line
 */
export async function readTable(path: string, options: ReadOptions = {}): Promise<Column[]> {
  const kind = await kindOf(path);
  if (kind.format === "npz" || kind.format === "npy") return choose(await readNumpy(path), options, path);
  return withDuck(async (con) => {
    const { relation, fields } = await openRelation(con, "source", path, kind, options);
    return columnsOf(con, relation, fields, path, new Set(options.text));
  });
}

/** The relation that a file is to DuckDB: a table that was filled from it (CSV), or a function that scans it. */
export async function openRelation(
  con: DuckDBConnection,
  table: string,
  path: string,
  kind: FileKind,
  options: ReadOptions,
): Promise<{ readonly relation: string; readonly fields: readonly Field[] }> {
  if (kind.format === "csv") {
    const csv: CsvOptions = { names: options.names, header: options.header, text: new Set(options.text) };
    const layout = layoutOf(path, kind, csv);
    const fields = await loadCsv(con, table, kind, layout, wanted(layout.names, options, path), csv);
    return { relation: table, fields };
  }
  const { relation, fields } = kind.format === "parquet" ? await openParquet(con, path) : await openJson(con, path, options);
  const names = wanted(
    fields.map((field) => field.name),
    options,
    path,
  );
  const byName = new Map(fields.map((field) => [field.name, field]));
  return { relation, fields: names.map((name) => byName.get(name) as Field) };
}

function wanted(names: readonly string[], options: ReadOptions, path: string): readonly string[] {
  const chosen = typeof options.columns === "function" ? options.columns(names) : options.columns;
  for (const name of [...(chosen ?? []), ...(options.text ?? [])])
    if (!names.includes(name)) throw dataError(`${path}: there is no column "${name}"; ${suggest(name, names)}`);
  return chosen === undefined ? names : [...new Set(chosen)];
}

function choose(columns: readonly Column[], options: ReadOptions, path: string): Column[] {
  const names = wanted(
    columns.map((column) => column.name),
    { columns: options.columns },
    path,
  );
  const byName = new Map(columns.map((column) => [column.name, column]));
  return names.map((name) => byName.get(name) as Column);
}

async function openParquet(con: DuckDBConnection, path: string): Promise<{ relation: string; fields: Field[] }> {
  // Older writers mark texts as plain bytes.
  const relation = `read_parquet(${pathLiteral(path)}, binary_as_string = true)`;
  try {
    const [fields, names] = [await fieldsOf(con, relation), await parquetNames(con, path)];
    for (const [j, name] of names.entries()) {
      const before = names.indexOf(name);
      if (before < j) throw dataError(`${path}: column "${name}" appears twice (columns ${before + 1} and ${j + 1}); rename one of them`);
    }
    // DuckDB renames "A" where there is an "a"; the file's own names stand in the same order.
    return { relation, fields: fields.map((field, j) => ({ ...field, name: names.length === fields.length ? names[j] : field.name })) };
  } catch (error) {
    throw (error as Error).name === "LiftwiseError" ? error : damaged(path, "Parquet", error);
  }
}

async function parquetNames(con: DuckDBConnection, path: string): Promise<string[]> {
  const rows = await rowsOf(con, `select name, coalesce(num_children, 0)::DOUBLE as children from parquet_schema(${pathLiteral(path)})`);
  const names: string[] = [];
  // The schema is a tree laid out depth first under a root; its first level are the columns.
  const open = [Number(rows[0]?.children ?? 0)];
  for (const row of rows.slice(1)) {
    if (open.length === 1) names.push(String(row.name));
    open[open.length - 1]--;
    if (Number(row.children) > 0) open.push(Number(row.children));
    while (open.length > 1 && open[open.length - 1] === 0) open.pop();
  }
  return names;
}

async function openJson(con: DuckDBConnection, path: string, options: ReadOptions): Promise<{ relation: string; fields: Field[] }> {
  const file = `${pathLiteral(path)}, map_inference_threshold = -1, maximum_object_size = 67108864`;
  try {
    let relation = `read_json(${file})`;
    let fields = await fieldsOf(con, relation).catch(() => undefined);
    // A later record may contradict the types guessed from the first ones.
    const holds = fields !== undefined && (await scans(con, relation, fields));
    if (!holds) {
      relation = `read_json(${file}, sample_size = -1)`;
      fields = await fieldsOf(con, relation);
    }
    const known = fields as Field[];
    const lost = await longDigits(con, relation, known);
    const text = new Set([...lost, ...(options.text ?? [])]);
    if (!known.some((field) => text.has(field.name))) return { relation, fields: known };
    const columns = known.map((field) => `${literal(field.name)}: ${literal(text.has(field.name) ? "VARCHAR" : field.type)}`);
    return {
      relation: `read_json(${file}, columns = {${columns.join(", ")}})`,
      fields: known.map((field) => (text.has(field.name) ? { ...field, type: "VARCHAR" } : field)),
    };
  } catch (error) {
    throw damaged(path, "JSON", error);
  }
}

async function scans(con: DuckDBConnection, relation: string, fields: readonly Field[]): Promise<boolean> {
  const every = fields.map((field) => `count(${field.sql})`).join(", ");
  return rowsOf(con, `select ${every} from ${relation}`).then(
    () => true,
    () => false,
  );
}

// Floats beyond 2^53 that are whole may have been identifiers; read as text, their digits are all there.
async function longDigits(con: DuckDBConnection, relation: string, fields: readonly Field[]): Promise<string[]> {
  const floats = fields.filter((field) => field.type === "DOUBLE");
  if (floats.length === 0) return [];
  const tests = floats.map(
    ({ sql }, i) => `coalesce(bool_and(${sql} is null or (${sql} = floor(${sql}) and isfinite(${sql}))) and max(abs(${sql})) > ${exactLimit}, false) as b${i}`,
  );
  const [row] = await rowsOf(con, `select ${tests.join(", ")} from ${relation}`);
  return floats.filter((_, i) => row[`b${i}`] === true).map((field) => field.name);
}

function damaged(path: string, format: string, error: unknown): Error {
  const said = (error as Error).message
    .split("\n")[0]
    .replace(/^\w+( \w+)? Error: /, "")
    .replaceAll(/ ?(in file|file) ["'][^"']*["']/gi, "");
  return dataError(`${path}: cannot be read as ${format} (${said.slice(0, 200).replace(/\.$/, "")}); is it whole, and what its name says?`, error);
}

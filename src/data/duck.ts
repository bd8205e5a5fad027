import { availableParallelism, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { rm } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { dataError } from "../base/errors.ts";
import type { CategoryColumn, Column } from "./schema.ts";

/** Largest whole number up to which every whole number has its own double. */
export const exactLimit = 9007199254740992;

/** Rows of a chunk as DuckDB hands them over. */
const chunkRows = 2048;

let made = 0;

/** A name that nothing else in the database has. */
function unique(what: string): string {
  return `${what}_${++made}`;
}

/** A connection to a fresh in-memory database, closed with all it held when `use` is done. */
export async function withDuck<T>(use: (con: DuckDBConnection) => Promise<T>): Promise<T> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  // What does not fit in memory is spilled beside other temporary files, not into the working directory.
  const spill = join(tmpdir(), `liftwise-${process.pid}-${unique("spill")}`);
  const instance = await DuckDBInstance.create(":memory:", {
    memory_limit: `${Math.round(memoryLimit() / 1e6)}MB`,
    temp_directory: spill,
    threads: String(availableParallelism()),
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  const con = await instance.connect();
  try {
    return await use(con);
  } finally {
    con.closeSync();
    instance.closeSync();
    await rm(spill, { recursive: true, force: true });
  }
}

// A quarter of the machine (or of the container) leaves room for the typed arrays that the rows end in.
function memoryLimit(): number {
  const allowed = process.constrainedMemory?.() ?? 0;
  const machine = allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
  return Math.min(Math.max(machine / 4, 512e6), 4e9);
}

/** `"name"`, safe in SQL whatever it holds. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `'text'`, safe in SQL whatever it holds. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A path as DuckDB's file functions take it: characters it would read as a pattern stand for themselves. */
export function pathLiteral(path: string): string {
  return literal(path.replaceAll(/[[*?]/g, "[$&]"));
}

/** Rows of a small result as objects of strings, numbers and null. */
export async function rowsOf(con: DuckDBConnection, sql: string): Promise<Record<string, string | number | boolean | null>[]> {
  const reader = await con.runAndReadAll(sql);
  return reader.getRowObjectsJson() as Record<string, string | number | boolean | null>[];
}

/** One column of a relation: its name to us, the SQL that names it there, and its DuckDB type. */
export interface Field {
  readonly name: string;
  readonly sql: string;
  readonly type: string;
}

/** Names and types of a relation's columns, in order. */
export async function fieldsOf(con: DuckDBConnection, relation: string): Promise<Field[]> {
  const rows = await rowsOf(con, `describe select * from ${relation}`);
  return rows.map((row) => ({ name: String(row.column_name), sql: quoted(String(row.column_name)), type: String(row.column_type) }));
}

const whole = /^(BIGINT|UBIGINT|HUGEINT|UHUGEINT|DECIMAL\(\d+,0\))$/;
const number = /^(TINYINT|SMALLINT|INTEGER|UTINYINT|USMALLINT|UINTEGER|BIGINT|UBIGINT|HUGEINT|UHUGEINT|FLOAT|DOUBLE|DECIMAL\(.*\))$/;

/** SQL that gives a field as a number (dates in milliseconds since 1970), or undefined when it is none. */
function numberSql(field: Field): string | undefined {
  const { sql, type } = field;
  if (number.test(type)) return `${sql}::DOUBLE`;
  if (type === "BOOLEAN") return `${sql}::INTEGER::DOUBLE`;
  if (type === "TIME") return `epoch_us(${sql}) / 1000.0`;
  if (type === "DATE" || type.startsWith("TIMESTAMP"))
    return `case when isfinite(${sql}) then epoch_us(${type === "TIMESTAMP_NS" ? `${sql}::TIMESTAMP` : sql}) / 1000.0 end`;
  return undefined;
}

/** SQL that gives a field as text. */
function textSql(field: Field): string {
  return field.type === "JSON" ? `(${field.sql} ->> '$')` : `${field.sql}::VARCHAR`;
}

/**
 * The columns of a relation as typed arrays. Whole numbers beyond 2^53 stay exact as a category; lists become sequences.
 * @param relation what stands after `from`: a table, a view, a file function
 * @param where what errors call the data
 */
export async function columnsOf(
  con: DuckDBConnection,
  relation: string,
  fields: readonly Field[],
  where: string,
  text: ReadonlySet<string> = new Set(),
): Promise<Column[]> {
  const [{ n }] = await rowsOf(con, `select count(*)::DOUBLE as n from ${relation}`);
  const rows = Number(n);
  const beyond = await beyondExact(con, relation, fields);
  const plain: { field: Field; sql: string; out: Float64Array | Int32Array; levels?: readonly string[] }[] = [];
  const done = new Map<Field, Column>();
  for (const field of fields) {
    const sql = text.has(field.name) || beyond.has(field) ? undefined : numberSql(field);
    if (sql !== undefined) {
      plain.push({ field, sql: `coalesce(${sql}, 'NaN'::DOUBLE)`, out: new Float64Array(rows) });
    } else if (/\[\d*\]$/.test(field.type) && !text.has(field.name)) {
      done.set(field, await sequenceOf(con, relation, field, rows, where));
    } else if (/^(STRUCT|MAP|UNION|VARIANT)/.test(field.type) && !text.has(field.name)) {
      throw dataError(`${where}: column "${field.name}" holds nested records (${field.type.slice(0, 60)}); flatten it, or read the other columns only`);
    } else {
      const { levels, codes } = await textOf(con, relation, textSql(field), rows);
      if (typeof codes === "string") plain.push({ field, sql: codes, out: new Int32Array(rows), levels });
      else done.set(field, { kind: "category", name: field.name, codes, levels });
    }
  }
  await fill(
    con,
    `select ${plain.map((column) => column.sql).join(", ")} from ${relation}`,
    plain.map((column) => column.out),
  );
  for (const { field, out, levels } of plain)
    done.set(
      field,
      out instanceof Float64Array
        ? { kind: "number", name: field.name, values: out }
        : { kind: "category", name: field.name, codes: out, levels: levels ?? [] },
    );
  return fields.map((field) => done.get(field) as Column);
}

/** Fields of whole numbers some of which no double can hold. */
async function beyondExact(con: DuckDBConnection, relation: string, fields: readonly Field[]): Promise<ReadonlySet<Field>> {
  const wide = fields.filter((field) => whole.test(field.type));
  if (wide.length === 0) return new Set();
  const tests = wide.map(({ sql }, i) => `coalesce(max(${sql}) > ${exactLimit} or min(${sql}) < -${exactLimit}, false) as b${i}`);
  const [row] = await rowsOf(con, `select ${tests.join(", ")} from ${relation}`);
  return new Set(wide.filter((_, i) => row[`b${i}`] === true));
}

/** Most levels that are made an enum; its cost grows faster than that of a join. */
const enumLevels = 10_000;

/** Levels of a text in ascending order of code points, and its codes: as SQL to be scanned with the other columns, or, where levels are many, as they are. */
async function textOf(con: DuckDBConnection, relation: string, sql: string, rows: number): Promise<{ levels: readonly string[]; codes: string | Int32Array }> {
  const name = unique("levels");
  const texts = `(select distinct ${sql} as v from ${relation} where ${sql} is not null)`;
  await con.run(`create temp table ${name} as select v, (row_number() over (order by v) - 1)::INTEGER as code from ${texts} order by code`);
  const reader = await con.runAndReadAll(`select v from ${name} order by code`);
  const levels = (reader.getColumns()[0] as string[] | undefined) ?? [];
  if (levels.length > enumLevels) {
    const codes = new Int32Array(rows).fill(-1);
    // A join gives the rows in any order, so each comes with its number.
    const numbered = `(select (row_number() over () - 1)::INTEGER as i, ${sql} as v from ${relation})`;
    await eachChunk(con, `select r.i, l.code from ${numbered} r join ${name} l using (v)`, [4, 4], ([i, code]) => {
      const [at, value] = [new Int32Array(i.slice().buffer), new Int32Array(code.slice().buffer)];
      for (let k = 0; k < at.length; k++) codes[at[k]] = value[k];
    });
    await con.run(`drop table ${name}`);
    return { levels, codes };
  }
  await con.run(`create type e_${name} as enum (select v from ${name} order by code)`);
  await con.run(`drop table ${name}`);
  return { levels, codes: `coalesce(enum_code(${sql}::e_${name})::INTEGER, -1)` };
}

async function sequenceOf(con: DuckDBConnection, relation: string, field: Field, rows: number, where: string): Promise<Column> {
  const lengths = new Int32Array(rows);
  await fill(con, `select coalesce(len(${field.sql}), 0)::INTEGER from ${relation}`, [lengths]);
  const offsets = new Int32Array(rows + 1);
  for (let i = 0; i < rows; i++) offsets[i + 1] = offsets[i] + lengths[i];
  const inner: Field = { name: field.name, sql: "v", type: field.type.replace(/\[\d*\]$/, "") };
  const items = `(select unnest(${field.sql}) as v from ${relation})`;
  if (/\[\d*\]$|^(STRUCT|MAP)/.test(inner.type))
    throw dataError(`${where}: column "${field.name}" holds lists of ${inner.type.slice(0, 60)}; a sequence holds numbers or texts`);
  const [column] = await columnsOf(con, items, [inner], where);
  if (column.kind === "number") return { kind: "sequence", name: field.name, offsets, values: column.values };
  const { codes, levels } = column as CategoryColumn;
  return { kind: "sequence", name: field.name, offsets, values: Float64Array.from(codes, (code) => (code < 0 ? Number.NaN : code)), levels };
}

async function fill(con: DuckDBConnection, sql: string, out: readonly (Float64Array | Int32Array)[]): Promise<void> {
  if (out.length === 0) return;
  const bytes = out.map((array) => new Uint8Array(array.buffer));
  let row = 0;
  await eachChunk(
    con,
    sql,
    out.map((array) => array.BYTES_PER_ELEMENT),
    (parts, rows) => {
      for (const [j, part] of parts.entries()) bytes[j].set(part, row * out[j].BYTES_PER_ELEMENT);
      row += rows;
    },
  );
}

/**
 * Runs a query whose columns hold numbers without nulls (where there is a null, there is garbage), and shows the bytes of each chunk of rows.
 * They are the engine's memory: to be copied at once.
 * @param widths bytes of a value, by column
 */
async function eachChunk(
  con: DuckDBConnection,
  sql: string,
  widths: readonly number[],
  use: (parts: readonly Uint8Array[], rows: number) => void,
): Promise<void> {
  const { default: duckdb } = await import("@duckdb/node-bindings");
  const result = await con.stream(sql);
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) return;
    use(
      widths.map((width, j) => duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk.chunk, j), chunk.rowCount * width)),
      chunk.rowCount,
    );
  }
}

/**
 * A temporary table of these columns under their names: numbers with NaN as null, categories as text, sequences as lists.
 * @param columns equally long
 */
export async function insertColumns(con: DuckDBConnection, table: string, columns: readonly Column[]): Promise<void> {
  const raw = unique("raw");
  const parts = columns.flatMap((column, j) => integersOf(column).map((array, k) => ({ name: `c${j}_${k}`, array })));
  await appendArrays(con, raw, parts);
  const select: string[] = [];
  for (const [j, column] of columns.entries()) select.push(`${await valueSql(con, column, `c${j}`)} as ${quoted(column.name)}`);
  await con.run(`create temp table ${table} as select ${select.join(", ")} from ${raw}`);
  await con.run(`drop table ${raw}`);
}

// What of a column is written as it stands: its numbers, its codes, or the two ends of each list.
function integersOf(column: Column): readonly (Float64Array | Int32Array)[] {
  if (column.kind === "number") return [column.values];
  if (column.kind === "category") return [column.codes];
  return [column.offsets.subarray(0, -1), column.offsets.subarray(1)];
}

async function appendArrays(
  con: DuckDBConnection,
  table: string,
  parts: readonly { readonly name: string; readonly array: Float64Array | Int32Array }[],
): Promise<void> {
  const { DuckDBDataChunk, DOUBLE, INTEGER } = await import("@duckdb/node-api");
  const { default: duckdb } = await import("@duckdb/node-bindings");
  const types = parts.map(({ array }) => (array instanceof Float64Array ? DOUBLE : INTEGER));
  await con.run(`create temp table ${table} (${parts.map(({ name }, j) => `${name} ${types[j]}`).join(", ")})`);
  const rows = parts[0].array.length;
  const appender = await con.createAppender(table, null, "temp");
  for (let start = 0; start < rows; start += chunkRows) {
    const m = Math.min(chunkRows, rows - start);
    const chunk = DuckDBDataChunk.create(types, m);
    for (const [j, { array }] of parts.entries()) {
      const width = array.BYTES_PER_ELEMENT;
      duckdb.copy_data_to_vector(duckdb.data_chunk_get_vector(chunk.chunk, j), 0, array.buffer as ArrayBuffer, array.byteOffset + start * width, m * width);
    }
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

/** SQL that gives a column's values back from what `integersOf` wrote of it. */
async function valueSql(con: DuckDBConnection, column: Column, c: string): Promise<string> {
  if (column.kind === "number") return `nullif(${c}_0, 'NaN'::DOUBLE)`;
  const list = unique("list");
  if (column.kind === "category") {
    await setList(con, list, column.levels, "VARCHAR");
    return `case when ${c}_0 >= 0 then getvariable('${list}')[${c}_0 + 1] end`;
  }
  const { levels } = column;
  if (levels === undefined) await setList(con, list, Array.from(column.values), "DOUBLE");
  else
    await setList(
      con,
      list,
      Array.from(column.values, (code) => levels[code] ?? null),
      "VARCHAR",
    );
  return `list_slice(getvariable('${list}'), ${c}_0 + 1, ${c}_1)`;
}

async function setList(con: DuckDBConnection, variable: string, values: readonly (string | number | null)[], type: "VARCHAR" | "DOUBLE"): Promise<void> {
  const { DuckDBDataChunk, VARCHAR, DOUBLE, INTEGER } = await import("@duckdb/node-api");
  await con.run(`create temp table ${variable} (i INTEGER, v ${type})`);
  const appender = await con.createAppender(variable, null, "temp");
  for (let start = 0; start < values.length; start += chunkRows) {
    const part = values.slice(start, start + chunkRows).map((value) => (Number.isNaN(value) ? null : value));
    const chunk = DuckDBDataChunk.create([INTEGER, type === "DOUBLE" ? DOUBLE : VARCHAR], part.length);
    chunk.setColumns([part.map((_, i) => start + i), part]);
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
  await con.run(`set variable ${variable} = (select coalesce(list(v order by i), []::${type}[]) from ${variable})`);
  await con.run(`drop table ${variable}`);
}

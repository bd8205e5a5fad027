import { createReadStream } from "node:fs";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { DuckDBConnection } from "@duckdb/node-api";
import { dataError } from "../base/errors.ts";
import { exactLimit, type Field, fieldsOf, literal, pathLiteral, rowsOf } from "./duck.ts";
import type { FileKind } from "./file.ts";

/** How a CSV file is to be taken. */
export interface CsvOptions {
  /** Names of the columns, in place of the header's. */
  readonly names?: readonly string[];
  /** Whether the first line is a header; true unless names are given. */
  readonly header?: boolean;
  /** Columns read as text whatever they look like. */
  readonly text?: ReadonlySet<string>;
}

interface Layout {
  readonly path: string;
  readonly delimiter: string;
  readonly header: boolean;
  readonly gzip: boolean;
  readonly names: readonly string[];
  /** The text the file begins with, and whether it is all of it. */
  readonly head: string;
  readonly whole: boolean;
}

// Written for "no value" by R, pandas, Excel and databases. In a column of numbers they are missing; in a column of texts they are levels.
const missing = ["NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "."];

/** Delimiter and column names from the first record; quotes are doubled inside quotes (RFC 4180). */
export function layoutOf(path: string, kind: FileKind, options: CsvOptions): Layout {
  const text = new TextDecoder("utf-8").decode(kind.head).replace(/^\ufeff/, "");
  const delimiter = /\.tsv(\.gz)?$/i.test(path) ? "\t" : delimiterOf(text);
  const header = options.header ?? options.names === undefined;
  const record = recordAt(text, 0, delimiter);
  if (record === undefined && !kind.whole)
    throw dataError(`${path}: the first record has no end within ${kind.head.length} bytes; is a quote left open in the header?`);
  const first = record?.fields ?? [];
  if (options.names !== undefined && options.names.length !== first.length)
    throw dataError(`${path}: ${options.names.length} names were given where the file has ${first.length} columns`);
  if (header && options.names === undefined && first.every((field) => /^\s*[-+]?[\d.]+([eE][-+]?\d+)?\s*$/.test(field)))
    throw dataError(`${path}: the first line holds only numbers (${first.slice(0, 3).join(", ")}, ...), so the file seems to have no header; add one`);
  // A table written with its row names has a first column without a name.
  const names = options.names ?? first.map((field, j) => (field.trim() === "" ? `unnamed_${j + 1}` : field.trim()));
  for (const [j, name] of names.entries()) {
    const before = names.indexOf(name);
    if (before < j) throw dataError(`${path}: column "${name}" appears twice in the header (columns ${before + 1} and ${j + 1}); rename one of them`);
  }
  return { path, delimiter, header, gzip: kind.gzip, names, head: text, whole: kind.whole };
}

// The one that cuts the first record into the most fields; a comma where none occurs.
function delimiterOf(text: string): string {
  let [best, most] = [",", 1];
  for (const delimiter of [",", ";", "\t", "|"]) {
    const fields = recordAt(text, 0, delimiter)?.fields.length ?? 0;
    if (fields > most) [best, most] = [delimiter, fields];
  }
  return best;
}

/** The record that starts at this position and where the next one starts; undefined when the text ends inside quotes. */
function recordAt(text: string, start: number, delimiter: string): { fields: string[]; next: number } | undefined {
  const fields: string[] = [];
  let field = "";
  let i = start;
  for (;;) {
    if (text[i] === '"' && field === "") {
      for (i++; ; i++) {
        if (i >= text.length) return undefined;
        if (text[i] !== '"') field += text[i];
        else if (text[i + 1] === '"') field += text[i++];
        else break;
      }
      i++;
    }
    const c = text[i];
    if (c === delimiter || c === "\n" || c === "\r" || c === undefined) {
      fields.push(field);
      field = "";
      if (c !== delimiter) return { fields, next: c === "\r" && text[i + 1] === "\n" ? i + 2 : i + 1 };
    } else {
      field += c;
    }
    i++;
  }
}

/**
 * A temporary table with the wanted columns of a CSV file.
 * @returns its fields under their true names
 */
export async function loadCsv(
  con: DuckDBConnection,
  table: string,
  kind: FileKind,
  layout: Layout,
  wanted: readonly string[],
  options: CsvOptions,
): Promise<Field[]> {
  const asText = new Set(wanted.filter((name) => options.text?.has(name)));
  const checked = kind.gzip ? checkGzip(layout.path) : Promise.resolve();
  const [loaded, whole] = await Promise.allSettled([loadExact(con, table, layout, wanted, asText), checked]);
  // A cut file also fails to parse; that it is cut is the better thing to say.
  if (whole.status === "rejected") throw whole.reason;
  if (loaded.status === "rejected") throw loaded.reason;
  const texts = loaded.value.filter((field) => field.type === "VARCHAR" && !asText.has(field.name));
  const typed = new Map(await retyped(con, table, layout, texts));
  return loaded.value.map((field) => typed.get(field) ?? field);
}

async function loadExact(con: DuckDBConnection, table: string, layout: Layout, wanted: readonly string[], asText: ReadonlySet<string>): Promise<Field[]> {
  const fields = await loadTyped(con, table, layout, wanted, asText);
  const lost = await digitsLost(con, table, layout, fields);
  return lost.length === 0 ? fields : loadTyped(con, table, layout, wanted, new Set([...asText, ...lost]));
}

// Types are guessed from the first 20,480 rows. A column that a later row contradicts is read as text, and looked at as a whole afterwards.
async function loadTyped(con: DuckDBConnection, table: string, layout: Layout, wanted: readonly string[], asText: ReadonlySet<string>): Promise<Field[]> {
  const text = new Set(asText);
  for (;;) {
    try {
      await con.run(`create or replace temp table ${table} as select ${wanted.map((name) => position(layout, name)).join(", ")} from ${scan(layout, text)}`);
      const fields = await fieldsOf(con, table);
      return fields.map((field, j) => ({ ...field, name: wanted[j] }));
    } catch (error) {
      const column = /Error when converting column "c(\d+)"/.exec((error as Error).message)?.[1];
      const name = column === undefined ? undefined : layout.names[Number(column)];
      if (name === undefined || text.has(name)) throw fault(layout, error);
      // After a few surprises the guess is worth nothing.
      if (text.size >= asText.size + 3) for (const other of layout.names) text.add(other);
      text.add(name);
    }
  }
}

// Columns go by position: DuckDB takes "a" and "A" for the same name.
function position(layout: Layout, name: string): string {
  return `c${layout.names.indexOf(name)}`;
}

function scan(layout: Layout, text: ReadonlySet<string>): string {
  const names = layout.names.map((_, j) => `'c${j}'`).join(", ");
  const types = layout.names.flatMap((name, j) => (text.has(name) ? [`'c${j}': 'VARCHAR'`] : []));
  const typed = types.length === 0 ? "" : `, types = {${types.join(", ")}}`;
  return `read_csv(${pathLiteral(layout.path)}, delim = ${literal(layout.delimiter)}, quote = '"', escape = '"', comment = '', skip = 0, header = ${layout.header}, names = [${names}], compression = '${layout.gzip ? "gzip" : "none"}', max_line_size = 16000000${typed})`;
}

/** Columns guessed to hold floats that hold whole numbers too long for them: they are names, not numbers. */
async function digitsLost(con: DuckDBConnection, table: string, layout: Layout, fields: readonly Field[]): Promise<string[]> {
  const floats = fields.filter((field) => field.type === "DOUBLE");
  if (floats.length === 0) return [];
  const tests = floats.map(({ sql }, i) => `count(*) filter (abs(${sql}) > ${exactLimit} and isfinite(${sql}))::DOUBLE as n${i}`);
  const [large] = await rowsOf(con, `select ${tests.join(", ")} from ${table}`);
  const suspects = floats.filter((_, i) => large[`n${i}`] !== 0).map((field) => field.name);
  if (suspects.length === 0) return [];
  const digits = suspects.map((name, i) => `count(*) filter (regexp_full_match(${position(layout, name)}, '[-+]?\\d{16,}'))::DOUBLE as n${i}`);
  const [found] = await rowsOf(con, `select ${digits.join(", ")} from ${scan(layout, new Set(suspects))}`);
  return suspects.filter((_, i) => found[`n${i}`] !== 0);
}

const kinds = ["truth", "number", "date"] as const;

/** Columns taken for text whose every value is a number, a date or a truth value, but for the usual words for a missing value. */
async function retyped(con: DuckDBConnection, table: string, layout: Layout, texts: readonly Field[]): Promise<[Field, Field][]> {
  if (texts.length === 0) return [];
  // Most texts give themselves away in their first rows.
  const few = await countKinds(con, `(from ${table} limit 1000)`, layout, texts);
  const open = texts.filter((_, j) => few[j].values === 0 || kinds.some((kind) => few[j][kind] === few[j].values));
  const all = open.length === 0 ? [] : await countKinds(con, table, layout, open);
  return open.map((field, j) => [field, fieldOf(field, layout, all[j])]);
}

function fieldOf(field: Field, layout: Layout, count: KindCount): Field {
  const v = field.sql;
  const where = `case when ${validSql(v)} then`;
  if (count.values === 0) return { ...field, type: "DOUBLE", sql: "NULL" };
  if (count.truth === count.values) return { ...field, type: "BOOLEAN", sql: `(${where} lower(${v}) = 'true' end)` };
  if (count.number === count.values && count.name === 0) return { ...field, type: "DOUBLE", sql: `(${where} ${numberSql(v, layout)}::DOUBLE end)` };
  if (count.date === count.values) return { ...field, type: "TIMESTAMP", sql: `(${where} ${v}::TIMESTAMP end)` };
  return field;
}

function validSql(v: string): string {
  return `(${v} is not null and ${v} not in (${missing.map(literal).join(", ")}))`;
}

function numberSql(v: string, layout: Layout): string {
  return layout.delimiter === ";" ? `replace(${v}, ',', '.')` : v;
}

/** Of a column's values that are not missing: how many there are, and how many could be of each kind. */
type KindCount = Readonly<Record<(typeof kinds)[number] | "values" | "name", number>>;

async function countKinds(con: DuckDBConnection, relation: string, layout: Layout, fields: readonly Field[]): Promise<KindCount[]> {
  const tests = (v: string): Readonly<Record<keyof KindCount, string>> => ({
    values: "true",
    truth: `regexp_full_match(${v}, '(?i)true|false')`,
    number: `try_cast(${numberSql(v, layout)} as DOUBLE) is not null and not contains(${v}, '${layout.delimiter === ";" ? "." : "_"}')`,
    // Numbers that are names: with a leading zero, or more digits than a double keeps.
    name: `regexp_matches(${v}, '^[-+]?0\\d') or (regexp_full_match(${v}, '[-+]?\\d{16,}') and coalesce(abs(try_cast(${v} as HUGEINT)) > ${exactLimit}, true))`,
    date: `regexp_matches(${v}, '^\\d{4}-\\d{2}-\\d{2}') and try_cast(${v} as TIMESTAMP) is not null`,
  });
  const counts = fields.flatMap(({ sql }, j) =>
    Object.entries(tests(sql)).map(([name, test]) => `count(*) filter (${validSql(sql)} and (${test}))::DOUBLE as "${name}_${j}"`),
  );
  const [row] = await rowsOf(con, `select ${counts.join(", ")} from ${relation}`);
  return fields.map((_, j) => Object.fromEntries(Object.keys(tests("")).map((name) => [name, Number(row[`${name}_${j}`])])) as KindCount);
}

/** Unpacks a gzip file and throws it away: DuckDB takes a cut file for a short one. */
async function checkGzip(path: string): Promise<void> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), createGunzip({ chunkSize: 1 << 20 }), nowhere).catch((cause: unknown) => {
    throw dataError(`${path}: the gzip file is cut short or damaged (${(cause as Error).message}); copy or download it again`, cause);
  });
}

/** What DuckDB found wrong with a CSV file, in one line. */
function fault(layout: Layout, error: unknown): Error {
  const message = (error as Error).message.replaceAll(/column "?c(\d+)"?/gi, (_, j: string) => `column "${layout.names[Number(j)]}"`);
  const line = /CSV Error on Line: (\d+)\s*\n(?:Original Line: ([^\n]*)\n)?\s*([^\n]+)/.exec(message);
  if (line === null && /sniffing/.test(message)) {
    const ragged = raggedRecord(layout);
    if (ragged !== undefined) return dataError(`${layout.path}: ${ragged}`, error);
  }
  if (line === null)
    return dataError(`${layout.path}: cannot be read as CSV with the delimiter ${JSON.stringify(layout.delimiter)}: ${message.split("\n")[0]}`, error);
  const [, at, text = "", what] = line;
  const fields = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(what);
  const said = /unicode/i.test(message)
    ? "the text is not UTF-8; save the file as UTF-8"
    : fields === null
      ? `${what.replace(/\.$/, "")}; correct the line`
      : `${fields[2]} fields where the header has ${fields[1]}; correct the line or the header`;
  return dataError(`${layout.path}: line ${at}: ${said}${text === "" ? "" : ` (${JSON.stringify(text.slice(0, 80))})`}`, error);
}

/** The first record of the head that has not as many fields as the first of all. */
function raggedRecord({ head, whole, delimiter, names }: Layout): string | undefined {
  let record = 0;
  for (let start = 0; start < head.length; ) {
    const found = recordAt(head, start, delimiter);
    if (found === undefined) return `record ${record + 1}: a quote is opened and never closed; correct the record`;
    record++;
    const { fields, next } = found;
    // The last record may be cut by the end of the head, and an empty line is none.
    if ((whole || next < head.length) && fields.length !== names.length && !(fields.length === 1 && fields[0] === ""))
      return `record ${record}: ${fields.length} fields where the header has ${names.length}; correct the record or the header (${JSON.stringify(head.slice(start, Math.min(next - 1, start + 80)))})`;
    start = next;
  }
  return undefined;
}

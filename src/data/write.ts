import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { finished, pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { dataError, usageError } from "../base/errors.ts";
import { exactLimit, insertColumns, pathLiteral, withDuck } from "./duck.ts";
import { type Column, columnLength } from "./schema.ts";

/**
 * Writes columns as CSV (`.csv`, `.tsv`, gzipped with `.gz`) or Parquet (`.parquet`), by extension. Missing values are empty fields or nulls.
 * Numbers keep every digit. An empty text and a missing one are the same in CSV. The file appears whole or not at all; its folder is made if need be.
 * @throws LiftwiseError (usage) for another extension, (data) for columns of unequal length and for a sequence in CSV
 */
export async function writeTable(path: string, columns: readonly Column[]): Promise<void> {
  checkTable(path, columns);
  if (/\.(csv|tsv)(\.gz)?$/i.test(path))
    return atomically(path, (temporary) => writeCsv(temporary, columns, /\.tsv/i.test(path) ? "\t" : ",", /\.gz$/i.test(path)));
  if (/\.(parquet|pq)$/i.test(path)) return atomically(path, (temporary) => writeParquet(temporary, columns));
  throw usageError(`${path}: tables are written as .csv, .csv.gz, .tsv or .parquet; choose one of these extensions`);
}

/**
 * Lets `write` fill a temporary file beside `path`, and gives it this name only when it is complete and on disk.
 * What stood there before is replaced then, and left alone if `write` fails.
 */
export async function atomically(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.part`);
  try {
    await write(temporary);
    const file = await open(temporary, "r+");
    await file.sync().finally(() => file.close());
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function checkTable(path: string, columns: readonly Column[]): void {
  if (columns.length === 0) throw dataError(`${path}: there are no columns to write`);
  const rows = columnLength(columns[0]);
  const names = new Set<string>();
  for (const column of columns) {
    if (columnLength(column) !== rows)
      throw dataError(`${path}: column "${column.name}" has ${columnLength(column)} rows where "${columns[0].name}" has ${rows}`);
    if (names.has(column.name)) throw dataError(`${path}: column "${column.name}" appears twice; rename one of them`);
    names.add(column.name);
  }
}

async function writeCsv(path: string, columns: readonly Column[], delimiter: string, gzip: boolean): Promise<void> {
  const special = new RegExp(`["\\n\\r${delimiter}]|^\\s|\\s$`);
  const field = (text: string): string => (special.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const cells = columns.map((column) => cellOf(column, path, field));
  const lines = csvLines(
    columns.map((column) => field(column.name)),
    cells,
    columnLength(columns[0]),
    delimiter,
  );
  if (gzip) return pipeline(lines, createGzip(), createWriteStream(path));
  const out = createWriteStream(path);
  const done = finished(out);
  for (const part of lines) if (!out.write(part)) await Promise.race([once(out, "drain"), done]);
  out.end();
  await done;
}

function cellOf(column: Column, path: string, field: (text: string) => string): (row: number) => string {
  if (column.kind === "number") return (i) => numberText(column.values[i]);
  if (column.kind === "sequence") throw dataError(`${path}: column "${column.name}" is a sequence, which CSV has no place for; write .parquet`);
  const levels = column.levels.map(field);
  return (i) => (column.codes[i] < 0 ? "" : levels[column.codes[i]]);
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "";
  if (Object.is(value, -0)) return "-0";
  // Digits beyond 2^53 would be taken for an identifier's.
  return Math.abs(value) > exactLimit ? value.toExponential() : String(value);
}

function* csvLines(header: readonly string[], cells: readonly ((row: number) => string)[], rows: number, delimiter: string): Generator<string> {
  let part = `${header.join(delimiter)}\n`;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cells.length; j++) part += j === 0 ? cells[j](i) : delimiter + cells[j](i);
    part += "\n";
    if (part.length > 1 << 16) {
      yield part;
      part = "";
    }
  }
  yield part;
}

async function writeParquet(path: string, columns: readonly Column[]): Promise<void> {
  await withDuck(async (con) => {
    await insertColumns(con, "result", columns);
    await con.run(`copy (select * from result) to ${pathLiteral(path)} (format parquet, compression zstd)`);
  });
}

import { createHash } from "node:crypto";
import type { DuckDBConnection } from "@duckdb/node-api";
import { dataError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import { assignTreatment } from "./assign.ts";
import type { CatalogueFile, CatalogueTable } from "./catalogue.ts";
import { columnsOf, fieldsOf, insertColumns, quoted, withDuck } from "./duck.ts";
import { kindOf } from "./file.ts";
import { dataFolders, locate, howToGet, readFile, verify } from "./locate.ts";
import { openRelation } from "./read.ts";
import type { Column } from "./schema.ts";

/** The columns of a table of the catalogue, and what was noticed on the way. */
export interface Assembled {
  readonly columns: readonly Column[];
  readonly notes: readonly string[];
  /** Of the file, or of the list of the files' hashes where there are several. */
  readonly sha256: string;
}

/**
 * Finds the files of a table, checks them, and puts the table together.
 * @param folders where to look; LIFTWISE_DATA_DIR and the cache by default
 * @param choose columns to read, where the table is one file as it stands
 * @throws LiftwiseError (data) for a file that is not there, with where to get it and where to place it, and for one with a wrong checksum
 */
export async function assemble(
  table: CatalogueTable,
  folders: readonly string[] = dataFolders(),
  choose?: (names: readonly string[]) => readonly string[],
): Promise<Assembled> {
  const notes: string[] = [];
  const hashes: string[] = [];
  const paths = new Map<string, string>();
  for (const file of table.files) {
    const path = locate(file, folders);
    if (path === undefined) throw dataError(`${table.name}: the file ${file.path} is in none of ${folders.join(", ")}; ${howToGet(table.entry.name, file)}`);
    const verified = await verify(file, path);
    hashes.push(verified.sha256);
    if (verified.by === "unchecked") notes.push(`${path}: no checksum of this file is published, so it was not checked`);
    paths.set(file.path, path);
  }
  const sha256 = hashes.length === 1 ? hashes[0] : createHash("sha256").update(hashes.join("\n")).digest("hex");
  const columns = table.query === undefined ? await readFile(table.files[0], [...paths.values()][0], choose) : await query(table, table.query, paths);
  if (table.assign === undefined) return { columns, notes, sha256 };
  const seed = Number(/\d+$/.exec(table.variant)?.[0] ?? 1);
  return { columns: assignTreatment(columns, table.assign, new Rng(seed).split(table.assign.how)), notes, sha256 };
}

async function query(table: CatalogueTable, sql: string, paths: ReadonlyMap<string, string>): Promise<Column[]> {
  return withDuck(async (con) => {
    const names = new Map<string, string>();
    for (const [i, file] of table.files.entries()) {
      names.set(file.path, `file_${i}`);
      await loadFile(con, `file_${i}`, file, paths.get(file.path) as string);
    }
    await con.run(`create temp table assembled as ${sql.replaceAll(/\{([^{}]+)\}/g, (_, path: string) => names.get(path) as string)}`);
    return columnsOf(con, "assembled", await fieldsOf(con, "assembled"), table.name);
  });
}

/** A view or table of this name with a file's columns under their names. */
async function loadFile(con: DuckDBConnection, name: string, file: CatalogueFile, path: string): Promise<void> {
  const kind = await kindOf(path);
  if (kind.format === "npz" || kind.format === "npy") return insertColumns(con, name, await readFile(file, path));
  const { relation, fields } = await openRelation(con, `raw_${name}`, path, kind, {
    names: file.columns,
    header: file.header,
    text: file.text,
    columns: file.only,
  });
  await con.run(`create temp view ${name} as select ${fields.map((field) => `${field.sql} as ${quoted(field.name)}`).join(", ")} from ${relation}`);
}

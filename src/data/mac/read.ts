import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { dataError, suggest } from "../../base/errors.ts";
import { pathLiteral, quoted, rowsOf, withDuck } from "../duck.ts";
import { adFields, labelFields, sequenceFields, similarityFields, userFields, type Vocabulary } from "./layout.ts";

/** A folder in the benchmark's layout. */
export interface ClickFolder {
  readonly path: string;
  readonly train: readonly string[];
  readonly test: readonly string[];
  /** Rows of each table: one more than the largest index of its vocabulary. */
  readonly vocabulary: Vocabulary;
  /** Folder of the vocabulary files: columns of texts are looked up in them. */
  readonly vocabularies: string;
}

/**
 * Finds train files, test files and vocabularies: `train/*.parquet` or `train*.parquet`, the same for test, and one JSON file a field (value ->
 * index) in `vocab/`, `vocabs/` or `vocabulary/`, called by the field.
 * @throws LiftwiseError (data) for a folder without them, a vocabulary that is empty or no map to indices, and a train part that is missing in the
 * numbering (unless `partial`)
 */
export function openClicks(folder: string, options: { readonly partial?: boolean } = {}): ClickFolder {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw dataError(`${folder}: there is no such folder; name one with train and test files and vocabularies`);
  const train = partsOf(folder, "train");
  const test = partsOf(folder, "test");
  if (train.length + test.length === 0)
    throw dataError(`${folder}: holds neither train/*.parquet nor test/*.parquet; name a folder in the layout of the benchmark`);
  if (options.partial !== true) checkNumbering(train);
  const place = vocabularyFolder(folder);
  if (place === undefined) throw dataError(`${folder}: there is no folder vocab/ with one JSON file a field`);
  const vocabulary = Object.fromEntries([...userFields, ...adFields].map((name) => [name, tableRows(place, name)])) as Vocabulary;
  return { path: folder, train, test, vocabulary, vocabularies: place };
}

/** Where a folder of click files has its vocabularies. */
export function vocabularyFolder(folder: string): string | undefined {
  return ["vocab", "vocabs", "vocabulary"].map((name) => join(folder, name)).find((path) => existsSync(path));
}

function partsOf(folder: string, part: string): string[] {
  const inside = join(folder, part);
  const [where, chosen] =
    existsSync(inside) && statSync(inside).isDirectory()
      ? [inside, readdirSync(inside)]
      : [folder, readdirSync(folder).filter((name) => name.startsWith(part))];
  return chosen
    .filter((name) => name.endsWith(".parquet"))
    .toSorted((a, b) => numberOf(a) - numberOf(b) || (a < b ? -1 : 1))
    .map((name) => join(where, name));
}

function numberOf(name: string): number {
  return Number(/(\d+)\D*$/.exec(basename(name))?.[1] ?? -1);
}

// Files are numbered without a gap: one that is missing would silently be less data.
function checkNumbering(train: readonly string[]): void {
  const numbers = train.map(numberOf);
  if (numbers.length < 2 || numbers.some((n) => n < 0)) return;
  const missing = Array.from({ length: numbers[numbers.length - 1] - numbers[0] + 1 }, (_, i) => numbers[0] + i).filter((n) => !numbers.includes(n));
  if (missing.length > 0)
    throw dataError(
      `${basename(train[0])} ... ${basename(train[train.length - 1])}: train part ${missing.join(", ")} is missing between ${train.length} that are there; bring it, or ask for what is there with partial`,
    );
}

function tableRows(place: string, name: string): number {
  const file = join(place, `${name}.json`);
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw dataError(
      `${file}: the vocabulary of ${name} cannot be read (${(cause as Error).message}); every field needs one, a JSON map from value to index`,
      cause,
    );
  }
  const indices = typeof read === "object" && read !== null ? Object.values(read) : [];
  if (indices.length === 0) throw dataError(`${file}: the vocabulary is empty; it maps every value to an index, {"value": 1, ...}`);
  let most = 0;
  for (const index of indices) {
    if (!(Number.isInteger(index) && (index as number) >= 0 && (index as number) < 2 ** 26))
      throw dataError(`${file}: ${JSON.stringify(index)} is no index, a whole number from 0; write the vocabulary again`);
    most = Math.max(most, index as number);
  }
  return most + 1;
}

/** Some rows of a click file: single numbers by column, lists with their lengths. The arrays are the reader's own and may be kept. */
export interface ClickRows {
  readonly rows: number;
  readonly user: Int32Array;
  readonly fields: Readonly<Record<string, Int32Array>>;
  readonly sequences: Readonly<Record<string, { readonly values: Int32Array; readonly offsets: Int32Array }>>;
  readonly similarities: Readonly<Record<string, { readonly values: Float32Array; readonly offsets: Int32Array }>>;
  readonly credit: Readonly<Record<string, Float32Array>>;
}

/** Rows in these files, read from their footers. */
export async function clickCount(files: readonly string[]): Promise<number> {
  return withDuck(async (con) => {
    let rows = 0;
    for (const file of files) rows += Number((await rowsOf(con, `select sum(num_rows)::DOUBLE as n from parquet_file_metadata(${pathLiteral(file)})`))[0].n);
    return rows;
  });
}

/**
 * The rows of click files, one file after the other and in their order, a few thousand at a time; nothing else is held in memory. A missing index is
 * 0, a missing list empty. Columns hold indices, or texts as in the public files, which are looked up in the vocabularies; a text that is not in its
 * vocabulary is -1.
 * @param labels credits to read; none for files that have none
 * @param vocabularies folder of `<field>.json`; needed for columns of texts
 * @throws LiftwiseError (data) for a file that lacks a column, naming both
 */
export async function* clickRows(files: readonly string[], labels: readonly string[] = labelFields, vocabularies?: string): AsyncGenerator<ClickRows> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const { default: duckdb } = await import("@duckdb/node-bindings");
  // One thread, so that rows come in order and little is read ahead.
  const instance = await DuckDBInstance.create(":memory:", {
    memory_limit: "1GB",
    threads: "1",
    temp_directory: tmpdir(),
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  const con = await instance.connect();
  const single = ["user_id", ...userFields, ...adFields];
  const lists = [...sequenceFields, ...similarityFields];
  try {
    const words = lookups(con, vocabularies);
    for (const file of files) {
      const types = await checkColumns(file, [...single, ...lists, ...labels], (sql) => rowsOf(con, sql));
      const isText = (name: string): boolean => types.get(name)?.startsWith("VARCHAR") === true;
      for (const name of [...single, ...sequenceFields]) if (isText(name)) await words.load(tableOf(name), file);
      const select = [
        ...single.map((name) => (isText(name) ? words.one(tableOf(name), quoted(name)) : `coalesce(${quoted(name)}::INTEGER, 0)`)),
        ...sequenceFields.map((name) => (isText(name) ? words.list(tableOf(name), quoted(name)) : `coalesce(${quoted(name)}, [])::INTEGER[]`)),
        ...similarityFields.map((name) => `coalesce(${quoted(name)}, [])::FLOAT[]`),
        ...labels.map((name) => `coalesce(${quoted(name)}::FLOAT, 'NaN'::FLOAT)`),
      ];
      const result = await con.stream(`select ${select.join(", ")} from read_parquet(${pathLiteral(file)})`);
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) break;
        const n = chunk.rowCount;
        const bytes = (j: number, width: number): ArrayBuffer => copied(duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk.chunk, j), n * width));
        const list = (j: number): { readonly buffer: ArrayBuffer; readonly offsets: Int32Array } => {
          const vector = duckdb.data_chunk_get_vector(chunk.chunk, j);
          const entries = new BigUint64Array(copied(duckdb.vector_get_data(vector, n * 16)));
          const child = copied(duckdb.vector_get_data(duckdb.list_vector_get_child(vector), duckdb.list_vector_get_size(vector) * 4));
          return inOrder(entries, child, n);
        };
        const first = single.length + sequenceFields.length;
        const last = single.length + lists.length;
        yield {
          rows: n,
          user: words.indices("user_id", new Int32Array(bytes(0, 4)), isText("user_id")),
          fields: Object.fromEntries(single.slice(1).map((name, k) => [name, words.indices(name, new Int32Array(bytes(k + 1, 4)), isText(name))])),
          sequences: Object.fromEntries(
            sequenceFields.map((name, k) => [
              name,
              ((one) => ({ values: words.indices(tableOf(name), new Int32Array(one.buffer), isText(name)), offsets: one.offsets }))(list(single.length + k)),
            ]),
          ),
          similarities: Object.fromEntries(
            similarityFields.map((name, k) => [name, ((one) => ({ values: new Float32Array(one.buffer), offsets: one.offsets }))(list(first + k))]),
          ),
          credit: Object.fromEntries(labels.map((name, k) => [name, new Float32Array(bytes(last + k, 4))])),
        };
      }
    }
  } finally {
    con.closeSync();
    instance.closeSync();
  }
}

function copied(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer as ArrayBuffer;
}

/** Lists laid end to end in the order of the rows, whatever the order they have in the engine's memory. */
function inOrder(entries: BigUint64Array, child: ArrayBuffer, rows: number): { readonly buffer: ArrayBuffer; readonly offsets: Int32Array } {
  const offsets = new Int32Array(rows + 1);
  let tidy = true;
  for (let i = 0; i < rows; i++) {
    tidy &&= Number(entries[2 * i]) === offsets[i];
    offsets[i + 1] = offsets[i] + Number(entries[2 * i + 1]);
  }
  if (tidy) return { buffer: child.byteLength === offsets[rows] * 4 ? child : child.slice(0, offsets[rows] * 4), offsets };
  const out = new Int32Array(offsets[rows]);
  const values = new Int32Array(child);
  for (let i = 0; i < rows; i++) out.set(values.subarray(Number(entries[2 * i]), Number(entries[2 * i] + entries[2 * i + 1])), offsets[i]);
  return { buffer: out.buffer, offsets };
}

function wordsOf(file: string): Record<string, number> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, number>;
  } catch (cause) {
    throw dataError(`${file}: the vocabulary cannot be read (${(cause as Error).message}); a column of texts needs one, a JSON map from value to index`, cause);
  }
}

/** The field whose vocabulary a column is written in. */
const tableOf = (name: string): string => name.replace(/_seq$/, "");

interface Lookups {
  /** Makes the vocabulary of a field known to the database. */
  load(field: string, file: string): Promise<void>;
  /** SQL of the place of a text in its vocabulary: -1 where it is not in it, -2 where it is missing. */
  one(field: string, column: string): string;
  list(field: string, column: string): string;
  /** Places as indices, in place; indices stay as they are. */
  indices(field: string, places: Int32Array, looked: boolean): Int32Array;
}

function lookups(con: DuckDBConnection, vocabularies: string | undefined): Lookups {
  const index = new Map<string, Int32Array>();
  const place = (field: string, text: string): string => `coalesce(enum_code(try_cast(${text} as "words of ${field}"))::INTEGER, -1)`;
  return {
    load: async (field, file) => {
      if (index.has(field)) return;
      if (vocabularies === undefined)
        throw dataError(`${file}: column "${field}" holds texts, which need the folder of vocabularies; open the folder that holds both`);
      const entries = Object.entries(wordsOf(join(vocabularies, `${field}.json`)));
      await con.run("create or replace temp table words (word VARCHAR, place INTEGER)");
      const appender = await con.createAppender("words", null, "temp");
      entries.forEach(([word], k) => {
        appender.appendVarchar(word);
        appender.appendInteger(k);
        appender.endRow();
      });
      appender.closeSync();
      await con.run(`create type "words of ${field}" as enum (select word from words order by place)`);
      index.set(
        field,
        Int32Array.from(entries, ([, at]) => at),
      );
    },
    one: (field, column) => `case when ${column} is null then -2 else ${place(field, column)} end`,
    list: (field, column) => `coalesce(list_transform(${column}, lambda word: ${place(field, "word")}), [])::INTEGER[]`,
    indices: (field, places, looked) => {
      const known = index.get(field);
      if (!looked || known === undefined) return places;
      for (let i = 0; i < places.length; i++) places[i] = places[i] >= 0 ? known[places[i]] : places[i] === -2 ? 0 : -1;
      return places;
    },
  };
}

/** Types of the columns of a file by name. */
async function checkColumns(
  file: string,
  wanted: readonly string[],
  ask: (sql: string) => Promise<Record<string, unknown>[]>,
): Promise<ReadonlyMap<string, string>> {
  let types: Map<string, string>;
  try {
    types = new Map((await ask(`describe select * from read_parquet(${pathLiteral(file)})`)).map((row) => [String(row.column_name), String(row.column_type)]));
  } catch (cause) {
    throw dataError(`${file}: cannot be read as Parquet (${(cause as Error).message.split("\n")[0].slice(0, 160)}); is it whole?`, cause);
  }
  for (const name of wanted) if (!types.has(name)) throw dataError(`${file}: there is no column "${name}"; ${suggest(name, [...types.keys()])}`);
  return types;
}

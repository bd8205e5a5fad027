import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { usageError } from "../../base/errors.ts";
import { literal, withDuck } from "../duck.ts";
import { atomically } from "../write.ts";
import { adFields, type Clicks, labelFields, sequenceFields, sequenceLength, similarityFields, userFields, type Vocabulary } from "./layout.ts";
import { touchColumns, touchOf } from "./log.ts";
import { type ClickSimulation, clickChunks, type SimulatedClicks } from "./simulate.ts";

/** What `writeClicks` wrote. */
export interface WrittenClicks {
  readonly train: number;
  readonly test: number;
  readonly files: readonly string[];
}

/**
 * Simulated clicks written in the benchmark's layout: `train/part-00.parquet` and so on, `test/part-00.parquet`, `vocab/<column>.json` (value ->
 * index). No more than a part of a file is in memory, so any number of clicks can be written. Users of the test file are not in the train files.
 * Beside them `touches.parquet` holds the same clicks as a log of touches, with the conversions that each caused.
 * @param options.testShare of the clicks, strictly between 0 and 1. Defaults to 1/21, as much as one of the 20 train files.
 */
export async function writeClicks(
  folder: string,
  simulation: ClickSimulation,
  options: { readonly files?: number; readonly testShare?: number; readonly progress?: (share: number, what: string) => void } = {},
): Promise<WrittenClicks> {
  const { files = 20, progress = () => undefined } = options;
  if (!(Number.isInteger(files) && files >= 1 && files <= 1000)) throw usageError(`files: must be a whole number from 1 to 1000, got ${files}`);
  const testShare = options.testShare ?? 1 / (files + 1);
  if (!(testShare > 0 && testShare < 1)) throw usageError(`testShare: must lie strictly between 0 and 1, got ${testShare}`);
  for (const part of ["train", "test", "vocab"]) await mkdir(join(folder, part), { recursive: true });
  const forTrain = simulation.clicks * (1 - testShare);
  const perFile = Math.max(1, Math.ceil(forTrain / files));
  const written: string[] = [];
  const counts = { train: 0, test: 0 };
  let vocabulary: Vocabulary | undefined;
  await withDuck(async (con) => {
    const chunkRows = Math.min(100_000, perFile);
    let open: { readonly path: string; rows: number } | undefined;
    const close = async (): Promise<void> => {
      if (open === undefined) return;
      const { path } = open;
      await atomically(path, async (temporary) => void (await con.run(`copy clicks to ${literal(temporary)} (format parquet, compression zstd)`)));
      await con.run("drop table clicks");
      written.push(path);
      open = undefined;
    };
    const log = await touchLog(con, join(folder, "touches.parquet"));
    for (const chunk of clickChunks(simulation, chunkRows)) {
      vocabulary = chunk.vocabulary;
      const kind = counts.train < forTrain ? "train" : "test";
      const part = kind === "train" ? Math.min(files - 1, Math.floor(counts.train / perFile)) : 0;
      const path = join(folder, kind, `part-${String(part).padStart(2, "0")}.parquet`);
      if (open?.path !== path) {
        await close();
        open = { path, rows: 0 };
        await con.run(
          `create temp table clicks (${columnTypes()
            .map(([name, type]) => `${name} ${type}`)
            .join(", ")})`,
        );
      }
      await append(con, chunk);
      await log.add(chunk);
      counts[kind] += chunk.rows;
      progress((counts.train + counts.test) / simulation.clicks, `${kind} ${part + 1}`);
    }
    await close();
    await log.close();
  });
  for (const [name, size] of Object.entries(vocabulary ?? {})) {
    const values = Object.fromEntries(Array.from({ length: size - 1 }, (_, i) => [`${name}-${i + 1}`, i + 1]));
    await atomically(join(folder, "vocab", `${name}.json`), (temporary) => writeFile(temporary, JSON.stringify(values)));
  }
  return { ...counts, files: written };
}

/** A log of touches that grows chunk by chunk in the database, on disk where it outgrows memory. */
async function touchLog(con: DuckDBConnection, path: string): Promise<{ add(chunk: SimulatedClicks): Promise<void>; close(): Promise<void> }> {
  const { DuckDBDataChunk, BIGINT, DOUBLE, INTEGER, TIMESTAMP_MS, VARCHAR, DuckDBTimestampMillisecondsValue } = await import("@duckdb/node-api");
  const typeOf = { INTEGER, BIGINT, TIMESTAMP_MS, VARCHAR, DOUBLE };
  await con.run(`create temp table touches (${touchColumns.map(([name, type]) => `"${name}" ${type}`).join(", ")})`);
  let journeys = 0;
  return {
    add: async (chunk) => {
      const appender = await con.createAppender("touches", null, "temp");
      for (let from = 0; from < chunk.rows; from += chunkRows) {
        const rows = Array.from({ length: Math.min(chunkRows, chunk.rows - from) }, (_, i) => touchOf(chunk, from + i, journeys));
        const part = DuckDBDataChunk.create(
          touchColumns.map(([, type]) => typeOf[type]),
          rows.length,
        );
        touchColumns.forEach(([, type], k) => {
          const values = rows.map((row) => row[k]);
          part.setColumnValues(
            k,
            type === "BIGINT"
              ? values.map((v) => BigInt(v as number))
              : type === "TIMESTAMP_MS"
                ? values.map((v) => new DuckDBTimestampMillisecondsValue(BigInt(v as number)))
                : values,
          );
        });
        appender.appendDataChunk(part);
      }
      appender.closeSync();
      journeys += chunk.rows === 0 ? 0 : chunk.journey[chunk.rows - 1] + 1;
    },
    close: async () => {
      await atomically(path, async (temporary) => void (await con.run(`copy touches to ${literal(temporary)} (format parquet, compression zstd)`)));
      await con.run("drop table touches");
    },
  };
}

function columnTypes(): [string, string][] {
  return [
    ["user_id", "INTEGER"],
    ...[...userFields, ...adFields].map((name): [string, string] => [name, "INTEGER"]),
    ...sequenceFields.map((name): [string, string] => [name, "INTEGER[]"]),
    ...similarityFields.map((name): [string, string] => [name, "FLOAT[]"]),
    ...labelFields.map((name): [string, string] => [name, "FLOAT"]),
  ];
}

const chunkRows = 2048;

/** Copies typed arrays into the table, list columns child by child. */
async function append(con: DuckDBConnection, clicks: Clicks): Promise<void> {
  const { DuckDBDataChunk, INTEGER, FLOAT, LIST } = await import("@duckdb/node-api");
  const { default: duckdb } = await import("@duckdb/node-bindings");
  const columns: readonly { readonly values: Int32Array | Float32Array; readonly width: number }[] = [
    { values: clicks.user, width: 1 },
    ...[...userFields, ...adFields].map((name) => ({ values: clicks.fields[name], width: 1 })),
    ...sequenceFields.map((name) => ({ values: clicks.sequences[name], width: sequenceLength })),
    ...similarityFields.map((name) => ({ values: clicks.similarities[name], width: sequenceLength })),
    ...labelFields.map((name) => ({ values: clicks.credit[name], width: 1 })),
  ];
  const types = columns.map(({ values, width }) => {
    const one = values instanceof Int32Array ? INTEGER : FLOAT;
    return width === 1 ? one : LIST(one);
  });
  const appender = await con.createAppender("clicks", null, "temp");
  const entries = new BigUint64Array(2 * chunkRows);
  for (let i = 0; i < chunkRows; i++) {
    entries[2 * i] = BigInt(i * sequenceLength);
    entries[2 * i + 1] = BigInt(sequenceLength);
  }
  for (let start = 0; start < clicks.rows; start += chunkRows) {
    const rows = Math.min(chunkRows, clicks.rows - start);
    const chunk = DuckDBDataChunk.create(types, rows);
    for (const [j, { values, width }] of columns.entries()) {
      const vector = duckdb.data_chunk_get_vector(chunk.chunk, j);
      const [buffer, from, bytes] = [values.buffer as ArrayBuffer, values.byteOffset + start * width * 4, rows * width * 4];
      if (width === 1) {
        duckdb.copy_data_to_vector(vector, 0, buffer, from, bytes);
        continue;
      }
      duckdb.list_vector_reserve(vector, rows * width);
      duckdb.list_vector_set_size(vector, rows * width);
      duckdb.copy_data_to_vector(vector, 0, entries.buffer, 0, rows * 16);
      duckdb.copy_data_to_vector(duckdb.list_vector_get_child(vector), 0, buffer, from, bytes);
    }
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

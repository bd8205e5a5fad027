import { open, readdir, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { constants, gunzipSync } from "node:zlib";
import { dataError, nearest } from "../base/errors.ts";

export type Format = "csv" | "parquet" | "json" | "npz" | "npy";

/** What a file is, judged by its name and its first bytes. */
export interface FileKind {
  readonly format: Format;
  readonly gzip: boolean;
  /** The first bytes, unpacked: the last character may be cut. */
  readonly head: Uint8Array;
  /** Whether `head` is the whole file. */
  readonly whole: boolean;
}

const headBytes = 1 << 20;
// Gzip can blow up a thousandfold.
const packedBytes = 1 << 16;

const extensions: Readonly<Record<string, Format>> = {
  csv: "csv",
  tsv: "csv",
  txt: "csv",
  parquet: "parquet",
  pq: "parquet",
  json: "json",
  jsonl: "json",
  ndjson: "json",
  npz: "npz",
  npy: "npy",
};

const readable = "CSV (plain or gzipped), Parquet, JSON lines, a JSON list or NumPy npz";

/**
 * The extension says what a file is and the content confirms it.
 * @throws LiftwiseError (data) for a missing, empty, cut or wrongly named file
 */
export async function kindOf(path: string): Promise<FileKind> {
  const size = await sizeOf(path);
  if (size === 0) throw dataError(`${path}: the file is empty; write it again`);
  const { first, last } = await ends(path, size);
  const gzip = first[0] === 0x1f && first[1] === 0x8b;
  const extension = /\.(\w+?)(\.gz)?$/i.exec(path)?.[1].toLowerCase() ?? "";
  const found = magic(first);
  const named = extensions[extension];
  if (found !== undefined && found !== named && !(named === undefined && isFormat(found))) {
    const way = isFormat(found) ? `rename it to end in .${found}` : "save it as CSV or Parquet";
    throw dataError(`${path}: the file is ${label(found)}${named === undefined ? "" : `, not ${label(named)} as its name says`}; ${way}`);
  }
  if ((named === "parquet" || named === "npz" || named === "npy") && found !== named)
    throw dataError(`${path}: not a ${label(named)} file though named so (it begins with ${shown(first)}); rename it if it is CSV, or write it again`);
  if (named === "parquet" && magic(last) !== "parquet")
    throw dataError(`${path}: the Parquet file is cut short (its end mark is missing); copy or write it again`);
  const head = gzip ? unpacked(first, path) : first;
  const format = named ?? (isFormat(found) ? found : undefined) ?? (/^\s*[[{]/.test(Buffer.from(head.subarray(0, 200)).toString("latin1")) ? "json" : "csv");
  if (named === undefined && format === "csv" && head.subarray(0, 4096).includes(0)) throw dataError(`${path}: not a file that can be read; ${readable} can`);
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) throw dataError(`${path}: the text is UTF-16; save it as UTF-8`);
  return { format, gzip, head, whole: size <= (gzip ? packedBytes : headBytes) };
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    const beside = await readdir(dirname(path)).catch(() => undefined);
    if (beside === undefined) throw dataError(`${path}: there is no such file, nor a folder ${dirname(path)}`);
    const near = nearest(basename(path), beside);
    throw dataError(`${path}: there is no such file${near === undefined ? "" : `; did you mean "${near}"?`}`);
  }
  if (found.isDirectory()) throw dataError(`${path}: is a folder; name a file in it`);
  return found.size;
}

async function ends(path: string, size: number): Promise<{ first: Uint8Array; last: Uint8Array }> {
  const file = await open(path).catch((cause: unknown) => {
    throw dataError(`${path}: the file cannot be opened (${(cause as Error).message})`, cause);
  });
  try {
    const first = await file.read(new Uint8Array(Math.min(size, headBytes)), 0, Math.min(size, headBytes), 0);
    const last = await file.read(new Uint8Array(4), 0, 4, Math.max(0, size - 4));
    return { first: first.buffer.subarray(0, first.bytesRead), last: last.buffer };
  } finally {
    await file.close();
  }
}

function unpacked(bytes: Uint8Array, path: string): Uint8Array {
  try {
    return gunzipSync(bytes.subarray(0, packedBytes), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (cause) {
    throw dataError(`${path}: the gzip file is damaged at its start; copy or write it again`, cause);
  }
}

// Kinds of file known by their first bytes; those that cannot be read are known so that the error can name them.
function magic(bytes: Uint8Array): Format | "zip" | "xlsx" | "arrow" | "zstd" | "bzip2" | "xz" | "stata" | "sqlite" | undefined {
  const text = Buffer.from(bytes.subarray(0, 16)).toString("latin1");
  if (text.startsWith("PAR1")) return "parquet";
  if (text.startsWith("\x93NUMPY")) return "npy";
  if (text.startsWith("PK\x03\x04")) {
    const names = Buffer.from(bytes.subarray(0, 4096)).toString("latin1");
    return names.includes("[Content_Types].xml") || names.includes("_rels/") ? "xlsx" : /\.npy/.test(names) ? "npz" : "zip";
  }
  if (text.startsWith("ARROW1")) return "arrow";
  if (text.startsWith("\x28\xb5\x2f\xfd")) return "zstd";
  if (text.startsWith("BZh")) return "bzip2";
  if (text.startsWith("\xfd7zXZ")) return "xz";
  if (text.startsWith("<stata_dta>")) return "stata";
  if (text.startsWith("SQLite format")) return "sqlite";
  return undefined;
}

function isFormat(kind: string | undefined): kind is Format {
  return kind === "csv" || kind === "parquet" || kind === "json" || kind === "npz" || kind === "npy";
}

function label(kind: string): string {
  const labels: Readonly<Record<string, string>> = {
    csv: "CSV",
    parquet: "Parquet",
    json: "JSON",
    xlsx: "an Excel workbook",
    zip: "a zip archive",
    arrow: "Arrow",
    stata: "Stata",
    sqlite: "SQLite",
  };
  return labels[kind] ?? kind;
}

function shown(bytes: Uint8Array): string {
  return JSON.stringify(
    Buffer.from(bytes.subarray(0, 16))
      .toString("latin1")
      .replaceAll(/[^\x20-\x7e]/g, "."),
  );
}

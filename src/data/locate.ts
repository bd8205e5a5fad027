import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { dataError } from "../base/errors.ts";
import type { CatalogueFile } from "./catalogue.ts";
import { hashColumns, hashFile } from "./hash.ts";
import { readTable } from "./read.ts";

/** Where downloaded data is kept: `liftwise` in XDG_CACHE_HOME (LOCALAPPDATA on Windows), else `~/.cache/liftwise`. */
export function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME || (process.platform === "win32" ? process.env.LOCALAPPDATA : undefined) || join(homedir(), ".cache");
  return join(base, "liftwise");
}

/** Folders searched for a data set's files, in order: LIFTWISE_DATA_DIR where it is set (it is only read), then the cache. */
export function dataFolders(): string[] {
  const given = process.env.LIFTWISE_DATA_DIR;
  return given === undefined || given === "" ? [cacheFolder()] : [given, cacheFolder()];
}

/** Where a file of a data set is, packed or not; undefined when it is in none of the folders. */
export function locate(file: CatalogueFile, folders: readonly string[] = dataFolders()): string | undefined {
  for (const folder of folders)
    for (const path of new Set([file.path, file.path.replace(/\.gz$/, "")])) if (existsSync(join(folder, path))) return join(folder, path);
  return undefined;
}

export interface Verified {
  /** What told that a file is the right one; `unchecked` where no checksum of it is known. */
  readonly by: "file" | "content" | "values" | "unchecked";
  /** Of the file as it is. */
  readonly sha256: string;
}

/**
 * Whether a file is what the catalogue says, by the checksum of its bytes, of what it unpacks to, or of the values in it. Gzip packs the same
 * content in many ways, and a converted table can be written in many.
 * @throws LiftwiseError (data) when it is not
 */
export async function verify(file: CatalogueFile, path: string): Promise<Verified> {
  const { sha256, md5, content, also, values } = file;
  const got = await hashFile(path);
  const by = (what: Verified["by"]): Verified => ({ by: what, sha256: got });
  if (sha256 === undefined && md5 === undefined && content === undefined && values === undefined) return by("unchecked");
  if (got === sha256 || also.includes(got)) return by("file");
  if (md5 !== undefined && (await hashFile(path, { algorithm: "md5" })) === md5) return by("file");
  if (got === content?.sha256) return by("content");
  if (await isGzip(path)) {
    // A damaged archive matches nothing.
    const unpacked = await hashFile(path, { gunzip: true }).catch(() => "");
    if (unpacked === content?.sha256 || also.includes(unpacked)) return by("content");
  }
  if (values !== undefined && (await valuesOf(file, path)) === values) return by("values");
  const expected = sha256 === undefined ? (md5 === undefined ? `values ${values}` : `md5 ${md5}`) : `sha256 ${sha256}`;
  throw dataError(
    `${path}: the checksum is wrong (expected ${expected}, got sha256 ${got}): the file is cut short, changed or another one; delete it and fetch it again`,
  );
}

/** Hash of the values in a file, read as the catalogue says; undefined for a file that cannot be read so. */
export async function valuesOf(file: CatalogueFile, path: string): Promise<string | undefined> {
  const columns = await readFile(file, path).catch(() => undefined);
  return columns === undefined ? undefined : hashColumns(columns);
}

/** The columns of a file as the catalogue says they are to be read. */
export function readFile(file: CatalogueFile, path: string, columns?: (names: readonly string[]) => readonly string[]): ReturnType<typeof readTable> {
  return readTable(path, { names: file.columns, header: file.header, text: file.text, columns: columns ?? file.only });
}

/** How to get a file that is not here, as the end of an error. */
export function howToGet(name: string, file: CatalogueFile): string {
  const { byHand, mirrors } = file;
  const fetched = mirrors.length === 0 ? [] : [`run: liftwise data fetch ${name}`];
  const placed = byHand === undefined ? `download it from ${mirrors.join(" or ")}` : byHand;
  return [...fetched, `to place it by hand, ${placed}, and ${saveAs(file)}`].join("; ");
}

/** Where a file is to be placed by hand, and how it is then known. */
export function saveAs(file: CatalogueFile, folder: string = dataFolders()[0]): string {
  const sums = [
    file.sha256 === undefined ? undefined : `sha256 ${file.sha256}`,
    file.md5 === undefined ? undefined : `md5 ${file.md5}`,
    file.content === undefined ? undefined : `sha256 unpacked ${file.content.sha256}`,
  ].filter((sum) => sum !== undefined);
  const either = file.path.endsWith(".gz") ? " (gzipped, or without .gz if it is not)" : "";
  return `save it as ${join(folder, file.path)}${either}${sums.length === 0 ? "" : `; ${sums.join(", ")}`}`;
}

/** Whether a file begins as gzip does. */
export async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}

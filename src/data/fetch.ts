import { mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ReadableStream } from "node:stream/web";
import { dataError, type LiftwiseError } from "../base/errors.ts";
import { type CatalogueFile, catalogueEntry, catalogueTable } from "./catalogue.ts";
import { cacheFolder, dataFolders, isGzip, locate, saveAs, verify } from "./locate.ts";

/** How far a download is. */
export interface FetchProgress {
  /** The catalogue's path of the file. */
  readonly file: string;
  readonly from: string;
  readonly received: number;
  /** Undefined where the server does not say. */
  readonly total: number | undefined;
}

/** Settings of `fetchDataset`. */
export interface FetchOptions {
  /** Where to put files; the cache by default. */
  readonly folder?: string;
  readonly progress?: (progress: FetchProgress) => void;
  /** Stops the download; what has come so far is kept, and the next fetch goes on from there. */
  readonly signal?: AbortSignal;
  /** Seconds without a byte after which a mirror is given up. Defaults to 30. */
  readonly patience?: number;
}

export interface Fetched {
  /** Where the file is. */
  readonly path: string;
  /** Address it came from, or undefined when it was there already. */
  readonly from: string | undefined;
}

/**
 * Makes the files of a data set present and right: those already in LIFTWISE_DATA_DIR or the cache are checked, the others downloaded.
 * @param name `hillstrom` for all files of the entry, `ihdp/3` for those of one variant
 * @throws LiftwiseError (data) when no mirror gives a file with the right checksum; it says what each mirror answered and how to place the file by hand
 */
export async function fetchDataset(name: string, options: FetchOptions = {}): Promise<Fetched[]> {
  const files = name.includes("/") ? catalogueTable(name).files : catalogueEntry(name).files;
  const fetched: Fetched[] = [];
  for (const file of files) fetched.push(await fetchFile(name.split("/")[0], file, options));
  return fetched;
}

/** Makes one file present and right. */
export async function fetchFile(name: string, file: CatalogueFile, options: FetchOptions = {}): Promise<Fetched> {
  const folder = options.folder ?? cacheFolder();
  const present = locate(file, options.folder === undefined ? dataFolders() : [folder]);
  if (present !== undefined) {
    await verify(file, present);
    return { path: present, from: undefined };
  }
  const target = join(folder, file.path);
  await mkdir(dirname(target), { recursive: true });
  const failures: string[] = [];
  for (const url of file.mirrors) {
    try {
      return { path: await fromMirror(url, file, target, options), from: url };
    } catch (error) {
      options.signal?.throwIfAborted();
      if ((error as NodeJS.ErrnoException).code === "ENOSPC" || (error as NodeJS.ErrnoException).code === "EACCES") throw error;
      failures.push(`${url}: ${reason(error)}`);
    }
  }
  const by = file.byHand ?? "get it on another machine";
  const tried = failures.length === 0 ? "no address gives the file as it is" : `no mirror gave the file (${failures.join("; ")})`;
  throw dataError(`${name}: ${file.path}: ${tried}; to place it by hand, ${by}, and ${saveAs(file, folder)}`);
}

async function fromMirror(url: string, file: CatalogueFile, target: string, options: FetchOptions): Promise<string> {
  const part = `${target}.part`;
  // A connection that breaks is taken up again where it broke, as long as something comes.
  for (let [before, vain] = [0, 0]; ; ) {
    try {
      await download(url, file, part, options);
      break;
    } catch (error) {
      options.signal?.throwIfAborted();
      const now = await sizeOf(part);
      vain = now > before ? 0 : vain + 1;
      before = now;
      if (error instanceof Refused || vain === (now === 0 ? 1 : 3)) throw error;
    }
  }
  try {
    await verify(file, part);
  } catch (error) {
    await rm(part, { force: true });
    await rm(`${part}.json`, { force: true });
    throw error;
  }
  const path = (await isGzip(part)) ? target : target.replace(/\.gz$/, "");
  const handle = await open(part, "r+");
  await handle.sync().finally(() => handle.close());
  await rename(part, path);
  await rm(`${part}.json`, { force: true });
  return path;
}

/** The server answered, and not with the file. */
class Refused extends Error {}

/** What is known of a part: only the same version of the same file is gone on with. */
interface PartNote {
  readonly url: string;
  readonly tag: string | null;
}

async function download(url: string, file: CatalogueFile, part: string, options: FetchOptions): Promise<void> {
  const note = await readNote(part);
  const have = note?.url === url ? await sizeOf(part) : 0;
  const patience = patienceOf(options);
  try {
    const headers: Record<string, string> = { "accept-encoding": "identity" };
    if (have > 0) {
      headers.range = `bytes=${have}-`;
      if (note?.tag) headers["if-range"] = note.tag;
    }
    const response = await fetch(url, { headers, signal: patience.signal });
    if (response.status === 416 && response.headers.get("content-range")?.endsWith(`/${have}`)) return;
    const goesOn = response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${have}-`) === true;
    if (response.status === 416 || (response.status === 206 && !goesOn)) {
      // The part does not fit what the server has now: from the start, then.
      await response.body?.cancel();
      await rm(part, { force: true });
      if (have === 0) throw new Refused(`HTTP ${response.status} without having been asked for a part`);
      return await download(url, file, part, options);
    }
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new Refused(`HTTP ${response.status} ${response.statusText}`.trim());
    }
    await writeFile(`${part}.json`, JSON.stringify({ url, tag: strongTag(response) } satisfies PartNote));
    const start = goesOn ? have : 0;
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    const total = Number.isFinite(length) ? start + length : undefined;
    let received = start;
    const told = (): void => options.progress?.({ file: file.path, from: url, received, total });
    told();
    const out = await open(part, goesOn ? "a" : "w");
    try {
      // Each piece is on its way to the disk before the next is asked for: when the connection breaks, what came before it is kept.
      for await (const piece of response.body as ReadableStream<Uint8Array>) {
        await out.write(piece);
        received += piece.length;
        patience.again();
        told();
      }
    } finally {
      await out.close();
    }
  } finally {
    patience.end();
  }
}

/** A signal that fires when the caller's does, or when nothing has come for a while. */
function patienceOf(options: FetchOptions): { readonly signal: AbortSignal; again: () => void; end: () => void } {
  const seconds = options.patience ?? 30;
  const control = new AbortController();
  const tired = (): void => control.abort(new Error(`no answer for ${seconds} s`));
  let timer = setTimeout(tired, seconds * 1000);
  const signal = options.signal === undefined ? control.signal : AbortSignal.any([options.signal, control.signal]);
  return {
    signal,
    again: () => {
      clearTimeout(timer);
      timer = setTimeout(tired, seconds * 1000);
    },
    end: () => clearTimeout(timer),
  };
}

function strongTag(response: Response): string | null {
  const tag = response.headers.get("etag");
  return tag === null || tag.startsWith("W/") ? response.headers.get("last-modified") : tag;
}

async function readNote(part: string): Promise<PartNote | undefined> {
  try {
    return JSON.parse(await readFile(`${part}.json`, "utf8")) as PartNote;
  } catch {
    return undefined;
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

function reason(error: unknown): string {
  const { message, cause, name } = error as Error;
  if (name === "LiftwiseError") return (error as LiftwiseError).message.replace(/^.*: the checksum is wrong \((.*?)\).*$/, "wrong checksum ($1)");
  const deeper = cause instanceof Error ? ` (${(cause as NodeJS.ErrnoException).code ?? cause.message})` : "";
  return `${message}${deeper}`;
}

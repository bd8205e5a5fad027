import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { usageError } from "../base/errors.ts";
import { reason } from "./settle.ts";

/** A folder that appears whole or not at all. */
export interface OutputFolder {
  /** Where to write until `keep`. */
  readonly path: string;
  /** Puts the folder in its place. */
  readonly keep: () => void;
  /** Removes what was written so far; does nothing after `keep`. */
  readonly drop: () => void;
}

/**
 * Opens `out` for writing before the work begins, so that a path that cannot be written costs no hour of fitting.
 *
 * @throws LiftwiseError (usage) when `out` holds something and may not be replaced, or cannot be written
 */
export function outputFolder(out: string, overwrite: boolean): OutputFolder {
  const target = resolve(out);
  if (holdsSomething(target, out) && !overwrite)
    throw usageError(`--out: ${out} exists and is not empty; name another folder, or pass --overwrite to replace it`);
  const path = `${target}.part-${process.pid}`;
  try {
    mkdirSync(dirname(target), { recursive: true });
    mkdirSync(path);
  } catch (cause) {
    throw usageError(`--out: cannot write to ${out} (${reason(cause)}); name a folder that can be written`, cause);
  }
  let open = true;
  const keep = (): void => {
    const old = `${target}.old-${process.pid}`;
    const replaces = exists(target);
    if (replaces) renameSync(target, old);
    renameSync(path, target);
    if (replaces) rmSync(old, { recursive: true });
    open = false;
  };
  const drop = (): void => {
    if (open) rmSync(path, { recursive: true, force: true });
    open = false;
  };
  return { path, keep, drop };
}

/** Checks, before the work begins, that a file can be written; `what` names the option. Files that are there are replaced unless `overwrite` is false. */
export function checkWritable(file: string, what: string, overwrite = true): void {
  const folder = dirname(resolve(file));
  let isFolder = false;
  try {
    isFolder = statSync(folder).isDirectory();
  } catch (cause) {
    throw usageError(`${what}: cannot write ${file} (${reason(cause)}); name a file in a folder that exists`, cause);
  }
  if (!isFolder) throw usageError(`${what}: cannot write ${file} (${folder} is no folder); name a file in a folder that exists`);
  if (exists(resolve(file)) && statSync(file).isDirectory()) throw usageError(`${what}: ${file} is a folder; name a file, such as ${join(file, "data.csv")}`);
  if (!overwrite && exists(resolve(file))) throw usageError(`${what}: ${file} exists; name another file, or pass --overwrite to replace it`);
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function holdsSomething(target: string, shown: string): boolean {
  let status: ReturnType<typeof statSync>;
  try {
    status = statSync(target, { throwIfNoEntry: false });
  } catch (cause) {
    throw usageError(`--out: cannot write to ${shown} (${reason(cause)}); name a folder that can be written`, cause);
  }
  if (status === undefined) return false;
  if (!status.isDirectory()) throw usageError(`--out: ${shown} is a file; name a folder`);
  return readdirSync(target).length > 0;
}

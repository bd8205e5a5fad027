import { existsSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { dataError, nearest, suggest, usageError } from "../base/errors.ts";
import { parse } from "../base/parse.ts";
import { Rng } from "../base/rng.ts";
import { assemble } from "./assemble.ts";
import { type CatalogueTable, catalogueNames, catalogueTable } from "./catalogue.ts";
import { Dataset } from "./dataset.ts";
import { hashColumns, hashFile } from "./hash.ts";
import { dataFolders } from "./locate.ts";
import { readTable } from "./read.ts";
import { isRowName, namedColumns, type RoleFlags, rolesFrom, rowsOfColumns } from "./roles.ts";
import type { Column, Roles } from "./schema.ts";

export type { RoleFlags } from "./roles.ts";

/** A dataset and where it is from. */
export interface OpenedSource {
  readonly data: Dataset;
  readonly kind: "file" | "catalogue" | "simulated";
  /** What a reader should know: the catalogue's caveats, columns left out. */
  readonly notes: readonly string[];
  /** Of the file; of the columns where the data was simulated. */
  readonly sha256: () => Promise<string>;
}

/**
 * The dataset that `source` names: the path of a file; a name of the catalogue, `hillstrom` or `ihdp/3` (also as the path of its folder); or a
 * generator, `simulate:nie-wager-a` or `simulate:email?rows=1000&seed=7`. Flags go before what the catalogue or the generator says.
 * @throws LiftwiseError (data) for a source that is not there or cannot be read, a missing column, text where a number is wanted, no rows; (usage) for flags that are not clear
 */
export async function openDataset(source: string, flags: RoleFlags = {}): Promise<Dataset> {
  return (await openSource(source, flags)).data;
}

/** As `openDataset`, with notes and hash. */
export async function openSource(source: string, flags: RoleFlags = {}): Promise<OpenedSource> {
  if (source.startsWith("simulate:")) return openSimulated(source, flags);
  const table = inCatalogue(source);
  return table === undefined ? openFile(source, flags) : openTable(table.table, table.folders, flags);
}

async function openFile(path: string, flags: RoleFlags): Promise<OpenedSource> {
  const columns = await readTable(path, { text: flags.text, columns: chooser(flags, undefined) });
  const left = flags.features === undefined ? columns.filter((column) => isRowName(column.name)) : [];
  const notes = left.map((column) => `${column.name}: the column has no name in ${path}, so it is taken for row numbers and is no feature`);
  return { data: datasetOf(columns, flags, undefined, path), kind: "file", notes, sha256: () => hashFile(path) };
}

async function openTable(table: CatalogueTable, folders: readonly string[], flags: RoleFlags): Promise<OpenedSource> {
  const { columns, notes, sha256 } = await assemble(table, folders, chooser(flags, table.roles));
  const read = new Set(columns.map((column) => column.name));
  const all = { ...flags, ignore: [...table.ignore.filter((name) => read.has(name)), ...(flags.ignore ?? [])] };
  return { data: datasetOf(columns, all, table.roles, table.name), kind: "catalogue", notes: [...table.entry.caveats, ...notes], sha256: async () => sha256 };
}

// Only when features are listed is it known which columns will be needed.
function chooser(flags: RoleFlags, base: Roles | undefined): ((names: readonly string[]) => readonly string[]) | undefined {
  return flags.features === undefined ? undefined : (names) => namedColumns(flags, base, names);
}

function datasetOf(columns: readonly Column[], flags: RoleFlags, base: Roles | undefined, name: string): Dataset {
  if (rowsOfColumns(columns) === 0) throw dataError(`${name}: there are no rows; is it the right file?`);
  return new Dataset(columns, rolesFrom(flags, columns, base, name), name);
}

/** The table of the catalogue that a source names, by its name or by the path of its folder; undefined for a file. */
function inCatalogue(source: string): { readonly table: CatalogueTable; readonly folders: readonly string[] } | undefined {
  const names = catalogueNames();
  const base = source.split("/")[0];
  const file = existsSync(source) ? statSync(source) : undefined;
  if (names.includes(base) && file?.isFile() !== true) return { table: catalogueTable(source), folders: dataFolders() };
  if (file?.isDirectory()) {
    const folder = resolve(source);
    const name = names.find((candidate) => catalogueTable(candidate).files.some((needed) => needed.path.startsWith(`${basename(folder)}/`)));
    if (name !== undefined) return { table: catalogueTable(name), folders: [dirname(folder)] };
  }
  if (file === undefined && !/^[/\\]|\./.test(source)) {
    const near = nearest(base, names);
    throw dataError(`there is no file "${source}", and no data set of that name; ${near === undefined ? suggest(base, names) : `did you mean "${near}"?`}`);
  }
  return undefined;
}

async function openSimulated(source: string, flags: RoleFlags): Promise<OpenedSource> {
  const { generators } = await import("./synth/index.ts");
  const [id, query = ""] = source.slice("simulate:".length).split("?");
  const generator = generators.find((candidate) => candidate.id === id);
  if (generator === undefined)
    throw usageError(
      `simulate: there is no generator "${id}"; ${suggest(
        id,
        generators.map((candidate) => candidate.id),
      )}`,
    );
  const { seed = 1, ...options } = Object.fromEntries(Array.from(new URLSearchParams(query), ([key, value]) => [key, valueOf(value)]));
  if (!Number.isSafeInteger(seed)) throw usageError(`${source}: seed is a whole number, got ${String(seed)}`);
  const config = parse(generator.config, options, source);
  const made = generator.simulate(config, new Rng(seed as number).split("simulate"));
  const data = new Dataset(made.columns, rolesFrom(flags, made.columns, made.roles, source), source);
  return { data, kind: "simulated", notes: [], sha256: async () => hashColumns(data.columns) };
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

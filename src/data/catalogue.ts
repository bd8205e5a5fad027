import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { dataError, suggest } from "../base/errors.ts";
import { parse } from "../base/parse.ts";
import type { Roles } from "./schema.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits");
const md5 = z.string().regex(/^[0-9a-f]{32}$/, "must be 32 hexadecimal digits");
const names = z.array(z.string()).transform((list) => list.flatMap(expand));
const byArm = z.record(z.string(), z.string());

const fileSchema = z.strictObject({
  path: z.string(),
  bytes: z.int().positive().optional(),
  sha256: sha256.optional(),
  md5: md5.optional(),
  content: z.strictObject({ bytes: z.int().positive().optional(), sha256: sha256 }).optional(),
  also: z.array(sha256).default([]),
  values: sha256.optional(),
  columns: names.optional(),
  header: z.boolean().optional(),
  text: names.optional(),
  only: names.optional(),
  mirrors: z.array(z.url()).default([]),
  byHand: z.string().optional(),
});

const rolesSchema = z.strictObject({
  features: names.optional(),
  treatment: z.strictObject({ column: z.string(), control: z.string() }).optional(),
  outcomes: names.optional(),
  labels: names.optional(),
  surrogates: names.optional(),
  levers: z.array(z.strictObject({ column: z.string(), levels: z.array(z.string()).min(2) })).optional(),
  sellers: z
    .strictObject({
      category: z.string().optional(),
      seller: z.string().optional(),
      incentives: z.array(z.string()).default([]),
      planned: z.string().optional(),
      redeemed: z.string().optional(),
      platform: z.string().optional(),
      arm: z.string().optional(),
    })
    .optional(),
  weight: z.string().optional(),
  group: z.string().optional(),
  time: z.string().optional(),
  cost: byArm.optional(),
  propensity: byArm.optional(),
  potential: byArm.optional(),
  effect: byArm.optional(),
});

const variantSchema = z.strictObject({
  name: z.string(),
  about: z.string(),
  file: z.string().optional(),
  query: z.string().optional(),
  assign: z
    .strictObject({
      how: z.enum(["randomised", "confounded"]),
      potential: z.tuple([z.string(), z.string()]),
      outcome: z.string(),
      treatment: z.string(),
      covariates: names,
    })
    .optional(),
  roles: rolesSchema.default({}),
  ignore: names.default([]),
});

const entrySchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/),
  title: z.string(),
  kind: z.enum(["experiment", "observational", "semi-synthetic", "synthetic", "tables"]),
  rows: z.int().positive().optional(),
  licence: z.string(),
  source: z.string(),
  pages: z.array(z.url()).default([]),
  files: z.array(fileSchema).min(1),
  roles: rolesSchema.default({}),
  ignore: names.default([]),
  variants: z.array(variantSchema).min(1),
  layout: z.enum(["clicks"]).optional(),
  caveats: z.array(z.string()).min(1),
});

/** A file of a data set. The checksums are of different things because the same table comes in many wrappings. */
export interface CatalogueFile {
  /** Folder and name below the data folder. */
  readonly path: string;
  readonly bytes?: number;
  /** Of the file as it is kept here. */
  readonly sha256?: string;
  /** Where its publisher gives no other. */
  readonly md5?: string;
  /** Of a gzipped file, unpacked: packers differ, contents do not. */
  readonly content?: { readonly bytes?: number; readonly sha256: string };
  /** SHA-256 of other files, packed or not, that hold the same values. */
  readonly also: readonly string[];
  /** Of the columns as read (`hashColumns`): for files that each must convert for himself. */
  readonly values?: string;
  /** Names of the columns, in place of a header. */
  readonly columns?: readonly string[];
  /** Whether the first line is a header that `columns` replaces. */
  readonly header?: boolean;
  /** Columns read as text whatever they look like. */
  readonly text?: readonly string[];
  /** Columns that are read, and that `values` is the hash of, where the file has others too. */
  readonly only?: readonly string[];
  /** Addresses of the file itself, tried in order. */
  readonly mirrors: readonly string[];
  /** How to make the file where no address gives it as it is. */
  readonly byHand?: string;
}

/** How the treatment is drawn for data in which both outcomes are known; the number in the variant's name is the seed. */
export interface AssignSpec {
  readonly how: "randomised" | "confounded";
  /** Columns of the outcome untreated and treated. */
  readonly potential: readonly [string, string];
  readonly outcome: string;
  readonly treatment: string;
  readonly covariates: readonly string[];
}

interface CatalogueVariant {
  /** `{1..25}` stands for each number in between. */
  readonly name: string;
  readonly about: string;
  /** The one file whose columns these are; the first one of the entry by default. */
  readonly file?: string;
  /** Or a query over files, `{path}` each; `{variant}` is the variant's name in both. */
  readonly query?: string;
  readonly assign?: AssignSpec;
  /** In place of those of the whole entry, one by one. */
  readonly roles: Partial<Roles>;
  /** Besides those of the whole entry. */
  readonly ignore: readonly string[];
}

/** A data set, as its `schema.json` describes it. */
export interface CatalogueEntry {
  readonly name: string;
  readonly title: string;
  readonly kind: "experiment" | "observational" | "semi-synthetic" | "synthetic" | "tables";
  /** Of the default variant. */
  readonly rows?: number;
  readonly licence: string;
  /** Who made the data, and where it was published. */
  readonly source: string;
  /** Pages that tell of the data, for people. */
  readonly pages: readonly string[];
  readonly files: readonly CatalogueFile[];
  /** Where no features are listed, every column without a part is one, but for those ignored. */
  readonly roles: Partial<Roles>;
  readonly ignore: readonly string[];
  /** The first is the default. */
  readonly variants: readonly CatalogueVariant[];
  /** `clicks`: the files are a folder of train and test parts and vocabularies, which conversion models read as a stream. */
  readonly layout?: "clicks";
  readonly caveats: readonly string[];
  /** Folder of the entry, where its card is. */
  readonly folder: string;
}

/** One table of an entry, with everything that depends on its name filled in. */
export interface CatalogueTable {
  readonly entry: CatalogueEntry;
  readonly variant: string;
  /** What errors and reports call it: `ihdp/3`. */
  readonly name: string;
  readonly about: string;
  readonly query: string | undefined;
  /** The files it is made of. */
  readonly files: readonly CatalogueFile[];
  readonly assign: AssignSpec | undefined;
  readonly roles: Roles;
  readonly ignore: readonly string[];
}

/** `datasets/`, beside `src/` in a checkout and beside `dist/` in the package. */
export function catalogueFolder(): string {
  const folder = fileURLToPath(new URL("../../datasets", import.meta.url));
  if (!existsSync(folder)) throw dataError(`${folder}: the catalogue of data sets is missing; install liftwise again`);
  return folder;
}

/** Names of all entries, sorted. */
export function catalogueNames(folder: string = catalogueFolder()): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((item) => item.isDirectory() && existsSync(join(folder, item.name, "schema.json")))
    .map((item) => item.name)
    .toSorted();
}

/** Every entry of the catalogue, sorted by name. */
export function catalogue(): CatalogueEntry[] {
  return catalogueNames().map((name) => catalogueEntry(name));
}

/**
 * The named data set of this name.
 * @throws LiftwiseError (data) for a name that is not in the catalogue, with the nearest one; (usage) for a `schema.json` that is not as it should be
 */
export function catalogueEntry(name: string, folder: string = catalogueFolder()): CatalogueEntry {
  const known = catalogueNames(folder);
  if (!known.includes(name)) throw dataError(`there is no data set "${name}"; ${suggest(name, known)}`);
  const path = join(folder, name, "schema.json");
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw dataError(`${path}: not JSON (${(cause as Error).message}); correct the file`, cause);
  }
  return { ...parse(entrySchema, json, path), folder: join(folder, name) };
}

/** Names of an entry's variants, the default first. */
export function variantNames(entry: CatalogueEntry): string[] {
  return entry.variants.flatMap((variant) => expand(variant.name));
}

/**
 * The table that `name` or `name/variant` stands for.
 * @throws LiftwiseError (data) for a name or variant that is not there
 */
export function catalogueTable(name: string, folder?: string): CatalogueTable {
  const [base, ...rest] = name.split("/");
  const entry = catalogueEntry(base, folder);
  const known = variantNames(entry);
  const variant = rest.length === 0 ? known[0] : rest.join("/");
  const found = entry.variants.find((candidate) => expand(candidate.name).includes(variant));
  if (found === undefined) throw dataError(`${base}: there is no variant "${variant}"; ${suggest(variant, known)}`);
  const fill = (text: string): string => text.replaceAll("{variant}", variant);
  const query = found.query === undefined ? undefined : fill(found.query);
  const paths = query === undefined ? [fill(found.file ?? entry.files[0].path)] : [...query.matchAll(/\{([^{}]+)\}/g)].map((match) => match[1]);
  const files = [...new Set(paths)].map((path) => {
    const file = entry.files.find((candidate) => candidate.path === path);
    if (file === undefined) throw dataError(`${name}: its schema.json names no file "${path}"; correct the schema`);
    return file;
  });
  const roles = { features: [], outcomes: [], ...entry.roles, ...found.roles };
  return {
    entry,
    variant,
    name: rest.length === 0 ? base : `${base}/${variant}`,
    about: fill(found.about),
    query,
    files,
    assign: found.assign,
    roles,
    ignore: [...entry.ignore, ...found.ignore],
  };
}

/** `x{1..3}` as x1, x2, x3; a name without braces as itself. */
export function expand(name: string): string[] {
  const range = /\{(\d+)\.\.(\d+)\}/.exec(name);
  if (range === null) return [name];
  const [from, to] = [Number(range[1]), Number(range[2])];
  return Array.from({ length: to - from + 1 }, (_, i) => name.replace(range[0], String(from + i)));
}

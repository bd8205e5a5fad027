import { readFileSync } from "node:fs";
import type { z } from "zod";
import { nearest, oneOf, suggest, usageError } from "../base/errors.ts";
import { faultOf } from "../base/parse.ts";
import { type Flag, flagsOf, kebab } from "./flags.ts";
import type { Part, Verb } from "./verb.ts";

/** Options as a tree of plain values, before the schema has judged them. */
export type Raw = Readonly<Record<string, unknown>>;

/** Options that say how to run and not what: every verb takes them, no config file holds them. */
export const runFlags: readonly Flag[] = [
  switchFlag("config", "JSON file of options; flags win over it", false),
  switchFlag("json", "print JSON on standard output, errors as JSON on standard error", true),
  switchFlag("quiet", "no progress and no hints", true),
  switchFlag("debug", "with an unexpected error, print where it came from", true),
];

/** What stands before the judging: the config file, and the parts that the named model or models bring. */
export interface Prepared {
  readonly file: string | undefined;
  readonly config: Raw;
  readonly parts: readonly Part[];
}

/** Reads the `--config` file and asks the verb for its parts. @param typed values by flag name, as typed */
export async function prepare(verb: Verb, typed: ReadonlyMap<string, string | boolean>): Promise<Prepared> {
  const named = typed.get("config");
  const file = named === undefined ? undefined : String(named);
  const config = file === undefined ? {} : readConfig(file);
  return { file, config, parts: (await verb.parts?.(merge(config, valuesOf(flagsOf(verb.options), typed)))) ?? [] };
}

export interface Settled {
  readonly options: Raw;
  readonly parts: Readonly<Record<string, Raw>>;
}

/**
 * Options from defaults < config file < flags, judged by the verb's schema and by those of its parts.
 *
 * @param typed values by flag name, as typed
 * @throws LiftwiseError (usage) that names the flag, or the file and key, at fault
 */
export function settle(verb: Verb, { file, config, parts }: Prepared, typed: ReadonlyMap<string, string | boolean>): Settled {
  const flags = [...flagsOf(verb.options), ...partFlags(verb, parts)];
  checkNames(flags, typed, verb);
  const values = withStandards(flags, merge(config, valuesOf(flags, typed)));
  const origin = new Origin(flags, typed, file);
  const { top, own } = deal(values, verb, parts, origin);
  for (const part of parts) judge(part.schema, own[part.at], part.at === "" ? [] : [part.at], origin);
  return { options: judge(verb.options, top, [], origin) as Raw, parts: own };
}

/** The flags of the parts; at the top, an option of the verb goes before one of a part that has its name. */
export function partFlags(verb: Verb, parts: readonly Part[]): Flag[] {
  const own = Object.keys(verb.options.shape);
  return parts.flatMap((part) => flagsOf(part.schema, part.at)).filter((flag) => !own.includes(flag.path[0]));
}

/** Where an option was given, so that an error speaks of `--flag` or of `file: key`. */
class Origin {
  private readonly flags: readonly Flag[];
  private readonly typed: ReadonlyMap<string, string | boolean>;
  private readonly file: string | undefined;
  constructor(flags: readonly Flag[], typed: ReadonlyMap<string, string | boolean>, file: string | undefined) {
    this.flags = flags;
    this.typed = typed;
    this.file = file;
  }

  name(path: readonly string[]): string {
    const flag = this.flags.find((candidate) => this.typed.has(candidate.name) && startsWith(path, candidate.path));
    if (flag !== undefined) return `--${flag.name}`;
    return this.file === undefined ? `--${path.map(kebab).join(".")}` : `${this.file}: "${path.join(".")}"`;
  }

  /** Who has an unknown key: flags are checked before, so it stands in the file, or inside a value written as JSON. */
  holder(path: readonly string[]): string {
    return this.file ?? `--${path.slice(0, -1).map(kebab).join(".")}`;
  }
}

function startsWith(path: readonly string[], start: readonly string[]): boolean {
  return start.every((key, i) => path[i] === key);
}

function readConfig(path: string): Raw {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw usageError(`--config: cannot read ${path} (${reason(cause)}); give the path of a JSON file`, cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw usageError(`${path}: not valid JSON (${(cause as Error).message}); correct it, or start from the config.json of a run`, cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw usageError(`${path}: a config file holds one JSON object, {"option": value, ...}`);
  return value as Raw;
}

/** The system's word for what went wrong with a file. */
export function reason(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? "";
  const words: Readonly<Record<string, string>> = {
    ENOENT: "no such file",
    EACCES: "permission denied",
    EPERM: "permission denied",
    EROFS: "read-only file system",
    EISDIR: "it is a folder",
    ENOTDIR: "a part of the path is no folder",
    ENOSPC: "no space left",
  };
  return words[code] ?? (cause instanceof Error ? cause.message : String(cause));
}

/** The words that are no flags, as values of the options they stand for. */
export function withOperands(verb: Verb, operands: readonly string[], given: ReadonlyMap<string, string | boolean>): Map<string, string | boolean> {
  const typed = new Map(given);
  if (operands.length > verb.operands.length) {
    const extra = operands[verb.operands.length];
    throw usageError(`unexpected "${extra}"; usage: liftwise ${verb.usage}, options begin with --, and a value that holds spaces is quoted`);
  }
  operands.forEach((word, i) => {
    const name = kebab(verb.operands[i]);
    if (typed.has(name)) throw usageError(`--${name} is given twice, as "${typed.get(name)}" and as "${word}"; keep one`);
    typed.set(name, word);
  });
  return typed;
}

function checkNames(flags: readonly Flag[], typed: ReadonlyMap<string, string | boolean>, verb: Verb): void {
  const known = [...flags, ...runFlags].map((flag) => flag.name);
  for (const name of typed.keys()) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    throw usageError(
      `unknown option --${name}; ${near === undefined ? `liftwise ${verb.usage.split(/ [A-Z[]/)[0]} --help lists the options` : `did you mean --${near}?`}`,
    );
  }
}

function valuesOf(flags: readonly Flag[], typed: ReadonlyMap<string, string | boolean>): Raw {
  let values: Raw = {};
  for (const flag of flags) {
    const text = typed.get(flag.name);
    if (text === undefined) continue;
    if (text === "") throw usageError(`--${flag.name} needs a value${flag.choices.length > 0 ? `: ${oneOf(flag.choices)}` : ""}`);
    values = merge(values, nest(flag.path, typeof text === "boolean" ? text : flag.read(text)));
  }
  return values;
}

function nest(path: readonly string[], value: unknown): Raw {
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Raw;
}

/** Objects are merged key by key; a name that meets settings becomes their id ("boosting" and {trees: 50}); any other value is replaced. */
function merge(under: Raw, over: Raw): Raw {
  const result: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const before = typeof result[key] === "string" && isObject(value) ? { id: result[key] } : result[key];
    result[key] = isObject(before) && isObject(value) ? merge(before, value) : value;
  }
  return result;
}

/** Settings without a name are those of the name that is taken by default. */
function withStandards(flags: readonly Flag[], values: Raw): Raw {
  let named = values;
  for (const { path, standard } of flags) {
    const value = path.reduce<unknown>((node, key) => (isObject(node) ? node[key] : undefined), named);
    if (standard !== undefined && isObject(value) && value.id === undefined) named = merge(named, nest(path, { id: standard }));
  }
  return named;
}

function isObject(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Each part gets its own keys: those below `at`, or, for a part at the top, the ones its schema knows. */
function deal(values: Raw, verb: Verb, parts: readonly Part[], origin: Origin): { top: Raw; own: Record<string, Raw> } {
  const top: Record<string, unknown> = {};
  const own: Record<string, Raw> = Object.fromEntries(parts.map((part) => [part.at, {}]));
  const known = Object.keys(verb.options.shape);
  const flat = parts.filter((part) => part.at === "").flatMap((part) => flagsOf(part.schema).map((flag) => flag.path[0]));
  for (const [key, value] of Object.entries(values)) {
    if (known.includes(key)) top[key] = value;
    else if (flat.includes(key)) own[""] = { ...own[""], [key]: value };
    else if (key !== "" && key in own) {
      if (!isObject(value)) throw usageError(`${origin.name([key])} holds the options of ${key}, as an object`);
      own[key] = value;
    } else
      throw usageError(`${origin.holder([key])} has no option "${key}"; ${suggest(key, [...known, ...flat, ...Object.keys(own).filter((at) => at !== "")])}`);
  }
  return { top, own };
}

function judge(schema: z.ZodType, value: Raw, at: readonly string[], origin: Origin): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const fault = faultOf(result.error, value, schema);
  const path = [...at, ...fault.path];
  if (fault.unknownKey) throw usageError(`${origin.holder(path)} ${fault.text}`);
  // What was given nowhere is asked for as a flag, with its meaning.
  const absent = flagsOf(schema, at[0] ?? "").find((flag) => flag.path.join(".") === path.join("."));
  if (absent !== undefined && fault.path.length === 1 && value[fault.path[0]] === undefined)
    throw usageError(`--${absent.name} is required: ${absent.describe}`);
  throw usageError(`${origin.name(path)} ${fault.text}`);
}

function switchFlag(name: string, describe: string, bare: boolean): Flag {
  return { name, path: [name], bare, describe, choices: [], read: (text) => text };
}

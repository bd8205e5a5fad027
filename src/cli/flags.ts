import { z } from "zod";
import { usageError } from "../base/errors.ts";

/** JSON schema, as far as flags are made from it. */
interface Node {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: boolean | Node;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
}

/** One flag of the command line and the place of its value among the options. */
export interface Flag {
  /** Without the dashes: "outcome-learner", dotted where options are nested. */
  readonly name: string;
  readonly path: readonly string[];
  /** Given alone it means true; `--no-x` means false. */
  readonly bare: boolean;
  readonly describe: string;
  /** Values to choose from, where there is a fixed list. */
  readonly choices: readonly string[];
  /** The default as the help shows it; undefined where there is none. */
  readonly fallback?: string;
  /** Of a setting of something that is chosen by name (`--learner.trees` of `--learner boosting`): the names that know it. */
  readonly families?: readonly string[];
  /** Of a flag that chooses by name and has settings: the name that is taken when none is given. */
  readonly standard?: string;
  /** The value as the schema wants it, or the text itself where it cannot be read so: the schema then says why. */
  readonly read: (text: string) => unknown;
}

/** The flags of a schema in the order of its keys: `outcomeLearner` becomes `--outcome-learner`, and nested keys are joined by dots. */
export function flagsOf(schema: z.ZodType, at = ""): Flag[] {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any", reused: "inline" }) as Node;
  return flagsBelow(root, at === "" ? [] : [at]);
}

function flagsBelow(node: Node, path: readonly string[]): Flag[] {
  const flags: Flag[] = [];
  for (const [key, child] of Object.entries(propertiesOf(node))) {
    const here = [...path, key];
    const kinds = typesOf(child);
    const below = flagsBelow(child, here);
    const plain = kinds.some((kind) => kind !== "object") || below.length === 0;
    if (plain) flags.push(flag(here, child, kinds));
    flags.push(...(plain && below.length > 0 ? settings(child, below, here) : below));
  }
  return flags;
}

// A choice by name or by object: the name stands at the flag itself, and every setting says which names know it.
function settings(choice: Node, below: readonly Flag[], path: readonly string[]): Flag[] {
  const knowing = (key: string): string[] =>
    branches(choice).flatMap(({ properties }) => (properties?.[key] !== undefined && typeof properties.id?.const === "string" ? [properties.id.const] : []));
  return below
    .filter((inner) => inner.path.length > path.length + 1 || inner.path[path.length] !== "id")
    .map((inner) => ({ ...inner, families: inner.families ?? knowing(inner.path[path.length]) }));
}

function flag(path: readonly string[], node: Node, kinds: readonly string[]): Flag {
  const { default: standard } = node;
  return {
    name: path.map(kebab).join("."),
    path,
    bare: kinds.every((kind) => kind === "boolean"),
    describe: node.description ?? "",
    choices: choicesOf(node),
    fallback: shown(standard),
    ...(kinds.includes("object") && kinds.includes("string")
      ? { standard: typeof standard === "string" ? standard : (standard as { id?: string } | undefined)?.id }
      : {}),
    read: (text) => readText(text, node),
  };
}

export function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

// A union of objects offers the keys of all of them.
function propertiesOf(node: Node): Record<string, Node> {
  return Object.assign({}, ...branches(node).map((branch) => branch.properties ?? {})) as Record<string, Node>;
}

function branches(node: Node): Node[] {
  const inner = [...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  return inner.length === 0 ? [node] : inner.flatMap(branches);
}

function typesOf(node: Node): string[] {
  return branches(node).flatMap((branch) => {
    if (branch.type !== undefined) return branch.type;
    if (branch.const !== undefined) return typeof branch.const;
    return branch.properties === undefined ? "any" : "object";
  });
}

function choicesOf(node: Node): string[] {
  const lists = branches(node).map((branch) =>
    branch.type === "array" ? choicesOf(branch.items ?? {}) : (branch.enum ?? (branch.const === undefined ? [] : [branch.const])),
  );
  return lists.flat().filter((value): value is string => typeof value === "string");
}

function shown(value: unknown): string | undefined {
  if (value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0)) return undefined;
  if (Array.isArray(value)) return value.join(",");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** "12" where a number is wanted is 12, "a,b" where a list is wanted is two texts, "a=x,b=y" where a record is wanted two entries. */
function readText(text: string, node: Node): unknown {
  const options = branches(node);
  if (/^\s*[[{]/.test(text) && options.some((branch) => branch.type === "array" || branch.type === "object" || branch.type === undefined)) return parsed(text);
  // The choices of a list are those of its entries: one of them alone is a list of one.
  if (options.some((branch) => branch.type !== "array" && choicesOf(branch).includes(text))) return text;
  for (const branch of options) {
    const kinds = typeof branch.type === "string" ? [branch.type] : (branch.type ?? []);
    if (kinds.includes("null") && text === "null") return null;
    if ((kinds.includes("number") || kinds.includes("integer")) && /^\s*[-+.\d]/.test(text) && Number.isFinite(Number(text))) return Number(text);
    if (kinds.includes("boolean") && (text === "true" || text === "false")) return text === "true";
    if (kinds.includes("array")) return text.split(",").map((piece) => readText(piece.trim(), branch.items ?? {}));
    if (kinds.includes("object") && typeof branch.additionalProperties === "object" && text.includes("=")) return readRecord(text, branch.additionalProperties);
  }
  return text;
}

function readRecord(text: string, value: Node): Record<string, unknown> {
  return Object.fromEntries(
    text.split(",").map((piece) => {
      const cut = piece.indexOf("=");
      if (cut < 1) throw usageError(`"${text}" is no list of the form name=value,name=value: "${piece}" has no "="; write it as JSON if a name holds a comma`);
      return [piece.slice(0, cut).trim(), readText(piece.slice(cut + 1).trim(), value)];
    }),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw usageError(`${text} begins like JSON and is none (${(cause as Error).message}); quote it for the shell`, cause);
  }
}

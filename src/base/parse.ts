import type { z } from "zod";
import { oneOf, suggest, usageError } from "./errors.ts";

type Issue = z.core.$ZodIssue;

/**
 * The value as the schema wants it, with defaults filled in.
 * @param where what the error starts with: `t-learner: config`
 * @throws LiftwiseError (usage), one line: the path of the first fault, what is allowed, what was got, and how many more faults there are
 */
export function parse<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const fault = faultOf(result.error, value ?? {}, schema);
  const at = fault.path.length === 0 || fault.unknownKey ? "" : `"${fault.path.join(".")}" `;
  throw usageError(`${where} ${at}${fault.text}`);
}

/** The first thing wrong with a value. */
export interface Fault {
  readonly path: readonly string[];
  /** Whether the fault is that there is something at `path` at all. */
  readonly unknownKey: boolean;
  /** What is wrong, to stand after the name of what is at `path` (or, with an unknown key, after the name of the whole). */
  readonly text: string;
}

/** @param error why `schema` refused `value` */
export function faultOf(error: z.core.$ZodError, value: unknown, schema: z.ZodType): Fault {
  const issues = error.issues.flatMap(innermost);
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  const [issue] = issues;
  const unknownKey = issue.code === "unrecognized_keys";
  return { path: [...issue.path, ...(unknownKey ? [issue.keys[0]] : [])].map(String), unknownKey, text: `${describe(issue, value, schema)}${more}` };
}

// Of a union's complaints only those of the branch that came nearest help: the one whose type or literal fits, if there is one.
function innermost(issue: Issue): Issue[] {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return [issue];
  const below = issue.errors.map((errors) => errors.flatMap(innermost));
  const foreign = (error: Issue): boolean => error.path.length === 0 && (error.code === "invalid_type" || error.code === "invalid_value");
  const near = below.find((errors) => !errors.some(foreign));
  if (near !== undefined) return near.map((error) => ({ ...error, path: [...issue.path, ...error.path] }));
  const complaints = below.flat();
  const values = complaints.flatMap((error) => (error.code === "invalid_value" ? error.values : []));
  const types = new Set(complaints.flatMap((error) => (error.code === "invalid_type" ? [error.expected as string] : [])));
  // Where a word stands for an object with settings, the word is what to correct.
  if (values.length > 0) types.delete("object");
  if (types.size === 0) return [{ code: "invalid_value", path: issue.path, values, message: issue.message }];
  return [{ code: "custom", path: issue.path, message: `must be ${oneOf([...values.map(String), ...Array.from(types, (type) => `of type ${type}`)])}` }];
}

function describe(issue: Issue, value: unknown, schema: z.ZodType): string {
  const found = valueAt(value, issue.path);
  const got = `got ${show(found)}`;
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = keysAt(schema, value, issue.path);
      const key = [...issue.path.map(String), issue.keys[0]].join(".");
      return known.length === 0 ? `has no option "${key}"; remove it` : `has no option "${key}"; ${suggest(issue.keys[0], known)}`;
    }
    case "invalid_type":
      return found === undefined
        ? `is required: give a value of type ${issue.expected}`
        : `must be of type ${issue.expected === "int" ? "whole number" : issue.expected}; ${got}`;
    case "too_small":
      return `must be ${issue.inclusive === false ? "greater than" : "at least"} ${issue.minimum}${unit(issue.origin)}; ${got}`;
    case "too_big":
      return `must be ${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}${unit(issue.origin)}; ${got}`;
    case "invalid_value": {
      const allowed = issue.values.map(String);
      const near = typeof found === "string" ? suggest(found, allowed) : "";
      return `must be ${oneOf(allowed)}; ${got}${near.startsWith("did") ? `, ${near}` : ""}`;
    }
    case "invalid_union": {
      const options = (issue as { options?: readonly unknown[] }).options?.map(String);
      if (options === undefined) return `${issue.message}; ${got}`;
      const near = typeof found === "string" ? suggest(found, options) : "";
      return `must be ${oneOf(options)}; ${got}${near.startsWith("did") ? `, ${near}` : ""}`;
    }
    default:
      return `${issue.message.charAt(0).toLowerCase()}${issue.message.slice(1)}; ${got}`;
  }
}

function unit(origin: string): string {
  if (origin === "string") return " characters long";
  return origin === "array" || origin === "set" ? " entries long" : "";
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let here = value;
  for (const key of path) {
    if (typeof here !== "object" || here === null) return undefined;
    here = (here as Record<PropertyKey, unknown>)[key];
  }
  return here;
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

interface Definition {
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly innerType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly in?: z.ZodType;
  readonly out?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly values?: readonly unknown[];
}

/** The keys an object at this path may have. */
function keysAt(schema: z.ZodType, value: unknown, path: readonly PropertyKey[]): string[] {
  const objects = objectsOf(schema).filter((shape) => fits(shape, value));
  if (path.length === 0) return [...new Set(objects.flatMap((shape) => Object.keys(shape)))];
  const inside = valueAt(value, path.slice(0, 1));
  const keys = objects.flatMap((shape) => (shape[String(path[0])] === undefined ? [] : keysAt(shape[String(path[0])], inside, path.slice(1))));
  return [...new Set(keys)];
}

function objectsOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>>[] {
  const definition = schema.def as Definition;
  if (definition.shape !== undefined) return [definition.shape];
  return [definition.innerType, definition.in, definition.out, ...(definition.options ?? [])].filter((inner) => inner !== undefined).flatMap(objectsOf);
}

// Of the branches of a union, those whose literal keys agree with the value.
function fits(shape: Readonly<Record<string, z.ZodType>>, value: unknown): boolean {
  return Object.entries(shape).every(([key, child]) => {
    const literal = (child.def as Definition).values;
    return literal === undefined || literal.includes((value as Record<string, unknown> | null)?.[key]);
  });
}

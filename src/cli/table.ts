import Table from "cli-table3";
import type { Io } from "./verb.ts";

/** A table for people: a line of headings, a rule, one line a row; numbers are given as text already. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], io: Io, right: readonly number[] = []): string {
  const made = new Table({
    head: [...head],
    chars: { ...noLines, "top-mid": "", mid: "", "left-mid": "", "mid-mid": "", "right-mid": "", middle: "  " },
    style: { "padding-left": 0, "padding-right": 0, head: io.colour ? ["bold"] : [], border: [] },
    colAligns: head.map((_, i) => (right.includes(i) ? "right" : "left")),
  });
  for (const row of rows) made.push([...row]);
  return `${made
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")}\n`;
}

const noLines = {
  top: "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  right: "",
} as const;

/** JSON with NaN and infinities as null and typed arrays as lists, in one line. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, plain)}\n`;
}

/** Replacer for JSON.stringify: typed arrays become lists, what JSON cannot say becomes null. */
export function plain(_key: string, value: unknown): unknown {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Float64Array, (v) => (Number.isFinite(v) ? v : null));
  return typeof value === "number" && !Number.isFinite(value) ? null : value;
}

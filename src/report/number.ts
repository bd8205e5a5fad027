import type { Json } from "../base/state.ts";
import type { OutcomeKind } from "../data/schema.ts";
import { decimalsOf, fixed, noNumber, percentagePoints, plain, rounded, type Unit } from "../plot/index.ts";

/** Differences of a binary outcome are told in percentage points, all others in units of the outcome. */
export function effectUnit(kind: OutcomeKind | undefined): Unit {
  return kind === "binary" ? percentagePoints : plain;
}

/** Means of one outcome with the same decimals: `18.3%` for a binary outcome, `1.42` for others; the smallest shows two digits. */
export function meanTexts(values: readonly number[], kind: OutcomeKind | undefined): string[] {
  const scale = kind === "binary" ? 100 : 1;
  const sizes = values.map((value) => Math.abs(value * scale)).filter((size) => size > 0 && Number.isFinite(size));
  const decimals = Math.max(kind === "binary" ? 1 : 0, sizes.length === 0 ? 0 : decimalsOf(Math.min(...sizes), 2));
  return values.map((value) => (Number.isFinite(value) ? `${fixed(value * scale, decimals)}${kind === "binary" ? "%" : ""}` : noNumber));
}

/** `7.66 pp`, `0.42`: an amount with the short name of its unit. */
export function withUnit(text: string, unit: Unit): string {
  return unit.suffix === "" || text === noNumber ? text : `${text} ${unit.suffix}`;
}

/** A share as a percentage: one decimal, more where that would show nothing. */
export function shareText(share: number): string {
  if (!Number.isFinite(share)) return noNumber;
  const percent = share * 100;
  return `${Math.abs(percent) >= 1 || percent === 0 ? fixed(percent, 1) : rounded(percent, 2)}%`;
}

/** `0.012`, `< 0.001`: three decimals are all a p-value can bear. */
export function pText(p: number): string {
  if (!Number.isFinite(p)) return noNumber;
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}

/** `p = 0.012`, `p < 0.001`. */
export function pPhrase(p: number): string {
  return p < 0.001 ? "p\u00a0<\u00a00.001" : `p\u00a0=\u00a0${pText(p)}`;
}

/** A count as text, thousands set apart. */
export function countText(count: number): string {
  return fixed(count, 0);
}

/** 0.95 as 95; 0.999 as 99.9. */
export function percentOf(level: number): number {
  return Number((level * 100).toFixed(1));
}

/** `1 row`, `2 rows`. */
export function countOf(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** `a, b and c`. */
export function listText(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`;
}

/** Whether an interval leaves zero out; false when there is none. */
export function excludesZero(interval: readonly [number, number] | undefined): boolean {
  return interval !== undefined && (interval[0] > 0 || interval[1] < 0);
}

/** JSON for people: indented, with long lists of numbers cut to their ends and their length. */
export function abridged(value: Json, most = 12): string {
  const shorten = (v: Json): Json => {
    if (Array.isArray(v)) {
      const items = v as readonly Json[];
      if (items.length > most && items.every((item) => typeof item !== "object" || item === null))
        return [...items.slice(0, 3), `... ${items.length} in all ...`, items[items.length - 1]];
      return items.map(shorten);
    }
    if (typeof v === "object" && v !== null) return Object.fromEntries(Object.entries(v).map(([key, inner]) => [key, shorten(inner)]));
    return v;
  };
  return JSON.stringify(shorten(value), undefined, 2).replace(/\[\s+([^[\]{}]{0,120}?)\s+\]/g, (_, inside: string) => `[${inside.replace(/\s*\n\s*/g, " ")}]`);
}

import { readFileSync, statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canDraw, face, fontFiles, fontPath, textWidth } from "../../src/plot/font.ts";

const reference = JSON.parse(readFileSync(new URL("../fixtures/font/data.json", import.meta.url), "utf8")) as Record<
  string,
  { readonly characters: number; readonly advance: Readonly<Record<string, number | null>> }
>;

describe("font", () => {
  test.each([
    ["SourceSans3-Regular.ttf", 400],
    ["SourceSans3-SemiBold.ttf", 600],
  ])("advance widths of %s are those that fontTools reads", (file, weight) => {
    for (const [code, advance] of Object.entries(reference[file].advance))
      expect([code, face(weight).advance(Number.parseInt(code, 16)) ?? null]).toEqual([code, advance]);
  });

  test("a line is as wide as its characters, and a combining mark adds nothing", () => {
    expect(textWidth("ab", 10)).toBe(10 * ((face(400).advance(97) ?? Number.NaN) + (face(400).advance(98) ?? Number.NaN)));
    expect(textWidth("τ̂", 10)).toBe(textWidth("τ", 10));
    expect(textWidth("ab", 10, "bold")).toBeGreaterThan(textWidth("ab", 10, 400));
    expect(textWidth("", 10)).toBe(0);
  });

  test("says what it cannot draw", () => {
    expect(canDraw("τ̂ ≥ 0, größer, живой")).toBe(true);
    expect(canDraw("中")).toBe(false);
    expect(canDraw("🙂")).toBe(false);
  });

  test("no font file is above a megabyte, and the licence lies beside them", () => {
    for (const file of Object.values(fontFiles)) expect(statSync(fontPath(file)).size).toBeLessThan(1e6);
    expect(readFileSync(fontPath("OFL.txt"), "utf8")).toContain("SIL Open Font License, Version 1.1");
  });
});

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

test("the README's first Qini runs as it stands, in at most 20 lines of code, and gives scikit-uplift's number", () => {
  const [, code] = /```ts\n([\s\S]*?)```/.exec(readFileSync(resolve(root, "README.md"), "utf8")) ?? [];
  // The package imports itself by name, as an installed one would.
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", code], { cwd: root, encoding: "utf8" });
  expect(out).toContain("0.578947368421");
  expect(out).toContain("controlMean");
  expect(code.split("\n").filter((line) => line.trim() !== "").length).toBeLessThanOrEqual(20);
});

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readTable } from "../../src/data/read.ts";
import { writeTable } from "../../src/data/write.ts";
import { rowsOf, threeLevers } from "../uplift/levers/units.ts";
import { liftwise } from "./captured.ts";

const folder = mkdtempSync(join(tmpdir(), "liftwise-levers-"));
const at = (name: string): string => join(folder, name);
const levers = threeLevers.map(({ column, levels }) => `${column}:${levels.map((level, k) => (k === 0 ? level : `${level}=${0.2 * k}`)).join("<")}`).join(",");

beforeAll(async () => {
  // Cells of the highest level of all three levers are left out: they are never logged.
  const data = rowsOf(500, 21);
  const level = (l: number): Int32Array => (data.column(`lever${l}`) as { codes: Int32Array }).codes;
  const [a, b, c] = [level(0), level(1), level(2)];
  await writeTable(at("offers.csv"), [...data.take(Array.from(a, (_, i) => i).filter((i) => !(a[i] === 3 && b[i] === 2 && c[i] === 2))).columns]);
  const words = ["fit", at("offers.csv"), "--task", "levers", "--levers", levers, "--outcome", "y", "--features", "x1,x2,x3,x4"];
  const quick = ["--steps", "150", "--members", "2", "--baseline", "8", "--encoder", "4", "--batch", "64", "--seed", "3"];
  const { code, out } = await liftwise([...words, ...quick, "--out", at("model"), "--json"]);
  expect(code).toBe(0);
  const { report } = JSON.parse(out);
  expect(report).toMatchObject({ link: "identity", cells: { all: 36, logged: 35 }, logging: { propensity: "product of levers" } });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("best cells: levels, worth after costs, support, and a warning where they were never logged", async () => {
  const { code, out, err } = await liftwise(["predict", at("model"), at("offers.csv"), "--out", at("best.csv"), "--worth", "5", "--report", at("levers.html")]);
  expect(code).toBe(0);
  const columns = await readTable(at("best.csv"));
  expect(columns.map(({ name }) => name)).toEqual(["best_lever0", "best_lever1", "best_lever2", "value", "effect", "logged_rows", "support"]);
  expect(out).toContain("by construction");
  expect(out).toMatch(/rank 1, synergy of .*: lever0 \d\.\d\d, lever1/);
  expect(err).toMatch(/was never logged \(3 x 2 x 2\)/);
  for (const text of ["Response surface", "Interactions", "What the ranks are made of", "More is never less"])
    expect(readFileSync(at("levers.html"), "utf8")).toContain(text);
});

test("all cells, and the whole insight as JSON", async () => {
  const { code, out } = await liftwise(["predict", at("model"), at("offers.csv"), "--out", at("all.csv"), "--cells", "all", "--json"]);
  expect(code).toBe(0);
  const { columns, insight } = JSON.parse(out);
  expect(columns).toHaveLength(35);
  expect(Object.keys(insight)).toEqual(expect.arrayContaining(["table", "curves", "interactions", "ranks", "monotone", "best", "warnings"]));
  expect(insight.monotone).toMatchObject({ byConstruction: true, violations: 0 });
  expect(insight.table.at(-1)).toMatchObject({ cell: "3 x 2 x 2", rows: 0, propensity: null, support: "never logged" });
});

test("a budget is kept, by costs of every lever; for arms there is allocate", async () => {
  const { code, out } = await liftwise(["predict", at("model"), at("offers.csv"), "--out", at("within.csv"), "--budget", "40", "--json"]);
  expect(code).toBe(0);
  const { budget } = JSON.parse(out);
  expect(budget.spent).toBeLessThanOrEqual(40);
  expect(budget.spent).toBeGreaterThan(39);
  const both = await liftwise(["predict", at("model"), at("offers.csv"), "--out", at("no.csv"), "--budget", "40", "--cells", "all"]);
  expect(both.code).toBe(2);
  expect(both.err).toContain("leave one out");
});

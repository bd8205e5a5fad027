import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { suites } from "../../src/evaluate/suites/index.ts";
import { openLedger } from "../../src/evaluate/suites/ledger.ts";
import { medianOver, overReplications, type SuiteOptions } from "../../src/evaluate/suites/suite.ts";
import type { Model } from "../../src/model/contract.ts";
import { needsShared, shared } from "../data/shared.ts";
import { toyModel } from "../model/toy.ts";
import { expectClose, float64 } from "../tolerance.ts";

let home = "";
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "liftwise-suites-"));
  if (shared !== undefined) process.env.LIFTWISE_DATA_DIR = shared;
});
afterAll(() => rm(home, { recursive: true, force: true }));

function options(models: readonly Model[], more: Partial<SuiteOptions> = {}): SuiteOptions {
  return { models, quick: true, seed: 1, threads: 1, progress: () => {}, signal: new AbortController().signal, ...more };
}

async function run(id: string, given: SuiteOptions): ReturnType<(typeof suites)[number]["run"]> {
  const suite = suites.find((candidate) => candidate.id === id);
  if (suite === undefined) throw new Error(`no suite ${id}`);
  return suite.run(given);
}

test("mean and median over replications, with their errors by hand", () => {
  expect(overReplications([1, 2, 6])).toEqual({ mean: 3, se: Math.sqrt(14 / 2 / 3), n: 3 });
  expect(overReplications([4]).se).toBeNaN();
  expect(medianOver([5, 1, 3])).toEqual({ mean: 3, se: Number.NaN, n: 3 });
  expect(medianOver([4, 1, 2, 3]).mean).toBe(2.5);
  // n = 25: c = round(13 - 1.96 * 2.5) = 8, so the 8th and the 18th of the sorted values, ten apart.
  const { mean, se } = medianOver(Array.from({ length: 25 }, (_, i) => (7 * i) % 25));
  expect(mean).toBe(12);
  expectClose(se, 10 / (2 * 1.959964), float64);
});

test("results in the file are not computed again; half a line at the end is", async () => {
  const file = join(home, "results.jsonl");
  let made = 0;
  const make = async (): Promise<Record<string, number>> => ({ value: ++made });
  const first = await openLedger(file);
  expect(await first.once("a", make)).toEqual({ value: 1 });
  expect(await first.once("a", make)).toEqual({ value: 1 });
  await first.once("b", make);
  await appendFile(file, '{"key":"c","val');
  const second = await openLedger(file);
  expect(await second.once("b", make)).toEqual({ value: 2 });
  expect(await second.once("c", make)).toEqual({ value: 3 });
  expect(await (await openLedger(file)).once("c", make)).toEqual({ value: 3 });
  const text = await readFile(file, "utf8");
  expect(text.trim().split("\n").length).toBe(3);
});

test("a file of something else is refused, and left as it is", async () => {
  for (const text of ["hello\n", "hello", "1\n2", '{"name":1}\n']) {
    await writeFile(join(home, "other"), text);
    await expect(openLedger(join(home, "other")), text).rejects.toThrow(/line 1 is no result of a benchmark/);
    expect(await readFile(join(home, "other"), "utf8")).toBe(text);
  }
});

test("suites have ids of their own", () => {
  expect(new Set(suites.map(({ id }) => id)).size).toBe(suites.length);
  expect(suites.map(({ id }) => id)).toEqual(expect.arrayContaining(["metrics", "ihdp", "hillstrom"]));
});

test.skipIf(shared === undefined)(`ihdp: mean and median of two models in and out of sample, resumed without fitting again${needsShared}`, async () => {
  const resume = join(home, "ihdp.jsonl");
  const { rows, values } = await run("ihdp", options([toyModel(), toyModel({ id: "shift", slope: 100 })], { seeds: 3, resume }));
  expect(values?.length).toBe(3 * 2 * 4);
  expect(new Set(rows.map((row) => row.case))).toEqual(new Set(["in sample", "out of sample", "in sample, light tails", "out of sample, light tails"]));
  const pehe = (model: string): number => rows.find((row) => row.model === model && row.case === "in sample" && row.metric === "root-pehe")?.mean ?? Number.NaN;
  // A constant effect misses by about the standard deviation of the effect, 0.8 to 0.9 in these three.
  expect(pehe("toy")).toBeGreaterThan(0.7);
  expect(pehe("toy")).toBeLessThan(1.2);
  expect(pehe("shift")).toBeGreaterThan(50);
  const refuse = toyModel({
    fit: async () => {
      throw new Error("fitted again");
    },
  });
  const again = await run("ihdp", options([refuse, { ...refuse, id: "shift" }], { seeds: 3, resume }));
  expect(again.rows).toEqual(rows);
  await expect(run("ihdp", options([refuse], { seeds: 3, resume, seed: 2 }))).rejects.toThrow("fitted again");
});

test.skipIf(shared === undefined)(`hillstrom: every outcome, arm and metric, with the error of a held-out part${needsShared}`, async () => {
  const { rows } = await run("hillstrom", options([toyModel({ slope: 0.001 }), toyModel({ id: "pair", slope: 0.001, traits: { arms: "two" } })]));
  expect(rows.length).toBe(2 * 3 * 2 * 2);
  const row = (model: string): (typeof rows)[number] | undefined =>
    rows.find((r) => r.model === model && r.case === "visit, Womens E-Mail" && r.metric === "qini");
  expect(row("toy")).toMatchObject({ n: 1 });
  expect(row("toy")?.se).toBeGreaterThan(0);
  // The effect of a model for two arms is fitted on the pair: the same difference in means.
  expectClose(row("pair")?.mean ?? Number.NaN, row("toy")?.mean ?? 0, float64);
});

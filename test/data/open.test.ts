import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openDataset, openSource, type RoleFlags } from "../../src/data/open.ts";
import { rolesFrom } from "../../src/data/roles.ts";
import { fromRows } from "../../src/data/rows.ts";
import { requireUsable } from "../../src/data/usable.ts";

const folder = mkdtempSync(join(tmpdir(), "liftwise-open-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const trial = file(
  "trial.csv",
  [
    "id,arm,visit,spend,age,city,w,p,tau",
    "1,a,0,0,30,rome,1,0.3,0.1",
    "2,b,1,2.5,,oslo,1,0.3,0.2",
    "3,control,0,0,50,rome,2,0.4,0",
    "4,a,1,9,20,,1,0.3,0.1",
    "5,control,1,1,61,oslo,1,0.4,0",
  ].join("\n"),
);
const two = file("two.csv", "t,y,x,s,tau,e\n0,0,1,0.3,0.1,0.5\n1,1,2,0.2,0.2,0.5\n1,0,3,0.1,0.1,0.5\n");

describe("openDataset of a file", () => {
  test("features are every column without a part, in order; names may be given as a list with commas", async () => {
    const data = await openDataset(trial, { treatment: "arm", outcome: "visit, spend", weight: "w", ignore: ["id"] });
    expect(data.roles).toEqual({
      features: ["age", "city", "p", "tau"],
      treatment: { column: "arm", control: "control" },
      outcomes: ["visit", "spend"],
      weight: "w",
    });
    expect(data.treatment().arms).toEqual(["control", "a", "b"]);
    expect(data.name).toBe(trial);
  });

  test("with features listed, only columns with a part are read, and those to keep", async () => {
    const data = await openDataset(two, { treatment: "t", outcome: "y", features: [], keep: ["s"], truth: "tau", propensity: "e" });
    expect(data.names).toEqual(["t", "y", "s", "e", "tau"]);
    expect(data.roles).toEqual({ features: [], treatment: { column: "t", control: "0" }, outcomes: ["y"], effect: { "1": "tau" }, propensity: { "1": "e" } });
    expect(data.trueEffect("1")).toEqual(new Float64Array([0.1, 0.2, 0.1]));
  });

  test("a column by arm is named once where one arm is treated, and by arm where there are several", async () => {
    const flags: RoleFlags = { treatment: "arm", outcome: "visit" };
    expect((await openDataset(trial, { ...flags, truth: "a=tau, b=p" })).roles.effect).toEqual({ a: "tau", b: "p" });
    expect((await openDataset(trial, { ...flags, truth: { a: "tau" } })).roles.effect).toEqual({ a: "tau" });
    await expect(openDataset(trial, { ...flags, truth: "tau" })).rejects.toThrow(
      /truth: there are 2 treated arms \(a or b\); give a column for each: a=column,b=column/,
    );
    await expect(openDataset(trial, { ...flags, propensity: "men=p" })).rejects.toThrow(/propensity: there is no treated arm "men"; known are a or b/);
    await expect(openDataset(trial, { ...flags, propensity: { a: "q" } })).rejects.toThrow(/no column "q"/);
  });

  test("the control is what is named; else 0 or an arm called control; else it is asked for", async () => {
    expect((await openDataset(two, { treatment: "t", outcome: "y", control: "1.0" })).treatment().arms).toEqual(["1", "0"]);
    expect((await openDataset(two, { treatment: "t", outcome: "y" })).treatment().arms).toEqual(["0", "1"]);
    await expect(openDataset(trial, { treatment: "city", outcome: "visit" })).rejects.toMatchObject({
      kind: "usage",
      message: expect.stringMatching(/which arm is the control\? name it; the arms are oslo or rome/),
    });
    await expect(openDataset(trial, { control: "a" })).rejects.toThrow(/no treatment column/);
  });

  test("row numbers without a name are no feature, and a note says so", async () => {
    const path = file("index.csv", ",t,y,x\n0,0,1,5\n1,1,0,6\n");
    const { data, notes, kind } = await openSource(path, { treatment: "t", outcome: "y" });
    expect([data.roles.features, kind]).toEqual([["x"], "file"]);
    expect(notes).toEqual([expect.stringMatching(/unnamed_1: the column has no name .*row numbers/)]);
  });

  const mistakes: readonly [what: string, path: string, flags: RoleFlags, kind: string, said: RegExp][] = [
    ["a misspelt treatment", trial, { treatment: "armm", outcome: "visit" }, "data", /no column "armm"; did you mean "arm"\?/],
    ["a misspelt outcome among several", trial, { treatment: "arm", outcome: ["visit", "spent"] }, "data", /no column "spent"; did you mean "spend"\?/],
    ["a misspelt feature", trial, { treatment: "arm", outcome: "visit", features: ["agee"] }, "data", /no column "agee"; did you mean "age"\?/],
    ["a misspelt column to ignore", trial, { treatment: "arm", outcome: "visit", ignore: ["idd"] }, "data", /no column "idd"; did you mean "id"\?/],
    [
      "text in the outcome",
      trial,
      { treatment: "arm", outcome: "city" },
      "data",
      /column "city": outcome must be numeric, got text \(for example "oslo"\); choose/,
    ],
    [
      "the outcome as a feature",
      trial,
      { treatment: "arm", outcome: "visit", features: ["age", "visit"] },
      "usage",
      /column "visit" is the outcome and cannot be a feature too/,
    ],
    [
      "a control that does not occur",
      trial,
      { treatment: "arm", control: "none", outcome: "visit" },
      "data",
      /control arm "none" does not occur; the arms are a, b or control/,
    ],
    ["a file that is not there", join(folder, "trail.csv"), {}, "data", /trail\.csv: there is no such file; did you mean "trial\.csv"\?/],
    ["a name that is no data set", "hilstrom", {}, "data", /no file "hilstrom", and no data set of that name; did you mean "hillstrom"\?/],
    ["a generator that is not there", "simulate:nie-wager-z", {}, "usage", /no generator "nie-wager-z"; did you mean/],
    ["a generator's option that is not there", "simulate:nie-wager-a?rowz=10", {}, "usage", /rowz/],
    ["a seed that is no number", "simulate:nie-wager-a?seed=x", {}, "usage", /seed is a whole number, got x/],
    ["a header without rows", file("none.csv", "t,y\n"), { treatment: "t", outcome: "y" }, "data", /there are no rows/],
    [
      "a propensity of 1",
      file("p.csv", "t,y,e\n0,1,1\n1,0,0.5\n"),
      { treatment: "t", outcome: "y", propensity: "e" },
      "data",
      /column "e": a propensity lies strictly between 0 and 1; 1 of 2 rows/,
    ],
    [
      "one arm only",
      file("one.csv", "t,y\n0,1\n0,0\n"),
      { treatment: "t", outcome: "y", control: "0" },
      "data",
      /all rows are in arm "0"; an experiment needs a treated arm/,
    ],
    ["rows without an arm", file("gap.csv", "t,y\n0,1\n,0\n1,1\n"), { treatment: "t", outcome: "y" }, "data", /1 of 3 rows have no treatment/],
  ];
  test.each(mistakes)("%s is one line with a way out", async (_, path, flags, kind, said) => {
    const error = await openDataset(path, flags).then(
      () => undefined,
      (thrown: Error & { kind: string }) => thrown,
    );
    expect(error?.message).toMatch(said);
    expect(error?.message).not.toContain("\n");
    expect(error?.kind).toBe(kind);
  });
});

describe("openDataset of a generator", () => {
  test("gives the same data for the same seed, with its truth; flags go before its roles", async () => {
    const source = "simulate:nie-wager-a?seed=4";
    const [first, again, other] = [await openSource(source), await openSource(source), await openSource("simulate:nie-wager-a?seed=5")];
    expect(await first.sha256()).toBe(await again.sha256());
    expect(await first.sha256()).not.toBe(await other.sha256());
    expect(first.kind).toBe("simulated");
    expect(first.data.trueEffect(first.data.treatment().arms[1])).toHaveLength(first.data.rows);
    const feature = first.data.roles.features[0];
    const fewer = await openDataset(source, { ignore: [feature] });
    expect(fewer.roles.features).toEqual(first.data.roles.features.slice(1));
  });
});

describe("flags over a catalogue's roles", () => {
  const columns = fromRows(
    [
      { t: "a", s: "u", y: 1, z: 0, x: 1, m0: 0, m1: 1, e: 0.5, tau: 1 },
      { t: "c", s: "v", y: 0, z: 1, x: 2, m0: 0, m1: 1, e: 0.5, tau: 1 },
    ],
    { features: [], outcomes: [] },
  ).columns;
  const base = {
    features: ["x", "z"],
    treatment: { column: "t", control: "c" },
    outcomes: ["y"],
    potential: { c: "m0", a: "m1" },
    effect: { a: "tau" },
    propensity: { a: "e" },
  };
  const roles = (flags: RoleFlags): ReturnType<typeof rolesFrom> => rolesFrom(flags, columns, base, "toy");

  test("nothing said: the catalogue's", () => expect(roles({})).toEqual(base));
  test("another outcome loses the truth about the first one, keeps the propensity, and is no feature any more", () => {
    const { features, outcomes, potential, effect, propensity } = roles({ outcome: "z" });
    expect({ features, outcomes, potential, effect, propensity }).toEqual({
      features: ["x"],
      outcomes: ["z"],
      potential: undefined,
      effect: undefined,
      propensity: { a: "e" },
    });
  });
  test("another control loses effect and propensity, which were against the first one, and keeps the potential outcomes", () => {
    const { treatment, potential, effect, propensity } = roles({ control: "a" });
    expect({ treatment, potential, effect, propensity }).toEqual({
      treatment: { column: "t", control: "a" },
      potential: base.potential,
      effect: undefined,
      propensity: undefined,
    });
  });
  test("another treatment loses everything by arm", () => {
    const { potential, effect, propensity } = roles({ treatment: "s", control: "u" });
    expect({ potential, effect, propensity }).toEqual({ potential: undefined, effect: undefined, propensity: undefined });
  });
  test("where no features are listed, what has a part in the catalogue is none, also when flags choose another", () => {
    expect(rolesFrom({ outcome: "z" }, columns, { ...base, features: [] }, "toy").features).toEqual(["s", "x"]);
  });
});

function trialOf(rows: { t: number; y: number | null }[]): ReturnType<typeof fromRows> {
  return fromRows(rows, { features: [], outcomes: ["y"], treatment: { column: "t", control: "0" } });
}

describe("requireUsable", () => {
  const good = [
    { t: 0, y: 1 },
    { t: 0, y: 0 },
    { t: 1, y: 1 },
    { t: 1, y: null },
  ];

  test("passes an experiment that can be analysed, missing outcomes or not", () => expect(() => requireUsable(trialOf(good))).not.toThrow());
  test("an arm without rows is named", () =>
    expect(() => requireUsable(trialOf(good).take([0, 1]))).toThrow(/column "t": no row is in arm "1"; take more rows/));
  test("an arm without a known outcome is named", () =>
    expect(() => requireUsable(trialOf(good).take([0, 1, 3]))).toThrow(/column "y": the outcome is missing in every row of arm "1"/));
  test("an outcome that is always the same is named, with its value", () =>
    expect(() =>
      requireUsable(
        trialOf([
          { t: 0, y: 3 },
          { t: 1, y: 3 },
        ]),
      ),
    ).toThrow(/column "y": the outcome is 3 in every row, so there is nothing to explain/));
  test("an infinite outcome is named by row", () =>
    expect(() =>
      requireUsable(
        trialOf([
          { t: 0, y: 3 },
          { t: 1, y: Number.POSITIVE_INFINITY },
        ]),
      ),
    ).toThrow(/row 2 holds Infinity/));
  test("no rows, no treatment, no outcome", () => {
    expect(() => requireUsable(trialOf(good).take([]))).toThrow(/no rows/);
    expect(() => requireUsable(fromRows(good, { features: [], outcomes: ["y"] }))).toThrow(/no treatment column is declared/);
    expect(() => requireUsable(fromRows(good, { features: [], outcomes: [], treatment: { column: "t", control: "0" } }))).toThrow(
      /no outcome column is declared/,
    );
  });
});

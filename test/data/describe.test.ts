import { describe as group, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { Dataset, numberColumn } from "../../src/data/dataset.ts";
import { describe } from "../../src/data/describe.ts";
import { fromRows } from "../../src/data/rows.ts";
import { expectClose, float64 } from "../tolerance.ts";

const roles = { features: ["x", "c"], outcomes: ["y", "z"], treatment: { column: "t", control: "no" } } as const;
const rows = [
  { t: "no", x: 1, c: "a", y: 0, z: 2.5, w: 1 },
  { t: "no", x: 3, c: "b", y: 1, z: null, w: 3 },
  { t: "yes", x: 2, c: "a", y: 1, z: 1, w: 2 },
  { t: "yes", x: 6, c: "a", y: 1, z: 4, w: 2 },
  { t: "yes", x: null, c: null, y: 0, z: 7, w: 0 },
];
const smd = (summary: ReturnType<typeof describe>): Record<string, number> =>
  Object.fromEntries(summary.balance.map((line) => [`${line.feature} ${line.arm}`, line.smd]));

function shifted(by: number): number {
  const moved = rows.map((row) => ({ ...row, x: row.x === null ? null : row.x + by }));
  return smd(describe(fromRows(moved, roles)))["x yes"];
}

function smdOf(control: number | null, treated: number | null): number {
  const pair = [
    { t: "no", x: control },
    { t: "yes", x: treated },
  ];
  return describe(fromRows(pair, { features: ["x"], outcomes: [], treatment: { column: "t", control: "no" } })).balance[0].smd;
}

group("describe", () => {
  test("counts arms, kinds, missing values and means as counted by hand", () => {
    const summary = describe(fromRows(rows, roles, "toy"));
    expect(summary).toMatchObject({
      name: "toy",
      rows: 5,
      control: "no",
      arms: [
        { arm: "no", rows: 2, share: 0.4 },
        { arm: "yes", rows: 3, share: 0.6 },
      ],
      outcomes: [
        { name: "y", kind: "binary", missing: 0, mean: { no: 0.5, yes: 2 / 3 } },
        { name: "z", kind: "continuous", missing: 1, mean: { no: 2.5, yes: 4 } },
      ],
      features: [
        { name: "x", kind: "number", missing: 1 },
        { name: "c", kind: "category", missing: 1, levels: 2 },
      ],
    });
  });

  test("balance is the difference of means over the root of the mean variance, level by level, missing values with it", () => {
    const got = smd(describe(fromRows(rows, roles)));
    // x: means 2 and 4, variances 1 and 4. c=a: shares 1/2 and 1, variances 1/4 and 0. Missing: 0 and 1/3, variances 0 and 2/9.
    const want = {
      "x yes": 2 / Math.sqrt(2.5),
      "x (missing) yes": 1 / 3 / Math.sqrt(1 / 9),
      "c=a yes": 0.5 / Math.sqrt(1 / 8),
      "c=b yes": -0.5 / Math.sqrt(1 / 8),
      "c (missing) yes": 1,
    };
    expect(Object.keys(got).toSorted()).toEqual(Object.keys(want).toSorted());
    for (const [line, value] of Object.entries(want)) expectClose(got[line], value, float64, line);
  });

  test("weights count as copies of the row, in means and in balance", () => {
    const weighted = describe(fromRows(rows, { ...roles, weight: "w" }));
    const copied = describe(
      fromRows(
        rows.flatMap((row) => Array.from({ length: row.w }, () => row)),
        roles,
      ),
    );
    const [a, b] = [smd(weighted), smd(copied)];
    for (const line of ["x yes", "c=a yes", "c=b yes"]) expectClose(a[line], b[line], float64, line);
    for (const outcome of [0, 1])
      for (const arm of ["no", "yes"]) expectClose(weighted.outcomes[outcome].mean[arm], copied.outcomes[outcome].mean[arm], float64);
  });

  test("a large mean does not swallow a small spread", () => {
    expect(shifted(2 ** 40)).toBe(shifted(0));
  });

  test("an experiment drawn at random is balanced, one that was not is not", () => {
    const rng = new Rng(1);
    const n = 20_000;
    const x = Float64Array.from({ length: n }, () => rng.normal());
    const of = (t: (i: number) => number): number =>
      describe(
        new Dataset(
          [
            numberColumn(
              "t",
              Array.from(x, (_, i) => t(i)),
            ),
            numberColumn("x", x),
          ],
          { features: ["x"], outcomes: [], treatment: { column: "t", control: "0" } },
        ),
      ).balance[0].smd;
    expect(Math.abs(of(() => rng.bernoulli(0.5)))).toBeLessThan(4 * Math.sqrt(4 / n));
    expect(of((i) => (x[i] > 0 ? 1 : 0))).toBeGreaterThan(2);
  });

  test("equal constants differ by 0, unequal ones by infinity; an arm without any value has no answer", () => {
    expect([smdOf(1, 1), smdOf(1, 2), smdOf(null, 2)]).toEqual([0, Number.POSITIVE_INFINITY, Number.NaN]);
  });

  test("rare levels of a feature with many are taken together", () => {
    const many = Array.from({ length: 40 }, (_, i) => ({ t: i % 2 ? "yes" : "no", c: i < 20 ? "common" : `rare${i}` }));
    const { balance } = describe(fromRows(many, { features: ["c"], outcomes: [], treatment: { column: "t", control: "no" } }), { levels: 3 });
    expect(balance.map((line) => line.feature)).toEqual(["c=common", "c=rare20", "c=rare21", "c (18 other levels)"]);
    expect(balance.at(-1)?.smd).toBe(0);
  });

  test("sequences are balanced by length, and data without a treatment is described all the same", () => {
    const data = fromRows(
      [
        { t: "no", s: [1, 2] },
        { t: "no", s: [] },
        { t: "yes", s: [1, 2, 3] },
        { t: "yes", s: [1] },
      ],
      { features: ["s"], outcomes: [], treatment: { column: "t", control: "no" } },
    );
    expect(describe(data).balance).toEqual([{ feature: "s (length)", arm: "yes", smd: 1 }]);
    expect(describe(data).features).toEqual([{ name: "s", kind: "sequence", missing: 1 }]);
    const plain = describe(fromRows(rows, { features: ["x"], outcomes: ["y"] }));
    expect(plain).toMatchObject({ control: "", arms: [], balance: [], outcomes: [{ mean: { all: 0.6 } }] });
  });

  test("the summary is plain JSON", () => {
    const summary = describe(fromRows(rows, roles));
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
  });
});

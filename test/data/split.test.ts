import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { Dataset, numberColumn } from "../../src/data/dataset.ts";
import { folds, holdout, type SplitBy } from "../../src/data/split.ts";

interface Shape {
  readonly arm: readonly number[];
  readonly group?: readonly number[];
  readonly time?: readonly number[];
}

function dataset({ arm, group, time }: Shape): Dataset {
  const columns = [
    numberColumn("t", arm),
    numberColumn(
      "y",
      arm.map((_, i) => i % 2),
    ),
    ...(group ? [numberColumn("g", group)] : []),
    ...(time ? [numberColumn("d", time)] : []),
  ];
  return new Dataset(columns, {
    features: [],
    outcomes: ["y"],
    treatment: { column: "t", control: "0" },
    group: group ? "g" : undefined,
    time: time ? "d" : undefined,
  });
}

const count = (values: ArrayLike<number>, wanted: number): number => Array.from(values).filter((value) => value === wanted).length;
const rows = (n: number, arms: number): number[] => Array.from({ length: n }, (_, i) => i % arms);

describe("holdout", () => {
  test("every row is in one part, rows ascend, and each arm is held out in the share asked for, to a row", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 30, maxLength: 200 }),
        fc.double({ min: 0.2, max: 0.8, noNaN: true }),
        fc.integer(),
        (drawn, share, seed) => {
          const arm = [0, 1, 2, ...drawn];
          const { train, test: held } = holdout(dataset({ arm }), { test: share }, new Rng(seed));
          expect([...train, ...held].toSorted((a, b) => a - b)).toEqual(arm.map((_, i) => i));
          for (const part of [train, held]) expect(part.every((row, i) => i === 0 || row > part[i - 1])).toBe(true);
          for (const a of [0, 1, 2])
            expect(
              Math.abs(
                count(
                  held.map((row) => arm[row]),
                  a,
                ) -
                  share * count(arm, a),
              ),
            ).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  test("the same stream gives the same parts, another stream others", () => {
    const data = dataset({ arm: rows(100, 2) });
    const at = (seed: number): Int32Array => holdout(data, { test: 0.3 }, new Rng(seed)).test;
    expect(at(1)).toEqual(at(1));
    expect(at(1)).not.toEqual(at(2));
  });

  test("each row is held out equally often over many streams", () => {
    const data = dataset({ arm: rows(40, 2) });
    const held = new Float64Array(40);
    const n = 2000;
    for (let seed = 0; seed < n; seed++) for (const row of holdout(data, { test: 0.25 }, new Rng(seed)).test) held[row]++;
    // 40 rows looked at: 4.5 standard errors.
    for (const times of held) expect(Math.abs(times / n - 0.25)).toBeLessThan(4.5 * Math.sqrt((0.25 * 0.75) / n));
  });

  test("a group stays together, which is the default where there are groups; by row it need not", () => {
    const group = Array.from({ length: 300 }, (_, i) => Math.floor(i / 7));
    const data = dataset({ arm: rows(300, 2), group });
    const parted = (by?: SplitBy): number => {
      const { train, test: held } = holdout(data, { test: 0.3, by }, new Rng(1));
      const inTrain = new Set(Array.from(train, (row) => group[row]));
      return Array.from(held).filter((row) => inTrain.has(group[row])).length;
    };
    expect([parted(), parted("group")]).toEqual([0, 0]);
    expect(parted("row")).toBeGreaterThan(0);
    expect(Math.abs(holdout(data, { test: 0.3 }, new Rng(1)).test.length - 90)).toBeLessThanOrEqual(7);
  });

  test("whole clusters of one arm are dealt arm by arm", () => {
    const group = Array.from({ length: 200 }, (_, i) => Math.floor(i / 10));
    const arm = group.map((g) => g % 2);
    const { test: held } = holdout(dataset({ arm, group }), { test: 0.5 }, new Rng(3));
    expect([
      count(
        held.map((row) => arm[row]),
        0,
      ),
      count(
        held.map((row) => arm[row]),
        1,
      ),
    ]).toEqual([50, 50]);
  });

  test("by time the latest rows are held out, rows of one time together, at the nearest cut to the share", () => {
    const time = [5, 1, 1, 2, 2, 2, 3, 3, 4, 4];
    const { train, test: held } = holdout(dataset({ arm: rows(10, 2), time }), { test: 0.35, by: "time" }, new Rng(1));
    expect(Array.from(held, (row) => time[row]).toSorted()).toEqual([4, 4, 5]);
    expect(train).toHaveLength(7);
  });

  test("what cannot be split says why and what to do", () => {
    const data = dataset({ arm: [0, 1, 0, 1], group: [1, 1, 1, 1], time: [2, 2, 2, 2] });
    const cut =
      (options: { test: number; by?: SplitBy }): (() => unknown) =>
      () =>
        holdout(data, options, new Rng(1));
    expect(cut({ test: 1 })).toThrow(/test is the share of rows to hold out and lies between 0 and 1, got 1/);
    expect(cut({ test: Number.NaN })).toThrow(/got NaN/);
    expect(cut({ test: 0.5, by: "group" })).toThrow(/holding out 0\.5 of 4 rows by group leaves the test part empty; choose another share, or split by row/);
    expect(cut({ test: 0.5, by: "time" })).toThrow(/column "d": all rows have the same time; split by row/);
    expect(() => holdout(dataset({ arm: [0, 1] }), { test: 0.5, by: "time" }, new Rng(1))).toThrow(/needs a time column/);
    expect(() => holdout(dataset({ arm: [0, 1, 1], time: [1, Number.NaN, 2] }), { test: 0.5, by: "time" }, new Rng(1))).toThrow(/row 2 has no time/);
  });
});

describe("folds", () => {
  test("sizes differ by a row at most in each arm, and every fold is there", () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 200 }), fc.integer({ min: 2, max: 6 }), fc.integer(), (n, k, seed) => {
        const arm = rows(n, 2);
        const fold = folds(dataset({ arm }), k, new Rng(seed));
        for (const a of [0, 1]) {
          const sizes = Array.from({ length: k }, (_, f) =>
            count(
              fold.filter((_v, i) => arm[i] === a),
              f,
            ),
          );
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test("a group has one fold, and folds of groups of any sizes are nearly equal", () => {
    const rng = new Rng(2);
    const group = Array.from({ length: 40 }, (_, g) => Array.from({ length: 1 + rng.int(20) }, () => g)).flat();
    const fold = folds(dataset({ arm: rows(group.length, 2), group }), 4, new Rng(1));
    const of = new Map<number, number>();
    for (const [i, g] of group.entries()) expect(of.get(g) ?? fold[i]).toBe((of.set(g, fold[i]), fold[i]));
    for (let f = 0; f < 4; f++) expect(Math.abs(count(fold, f) - group.length / 4)).toBeLessThanOrEqual(20);
  });

  test("by time folds follow one another, rows of one time together", () => {
    const time = [1, 1, 1, 1, 1, 1, 2, 3, 4, 4];
    expect([...folds(dataset({ arm: rows(10, 2), time }), 3, new Rng(1), "time")]).toEqual([0, 0, 0, 0, 0, 0, 1, 2, 2, 2]);
    const spread = Array.from({ length: 12 }, (_, i) => 11 - i);
    expect([...folds(dataset({ arm: rows(12, 2), time: spread }), 3, new Rng(1), "time")]).toEqual([2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0]);
  });

  test("too many folds, or a number that is none, are refused", () => {
    const data = dataset({ arm: [0, 1, 0], time: [1, 1, 2] });
    expect(() => folds(data, 1, new Rng(1))).toThrow(/k is a whole number of at least 2, got 1/);
    expect(() => folds(data, 2.5, new Rng(1))).toThrow(/got 2.5/);
    expect(() => folds(data, 4, new Rng(1), "row")).toThrow(/3 rows cannot be cut into 4 folds by row without an empty one; ask for fewer/);
    expect(() => folds(data, 3, new Rng(1), "time")).toThrow(/2 points in time cannot be cut into 3 folds/);
  });
});

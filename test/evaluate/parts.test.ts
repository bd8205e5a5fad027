import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { categoryColumn, Dataset, numberColumn } from "../../src/data/dataset.ts";
import { pairData } from "../../src/evaluate/arms.ts";
import { partsOf, predictHeldOut, splitOf } from "../../src/evaluate/heldOut.ts";
import { segments } from "../../src/evaluate/segments.ts";
import { comparisonFromJson } from "../../src/evaluate/stored.ts";
import { effectTable, pText, scoreText } from "../../src/evaluate/table.ts";
import { sharedRun } from "../../src/model/run.ts";
import { expectAllClose, float64 } from "../tolerance.ts";
import { experiment, toyModel } from "./toys.ts";

const rows = (list: Int32Array): number[] => [...list].toSorted((a, b) => a - b);

describe("splits", () => {
  test("folds hold out every row once, and train on exactly the others", () => {
    const data = experiment(101);
    const { parts } = splitOf(data, { test: 0.3, folds: 4 }, new Rng(1));
    expect(rows(Int32Array.from(parts.flatMap((part) => [...part.test])))).toEqual(Array.from({ length: 101 }, (_, i) => i));
    for (const { train, test: held } of parts) expect(rows(Int32Array.from([...train, ...held]))).toHaveLength(101);
  });

  test("rows of one group are never on both sides", () => {
    const base = experiment(200);
    const data = base.withColumns(
      [
        categoryColumn(
          "user",
          Array.from({ length: 200 }, (_, i) => `u${i % 40}`),
        ),
      ],
      { group: "user" },
    );
    const user = data.groups()?.index as Int32Array;
    for (const options of [{ test: 0.3 }, { test: 0.3, folds: 5 }])
      for (const { train, test: held } of splitOf(data, options, new Rng(2)).parts) {
        const seen = new Set(Array.from(train, (row) => user[row]));
        expect(held.some((row) => seen.has(user[row]))).toBe(false);
      }
  });
});

describe("held-out predictions", () => {
  const run = { seed: 1, shared: sharedRun(), progress: (): void => undefined };

  test("come back in the order of the held-out rows, part after part, and from fits without these rows", async () => {
    const data = experiment(90);
    const split = splitOf(data, { test: 0.3, folds: 3 }, new Rng(1));
    const { effect, config } = await predictHeldOut({ name: "toy", model: toyModel("toy", 2), config: { shift: 1 } }, partsOf(data, split), run);
    const order = split.parts.flatMap((part) => [...part.test]);
    const x = data.number("x");
    expectAllClose(
      effect[0],
      order.map((row) => 2 * x[row] + 1),
      float64,
    );
    expectAllClose(
      effect[1],
      order.map((row) => 2 * x[row] + 1.1),
      float64,
    );
    expect(config).toEqual({ shift: 1 });
  });

  test("a model for two arms is fitted once an arm, against control", async () => {
    const data = experiment(90);
    const model = toyModel("toy", 1, { arms: "two" });
    const { effect } = await predictHeldOut({ name: "toy", model }, partsOf(data, splitOf(data, { test: 0.5 }, new Rng(1))), run);
    expect(model.fits).toEqual([["a"], ["b"]]);
    expect(effect).toHaveLength(2);
  });
});

describe("control and one arm as an experiment of its own", () => {
  test("keeps the rows of the two, their features, and the truth of the arm", () => {
    const data = experiment(60);
    const pair = pairData(data, "b");
    const { arm, arms } = data.treatment();
    const kept = Array.from({ length: 60 }, (_, i) => i).filter((i) => arm[i] === 0 || arms[arm[i]] === "b");
    expect(pair.treatment().arms).toEqual(["none", "b"]);
    expect(pair.roles.features).toEqual(["x", "colour"]);
    expect([...pair.number("x")]).toEqual(kept.map((i) => data.number("x")[i]));
    expectAllClose(
      pair.trueEffect("b") as Float64Array,
      kept.map((i) => -data.number("x")[i]),
      float64,
    );
  });

  test("known propensities become those of being in the arm, given one of the two", () => {
    const n = 8;
    const columns = [
      numberColumn("x", new Float64Array(n)),
      categoryColumn("arm", ["c", "a", "b", "c", "a", "b", "c", "b"]),
      numberColumn(
        "y",
        Float64Array.from({ length: n }, (_, i) => i),
      ),
      numberColumn("ea", new Float64Array(n).fill(0.5)),
      numberColumn("eb", new Float64Array(n).fill(0.3)),
    ];
    const data = new Dataset(columns, { features: ["x"], outcomes: ["y"], treatment: { column: "arm", control: "c" }, propensity: { a: "ea", b: "eb" } });
    // b against c: 0.3 / (0.3 + 0.2)
    expectAllClose(
      pairData(data, "b").propensity("b") as Float64Array,
      Array.from({ length: 6 }, () => 0.6),
      float64,
    );
  });
});

describe("segments of the top fifth", () => {
  test("by hand: ten rows, the two with the highest score are the two reds", () => {
    const score = Float64Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const colour = ["b", "b", "b", "b", "b", "b", "b", "b", "r", "r"];
    const data = new Dataset([categoryColumn("colour", colour), numberColumn("age", Float64Array.from([1, 1, 1, 1, 1, 1, 1, 1, 1, Number.NaN]))], {
      features: ["colour", "age"],
      outcomes: [],
    });
    const found = segments(score, data);
    // A share of 0.2 in ten rows has variance 0.2 x 0.8 x 10 / 9.
    const sd = Math.sqrt((0.16 * 10) / 9);
    expect(found).toHaveLength(3);
    expect(found.find((segment) => segment.level === "r")).toMatchObject({ feature: "colour", top: 1 });
    expectAllClose(
      found.filter((segment) => segment.level === "r").flatMap(({ all, smd }) => [all, smd]),
      [0.2, 0.8 / sd],
      float64,
    );
    expect(found.find((segment) => segment.feature === "age")).toMatchObject({ top: 1, all: 1, smd: 0 });
  });

  test("equal scores are not parted: a constant score has no top", () => {
    const data = experiment(50);
    expect(segments(new Float64Array(50), data).map((segment) => segment.smd)).toEqual([0, 0, 0]);
  });
});

describe("numbers as text", () => {
  test("a value has as many digits as its standard error bears", () => {
    expect(scoreText({ value: 0.0312345, se: 0.0105, interval: [0.0106, 0.0518] })).toBe("0.031 [0.011, 0.052]");
    expect(scoreText({ value: 1234.5678, se: 20, interval: [1195, 1274] })).toBe("1235 [1195, 1274]");
    expect(scoreText({ value: 1 / 3 })).toBe("0.333333");
    expect(scoreText({ value: Number.NaN, notes: ["one class"] })).toBe("-");
    expect([pText(0.0004), pText(0.25), pText(Number.NaN)]).toEqual(["<0.001", "0.250", "-"]);
  });

  test("effects show both means beside the difference", () => {
    const table = effectTable([
      {
        outcome: "visit",
        arm: "a",
        control: "none",
        value: 0.07659,
        se: 0.003386,
        interval: [0.069953, 0.083227],
        pValue: 1e-9,
        controlMean: 0.10617,
        armMean: 0.18276,
        method: "difference in means",
      },
    ]);
    expect(table.rows).toEqual([["visit", "a", "0.1062", "0.1828", "+0.0766", "[0.0700, 0.0832]", "<0.001"]]);
  });
});

test("a file that is no comparison is named, with the format it has", () => {
  expect(() => comparisonFromJson("{", "run/comparison.json")).toThrow(/run\/comparison\.json: not valid JSON/);
  expect(() => comparisonFromJson('{"format":"liftwise-comparison/9"}', "c.json")).toThrow(/format is "liftwise-comparison\/9", this version reads/);
  expect(() => comparisonFromJson('{"format":"liftwise-comparison/1"}', "c.json")).toThrow(/"data" is missing/);
});

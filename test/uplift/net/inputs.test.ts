import { describe, expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import * as c from "../../../src/compute/index.ts";
import { categoryColumn, numberColumn } from "../../../src/data/dataset.ts";
import type { Column, Features } from "../../../src/data/schema.ts";
import { balancedWeights } from "../../../src/uplift/net/heads.ts";
import { fitInputs, restoreInputs } from "../../../src/uplift/net/inputs.ts";
import { fromScale, outcomeScale, toScale } from "../../../src/uplift/net/outcome.ts";
import { started } from "../../compute/running.ts";
import { expectAllClose, expectClose, float32, float64 } from "../../tolerance.ts";
import { onReference } from "../../compute/running.ts";

const features = (...columns: Column[]): Features => ({
  rows: columns[0].kind === "category" ? columns[0].codes.length : (columns[0] as { values: Float64Array }).values.length,
  columns,
});

/** 200 rows of a category with 30 common levels, one level seen twice, and missing values. */
function manyLevels(): Features {
  const texts = Array.from({ length: 200 }, (_, i) => (i % 40 === 7 ? null : i === 1 || i === 2 ? "seldom" : `level ${i % 30}`));
  return features(
    categoryColumn("city", texts),
    numberColumn(
      "age",
      Float64Array.from({ length: 200 }, (_, i) => (i % 10 === 3 ? Number.NaN : 30 + (i % 20))),
    ),
  );
}

describe("inputs", () => {
  test("numbers and short categories become standardised columns with marks, laid row by row", () => {
    const x = features(numberColumn("a", [1, 3, Number.NaN, 5]), categoryColumn("b", ["u", "v", "u", "w"]));
    const inputs = fitInputs(x);
    expect(inputs.names).toEqual(["a", "a missing", "b=u", "b=v", "b=w"]);
    expect(inputs.spec).toEqual({ x: { shape: [5], dtype: "float" } });
    const { data } = inputs.columns(x).x;
    for (let j = 0; j < 5; j++) {
      const column = [0, 1, 2, 3].map((i) => data[i * 5 + j]);
      expectClose(
        column.reduce((a, b) => a + b, 0),
        0,
        float32,
      );
    }
    expect(data[2 * 5]).toBe(0); // missing stands at the mean
  });

  test("a category of many levels is an index: missing, rare and unknown levels share row 0, every other level has its own", () => {
    const x = manyLevels();
    const inputs = fitInputs(x);
    const { codes } = inputs.columns(x);
    expect(inputs.spec.codes).toEqual({ shape: [1], dtype: "int" });
    expect(inputs.width).toBe(2 + 8); // age, its mark, and one vector
    expect([codes.data[1], codes.data[2], codes.data[7]]).toEqual([0, 0, 0]);
    expect(codes.data[5]).toBe(codes.data[35]);
    expect(new Set(codes.data).size).toBe(31);
    const city = x.columns[0] as Extract<Column, { kind: "category" }>;
    const unknown = { ...city, codes: Int32Array.of(99, -1), levels: city.levels };
    expect(Array.from(inputs.columns({ rows: 2, columns: [unknown, numberColumn("age", [1, 2])] }).codes.data)).toEqual([0, 0]);
  });

  test("the layer puts plain columns and vectors side by side", async () => {
    const x = manyLevels();
    const inputs = fitInputs(x, { vectorWidth: 3 });
    const weights = started(inputs.layer, new Rng(1));
    const init = inputs.layer.init;
    const named: c.Weights = {
      "vectors.table": { shape: [31, 3], data: ((weights.vectors as c.Tensors).table as c.NodeOf<"constant">).attributes.values as Float64Array },
    };
    const model = await c.forward(
      { init, weights: named, columns: inputs.spec, apply: (w, batch) => ({ h: inputs.layer.apply(w as c.Tensors, batch) }) },
      { engine: onReference },
    );
    const columns = inputs.columns(x);
    const { h } = await model.run(columns);
    expect(h.shape).toEqual([200, 5]);
    for (const row of [0, 7, 199]) {
      expectAllClose(h.data.subarray(row * 5, row * 5 + 2), columns.x.data.subarray(row * 2, row * 2 + 2), float64);
      expectAllClose(
        h.data.subarray(row * 5 + 2, row * 5 + 5),
        named["vectors.table"].data.subarray(columns.codes.data[row] * 3, columns.codes.data[row] * 3 + 3),
        float64,
      );
    }
  });

  test("parts of the rows are parts of the whole, over the edge of a block of 4096", () => {
    const n = 9000;
    const rng = new Rng(2);
    const x = features(
      numberColumn(
        "a",
        Float64Array.from({ length: n }, () => rng.normal()),
      ),
      categoryColumn(
        "b",
        Array.from({ length: n }, () => ["u", "v", "w"][rng.int(3)]),
      ),
    );
    const inputs = fitInputs(x);
    const width = inputs.width;
    const whole = inputs.columns(x).x.data;
    for (const [from, to] of [[0, 5000], [4095, 4097], [8999, 9000]]) expect(inputs.columns(x, from, to).x.data).toEqual(whole.slice(from * width, to * width)); // biome-ignore format: one line
  });

  test("where nothing varies, the net is given a column of ones", () => {
    const inputs = fitInputs(features(numberColumn("a", [2, 2, 2])));
    expect([inputs.width, Array.from(inputs.columns(features(numberColumn("a", [5]))).x.data)]).toEqual([1, [1]]);
  });

  test("the state brings back the same columns", () => {
    const x = manyLevels();
    const inputs = fitInputs(x);
    const again = restoreInputs(JSON.parse(JSON.stringify(inputs.state())));
    expect(again.columns(x)).toEqual(inputs.columns(x));
    expect([again.names, again.spec]).toEqual([inputs.names, inputs.spec]);
  });

  test("a sequence is refused by name", () => {
    const sequence: Column = { kind: "sequence", name: "visits", offsets: Int32Array.of(0, 1), values: Float64Array.of(1) };
    expect(() => fitInputs({ rows: 1, columns: [sequence] })).toThrow(/"visits" is a sequence/);
  });
});

describe("outcomes on the net's scale", () => {
  test("numbers are standard deviations from the mean, by weight, and come back", () => {
    const y = Float64Array.of(1, 2, 6);
    const scale = outcomeScale(y, "continuous", Float64Array.of(1, 1, 2));
    expectClose(scale.mean, 15 / 4, float64);
    expectClose(scale.deviation, Math.sqrt((2.75 ** 2 + 1.75 ** 2 + 2 * 2.25 ** 2) / 4), float64);
    expectAllClose(Array.from(toScale(y, scale), (v) => fromScale(v, scale)), y, float32); // biome-ignore format: one line
  });

  test("outcomes that are all equal stay finite", () => {
    const scale = outcomeScale(Float64Array.of(4, 4), "continuous");
    expect(Array.from(toScale(Float64Array.of(4, 4), scale))).toEqual([0, 0]);
    expect(fromScale(0, scale)).toBe(4);
  });

  test("a binary outcome stays 0 and 1 and is predicted as log-odds", () => {
    const scale = outcomeScale(Float64Array.of(0, 1), "binary");
    expect(Array.from(toScale(Float64Array.of(0, 1), scale))).toEqual([0, 1]);
    expect(fromScale(0, scale)).toBe(0.5);
  });
});

test("balanced weights give every arm the same sum, keep row weights within an arm, and have mean 1", () => {
  const arm = Int32Array.of(0, 0, 0, 1, 2, 2);
  const plain = balancedWeights(arm, 3);
  expectAllClose(plain, [2 / 3, 2 / 3, 2 / 3, 2, 1, 1], float64);
  const weighted = balancedWeights(arm, 3, Float64Array.of(1, 2, 3, 1, 1, 3));
  expectClose(weighted[1] / weighted[0], 2, float64);
  const sums = [0, 1, 2].map((a) => weighted.reduce((sum, w, i) => sum + (arm[i] === a ? w : 0), 0));
  expectAllClose(sums, [sums[0], sums[0], sums[0]], float64);
});

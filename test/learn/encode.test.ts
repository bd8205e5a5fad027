import { expect, test } from "vitest";
import { categoryColumn, numberColumn } from "../../src/data/dataset.ts";
import { fitEncoder, restoreEncoder } from "../../src/learn/encode.ts";
import { expectAllClose, expectClose, float64 } from "../tolerance.ts";

const missing = Number.NaN;

test("a number is standardised; a missing one stands at the mean, with a column that says so", () => {
  const encoder = fitEncoder({ rows: 4, columns: [numberColumn("age", [1, 3, missing, 5])] });
  expect(encoder.names).toEqual(["age", "age missing"]);
  const [age, gap] = encoder.encode({ rows: 4, columns: [numberColumn("age", [1, 3, missing, 5])] });
  const scale = Math.sqrt(8 / 3);
  expectAllClose(age, [-2 / scale, 0, 0, 2 / scale], float64);
  // Share 1/4: absent -0.25 / sqrt(3/16), present 0.75 / sqrt(3/16).
  expectAllClose(gap, [-1 / Math.sqrt(3), -1 / Math.sqrt(3), Math.sqrt(3), -1 / Math.sqrt(3)], float64);
});

test("every column has mean 0 and standard deviation 1 under the weights", () => {
  const x = { rows: 6, columns: [numberColumn("a", [1, 2, 3, 4, 5, 9]), categoryColumn("c", ["u", "v", "w", "u", null, "u"])] };
  const weight = Float64Array.of(1, 2, 0.5, 1, 3, 0);
  const total = 7.5;
  for (const column of fitEncoder(x, { weight }).encode(x)) {
    expectClose(
      column.reduce((sum, v, i) => sum + weight[i] * v, 0),
      0,
      float64,
    );
    expectClose(
      column.reduce((sum, v, i) => sum + (weight[i] / total) * v * v, 0),
      1,
      float64,
    );
  }
});

test("a category gives a column a level; two levels give one column, as the same thing written as 0 and 1 would", () => {
  const three = { rows: 3, columns: [categoryColumn("c", ["u", "v", "w"])] };
  expect(fitEncoder(three).names).toEqual(["c=u", "c=v", "c=w"]);
  const two = { rows: 4, columns: [categoryColumn("c", ["n", "y", "y", "y"])] };
  const number = { rows: 4, columns: [numberColumn("c", [0, 1, 1, 1])] };
  expectAllClose(fitEncoder(two).encode(two)[0], fitEncoder(number).encode(number)[0], float64);
});

test("a level never seen, and a gap where there was none, stand at the mean", () => {
  const encoder = fitEncoder({
    rows: 3,
    columns: [{ kind: "category", name: "c", codes: Int32Array.of(0, 1, 2), levels: ["u", "v", "w", "new"] }, numberColumn("a", [1, 2, 3])],
  });
  const columns = encoder.encode({
    rows: 2,
    columns: [{ kind: "category", name: "c", codes: Int32Array.of(3, -1), levels: ["u", "v", "w", "new"] }, numberColumn("a", [missing, 2])],
  });
  expect(columns.map((column) => [...column])).toEqual([
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 0],
  ]);
});

test("the rarer levels over the limit share a column", () => {
  const x = { rows: 6, columns: [categoryColumn("c", ["a", "a", "b", "b", "c", "d"])] };
  const encoder = fitEncoder(x, { maxLevels: 2 });
  expect(encoder.names).toEqual(["c=a", "c=b", "c other"]);
  const other = encoder.encode(x)[2];
  expect([...other].map((v) => v > 0)).toEqual([false, false, false, false, true, true]);
});

test("columns that do not vary are left out and named", () => {
  const x = {
    rows: 3,
    columns: [
      numberColumn("k", [0.1, 0.1, 0.1]),
      numberColumn("none", [missing, missing, missing]),
      categoryColumn("c", ["u", "u", "u"]),
      numberColumn("a", [1, 2, 3]),
    ],
  };
  const encoder = fitEncoder(x);
  expect(encoder.names).toEqual(["a"]);
  expect(encoder.constant).toEqual(["k", "none", "c"]);
});

test("large numbers with small differences keep them", () => {
  const x = { rows: 3, columns: [numberColumn("time", [1.7e12, 1.7e12 + 1, 1.7e12 + 2])] };
  expectAllClose(fitEncoder(x).encode(x)[0], [-Math.sqrt(1.5), 0, Math.sqrt(1.5)], float64);
});

test("fill writes the same as encode, block by block", () => {
  const x = { rows: 5, columns: [numberColumn("a", [1, 2, 3, 4, missing]), categoryColumn("c", ["u", "v", "w", null, "u"])] };
  const encoder = fitEncoder(x);
  const whole = encoder.encode(x);
  const part = encoder.names.map(() => new Float64Array(2));
  encoder.fill(x, 3, 5, part);
  expect(part.map((column) => [...column])).toEqual(whole.map((column) => Array.from(column.subarray(3))));
});

test("what is restored from JSON encodes the same", () => {
  const x = { rows: 5, columns: [numberColumn("a", [1, 2, 3, 4, missing]), categoryColumn("c", ["u", "v", "w", null, "u"])] };
  const encoder = fitEncoder(x);
  const again = restoreEncoder(JSON.parse(JSON.stringify(encoder.state())));
  expect(again.encode(x)).toEqual(encoder.encode(x));
});

test("a sequence is refused by name, and so is another column in the place of one", () => {
  const sequence = { kind: "sequence" as const, name: "clicks", offsets: Int32Array.of(0, 1), values: Float64Array.of(1) };
  expect(() => fitEncoder({ rows: 1, columns: [sequence] })).toThrow(/"clicks" is a sequence/);
  const encoder = fitEncoder({ rows: 2, columns: [numberColumn("a", [1, 2])] });
  expect(() => encoder.encode({ rows: 2, columns: [categoryColumn("a", ["u", "v"])] })).toThrow(/not the number "a"/);
});

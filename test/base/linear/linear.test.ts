import { expect, test } from "vitest";
import { addGram, cross, gram } from "../../../src/base/linear/gram.ts";
import { inverseSpd, solveSpd, spectrum } from "../../../src/base/linear/solve.ts";
import { Rng } from "../../../src/base/rng.ts";
import { expectAllClose, float64 } from "../../tolerance.ts";

const rng = new Rng(11);
function normals(n: number): Float64Array {
  return Float64Array.from({ length: n }, () => rng.normal());
}

test("gram and cross equal the sums written out, over more rows than a block and with weights", () => {
  for (const n of [1, 3, 2047, 2048, 5001]) {
    const columns = [normals(n), normals(n), normals(n)];
    const y = normals(n);
    const w = Float64Array.from({ length: n }, () => rng.float());
    for (const weight of [undefined, w]) {
      const slow = columns.flatMap((a) => columns.map((b) => a.reduce((sum, v, i) => sum + v * b[i] * (weight?.[i] ?? 1), 0)));
      expectAllClose(gram(columns, weight), slow, float64 * n);
      expectAllClose(
        cross(columns, y, weight),
        columns.map((a) => a.reduce((sum, v, i) => sum + v * y[i] * (weight?.[i] ?? 1), 0)),
        float64 * n,
      );
    }
  }
});

test("addGram adds to the upper triangle and reads the first n rows only", () => {
  const g = Float64Array.of(1, 1, 7, 1);
  addGram(g, [Float64Array.of(1, 2, 99), Float64Array.of(3, 4, 99)], 2);
  expect([...g]).toEqual([6, 12, 7, 26]);
});

test("no columns give an empty gram", () => {
  expect(gram([]).length).toBe(0);
});

test("solveSpd solves 2 x 2 by hand, and says so when the matrix is not positive definite", () => {
  expectAllClose(solveSpd(Float64Array.of(4, 2, 2, 3), Float64Array.of(2, 5)) ?? [], [-0.5, 2], float64);
  expect(solveSpd(Float64Array.of(1, 2, 2, 1), Float64Array.of(1, 1))).toBeUndefined();
  expect(inverseSpd(Float64Array.of(0, 0, 0, 0))).toBeUndefined();
});

test("inverseSpd times the matrix is the identity", () => {
  const a = gram([normals(40), normals(40), normals(40)]);
  const inverse = inverseSpd(a) ?? new Float64Array(9);
  const product = [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => [0, 1, 2].reduce((sum, k) => sum + a[i * 3 + k] * inverse[k * 3 + j], 0)));
  expectAllClose(product, [1, 0, 0, 0, 1, 0, 0, 0, 1], float64);
});

test("the spectrum rebuilds the matrix, largest eigenvalue first, and counts the rank", () => {
  const [a, b] = [normals(30), normals(30)];
  const full = gram([a, b, a.map((v, i) => v + b[i])]);
  const { values, vectors, rank } = spectrum(full);
  expect(rank).toBe(2);
  expect([...values]).toEqual([...values].sort((p, q) => q - p));
  const rebuilt = [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => [0, 1, 2].reduce((sum, k) => sum + values[k] * vectors[k * 3 + i] * vectors[k * 3 + j], 0)));
  expectAllClose(rebuilt, full, float64 * 10);
});

test("the spectrum of zeros has rank 0", () => {
  expect(spectrum(new Float64Array(4)).rank).toBe(0);
  expect(spectrum(new Float64Array(0)).rank).toBe(0);
});

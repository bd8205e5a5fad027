import { describe, expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { argsortDescending, descending } from "../../../src/base/stats/sort.ts";

const rng = new Rng(3);
const bits = new DataView(new ArrayBuffer(8));
const kinds: Readonly<Record<string, (i: number) => number>> = {
  "uniform numbers": () => rng.float(),
  "normal numbers": () => rng.normal(),
  "32-bit numbers": () => Math.fround(rng.normal()),
  "few levels": () => rng.int(5) - 2,
  "equal upper halves": () => 1 + rng.int(1000) * 2 ** -50,
  "a long run of equal upper halves, negative": () => -1 - rng.int(4000) * 2 ** -52,
  "any bits": () => {
    bits.setUint32(0, rng.uint32());
    bits.setUint32(4, rng.uint32());
    return bits.getFloat64(0);
  },
  "zeros of both signs and specials": () =>
    [0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MIN_VALUE, -Number.MIN_VALUE, 1][rng.int(8)],
  "already sorted": (i) => -i,
  constant: () => 7.5,
};

describe("argsortDescending", () => {
  test.each(Object.entries(kinds))("orders %s as a stable comparison sort does, NaN last", (_, value) => {
    for (const n of [0, 1, 2, 3, 24, 25, 100, 3000]) {
      const values = Float64Array.from({ length: n }, (__, i) => value(i));
      const key = (i: number): number => (Number.isNaN(values[i]) ? Number.NEGATIVE_INFINITY : values[i]);
      const nan = (i: number): number => Number(Number.isNaN(values[i]));
      const want = Array.from(values, (__, i) => i).toSorted((a, b) => nan(a) - nan(b) || (key(b) > key(a) ? 1 : key(b) < key(a) ? -1 : a - b));
      const before = values.slice();
      const { order, ends } = descending(values);
      expect([...order]).toEqual(want);
      expect(values).toEqual(before);
      const breaks = want.flatMap((row, k) => (k + 1 < n && (values[row] === values[want[k + 1]] || (nan(row) && nan(want[k + 1]))) ? [] : [k + 1]));
      expect([...ends]).toEqual(breaks);
    }
  });

  test("takes plain lists, and parts of a larger buffer", () => {
    expect([...argsortDescending([1, 3, 2, 3])]).toEqual([1, 3, 2, 0]);
    expect([...argsortDescending(Float64Array.of(9, 1, 3, 2).subarray(1))]).toEqual([1, 2, 0]);
  });
});

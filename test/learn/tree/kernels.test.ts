import { expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { closeMemory, openMemory, reserve } from "../../../src/learn/tree/arena.ts";
import { kernelsOn } from "../../../src/learn/tree/kernels.ts";

const n = 700;
const rng = new Rng(11);
const plan = { bytes: 64 };
const places = {
  rows: reserve(plan, 4 * n),
  codes: Array.from({ length: 4 }, () => reserve(plan, n)),
  wide: reserve(plan, 2 * n),
  arms: reserve(plan, n),
  values: reserve(plan, 8 * n),
  gathered: reserve(plan, 16 * n),
  cells: Array.from({ length: 4 }, () => reserve(plan, 3 * 16 * 2000)),
  out: reserve(plan, 16 * n),
  bits: reserve(plan, 4 * 63),
  cuts: reserve(plan, 8 * 255),
};
const memory = openMemory(plan);
const kernels = kernelsOn(memory);
const { buffer } = memory;
const words = new Int32Array(buffer);
const longs = new BigInt64Array(buffer);
const doubles = new Float64Array(buffer);
const bytes = new Uint8Array(buffer);
const halves = new Uint16Array(buffer);
bytes.fill(0);

// A sparse, ascending list with repeats, as a bootstrap sample has.
const rows = Array.from({ length: 500 }, () => rng.int(n)).toSorted((a, b) => a - b);
words.set(rows, places.rows >> 2);
const end = places.rows + 4 * rows.length;
const g = Array.from({ length: n }, () => rng.int(2 ** 31) - 2 ** 30);
const h = Array.from({ length: n }, () => rng.int(2 ** 30));
const arm = Array.from({ length: n }, () => rng.int(3));
const code = Array.from({ length: 4 }, () => Array.from({ length: n }, () => rng.int(256)));
const wide = Array.from({ length: n }, () => rng.int(2000));
for (let i = 0; i < n; i++) {
  words[(places.values >> 2) + 2 * i] = g[i];
  words[(places.values >> 2) + 2 * i + 1] = h[i];
  bytes[places.arms + i] = arm[i];
  halves[(places.wide >> 1) + i] = wide[i];
  for (let j = 0; j < 4; j++) bytes[places.codes[j] + i] = code[j][i];
}

/** Cells by the definition: for each code (and arm), sum of g, and of h with the count 2^40 each. */
function slowCells(codes: readonly number[], bins: number, arms: number): bigint[] {
  const cells = Array.from({ length: 2 * bins * arms }, () => 0n);
  for (const i of rows) {
    const at = 2 * (codes[i] * arms + (arms > 1 ? arm[i] : 0));
    cells[at] += BigInt(g[i]);
    cells[at + 1] += BigInt(h[i]) + (1n << 40n);
  }
  return cells;
}
const cellsAt = (place: number, bins: number, arms = 1): bigint[] => Array.from(longs.subarray(place >> 3, (place >> 3) + 2 * bins * arms));
const clear = (): void => {
  for (const place of places.cells) longs.fill(0n, place >> 3, (place >> 3) + 3 * 2 * 2000);
};

test("histograms are exact sums of the rows' records by code: four columns at once, one, and one of two-byte codes", () => {
  clear();
  kernels.gather(places.rows, end, places.values, places.gathered);
  const [a, b, c, d] = places.codes;
  const [e, f, k, l] = places.cells;
  kernels.histogram4(places.rows, end, places.gathered, 40, 0, a, b, c, d, e, f, k, l);
  for (let j = 0; j < 4; j++) expect(cellsAt(places.cells[j], 256)).toEqual(slowCells(code[j], 256, 1));
  clear();
  kernels.histogram1(places.rows, end, places.gathered, 40, 0, a, e);
  kernels.histogramWide(places.rows, end, places.gathered, 40, 0, places.wide, f);
  expect(cellsAt(e, 256)).toEqual(slowCells(code[0], 256, 1));
  expect(cellsAt(f, 2000)).toEqual(slowCells(wide, 2000, 1));
});

test("histograms by arm keep a cell for each code and arm", () => {
  clear();
  kernels.gatherArms(places.rows, end, places.values, places.arms, places.gathered);
  const [a, b, c, d] = places.codes;
  const [e, f, k, l] = places.cells;
  kernels.histogramArms4(places.rows, end, places.gathered, 40, 48, a, b, c, d, e, f, k, l);
  for (let j = 0; j < 4; j++) expect(cellsAt(places.cells[j], 256, 3)).toEqual(slowCells(code[j], 256, 3));
  clear();
  kernels.histogramArms1(places.rows, end, places.gathered, 40, 48, a, e);
  kernels.histogramArmsWide(places.rows, end, places.gathered, 40, 48, places.wide, f);
  expect(cellsAt(e, 256, 3)).toEqual(slowCells(code[0], 256, 3));
  expect(cellsAt(f, 2000, 3)).toEqual(slowCells(wide, 2000, 3));
});

test("cells are added and taken away exactly, without carrying from one sum into the other", () => {
  const [into, from] = places.cells;
  const [x, y] = [into >> 3, from >> 3];
  longs.set([5n, -7n, (1n << 62n) - 1n, -1n], x);
  longs.set([-9n, 7n, 1n, -1n], y);
  kernels.addCells(into, from, 32);
  expect(Array.from(longs.subarray(x, x + 4))).toEqual([-4n, 0n, 1n << 62n, -2n]);
  kernels.subtractCells(into, from, 32);
  expect(Array.from(longs.subarray(x, x + 4))).toEqual([5n, -7n, (1n << 62n) - 1n, -1n]);
});

test("partition keeps the order of those that go left and reverses the others, for every kind of test", () => {
  const bits = Array.from({ length: 63 }, () => rng.uint32() | 0);
  words.set(bits, places.bits >> 2);
  const inSet = (c: number): boolean => ((bits[c >> 5] >> (c & 31)) & 1) === 1;
  const [left, right] = [places.out, places.out + 4 * rows.length];
  const check = (to: number, goesLeft: (row: number) => boolean): void => {
    const got = Array.from(words.subarray(left >> 2, right >> 2));
    expect(got.slice(0, (to - left) >> 2)).toEqual(rows.filter(goesLeft));
    expect(got.slice((to - left) >> 2)).toEqual(rows.filter((i) => !goesLeft(i)).toReversed());
  };
  check(kernels.partition(places.rows, end, places.codes[0], 1, 90, left, right), (i) => code[0][i] >= 1 && code[0][i] <= 90);
  check(kernels.partition(places.rows, end, places.codes[0], 0, 91, left, right), (i) => code[0][i] <= 90);
  check(kernels.partition(places.rows, end, places.codes[0], 0, 256, left, right), () => true);
  check(kernels.partitionWide(places.rows, end, places.wide, 1, 700, left, right), (i) => wide[i] >= 1 && wide[i] <= 700);
  check(kernels.partitionSet(places.rows, end, places.codes[1], places.bits, left, right), (i) => inSet(code[1][i]));
  check(kernels.partitionSetWide(places.rows, end, places.wide, places.bits, left, right), (i) => inSet(wide[i]));
});

test("copyReversed reverses", () => {
  kernels.copyReversed(places.rows, end, places.out);
  expect(Array.from(words.subarray(places.out >> 2, (places.out >> 2) + rows.length))).toEqual(rows.toReversed());
});

test("addTo adds to each row as often as it is listed", () => {
  const at = places.out >> 3;
  doubles.fill(1, at, at + n);
  kernels.addTo(places.rows, end, places.out, 0.25);
  expect(Array.from(doubles.subarray(at, at + n))).toEqual(Array.from({ length: n }, (_, i) => 1 + 0.25 * rows.filter((row) => row === i).length));
});

test("encode gives 1 + the number of cuts below the value, 0 for NaN", () => {
  const cuts = Array.from({ length: 254 }, (_, k) => (k - 127) / 8);
  doubles.fill(Number.POSITIVE_INFINITY, places.cuts >> 3, (places.cuts >> 3) + 255);
  doubles.set(cuts, places.cuts >> 3);
  const values = [
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    Number.POSITIVE_INFINITY,
    -100,
    100,
    -0,
    ...cuts.slice(0, 40),
    ...Array.from({ length: 600 }, () => 10 * rng.normal()),
  ];
  doubles.set(values, places.values >> 3);
  kernels.encode(places.values, places.values + 8 * values.length, places.cuts, places.out);
  expect(Array.from(bytes.subarray(places.out, places.out + values.length))).toEqual(
    values.map((v) => (Number.isNaN(v) ? 0 : 1 + cuts.filter((cut) => v > cut).length)),
  );
});

test("squaredRecords rounds residuals to the nearest unit, half to even, and finds the largest", () => {
  const y = [0, 0, 0, 0, 3, 1];
  const score = [0.5, 1.5, -2.5, 0.3, 0, 9];
  const at = places.out >> 3;
  doubles.set(y, at);
  doubles.set(score, at + 6);
  const most = kernels.squaredRecords(places.out, places.out + 48, places.out + 48, places.gathered, 77, 2);
  expect(most).toBe(8);
  expect(Array.from(words.subarray(places.gathered >> 2, (places.gathered >> 2) + 12))).toEqual([1, 77, 3, 77, -5, 77, 1, 77, -6, 77, 16, 77]);
  kernels.squaredRecords(places.out, places.out + 48, places.out + 48, places.gathered, 77, 1);
  expect(Array.from(words.subarray(places.gathered >> 2, (places.gathered >> 2) + 6))).toEqual([0, 77, 2, 77, -2, 77]);
});

test("memory that was given back is used again, and grows where more is needed", () => {
  closeMemory(memory);
  const again = openMemory({ bytes: 4 * buffer.byteLength });
  expect(again).toBe(memory);
  expect(again.buffer.byteLength).toBeGreaterThanOrEqual(4 * buffer.byteLength);
});

test("more than can be addressed is refused with a way out", () => {
  expect(() => openMemory({ bytes: 5 * 2 ** 30 })).toThrow(/5\.0 GB.*at most 4 can be addressed; use fewer rows, columns, bins or leaves/);
});

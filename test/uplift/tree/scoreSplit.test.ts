import { expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { closeMemory, openMemory, reserve } from "../../../src/learn/tree/arena.ts";
import { fewFound, kernelsOn, restCode } from "../../../src/learn/tree/kernels.ts";
import { bestCut, bestSubset, type CodeSums, codeSums, type SideLimits, totalsOf } from "../../../src/uplift/tree/scoreSplit.ts";
import { expectClose } from "../../tolerance.ts";

interface Rows {
  readonly code: readonly number[];
  readonly score: readonly (readonly number[])[];
  readonly weight: readonly number[];
  readonly variation: readonly number[];
}

function draw(rng: Rng, weighted: boolean): Rows {
  const n = 2 + rng.int(40);
  const arms = 1 + rng.int(3);
  const last = 1 + rng.int(8);
  const missing = rng.bernoulli(0.5) === 1;
  const code = Array.from({ length: n }, () => (missing && rng.bernoulli(0.2) === 1 ? 0 : 1 + rng.int(last)));
  return {
    code,
    score: Array.from({ length: arms }, () => code.map(() => rng.int(41) - 20)),
    weight: code.map(() => (weighted ? 1 + rng.int(4) : 1)),
    variation: code.map(() => rng.int(6)),
  };
}

function sumsOf(rows: Rows, weighted: boolean): CodeSums {
  const codes = [...new Set(rows.code)].toSorted((a, b) => a - b);
  const sums = codeSums(codes.length + 3, rows.score.length, weighted);
  sums.count = codes.length;
  codes.forEach((code, k) => {
    sums.code[k] = code;
    rows.code.forEach((other, i) => {
      if (other !== code) return;
      sums.rows[k]++;
      if (weighted) sums.weight[k] += rows.weight[i];
      sums.variation[k] += rows.variation[i];
      rows.score.forEach((list, a) => (sums.score[a][k] += list[i]));
    });
  });
  return sums;
}

function worth(rows: Rows, of: readonly number[]): number {
  const total = (list: readonly number[]): number => of.reduce((sum, i) => sum + list[i], 0);
  return rows.score.reduce((sum, list) => sum + total(list) ** 2 / total(rows.weight), 0);
}

function bruteForce(rows: Rows, sides: readonly ReadonlySet<number>[], limits: SideLimits): number {
  const all = rows.code.map((_, i) => i);
  let most = 0;
  for (const side of sides) {
    const left = all.filter((i) => side.has(rows.code[i]));
    const right = all.filter((i) => !side.has(rows.code[i]));
    const varied = (of: readonly number[]): number => of.reduce((sum, i) => sum + rows.variation[i], 0);
    if ([left, right].some((of) => of.length === 0 || of.length < limits.rows || varied(of) < limits.variation)) continue;
    most = Math.max(most, worth(rows, left) + worth(rows, right) - worth(rows, all));
  }
  return most;
}

const worthOf = (found: ReturnType<typeof bestSubset>, sums: CodeSums): number => (found === undefined ? 0 : found.worth - totalsOf(sums).worth);

const drawLimits = (rng: Rng): SideLimits => ({ rows: rng.int(6), variation: rng.int(3) * 4 });

test("numbers: the cut found gains as much as the best of all cuts tried one by one, with ties, missing rows, weights, several arms and limits", () => {
  const rng = new Rng(5);
  let splits = 0;
  for (let round = 0; round < 2000; round++) {
    const weighted = rng.bernoulli(0.5) === 1;
    const rows = draw(rng, weighted);
    const limits = drawLimits(rng);
    const sums = sumsOf(rows, weighted);
    const last = 9;
    const node = totalsOf(sums);
    const found = bestCut(sums, node, last, limits, node.worth);
    const sides: ReadonlySet<number>[] = [];
    for (let cut = 1; cut <= last; cut++) for (const missing of [[], [0]]) sides.push(new Set([...missing, ...Array.from({ length: cut }, (_, k) => k + 1)]));
    expectClose(found === undefined ? 0 : found.worth - totalsOf(sums).worth, bruteForce(rows, sides, limits), 1e-9, `round ${round}`);
    if (found === undefined) continue;
    splits++;
    const left = rows.code.filter((c) => (c === 0 ? found.missingLeft === true : c <= found.cut));
    expect(left.length).toBe(found.leftRows);
    expect(found.missingLeft === undefined).toBe(!rows.code.includes(0));
  }
  expect(splits).toBeGreaterThan(800);
});

test("categories: with one arm and no limits the subset found gains as much as the best of all subsets", () => {
  const rng = new Rng(6);
  for (let round = 0; round < 300; round++) {
    const weighted = rng.bernoulli(0.5) === 1;
    const drawn = draw(rng, weighted);
    const rows = { ...drawn, score: drawn.score.slice(0, 1) };
    const sums = sumsOf(rows, weighted);
    const limits = { rows: 0, variation: 0 };
    const found = bestSubset(sums, totalsOf(sums), limits, totalsOf(sums).worth);
    const codes = [...new Set(rows.code)];
    const subsets = Array.from({ length: 2 ** codes.length }, (_, bits) => new Set(codes.filter((__, k) => (bits >> k) & 1)));
    expectClose(found === undefined ? 0 : found.worth - totalsOf(sums).worth, bruteForce(rows, subsets, limits), 1e-9, `round ${round}`);
    if (found?.codes === undefined) continue;
    expect([...found.codes.left, ...found.codes.right].toSorted((a, b) => a - b)).toEqual(codes.toSorted((a, b) => a - b));
    expect(rows.code.filter((c) => found.codes?.left.includes(c)).length).toBe(found.leftRows);
  }
});

test("categories: with several arms and limits it gains as much as the best cut of the codes ordered by each arm's mean score", () => {
  const rng = new Rng(7);
  for (let round = 0; round < 600; round++) {
    const rows = draw(rng, true);
    const limits = drawLimits(rng);
    const sums = sumsOf(rows, true);
    const codes = [...new Set(rows.code)].toSorted((a, b) => a - b);
    const sides = rows.score.flatMap((list) => {
      const mean = (code: number): number => {
        const of = rows.code.flatMap((c, i) => (c === code ? [i] : []));
        return of.reduce((sum, i) => sum + list[i], 0) / of.reduce((sum, i) => sum + rows.weight[i], 0);
      };
      const order = codes.toSorted((c, d) => mean(c) - mean(d) || c - d);
      return order.slice(1).map((_, k) => new Set(order.slice(0, k + 1)));
    });
    expectClose(worthOf(bestSubset(sums, totalsOf(sums), limits, totalsOf(sums).worth), sums), bruteForce(rows, sides, limits), 1e-9, `round ${round}`);
  }
});

test("the kernel for few rows finds what is found by sums over codes, over several columns at once", () => {
  const plan = { bytes: 64 };
  const places = {
    rows: reserve(plan, 400),
    columns: reserve(plan, 40),
    codes: Array.from({ length: 5 }, () => reserve(plan, 500)),
    records: reserve(plan, 800),
    keys: reserve(plan, 404),
    out: reserve(plan, 64),
  };
  const memory = openMemory(plan);
  const { cutFew } = kernelsOn(memory);
  const [words, bytes, doubles] = [new Int32Array(memory.buffer), new Uint8Array(memory.buffer), new Float64Array(memory.buffer)];
  const rng = new Rng(8);
  let splits = 0;
  for (let round = 0; round < 1500; round++) {
    const width = 1 + rng.int(5);
    const drawn = Array.from({ length: width }, () => draw(rng, false));
    const n = Math.min(...drawn.map(({ code }) => code.length));
    const [score, variation] = [drawn[0].score[0].slice(0, n), drawn[0].variation.slice(0, n)];
    const columns = drawn.map(({ code }): Rows => ({ code: code.slice(0, n), score: [score], weight: score.map(() => 1), variation }));
    const rowOf = Array.from({ length: n }, (_, i) => 7 * i + rng.int(7));
    words.set(rowOf, places.rows >> 2);
    words.set(places.codes.slice(0, width), places.columns >> 2);
    columns.forEach(({ code }, j) => code.forEach((c, i) => (bytes[places.codes[j] + rowOf[i]] = c)));
    score.forEach((s, i) => words.set([s, variation[i]], (places.records >> 2) + 2 * i));
    const limits = drawLimits(rng);
    const sums = columns.map((column) => sumsOf(column, false));
    const totals = totalsOf(sums[0]);
    let want: { column: number; split: NonNullable<ReturnType<typeof bestCut>> } | undefined;
    sums.forEach((column, j) => {
      const split = bestCut(column, totals, restCode, limits, want?.split.worth ?? totals.worth);
      if (split !== undefined) want = { column: j, split };
    });
    const [rowsEnd, columnsEnd] = [places.rows + 4 * n, places.columns + 4 * width];
    const found = cutFew(
      places.rows,
      rowsEnd,
      places.columns,
      columnsEnd,
      places.records,
      places.keys,
      places.out,
      totals.score[0],
      n,
      totals.variation,
      limits.rows,
      limits.variation,
      totals.worth,
    );
    expect(found, `round ${round}`).toBe(want === undefined ? 0 : 1);
    if (want === undefined) continue;
    splits++;
    const out = words.subarray(places.out >> 2, (places.out >> 2) + fewFound.words);
    const { worth, cut, leftRows, missingLeft } = want.split;
    const got = [
      doubles[places.out >> 3],
      out[fewFound.column],
      out[fewFound.cut],
      out[fewFound.leftRows],
      out[fewFound.missing] === 1 ? out[fewFound.missingLeft] === 1 : undefined,
    ];
    expect(got, `round ${round}: the same to the last digit`).toEqual([worth, want.column, cut, leftRows, missingLeft]);
  }
  closeMemory(memory);
  expect(splits).toBeGreaterThan(800);
});

import { expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { type ArmRule, armSearch, believe, sumWords } from "../../../src/uplift/tree/armSplit.ts";
import { effectRule } from "../../../src/uplift/tree/constraint.ts";
import { criterionNames, gainOf, isForProbabilities, normaliser } from "../../../src/uplift/tree/criterion.ts";
import { expectClose } from "../../tolerance.ts";

interface Rows {
  readonly bins: number;
  readonly arms: number;
  readonly code: readonly number[];
  readonly arm: readonly number[];
  readonly y: readonly number[];
  readonly w: readonly number[];
}

const countShift = 36;

function draw(rng: Rng, binary: boolean): Rows {
  const n = 5 + rng.int(60);
  const [bins, arms] = [2 + rng.int(7), 2 + rng.int(2)];
  const missing = rng.bernoulli(0.5) === 1;
  const weighted = rng.bernoulli(0.3) === 1;
  const list = (make: () => number): number[] => Array.from({ length: n }, make);
  return {
    bins,
    arms,
    code: list(() => (missing && rng.bernoulli(0.2) === 1 ? 0 : 1 + rng.int(bins - 1))),
    arm: list(() => rng.int(arms)),
    y: list(() => (binary ? rng.int(2) : rng.int(21) - 10)),
    w: list(() => (weighted ? 1 + rng.int(3) : 1)),
  };
}

function drawRule(rng: Rng, arms: number): ArmRule {
  const criterion = criterionNames[rng.int(criterionNames.length)];
  const names = ["a", "b"].slice(0, arms - 1);
  const effects = rng.bernoulli(0.3) === 1 ? effectRule(names, { a: 1 }, names, 1) : undefined;
  const minArmRows = 1 + rng.int(3);
  return {
    criterion,
    normalise: rng.bernoulli(0.5) === 1,
    shrinkage: rng.int(3) * 2,
    minRows: 2 + rng.int(6),
    minArmRows,
    minGain: rng.bernoulli(0.2) * 0.01,
    effects,
    unitY: 0.5,
    unitW: 0.25,
    countShift,
  };
}

/** Sums over the rows, in units: y counts halves, weights quarters. */
function sumsOf(rows: Rows, of: readonly number[]): Float64Array {
  const sums = new Float64Array(sumWords * rows.arms);
  for (const i of of) {
    sums[sumWords * rows.arm[i]] += 2 * rows.y[i] * rows.w[i];
    sums[sumWords * rows.arm[i] + 1] += 4 * rows.w[i];
    sums[sumWords * rows.arm[i] + 2]++;
  }
  return sums;
}

function cellsOf(rows: Rows): Int32Array {
  const cells = new BigInt64Array(2 * rows.bins * rows.arms);
  rows.code.forEach((code, i) => {
    const at = 2 * (code * rows.arms + rows.arm[i]);
    cells[at] += BigInt(2 * rows.y[i] * rows.w[i]);
    cells[at + 1] += BigInt(4 * rows.w[i]) + (1n << BigInt(countShift));
  });
  return new Int32Array(cells.buffer);
}

/** Means with shrinkage and Laplace's correction, from the rows. */
function meansOf(rows: Rows, of: readonly number[], rule: ArmRule, parent: Float64Array | undefined): { mean: Float64Array; weight: Float64Array } {
  const mean = new Float64Array(rows.arms);
  const weight = new Float64Array(rows.arms);
  believe(rule, sumsOf(rows, of), parent, mean, weight);
  return { mean, weight };
}

/** The gain of every way of sending codes left, one by one, from the rows. */
function bruteForce(rows: Rows, sides: readonly ReadonlySet<number>[], rule: ArmRule, parent: Float64Array): number {
  const all = rows.code.map((_, i) => i);
  const divisor = rule.normalise ? normaliser(rule.criterion) : undefined;
  let most = rule.minGain;
  for (const side of sides) {
    const left = all.filter((i) => side.has(rows.code[i]));
    const right = all.filter((i) => !side.has(rows.code[i]));
    if (left.length < rule.minRows || right.length < rule.minRows) continue;
    const arms = Array.from({ length: rows.arms }, (_, a) => a);
    if (arms.some((a) => [left, right].some((part) => part.filter((i) => rows.arm[i] === a).length < rule.minArmRows))) continue;
    const [l, r] = [meansOf(rows, left, rule, parent), meansOf(rows, right, rule, parent)];
    const weightOf = (part: readonly number[]): number => part.reduce((sum, i) => sum + rows.w[i], 0);
    const raw = gainOf(rule.criterion)(parent, l.mean, r.mean, weightOf(left) / weightOf(all));
    most = Math.max(most, raw / (divisor?.(l.weight, r.weight) ?? 1));
  }
  return most > rule.minGain ? most : 0;
}

test("numbers: the split found gains as much as the best of all cuts tried one by one, for every criterion, with ties, missing rows, weights, many arms, shrinkage and constraints", () => {
  const rng = new Rng(3);
  let splits = 0;
  for (let round = 0; round < 1500; round++) {
    const binary = rng.bernoulli(0.6) === 1;
    const rows = draw(rng, binary);
    const rule = drawRule(rng, rows.arms);
    if (isForProbabilities(rule.criterion) && !binary) continue;
    const all = rows.code.map((_, i) => i);
    const { mean: parent } = meansOf(rows, all, rule, undefined);
    const found = armSearch(rule, rows.arms).column(cellsOf(rows), 0, rows.bins, 7, false, sumsOf(rows, all), parent, rule.minGain);
    const sides: ReadonlySet<number>[] = [];
    for (let cut = 1; cut < rows.bins; cut++)
      for (const missing of [[], [0]]) sides.push(new Set([...missing, ...Array.from({ length: cut }, (_, k) => k + 1)]));
    expectClose(found?.gain ?? 0, bruteForce(rows, sides, rule, parent), 1e-9, `round ${round}, ${rule.criterion}`);
    if (found === undefined) continue;
    splits++;
    const left = all.filter((i) => (rows.code[i] === 0 ? found.missingLeft === true : rows.code[i] <= found.cut));
    expect(Array.from(found.left), "sums of the left side are those of the rows it describes").toEqual(Array.from(sumsOf(rows, left)));
    expect(found.missingLeft === undefined).toBe(!rows.code.includes(0));
  }
  expect(splits).toBeGreaterThan(300);
});

test("categories: the split found gains as much as the best cut of the codes ordered by each arm's effect", () => {
  const rng = new Rng(4);
  let splits = 0;
  for (let round = 0; round < 800; round++) {
    const rows = draw(rng, true);
    const rule = drawRule(rng, rows.arms);
    const all = rows.code.map((_, i) => i);
    const { mean: parent } = meansOf(rows, all, rule, undefined);
    const found = armSearch(rule, rows.arms).column(cellsOf(rows), 0, rows.bins, 7, true, sumsOf(rows, all), parent, rule.minGain);
    const codes = [...new Set(rows.code)].toSorted((a, b) => a - b);
    const sides: ReadonlySet<number>[] = [];
    for (let a = 1; a < rows.arms; a++) {
      const effect = new Map(
        codes.map((code) => [
          code,
          meansOf(
            rows,
            all.filter((i) => rows.code[i] === code),
            rule,
            parent,
          ).mean,
        ]),
      );
      const key = (code: number): number => (effect.get(code)?.[a] ?? Number.NaN) - (effect.get(code)?.[0] ?? Number.NaN);
      const order = codes.toSorted((c, d) => key(c) - key(d) || c - d);
      for (let k = 1; k < order.length; k++) sides.push(new Set(order.slice(0, k)));
    }
    expectClose(found?.gain ?? 0, bruteForce(rows, sides, rule, parent), 1e-9, `round ${round}, ${rule.criterion}`);
    if (found?.codes === undefined) continue;
    splits++;
    expect([...found.codes.left, ...found.codes.right].toSorted((a, b) => a - b)).toEqual(codes);
    const left = all.filter((i) => found.codes?.left.includes(rows.code[i]));
    expect(Array.from(found.left)).toEqual(Array.from(sumsOf(rows, left)));
  }
  expect(splits).toBeGreaterThan(200);
});

test("means are drawn to the node above, by as many rows as the shrinkage says, and probabilities stay inside (0, 1)", () => {
  const rule: ArmRule = {
    criterion: "squared",
    normalise: false,
    shrinkage: 4,
    minRows: 1,
    minArmRows: 1,
    minGain: 0,
    effects: undefined,
    unitY: 1,
    unitW: 1,
    countShift,
  };
  const sums = Float64Array.of(6, 2, 2, 0, 0, 0);
  const [mean, weight] = [new Float64Array(2), new Float64Array(2)];
  believe(rule, sums, Float64Array.of(1, 9), mean, weight);
  expect(Array.from(mean)).toEqual([(6 + 4) / 6, 9]);
  believe({ ...rule, criterion: "kl", shrinkage: 0 }, Float64Array.of(2, 2, 2, 0, 2, 2), undefined, mean, weight);
  expect(Array.from(mean)).toEqual([3 / 4, 1 / 4]);
});

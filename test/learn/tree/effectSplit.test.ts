import { expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { armValues, categoryOrder, ordersOf, scanArms } from "../../../src/learn/tree/effectSplit.ts";
import { found, foundSize, type SplitLimits } from "../../../src/learn/tree/split.ts";
import { expectClose } from "../../tolerance.ts";

const countShift = 36;

interface Rows {
  readonly bins: number;
  readonly arms: number;
  readonly code: readonly number[];
  readonly arm: readonly number[];
  readonly g: readonly number[];
  readonly h: readonly number[];
}

function draw(rng: Rng): Rows {
  const n = 4 + rng.int(50);
  const [bins, arms] = [2 + rng.int(7), 2 + rng.int(2)];
  const missing = rng.bernoulli(0.5) === 1;
  const list = (make: () => number): number[] => Array.from({ length: n }, make);
  return {
    bins,
    arms,
    code: list(() => (missing && rng.bernoulli(0.2) === 1 ? 0 : 1 + rng.int(bins - 1))),
    arm: list(() => rng.int(arms)),
    g: list(() => rng.int(41) - 20),
    h: list(() => 1 + rng.int(4)),
  };
}

function sumsOf(rows: Rows, of: readonly number[]): Float64Array {
  const sums = new Float64Array(3 * rows.arms);
  for (const i of of) {
    sums[3 * rows.arm[i]] += rows.g[i];
    sums[3 * rows.arm[i] + 1] += rows.h[i];
    sums[3 * rows.arm[i] + 2]++;
  }
  return sums;
}

/** Twice the fall of the loss, by going downhill one variable at a time. */
function slowFall(sums: Float64Array, l2: number, effectL2: number): number {
  const arms = sums.length / 3;
  const b = new Float64Array(arms);
  let a = 0;
  for (let step = 0; step < 20_000; step++) {
    let [g, h] = [0, l2];
    for (let k = 0; k < arms; k++) {
      g += sums[3 * k] + sums[3 * k + 1] * b[k];
      h += sums[3 * k + 1];
    }
    const next = h > 0 ? -g / h : 0;
    const moved = Math.abs(next - a);
    a = next;
    for (let k = 1; k < arms; k++) b[k] = -(sums[3 * k] + sums[3 * k + 1] * a) / (sums[3 * k + 1] + effectL2 || 1);
    if (moved < 1e-14) break;
  }
  let loss = 0.5 * l2 * a * a;
  for (let k = 0; k < arms; k++) loss += sums[3 * k] * (a + b[k]) + 0.5 * sums[3 * k + 1] * (a + b[k]) ** 2 + 0.5 * effectL2 * b[k] * b[k];
  return -2 * loss;
}

test("a leaf's values minimise the penalised loss over value and effects together", () => {
  const rng = new Rng(1);
  for (let round = 0; round < 200; round++) {
    const rows = draw(rng);
    const sums = sumsOf(
      rows,
      rows.code.map((_, i) => i),
    );
    const [l2, effectL2] = [rng.int(3), 1 + rng.int(5)];
    expectClose(armValues(sums, 0, rows.arms, l2, effectL2, new Float64Array(rows.arms)), slowFall(sums, l2, effectL2), 1e-7, `round ${round}`);
  }
});

test("without penalties each arm has its own mean; with a large penalty on effects all arms share one", () => {
  const sums = Float64Array.of(-6, 3, 3, 4, 2, 2);
  const values = new Float64Array(2);
  armValues(sums, 0, 2, 0, 0, values);
  expect(Array.from(values)).toEqual([2, -2]);
  armValues(sums, 0, 2, 0, 1e15, values);
  expectClose(values[0], 0.4, 1e-9);
  expectClose(values[1], 0.4, 1e-9);
});

test("the split found gains as much as the best of all cuts (of categories: of the orders they are put in) tried one by one", () => {
  const rng = new Rng(2);
  let splits = 0;
  for (let round = 0; round < 1500; round++) {
    const rows = draw(rng);
    const isCategory = rng.bernoulli(0.4) === 1;
    const limits: SplitLimits = {
      minRows: 1 + rng.int(5),
      minWeight: rng.int(2) * 6,
      minGain: rng.int(2) * 3,
      l1: 0,
      l2: rng.int(3),
      categorySmoothing: rng.int(2) * 4,
      effectL2: rng.int(3),
      minArmRows: 1 + rng.int(2),
    };
    const cells = new BigInt64Array(2 * rows.bins * rows.arms);
    rows.code.forEach((code, i) => {
      const at = 2 * (code * rows.arms + rows.arm[i]);
      cells[at] += BigInt(rows.g[i]);
      cells[at + 1] += BigInt(rows.h[i]) + (1n << BigInt(countShift));
    });
    const words = new Int32Array(cells.buffer);
    const all = rows.code.map((_, i) => i);
    const node = sumsOf(rows, all);
    const out = new Float64Array(foundSize(rows.arms));
    scanArms(words, 0, rows.bins, isCategory, countShift, node, limits, out, 0);
    const sides: ReadonlySet<number>[] = [];
    const orders = Array.from({ length: ordersOf(rows.arms) }, (_, which) =>
      Array.from(categoryOrder(words, 0, rows.bins, countShift, rows.arms, limits, which)),
    );
    if (isCategory) for (const order of orders) for (let k = 1; k < order.length; k++) sides.push(new Set(order.slice(0, k)));
    else
      for (let cut = 1; cut < rows.bins; cut++)
        for (const missing of [[], [0]]) sides.push(new Set([...missing, ...Array.from({ length: cut }, (_, k) => k + 1)]));
    const fall = (sums: Float64Array): number => armValues(sums, 0, rows.arms, limits.l2, limits.effectL2, new Float64Array(rows.arms));
    let most = 0;
    for (const side of sides) {
      const parts = [all.filter((i) => side.has(rows.code[i])), all.filter((i) => !side.has(rows.code[i]))].map((of) => sumsOf(rows, of));
      const total = (sums: Float64Array, word: number): number => sums.filter((_, k) => k % 3 === word).reduce((a, b) => a + b, 0);
      if (
        parts.some((sums) => total(sums, 2) < limits.minRows || total(sums, 1) < limits.minWeight || sums.some((v, k) => k % 3 === 2 && v < limits.minArmRows))
      )
        continue;
      const gain = fall(parts[0]) + fall(parts[1]) - fall(node);
      if (gain > limits.minGain) most = Math.max(most, gain);
    }
    expectClose(out[found.gain], most, 1e-9, `round ${round}`);
    if (out[found.gain] === 0) continue;
    splits++;
    const order = orders[out[found.order]];
    const left = all.filter((i) =>
      isCategory ? order.indexOf(rows.code[i]) < out[found.cut] : rows.code[i] === 0 ? out[found.missingLeft] === 1 : rows.code[i] <= out[found.cut],
    );
    expect(Array.from(out.subarray(found.leftG))).toEqual(Array.from(sumsOf(rows, left)));
  }
  expect(splits).toBeGreaterThan(400);
});

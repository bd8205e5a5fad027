import { expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { bytesOf, StepMemory } from "../../src/compute/train/stepMemory.ts";
import { addRows } from "../../src/compute/train/tables.ts";

const rng = new Rng(5);

function draw(memory: StepMemory, table: number, width: number, count: number): { sums: Float32Array; rows: Int32Array; values: Float32Array } {
  memory.open(bytesOf(table * width) + bytesOf(count) + bytesOf(count * width));
  const like = new Float32Array(0);
  const [sums, rows, values] = [memory.floats(table * width, like), memory.ints(count), memory.floats(count * width, like)];
  sums.forEach((_, i) => (sums[i] = rng.normal()));
  rows.forEach((_, i) => (rows[i] = rng.int(table)));
  values.forEach((_, i) => (values[i] = rng.normal()));
  return { sums: sums as Float32Array, rows, values: values as Float32Array };
}

test("rows are added as by the plain loop, number for number: rows named often, widths of all kinds, memory that grows from step to step", () => {
  const memory = new StepMemory();
  for (const [table, width, count] of [
    [3, 4, 50],
    [40, 16, 1000],
    [7, 6, 30],
    [5, 1, 20],
    [9000, 16, 40_000],
    [2, 8, 0],
    [1, 12, 1],
  ]) {
    const { sums, rows, values } = draw(memory, table, width, count);
    const wanted = sums.slice();
    addRows(wanted, width, rows, values);
    memory.addRows(sums, width, rows, values);
    expect(Array.from(sums), `${table} rows of ${width}`).toEqual(Array.from(wanted));
  }
});

test("arrays of a step do not overlap, and begin anew in the next", () => {
  const memory = new StepMemory();
  const { sums, rows, values } = draw(memory, 5, 4, 10);
  const before = [Array.from(sums), Array.from(values)];
  rows.fill(-1);
  expect([Array.from(sums), Array.from(values)]).toEqual(before);
  expect(draw(memory, 5, 4, 10).sums.byteOffset).toBe(sums.byteOffset);
});

test("arrays that lie elsewhere, doubles and steps that were promised less memory come out the same", () => {
  const memory = new StepMemory();
  const { sums, rows, values } = draw(memory, 6, 4, 25);
  const wanted = sums.slice();
  addRows(wanted, 4, rows, values);
  const elsewhere = sums.slice();
  memory.addRows(elsewhere, 4, rows, values.slice());
  expect(Array.from(elsewhere)).toEqual(Array.from(wanted));
  expect(memory.floats(8, new Float64Array(0))).toEqual(new Float64Array(8));
  const beyond = memory.floats(1000, new Float32Array(0));
  expect([beyond.length, beyond.buffer === sums.buffer]).toEqual([1000, false]);
});

import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import * as c from "../../src/compute/index.ts";
import type { Tensor, Value } from "../../src/compute/index.ts";
import { reference } from "../../src/compute/engine/reference/engine.ts";
import { topological } from "../../src/compute/graph.ts";
import { expectAllClose, float64 } from "../tolerance.ts";
import { type Case, cases, flat, inputsOf, nest, operandsOf } from "./cases.ts";

/** Central differences with a step of 1e-5 in float64: rounding and the third derivative each leave about 1e-9. */
const differences = 1e-7;

async function valueOf(outputs: Record<string, Tensor>, feeds: Record<string, Value>): Promise<Record<string, Value>> {
  const program = await reference.compile(c.graphOf(outputs), { threads: 1 });
  const results = await program.run(feeds);
  program.dispose();
  return results as Record<string, Value>;
}

/** A scalar of the result that weighs every element differently. */
function scalarOf(y: Tensor, name: string, size: number): Tensor {
  const rng = new Rng(5).split(name);
  const flat = c.reshape(y, [size]);
  return c.sum(c.mul(flat, c.constant(Float64Array.from({ length: size }, () => 0.5 + rng.float()))));
}

/** With the sizes closed, so that the elements can be laid in a row. */
function closed(one: Case, operands: readonly Value[]): Tensor[] {
  return operands.map(({ shape, data }, k) => c.input(`${one.name} ${k}`, shape as number[], data instanceof Int32Array ? "int" : "float"));
}

const feedsOf = (one: Case, operands: readonly Value[]): Record<string, Value> => Object.fromEntries(operands.map((value, k) => [`${one.name} ${k}`, value]));

async function numericGradient(f: Tensor, one: Case, operands: readonly Value[], k: number): Promise<number[]> {
  const h = 1e-5;
  const program = await reference.compile(c.graphOf({ f }), { threads: 1 });
  const slopes: number[] = [];
  for (let i = 0; i < operands[k].data.length; i++) {
    const sides: number[] = [];
    for (const move of [h, -h]) {
      const data = Float64Array.from(operands[k].data);
      data[i] += move;
      sides.push((await program.run({ ...feedsOf(one, operands), [`${one.name} ${k}`]: { shape: operands[k].shape, data } })).f.data[0]);
    }
    slopes.push((sides[0] - sides[1]) / (2 * h));
  }
  program.dispose();
  return slopes;
}

describe.each(cases)("$name", (one) => {
  const operands = operandsOf(one);
  const floats = operands.map((_, k) => k).filter((k) => operands[k].data instanceof Float64Array);
  const feeds = feedsOf(one, operands);

  test("the value is what the plain formula gives, with the batch left open", async () => {
    const { y } = await valueOf({ y: one.build(...inputsOf(one, operands)) }, feeds);
    expectAllClose(y.data, flat(one.want(...operands.map(nest))), float64);
  });

  test("the gradient agrees with finite differences", async () => {
    const x = closed(one, operands);
    const y = one.build(...x);
    const f = scalarOf(
      y,
      one.name,
      (y.shape as number[]).reduce((a, b) => a * b, 1),
    );
    const gradients = c.grad(f, floats.map((k) => x[k])); // biome-ignore format: one line
    const values = await valueOf(Object.fromEntries(gradients.map((g, i) => [String(i), g])), feeds);
    for (const [i, k] of floats.entries()) {
      expect(values[i].shape).toEqual(operands[k].shape);
      expectAllClose(values[i].data, await numericGradient(f, one, operands, k), differences, `operand ${k}`);
    }
  });

  test("the gradient of the gradient agrees with finite differences", async () => {
    const x = closed(one, operands);
    const y = one.build(...x);
    const f = scalarOf(
      c.square(y),
      one.name,
      (y.shape as number[]).reduce((a, b) => a * b, 1),
    );
    const first = c.grad(f, floats.map((k) => x[k])); // biome-ignore format: one line
    const g = first.map((part, i) => scalarOf(part, `${one.name} ${i}`, operands[floats[i]].data.length)).reduce((a, b) => c.add(a, b));
    const second = c.grad(g, floats.map((k) => x[k])); // biome-ignore format: one line
    const values = await valueOf(Object.fromEntries(second.map((part, i) => [String(i), part])), feeds);
    for (const [i, k] of floats.entries()) expectAllClose(values[i].data, await numericGradient(g, one, operands, k), 10 * differences, `operand ${k}`);
  });
});

test("every primitive operation has a case", () => {
  const seen = new Set(cases.flatMap((one) => topological([one.build(...inputsOf(one, operandsOf(one)))]).map((x) => x.op)));
  const primitives =
    "input constant size neg abs sign exp log sqrt reciprocal tanh sigmoid relu elu eluSlope softplus cast not stopGradient add sub mul div maximum minimum pow less lessEqual equal and or select sum mean max softmax logSoftmax matmul reshape transpose broadcastTo concat slice pad gather segmentSum cumsum";
  expect([...seen].toSorted()).toEqual(primitives.split(" ").toSorted());
});

test("stable forms stay finite where the plain formula overflows", async () => {
  const x = c.constant([-1000, -80, 0, 80, 1000]);
  const y = await valueOf({ softplus: c.softplus(x), logSigmoid: c.logSigmoid(x), logSumExp: c.logSumExp(x), logSoftmax: c.logSoftmax(x), elu: c.elu(x) }, {});
  for (const [name, { data }] of Object.entries(y)) expect(Array.from(data).every(Number.isFinite), name).toBe(true);
  expectAllClose(y.softplus.data, [0, Math.exp(-80), Math.LN2, 80, 1000], float64);
  expectAllClose(y.logSigmoid.data, [-1000, -80, -Math.LN2, -Math.exp(-80), 0], float64);
  expectAllClose(y.logSumExp.data, [1000], float64);
});

test("stopGradient lets nothing through", async () => {
  const x = c.input("x", [2]);
  const [g] = c.grad(c.sum(c.mul(x, c.stopGradient(x))), [x]);
  expectAllClose((await valueOf({ g }, { x: { shape: [2], data: Float64Array.of(3, -2) } })).g.data, [3, -2], float64);
});

test("the gradient to a tensor the loss does not depend on is zero, in its shape", async () => {
  const [x, z] = [c.input("x", [2]), c.input("z", [2, 3])];
  const [, g] = c.grad(c.sum(x), [x, z]);
  expect((await valueOf({ g }, {})).g).toEqual({ shape: [2, 3], data: new Float64Array(6) });
});

test("where several entries are the largest, the gradient of max is shared among them", async () => {
  const x = c.input("x", [3]);
  const [g] = c.grad(c.max(x), [x]);
  expectAllClose((await valueOf({ g }, { x: { shape: [3], data: Float64Array.of(2, 1, 2) } })).g.data, [0.5, 0, 0.5], float64);
});

test("equal computations are done once", () => {
  const x = c.input("x", [2]);
  const graph = c.graphOf({ a: c.exp(c.add(x, 1)), b: c.sum(c.exp(c.add(x, 1))) });
  expect(graph.nodes.map((node) => node.op)).toEqual(["input", "constant", "add", "exp", "sum"]);
});

test.each<[string, () => unknown, RegExp]>([
  ["shapes that do not fit", () => c.add(c.input("a", [2, 3]), c.input("b", [4])), /add: shapes \[2, 3\] and \[4\] do not fit/],
  ["an open size against a number", () => c.add(c.input("a", [c.symbol("rows")]), c.input("b", [4])), /add: shapes \[rows\] and \[4\]/],
  [
    "matrices of other inner sizes",
    () => c.matmul(c.input("a", [c.symbol("rows"), 25]), c.input("b", [26, 8])),
    /matmul: \[rows, 25\] and \[26, 8\] do not fit/,
  ],
  ["a reshape that loses elements", () => c.reshape(c.input("a", [2, 3]), [4]), /reshape: \[2, 3\] and \[4\] do not hold the same number/],
  ["a reshape that cannot be worked out", () => c.reshape(c.input("a", [2, 3]), [-1, 4]), /cannot work out -1/],
  ["a slice beyond the end", () => c.slice(c.input("a", [2, 3]), 1, 1, 4), /1 \.\. 4 is not a part of axis 1 of \[2, 3\]/],
  ["a slice of the open batch", () => c.slice(c.input("a", [c.symbol("rows"), 3]), 0, 0, 1), /needs a size known when the graph is built, got rows/],
  ["a concat along the wrong axis", () => c.concat([c.input("a", [2, 3]), c.input("b", [3, 3])], 1), /differ in another axis than 1/],
  ["an axis that is not there", () => c.sum(c.input("a", [2, 3]), 2), /axis must lie in -2 \.\. 1, got 2/],
  ["arithmetic on indices", () => c.exp(c.input("a", [2], "int")), /exp: wants float operands, got int; use cast/],
  ["a gradient of many numbers", () => c.grad(c.input("a", [2]), []), /take its mean or sum first/],
  ["a constant of the wrong size", () => c.constant([1, 2, 3], [2, 2]), /holds 4 numbers, got 3/],
])("%s are refused with both shapes in one line", (_, build, message) => {
  expect(build).toThrow(message);
});

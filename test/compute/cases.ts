import { Rng } from "../../src/base/rng.ts";
import * as c from "../../src/compute/index.ts";
import { eluSlope } from "../../src/compute/ops/elementwise.ts";
import type { Tensor, Value } from "../../src/compute/index.ts";

/** Numbers in lists of lists, as one would write them by hand. */
export type Nested = number | readonly Nested[];
type V = number[];
type M = number[][];
type C = number[][][];

/** One operation on small operands: what it is built from, and what it should give, written without the engine. */
export interface Case {
  readonly name: string;
  /** Shapes of the operands. A first size equal to that of the first operand (and over 1) is the batch, left open in the graph. */
  readonly shapes: readonly (readonly number[])[];
  /** `positive` keeps away from zero; a number n gives indices 0 .. n - 1. */
  readonly kinds?: readonly ("any" | "positive" | number)[];
  readonly build: (...x: Tensor[]) => Tensor;
  // biome-ignore lint/suspicious/noExplicitAny: operands are lists of the depth of their shape
  readonly want: (...x: any[]) => Nested;
  /** No size left open, where the operands share the batch in another axis. */
  readonly closed?: true;
}

const each = (f: (...v: number[]) => number) => (a: M, b?: M) => a.map((row, i) => row.map((v, j) => (b === undefined ? f(v) : f(v, b[i][j]))));
const unary = (name: string, build: (x: Tensor) => Tensor, f: (v: number) => number, kind: "any" | "positive" = "any"): Case => ({
  name,
  shapes: [[3, 4]],
  kinds: [kind],
  build,
  want: each(f),
});
const binary = (name: string, build: (a: Tensor, b: Tensor) => Tensor, f: (a: number, b: number) => number): Case => ({
  name,
  shapes: [
    [3, 4],
    [3, 4],
  ],
  kinds: ["any", "positive"],
  build,
  want: each(f),
});
const total = (v: V): number => v.reduce((a, b) => a + b, 0);
const columns = (m: M): M => m[0].map((_, j) => m.map((row) => row[j]));
const times = (a: M, b: M): M => a.map((row) => columns(b).map((column) => total(row.map((v, i) => v * column[i]))));
const logSoftmax = (v: V): V => v.map((x) => x - Math.log(total(v.map(Math.exp))));
const flag = (condition: boolean): number => (condition ? 1 : 0);
const asFloat = (x: Tensor): Tensor => c.cast(x, "float");
const cut = (list: readonly number[], index: V): V => index.map((i) => list[i]);

const matmul = (a: Tensor, b: Tensor): Tensor => c.matmul(a, b);

export const cases: readonly Case[] = [
  unary("neg", c.neg, (v) => -v),
  unary("abs", c.abs, Math.abs),
  unary("sign", c.sign, Math.sign),
  unary("exp", c.exp, Math.exp),
  unary("log", c.log, Math.log, "positive"),
  unary("sqrt", c.sqrt, Math.sqrt, "positive"),
  unary("reciprocal", c.reciprocal, (v) => 1 / v, "positive"),
  unary("tanh", c.tanh, Math.tanh),
  unary("sigmoid", c.sigmoid, (v) => 1 / (1 + Math.exp(-v))),
  unary("relu", c.relu, (v) => Math.max(0, v)),
  unary("elu", c.elu, (v) => (v > 0 ? v : Math.exp(v) - 1)),
  unary("slope of elu", eluSlope, (v) => (v > 0 ? 1 : Math.exp(v))),
  unary("softplus", c.softplus, (v) => Math.log(1 + Math.exp(v))),
  unary("log of sigmoid", c.logSigmoid, (v) => -Math.log(1 + Math.exp(-v))),
  unary("square", c.square, (v) => v * v),
  unary(
    "power 3",
    (x) => c.pow(x, 3),
    (v) => v ** 3,
  ),
  unary(
    "power -1.5",
    (x) => c.pow(x, -1.5),
    (v) => v ** -1.5,
    "positive",
  ),
  unary(
    "clip",
    (x) => c.clip(x, -0.5, 0.7),
    (v) => Math.min(0.7, Math.max(-0.5, v)),
  ),
  unary(
    "not",
    (x) => asFloat(c.not(c.less(x, 0))),
    (v) => flag(v >= 0),
  ),
  unary(
    "number minus tensor",
    (x) => c.sub(1, x),
    (v) => 1 - v,
  ),
  unary(
    "tensor by number",
    (x) => c.div(x, 4),
    (v) => v / 4,
  ),
  unary(
    "select",
    (x) => c.select(c.greater(x, 0), c.square(x), c.exp(x)),
    (v) => (v > 0 ? v * v : Math.exp(v)),
  ),
  unary(
    "stopGradient keeps the value",
    (x) => c.add(x, c.stopGradient(c.mul(x, 0))),
    (v) => v,
  ),
  binary("add", c.add, (a, b) => a + b),
  binary("sub", c.sub, (a, b) => a - b),
  binary("mul", c.mul, (a, b) => a * b),
  binary("div", c.div, (a, b) => a / b),
  binary("maximum", c.maximum, Math.max),
  binary("minimum", c.minimum, Math.min),
  binary(
    "less",
    (a, b) => asFloat(c.less(a, b)),
    (a, b) => flag(a < b),
  ),
  binary(
    "lessEqual",
    (a, b) => asFloat(c.lessEqual(a, b)),
    (a, b) => flag(a <= b),
  ),
  binary(
    "equal",
    (a, b) => asFloat(c.equal(a, b)),
    (a, b) => flag(a === b),
  ),
  binary(
    "and",
    (a, b) => asFloat(c.and(c.less(a, b), c.less(0, a))),
    (a, b) => flag(a < b && a > 0),
  ),
  binary(
    "or",
    (a, b) => asFloat(c.or(c.less(b, a), c.less(a, 0))),
    (a, b) => flag(a > b || a < 0),
  ),
  {
    name: "add stretches a row",
    shapes: [
      [3, 4],
      [1, 4],
    ],
    build: c.add,
    want: (a: M, b: M) => a.map((row) => row.map((v, j) => v + b[0][j])),
  },
  {
    name: "mul stretches a column",
    shapes: [
      [3, 1],
      [3, 4],
    ],
    build: c.mul,
    want: (a: M, b: M) => b.map((row, i) => row.map((v) => v * a[i][0])),
  },
  {
    name: "div stretches both",
    shapes: [
      [3, 1],
      [1, 4],
    ],
    kinds: ["any", "positive"],
    build: c.div,
    want: (a: M, b: M) => a.map(([v]) => b[0].map((w) => v / w)),
  },
  {
    name: "maximum stretches",
    shapes: [
      [3, 1],
      [1, 4],
    ],
    build: c.maximum,
    want: (a: M, b: M) => a.map(([v]) => b[0].map((w) => Math.max(v, w))),
  },
  { name: "sum of an axis", shapes: [[3, 4]], build: (x) => c.sum(x, 1), want: (a: M) => a.map(total) },
  { name: "sum of the batch", shapes: [[3, 4]], build: (x) => c.sum(x, 0, { keep: true }), want: (a: M) => columns(a).map(total) },
  { name: "mean of all", shapes: [[3, 4]], build: (x) => c.mean(c.square(x)), want: (a: M) => total(a.flat().map((v) => v * v)) / 12 },
  { name: "mean of the batch", shapes: [[3, 4]], build: (x) => c.mean(x, 0), want: (a: M) => columns(a).map((column) => total(column) / 3) },
  { name: "max of an axis", shapes: [[3, 4]], build: (x) => c.max(x, -1), want: (a: M) => a.map((row) => Math.max(...row)) },
  { name: "min of the batch", shapes: [[3, 4]], build: (x) => c.min(x, 0), want: (a: M) => columns(a).map((column) => Math.min(...column)) },
  { name: "logSumExp", shapes: [[3, 4]], build: (x) => c.logSumExp(x, 1), want: (a: M) => a.map((row) => Math.log(total(row.map(Math.exp)))) },
  { name: "softmax", shapes: [[3, 4]], build: c.softmax, want: (a: M) => a.map((row) => logSoftmax(row).map(Math.exp)) },
  { name: "logSoftmax", shapes: [[3, 4]], build: c.logSoftmax, want: (a: M) => a.map(logSoftmax) },
  { name: "size follows the batch", shapes: [[3, 4]], build: (x) => c.mul(c.sum(x, 1), c.sizeOf(x.shape)), want: (a: M) => a.map((row) => total(row) * 12) },
  {
    name: "standardise",
    shapes: [[3, 4]],
    build: (x) => c.standardise(x),
    want: (a: M) => a.map((row) => row.map((v) => (v - total(row) / 4) / Math.sqrt(total(row.map((w) => (w - total(row) / 4) ** 2)) / 4 + 1e-5))),
  },
  {
    name: "weightedMean",
    shapes: [
      [3, 4],
      [3, 1],
    ],
    kinds: ["any", "positive"],
    build: c.weightedMean,
    want: (a: M, w: M) => total(a.map((row, i) => total(row) * w[i][0])) / (4 * total(w.flat())),
  },
  {
    name: "matmul",
    shapes: [
      [3, 4],
      [4, 2],
    ],
    build: matmul,
    want: times,
  },
  {
    name: "matmul, a transposed",
    shapes: [
      [3, 4],
      [3, 2],
    ],
    build: (a, b) => c.matmul(a, b, { transposeA: true }),
    want: (a: M, b: M) => times(columns(a), b),
  },
  {
    name: "matmul, b transposed",
    shapes: [
      [3, 4],
      [2, 4],
    ],
    build: (a, b) => c.matmul(a, b, { transposeB: true }),
    want: (a: M, b: M) => times(a, columns(b)),
  },
  {
    name: "matmul, both transposed",
    closed: true,
    shapes: [
      [3, 4],
      [2, 3],
    ],
    build: (a, b) => c.matmul(a, b, { transposeA: true, transposeB: true }),
    want: (a: M, b: M) => times(columns(a), columns(b)),
  },
  {
    name: "matmul of many rows by one matrix",
    shapes: [
      [2, 3, 4],
      [4, 2],
    ],
    build: matmul,
    want: (a: C, b: M) => a.map((one) => times(one, b)),
  },
  {
    name: "matmul, one a batch",
    shapes: [
      [2, 3, 4],
      [2, 4, 2],
    ],
    build: matmul,
    want: (a: C, b: C) => a.map((one, i) => times(one, b[i])),
  },
  {
    name: "matmul, one a batch, b transposed",
    shapes: [
      [2, 3, 4],
      [2, 5, 4],
    ],
    build: (a, b) => c.matmul(a, b, { transposeB: true }),
    want: (a: C, b: C) => a.map((one, i) => times(one, columns(b[i]))),
  },
  {
    name: "matmul, one a batch, a transposed",
    shapes: [
      [2, 4, 3],
      [2, 4, 2],
    ],
    build: (a, b) => c.matmul(a, b, { transposeA: true }),
    want: (a: C, b: C) => a.map((one, i) => times(columns(one), b[i])),
  },
  {
    name: "matmul stretches the batch",
    shapes: [
      [2, 3, 4],
      [1, 4, 2],
    ],
    build: matmul,
    want: (a: C, b: C) => a.map((one) => times(one, b[0])),
  },
  { name: "matmul by a vector", shapes: [[3, 4], [4]], build: matmul, want: (a: M, b: V) => a.map((row) => total(row.map((v, i) => v * b[i]))) },
  {
    name: "reshape",
    shapes: [[3, 4]],
    build: (x) => c.mul(c.reshape(x, [-1, 2]), c.constant([1, 10])),
    want: (a: M) => a.flat().map((v, i) => v * (i % 2 === 0 ? 1 : 10)),
  },
  {
    name: "transpose",
    shapes: [[2, 3, 4]],
    build: (x) => c.transpose(x, [2, 0, 1]),
    want: (a: C) => a[0][0].map((_, k) => a.map((one) => one.map((row) => row[k]))),
  },
  { name: "broadcastTo", shapes: [[3, 1]], build: (x) => c.broadcastTo(x, [x.shape[0], 4]), want: (a: M) => a.map(([v]) => [v, v, v, v]) },
  {
    name: "concat",
    shapes: [
      [3, 4],
      [3, 2],
    ],
    build: (a, b) => c.concat([a, b], 1),
    want: (a: M, b: M) => a.map((row, i) => [...row, ...b[i]]),
  },
  {
    name: "stack",
    shapes: [
      [3, 2],
      [3, 2],
    ],
    build: (a, b) => c.stack([a, b], 1),
    want: (a: M, b: M) => a.map((row, i) => [row, b[i]]),
  },
  { name: "slice", shapes: [[3, 4]], build: (x) => c.slice(x, 1, 1, 3), want: (a: M) => a.map((row) => row.slice(1, 3)) },
  {
    name: "slices with a gap, an overlap and another axis",
    shapes: [[2, 6, 3]],
    build: (x) => {
      const [a, b, d, e] = [c.slice(x, 1, 0, 2), c.slice(x, 1, 3, 5), c.slice(x, 1, 4, 6), c.slice(x, 2, 1, 2)];
      return c.add(c.mul(c.add(a, c.square(b)), d), c.sum(c.square(e), [1, 2], { keep: true }));
    },
    want: (x: C) => x.map((m) => [0, 1].map((i) => [0, 1, 2].map((j) => (m[i][j] + m[3 + i][j] ** 2) * m[4 + i][j] + total(m.map((row) => row[1] ** 2))))),
  },
  { name: "take", shapes: [[3, 4, 2]], build: (x) => c.take(x, 1, 2), want: (a: C) => a.map((one) => one[2]) },
  {
    name: "split",
    shapes: [[3, 4]],
    build: (x) => c.sub(c.split(x, [1, 3])[1], c.split(x, [1, 3])[0]),
    want: (a: M) => a.map(([first, ...rest]) => rest.map((v) => v - first)),
  },
  { name: "pad", shapes: [[3, 2]], build: (x) => c.pad(x, 1, 1, 2), want: (a: M) => a.map((row) => [0, ...row, 0, 0]) },
  {
    name: "gather",
    shapes: [
      [5, 2],
      [3, 4],
    ],
    kinds: ["any", 5],
    build: c.gather,
    want: (a: M, b: M) => b.map((row) => row.map((i) => a[i])),
  },
  {
    name: "segmentSum",
    shapes: [[6, 2], [6]],
    kinds: ["any", 3],
    build: (v, s) => c.segmentSum(v, s, 4),
    want: (v: M, s: V) => [0, 1, 2, 3].map((k) => [0, 1].map((j) => total(v.map((row, i) => (s[i] === k ? row[j] : 0))))),
  },
  {
    name: "segmentSum of pairs",
    shapes: [
      [3, 2, 2],
      [3, 2],
    ],
    kinds: ["any", 3],
    build: (v, s) => c.segmentSum(v, s, 3),
    want: (v: C, s: M) => [0, 1, 2].map((k) => [0, 1].map((j) => total(v.flat().map((row, i) => (s.flat()[i] === k ? row[j] : 0))))),
  },
  {
    name: "oneHot",
    shapes: [[5], [5, 3]],
    kinds: [4, "any"],
    build: (i, x) => c.mul(x, c.oneHot(i, 3)),
    want: (i: V, x: M) => x.map((row, r) => row.map((v, d) => v * flag(i[r] === d))),
  },
  { name: "pick", shapes: [[4, 3], [4]], kinds: ["any", 3], build: c.pick, want: (x: M, i: V) => i.map((k, row) => cut(x[row], [k])[0]) },
  { name: "cumsum", shapes: [[3, 4]], build: (x) => c.cumsum(x), want: (a: M) => a.map((row) => row.map((_, j) => total(row.slice(0, j + 1)))) },
  {
    name: "cumsum of the batch from the end",
    shapes: [[3, 2]],
    build: (x) => c.cumsum(x, 0, { reverse: true }),
    want: (a: M) => a.map((row, i) => row.map((_, j) => total(a.slice(i).map((r) => r[j])))),
  },
];

/** Operands of a case: seeded, away from kinks, and never equal to each other. */
export function operandsOf({ name, shapes, kinds = [] }: Case): Value[] {
  const rng = new Rng(11).split(name);
  return shapes.map((shape, k) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const kind = kinds[k] ?? "any";
    if (typeof kind === "number") return { shape, data: Int32Array.from({ length: size }, () => rng.int(kind)) };
    const draw = (): number => {
      const v = rng.normal();
      return kind === "positive" ? 0.3 + Math.abs(v) : v + Math.sign(v) * 0.05;
    };
    return { shape, data: Float64Array.from({ length: size }, draw) };
  });
}

/** Inputs called "<case> <operand>", with the batch left open. */
export function inputsOf(one: Case, operands: readonly Value[]): Tensor[] {
  const rows = operands[0].shape[0];
  return operands.map(({ shape, data }, k) => {
    const first = one.closed === undefined && shape[0] === rows && rows > 1 ? c.symbol(`${one.name} rows`) : shape[0];
    return c.input(`${one.name} ${k}`, [first, ...shape.slice(1)], data instanceof Int32Array ? "int" : "float");
  });
}

export function nest({ shape, data }: Value): Nested {
  const build = (axis: number, from: number): Nested => {
    if (axis === shape.length) return data[from];
    const step = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    return Array.from({ length: shape[axis] }, (_, i) => build(axis + 1, from + i * step));
  };
  return build(0, 0);
}

export function flat(nested: Nested): number[] {
  return typeof nested === "number" ? [nested] : nested.flatMap(flat);
}

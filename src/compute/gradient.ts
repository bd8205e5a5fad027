import { usageError } from "../base/errors.ts";
import { topological } from "./graph.ts";
import * as ops from "./ops/index.ts";
import { reducedShape, sumTo } from "./ops/reduce.ts";
import { constant, fixed, type Shape, shapeText, type Tensor } from "./tensor.ts";

/**
 * Gradients of a scalar (shape []) with respect to tensors it is computed from, each of the shape of its tensor; zeros where it does not depend on one.
 * Reverse mode, written in the same operations, so that a gradient is an ordinary tensor: it can be run on any engine, combined
 * with others, and differentiated again. Conditions, indices and `stopGradient` let nothing through.
 */
export function grad(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (loss.shape.length !== 0 || loss.dtype !== "float")
    throw usageError(`grad: wants a float of shape [], got ${loss.dtype} ${shapeText(loss.shape)}; take its mean or sum first`);
  const order = topological([loss]);
  const needed = new Set<Tensor>(wrt);
  for (const x of order) if (x.op !== "stopGradient" && x.inputs.some((read) => needed.has(read))) needed.add(x);
  const flowing = new Map<Tensor, Tensor>([[loss, constant(1)]]);
  const slices = new Map<Tensor, Slice[]>();
  const flow = (to: Tensor, part: Tensor): void => {
    const before = flowing.get(to);
    flowing.set(to, before === undefined ? part : ops.add(before, part));
  };
  for (let i = order.length - 1; i >= 0; i--) {
    const x = order[i];
    // All that reads x has been seen: its slices can be put together.
    for (const part of joined(x, slices.get(x) ?? [])) flow(x, part);
    const g = flowing.get(x);
    if (g === undefined || !needed.has(x) || x.inputs.length === 0) continue;
    if (x.op === "slice") {
      const [read] = x.inputs;
      slices.set(read, [...(slices.get(read) ?? []), { ...x.attributes, g: full(g, x) }]);
      continue;
    }
    backward(x, g, (k) => needed.has(x.inputs[k])).forEach((part, k) => {
      if (part !== undefined && needed.has(x.inputs[k])) flow(x.inputs[k], part);
    });
  }
  return wrt.map((x) => ops.broadcastTo(flowing.get(x) ?? constant(0), x.shape));
}

type Parts = (Tensor | undefined)[];

/** What flows back through a slice of an axis. */
interface Slice {
  readonly axis: number;
  readonly from: number;
  readonly to: number;
  readonly g: Tensor;
}

/** Gradients of slices of x in the shape of x: those that lie side by side are joined, which takes less than adding each, padded, to the rest. */
function joined(x: Tensor, slices: readonly Slice[]): Tensor[] {
  const results: Tensor[] = [];
  let waiting = slices.toSorted((a, b) => a.axis - b.axis || a.from - b.from);
  while (waiting.length > 0) {
    const { axis } = waiting[0];
    const row: Slice[] = [];
    const rest: Slice[] = [];
    for (const one of waiting) (one.axis === axis && one.from >= (row.at(-1)?.to ?? 0) ? row : rest).push(one);
    results.push(laid(x, axis, row));
    waiting = rest;
  }
  return results;
}

/** Disjoint slices of an axis in ascending order, with zeros in the gaps. */
function laid(x: Tensor, axis: number, row: readonly Slice[]): Tensor {
  const length = fixed(x.shape[axis], "gradient of slice");
  if (row.length === 1) return ops.pad(row[0].g, axis, row[0].from, length - row[0].to);
  const parts: Tensor[] = [];
  let at = 0;
  const fill = (to: number): void => {
    const shape = x.shape.map((dim, i) => (i === axis ? to - at : dim));
    if (to > at) parts.push(ops.broadcastTo(constant(0), shape));
  };
  for (const { from, to, g } of row) {
    fill(from);
    parts.push(g);
    at = to;
  }
  fill(length);
  return ops.concat(parts, axis);
}

/** What flows back to each operand of `y` when `g` (stretching to y's shape) flows into it. */
function backward(y: Tensor, g: Tensor, wants: (operand: number) => boolean): Parts {
  const [a, b] = y.inputs;
  switch (y.op) {
    case "neg":
      return [ops.neg(g)];
    case "abs":
      return [ops.mul(g, ops.sign(a))];
    case "exp":
      return [ops.mul(g, y)];
    case "log":
      return [ops.div(g, a)];
    case "sqrt":
      return [ops.div(ops.mul(g, 0.5), y)];
    case "reciprocal":
      return [ops.neg(ops.mul(g, ops.square(y)))];
    case "tanh":
      return [ops.mul(g, ops.sub(1, ops.square(y)))];
    case "sigmoid":
      return [ops.mul(g, ops.mul(y, ops.sub(1, y)))];
    case "relu":
      // A comparison, as engines are slow at signs.
      return [gate(g, ops.less(0, y))];
    case "elu":
      return [ops.mul(g, ops.eluSlope(a))];
    case "eluSlope":
      return [ops.mul(gate(g, ops.less(a, 0)), y)];
    case "softplus":
      return [ops.mul(g, ops.sigmoid(a))];
    case "pow":
      return [ops.mul(g, ops.mul(ops.pow(a, y.attributes.exponent - 1), y.attributes.exponent))];
    case "cast":
      return a.dtype === "float" && y.dtype === "float" ? [g] : [undefined];
    case "add":
      return [fit(g, y, a), fit(g, y, b)];
    case "sub":
      return [fit(g, y, a), wants(1) ? fit(ops.neg(g), y, b) : undefined];
    case "mul":
      return [wants(0) ? fit(ops.mul(g, b), y, a) : undefined, wants(1) ? fit(ops.mul(g, a), y, b) : undefined];
    case "div":
      return [wants(0) ? fit(ops.div(g, b), y, a) : undefined, wants(1) ? fit(ops.neg(ops.mul(g, ops.div(y, b))), y, b) : undefined];
    case "maximum":
      return [wants(0) ? fit(gate(g, ops.lessEqual(b, a)), y, a) : undefined, wants(1) ? fit(gate(g, ops.less(a, b)), y, b) : undefined];
    case "minimum":
      return [wants(0) ? fit(gate(g, ops.lessEqual(a, b)), y, a) : undefined, wants(1) ? fit(gate(g, ops.less(b, a)), y, b) : undefined];
    case "select":
      return [undefined, fit(ops.select(a, g, 0), y, b), fit(ops.select(a, 0, g), y, y.inputs[2])];
    case "sum":
    case "mean":
    case "max":
      return [reduction(y, full(g, y), a)];
    case "softmax":
      return [ops.mul(y, ops.sub(full(g, y), ops.sum(ops.mul(full(g, y), y), -1, { keep: true })))];
    case "logSoftmax":
      return [ops.sub(full(g, y), ops.mul(ops.exp(y), ops.sum(full(g, y), -1, { keep: true })))];
    case "matmul":
      return product(y, full(g, y), y.attributes, wants);
    case "reshape":
      return [ops.reshape(full(g, y), a.shape)];
    case "transpose":
      return [ops.transpose(full(g, y), inverse(y.attributes.order))];
    case "broadcastTo":
      return [fit(g, y, a)];
    case "concat":
      return alongConcat(y, full(g, y), y.attributes.axis);
    case "pad": {
      const { axis, before } = y.attributes;
      return [ops.slice(full(g, y), axis, before, before + (a.shape[axis] as number))];
    }
    case "gather":
      return [ops.segmentSum(full(g, y), b, a.shape[0]), undefined];
    case "segmentSum":
      return [ops.gather(full(g, y), b), undefined];
    case "cumsum":
      return [ops.cumsum(full(g, y), y.attributes.axis, { reverse: !y.attributes.reverse })];
    default: // sign, comparisons, logic, stopGradient, leaves
      return y.inputs.map(() => undefined);
  }
}

const full = (g: Tensor, y: Tensor): Tensor => ops.broadcastTo(g, y.shape);

/** g stretches to y; back to the shape of an operand that was stretched to y. */
function fit(g: Tensor, y: Tensor, operand: Tensor): Tensor {
  const kept = operand.shape.length === y.shape.length && operand.shape.every((dim, i) => dim !== 1 || y.shape[i] === 1);
  return kept ? g : sumTo(full(g, y), operand.shape);
}

function gate(g: Tensor, condition: Tensor): Tensor {
  return ops.mul(g, ops.cast(condition, "float"));
}

function reduction(y: Tensor, g: Tensor, x: Tensor): Tensor {
  if (y.op !== "sum" && y.op !== "mean" && y.op !== "max") throw new Error("not a reduction");
  const { axes } = y.attributes;
  const kept: Shape = reducedShape(x.shape, axes, true);
  const spread = ops.reshape(g, kept);
  if (y.op === "sum") return ops.broadcastTo(spread, x.shape);
  if (y.op === "mean") {
    const count = ops.sizeOf(axes.map((axis) => x.shape[axis]));
    return ops.broadcastTo(ops.div(spread, count), x.shape);
  }
  const largest = ops.cast(ops.equal(x, ops.reshape(y, kept)), "float");
  return ops.mul(largest, ops.div(spread, ops.sum(largest, axes, { keep: true })));
}

function product(y: Tensor, g: Tensor, flags: { readonly transposeA: boolean; readonly transposeB: boolean }, wants: (operand: number) => boolean): Parts {
  const [a, b] = y.inputs;
  const { transposeA, transposeB } = flags;
  const toA = (): Tensor => (transposeA ? ops.matmul(b, g, { transposeA: transposeB, transposeB: true }) : ops.matmul(g, b, { transposeB: !transposeB }));
  const toB = (): Tensor => (transposeB ? ops.matmul(g, a, { transposeA: true, transposeB: transposeA }) : ops.matmul(a, g, { transposeA: !transposeA }));
  return [wants(0) ? sumTo(toA(), a.shape) : undefined, wants(1) ? sumTo(toB(), b.shape) : undefined];
}

function alongConcat(y: Tensor, g: Tensor, axis: number): Parts {
  let from = 0;
  return y.inputs.map((x) => {
    const size = fixed(x.shape[axis], "gradient of concat");
    from += size;
    return ops.slice(g, axis, from - size, from);
  });
}

function inverse(order: readonly number[]): number[] {
  const back: number[] = [];
  order.forEach((axis, i) => {
    back[axis] = i;
  });
  return back;
}

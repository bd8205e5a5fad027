import { usageError } from "../../base/errors.ts";
import { axisOf, constant, type Dim, node, product, type Shape, type Tensor } from "../tensor.ts";
import { add, div, equal, exp, log, mul, neg, reciprocal, select, sqrt, square, stopGradient, sub } from "./elementwise.ts";
import { broadcastTo, reshape } from "./shape.ts";

export interface ReduceOptions {
  /** Leave reduced axes in place with size 1. Defaults to false. */
  readonly keep?: boolean;
}
/** One axis or several; -1 is the last; all when left out. */
export type Axes = number | readonly number[] | undefined;

function reduce(op: "sum" | "mean" | "max", x: Tensor, over: Axes, options: ReduceOptions): Tensor {
  if (x.dtype !== "float") throw usageError(`${op}: wants a float operand, got ${x.dtype}; use cast(x, "float")`);
  const list = over === undefined ? x.shape.map((_, i) => i) : typeof over === "number" ? [over] : over;
  const axes = [...new Set(list.map((axis) => axisOf(axis, x.shape.length, op)))].toSorted((a, b) => a - b);
  const keep = options.keep ?? false;
  if (axes.length === 0) return x;
  if (axes.every((axis) => x.shape[axis] === 1)) return keep ? x : reshape(x, reducedShape(x.shape, axes, false));
  return node(op, [x], { axes, keep }, reducedShape(x.shape, axes, keep));
}

export function reducedShape(shape: Shape, axes: readonly number[], keep: boolean): Shape {
  if (keep) return shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
  return shape.filter((_, i) => !axes.includes(i));
}

export const sum = (x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor => reduce("sum", x, axes, options);
export const mean = (x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor => reduce("mean", x, axes, options);
/** Largest value; where several are equal, the gradient is shared among them. */
export const max = (x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor => reduce("max", x, axes, options);
export const min = (x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor => neg(max(neg(x), axes, options));

/** Number of elements of a shape, as a float of shape []: follows the batch. */
export function sizeOf(shape: Shape | Dim): Tensor {
  const list = Array.isArray(shape) ? (shape as Shape) : [shape as Dim];
  const { factor, symbols } = product(list);
  return symbols.length === 0 ? constant(factor) : node("size", [], { of: list }, []);
}

/** log(sum(exp(x))), without overflow. */
export function logSumExp(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const top = stopGradient(max(x, axes, { keep: true }));
  const rest = log(sum(exp(sub(x, top)), axes, { keep: true }));
  const kept = add(rest, top);
  if (options.keep ?? false) return kept;
  return reshape(kept, sum(x, axes).shape);
}

/** Over the last axis. */
export const softmax = (x: Tensor): Tensor => node("softmax", [x], {}, x.shape);
/** log(softmax(x)) over the last axis, exact where the softmax itself would round to 0. */
export const logSoftmax = (x: Tensor): Tensor => node("logSoftmax", [x], {}, x.shape);

/** sum(x w) / sum(w), 0 when every weight is 0; the mean of x when there are no weights. `w` has the shape of `x`, or stretches to it. */
export function weightedMean(x: Tensor, w?: Tensor): Tensor {
  if (w === undefined) return mean(x);
  const total = sum(broadcastTo(w, x.shape));
  return div(sum(mul(x, w)), select(equal(total, 0), 1, total));
}

/** Mean 0 and variance 1 over the last axis, before any learned scale: (x - mean) / sqrt(variance + epsilon). */
export function standardise(x: Tensor, epsilon = 1e-5): Tensor {
  const centred = sub(x, mean(x, -1, { keep: true }));
  // Multiplied by one number a row: its gradient takes fewer passes than that of a division.
  return mul(centred, reciprocal(sqrt(add(mean(square(centred), -1, { keep: true }), epsilon))));
}

/** Sum over axes by which `x` was stretched from `shape`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const lead = x.shape.length - shape.length;
  const axes = x.shape.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && x.shape[i] !== 1));
  return axes.length === 0 ? x : reshape(sum(x, axes), shape);
}

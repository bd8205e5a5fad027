import { usageError } from "../../base/errors.ts";
import { axisOf, broadcastShapes, type Dim, dimText, fixed, node, product, type Shape, sameDim, sameShape, shapeText, type Tensor } from "../tensor.ts";

/** The same elements in another shape; one size may be -1 and is worked out from the rest. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const target = shape.includes(-1) ? solveShape(x.shape, shape) : shape;
  const [from, to] = [product(x.shape), product(target)];
  if (from.factor !== to.factor || from.symbols.join() !== to.symbols.join())
    throw usageError(`reshape: ${shapeText(x.shape)} and ${shapeText(target)} do not hold the same number of elements`);
  if (sameShape(x.shape, target)) return x;
  return node("reshape", [x.op === "reshape" ? x.inputs[0] : x], {}, target, x.dtype);
}

function solveShape(from: Shape, to: Shape): Shape {
  const whole = product(from);
  const rest = product(to.filter((dim) => dim !== -1));
  const symbols = [...whole.symbols];
  for (const used of rest.symbols) {
    const at = symbols.indexOf(used);
    if (at >= 0) symbols.splice(at, 1);
  }
  const factor = whole.factor / rest.factor;
  if (symbols.length > 1 || !Number.isInteger(factor) || to.filter((dim) => dim === -1).length > 1)
    throw usageError(`reshape: cannot work out -1 in ${shapeText(to)} from ${shapeText(from)}`);
  const found: Dim = symbols.length === 0 ? factor : { symbol: symbols[0], factor };
  return to.map((dim) => (dim === -1 ? found : dim));
}

/** A new axis of size 1 before `axis`; -1 puts it last. */
export function expand(x: Tensor, axis: number): Tensor {
  const at = axisOf(axis, x.shape.length + 1, "expand");
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Without the axis, which must have size 1. */
export function squeeze(x: Tensor, axis: number): Tensor {
  const at = axisOf(axis, x.shape.length, "squeeze");
  return reshape(x, [...x.shape.slice(0, at), ...x.shape.slice(at + 1)]);
}

/** Axes in a new order; reversed when left out. */
export function transpose(x: Tensor, order?: readonly number[]): Tensor {
  const list = order ?? x.shape.map((_, i) => x.shape.length - 1 - i);
  if (list.length !== x.shape.length || list.toSorted((a, b) => a - b).some((axis, i) => axis !== i))
    throw usageError(`transpose: order must name each of the ${x.shape.length} axes once, got [${list.join(", ")}]`);
  if (list.every((axis, i) => axis === i)) return x;
  return node(
    "transpose",
    [x],
    { order: list },
    list.map((axis) => x.shape[axis]),
    x.dtype,
  );
}

export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (!sameShape(broadcastShapes("broadcastTo", x.shape, shape), shape))
    throw usageError(`broadcastTo: ${shapeText(x.shape)} does not stretch to ${shapeText(shape)}`);
  return node("broadcastTo", [x], {}, shape, x.dtype);
}

/** Tensors laid end to end along an axis; all other sizes are equal. */
export function concat(tensors: readonly Tensor[], axis = -1): Tensor {
  if (tensors.length === 0) throw usageError("concat: needs at least one tensor");
  if (tensors.length === 1) return tensors[0];
  const first = tensors[0];
  const at = axisOf(axis, first.shape.length, "concat");
  for (const x of tensors)
    if (x.shape.length !== first.shape.length || x.dtype !== first.dtype || x.shape.some((dim, i) => i !== at && !sameDim(dim, first.shape[i])))
      throw usageError(`concat: shapes ${tensors.map((t) => shapeText(t.shape)).join(", ")} differ in another axis than ${at}`);
  return node(
    "concat",
    tensors,
    { axis: at },
    first.shape.map((dim, i) => (i === at ? sumDims(tensors.map((x) => x.shape[at])) : dim)),
    first.dtype,
  );
}

function sumDims(dims: readonly Dim[]): Dim {
  if (dims.every((dim) => typeof dim === "number")) return dims.reduce((total, dim) => total + dim, 0);
  const symbols = new Set(dims.map((dim) => (typeof dim === "number" ? "" : dim.symbol)));
  if (symbols.size > 1) throw usageError(`concat: cannot add the sizes ${dims.map(dimText).join(" and ")}`);
  const [name] = symbols;
  return { symbol: name, factor: dims.reduce<number>((total, dim) => total + (typeof dim === "number" ? 0 : dim.factor), 0) };
}

/** Equal shapes, side by side along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  return concat(
    tensors.map((x) => expand(x, axis)),
    axis < 0 ? axis : axis,
  );
}

/** Entries `from` (included) to `to` (excluded) of an axis of fixed size. */
export function slice(x: Tensor, axis: number, from: number, to: number): Tensor {
  const at = axisOf(axis, x.shape.length, "slice");
  const length = fixed(x.shape[at], "slice");
  if (!(from >= 0 && from < to && to <= length)) throw usageError(`slice: ${from} .. ${to} is not a part of axis ${at} of ${shapeText(x.shape)}`);
  if (from === 0 && to === length) return x;
  return node(
    "slice",
    [x],
    { axis: at, from, to },
    x.shape.map((dim, i) => (i === at ? to - from : dim)),
    x.dtype,
  );
}

/** One entry of an axis, and the axis gone. */
export function take(x: Tensor, axis: number, index: number): Tensor {
  return squeeze(slice(x, axis, index, index + 1), axis);
}

/** Parts of an axis with these sizes, in order. */
export function split(x: Tensor, sizes: readonly number[], axis = -1): Tensor[] {
  let from = 0;
  return sizes.map((size) => {
    from += size;
    return slice(x, axis, from - size, from);
  });
}

/** Zeros before and after an axis of fixed size. */
export function pad(x: Tensor, axis: number, before: number, after: number): Tensor {
  const at = axisOf(axis, x.shape.length, "pad");
  const length = fixed(x.shape[at], "pad");
  if (before === 0 && after === 0) return x;
  return node(
    "pad",
    [x],
    { axis: at, before, after },
    x.shape.map((dim, i) => (i === at ? before + length + after : dim)),
  );
}

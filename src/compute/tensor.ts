import { usageError } from "../base/errors.ts";

/** `float` is float32 on every engine but the reference, which computes in float64; `int` is int32. */
export type DType = "float" | "int" | "bool";

/** A size that is known only when the graph runs: `factor` times what is bound to `symbol`, for example the rows of a batch. */
export interface Size {
  readonly symbol: string;
  readonly factor: number;
}
export type Dim = number | Size;
export type Shape = readonly Dim[];

/** What each primitive operation must be told besides its operands. */
export interface Attributes {
  input: { readonly name: string };
  /** `name` is what an exported file calls it. */
  constant: { readonly values: Float64Array | Int32Array; readonly name?: string };
  /** Number of elements of a shape, as a float: a count that follows the batch. */
  size: { readonly of: Shape };
  neg: None;
  abs: None;
  sign: None;
  exp: None;
  log: None;
  sqrt: None;
  reciprocal: None;
  tanh: None;
  sigmoid: None;
  relu: None;
  elu: None;
  eluSlope: None;
  softplus: None;
  cast: { readonly to: DType };
  not: None;
  stopGradient: None;
  add: None;
  sub: None;
  mul: None;
  div: None;
  maximum: None;
  minimum: None;
  pow: { readonly exponent: number };
  less: None;
  lessEqual: None;
  equal: None;
  and: None;
  or: None;
  select: None;
  sum: Reduction;
  mean: Reduction;
  max: Reduction;
  softmax: None;
  logSoftmax: None;
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean };
  reshape: None;
  transpose: { readonly order: readonly number[] };
  broadcastTo: None;
  concat: { readonly axis: number };
  slice: { readonly axis: number; readonly from: number; readonly to: number };
  pad: { readonly axis: number; readonly before: number; readonly after: number };
  gather: None;
  segmentSum: None;
  cumsum: { readonly axis: number; readonly reverse: boolean };
}
interface Reduction {
  /** Ascending. */
  readonly axes: readonly number[];
  readonly keep: boolean;
}
type None = Readonly<Record<never, never>>;
export type OpName = keyof Attributes;

/**
 * A value of the graph: what it is computed from, and its shape, which is known when the graph is built. Models look at `shape` and `dtype`
 * and combine tensors by the functions in `ops/`; the rest is for gradients and engines.
 */
export interface NodeOf<K extends OpName> {
  readonly op: K;
  readonly inputs: readonly Tensor[];
  readonly attributes: Attributes[K];
  readonly shape: Shape;
  readonly dtype: DType;
}
/** The union over all operations, so that `switch (node.op)` knows the attributes. */
export type Tensor = { [K in OpName]: NodeOf<K> }[OpName];
/** Where a number will do for a tensor of shape []. */
export type Operand = Tensor | number;

export function node<K extends OpName>(op: K, inputs: readonly Tensor[], attributes: Attributes[K], shape: Shape, dtype: DType = "float"): Tensor {
  return { op, inputs, attributes, shape, dtype } as unknown as Tensor;
}

/** A value that is given when the graph runs. Sizes may be symbols: `input("x", [batch("rows"), 25])`. */
export function input(name: string, shape: Shape, dtype: "float" | "int" = "float"): Tensor {
  return node("input", [], { name }, shape, dtype);
}

/** The size of a batch, bound when the graph runs. */
export function symbol(name: string): Size {
  return { symbol: name, factor: 1 };
}

/** Numbers known when the graph is built; a plain number has shape []. */
export function constant(values: number | ArrayLike<number>, shape?: readonly number[], dtype: "float" | "int" = "float"): Tensor {
  const list = typeof values === "number" ? [values] : values;
  const sizes = shape ?? (typeof values === "number" ? [] : [list.length]);
  const count = sizes.reduce((product, size) => product * size, 1);
  if (count !== list.length) throw usageError(`constant: shape ${shapeText(sizes)} holds ${count} numbers, got ${list.length}`);
  return node("constant", [], { values: dtype === "int" ? Int32Array.from(list) : Float64Array.from(list) }, sizes, dtype);
}

export function asTensor(value: Operand): Tensor {
  return typeof value === "number" ? constant(value) : value;
}

/** The value of a constant of one element, else undefined. */
export function scalarOf(tensor: Tensor): number | undefined {
  return tensor.op === "constant" && tensor.attributes.values.length === 1 ? tensor.attributes.values[0] : undefined;
}

export function sameDim(a: Dim, b: Dim): boolean {
  if (typeof a === "number" || typeof b === "number") return a === b;
  return a.symbol === b.symbol && a.factor === b.factor;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => sameDim(dim, b[i]));
}

/** `dim` repeated `count` times, as when two axes are made one. */
export function times(dim: Dim, count: number): Dim {
  return typeof dim === "number" ? dim * count : { symbol: dim.symbol, factor: dim.factor * count };
}

/** The size as a number. @throws LiftwiseError (usage) when it follows the batch. */
export function fixed(dim: Dim, where: string): number {
  if (typeof dim !== "number") throw usageError(`${where}: needs a size known when the graph is built, got ${dimText(dim)}`);
  return dim;
}

export function dimText(dim: Dim): string {
  if (typeof dim === "number") return String(dim);
  return dim.factor === 1 ? dim.symbol : `${dim.factor}*${dim.symbol}`;
}

export function shapeText(shape: Shape): string {
  return `[${shape.map(dimText).join(", ")}]`;
}

/** Axis counted from the front; -1 is the last. */
export function axisOf(axis: number, rank: number, where: string): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!(Number.isInteger(positive) && positive >= 0 && positive < rank)) throw usageError(`${where}: axis must lie in -${rank} .. ${rank - 1}, got ${axis}`);
  return positive;
}

/** The common shape of operands laid over each other from the last axis; a size of 1 (or an absent axis) stretches. */
export function broadcastShapes(where: string, ...shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    let dim: Dim = 1;
    for (const shape of shapes) {
      const at = i - rank + shape.length;
      if (at < 0 || sameDim(shape[at], 1) || sameDim(shape[at], dim)) continue;
      if (!sameDim(dim, 1)) throw usageError(`${where}: shapes ${shapes.map(shapeText).join(" and ")} do not fit over each other`);
      dim = shape[at];
    }
    return dim;
  });
}

/** Product of sizes as coefficient and sorted symbols. */
export function product(shape: Shape): { readonly factor: number; readonly symbols: readonly string[] } {
  const symbols: string[] = [];
  let factor = 1;
  for (const dim of shape) {
    factor *= typeof dim === "number" ? dim : dim.factor;
    if (typeof dim !== "number") symbols.push(dim.symbol);
  }
  return { factor, symbols: symbols.toSorted() };
}

/** Every size as a number, once the symbols are bound. */
export function bindShape(shape: Shape, bound: ReadonlyMap<string, number>): number[] {
  return shape.map((dim) => {
    if (typeof dim === "number") return dim;
    const value = bound.get(dim.symbol);
    if (value === undefined) throw usageError(`compute: no input says how large "${dim.symbol}" is`);
    return value * dim.factor;
  });
}

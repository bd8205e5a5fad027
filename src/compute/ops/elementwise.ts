import { usageError } from "../../base/errors.ts";
import { asTensor, broadcastShapes, constant, type DType, node, type Operand, type OpName, type Shape, sameShape, scalarOf, type Tensor } from "../tensor.ts";

type Unary = "neg" | "abs" | "sign" | "exp" | "log" | "sqrt" | "reciprocal" | "tanh" | "sigmoid" | "relu" | "elu" | "eluSlope" | "softplus";
type Binary = "add" | "sub" | "mul" | "div" | "maximum" | "minimum";

function want(where: OpName, dtype: DType, ...operands: readonly Tensor[]): void {
  for (const operand of operands)
    if (operand.dtype !== dtype) throw usageError(`${where}: wants ${dtype} operands, got ${operand.dtype}; use cast(x, "${dtype}")`);
}

function unary(op: Unary, x: Tensor): Tensor {
  want(op, "float", x);
  return node(op, [x], {}, x.shape);
}

// An operand that was stretched only to meet the other is taken as it was before.
function unstretched(x: Tensor, other: Shape, result: Shape): Tensor {
  if (x.op !== "broadcastTo") return x;
  const source = x.inputs[0];
  return sameShape(other, result) && source.shape.length <= result.length ? source : x;
}

function binary(op: Binary, left: Operand, right: Operand): Tensor {
  const a = asTensor(left);
  const b = asTensor(right);
  want(op, "float", a, b);
  const shape = broadcastShapes(op, a.shape, b.shape);
  const x = unstretched(a, b.shape, shape);
  const y = unstretched(b, x.shape, shape);
  return node(op, [x, y], {}, shape);
}

function compare(op: "less" | "lessEqual" | "equal", left: Operand, right: Operand): Tensor {
  const a = typeof left === "number" && typeof right !== "number" ? constant(left, [], right.dtype === "int" ? "int" : "float") : asTensor(left);
  const b = typeof right === "number" && typeof left !== "number" ? constant(right, [], left.dtype === "int" ? "int" : "float") : asTensor(right);
  if (a.dtype === "bool" || a.dtype !== b.dtype) throw usageError(`${op}: wants two float or two int operands, got ${a.dtype} and ${b.dtype}`);
  return node(op, [a, b], {}, broadcastShapes(op, a.shape, b.shape), "bool");
}

const isScalar = (x: Operand, value: number): boolean => (typeof x === "number" ? x === value : x.shape.length === 0 && scalarOf(x) === value);

export function add(a: Operand, b: Operand): Tensor {
  if (isScalar(b, 0)) return asTensor(a);
  if (isScalar(a, 0)) return asTensor(b);
  // Gradients of differences arrive so: one pass less.
  if (typeof b !== "number" && b.op === "neg") return binary("sub", a, b.inputs[0]);
  if (typeof a !== "number" && a.op === "neg") return binary("sub", b, a.inputs[0]);
  return binary("add", a, b);
}
export function sub(a: Operand, b: Operand): Tensor {
  return isScalar(b, 0) ? asTensor(a) : isScalar(a, 0) ? neg(asTensor(b)) : binary("sub", a, b);
}
export function mul(a: Operand, b: Operand): Tensor {
  if (isScalar(b, 1)) return asTensor(a);
  if (isScalar(a, 1)) return asTensor(b);
  return binary("mul", a, b);
}
export function div(a: Operand, b: Operand): Tensor {
  if (isScalar(b, 1)) return asTensor(a);
  return typeof b === "number" ? mul(a, 1 / b) : binary("div", a, b);
}
export const maximum = (a: Operand, b: Operand): Tensor => binary("maximum", a, b);
export const minimum = (a: Operand, b: Operand): Tensor => binary("minimum", a, b);

export function neg(x: Tensor): Tensor {
  return x.op === "neg" ? x.inputs[0] : unary("neg", x);
}
export const abs = (x: Tensor): Tensor => unary("abs", x);
/** -1, 0 or 1. */
export const sign = (x: Tensor): Tensor => unary("sign", x);
export const exp = (x: Tensor): Tensor => unary("exp", x);
export const log = (x: Tensor): Tensor => unary("log", x);
export const sqrt = (x: Tensor): Tensor => unary("sqrt", x);
export const reciprocal = (x: Tensor): Tensor => unary("reciprocal", x);
export const tanh = (x: Tensor): Tensor => unary("tanh", x);
/** 1 / (1 + exp(-x)). */
export const sigmoid = (x: Tensor): Tensor => unary("sigmoid", x);
export const relu = (x: Tensor): Tensor => unary("relu", x);
/** x where x > 0, else exp(x) - 1. */
export const elu = (x: Tensor): Tensor => unary("elu", x);
/** The derivative of elu at x: 1 where x > 0, else exp(x). */
export const eluSlope = (x: Tensor): Tensor => unary("eluSlope", x);
/** log(1 + exp(x)), without overflow. */
export const softplus = (x: Tensor): Tensor => unary("softplus", x);
/** log(sigmoid(x)), exact where the sigmoid itself would round to 0. */
export const logSigmoid = (x: Tensor): Tensor => neg(softplus(neg(x)));
export const square = (x: Tensor): Tensor => mul(x, x);

/** x to a fixed power; x must be positive unless the power is a whole number. */
export function pow(x: Tensor, exponent: number): Tensor {
  want("pow", "float", x);
  if (exponent === 1) return x;
  if (exponent === 2) return square(x);
  if (exponent === -1) return reciprocal(x);
  return exponent === 0.5 ? sqrt(x) : node("pow", [x], { exponent }, x.shape);
}

/** x held between `low` and `high`; the gradient is zero outside. */
export const clip = (x: Tensor, low: Operand, high: Operand): Tensor => minimum(maximum(x, low), high);

/** Conditions are never differentiated. */
export const less = (a: Operand, b: Operand): Tensor => compare("less", a, b);
export const lessEqual = (a: Operand, b: Operand): Tensor => compare("lessEqual", a, b);
export const greater = (a: Operand, b: Operand): Tensor => compare("less", b, a);
export const greaterEqual = (a: Operand, b: Operand): Tensor => compare("lessEqual", b, a);
export const equal = (a: Operand, b: Operand): Tensor => compare("equal", a, b);

export function not(a: Tensor): Tensor {
  want("not", "bool", a);
  return node("not", [a], {}, a.shape, "bool");
}
export function and(a: Tensor, b: Tensor): Tensor {
  want("and", "bool", a, b);
  return node("and", [a, b], {}, broadcastShapes("and", a.shape, b.shape), "bool");
}
export function or(a: Tensor, b: Tensor): Tensor {
  want("or", "bool", a, b);
  return node("or", [a, b], {}, broadcastShapes("or", a.shape, b.shape), "bool");
}

/** `yes` where the condition holds, else `no`. Both are computed everywhere: keep NaN out of the branch that is not taken. */
export function select(condition: Tensor, yes: Operand, no: Operand): Tensor {
  const a = asTensor(yes);
  const b = asTensor(no);
  want("select", "bool", condition);
  want("select", "float", a, b);
  return node("select", [condition, a, b], {}, broadcastShapes("select", condition.shape, a.shape, b.shape));
}

/** bool and int to float (0 and 1 for bool); a float becomes an int by dropping its fraction. */
export function cast(x: Tensor, to: DType): Tensor {
  return x.dtype === to ? x : node("cast", [x], { to }, x.shape, to);
}

/** The same value, through which no gradient flows. */
export const stopGradient = (x: Tensor): Tensor => node("stopGradient", [x], {}, x.shape, x.dtype);

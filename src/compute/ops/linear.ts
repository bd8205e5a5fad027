import { usageError } from "../../base/errors.ts";
import { broadcastShapes, type Dim, node, type Shape, sameDim, shapeText, type Tensor } from "../tensor.ts";
import { expand, reshape, squeeze } from "./shape.ts";

export interface MatmulOptions {
  /** Use the last two axes of a the other way round. Defaults to false. */
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/**
 * Matrix product over the last two axes, [.., m, k] x [.., k, n] -> [.., m, n]; the axes before stretch as in elementwise operations.
 * A vector is taken as one row (a) or one column (b), and the axis is dropped from the result.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = options;
  if (a.shape.length === 1) return squeeze(matmul(expand(a, 0), b, { transposeB }), -2);
  if (b.shape.length === 1) return squeeze(matmul(a, expand(b, -1), { transposeA }), -1);
  if (a.shape.length > 2 && b.shape.length === 2 && !transposeA && flattens(a.shape)) {
    const rows = a.shape.slice(0, -1);
    const flat = matmul(reshape(a, [-1, a.shape[a.shape.length - 1]]), b, { transposeB });
    return reshape(flat, [...rows, flat.shape[1]]);
  }
  const [m, ka] = lastTwo(a.shape, transposeA);
  const [kb, n] = lastTwo(b.shape, transposeB);
  if (a.dtype !== "float" || b.dtype !== "float" || !sameDim(ka, kb))
    throw usageError(`matmul: ${shapeText(a.shape)}${transposeA ? "'" : ""} and ${shapeText(b.shape)}${transposeB ? "'" : ""} do not fit`);
  const lead = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
  return node("matmul", [a, b], { transposeA, transposeB }, [...lead, m, n]);
}

function lastTwo(shape: Shape, swapped: boolean): [Dim, Dim] {
  const [p, q] = shape.slice(-2);
  return swapped ? [q, p] : [p, q];
}

// Rows can be made one axis when at most one of their sizes follows the batch.
function flattens(shape: Shape): boolean {
  return shape.slice(0, -1).filter((dim) => typeof dim !== "number").length <= 1;
}

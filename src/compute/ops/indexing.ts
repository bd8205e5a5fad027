import { usageError } from "../../base/errors.ts";
import { axisOf, constant, node, sameShape, shapeText, type Tensor } from "../tensor.ts";
import { cast, equal, mul } from "./elementwise.ts";
import { sum } from "./reduce.ts";
import { expand } from "./shape.ts";

/** Rows of a table: table [v, ..d] and indices [..i] (int, 0 .. v - 1) give [..i, ..d]. */
export function gather(table: Tensor, indices: Tensor): Tensor {
  if (indices.dtype !== "int" || table.shape.length === 0)
    throw usageError(`gather: wants a table with rows and int indices, got ${shapeText(table.shape)} and ${indices.dtype}`);
  return node("gather", [table, indices], {}, [...indices.shape, ...table.shape.slice(1)], table.dtype);
}

/** Sums of rows by segment: values [..i, ..d] and segments [..i] (int, 0 .. count - 1) give [count, ..d]; an empty segment is 0. */
export function segmentSum(values: Tensor, segments: Tensor, count: number | Tensor["shape"][number]): Tensor {
  const lead = segments.shape.length;
  if (segments.dtype !== "int" || lead === 0 || !sameShape(values.shape.slice(0, lead), segments.shape))
    throw usageError(`segmentSum: segments ${shapeText(segments.shape)} (int) must be the leading axes of values ${shapeText(values.shape)}`);
  return node("segmentSum", [values, segments], {}, [count, ...values.shape.slice(lead)]);
}

/** 1 at the index and 0 elsewhere along a new last axis; an index outside 0 .. depth - 1 gives zeros only. */
export function oneHot(indices: Tensor, depth: number): Tensor {
  const classes = constant(
    Array.from({ length: depth }, (_, i) => i),
    [depth],
    "int",
  );
  return cast(equal(expand(indices, -1), classes), "float");
}

/** The entry of the last axis that each index names: x [..i, n] and indices [..i] give [..i]. */
export function pick(x: Tensor, indices: Tensor): Tensor {
  return sum(mul(x, oneHot(indices, x.shape[x.shape.length - 1] as number)), -1);
}

/** Running sum along an axis; from the end when `reverse`. */
export function cumsum(x: Tensor, axis = -1, options: { readonly reverse?: boolean } = {}): Tensor {
  return node("cumsum", [x], { axis: axisOf(axis, x.shape.length, "cumsum"), reverse: options.reverse ?? false }, x.shape);
}

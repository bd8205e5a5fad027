import {
  add,
  and,
  cast,
  div,
  equal,
  exp,
  expand,
  less,
  log,
  logSumExp,
  matmul,
  maximum,
  mul,
  neg,
  select,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
} from "../ops/index.ts";
import type { Tensor } from "../tensor.ts";

// How far the representations of two groups of rows lie apart (an integral probability metric): h [rows, d] and, for each row, whether it
// is in the first group (1) or the second (0), float [rows]. All are 0 when a group has no row in the batch.

/** Shares of the members, adding up to one; all zero when there is none. */
function share(member: Tensor): Tensor {
  const total = sum(member);
  return div(member, select(equal(total, 0), 1, total));
}

/** Shares of the rows in each group, and 1 when both have rows. */
function shares(inFirst: Tensor): { first: Tensor; second: Tensor; both: Tensor } {
  const second = sub(1, inFirst);
  const present = cast(and(less(0, sum(inFirst)), less(0, sum(second))), "float");
  return { first: share(inFirst), second: share(second), both: present };
}

/** Squared distance between the groups' means: maximum mean discrepancy with a linear kernel (Gretton2012). */
export function linearMmd(h: Tensor, inFirst: Tensor): Tensor {
  const { first, second, both } = shares(inFirst);
  return mul(both, sum(square(sum(mul(h, expand(sub(first, second), -1)), 0))));
}

/** Squared distances between all pairs of rows: [rows, rows]. */
export function squaredDistances(h: Tensor): Tensor {
  const own = sum(square(h), -1);
  const crossed = matmul(h, h, { transposeB: true });
  // Rounding may leave a distance of a row to itself just below zero.
  return maximum(sub(add(expand(own, 1), expand(own, 0)), mul(crossed, 2)), 0);
}

/** Squared maximum mean discrepancy with the kernel exp(-|a - b|^2 / (2 width^2)) (Gretton2012, eq. 5, biased). Defaults to width 1. */
export function rbfMmd(h: Tensor, inFirst: Tensor, width = 1): Tensor {
  const { first, second, both } = shares(inFirst);
  const kernel = exp(mul(squaredDistances(h), -1 / (2 * width * width)));
  const sign = sub(first, second);
  return mul(both, sum(mul(sign, matmul(kernel, sign))));
}

export interface WassersteinOptions {
  /** Sharpness of the transport: the entropy weighs 1 / lambda of the mean cost. Defaults to 10. */
  readonly lambda?: number;
  /** Sinkhorn iterations. Defaults to 10. */
  readonly iterations?: number;
  /** Cost of moving a unit: the distance, or its square. Defaults to "distance". */
  readonly cost?: "distance" | "squared";
}

/**
 * Cost of moving one group's rows onto the other's by entropic optimal transport (Cuturi2013), iterated on logarithms. The plan is taken as fixed
 * when differentiating, which is exact at its optimum (Feydy2019).
 */
export function wasserstein(h: Tensor, inFirst: Tensor, options: WassersteinOptions = {}): Tensor {
  const { lambda = 10, iterations = 10, cost: kind = "distance" } = options;
  const { first, second, both } = shares(inFirst);
  const squared = squaredDistances(h);
  // The square root has no slope at zero: a row's distance to itself must not be differentiated.
  const cost = kind === "squared" ? squared : sqrt(maximum(squared, 1e-10));
  const fixedCost = stopGradient(cost);
  const pairs = mul(expand(first, 1), expand(second, 0));
  const meanCost = maximum(sum(mul(fixedCost, pairs)), 1e-10);
  const scaled = mul(fixedCost, div(lambda, meanCost));
  const logFirst = logShare(first);
  const logSecond = logShare(second);
  let f = mul(first, 0);
  let g = f;
  for (let i = 0; i < iterations; i++) {
    f = neg(logSumExp(sub(expand(add(g, logSecond), 0), scaled), 1));
    g = neg(logSumExp(sub(expand(add(f, logFirst), 1), scaled), 0));
  }
  const plan = stopGradient(exp(sub(add(expand(add(f, logFirst), 1), expand(add(g, logSecond), 0)), scaled)));
  return mul(both, sum(mul(plan, cost)));
}

// Rows of the other group have no mass: a logarithm so small that its exponential is zero.
function logShare(share: Tensor): Tensor {
  const absent = equal(share, 0);
  return select(absent, -1e4, log(select(absent, 1, share)));
}

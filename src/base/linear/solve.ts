import { CholeskyDecomposition, EigenvalueDecomposition, Matrix } from "ml-matrix";

/** Eigenvalues below this share of the largest count as zero: the columns behind them say nothing new. */
const negligible = 1e-10;

/** The x with A x = b, for a symmetric positive definite p x p matrix (row by row), or undefined when A is not positive definite. */
export function solveSpd(a: Float64Array, b: Float64Array): Float64Array | undefined {
  const p = b.length;
  if (p === 0) return new Float64Array(0);
  const cholesky = new CholeskyDecomposition(toMatrix(a, p));
  if (!cholesky.isPositiveDefinite()) return undefined;
  return Float64Array.from(cholesky.solve(Matrix.columnVector(b)).to1DArray());
}

/** The inverse of a symmetric positive definite p x p matrix (row by row), or undefined when it is not positive definite. */
export function inverseSpd(a: Float64Array): Float64Array | undefined {
  const p = Math.round(Math.sqrt(a.length));
  if (p === 0) return new Float64Array(0);
  const cholesky = new CholeskyDecomposition(toMatrix(a, p));
  if (!cholesky.isPositiveDefinite()) return undefined;
  return Float64Array.from(cholesky.solve(Matrix.eye(p)).to1DArray());
}

/** Eigenvalues of a symmetric matrix, largest first, and its orthonormal eigenvectors: vector k is `vectors[k * p] .. vectors[k * p + p - 1]`. */
export interface Spectrum {
  readonly values: Float64Array;
  readonly vectors: Float64Array;
  /** How many eigenvalues are not negligible (over 1e-10 of the largest). */
  readonly rank: number;
}

/** @param a symmetric positive semidefinite, p x p row by row */
export function spectrum(a: Float64Array): Spectrum {
  const p = Math.round(Math.sqrt(a.length));
  const values = new Float64Array(p);
  const vectors = new Float64Array(p * p);
  if (p === 0) return { values, vectors, rank: 0 };
  const evd = new EigenvalueDecomposition(toMatrix(a, p), { assumeSymmetric: true });
  const v = evd.eigenvectorMatrix;
  const order = Array.from(evd.realEigenvalues.keys()).sort((i, j) => evd.realEigenvalues[j] - evd.realEigenvalues[i]);
  order.forEach((from, k) => {
    values[k] = Math.max(0, evd.realEigenvalues[from]);
    for (let j = 0; j < p; j++) vectors[k * p + j] = v.get(j, from);
  });
  const rank = values[0] > 0 ? values.filter((value) => value > negligible * values[0]).length : 0;
  return { values, vectors, rank };
}

function toMatrix(a: Float64Array, p: number): Matrix {
  return Matrix.from1DArray(p, p, a as unknown as number[]);
}

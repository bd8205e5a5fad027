/** Rows read in one go, so that the columns of a block stay in the cache. */
const block = 2048;

/**
 * X'WX of p columns of n numbers, p x p row by row; without weights every row counts once.
 * Accumulated over blocks of rows: about five times as fast as multiplying matrices of rows.
 */
export function gram(columns: readonly Float64Array[], weight?: Float64Array): Float64Array {
  const p = columns.length;
  const g = new Float64Array(p * p);
  addGram(g, columns, columns[0]?.length ?? 0, weight);
  mirror(g, p);
  return g;
}

/** X'Wy of p columns: p sums. */
export function cross(columns: readonly Float64Array[], y: Float64Array, weight?: Float64Array): Float64Array {
  const product = new Float64Array(columns.length);
  addCross(product, columns, y, y.length, weight);
  return product;
}

/** Adds X'WX of the first `n` rows to the upper triangle of `g`. */
export function addGram(g: Float64Array, columns: readonly Float64Array[], n: number, weight?: Float64Array): void {
  const p = columns.length;
  const weighted = new Float64Array(weight === undefined ? 0 : Math.min(n, block));
  for (let start = 0; start < n; start += block) {
    const end = Math.min(n, start + block);
    for (let a = 0; a < p; a++) {
      let left = columns[a];
      let shift = start;
      if (weight !== undefined) {
        for (let i = start; i < end; i++) weighted[i - start] = left[i] * weight[i];
        left = weighted;
        shift = 0;
      }
      for (let b = a; b < p; b++) g[a * p + b] += dot(left, shift, columns[b], start, end - start);
    }
  }
}

/** Adds X'Wy of the first `n` rows to `product`. */
export function addCross(product: Float64Array, columns: readonly Float64Array[], y: Float64Array, n: number, weight?: Float64Array): void {
  for (let start = 0; start < n; start += block) {
    const length = Math.min(n, start + block) - start;
    let right = y;
    let shift = start;
    if (weight !== undefined) {
      right = new Float64Array(length);
      shift = 0;
      for (let i = 0; i < length; i++) right[i] = y[start + i] * weight[start + i];
    }
    for (let a = 0; a < columns.length; a++) product[a] += dot(columns[a], start, right, shift, length);
  }
}

/** Copies the upper triangle of a p x p matrix to the lower one. */
export function mirror(g: Float64Array, p: number): void {
  for (let a = 0; a < p; a++) for (let b = 0; b < a; b++) g[a * p + b] = g[b * p + a];
}

// Four sums side by side: additions need not wait for each other.
function dot(x: Float64Array, xStart: number, y: Float64Array, yStart: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += x[xStart + i] * y[yStart + i];
    s1 += x[xStart + i + 1] * y[yStart + i + 1];
    s2 += x[xStart + i + 2] * y[yStart + i + 2];
    s3 += x[xStart + i + 3] * y[yStart + i + 3];
  }
  for (; i < length; i++) s0 += x[xStart + i] * y[yStart + i];
  return s0 + s1 + (s2 + s3);
}

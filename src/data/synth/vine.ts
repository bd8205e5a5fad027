import type { Rng } from "../../base/rng.ts";

/**
 * d columns of n normal draws with mean 0, variance 1 and a random correlation matrix, by the C-vine method (Lewandowski2009, section 2):
 * every partial correlation is a Beta(shape, shape) draw on (-1, 1); the larger the shape, the weaker the correlations.
 */
export function correlatedNormals(n: number, d: number, shape: number, correlations: Rng, draws: Rng): Float64Array[] {
  const root = vineRoot(d, shape, correlations);
  const columns = Array.from({ length: d }, () => new Float64Array(n));
  // The order in the vine is random, so that no covariate is the root of it for every seed.
  const place = correlations.permutation(d);
  const z = new Float64Array(d);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) z[j] = draws.normal();
    for (let j = 0; j < d; j++) {
      let sum = 0;
      for (let k = 0; k <= j; k++) sum += root[j * d + k] * z[k];
      columns[place[j]][i] = sum;
    }
  }
  return columns;
}

/** Lower triangular L, d x d row by row, with L L' a random correlation matrix: row j holds the partial correlations of j given those before. */
export function vineRoot(d: number, shape: number, rng: Rng): Float64Array {
  const root = new Float64Array(d * d);
  for (let j = 0; j < d; j++) {
    let rest = 1;
    for (let k = 0; k < j; k++) {
      const partial = 2 * rng.beta(shape, shape) - 1;
      root[j * d + k] = partial * Math.sqrt(rest);
      rest *= 1 - partial * partial;
    }
    root[j * d + j] = Math.sqrt(rest);
  }
  return root;
}

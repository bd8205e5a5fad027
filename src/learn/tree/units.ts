/**
 * What the whole numbers of records and cells count. A gradient is a multiple of `g`, a curvature of `h`; both are powers of two, so that
 * going over is exact but for the rounding of digits below the unit: 2^-30 of the largest gradient.
 */
export interface Units {
  readonly g: number;
  readonly h: number;
  /** The second number of a cell is the sum of curvatures plus 2^countShift times the count of rows. */
  readonly countShift: number;
}

/** Units in which the sums over `rows` records cannot overflow 63 bits. @param mostG, mostH the largest |g| and h that will occur */
export function unitsFor(rows: number, mostG: number, mostH: number): Units {
  const countBits = Math.max(1, Math.ceil(Math.log2(rows + 1)));
  const curvatureBits = Math.min(30, 62 - 2 * countBits);
  return { g: unitBelow(mostG, 30), h: unitBelow(mostH, curvatureBits), countShift: Math.max(32, curvatureBits + countBits) };
}

/** The power of two that `most` is less than or equal to 2^bits times. */
export function unitBelow(most: number, bits: number): number {
  return most > 0 ? 2 ** (Math.ceil(Math.log2(most)) - bits) : 1;
}

/** A categorical field of a click: its vocabulary size is known, index 0 .. size - 1. */
export interface Field {
  readonly name: string;
  readonly size: number;
}

/** A list of earlier items, `length` indices a row, that shares the table of one of the ad fields. */
export interface SequenceField {
  readonly name: string;
  /** The ad field whose table the items are looked up in. */
  readonly table: string;
  readonly length: number;
}

/** What a conversion model reads of each click. Batches hold one column a field: int [rows], sequences int [rows, length], similarities float [rows, bins]. */
export interface ClickFields {
  readonly user: readonly Field[];
  /** Ad and context fields. */
  readonly ad: readonly Field[];
  readonly sequences: readonly SequenceField[];
  /** Cosine similarities of the ad to earlier items, as histograms (see `similarityHistogram`). */
  readonly similarities: readonly string[];
}

/** Bins of a similarity histogram: width 1/16 over (-1, 1). */
export const similarityBins = 32;

/**
 * log2(1 + count) of each of 32 bins of width 1/16: n rows of `length` cosines become n x 32. Cosines are clamped to +-0.999, as in the
 * official benchmark code; missing ones count nowhere.
 */
export function similarityHistogram(cosines: ArrayLike<number>, length: number): Float32Array {
  const rows = cosines.length / length;
  const histogram = new Float32Array(rows * similarityBins);
  for (let i = 0; i < rows; i++) similarityRow(cosines, i * length, (i + 1) * length, histogram, i * similarityBins);
  return histogram;
}

const logarithms: number[] = [0];

/** The histogram of the cosines `from` .. `to`, into the 32 zeros of `out` at `at`. */
export function similarityRow(cosines: ArrayLike<number>, from: number, to: number, out: Float32Array, at: number): void {
  while (logarithms.length <= to - from) logarithms.push(Math.log2(1 + logarithms.length));
  for (let k = from; k < to; k++) {
    const cosine = cosines[k];
    if (Number.isNaN(cosine)) continue;
    const clamped = Math.min(0.999, Math.max(-0.999, cosine));
    out[at + Math.floor((clamped + 1) * (similarityBins / 2))]++;
  }
  for (let k = at; k < at + similarityBins; k++) out[k] = logarithms[out[k]];
}

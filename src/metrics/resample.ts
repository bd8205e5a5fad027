import type { Rng } from "../base/rng.ts";
import type { Dataset } from "../data/dataset.ts";

/** How rows are resampled; see resample.ts. */
export type ResampleKind = "half" | "poisson";

/** Who is drawn: rows, or whole groups where the data has them, since rows of one group are not independent. */
export interface Units {
  readonly count: number;
  /** Group of each row; undefined when every row is its own. */
  readonly of: Int32Array | undefined;
}

export function unitsOf(data: Dataset): Units {
  const groups = data.groups();
  return groups === undefined ? { count: data.rows, of: undefined } : { count: groups.count, of: groups.index };
}

/**
 * How often each row counts in one resample, written into `counts`.
 *
 * `half`: each unit with probability a half, once (the half-sample bootstrap of Yadlowsky2025 with a random size). `poisson`: each unit a
 * Poisson(1) number of times (Chamandy2012). Counts have a standard deviation as large as their mean in both, so for statistics that do not
 * change when all counts are doubled, the spread over resamples estimates the sampling error without a factor.
 */
export function drawCounts(kind: ResampleKind, units: Units, rng: Rng, counts: Uint8Array): void {
  const drawn = units.of === undefined ? counts : new Uint8Array(units.count);
  if (kind === "half") drawHalves(drawn, rng);
  else drawPoisson(drawn, rng);
  if (units.of !== undefined) for (let i = 0; i < counts.length; i++) counts[i] = drawn[units.of[i]];
}

function drawHalves(drawn: Uint8Array, rng: Rng): void {
  for (let i = 0; i < drawn.length; i += 32) {
    let bits = rng.uint32();
    for (const end = Math.min(drawn.length, i + 32), j = { at: i }; j.at < end; j.at++) {
      drawn[j.at] = bits & 1;
      bits >>>= 1;
    }
  }
}

const poissonCuts = poissonTable();

function poissonTable(): Float64Array {
  const cuts = new Float64Array(13);
  for (let k = 0, p = Math.exp(-1), sum = 0; k < cuts.length; p /= ++k) cuts[k] = (sum += p) * 4294967296;
  return cuts;
}

function drawPoisson(drawn: Uint8Array, rng: Rng): void {
  for (let i = 0; i < drawn.length; i++) {
    const u = rng.uint32();
    let k = 0;
    while (k < poissonCuts.length && u >= poissonCuts[k]) k++;
    drawn[i] = k;
  }
}

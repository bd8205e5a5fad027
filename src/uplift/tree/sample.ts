import type { Rng } from "../../base/rng.ts";

/**
 * Who is in which tree's sample, as a hash of tree and unit rather than a draw: it can be asked of any unit at any time, on any thread, so
 * that out-of-bag predictions need no record of the draws. Three independent digits of one hash decide three things.
 */
export interface SampleKey {
  readonly a: number;
  readonly b: number;
}

/** Two 32-bit words of a unit under a key: uniform, and unrelated between keys and between units. */
export function unitHash(key: SampleKey, unit: number): number {
  let h = Math.imul(unit ^ key.a, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul((h ^ (h >>> 15)) + key.b, 0x735a2d97);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Limit below which a share of all hashes lies. */
export function limitOf(share: number): number {
  return share >= 1 ? 4_294_967_296 : Math.round(share * 4_294_967_296);
}

/** So many columns, ascending, each set of them as likely. */
export function sampleColumns(p: number, count: number, rng: Rng): Int32Array {
  const all = Int32Array.from({ length: p }, (_, j) => j);
  if (count >= p) return all;
  for (let k = 0; k < count; k++) {
    const other = k + rng.int(p - k);
    [all[k], all[other]] = [all[other], all[k]];
  }
  return all.slice(0, count).toSorted();
}

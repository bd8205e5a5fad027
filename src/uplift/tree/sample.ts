import { Rng } from "../../base/rng.ts";
import type { ForestJob } from "./layout.ts";

/** How the units (rows, or clusters of them) of a tree are drawn. */
export interface Sampling {
  /** Share of units a tree is given, without replacement. */
  readonly share: number;
  /** Share of a tree's units that only estimate it; 0: it is estimated on the rows it is grown on. */
  readonly honest: number;
  /** Trees that draw from the same half of the units: a little bag (Athey2019, sec. 4.1); 1: every tree draws from all. `share` is at most a half where it is not 1. */
  readonly bag: number;
}

/**
 * Who is in which tree's sample is a hash of tree and unit rather than a draw, so that it can be asked of any unit at any time and on any
 * thread: out-of-bag predictions need no record of the draws.
 */
interface Key {
  readonly a: number;
  readonly b: number;
}

function keyOf(seed: readonly [number, number], label: string, index: number): Key {
  const rng = new Rng(seed).split(label, index);
  return { a: rng.uint32(), b: rng.uint32() };
}

/** Uniform on 0 .. 2^32 - 1, and unrelated between units and between keys. */
function hash({ a, b }: Key, unit: number): number {
  let h = Math.imul(unit ^ a, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul((h ^ (h >>> 15)) + b, 0x735a2d97);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 16)) >>> 0;
}

const limitOf = (share: number): number => (share >= 1 ? 4_294_967_296 : Math.round(share * 4_294_967_296));

/** Whether a unit is in a tree's sample. */
export function membership({ share, bag }: Sampling, seed: readonly [number, number], tree: number): (unit: number) => boolean {
  const own = keyOf(seed, "tree", tree);
  if (bag === 1) {
    const limit = limitOf(share);
    return (unit) => hash(own, unit) < limit;
  }
  const half = keyOf(seed, "bag", Math.floor(tree / bag));
  const limit = limitOf(2 * share);
  return (unit) => hash(half, unit) < 2_147_483_648 && hash(own, unit) < limit;
}

/** Puts a tree's rows into the job's lists; returns how many it is grown and estimated on. Rows without weight are in neither. */
export function drawRows(
  job: ForestJob,
  sampling: Sampling,
  seed: readonly [number, number],
  tree: number,
): { readonly grown: number; readonly estimated: number } {
  const isIn = membership(sampling, seed, tree);
  const estimate = keyOf(seed, "honest", tree);
  const estimates = limitOf(sampling.honest);
  let [grown, estimated] = [0, 0];
  for (let i = 0; i < job.layout.table.rows; i++) {
    const unit = job.unit === undefined ? i : job.unit[i];
    if (!isIn(unit) || job.isEmpty(i)) continue;
    if (sampling.honest > 0 && hash(estimate, unit) < estimates) job.estimation[estimated++] = i;
    else job.rows[grown++] = i;
  }
  return { grown, estimated };
}

/** So many columns, ascending, each set of them as likely. */
export function sampleColumns(p: number, count: number, rng: Rng): Int32Array {
  const all = new Int32Array(p);
  for (let j = 0; j < p; j++) all[j] = j;
  if (count >= p) return all;
  for (let k = 0; k < count; k++) {
    const other = k + rng.int(p - k);
    [all[k], all[other]] = [all[other], all[k]];
  }
  return all.slice(0, count).toSorted();
}

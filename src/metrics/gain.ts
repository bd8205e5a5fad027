import type { Curve } from "./contract.ts";
import type { Ranking } from "./ranking.ts";

/**
 * The two gain curves. Rows stand in descending order of score; k runs over the ends of the groups of tied scores; w is the row weight and
 * u = w / P(own arm), or w where the propensity is not known (a constant share cancels).
 *
 *   W = sum of w, T and C = sums of u over treated and control, A and B = sums of u y over treated and control, each over the top k
 *   uplift curve  U(k) = W / W_n * (A / T - B / C)      gain per unit of the population
 *   Qini curve    Q(k) = T / T_n * (A / T - B / C)      gain per treated unit: Radcliffe's A - B T / C over T_n (Radcliffe2007)
 *
 * Both run over x = W / W_n, from (0, 0) straight to the first k that has both arms, then straight from point to point, and end at the
 * average effect. So a constant score gives the straight line that stands for random targeting.
 */
export type GainKind = "uplift" | "qini";

export interface GainAreas {
  /** Area between curve and straight line, in units of the outcome. */
  readonly excess: number;
  /** Where the curve ends: difference of the (inverse-probability weighted) arm means. NaN when an arm is empty. */
  readonly effect: number;
}

/** One pass over the ranks. @param counts how often each row of the dataset counts */
export function gainAreas(r: Ranking, kind: GainKind, counts?: Uint8Array): GainAreas {
  const [W, T, C, A, B, area, , end] = walk(r, kind, counts);
  if (!(T > 0 && C > 0)) return { excess: Number.NaN, effect: Number.NaN };
  // The line is taken off before the scaling, so that a constant score leaves exactly nothing.
  const excess = (area - W * end) / 2 / W / (kind === "qini" ? T : W);
  return { excess, effect: A / T - B / C };
}

/**
 * The curve at these shares of the population; NaN when an arm is empty.
 * @param at ascending, within 0 .. 1
 */
export function gainCurveAt(r: Ranking, kind: GainKind, at: Float64Array, counts?: Uint8Array): Float64Array {
  const total = totalWeight(r, counts);
  const heights = new Float64Array(at.length).fill(Number.NaN);
  const [W, T, C, , , , , end, next] = walk(r, kind, counts, { x: at.map((share) => share * total), heights });
  if (!(T > 0 && C > 0)) return heights;
  // Shares that rounding puts past the last point belong to it.
  heights.fill(end, next);
  return heights.map((height) => height / (kind === "qini" ? T : W));
}

/** Where the curve is to be read off: cumulative weights, and room for the heights, all before scaling. */
interface Readings {
  readonly x: Float64Array;
  readonly heights: Float64Array;
}

/** The sums W, T, C, A, B, twice the area, weight and height of the last point, number of readings; area and heights are not scaled. */
function walk(r: Ranking, kind: GainKind, counts?: Uint8Array, readings?: Readings): Float64Array {
  const groups = r.ends.length;
  const sums = new Float64Array(9);
  for (let g = 0; g < groups; g += stretch) addGroups(r, kind === "qini", counts, readings, sums, g, Math.min(groups, g + stretch));
  return sums;
}

// Groups are walked in stretches, with the sums read one by one from a typed array: so the compiler knows them to be numbers and keeps them
// unboxed, which it does not in a loop it has to replace while it runs (measured: 7 against 20 ms for a million rows).
const stretch = 4096;

// Arms are told apart by a product with t, exact for 0 and 1: a branch would be guessed wrong for every other row.
function addGroups(
  r: Ranking,
  qini: boolean,
  counts: Uint8Array | undefined,
  readings: Readings | undefined,
  sums: Float64Array,
  from: number,
  to: number,
): void {
  const { row, ends, y, t, weight, inverse } = r;
  let W = sums[0];
  let T = sums[1];
  let C = sums[2];
  let A = sums[3];
  let B = sums[4];
  let area = sums[5];
  let lastX = sums[6];
  let lastY = sums[7];
  let k = from === 0 ? 0 : ends[from - 1];
  for (let g = from; g < to; g++) {
    for (const end = ends[g]; k < end; k++) {
      const m = counts === undefined ? 1 : counts[row[k]];
      const u = inverse === undefined ? m : m * inverse[k];
      W += weight === undefined ? m : m * weight[k];
      const treated = t[k] * u;
      T += treated;
      C += u - treated;
      A += treated * y[k];
      B += (u - treated) * y[k];
    }
    if (T > 0 && C > 0) {
      const height = (qini ? T : W) * (A / T - B / C);
      area += (W - lastX) * (height + lastY);
      if (readings !== undefined) sums[8] = readUpTo(readings, sums[8], W, height, lastX, lastY);
      lastX = W;
      lastY = height;
    }
  }
  sums.set([W, T, C, A, B, area, lastX, lastY]);
}

/** Reads the curve at all places up to W, on the line from the last point; returns how many have been read. */
function readUpTo({ x, heights }: Readings, read: number, W: number, height: number, lastX: number, lastY: number): number {
  let next = read;
  for (; next < x.length && x[next] <= W; next++) heights[next] = x[next] === W ? height : lastY + ((x[next] - lastX) / (W - lastX)) * (height - lastY);
  return next;
}

/** The curve at its own corners when there are fewer than `points` of them, else at `points` equally spaced shares from 0 to 1. */
export function gainCurve(r: Ranking, kind: GainKind, points: number = 101): Curve {
  const x = shares(r, points);
  return { x, y: gainCurveAt(r, kind, x) };
}

export function shares(r: Ranking, points: number): Float64Array {
  if (r.ends.length >= points) return Float64Array.from({ length: points }, (_, i) => i / (points - 1));
  const x = new Float64Array(r.ends.length + 1);
  const total = totalWeight(r);
  let W = 0;
  for (let g = 0, k = 0; g < r.ends.length; g++) {
    for (; k < r.ends[g]; k++) W += r.weight === undefined ? 1 : r.weight[k];
    x[g + 1] = W / total;
  }
  return x;
}

/** Says so when the average effect is to be divided by and is zero. */
export function divisionNote(r: Ranking, normalise: "none" | "effect"): readonly string[] {
  return normalise === "effect" && gainAreas(r, "uplift").effect === 0 ? ["the average effect is zero, so nothing can be divided by it"] : [];
}

function totalWeight({ row, weight }: Ranking, counts?: Uint8Array): number {
  if (weight === undefined && counts === undefined) return row.length;
  let total = 0;
  for (let k = 0; k < row.length; k++) {
    const m = counts === undefined ? 1 : counts[row[k]];
    total += weight === undefined ? m : m * weight[k];
  }
  return total;
}

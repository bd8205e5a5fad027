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
  /** Area between the uplift curve and its straight line, units of the outcome per unit of the population. */
  readonly uplift: number;
  /** Area between the Qini curve and its straight line, units of the outcome per treated unit. */
  readonly qini: number;
  /** Where both curves end: difference of the (inverse-probability weighted) arm means. NaN when an arm is empty. */
  readonly effect: number;
}

const latest = new WeakMap<Ranking, { readonly counts: Uint8Array | undefined; readonly areas: GainAreas }>();

/**
 * One pass over the ranks for both curves. The last answer is kept, since metrics are asked one after the other for the same resample.
 * @param counts how often each row of the dataset counts; not written to afterwards
 */
export function gainAreas(r: Ranking, counts?: Uint8Array): GainAreas {
  const kept = latest.get(r);
  if (kept !== undefined && kept.counts === counts) return kept.areas;
  const [W, T, C, A, B, areaU, areaQ, , endU, endQ] = walk(r, counts);
  const some = T > 0 && C > 0;
  // The line is taken off before the scaling, so that a constant score leaves exactly nothing.
  const uplift = some ? (areaU - W * endU) / 2 / W / W : Number.NaN;
  const qini = some ? (areaQ - W * endQ) / 2 / W / T : Number.NaN;
  const areas = { uplift, qini, effect: some ? A / T - B / C : Number.NaN };
  latest.set(r, { counts, areas });
  return areas;
}

/**
 * The curve at these shares of the population; NaN when an arm is empty.
 * @param at ascending, within 0 .. 1
 */
export function gainCurveAt(r: Ranking, kind: GainKind, at: Float64Array, counts?: Uint8Array): Float64Array {
  const total = totalWeight(r, counts);
  const heights = new Float64Array(at.length).fill(Number.NaN);
  const [W, T, C, , , , , , endU, endQ, next] = walk(r, counts, { qini: kind === "qini", x: at.map((share) => share * total), heights });
  if (!(T > 0 && C > 0)) return heights;
  // Shares that rounding puts past the last point belong to it.
  heights.fill(kind === "qini" ? endQ : endU, next);
  return heights.map((height) => height / (kind === "qini" ? T : W));
}

/** Where a curve is to be read off: cumulative weights, and room for the heights, all before scaling. */
interface Readings {
  readonly qini: boolean;
  readonly x: Float64Array;
  readonly heights: Float64Array;
}

/** W, T, C, A, B, twice the areas, weight and heights of the last point, number of readings; areas and heights are not scaled. */
function walk(r: Ranking, counts?: Uint8Array, readings?: Readings): Float64Array {
  const groups = r.ends.length;
  const sums = new Float64Array(11);
  for (let g = 0; g < groups; g += stretch) addGroups(r, counts, readings, sums, g, Math.min(groups, g + stretch));
  return sums;
}

// Groups are walked in stretches, with the sums read one by one from a typed array: so the compiler knows them to be numbers and keeps them
// unboxed, which it does not in a loop it has to replace while it runs (measured: 7 against 20 ms for a million rows).
const stretch = 4096;

// Arms are told apart by a product with t, exact for 0 and 1: a branch would be guessed wrong for every other row.
function addGroups(r: Ranking, counts: Uint8Array | undefined, readings: Readings | undefined, sums: Float64Array, from: number, to: number): void {
  const { row, ends, y, t, weight, inverse } = r;
  let W = sums[0];
  let T = sums[1];
  let C = sums[2];
  let A = sums[3];
  let B = sums[4];
  let areaU = sums[5];
  let areaQ = sums[6];
  let lastX = sums[7];
  let lastU = sums[8];
  let lastQ = sums[9];
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
      const effect = A / T - B / C;
      const heightU = W * effect;
      const heightQ = T * effect;
      areaU += (W - lastX) * (heightU + lastU);
      areaQ += (W - lastX) * (heightQ + lastQ);
      if (readings !== undefined)
        sums[10] = readings.qini ? readUpTo(readings, sums[10], W, heightQ, lastX, lastQ) : readUpTo(readings, sums[10], W, heightU, lastX, lastU);
      lastX = W;
      lastU = heightU;
      lastQ = heightQ;
    }
  }
  sums.set([W, T, C, A, B, areaU, areaQ, lastX, lastU, lastQ]);
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
  return normalise === "effect" && gainAreas(r).effect === 0 ? ["the average effect is zero, so nothing can be divided by it"] : [];
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

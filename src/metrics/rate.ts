import type { Curve } from "./contract.ts";
import { shares } from "./gain.ts";
import type { Ranking } from "./ranking.ts";

/**
 * Rank-weighted average treatment effects (Yadlowsky2025). The score of row i is doubly robust with the arm means as outcome model, and
 * inverse-probability weights that are scaled to sum to one in each arm:
 *
 *   m1, m0 = u-weighted arm means        s_i = w_i (m1 - m0) / W_n + t_i u_i (y_i - m1) / T_n - (1 - t_i) u_i (y_i - m0) / C_n
 *
 * with w, u, W, T, C as in gain.ts. S(q) is the sum of s over the top share q, straight within a group of tied scores, so S(1) is the average
 * effect. TOC(q) = S(q) / q - S(1): how much larger the effect is among the top share than on average. Adding a constant to all outcomes
 * changes nothing, which is not so for bare inverse-probability scores.
 */
interface ArmMeans {
  readonly W: number;
  readonly T: number;
  readonly C: number;
  readonly m1: number;
  readonly m0: number;
}

function armMeans(r: Ranking, counts?: Uint8Array): ArmMeans {
  const { row, y, t, weight, inverse } = r;
  let W = 0;
  let T = 0;
  let C = 0;
  let A = 0;
  let B = 0;
  for (let k = 0; k < row.length; k++) {
    const m = counts === undefined ? 1 : counts[row[k]];
    const u = inverse === undefined ? m : m * inverse[k];
    W += weight === undefined ? m : m * weight[k];
    const treated = t[k] * u;
    T += treated;
    C += u - treated;
    A += treated * y[k];
    B += (u - treated) * y[k];
  }
  return { W, T, C, m1: A / T, m0: B / C };
}

/** AUTOC: the integral of TOC(q) over q, exactly, by pieces. The QINI weighting: of q TOC(q), the area between S and its straight line. */
export function rate(r: Ranking, weighting: "autoc" | "qini", counts?: Uint8Array): number {
  const means = armMeans(r, counts);
  if (!(means.T > 0 && means.C > 0)) return Number.NaN;
  const groups = r.ends.length;
  const sums = new Float64Array(3);
  for (let g = 0; g < groups; g += stretch) addGroups(r, weighting === "autoc", counts, means, sums, g, Math.min(groups, g + stretch));
  const [area, , s] = sums;
  return weighting === "autoc" ? area - s : area - s / 2;
}

// See gain.ts.
const stretch = 4096;

/** Adds the groups from .. to - 1 to the running area, weight x and cumulative effect s. */
function addGroups(r: Ranking, autoc: boolean, counts: Uint8Array | undefined, means: ArmMeans, sums: Float64Array, from: number, to: number): void {
  const { row, ends, y, t, weight, inverse } = r;
  const { W, T, C, m1, m0 } = means;
  let area = sums[0];
  let x = sums[1];
  let s = sums[2];
  let k = from === 0 ? 0 : ends[from - 1];
  for (let g = from; g < to; g++) {
    let dx = 0;
    let up = 0;
    let down = 0;
    for (const end = ends[g]; k < end; k++) {
      const m = counts === undefined ? 1 : counts[row[k]];
      const u = inverse === undefined ? m : m * inverse[k];
      dx += weight === undefined ? m : m * weight[k];
      const treated = t[k] * u;
      up += treated * (y[k] - m1);
      down += (u - treated) * (y[k] - m0);
    }
    if (dx === 0) continue;
    const ds = (dx / W) * (m1 - m0) + up / T - down / C;
    if (!autoc) area += (dx / W) * (s + ds / 2);
    // Within a group S is the line s + slope (q - x): the integral of S / q over it, free of cancellation for small steps.
    else if (x === 0) area += ds;
    else area += ds + (s - (ds / dx) * x) * Math.log1p(dx / x);
    x += dx;
    s += ds;
  }
  sums.set([area, x, s]);
}

/** TOC at these shares (0 stands for its limit: the effect of the first group less the average). */
export function tocAt(r: Ranking, at: Float64Array, counts?: Uint8Array): Float64Array {
  const { row, ends, y, t, weight, inverse } = r;
  const { W, T, C, m1, m0 } = armMeans(r, counts);
  const toc = new Float64Array(at.length).fill(Number.NaN);
  if (!(T > 0 && C > 0)) return toc;
  const effect = m1 - m0;
  let x = 0;
  let s = 0;
  let k = 0;
  let next = 0;
  for (let g = 0; g < ends.length && next < at.length; g++) {
    let dx = 0;
    let up = 0;
    let down = 0;
    for (const end = ends[g]; k < end; k++) {
      const m = counts === undefined ? 1 : counts[row[k]];
      const u = inverse === undefined ? m : m * inverse[k];
      dx += weight === undefined ? m : m * weight[k];
      const treated = t[k] * u;
      up += treated * (y[k] - m1);
      down += (u - treated) * (y[k] - m0);
    }
    if (dx === 0) continue;
    const step = dx / W;
    const ds = step * effect + up / T - down / C;
    for (; next < at.length && at[next] <= x + step; next++)
      toc[next] = at[next] === 0 ? ds / step - effect : (s + (ds / step) * (at[next] - x)) / at[next] - effect;
    x += step;
    s += ds;
  }
  toc.fill(0, next);
  return toc;
}

export function tocCurve(r: Ranking, points: number = 101): Curve {
  const x = shares(r, points);
  return { x, y: tocAt(r, x) };
}

import type { LeverGrid } from "../../data/levers.ts";
import type { RankLoadings } from "../../model/contract.ts";
import { type SurfaceLayout, surfaceWidth } from "./surface.ts";

/**
 * What each rank is made of, averaged over units. The part of a lever in a synergy rank is its gate relative to that at its top level, and the loading how
 * much of it is shut at the baseline: a lever with loading 0 does not matter to the rank, without one of loading 1 the rank is nothing. In a substitution
 * rank the part is what the lever pours in, relative to the lever that pours in most, and the loading its part at the top. The strength is what the rank
 * gives with all levers at their top beyond the sum of what it gives to each alone.
 * @param unit numbers of each unit as `surfaceOf` reads them @param unitScale outcome per unit of the scale on which levers add up
 */
export function rankLoadings(layout: SurfaceLayout, { levers }: LeverGrid, unit: ArrayLike<number>, rows: number, unitScale: number): readonly RankLoadings[] {
  const { sizes, andRanks, orRanks, relative = false, norm } = layout;
  const width = surfaceWidth(layout);
  const levels = sizes.reduce((a, b) => a + b, 0);
  const starts = sizes.map((_, l) => sizes.slice(0, l).reduce((a, b) => a + b, 0));
  const tops = sizes.map((size, l) => starts[l] + size - 1);
  const of = (kind: RankLoadings["kind"], ranks: number, from: number, r: number): RankLoadings => {
    const part = new Float64Array(levels);
    let strength = 0;
    const gate = (score: number): number => (relative ? score : 1 / (1 + Math.exp(-score)));
    for (let i = 0; i < rows; i++) {
      const at = i * width + from;
      const own = Float64Array.from({ length: levels }, (_, k) => unit[at + ranks + k * ranks + r]);
      const scores = kind === "synergy" ? own.map(gate) : own;
      const whole = (which: (l: number) => boolean): number => {
        const used = scores.filter((_, k) => sizes.some((_, l) => k === (which(l) ? tops[l] : starts[l])));
        if (kind === "synergy") return used.reduce((product, u) => product * u, 1);
        return norm === undefined ? 1 - Math.exp(-used.reduce((sum, s) => sum + s, 0)) : used.reduce((sum, s) => sum + s ** norm, 0) ** (1 / norm);
      };
      const none = whole(() => false);
      const alone = sizes.reduce((sum, _, l) => sum + whole((m) => m === l) - none, 0);
      strength += (unit[at + r] * (whole(() => true) - none - alone)) / rows;
      for (let k = 0; k < levels; k++) part[k] += scores[k] / rows;
    }
    const most = Math.max(...tops.map((top) => part[top]), Number.MIN_VALUE);
    return {
      kind,
      strength: Math.abs(strength) * unitScale,
      levers: levers.map(({ column }, l) => {
        const own = [...part.subarray(starts[l], tops[l] + 1)].map((value) => value / (kind === "synergy" ? part[tops[l]] : most));
        return { lever: column, loading: kind === "synergy" ? 1 - own[0] : (own.at(-1) as number), levels: own };
      }),
    };
  };
  const first = 1 + levels;
  const second = first + (andRanks > 0 ? andRanks * (1 + levels) : 0);
  return [
    ...Array.from({ length: andRanks }, (_, r) => of("synergy", andRanks, first, r)),
    ...Array.from({ length: orRanks }, (_, r) => of("substitution", orRanks, second, r)),
  ];
}

import { moments } from "../base/stats/moments.ts";
import { normalQuantile } from "../base/stats/normal.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Curve } from "./contract.ts";
import { gainCurveAt, shares } from "./gain.ts";
import type { IntervalSettings } from "./interval.ts";
import type { Ranking } from "./ranking.ts";
import { tocAt } from "./rate.ts";
import { drawCounts, unitsOf } from "./resample.ts";
import { scored } from "./scored.ts";

/** Settings of the curves: resamples, level, points. */
export interface CurveSettings extends Partial<IntervalSettings> {
  /** The treated arm; needed when there are several. */
  readonly arm?: string;
  /** Most points; fewer distinct scores give a point each. Defaults to 101. */
  readonly points?: number;
}

/** Cumulative gain per unit of the population (gain.ts) over the share treated; with an `rng`, with a pointwise band. */
export function upliftCurve(prediction: Float64Array, data: Dataset, settings: CurveSettings = {}): Curve {
  return banded(prediction, data, settings, (r, at, counts) => gainCurveAt(r, "uplift", at, counts));
}

/** Cumulative gain per treated unit (gain.ts) over the share treated; with an `rng`, with a pointwise band. */
export function qiniCurve(prediction: Float64Array, data: Dataset, settings: CurveSettings = {}): Curve {
  return banded(prediction, data, settings, (r, at, counts) => gainCurveAt(r, "qini", at, counts));
}

/** Effect among the top share less the average effect (rate.ts) over that share; with an `rng`, with a pointwise band. */
export function tocCurve(prediction: Float64Array, data: Dataset, settings: CurveSettings = {}): Curve {
  return banded(prediction, data, settings, tocAt);
}

function banded(
  prediction: Float64Array,
  data: Dataset,
  settings: CurveSettings,
  heights: (r: Ranking, at: Float64Array, counts?: Uint8Array) => Float64Array,
): Curve {
  const { arm, points = 101, rng, replicates = 200, level = 0.95, resample = "half" } = settings;
  const { ranking } = scored(prediction, data, arm);
  const x = shares(ranking, points);
  const y = heights(ranking, x);
  if (rng === undefined) return { x, y };
  const draws = Array.from(x, () => new Float64Array(replicates));
  const counts = new Uint8Array(data.rows);
  const units = unitsOf(data);
  for (let b = 0; b < replicates; b++) {
    drawCounts(resample, units, rng.split("resample", b), counts);
    heights(ranking, x, counts.subarray()).forEach((height, i) => {
      draws[i][b] = height;
    });
  }
  const z = normalQuantile(0.5 + level / 2);
  const half = draws.map((values) => z * Math.sqrt(moments(values.filter(Number.isFinite)).variance));
  return { x, y, lower: y.map((height, i) => height - half[i]), upper: y.map((height, i) => height + half[i]) };
}

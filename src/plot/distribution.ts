import { drawable, emptyChart, extent, type Look, panels, type Spec } from "./spec.ts";
import { ink, rounded, seriesColor } from "./theme.ts";

/** Histogram of predicted effects, one panel an arm or model, with zero and the mean marked. */
export function distributionPlot(
  groups: readonly { readonly name: string; readonly values: ArrayLike<number> }[],
  look: Look & { readonly bins?: number; readonly xTitle?: string; readonly scale?: number } = {},
): Spec {
  const factor = look.scale ?? 1;
  const counted = groups
    .map((group) => ({ name: drawable(group.name), ...histogram(group.values, factor, look.bins ?? 48, rangeOf(groups, factor)) }))
    .filter((group) => group.count > 0);
  if (counted.length === 0) return emptyChart("No predicted effect is a number", look);
  const width = look.width ?? 620;
  const rows = counted.flatMap((group, k) => group.bars.map((bar) => ({ name: group.name, color: seriesColor(k), ...bar })));
  const names = counted.map((group) => group.name);
  const means = counted.map((group) => ({ name: group.name, mean: group.mean, text: `mean ${rounded(group.mean, 3, true)}` }));
  const x = { type: "quantitative", title: drawable(look.xTitle ?? "Predicted effect"), axis: { tickCount: 7 }, scale: { nice: false } };
  const values = rows.map((r): Spec => ({ ...r })).concat(means);
  return panels(look, `Distribution of predicted effects: ${means.map((m) => `${m.name}, ${m.text}`).join("; ")}`, {
    data: { values },
    facet: {
      row: { field: "name", type: "nominal", sort: names, title: null, header: { labelOrient: "top", labelAnchor: "start", labelAngle: 0, labelPadding: 4 } },
    },
    spacing: 12,
    spec: {
      width: width - 20,
      height: look.height ?? 90,
      layer: [
        {
          transform: [{ filter: "isValid(datum.share)" }],
          mark: { type: "bar", opacity: 0.8, aria: false },
          encoding: {
            x: { field: "from", ...x },
            x2: { field: "to" },
            y: { field: "share", type: "quantitative", title: null, axis: null },
            y2: { datum: 0 },
            color: { field: "color", type: "nominal", scale: null },
          },
        },
        { data: { values: [{ zero: 0 }] }, mark: { type: "rule", color: ink.text, aria: false }, encoding: { x: { field: "zero", type: "quantitative" } } },
        {
          transform: [{ filter: "isValid(datum.mean)" }],
          mark: { type: "rule", color: ink.soft, strokeDash: [4, 3], aria: false },
          encoding: { x: { field: "mean", type: "quantitative" } },
        },
        {
          transform: [{ filter: "isValid(datum.mean)" }],
          mark: { type: "text", align: "left", baseline: "bottom", dx: 4, aria: false },
          encoding: { x: { field: "mean", type: "quantitative" }, y: { value: 1 }, text: { field: "text" } },
        },
      ],
    },
  });
}

function rangeOf(groups: readonly { readonly values: ArrayLike<number> }[], factor: number): readonly [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const { values } of groups) {
    for (let i = 0; i < values.length; i++) {
      const v = values[i] * factor;
      if (v < low && v > Number.NEGATIVE_INFINITY) low = v;
      if (v > high && v < Number.POSITIVE_INFINITY) high = v;
    }
  }
  return extent([low, high]);
}

/** Counts in equal bins over `range`, as shares, and the mean; values that are not finite are left out. */
export function histogram(
  values: ArrayLike<number>,
  factor: number,
  bins: number,
  [low, high]: readonly [number, number],
): { readonly bars: readonly { readonly from: number; readonly to: number; readonly share: number }[]; readonly mean: number; readonly count: number } {
  const counts = new Float64Array(bins);
  const width = (high - low) / bins;
  let count = 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const v = values[i] * factor;
    if (!Number.isFinite(v)) continue;
    counts[Math.min(bins - 1, Math.max(0, Math.floor((v - low) / width)))]++;
    count++;
    sum += v;
  }
  return {
    bars: Array.from(counts, (c, k) => ({ from: low + k * width, to: low + (k + 1) * width, share: count === 0 ? 0 : c / count })),
    mean: sum / count,
    count,
  };
}

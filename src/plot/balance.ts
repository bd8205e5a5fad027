import { chart, drawable, emptyChart, extent, type Look, padded, type Spec } from "./spec.ts";
import { fixed, ink, rounded, seriesColor } from "./theme.ts";

/** Standardised mean difference of one feature (or one of its levels) between an arm and control. */
export interface Imbalance {
  readonly feature: string;
  readonly arm: string;
  readonly smd: number;
}

/** Balance of the features between the arms and control (a "love plot"): the largest difference on top, with lines at +-0.1. Austin2009. */
export function lovePlot(balance: readonly Imbalance[], look: Look & { readonly most?: number } = {}): Spec {
  const known = balance.filter((b) => Number.isFinite(b.smd)).map((b) => ({ feature: drawable(b.feature), arm: drawable(b.arm), smd: b.smd }));
  if (known.length === 0) return emptyChart("No feature to compare between the arms", look);
  const size = new Map<string, number>();
  for (const b of known) size.set(b.feature, Math.max(size.get(b.feature) ?? 0, Math.abs(b.smd)));
  const features = [...size.keys()].toSorted((a, b) => (size.get(b) ?? 0) - (size.get(a) ?? 0)).slice(0, look.most ?? 20);
  const shown = new Set(features);
  const arms = [...new Set(known.map((b) => b.arm))];
  const rows = known.filter((b) => shown.has(b.feature)).map((b) => ({ ...b, note: `${b.feature}, ${b.arm}: ${fixed(b.smd, 3, true)}` }));
  const domain = padded(
    extent(
      rows.map((r) => r.smd),
      [-0.12, 0.12],
    ),
    0.03,
  );
  const size1 = { width: 620, height: 80 + 21 * features.length };
  return chart(
    look,
    size1,
    `Standardised mean differences between arm and control; the largest is ${rounded(Math.max(...size.values()), 2)}, of ${features[0]}`,
    {
      data: { values: rows },
      layer: [
        {
          data: { values: [{ at: -0.1 }, { at: 0.1 }] },
          mark: { type: "rule", strokeDash: [4, 4], aria: false },
          encoding: { x: { field: "at", type: "quantitative" } },
        },
        { data: { values: [{ at: 0 }] }, mark: { type: "rule", color: ink.soft, aria: false }, encoding: { x: { field: "at", type: "quantitative" } } },
        {
          mark: { type: "point", filled: true, size: 62, opacity: 0.9 },
          encoding: {
            x: {
              field: "smd",
              type: "quantitative",
              title: "Standardised mean difference, arm minus control",
              scale: { domain, nice: false },
              axis: { tickCount: 7 },
            },
            y: { field: "feature", type: "nominal", sort: features, title: null, axis: { grid: true, domain: false, labelColor: ink.text } },
            color: {
              field: "arm",
              type: "nominal",
              scale: { domain: arms, range: arms.map((_, i) => seriesColor(i)) },
              legend: arms.length > 1 ? { orient: "top", offset: 8 } : null,
            },
            shape: {
              field: "arm",
              type: "nominal",
              scale: { domain: arms, range: ["circle", "diamond", "square", "triangle-up", "cross", "triangle-down"] },
              legend: arms.length > 1 ? { orient: "top", offset: 8 } : null,
            },
            description: { field: "note" },
          },
        },
      ],
    },
  );
}

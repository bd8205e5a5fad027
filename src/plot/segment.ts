import { textWidth } from "./font.ts";
import { drawable, emptyChart, extent, finite, type Look, padded, panels, type Spec } from "./spec.ts";
import { fixed, ink, rounded, seriesColor } from "./theme.ts";

/** A feature (or one of its levels) among the units with the highest predictions, against all units. */
export interface SegmentTrait {
  readonly feature: string;
  readonly level?: string;
  readonly top: number;
  readonly all: number;
  readonly smd: number;
}

/** `history segment = 2) $100 - $200`, or the feature alone when it is a number. */
export function traitName(trait: { readonly feature: string; readonly level?: string }): string {
  return trait.level === undefined ? trait.feature : `${trait.feature} = ${trait.level}`;
}

/** `62.1% against 44.9%` for a level, `4.1 against 5.8` for a number. */
export function traitValues(trait: SegmentTrait): readonly [string, string] {
  if (trait.level !== undefined) return [`${fixed(trait.top * 100, 1)}%`, `${fixed(trait.all * 100, 1)}%`];
  return [rounded(trait.top), rounded(trait.all)];
}

/** What sets the units with the highest predictions apart: standardised differences, largest on top, with both means beside them. */
export function segmentPlot(traits: readonly SegmentTrait[], look: Look & { readonly most?: number; readonly group?: string } = {}): Spec {
  const rows = traits
    .filter((trait) => Number.isFinite(trait.smd))
    .toSorted((a, b) => Math.abs(b.smd) - Math.abs(a.smd))
    .slice(0, look.most ?? 12)
    .map((trait) => {
      const [top, all] = traitValues(trait);
      const name = drawable(traitName(trait));
      return {
        name,
        smd: finite(trait.smd),
        text: `${top} vs ${all}`,
        above: trait.smd >= 0,
        note: `${name}: ${top} in the top group, ${all} among all`,
      };
    });
  if (rows.length === 0) return emptyChart("No feature sets the top group apart", look);
  const width = look.width ?? 620;
  const inner = width - 18 - Math.min(230, Math.max(...rows.map((r) => textWidth(r.name, 12.5)))) - 26 - Math.max(...rows.map((r) => textWidth(r.text, 12.5)));
  const domain = padded(
    extent(
      rows.map((r) => r.smd ?? 0),
      [-0.1, 0.1],
    ),
    0.05,
  );
  return panels(look, `Largest differences between the top group and all units: ${rows.map((r) => r.note).join("; ")}`, {
    data: { values: rows },
    width: inner,
    height: { step: 25 },
    encoding: { y: { field: "name", type: "nominal", sort: null, title: null, axis: { domain: false, labelColor: ink.text } } },
    layer: [
      {
        mark: { type: "bar", height: { band: 0.56 }, cornerRadius: 1, opacity: 0.88 },
        encoding: {
          x: {
            field: "smd",
            type: "quantitative",
            title: drawable(`Standardised difference, ${look.group ?? "top two tenths"} minus all`),
            scale: { domain, nice: false },
            axis: { grid: true, tickCount: 5 },
          },
          color: { field: "above", type: "nominal", scale: { domain: [true, false], range: [seriesColor(0), seriesColor(1)] }, legend: null },
          description: { field: "note" },
        },
      },
      {
        data: { values: [{ zero: 0 }] },
        mark: { type: "rule", color: ink.soft, aria: false },
        encoding: { x: { field: "zero", type: "quantitative" }, y: { value: 0 }, y2: { value: "height" } },
      },
      { mark: { type: "text", align: "left", color: ink.text, aria: false }, encoding: { x: { value: inner + 14 }, text: { field: "text" } } },
    ],
  });
}

import { chart, drawable, emptyChart, extent, finite, type Look, type Spec, titled } from "./spec.ts";
import { decimalsOf, diverging, fixed, ink, sequential } from "./theme.ts";

/** One cell of a heat plot. */
export interface HeatCell {
  readonly x: string;
  readonly y: string;
  /** NaN leaves the cell empty. */
  readonly value: number;
  /** Printed in the cell instead of the value. */
  readonly text?: string;
}

/**
 * A table of colours with its numbers in it: effects of two levers together, correlations, confusion. Rows and columns keep the order in which they
 * first appear. `diverging` (the default where values of both signs occur) puts white at zero.
 */
export function heatPlot(
  cells: readonly HeatCell[],
  look: Look & { readonly xTitle?: string; readonly yTitle?: string; readonly valueTitle?: string; readonly diverging?: boolean } = {},
): Spec {
  const known = cells.filter((cell) => Number.isFinite(cell.value));
  if (known.length === 0) return emptyChart("No cell has a value", look);
  const [low, high] = extent(known.map((cell) => cell.value));
  const split = look.diverging ?? (low < 0 && high > 0);
  const reach = Math.max(Math.abs(low), Math.abs(high));
  const domain = split ? [-reach, reach] : [low, high];
  const decimals = decimalsOf(reach, 3);
  const rows = cells.map((cell) => {
    const text = cell.text ?? fixed(cell.value, decimals, split);
    // Light text where the colour is dark: near the ends of a diverging scale, near the top of a sequential one.
    const depth = split ? Math.abs(cell.value) / reach : (cell.value - low) / (high - low);
    return { x: drawable(cell.x), y: drawable(cell.y), value: finite(cell.value), text, light: depth > 0.68, note: `${cell.y}, ${cell.x}: ${text}` };
  });
  const xs = [...new Set(rows.map((r) => r.x))];
  const ys = [...new Set(rows.map((r) => r.y))];
  const band = { type: "nominal", scale: { paddingInner: 0.03, paddingOuter: 0 } };
  return chart(
    look,
    { width: Math.max(320, 150 + 82 * xs.length), height: 110 + 40 * ys.length },
    `${look.valueTitle ?? "Value"} by ${look.yTitle ?? "row"} and ${look.xTitle ?? "column"}`,
    {
      data: { values: rows },
      encoding: {
        x: { field: "x", ...band, sort: xs, title: titled(look.xTitle), axis: { labelAngle: 0, domain: false, labelColor: ink.text } },
        y: { field: "y", ...band, sort: ys, title: titled(look.yTitle), axis: { domain: false, labelColor: ink.text } },
      },
      layer: [
        {
          mark: { type: "rect" },
          encoding: {
            color: {
              field: "value",
              type: "quantitative",
              scale: { domain, range: split ? diverging : sequential, interpolate: "lab" },
              legend:
                look.valueTitle === undefined
                  ? null
                  : { title: drawable(look.valueTitle), titleColor: ink.soft, titleFontWeight: "normal", gradientLength: 120, gradientThickness: 10 },
            },
            description: { field: "note" },
          },
        },
        {
          mark: { type: "text", fontSize: 12.5, aria: false },
          encoding: { text: { field: "text" }, color: { condition: { test: "datum.light", value: "#ffffff" }, value: ink.text } },
        },
      ],
    },
  );
}

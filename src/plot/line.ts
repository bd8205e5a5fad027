import { estimateText } from "./estimate.ts";
import { chart, drawable, emptyChart, extent, finite, type Look, padded, type Spec, titled } from "./spec.ts";
import { plain, rounded, seriesColor } from "./theme.ts";

/** Line of numbers with bands over a dose, a horizon or any other number: one line a series. */
export interface BandedLine {
  readonly name: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly lower?: ArrayLike<number>;
  readonly upper?: ArrayLike<number>;
}

/** Effect by dose, forecast by horizon, cost curve: lines with bands and points where values are few. */
export function linePlot(
  lines: readonly BandedLine[],
  look: Look & { readonly xTitle?: string; readonly yTitle?: string; readonly zero?: boolean } = {},
): Spec {
  const rows = lines.flatMap((line) =>
    Array.from(line.x, (x, i) => ({
      series: drawable(line.name),
      x: finite(x),
      y: finite(line.y[i]),
      lower: finite(line.lower?.[i] ?? Number.NaN),
      upper: finite(line.upper?.[i] ?? Number.NaN),
      note: `${line.name}, ${rounded(x)}: ${estimateText(line.y[i], [line.lower?.[i] ?? Number.NaN, line.upper?.[i] ?? Number.NaN], plain, false)}`,
    })).filter((r) => r.x !== null && r.y !== null),
  );
  if (rows.length === 0) return emptyChart("No value to draw", look);
  const names = lines.map((line) => drawable(line.name));
  const few = rows.length <= 24 * lines.length;
  const xs = padded(extent(rows.map((r) => r.x ?? 0)), 0.02);
  const text = `${look.yTitle ?? "value"} by ${look.xTitle ?? "x"} for ${names.join(", ")}`;
  const y = { type: "quantitative", title: titled(look.yTitle), scale: { zero: look.zero ?? true } };
  return chart(look, { width: 620, height: 320 }, text, {
    data: { values: rows },
    encoding: {
      x: { field: "x", type: "quantitative", title: titled(look.xTitle), scale: { domain: xs, nice: false } },
      color: {
        field: "series",
        type: "nominal",
        scale: { domain: names, range: names.map((_, i) => seriesColor(i)) },
        legend: names.length > 1 ? { orient: "right", symbolType: "stroke" } : null,
      },
    },
    layer: [
      ...(rows.some((r) => r.lower !== null && r.upper !== null)
        ? [{ mark: { type: "area", opacity: 0.14, aria: false }, encoding: { y: { field: "lower", ...y }, y2: { field: "upper" } } }]
        : []),
      { mark: { type: "line", aria: false }, encoding: { y: { field: "y", ...y } } },
      ...(few ? [{ mark: { type: "point", filled: true, size: 40, opacity: 1 }, encoding: { y: { field: "y", ...y }, description: { field: "note" } } }] : []),
    ],
  });
}

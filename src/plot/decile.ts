import { estimateText } from "./estimate.ts";
import { chart, drawable, emptyChart, extent, finite, type Look, padded, panels, type Spec } from "./spec.ts";
import { ink, plain, seriesColor, type Unit } from "./theme.ts";

/** Mean predicted and observed effect of one tenth of the units; decile 1 has the highest predictions. */
export interface Decile {
  readonly decile: number;
  readonly predicted: number;
  readonly observed: number;
  readonly interval: readonly [number, number];
}

interface DecileLook extends Look {
  readonly unit?: Unit;
}

/** Predicted against observed effect by decile with intervals: a calibrated model lies on the diagonal. One panel a model. */
export function calibrationPlot(
  models: readonly { readonly name: string; readonly deciles: readonly Decile[] }[],
  look: DecileLook & { readonly columns?: number } = {},
): Spec {
  const rows = models
    .flatMap(({ name, deciles }) => deciles.map((decile) => ({ model: drawable(name), ...scale(decile, look.unit ?? plain) })))
    .filter((r) => r.predicted !== null && r.observed !== null);
  if (rows.length === 0) return emptyChart("No decile has an observed effect", look);
  const names = [...new Set(rows.map((r) => r.model))];
  const unit = look.unit?.name ?? "";
  // One range for all panels and both axes, so that the diagonal is a diagonal and panels can be compared.
  const domain = padded(
    extent(
      rows.flatMap((r) => [r.predicted ?? 0, r.observed ?? 0]),
      [0],
    ),
    0.08,
  );
  const [low, high] = domain;
  const several = names.length > 1;
  const columns = Math.min(look.columns ?? 3, names.length);
  const side = several ? Math.floor(((look.width ?? 900) - 62 - 24 * (columns - 1)) / columns) : (look.width ?? 420) - 70;
  const axes = (title: string): Spec => ({
    type: "quantitative",
    title: several ? null : title,
    scale: { domain, nice: false, zero: false },
    axis: { grid: true, tickCount: several ? 4 : 6 },
  });
  const view = {
    width: side,
    height: look.height ?? Math.round(side * (several ? 0.72 : 0.85)),
    layer: [
      {
        data: {
          values: [
            { a: low, b: low },
            { a: high, b: high },
          ],
        },
        mark: { type: "line", color: ink.faint, strokeWidth: 1.2, strokeDash: [5, 4], aria: false },
        encoding: { x: { field: "a", ...axes("Predicted effect") }, y: { field: "b", ...axes("Observed effect") } },
      },
      // An interval may leave the picture: the range follows the points, since one wild decile would flatten the rest.
      {
        mark: { type: "rule", color: seriesColor(0), opacity: 0.5, strokeWidth: 1.5, clip: true, aria: false },
        encoding: { x: { field: "predicted", type: "quantitative" }, y: { field: "low", type: "quantitative" }, y2: { field: "high" } },
      },
      {
        mark: { type: "point", filled: true, size: several ? 38 : 60, color: seriesColor(0), opacity: 1 },
        encoding: { x: { field: "predicted", type: "quantitative" }, y: { field: "observed", type: "quantitative" }, description: { field: "note" } },
      },
    ],
  };
  const description = `Observed against predicted effect by decile${unit === "" ? "" : ` in ${unit}`}, for ${names.join(", ")}`;
  if (!several) return panels(look, description, { data: { values: rows }, ...view });
  return panels(look, description, {
    data: { values: rows },
    facet: { field: "model", type: "nominal", sort: names, title: null },
    columns,
    spacing: { row: 18, column: 24 },
    resolve: { axis: { x: "independent" } },
    spec: view,
  });
}

/** Observed effect of each tenth, highest predictions first, with intervals; a short line marks what was predicted. */
export function decilePlot(deciles: readonly Decile[], look: DecileLook = {}): Spec {
  const rows = deciles.map((decile) => scale(decile, look.unit ?? plain)).filter((r) => r.observed !== null);
  if (rows.length === 0) return emptyChart("No decile has an observed effect", look);
  const unit = look.unit?.name ?? "";
  const y = (field: string): Spec => ({ field, type: "quantitative", title: unit === "" ? "Effect" : `Effect (${unit})`, axis: { tickCount: 5 } });
  // Bars are light, so that the intervals on them can be read.
  const key = { domain: ["observed", "predicted"], range: ["#8fb0dc", seriesColor(1)] };
  return chart(look, { width: 460, height: 320 }, `Observed effect by decile of the prediction: ${rows.map((r) => r.note).join("; ")}`, {
    data: { values: rows },
    encoding: { x: { field: "decile", type: "ordinal", title: "Tenth of units, highest predicted effect first", axis: { labelAngle: 0, domain: false } } },
    layer: [
      {
        transform: [{ calculate: "'observed'", as: "kind" }],
        mark: { type: "bar", width: { band: 0.72 }, opacity: 1, cornerRadius: 1 },
        encoding: {
          y: y("observed"),
          color: { field: "kind", type: "nominal", scale: key, legend: { orient: "top", symbolType: "square", offset: 30 } },
          description: { field: "note" },
        },
      },
      { mark: { type: "rule", color: ink.text, strokeWidth: 1.3, aria: false }, encoding: { y: y("low"), y2: { field: "high" } } },
      {
        transform: [{ filter: "isValid(datum.predicted)" }, { calculate: "'predicted'", as: "kind" }],
        mark: { type: "tick", thickness: 3, width: { band: 0.72 }, opacity: 1, aria: false },
        encoding: { y: y("predicted"), color: { field: "kind", type: "nominal", scale: key } },
      },
      {
        data: { values: [{ zero: 0 }] },
        mark: { type: "rule", color: ink.soft, strokeWidth: 1, aria: false },
        encoding: { x: { value: 0 }, x2: { value: "width" }, y: y("zero") },
      },
    ],
  });
}

function scale(
  decile: Decile,
  unit: Unit,
): {
  readonly decile: number;
  readonly predicted: number | null;
  readonly observed: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly note: string;
} {
  const by = (value: number): number | null => finite(value * unit.scale);
  return {
    decile: decile.decile,
    predicted: by(decile.predicted),
    observed: by(decile.observed),
    low: by(decile.interval[0]),
    high: by(decile.interval[1]),
    note: `Tenth ${decile.decile}: observed ${estimateText(decile.observed, decile.interval, unit)}, predicted ${estimateText(decile.predicted, undefined, unit)}`,
  };
}

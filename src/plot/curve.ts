import type { Curve } from "../metrics/contract.ts";
import { chart, drawable, emptyChart, extent, finite, type Look, padded, panels, type Spec } from "./spec.ts";
import { ink, palette, plain, seriesColor, seriesDash, type Unit } from "./theme.ts";
import { thin } from "./thin.ts";

/** A curve and its name in the legend. */
export interface NamedCurve {
  readonly name: string;
  readonly curve: Curve;
}

export interface CurveLook extends Look {
  /** Unit of the curve's values; printed as they are by default. */
  readonly unit?: Unit;
  /** Above the vertical axis. */
  readonly yTitle?: string;
  readonly xTitle?: string;
  /** Which curves show their band; overlapping bands hide more than they show, so `first` is the default of pictures with several curves. */
  readonly bands?: "all" | "first" | "none";
  /** What treating at random would give: a straight line from first to last point, the horizontal zero, or nothing. */
  readonly random?: "chord" | "zero" | "none";
  /** Coverage of the bands, for the words only. Defaults to 0.95. */
  readonly level?: number;
  /** Points kept of each curve. Defaults to 300. */
  readonly points?: number;
}

const shareTitle = "Share of units treated, highest predicted effect first";

/** The gain of treating by predicted effect, of one model, with its band and the line of treating at random. */
export function upliftPlot(curve: Curve, look: CurveLook = {}): Spec {
  return curves([{ name: look.title ?? "model", curve }], { bands: "all", yTitle: "Cumulative gain", ...look }, false);
}

/** Qini curves of several models in one picture, first to last in the order of the legend; the first one's band is drawn. */
export function qiniPlot(models: readonly NamedCurve[], look: CurveLook = {}): Spec {
  return curves(models, { bands: "first", yTitle: "Cumulative gain", ...look }, true);
}

/** Targeting operator characteristic: effect among the top share minus the effect of all. Yadlowsky2025. */
export function tocPlot(models: readonly NamedCurve[], look: CurveLook = {}): Spec {
  return curves(models, { bands: "first", random: "zero", yTitle: "Effect among the treated share minus the average effect", ...look }, models.length > 1);
}

function curves(models: readonly NamedCurve[], look: CurveLook, legend: boolean): Spec {
  const drawn = curveRows(models, look);
  if (drawn.rows.length === 0) return emptyChart("No curve: the data gives none of its points a value", look);
  const names = models.map((model) => drawable(model.name));
  const banded = look.bands === "none" ? [] : look.bands === "all" ? names : names.slice(0, 1);
  const level = Math.round((look.level ?? 0.95) * 100);
  const hasBand = drawn.rows.some((row) => row.lower !== undefined && banded.includes(row.series));
  const description = `${look.yTitle} against the share of units treated, for ${names.join(", ")}${hasBand ? `, with ${level} % band` : ""}`;
  return chart(look, { width: 620, height: 340 }, description, {
    data: { values: drawn.rows },
    encoding: {
      x: {
        field: "x",
        type: "quantitative",
        title: drawable(look.xTitle ?? shareTitle),
        scale: { domain: [0, 1], nice: false },
        axis: { format: "%", tickCount: 5 },
      },
      color: series(names, seriesColor, legend),
    },
    layer: [
      ...randomLayers(drawn.random),
      ...(hasBand ? [bandLayer(banded)] : []),
      {
        mark: { type: "line", aria: false },
        encoding: {
          y: { field: "y", type: "quantitative", title: yTitle(look), scale: { domain: valueDomain(drawn.rows, banded), nice: false } },
          // Colours repeat after the sixth series; from there on the dash tells them apart.
          ...(names.length > palette.length ? { strokeDash: series(names, seriesDash, legend) } : {}),
        },
      },
    ],
  });
}

/** One small panel a curve, each with its band: what several bands in one picture would hide. */
export function curvePanelsPlot(models: readonly NamedCurve[], look: CurveLook & { readonly columns?: number } = {}): Spec {
  const drawn = curveRows(models, { points: 60, ...look });
  if (drawn.rows.length === 0) return emptyChart("No curve: the data gives none of its points a value", look);
  const columns = look.columns ?? 3;
  const width = Math.floor(((look.width ?? 900) - 62 - 24 * (columns - 1)) / columns);
  const names = models.map((model) => drawable(model.name));
  const y = { field: "y", type: "quantitative", title: null, scale: { domain: valueDomain(drawn.rows, names), nice: false }, axis: { tickCount: 4 } };
  const hasBand = drawn.rows.some((row) => row.lower !== undefined);
  return panels(look, `${look.yTitle ?? "Gain"} against the share of units treated, one panel each for ${names.join(", ")}`, {
    data: { values: drawn.rows.concat(drawn.random.map((row) => ({ ...row, random: true }))) },
    facet: { field: "series", type: "nominal", sort: names, title: null },
    columns,
    spacing: { row: 18, column: 24 },
    // Each panel its own axis: shared ones would also stand below the empty places of a last row.
    resolve: { axis: { x: "independent" } },
    spec: {
      width,
      height: look.height ?? Math.round(width * 0.62),
      encoding: {
        x: { field: "x", type: "quantitative", title: null, scale: { domain: [0, 1], nice: false }, axis: { format: "%", tickCount: 3, labelFlush: true } },
      },
      layer: [
        {
          transform: [{ filter: "datum.random" }],
          mark: { type: "line", color: ink.faint, strokeWidth: 1.2, strokeDash: [5, 4], aria: false },
          encoding: { y },
        },
        ...(hasBand
          ? [
              {
                transform: [{ filter: "!datum.random" }],
                mark: { type: "area", color: seriesColor(0), opacity: 0.16, aria: false },
                encoding: { y: { ...y, field: "lower" }, y2: { field: "upper" } },
              },
            ]
          : []),
        { transform: [{ filter: "!datum.random" }], mark: { type: "line", color: seriesColor(0), strokeWidth: 1.8, aria: false }, encoding: { y } },
      ],
    },
  });
}

interface CurveRow {
  readonly series: string;
  readonly x: number;
  readonly y: number | null;
  readonly lower?: number | null;
  readonly upper?: number | null;
}

interface RandomRow {
  readonly series: string;
  readonly x: number;
  readonly y: number;
}

/** Rows to draw, thinned, and the two ends of each line of random treatment (equal ones once). */
function curveRows(models: readonly NamedCurve[], look: CurveLook): { readonly rows: readonly CurveRow[]; readonly random: readonly RandomRow[] } {
  const { scale } = look.unit ?? plain;
  const rows: CurveRow[] = [];
  const random: RandomRow[] = [];
  for (const model of models) {
    const { curve } = model;
    const name = drawable(model.name);
    const { x, y, lower, upper } = curve;
    const banded = lower !== undefined && upper !== undefined && lower.length === y.length && upper.length === y.length;
    const kept = thin({ x, ys: [y] }, look.points ?? 300);
    const band = banded ? thin({ x, ys: [y, lower, upper] }, look.points ?? 300) : kept;
    for (const i of band.length === 0 ? kept : band) {
      const row = { series: name, x: x[i], y: finite(y[i] * scale) };
      rows.push(band.length > 0 && banded ? { ...row, lower: finite(lower[i] * scale), upper: finite(upper[i] * scale) } : row);
    }
    if (kept.length === 0 || look.random === "none") continue;
    const [first, last] = [kept[0], kept[kept.length - 1]];
    const ends = look.random === "zero" ? [0, 0] : [y[first] * scale, y[last] * scale];
    random.push({ series: name, x: x[first], y: ends[0] }, { series: name, x: x[last], y: ends[1] });
  }
  return { rows, random };
}

function randomLayers(random: readonly RandomRow[]): Spec[] {
  if (random.length === 0) return [];
  // Models scored on the same rows share one random line; it is drawn once, from the first.
  const [start, end] = random;
  const middle = { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 };
  // Below the line, where a curve better than chance leaves room; above a level line, which may lie on the axis.
  const beside = start.y === end.y ? { baseline: "bottom", dy: -4 } : { baseline: "top", dx: 6, dy: 5 };
  return [
    {
      data: { values: [start, end] },
      mark: { type: "line", color: ink.faint, strokeWidth: 1.3, strokeDash: [5, 4], aria: false },
      encoding: { color: { value: ink.faint }, y: { field: "y", type: "quantitative" } },
    },
    {
      data: { values: [{ ...middle, label: "at random" }] },
      mark: { type: "text", align: "left", ...beside, fontSize: 12.5, color: ink.faint, aria: false },
      encoding: { color: { value: ink.faint }, y: { field: "y", type: "quantitative" }, text: { field: "label" } },
    },
  ];
}

function bandLayer(banded: readonly string[]): Spec {
  return {
    transform: [{ filter: { field: "series", oneOf: banded } }],
    mark: { type: "area", opacity: 0.14, aria: false },
    encoding: { y: { field: "lower", type: "quantitative" }, y2: { field: "upper" } },
  };
}

/** A channel that tells the series apart: colour or dash. */
function series(names: readonly string[], value: (index: number) => unknown, legend: boolean): Spec {
  return {
    field: "series",
    type: "nominal",
    scale: { domain: names, range: names.map((_, i) => value(i)) },
    legend: legend ? { orient: "right", symbolType: "stroke" } : null,
  };
}

/** Ends of all drawn values with zero inside; rounding them outwards would leave an empty strip below a curve that dips a hair under zero. */
function valueDomain(rows: readonly CurveRow[], banded: readonly string[]): readonly [number, number] {
  const values = rows.flatMap((row) => (banded.includes(row.series) ? [row.y, row.lower ?? row.y, row.upper ?? row.y] : [row.y]));
  return padded(
    extent(
      values.map((value) => value ?? Number.NaN),
      [0],
    ),
    0.02,
  );
}

function yTitle(look: CurveLook): string {
  const unit = look.unit ?? plain;
  const title = look.yTitle ?? "Gain";
  return drawable(unit.name === "" ? title : `${title} (${unit.name})`);
}

/** Value of a curve at x by straight lines between its points, with the band where it has one; NaN outside its ends. */
export function readOff(curve: Curve, x: number): { readonly value: number; readonly lower: number; readonly upper: number } {
  const kept = thin({ x: curve.x, ys: [curve.y] }, Number.POSITIVE_INFINITY);
  const at = (values: ArrayLike<number> | undefined): number => {
    if (values === undefined) return Number.NaN;
    for (let k = 1; k < kept.length; k++) {
      const [i, j] = [kept[k - 1], kept[k]];
      if (!(curve.x[i] <= x && x <= curve.x[j])) continue;
      const run = curve.x[j] - curve.x[i];
      return run === 0 ? values[j] : values[i] + ((values[j] - values[i]) * (x - curve.x[i])) / run;
    }
    return Number.NaN;
  };
  return { value: at(curve.y), lower: at(curve.lower), upper: at(curve.upper) };
}

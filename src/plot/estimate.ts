import { textWidth } from "./font.ts";
import { drawable, emptyChart, finite, type Look, panels, type Spec } from "./spec.ts";
import { decimalsOf, fixed, ink, noNumber, plain, seriesColor, type Unit } from "./theme.ts";

/** One estimate with its interval. */
export interface Estimate {
  readonly label: string;
  readonly value: number;
  readonly interval?: readonly [number, number];
  readonly unit?: Unit;
}

/** An average effect: estimates of one outcome share a panel and an axis, since outcomes have different units. */
export interface EffectEstimate extends Estimate {
  readonly outcome: string;
}

/** `+7.66` and `6.99 to 8.32`: decimals by the width of the interval, so that its half-width shows two digits. */
export function estimateParts(
  value: number,
  interval: readonly [number, number] | undefined,
  unit: Unit = plain,
  signed = true,
): { readonly value: string; readonly range: string | undefined } {
  if (!Number.isFinite(value)) return { value: noNumber, range: undefined };
  const decimals = estimateDecimals(value, interval, unit);
  const [low, high] = (interval ?? []).map((end) => end * unit.scale);
  const known = Number.isFinite(low) && Number.isFinite(high);
  return { value: fixed(value * unit.scale, decimals, signed), range: known ? `${fixed(low, decimals)} to ${fixed(high, decimals)}` : undefined };
}

/** `+7.66 (6.99 to 8.32)`. */
export function estimateText(value: number, interval: readonly [number, number] | undefined, unit: Unit = plain, signed = true): string {
  const { value: middle, range } = estimateParts(value, interval, unit, signed);
  return range === undefined ? middle : `${middle} (${range})`;
}

/** Decimals at which an estimate is worth reading. */
export function estimateDecimals(value: number, interval: readonly [number, number] | undefined, unit: Unit = plain): number {
  const half = interval === undefined ? Number.NaN : ((interval[1] - interval[0]) / 2) * unit.scale;
  return Number.isFinite(half) && half > 0 ? decimalsOf(half, 2) : decimalsOf(value * unit.scale, 3);
}

/** Average effects by arm, one panel an outcome, with the line of no effect; a hollow point has an interval that holds zero. */
export function forestPlot(effects: readonly EffectEstimate[], look: Look = {}): Spec {
  const rows = effects.filter((effect) => Number.isFinite(effect.value)).map((effect) => ({ outcome: panelName(effect), ...row(effect) }));
  if (rows.length === 0) return emptyChart("No average effect can be drawn", look);
  const outcomes = [...new Set(rows.map((r) => r.outcome))];
  const room = sides(rows);
  const inner = (look.width ?? 760) - room.left - room.right;
  return panels(look, `Average effects with intervals: ${rows.map((r) => `${r.outcome}, ${r.label}: ${r.text}`).join("; ")}`, {
    spacing: 18,
    vconcat: outcomes.map((outcome) => ({
      title: { text: outcome, fontSize: 14, offset: 8 },
      data: { values: rows.filter((r) => r.outcome === outcome) },
      width: inner,
      height: { step: 30 },
      encoding: { y: labelled(room.left) },
      layer: [zeroLine(), ...estimateLayers(inner, null)],
    })),
  });
}

/** Several models on one metric, best on top, with a line at zero and one at the value they are compared with. */
export function modelPlot(
  models: readonly Estimate[],
  look: Look & { readonly metric?: string; readonly baseline?: string; readonly better?: "higher" | "lower" } = {},
): Spec {
  const known = models.filter((model) => Number.isFinite(model.value));
  if (known.length === 0) return emptyChart("No model has a value here", look);
  const sign = look.better === "lower" ? 1 : -1;
  const rows = known.toSorted((a, b) => sign * (a.value - b.value)).map(row);
  const base = look.baseline === undefined ? undefined : rows.find((r) => r.label === drawable(look.baseline ?? ""));
  const metric = drawable(look.metric ?? "value");
  const room = sides(rows);
  const inner = (look.width ?? 620) - room.left - room.right;
  return panels(look, `${metric} with interval: ${rows.map((r) => `${r.label} ${r.text}`).join("; ")}`, {
    data: { values: rows },
    width: inner,
    height: { step: 30 },
    encoding: { y: labelled(room.left) },
    layer: [
      ...(base === undefined ? [] : [verticalLine(base.value, { color: seriesColor(0), opacity: 0.5, strokeDash: [3, 3] })]),
      zeroLine(),
      ...estimateLayers(inner, metric),
    ],
  });
}

function panelName(effect: EffectEstimate): string {
  const name = effect.unit?.name ?? "";
  return drawable(name === "" ? effect.outcome : `${effect.outcome}, ${name}`);
}

function row(estimate: Estimate): {
  readonly label: string;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly text: string;
  readonly note: string;
  readonly clear: boolean;
} {
  const unit = estimate.unit ?? plain;
  const label = drawable(estimate.label);
  const [low, high] = estimate.interval ?? [Number.NaN, Number.NaN];
  const text = estimateText(estimate.value, estimate.interval, unit);
  return {
    label,
    value: estimate.value * unit.scale,
    low: finite(low * unit.scale),
    high: finite(high * unit.scale),
    text,
    note: `${label}: ${text}${unit.suffix === "" ? "" : ` ${unit.suffix}`}`,
    clear: low > 0 || high < 0,
  };
}

/** Pixels left for the names and right for the numbers. */
function sides(rows: readonly { readonly label: string; readonly text: string }[]): { readonly left: number; readonly right: number } {
  const names = rows.map((r) => textWidth(r.label, 13));
  const numbers = rows.map((r) => textWidth(r.text, 13));
  return { left: 18 + Math.min(230, Math.max(...names)), right: 26 + Math.max(...numbers) };
}

/** Rows in the order given; as wide as `left`, so that panels one below the other line up. */
function labelled(left: number): Spec {
  const extent = left - 8;
  return {
    field: "label",
    type: "nominal",
    sort: null,
    title: null,
    axis: { domain: false, labelColor: ink.text, labelFontSize: 13, minExtent: extent, maxExtent: extent },
  };
}

function estimateLayers(inner: number, title: string | null): Spec[] {
  const color = seriesColor(0);
  const scale = { zero: true, nice: true };
  return [
    {
      mark: { type: "rule", color, strokeWidth: 2, aria: false },
      encoding: { x: { field: "low", type: "quantitative", title, scale, axis: { grid: true, tickCount: 5 } }, x2: { field: "high" } },
    },
    {
      mark: { type: "point", filled: true, size: 75, stroke: color, strokeWidth: 2, opacity: 1 },
      encoding: {
        x: { field: "value", type: "quantitative", title, scale },
        fill: { condition: { test: "datum.clear", value: color }, value: "#ffffff" },
        description: { field: "note" },
      },
    },
    { mark: { type: "text", align: "left", color: ink.text, fontSize: 13, aria: false }, encoding: { x: { value: inner + 14 }, text: { field: "text" } } },
  ];
}

function zeroLine(): Spec {
  return verticalLine(0, { color: ink.soft, strokeWidth: 1 });
}

function verticalLine(at: number, mark: Spec): Spec {
  return {
    data: { values: [{ at }] },
    mark: { type: "rule", aria: false, ...mark },
    encoding: { x: { field: "at", type: "quantitative" }, y: { value: 0 }, y2: { value: "height" } },
  };
}

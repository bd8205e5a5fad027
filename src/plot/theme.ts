/**
 * One look for every picture. Colours stay apart for readers with any of the three kinds of colour blindness (a test measures it), and every
 * meaning that a colour carries is carried by a dash, a fill or a word as well.
 */

/** Six colours for series, in the order they are given out. */
export const palette: readonly string[] = ["#2055a0", "#bc4d26", "#16ac9a", "#9f387a", "#c18b10", "#799bca"];

/** Greys from text to hairline. */
export const ink = { text: "#1d2430", soft: "#566070", faint: "#8b94a1", line: "#c3c9d1", grid: "#e8ebef" } as const;

/** Below zero, zero, above zero; and from nothing to much. */
export const diverging: readonly string[] = ["#a8431f", "#dd9a78", "#f4f2ee", "#8eb0da", "#1f559f"];
export const sequential: readonly string[] = ["#f1f5fa", "#bed3ea", "#7fa9d6", "#3f77b8", "#1c4684"];

/** The family pictures are laid out for, and what stands in for it where it is not installed. */
export const fontFamily = "'Source Sans 3', 'Source Sans Pro', 'Liftwise Text', 'Segoe UI', 'Helvetica Neue', Arial, sans-serif";

/** Dashes for series beyond the sixth, which share a colour with an earlier one. */
const dashes: readonly (readonly number[])[] = [[], [7, 3], [2, 2]];

/** Colour of the k-th series. */
export function seriesColor(index: number): string {
  return palette[index % palette.length];
}

export function seriesDash(index: number): readonly number[] {
  return dashes[Math.floor(index / palette.length) % dashes.length];
}

/** Vega-Lite configuration shared by all pictures. */
export const config: Readonly<Record<string, unknown>> = {
  font: fontFamily,
  background: "#ffffff",
  padding: 6,
  view: { stroke: null },
  axis: {
    domainColor: ink.line,
    tickColor: ink.line,
    tickSize: 4,
    gridColor: ink.grid,
    labelColor: ink.soft,
    labelFontSize: 12.5,
    labelPadding: 5,
    labelLimit: 230,
    titleColor: ink.soft,
    titleFontSize: 13,
    titleFontWeight: "normal",
    titlePadding: 9,
  },
  axisX: { grid: false, domain: true, labelFlush: false },
  // The title of a vertical axis stands above it, to be read without turning the head.
  axisY: { domain: false, ticks: false, titleAngle: 0, titleAlign: "left", titleAnchor: "end", titleBaseline: "bottom", titleX: 0, titleY: -7 },
  axisBand: { ticks: false },
  header: { labelColor: ink.text, labelFontSize: 14, labelFontWeight: 600, labelAnchor: "start", labelPadding: 6, titleColor: ink.soft, title: null },
  legend: {
    labelColor: ink.text,
    labelFontSize: 13.5,
    labelLimit: 260,
    symbolStrokeWidth: 2.5,
    symbolSize: 130,
    symbolOpacity: 1,
    title: null,
    rowPadding: 4,
    columnPadding: 18,
    offset: 12,
  },
  title: {
    anchor: "start",
    frame: "group",
    color: ink.text,
    fontSize: 16,
    fontWeight: 600,
    subtitleColor: ink.soft,
    subtitleFontSize: 13,
    subtitlePadding: 4,
    offset: 26,
  },
  line: { strokeWidth: 2.2, strokeCap: "round", strokeJoin: "round" },
  rule: { color: ink.faint },
  text: { color: ink.soft, fontSize: 12.5 },
  range: { category: palette, diverging, heatmap: sequential, ramp: sequential },
};

/** Unit of what is drawn or printed: values are multiplied by `scale` first. */
export interface Unit {
  readonly scale: number;
  /** Short name behind a number, `pp` or `€`; may be empty. */
  readonly suffix: string;
  /** Full name for axes, `percentage points`. */
  readonly name: string;
}

/** Values printed as they are. */
export const plain: Unit = { scale: 1, suffix: "", name: "" };
/** For differences of shares and probabilities. */
export const percentagePoints: Unit = { scale: 100, suffix: "pp", name: "percentage points" };

/** What is printed where there is no number. */
export const noNumber = "–";

/** Decimals that show `digits` significant digits of `size`; 0 to 9. */
export function decimalsOf(size: number, digits: number): number {
  if (!(Math.abs(size) > 0) || !Number.isFinite(size)) return 0;
  return Math.min(9, Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(size)) + 1e-9)));
}

/** `−1,234.5`: fixed decimals, a true minus sign, thousands set apart; an en dash where there is no number. */
export function fixed(value: number | null | undefined, decimals: number, signed = false): string {
  if (typeof value !== "number" || Number.isNaN(value)) return noNumber;
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const digits = Math.abs(value).toFixed(decimals);
  const [whole, part] = digits.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const zero = !/[1-9]/.test(digits);
  const sign = zero ? "" : value < 0 ? "−" : signed ? "+" : "";
  return sign + grouped + (part === undefined ? "" : `.${part}`);
}

/** Three significant digits unless said otherwise; `1.2e−12` for what would need more than nine decimals. */
export function rounded(value: number | null | undefined, digits = 3, signed = false): string {
  if (typeof value === "number" && value !== 0 && Math.abs(value) < 1e-8) return value.toExponential(1).replaceAll("-", "−");
  return fixed(value, typeof value === "number" ? decimalsOf(value, digits) : 0, signed);
}

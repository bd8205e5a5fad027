import { config, fontFamily, ink } from "./theme.ts";

/** A Vega-Lite specification with its data inside: plain JSON, to be drawn by `toSvg` and `toPng`, or shown by any other Vega-Lite viewer. */
export type Spec = Readonly<Record<string, unknown>>;

/** What every picture may be told. */
export interface Look {
  /** Above the picture; none by default, since a caption usually says it. */
  readonly title?: string;
  readonly subtitle?: string;
  /** Outer width in pixels. */
  readonly width?: number;
  /** Outer height in pixels; pictures with one row an item grow with their items unless told otherwise. */
  readonly height?: number;
  /** One sentence for those who cannot see the picture. */
  readonly description?: string;
}

/** A whole specification of outer size `width` x `height` around one view or layers. */
export function chart(look: Look, size: { readonly width: number; readonly height: number }, description: string, body: Spec): Spec {
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    description: look.description ?? description,
    ...heading(look),
    width: look.width ?? size.width,
    height: look.height ?? size.height,
    autosize: { type: "fit", contains: "padding" },
    config,
    ...body,
  };
}

/** A whole specification of several panels, whose sizes are set inside `body`. */
export function panels(look: Look, description: string, body: Spec): Spec {
  return { $schema: "https://vega.github.io/schema/vega-lite/v6.json", description: look.description ?? description, ...heading(look), config, ...body };
}

/** What is drawn when there is nothing to draw: the reason, in words. */
export function emptyChart(reason: string, look: Look = {}): Spec {
  return chart(look, { width: 480, height: 120 }, reason, {
    data: { values: [{ reason }] },
    mark: { type: "text", font: fontFamily, fontSize: 13, color: ink.soft, align: "center", baseline: "middle" },
    encoding: { text: { field: "reason", type: "nominal" } },
  });
}

function heading(look: Look): Spec {
  if (look.title === undefined) return {};
  return { title: { text: drawable(look.title), ...(look.subtitle === undefined ? {} : { subtitle: drawable(look.subtitle) }) } };
}

/**
 * A name from the data as Vega can bear it. It writes names into expressions, where a line separator ends the text, and into plain objects, where
 * "constructor" is already taken: the former become spaces or U+FFFD, the latter get a character of no width.
 */
export function drawable(name: string): string {
  const text = name.replace(/[\s\u2028\u2029]/g, " ").replace(/\p{Cc}|\p{Cs}/gu, "\ufffd");
  return text in Object.prototype ? `${text}\u200b` : text;
}

/** An axis title, or none. */
export function titled(title: string | undefined): string | null {
  return title === undefined ? null : drawable(title);
}

/** JSON has no NaN and no infinity; null is left out of the picture. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** Ends of all finite values, with `around` always inside; [0, 1] when there are none. */
export function extent(values: Iterable<number>, around: readonly number[] = []): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const list of [values, around]) {
    for (const value of list) {
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) return [0, 1];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

/** The same ends moved outwards by a share of their distance. */
export function padded([low, high]: readonly [number, number], share = 0.04): [number, number] {
  const room = (high - low) * share;
  return [low - room, high + room];
}

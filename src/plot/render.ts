import { usageError } from "../base/errors.ts";
import { compact } from "./compact.ts";
import { canDraw, fontFiles, fontPath, textWidth } from "./font.ts";
import type { Spec } from "./spec.ts";

/** Settings of `toPng`. */
export interface PngOptions {
  /** Pixels of the picture per pixel of the specification. Defaults to 2. */
  readonly scale?: number;
  /** CSS colour behind the picture. Defaults to white. */
  readonly background?: string;
}

/**
 * Draws a Vega-Lite specification as an SVG text: the same specification gives the same text, whether or not a canvas or any font is installed.
 *
 * @throws LiftwiseError (usage) when the specification is no valid Vega-Lite, or reads data from elsewhere
 */
export async function toSvg(spec: Spec): Promise<string> {
  const vega = await engine(() => import("vega"), "vega");
  const compiled = await compileSpec(spec);
  const problems: string[] = [];
  // Vega only warns of data it cannot load, and draws an empty picture.
  const refuse = (uri: string): Promise<never> => {
    problems.push(`data is read from ${uri}`);
    return Promise.reject(new Error(uri));
  };
  let svg: string;
  const release = measureOurselves(vega as unknown as Measuring);
  try {
    const view = new vega.View(vega.parse(compiled.spec as never), {
      renderer: "none",
      loader: { load: refuse, sanitize: refuse } as never,
      logger: collector(problems) as never,
    });
    try {
      svg = await view.toSVG();
    } finally {
      view.finalize();
    }
  } catch (error) {
    throw unusable(error);
  } finally {
    release();
  }
  if (problems.length > 0) throw unusable(new Error(problems.join("; ")));
  return compact(svg, typeof spec.description === "string" ? spec.description : undefined);
}

/**
 * Draws a specification (or an SVG text) as a PNG picture, with the shipped fonts; the fonts of the system are only asked for characters these
 * do not have.
 *
 * @throws LiftwiseError (usage) as `toSvg`, and when the scale is not positive
 */
export async function toPng(spec: Spec | string, options: PngOptions = {}): Promise<Uint8Array> {
  const scale = options.scale ?? 2;
  if (!(scale > 0 && scale <= 20)) throw usageError(`plot: scale must be above 0 and at most 20, got ${scale}; 2 suits a screen, 4 print`);
  const svg = typeof spec === "string" ? spec : await toSvg(spec);
  const { Resvg } = await engine(
    () => import("@resvg/resvg-js"),
    "@resvg/resvg-js",
    "; SVG pictures need nothing but JavaScript: use toSvg, or a file name that ends in .svg",
  );
  const picture = new Resvg(svg, {
    fitTo: { mode: "zoom", value: scale },
    background: options.background ?? "white",
    font: {
      loadSystemFonts: !canDraw(svg),
      fontFiles: [fontPath(fontFiles.regular), fontPath(fontFiles.semibold)],
      defaultFontFamily: "Source Sans 3",
      sansSerifFamily: "Source Sans 3",
    },
  });
  return picture.render().asPng();
}

/** The Vega specification and what Vega-Lite warned of; ours compile without warnings, which a test holds. */
export async function compileSpec(spec: Spec): Promise<{ readonly spec: Spec; readonly warnings: readonly string[] }> {
  const lite = await engine(() => import("vega-lite"), "vega-lite");
  const warnings: string[] = [];
  try {
    return { spec: lite.compile(spec as never, { logger: collector(warnings, true) as never }).spec as unknown as Spec, warnings };
  } catch (error) {
    throw unusable(error);
  }
}

/** Loaded when first drawn: they are large, and vega has a top-level await that a `require` of this package could not bear. */
async function engine<T>(load: () => Promise<T>, name: string, wayOut = ""): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw usageError(`plot: the package ${name} could not be loaded (${(error as Error).message}); run "npm install" again${wayOut}`, error);
  }
}

function unusable(error: unknown): Error {
  return usageError(
    `plot: this is not a picture Vega-Lite can draw: ${(error as Error).message}; check field names, types and that all data is inside the specification`,
    error,
  );
}

interface Measuring {
  readonly textMetrics: { width: (item: Readonly<Record<string, unknown>>, text: unknown) => number };
}

let measuring = 0;
let theirs: Measuring["textMetrics"]["width"] | undefined;

/**
 * Vega guesses text widths from the number of letters, or asks a canvas where one happens to be installed. While one of ours is being drawn it
 * measures by the shipped fonts; afterwards its own way is put back for others who use it in this process.
 */
function measureOurselves(vega: Measuring): () => void {
  if (measuring++ === 0) {
    theirs = vega.textMetrics.width;
    vega.textMetrics.width = itemWidth;
  }
  return () => {
    if (--measuring === 0 && theirs !== undefined) vega.textMetrics.width = theirs;
  };
}

/** Width of an item's text. Where it has a limit that is the most, and Vega, which shortens what is not below the limit, sees that it must. */
function itemWidth(item: Readonly<Record<string, unknown>>, text: unknown): number {
  const whole = text === null || text === undefined ? "" : String(text).trim();
  const width = textWidth(whole, Number(item.fontSize ?? 11), item.fontWeight as string | undefined);
  const limit = Number(item.limit ?? 0);
  return limit > 0 ? Math.min(width, limit) : width;
}

/** A logger that keeps errors (and warnings when asked) and prints nothing: standard output belongs to the caller. */
function collector(into: string[], warnings = false): object {
  const logger = {
    level: () => logger,
    error: (...words: unknown[]) => {
      into.push(words.map(String).join(" "));
      return logger;
    },
    warn: (...words: unknown[]) => {
      if (warnings) into.push(words.map(String).join(" "));
      return logger;
    },
    info: () => logger,
    debug: () => logger,
  };
  return logger;
}

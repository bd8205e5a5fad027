import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Which characters a face has, and how wide they are. */
export interface Face {
  /** Advance width of a character as a share of the font size, or undefined where the face does not have it. */
  advance(codePoint: number): number | undefined;
}

export const fontFiles = {
  regular: "SourceSans3-Regular.ttf",
  semibold: "SourceSans3-SemiBold.ttf",
  webRegular: "text-regular.woff2",
  webSemibold: "text-semibold.woff2",
} as const;

/** Path of a shipped font file: beside this module in the sources; the compiled module looks in the sources, too, since a compiler copies no fonts. */
export function fontPath(file: string): string {
  const beside = fileURLToPath(new URL(`./fonts/${file}`, import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL(`../../src/plot/fonts/${file}`, import.meta.url));
}

const faces = new Map<string, Face>();

/** The face of a weight; 600 and above is the semibold. */
export function face(weight: number | string | undefined): Face {
  const heavy = weight === "bold" || weight === "bolder" || Number(weight) >= 600;
  const file = heavy ? fontFiles.semibold : fontFiles.regular;
  let found = faces.get(file);
  if (found === undefined) {
    found = parseFace(readFileSync(fontPath(file)));
    faces.set(file, found);
  }
  return found;
}

/** Width of one line of text in pixels, without kerning. A character the face lacks counts one em, as wide as CJK ones are. */
export function textWidth(text: string, size: number, weight?: number | string): number {
  const measured = face(weight);
  let em = 0;
  for (const character of text) em += isInvisible(character) ? 0 : (measured.advance(character.codePointAt(0) ?? 0) ?? 1);
  return em * size;
}

/** Whether the shipped faces can draw every character of the text. */
export function canDraw(text: string): boolean {
  const measured = face(undefined);
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 32 && !isInvisible(character) && measured.advance(code) === undefined) return false;
  }
  return true;
}

/** Joiners, marks of direction and the like, which no font draws. */
function isInvisible(character: string): boolean {
  return /\p{Default_Ignorable_Code_Point}/u.test(character);
}

/** Reads the tables cmap (formats 4 and 12), hhea and hmtx of a TrueType file. Source: OpenType 1.9, chapters of these names. */
export function parseFace(file: Uint8Array): Face {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const tables = new Map<string, number>();
  for (let i = 0; i < view.getUint16(4); i++) {
    const at = 12 + 16 * i;
    tables.set(String.fromCharCode(...file.subarray(at, at + 4)), view.getUint32(at + 8));
  }
  const table = (tag: string): number => {
    const at = tables.get(tag);
    if (at === undefined) throw new Error(`font: no ${tag} table`);
    return at;
  };
  const unitsPerEm = view.getUint16(table("head") + 18);
  const metrics = view.getUint16(table("hhea") + 34);
  const hmtx = table("hmtx");
  const glyphs = readCmap(view, table("cmap"));
  return {
    advance(codePoint) {
      const glyph = glyphs.get(codePoint);
      return glyph === undefined ? undefined : view.getUint16(hmtx + 4 * Math.min(glyph, metrics - 1)) / unitsPerEm;
    },
  };
}

function readCmap(view: DataView, cmap: number): Map<number, number> {
  const glyphs = new Map<number, number>();
  for (let i = 0; i < view.getUint16(cmap + 2); i++) {
    const at = cmap + view.getUint32(cmap + 4 + 8 * i + 4);
    const format = view.getUint16(at);
    if (format === 4) readSegments(view, at, glyphs);
    if (format === 12) {
      for (let g = 0; g < view.getUint32(at + 12); g++) {
        const group = at + 16 + 12 * g;
        const first = view.getUint32(group);
        const last = view.getUint32(group + 4);
        for (let code = first; code <= last; code++) glyphs.set(code, view.getUint32(group + 8) + code - first);
      }
    }
  }
  return glyphs;
}

/** cmap format 4: segments of codes, mapped by a shift or through a list of glyphs. */
function readSegments(view: DataView, at: number, glyphs: Map<number, number>): void {
  const count = view.getUint16(at + 6) / 2;
  const ends = at + 14;
  const starts = ends + 2 * count + 2;
  const deltas = starts + 2 * count;
  const ranges = deltas + 2 * count;
  for (let s = 0; s < count; s++) {
    const start = view.getUint16(starts + 2 * s);
    const range = view.getUint16(ranges + 2 * s);
    for (let code = start; code <= view.getUint16(ends + 2 * s) && code < 0xffff; code++) {
      const raw = range === 0 ? code : view.getUint16(ranges + 2 * s + range + 2 * (code - start));
      if (raw !== 0) glyphs.set(code, (raw + view.getUint16(deltas + 2 * s)) & 0xffff);
    }
  }
}

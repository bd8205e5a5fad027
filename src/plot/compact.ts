import { fontFamily } from "./theme.ts";

/**
 * Vega's SVG, smaller and the same again. Hundredths of a pixel are enough, and the family is said once: two thirds of the size goes. Clips are
 * numbered from one in each picture, where Vega counts on through the process. The description becomes the picture's label.
 *
 * Only tags are rewritten, never the text between them; Vega escapes < and > in attributes, so a tag ends where it seems to.
 */
export function compact(svg: string, description: string | undefined): string {
  const family = ` font-family="${fontFamily}"`;
  const numbers = new Map<string, string>();
  const numbered = (_: string, before: string, id: string, kind: string): string => {
    const number = numbers.get(id) ?? `${kind}${numbers.size + 1}`;
    numbers.set(id, number);
    return before + number;
  };
  const small = svg.replace(/<[a-z][^>]*>/gi, (tag) =>
    tag
      .replaceAll(family, "")
      .replace(/( id="|="url\(#)((clip|gradient_)\d+)/g, numbered)
      .replace(/ (d|transform|x|y|x1|x2|y1|y2|width|height|viewBox|points)="[^"]*"/g, (attribute) => attribute.replace(/-?\d*\.\d{3,}(?:e-?\d+)?/g, hundredths))
      .replace(/ (?:role="graphics-(?:object|symbol)"|aria-roledescription="[^"]*"|opacity="1")/g, "")
      // The back and front of a group are drawn even where they have no colour.
      .replace(/^<path class="(?:background|foreground)"(?!.* (?:fill|stroke)=).*\/>$/, ""),
  );
  const label = description === undefined ? "" : ` role="img" aria-label="${attributeText(description)}"`;
  return printable(small.replace(/^<svg /, () => `<svg${family}${label} `));
}

function hundredths(number: string): string {
  // Adding zero makes a negative zero plain.
  return String(Number(Number(number).toFixed(2)) + 0);
}

/** XML has no place for control characters, not even escaped ones; marks that turn the writing around would turn what follows as well. */
function printable(text: string): string {
  return text.replace(/(?![\t\n\r])\p{Cc}|\p{Cs}|[\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu, "\ufffd");
}

function attributeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replace(/\s/g, " ");
}

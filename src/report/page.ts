import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fontFiles, fontPath } from "../plot/font.ts";
import { type Content, type Html, html, slug, trusted } from "./html.ts";
import type { Section } from "./part.ts";
import { script } from "./script.ts";
import { style } from "./style.ts";

/** A whole page: title, sections, footer. */
export interface Page {
  readonly title: string;
  /** What sort of document it is, above the title: "Uplift comparison". */
  readonly kind: string;
  /** One line below the title. */
  readonly facts?: Content;
  readonly sections: readonly Section[];
  readonly footer?: Content;
}

/**
 * One HTML file that needs nothing else: style, script, typeface and pictures are in it. Its content security policy forbids every request, and
 * allows the one style sheet and the one script by their hashes, so that nothing which slipped in from the data could run.
 */
export function page({ title, kind, facts, sections, footer }: Page): string {
  const css = fontFaces() + style;
  const policy = `default-src 'none'; style-src '${sha256(css)}'; script-src '${sha256(script)}'; font-src data:; img-src data:; base-uri 'none'; form-action 'none'`;
  const ids = distinct(sections.map((section) => slug(section.short)));
  return `${
    html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="liftwise">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${trusted(css)}</style>
</head>
<body>
<div class="page">
<header><p class="kind">${kind}</p><h1>${title}</h1>${facts === undefined ? undefined : html`<p class="facts">${facts}</p>`}</header>
<nav aria-label="Contents"><ul>${sections.map(({ short }, i) => html`<li><a href="#${ids[i]}">${short}</a></li>`)}</ul></nav>
<main>
${numbered(html`${sections.map((section, i) => chapter(section, ids[i]))}`)}
</main>
<footer>${footer}</footer>
</div>
<script>${trusted(script)}</script>
</body>
</html>
`.html
  }`;
}

function chapter({ title, lede, body }: Section, id: string): Html {
  return html`<section id="${id}"><h2>${title}</h2>${lede === undefined ? undefined : html`<p class="lede">${lede}</p>`}
${body}</section>
`;
}

/** Pictures number their clips from zero, each for itself; in one page every picture's get its own prefix. */
function numbered(body: Html): Html {
  let count = 0;
  const own = (svg: string): string => {
    const prefix = `picture-${++count}-`;
    return svg.replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(' id="', ` id="${prefix}`).replace('="url(#', `="url(#${prefix}`));
  };
  return trusted(body.html.replace(/<svg [\s\S]*?<\/svg>/g, own));
}

function distinct(ids: readonly string[]): readonly string[] {
  return ids.map((id, i) => {
    const before = ids.slice(0, i).filter((other) => other === id).length;
    return before === 0 ? id : `${id}-${before + 1}`;
  });
}

function sha256(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

function fontFaces(): string {
  return fontFace(fontFiles.webRegular, 400) + fontFace(fontFiles.webSemibold, 600);
}

function fontFace(file: string, weight: number): string {
  const data = readFileSync(fontPath(file)).toString("base64");
  return `@font-face { font-family: "Liftwise Text"; font-weight: ${weight}; font-style: normal; src: url(data:font/woff2;base64,${data}) format("woff2"); }\n`;
}

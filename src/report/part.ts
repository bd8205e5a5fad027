import { type Spec, toSvg } from "../plot/index.ts";
import { type Content, type Html, html, trusted } from "./html.ts";

/** A chapter of a page: `page` draws it and lists it in the contents. */
export interface Section {
  readonly title: string;
  /** Its name in the contents. */
  readonly short: string;
  readonly lede: Content;
  readonly body: Content;
}

/** A chapter with a heading. @param options lede: one or two sentences below the heading; short: name in the contents, the title by default */
export function section(title: string, body: Content, options: { readonly lede?: Content; readonly short?: string } = {}): Section {
  return { title, body, lede: options.lede, short: options.short ?? title };
}

/** A heading inside a chapter with what belongs to it. */
export function subsection(title: string, body: Content, level: 3 | 4 = 3): Html {
  return html`<div class="part"><h${level}>${title}</h${level}>${body}</div>`;
}

/** A paragraph. */
export function paragraph(text: Content): Html {
  return html`<p>${text}</p>`;
}

/** A list of items. */
export function list(items: readonly Content[]): Html {
  return html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`;
}

/** A remark in the flow of the text: something to know, or something to act on. */
export function notice(kind: "note" | "warning", body: Content): Html {
  return html`<div class="notice ${kind}" role="note">${kind === "warning" ? html`<strong>Warning.</strong> ` : undefined}${body}</div>`;
}

/** What can be opened: closed on screen, open on paper. */
export function details(summary: Content, body: Content): Html {
  return html`<details><summary>${summary}</summary><div class="inside">${body}</div></details>`;
}

/**
 * A picture with its caption, drawn when the report is made: it shows without scripts. Its marks carry their values as labels, which the page's
 * script shows under the pointer.
 */
export async function figure(spec: Spec, caption: Content, options: { readonly class?: string } = {}): Promise<Html> {
  return html`<figure class="${options.class}"><figcaption>${caption}</figcaption><div class="picture">${inlineSvg(await toSvg(spec))}</div></figure>`;
}

/** An SVG of ours for use inside a page: without namespaces and font, which the page has, and with labels on marks only, not on axes. */
export function inlineSvg(svg: string): Html {
  return trusted(
    svg.replace(/<(?:svg|g) [^>]*>/g, (tag) =>
      tag.startsWith("<svg ") ? tag.replace(/ (?:xmlns(?::\w+)?|version|font-family|class)="[^"]*"/g, "") : tag.replace(/ (?:class|aria-label)="[^"]*"/g, ""),
    ),
  );
}

/** One column of a table in a page. */
export interface TableColumn {
  readonly title: Content;
  /** Numbers stand to the right. Defaults to text. */
  readonly kind?: "text" | "number";
}

/** A cell may have a smaller second line, a number to sort by, and a word that makes it stand out. */
export interface Cell {
  readonly text: Content;
  readonly under?: Content;
  readonly sort?: number;
  readonly strong?: boolean;
}

/** Settings of a table in a page. */
export interface TableOptions {
  readonly columns: readonly TableColumn[];
  /** The first cell of a row names it. */
  readonly rows: readonly (readonly (Cell | string)[])[];
  readonly caption?: Content;
  /** What a screen reader calls the table; the caption, when that is plain text. */
  readonly label?: string;
  /** Below the table. */
  readonly notes?: readonly Content[];
  /** Whether headings sort the rows where scripts run. Defaults to no. */
  readonly sortable?: boolean;
}

/** A table; wide ones scroll inside their own box. */
export function table(options: TableOptions): Html {
  const { columns, rows } = options;
  const head = columns.map(({ title, kind }) => html`<th scope="col" class="${kind === "number" ? "number" : ""}">${title}</th>`);
  const body = rows.map((row) => html`<tr>${row.map((cell, i) => drawCell(cell, i, columns[i]?.kind))}</tr>\n`);
  const notes = (options.notes ?? []).length === 0 ? undefined : html`<ol class="notes">${options.notes?.map((note) => html`<li>${note}</li>`)}</ol>`;
  const caption = options.caption === undefined ? undefined : html`<caption>${options.caption}</caption>`;
  const label = options.label ?? (typeof options.caption === "string" ? options.caption : "table");
  return html`<div class="table" role="region" tabindex="0" aria-label="${label}"><table${options.sortable ? trusted(' data-sortable=""') : undefined}>${caption}<thead><tr>${head}</tr></thead><tbody>
${body}</tbody></table></div>${notes}`;
}

function drawCell(given: Cell | string, index: number, kind: TableColumn["kind"]): Html {
  const cell: Cell = typeof given === "string" ? { text: given } : given;
  const under = cell.under === undefined ? undefined : html`<small>${cell.under}</small>`;
  const text = cell.strong ? html`<strong>${cell.text}</strong>` : cell.text;
  const order = cell.sort === undefined || !Number.isFinite(cell.sort) ? undefined : html` data-sort="${cell.sort}"`;
  if (index === 0) return html`<th scope="row"${order}>${text}${under}</th>`;
  return html`<td class="${kind === "number" ? "number" : ""}"${order}>${text}${under}</td>`;
}

/**
 * Panels of which one is shown (and printed) at a time, chosen by mouse or arrow keys; without scripts all of them stand one below the other, each
 * under its title. One panel alone needs no tabs and gets none.
 */
export function tabs(label: string, panels: readonly { readonly title: string; readonly body: Content }[], level: 3 | 4 = 3): Html {
  if (panels.length === 1) return html`${panels[0].body}`;
  return html`<div class="tabs" data-tabs="${label}">${panels.map(({ title, body }) => html`<div class="panel" data-title="${title}"><h${level}>${title}</h${level}>${body}</div>`)}</div>`;
}

/** Pictures beside each other where there is room. */
export function sideBySide(...parts: readonly Content[]): Html {
  return html`<div class="beside">${parts}</div>`;
}

/** Headline numbers. */
export function tiles(items: readonly { readonly label: Content; readonly value: Content; readonly under?: Content }[]): Html {
  return html`<dl class="tiles">${items.map(({ label, value, under }) => html`<div><dt>${label}</dt><dd><span>${value}</span>${under === undefined ? undefined : html`<small>${under}</small>`}</dd></div>`)}</dl>`;
}

/** Terms with what they mean; `brief` ones stand beside their meanings instead of above them. */
export function definitions(terms: readonly { readonly term: Content; readonly meaning: Content }[], options: { readonly brief?: boolean } = {}): Html {
  return html`<dl class="${options.brief ? "brief" : "terms"}">${terms.map(({ term, meaning }) => html`<dt>${term}</dt><dd>${meaning}</dd>`)}</dl>`;
}

/** Text as it is, in fixed width. */
export function code(text: string): Html {
  return html`<pre tabindex="0"><code>${text}</code></pre>`;
}

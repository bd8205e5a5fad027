/** A piece of HTML that is safe to put into a page. Only `html` makes it from text, and that escapes; so what a user wrote stays text. */
export interface Html {
  readonly html: string;
}

/** What a page may hold: text, which is escaped, and pieces of HTML. */
export type Content = Html | string | number | null | undefined | false | readonly Content[];

/** Template for HTML: what is put in is escaped unless it is a piece of HTML; lists are joined; null, undefined and false leave nothing. */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Html {
  let text = strings[0];
  contents.forEach((content, i) => {
    text += render(content) + strings[i + 1];
  });
  return { html: text };
}

/** HTML that was made elsewhere and is known to be safe: pictures, and what is stored in this folder. */
export function trusted(text: string): Html {
  return { html: text };
}

function render(content: Content): string {
  if (content === null || content === undefined || content === false) return "";
  if (Array.isArray(content)) return content.map(render).join("");
  if (typeof content === "object") return (content as Html).html;
  return escapeHtml(String(content));
}

/** Text for element content and quoted attributes. Control characters, which HTML does not allow, and marks that turn the writing direction show as U+FFFD. */
export function escapeHtml(text: string): string {
  return text
    .replace(/(?![\t\n\r])\p{Cc}|\p{Cs}|[\u202a-\u202e\u2066-\u2069]/gu, "\ufffd")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;")
    .replace(/'/g, "&#39;");
}

/** A name for use as an id: letters, digits and hyphens. Names with nothing of these still differ from each other by their hash. */
export function slug(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  return plain === "" ? `s-${hash(text)}` : plain;
}

/** FNV-1a, 32 bits, as letters and digits: tells pictures apart, nothing more. */
export function hash(text: string): string {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h >>> 0).toString(36);
}

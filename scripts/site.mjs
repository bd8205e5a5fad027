// `npm run docs`: the documentation as a static site in site/, to be opened from disk: pages, executed notebooks, reference from the source, search.
//   node scripts/site.mjs [FOLDER] [--without-api]
// Nothing of it asks the network for anything. A link that leads nowhere fails the build.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, posix, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Marked } from "marked";
import { apiReference } from "./site/api.mjs";
import { notebookHtml } from "./site/notebook.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const words = process.argv.slice(2);
const out = resolve(words.find((word) => !word.startsWith("-")) ?? join(root, "site"));
if (existsSync(out) && !existsSync(join(out, "search.js")) && readdirSync(out).length > 0) {
  console.error(`docs: ${out} holds something else; name another folder`);
  process.exit(2);
}
rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "assets"), { recursive: true });

const guides = ["data", "experiment", "uplift", "trees", "evaluate", "budget", "levers", "cannibalisation", "attribution", "longterm", "gate", "notebooks"];
const folder = (path, pattern) =>
  existsSync(join(root, path))
    ? readdirSync(join(root, path))
        .filter((name) => pattern.test(name))
        .sort()
        .map((name) => `${path}/${name}`)
    : [];
const others = folder("docs/guides", /\.md$/).filter((page) => !guides.includes(posix.basename(page, ".md")));
const sections = [
  { title: "Start", pages: ["README.md", ...guides.map((name) => `docs/guides/${name}.md`), ...others].filter((page) => existsSync(join(root, page))) },
  { title: "Notebooks", pages: folder("notebooks", /\.ipynb$/) },
  {
    title: "Look up",
    pages: ["docs/cli.md", "docs/models.md", "docs/metrics.md", "DEFINITIONS.md", "docs/benchmarks.md", "docs/install-size.md", "REFERENCES.md"],
  },
  { title: "How it is made", pages: ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", ...folder("docs/decisions", /\.md$/)] },
  {
    title: "Data sets",
    pages: readdirSync(join(root, "datasets"))
      .filter((name) => existsSync(join(root, "datasets", name, "card.md")))
      .sort()
      .map((name) => `datasets/${name}/card.md`),
  },
].map((section) => ({ ...section, pages: section.pages.filter((page) => existsSync(join(root, page))) }));
const made = new Set(sections.flatMap(({ pages }) => pages));
const addressOf = (page) => (page === "README.md" ? "index.html" : page.replace(/\.(md|ipynb)$/, ".html"));

const found = [];
const titles = new Map();
const bodies = new Map();
for (const page of made) {
  const text = readFileSync(join(root, page), "utf8");
  const notebook = page.endsWith(".ipynb");
  const body = notebook
    ? notebookHtml(
        JSON.parse(text),
        (markdown) => rendered(markdown, page),
        (png, i) => picture(page, png, i),
      )
    : rendered(text, page);
  bodies.set(page, body);
  titles.set(page, plain(/<h1[^>]*>([\s\S]*?)<\/h1>/.exec(body)?.[1] ?? page));
  index(page, body);
}
const api = words.includes("--without-api") ? [] : await apiReference(root, out);
found.push(...api);
for (const page of made) write(addressOf(page), layout(page));
assets();
const broken = brokenLinks();
for (const fault of broken) console.error(fault);
console.log(
  `${relative(process.cwd(), out) || "."}: ${made.size} pages, ${api.length} entries of the reference, ${found.length} in the search, ${broken.length} broken links`,
);
process.exitCode = broken.length === 0 ? 0 : 1;

function rendered(markdown, page) {
  const marked = new Marked({ gfm: true });
  const used = new Map();
  marked.use({
    renderer: {
      heading({ tokens, depth }) {
        const inner = this.parser.parseInline(tokens);
        const name = slug(plain(inner));
        const count = used.get(name) ?? 0;
        used.set(name, count + 1);
        return `<h${depth} id="${name}${count === 0 ? "" : `-${count}`}">${inner}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        return `<a href="${escapeHtml(target(href, page))}">${this.parser.parseInline(tokens)}</a>`;
      },
      // Comments are notes to whoever edits the page.
      html({ text }) {
        return text.trim().startsWith("<!--") ? "" : text;
      },
      table(token) {
        const row = (cells, tag) => `<tr>${cells.map((cell) => `<${tag}>${this.parser.parseInline(cell.tokens)}</${tag}>`).join("")}</tr>`;
        return `<div class="wide"><table><thead>${row(token.header, "th")}</thead><tbody>${token.rows.map((cells) => row(cells, "td")).join("")}</tbody></table></div>`;
      },
    },
  });
  return marked.parse(markdown);
}

// Links between files of the project become links between pages; those to source files lead to the reference's own page of them, which is not there: they stay words.
function target(href, page) {
  if (/^(https?:|mailto:|#)/.test(href)) return href;
  const [path, hash] = href.split("#");
  const file = posix.normalize(posix.join(posix.dirname(page), path));
  const suffix = hash === undefined ? "" : `#${hash}`;
  if (made.has(file)) return `${posix.relative(posix.dirname(addressOf(page)), addressOf(file)) || posix.basename(addressOf(file))}${suffix}`;
  if (!existsSync(join(root, file))) return `missing:${file}`;
  copyFile(file);
  return `${posix.relative(posix.dirname(addressOf(page)), `files/${file}`)}`;
}

// Anything else that a page points to goes along as it is, a folder as the list of what is in it.
function copyFile(file) {
  const to = join(out, "files", file);
  mkdirSync(dirname(to), { recursive: true });
  const from = join(root, file);
  try {
    writeFileSync(to, readFileSync(from));
  } catch {
    mkdirSync(to, { recursive: true });
    const names = readdirSync(from).sort();
    writeFileSync(
      join(to, "index.html"),
      `<!doctype html><meta charset="utf-8"><title>${escapeHtml(file)}</title><ul>${names.map((name) => `<li>${escapeHtml(name)}</li>`).join("")}</ul>`,
    );
  }
}

function picture(page, png, i) {
  const name = `${addressOf(page).replace(/\.html$/, "")}-${i}.png`;
  mkdirSync(dirname(join(out, name)), { recursive: true });
  writeFileSync(join(out, name), png);
  return posix.basename(name);
}

// One entry of the search for every heading, with the text below it.
function index(page, body) {
  const parts = body.split(/(?=<h[1-3] id=)/);
  for (const part of parts) {
    const head = /^<h[1-3] id="([^"]*)">([\s\S]*?)<\/h/.exec(part);
    if (head === null) continue;
    found.push({
      title: plain(head[2]),
      page: titles.get(page),
      text: plain(part.replace(/^<h[\s\S]*?<\/h\d>/, "")).slice(0, 4000),
      at: `${addressOf(page)}#${head[1]}`,
    });
  }
}

function layout(page) {
  const up = "../".repeat(addressOf(page).split("/").length - 1);
  const menu = sections
    .map(
      ({ title, pages }) =>
        `<details${pages.includes(page) || title !== "Data sets" ? " open" : ""}><summary>${title}</summary><ul>${pages
          .map((other) => `<li><a href="${up}${addressOf(other)}"${other === page ? ' aria-current="page"' : ""}>${escapeHtml(titles.get(other))}</a></li>`)
          .join("")}</ul></details>`,
    )
    .join("\n");
  const reference = words.includes("--without-api") ? "" : `<p><a href="${up}api/index.html">Reference of the library</a></p>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(titles.get(page))}${page === "README.md" ? "" : " - liftwise"}</title>
<link rel="stylesheet" href="${up}assets/site.css">
<link rel="icon" href="data:,">
</head>
<body data-up="${up}">
<nav>
<a class="home" href="${up}index.html">liftwise</a>
<label for="search">Search</label>
<input id="search" type="search" placeholder="Qini, allocate, baseline" autocomplete="off">
<ol id="hits" aria-live="polite"></ol>
${menu}
${reference}
</nav>
<main>
${bodies.get(page)}
</main>
<script src="${up}search.js"></script>
<script src="${up}assets/site.js"></script>
</body>
</html>
`;
}

function write(path, text) {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  writeFileSync(join(out, path), text);
}

function assets() {
  const here = join(root, "scripts", "site");
  for (const name of ["site.css", "site.js"]) cpSync(join(here, name), join(out, "assets", name));
  for (const name of ["text-regular.woff2", "text-semibold.woff2"]) cpSync(join(root, "src", "plot", "fonts", name), join(out, "assets", name));
  // The search runs from disk, where pages may not fetch: library and index are one script.
  const library = readFileSync(join(dirname(createRequire(import.meta.url).resolve("minisearch")), "..", "umd", "index.js"), "utf8").replace(
    /^\/\/# sourceMappingURL.*$/m,
    "",
  );
  const records = JSON.stringify(found.map((record, id) => ({ id, ...record }))).replaceAll("<", "\\u003c");
  write("search.js", `${library}\nwindow.liftwiseIndex = ${records};\n`);
}

function brokenLinks() {
  const faults = [];
  const anchors = new Map();
  const idsOf = (file) => {
    if (!anchors.has(file)) anchors.set(file, new Set([...readFileSync(file, "utf8").matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)));
    return anchors.get(file);
  };
  for (const page of made) {
    const file = join(out, addressOf(page));
    for (const [, href] of readFileSync(file, "utf8").matchAll(/\s(?:href|src)="([^"]*)"/g)) {
      if (/^(https?:|mailto:|data:)/.test(href)) continue;
      const [path, hash] = href.split("#");
      const to = path === "" ? file : join(dirname(file), decodeURIComponent(path));
      if (!existsSync(to)) faults.push(`${page}: link to ${href}, which does not exist`);
      else if (hash && to.endsWith(".html") && !idsOf(to).has(hash)) faults.push(`${page}: link to ${href}, and there is no such heading`);
    }
  }
  return faults;
}

// As GitHub makes anchors, so that links work there and here.
function slug(text) {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
}

function plain(html) {
  return html
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&")
    .replaceAll(/\s+/g, " ")
    .trim();
}

function escapeHtml(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

// Writes the tables that come from the code into the Markdown files, between `<!-- begin:NAME -->` and `<!-- end:NAME -->`.
// `--check` writes nothing and fails when a table, a citation key or an internal link no longer fits.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { execFileSync } from "node:child_process";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const check = process.argv.includes("--check");
const load = (path) => import(pathToFileURL(join(root, "dist", path)).href);
if (!existsSync(join(root, "dist", "models.js"))) execFileSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: "inherit" });

const { z } = await import("zod");
const { models } = await load("models.js");
const { metrics } = await load("metrics/index.js");
const { suites } = await load("evaluate/suites/index.js");
const { generators } = await load("data/synth/index.js");
const { main } = await load("cli/main.js");
const { verbs } = await load("cli/verb.js");

const cell = (text) => String(text).replaceAll("|", "\\|").replaceAll("\n", " ");
const table = (head, rows) => [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");
const cite = (source) => source.map(({ key, at }) => `[${key}](${"REFERENCES.md"}#${key.toLowerCase()})${at ? `, ${at}` : ""}`).join("; ");

// Help is laid out for this width, whatever the terminal's.
Object.defineProperty(process.stdout, "columns", { value: 120, configurable: true });
const help = new Map();
for (const { name } of verbs) {
  let text = "";
  await main([...name.split(" "), "--help"], { out: (part) => (text += part), err: () => {} });
  help.set(name, text.trimEnd().replaceAll(/[ \t]+$/gm, ""));
}

const blocks = {
  cli: () => [...help].map(([name, text]) => `## ${name}\n\n\`\`\`text\n${text}\n\`\`\``).join("\n\n"),
  "metric-options": () =>
    metrics
      .map((m) => [m, flatten(z.toJSONSchema(m.options, { io: "input", unrepresentable: "any" }))])
      .map(
        ([m, rows]) =>
          `## ${m.id}\n\n${m.summary}. ${m.better === "higher" ? "Higher" : "Lower"} is better; needs ${m.needs.join(" and ")}.\n\n${rows.length === 0 ? "No options." : table(["Option", "Values", "Default", "Meaning"], rows)}`,
      )
      .join("\n\n"),
  models: () =>
    table(
      ["Model", "What it is", "Arms", "Outcomes", "Intervals", "Source"],
      models.map((m) => [`\`${m.id}\``, m.summary, m.traits.arms, m.traits.outcomes.join(", "), m.traits.intervals ? "yes" : "-", cite(m.source)]),
    ),
  "model-options": () => models.map((m) => `## ${m.id}\n\n${m.summary}\n\n${departures(m)}${optionTable(m.config)}`).join("\n\n"),
  metrics: () =>
    table(
      ["Metric", "What it measures", "Better", "Needs"],
      metrics.map((m) => [`\`${m.id}\``, m.summary, m.better, m.needs.join(", ")]),
    ),
  suites: () =>
    table(
      ["Suite", "What it runs"],
      suites.map((s) => [`\`${s.id}\``, s.summary]),
    ),
  generators: () =>
    table(
      ["Generator", "What it makes", "Source"],
      generators.map((g) => [`\`simulate:${g.id}\``, g.summary, cite(g.source)]),
    ),
  quality: () =>
    results("quality")
      .map(([name, { suite, rows, settings }]) => `## ${suite ?? name}\n\n${settings ? `${settings}\n\n` : ""}${qualityTable(rows)}`)
      .join("\n\n"),
  speed: () =>
    results("speed/results")
      .map(([name, result]) => `## ${name}\n\n${speedText(result)}`)
      .join("\n\n"),
  datasets: () =>
    table(
      ["Name", "Title", "Licence"],
      datasetFolders().map((name) => {
        const s = JSON.parse(readFileSync(join(root, "datasets", name, "schema.json"), "utf8"));
        return [`[\`${name}\`](${"datasets"}/${name}/card.md)`, s.title, s.licence ?? ""];
      }),
    ),
};

function results(folder) {
  const path = join(root, "bench", folder);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => [name.replace(/\.json$/, ""), JSON.parse(readFileSync(join(path, name), "utf8"))]);
}

// One table a metric: models down, cases across.
function qualityTable(rows) {
  const metrics = [...new Set(rows.map((row) => row.metric))];
  return metrics
    .map((metric) => {
      const of = rows.filter((row) => row.metric === metric);
      const cases = [...new Set(of.map((row) => row.case))];
      const models = [...new Set(of.map((row) => row.model))];
      const entry = (model, name) => {
        const row = of.find((one) => one.model === model && one.case === name);
        return row === undefined ? "-" : `${Number(row.mean).toPrecision(3)}${row.se ? ` ± ${Number(row.se).toPrecision(2)}` : ""}`;
      };
      return `**${metric}** (mean ± standard error, n = ${[...new Set(of.map((row) => row.n))].join(", ")})\n\n${table(
        ["", ...cases],
        models.map((model) => [model, ...cases.map((name) => entry(model, name))]),
      )}`;
    })
    .join("\n\n");
}

function speedText(result) {
  const rows = result.rows ?? result.cases ?? [];
  const head = result.machine ? `${typeof result.machine === "string" ? result.machine : JSON.stringify(result.machine)}\n\n` : "";
  if (!Array.isArray(rows) || rows.length === 0) return `${head}\`\`\`json\n${JSON.stringify(result, null, 1)}\n\`\`\``;
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return (
    head +
    table(
      columns,
      rows.map((row) =>
        columns.map((column) =>
          row[column] === undefined
            ? "-"
            : typeof row[column] === "number"
              ? Number(row[column].toPrecision(4))
              : typeof row[column] === "object"
                ? JSON.stringify(row[column])
                : row[column],
        ),
      ),
    )
  );
}

function datasetFolders() {
  return readdirSync(join(root, "datasets"))
    .filter((name) => existsSync(join(root, "datasets", name, "schema.json")))
    .sort();
}

function departures(model) {
  const list = model.source.filter((s) => s.departure).map((s) => `- ${s.key}: ${s.departure}`);
  return list.length > 0 ? `Departures from the source:\n${list.join("\n")}\n\n` : "";
}

function optionTable(config) {
  return table(["Option", "Values", "Default", "Meaning"], flatten(z.toJSONSchema(config, { io: "input", unrepresentable: "any" })));
}

function flatten(schema, prefix = "") {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const name = prefix + key;
    if (value.type === "object" && value.properties) return flatten(value, `${name}.`);
    return [[`\`${name}\``, valuesOf(value), value.default === undefined ? "-" : `\`${JSON.stringify(value.default)}\``, value.description ?? ""]];
  });
}

function valuesOf(value) {
  if (value.const !== undefined) return JSON.stringify(value.const);
  if (value.enum) return value.enum.join(", ");
  if (value.anyOf) return value.anyOf.map(valuesOf).join(" or ");
  const low = value.minimum ?? (value.exclusiveMinimum !== undefined ? `over ${value.exclusiveMinimum}` : undefined);
  const high = value.maximum ?? (value.exclusiveMaximum !== undefined ? `under ${value.exclusiveMaximum}` : undefined);
  const bound = (limit) => (limit === undefined || Math.abs(limit) === Number.MAX_SAFE_INTEGER ? undefined : limit);
  const range = [bound(low), bound(high)].some((limit) => limit !== undefined) ? `, ${bound(low) ?? "any"} to ${bound(high) ?? "any"}` : "";
  return `${value.type ?? "any"}${range}`;
}

const problems = [];
const pages = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], { cwd: root, encoding: "utf8" })
  .trim()
  .split("\n")
  .filter((page) => existsSync(join(root, page)));

for (const page of pages) {
  const file = join(root, page);
  const text = readFileSync(file, "utf8");
  const up = relative(dirname(file), root);
  const next = text.replace(/(<!-- begin:([\w-]+) -->)[\s\S]*?(<!-- end:\2 -->)/g, (whole, begin, name, end) => {
    if (blocks[name] === undefined) problems.push(`${page}: there is no generated block "${name}"`);
    // Links in generated tables are written from the root.
    return blocks[name] === undefined
      ? whole
      : `${begin}\n\n${blocks[name]().replace(/\]\((REFERENCES|datasets)/g, `](${up === "" ? "" : `${up}/`}$1`)}\n\n${end}`;
  });
  if (next !== text) {
    if (check) problems.push(`${page}: generated tables are out of date; run npm run docs:update`);
    else writeFileSync(file, next);
  }
  for (const [, target] of next.replace(/```[\s\S]*?```/g, "").matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^(https?:|mailto:|#)/.test(target)) continue;
    if (!existsSync(resolve(dirname(file), target.split("#")[0]))) problems.push(`${page}: link to ${target}, which does not exist`);
  }
}

// Every key cited in a registry or in a comment of the form `// Nie2021, eq. 4` stands in REFERENCES.md.
const known = new Set([...readFileSync(join(root, "REFERENCES.md"), "utf8").matchAll(/^## (\w+)$/gm)].map(([, key]) => key));
const cited = new Map();
for (const item of [...models, ...generators]) for (const { key } of item.source) cited.set(key, item.id);
for (const file of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))) {
  const text = readFileSync(join(root, "src", file), "utf8");
  for (const [, key] of text.matchAll(/\b([A-Z][A-Za-z]+(?:19|20)\d\d[a-z]?)\b/g)) cited.set(key, file);
}
for (const [key, where] of cited) if (!known.has(key)) problems.push(`REFERENCES.md: no entry "${key}", cited in ${where}`);

for (const problem of problems) console.error(problem);
if (problems.length > 0 && check) process.exit(1);
if (problems.length > 0) process.exitCode = 1;

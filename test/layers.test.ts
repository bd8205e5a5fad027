import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

// Who may import whom: the table of ARCHITECTURE.md. A folder may always import itself.
const allowed: Readonly<Record<string, readonly string[]>> = {
  base: [],
  data: ["base"],
  compute: ["base"],
  learn: ["base", "data", "compute"],
  metrics: ["base", "data"],
  model: ["base", "data"],
  experiment: ["base", "data"],
  allocate: ["base", "data"],
  uplift: ["base", "data", "compute", "learn", "model"],
  attribution: ["base", "data", "compute", "learn", "model"],
  longterm: ["base", "data", "compute", "learn", "model"],
  evaluate: ["base", "data", "model", "metrics", "experiment", "learn"],
  plot: ["base", "metrics"],
  "models.ts": ["uplift", "attribution", "longterm", "model", "base"],
  report: ["base", "data", "metrics", "experiment", "allocate", "evaluate", "plot", "model"],
};
const free = new Set(["cli", "index.ts", "public"]);

const source = resolve(dirname(fileURLToPath(import.meta.url)), "..", "src");

test("every import follows the layer table", () => {
  const broken: string[] = [];
  for (const file of filesBelow(source)) {
    const from = layerOf(file);
    if (free.has(from)) continue;
    const text = code(file);
    for (const [, path] of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
      const to = layerOf(resolve(dirname(file), path));
      if (to !== from && !(allowed[from] ?? []).includes(to)) broken.push(`${relative(source, file)} imports ${to}`);
    }
  }
  expect(broken).toEqual([]);
});

test("only compute knows an engine, only data the database, only plot the picture libraries", () => {
  const home: Readonly<Record<string, string>> = { "onnxruntime-": "compute", "@tensorflow/": "compute", "@duckdb/": "data", vega: "plot", "@resvg/": "plot" };
  const broken: string[] = [];
  for (const file of filesBelow(source)) {
    const text = code(file);
    for (const [, name] of text.matchAll(/(?:from|import|resolve)\s*\(?\s*"([^."][^"]*)"/g)) {
      for (const [prefix, folder] of Object.entries(home)) {
        if (name.startsWith(prefix) && layerOf(file) !== folder) broken.push(`${relative(source, file)} imports ${name}`);
      }
    }
  }
  expect(broken).toEqual([]);
});

// Examples in comments import as a user would.
function code(file: string): string {
  return readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}

function layerOf(path: string): string {
  return relative(source, path).split("/")[0];
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
}

// Writes docs/install-size.md: what an installation of the packed package brings, dependency by dependency. Needs what is built, and the registry.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { installed, installInto, pack } from "./fresh.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
// What belongs together, and what for.
const families = [
  [["@duckdb/node-api", "@duckdb/node-bindings"], "reads and writes CSV, Parquet and JSON; joins and sorts logs larger than memory"],
  [["onnxruntime-node"], "nets, native (optional)"],
  [["onnxruntime-web"], "nets, where the native library is not there: WebAssembly"],
  [["vega", "vega-lite"], "SVG pictures"],
  [["@resvg/resvg-js"], "PNG pictures"],
  [["zod"], "settings: types, bounds, help"],
  [["ml-matrix"], "linear algebra of small matrices"],
  [["yargs"], "command line"],
  [["cli-table3"], "tables on a terminal"],
  [["cli-progress"], "progress on a terminal"],
];
const home = mkdtempSync(join(tmpdir(), "liftwise-size-"));
try {
  const tarball = pack(join(home, "pack"));
  const packages = installed(installInto(join(home, "project"), tarball));
  const byName = new Map(packages.map((one) => [one.name, one]));
  const own = byName.get("liftwise");
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const direct = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
  const reach = (names) => {
    const seen = new Set();
    const visit = (name) => {
      if (seen.has(name) || !byName.has(name)) return;
      seen.add(name);
      for (const other of byName.get(name).needs) visit(other);
    };
    for (const name of names) visit(name);
    return seen;
  };
  const bytesOf = (names) => [...names].reduce((sum, name) => sum + byName.get(name).bytes, 0);
  const known = families.flatMap(([names]) => names);
  const all = [...families, ...direct.filter((name) => !known.includes(name)).map((name) => [[name], ""])];
  const absent = all.filter(([names]) => !names.some((name) => byName.has(name)));
  const rows = all
    .map(([family, purpose]) => [family.filter((name) => byName.has(name)), purpose])
    .filter(([names]) => names.length > 0)
    .map(([names, purpose]) => {
      const others = reach(direct.filter((other) => !names.includes(other)));
      const mine = [...reach(names)].filter((other) => !others.has(other));
      return { names, version: byName.get(names[0]).version, brings: bytesOf(mine), count: mine.length, purpose };
    })
    .sort((a, b) => b.brings - a.brings);
  const counted = rows.reduce((sum, row) => sum + row.count, 1);
  const total = packages.reduce((sum, { bytes }) => sum + bytes, 0);
  const mega = (bytes) => (bytes / 1e6).toFixed(1);
  const text = `# Install size

Written by \`node scripts/install-size.mjs\`: the packed package, installed into an empty project (${process.platform} ${process.arch}, sizes of the files in MB of 10^6 bytes).

- the package itself: ${mega(statSync(tarball).size)} MB to download, ${mega(own.bytes)} MB unpacked
- with everything it needs: **${mega(total)} MB in ${packages.length} packages**

\`brings\` is what would not be there without this dependency: itself and the packages that nothing else needs.

| dependency | version | brings, MB | packages | for |
| --- | --- | --- | --- | --- |
${rows.map((row) => `| ${row.names.map((name) => `\`${name}\``).join(", ")} | ${row.version} | ${mega(row.brings)} | ${row.count} | ${row.purpose} |`).join("\n")}
| shared by several of them | | ${mega(total - own.bytes - rows.reduce((sum, row) => sum + row.brings, 0))} | ${packages.length - counted} | |

${absent.length === 0 ? "" : `Left out by npm on the machine that this was written on: ${absent.map(([names, purpose]) => `\`${names.join(", ")}\` (${purpose})`).join(", ")}. Its install script downloads, and npm passes over an optional package whose script fails.\n\n`}Nothing is compiled, and no other package's install script has to run. \`liftwise/metrics\`, \`liftwise/experiment\` and \`liftwise/allocate\` load none of the large ones
(\`node bench/speed/import.mjs\` says how long that takes).
`;
  writeFileSync(join(root, "docs", "install-size.md"), text);
  console.log(`${mega(total)} MB in ${packages.length} packages: docs/install-size.md`);
} finally {
  rmSync(home, { recursive: true, force: true });
}

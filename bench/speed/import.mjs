// How long it takes until `import "liftwise/metrics"` is there, in fresh processes: median over repetitions, less what an empty module takes.
//   node bench/speed/import.mjs [--json FILE]
import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const repetitions = 15;
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const entries = Object.keys(exports).filter((name) => name !== "./package.json");

function once(specifier) {
  const code = `const t = performance.now(); await import(${JSON.stringify(specifier)}); process.stdout.write(String(performance.now() - t));`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", code], { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const names = ["data:text/javascript,", ...entries.map((name) => name.replace(/^\./, "liftwise"))];
const times = new Map(names.map((name) => [name, []]));
// In turns, so that a busy moment meets all of them.
for (let r = 0; r < repetitions; r++) for (const name of names) times.get(name).push(once(name));
const empty = median(times.get(names[0]));
const rows = names.slice(1).map((name) => ({ entry: name, "median, ms": Number((median(times.get(name)) - empty).toFixed(1)), "least, ms": Number((Math.min(...times.get(name)) - empty).toFixed(1)) }));
for (const row of rows) console.log(`${row.entry.padEnd(24)} ${String(row["median, ms"]).padStart(7)} ms, at best ${row["least, ms"]} ms`);
const at = process.argv.indexOf("--json");
if (at > 0) {
  const machine = `${cpus()[0].model}, ${cpus().length} threads, Node ${process.version}; import time of each entry point in fresh processes, ${repetitions} repetitions in turns, less that of an empty module`;
  writeFileSync(process.argv[at + 1], `${JSON.stringify({ machine, rows }, null, 2)}\n`);
}

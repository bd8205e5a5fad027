// M-DLRI at scale: one million rows x 80 cells scored block by block, and the best of a million cells for each of 1,000 rows without laying them out.
//
//   npm run build && node bench/speed/leversScale.mjs [--out FILE]
//
// Writes seconds and processor seconds as JSON. Weights hardly matter for time, so the nets are trained for 100 steps only.
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Rng } from "../../dist/base/rng.js";
import { Dataset, numberColumn } from "../../dist/data/dataset.js";
import { everyCell } from "../../dist/data/levers.js";
import { simulate } from "../../dist/data/synth/index.js";
import { bestCells } from "../../dist/evaluate/leverChoice.js";
import { fit } from "../../dist/model/fit.js";
import { mdlri } from "../../dist/uplift/levers/mdlri.js";

const threads = 2;
const config = { steps: 100 };
const fitted = await fit(mdlri, simulate("levers", { n: 5000 }, 1), { config, threads });
const rng = new Rng(1);
const normals = (n) => Array.from({ length: 20 }, (_, j) => numberColumn(`x${j + 1}`, Float64Array.from({ length: n }, () => rng.normal())));
const prediction = await fitted.predict(new Dataset(normals(1_000_000), { features: [], outcomes: [] }));
const cells = everyCell(prediction.grid);
await prediction.response(cells, { to: 1000 });
const block = 16384;
let sum = 0;
const [started, used] = [performance.now(), process.cpuUsage()];
for (let from = 0; from < prediction.rows; from += block) {
  const response = await prediction.response(cells, { from, to: Math.min(prediction.rows, from + block) });
  sum += response[response.length - 1];
}
const cpu = process.cpuUsage(used);
const seconds = (performance.now() - started) / 1000;
const table = { what: "1,000,000 rows x 80 cells", seconds, cpuSeconds: (cpu.user + cpu.system) / 1e6, finite: Number.isFinite(sum) };
fitted.dispose();

const levers = Array.from({ length: 6 }, (_, l) => ({
  column: `lever${l}`,
  levels: Array.from({ length: 10 }, (_, k) => String(k)),
  costs: Array.from({ length: 10 }, (_, k) => k * 0.03),
}));
const n = 5000;
const codes = levers.map(() => Int32Array.from({ length: n }, () => rng.int(10)));
const x = normals(n);
const y = Float64Array.from({ length: n }, (_, i) => x[0].values[i] + codes.reduce((total, list, l) => total + Math.sqrt(list[i]) / (l + 2), 0) + rng.normal());
const six = new Dataset(
  [...x, ...levers.map(({ column, levels: own }, l) => ({ kind: "category", name: column, codes: codes[l], levels: own })), numberColumn("y", y)],
  { features: x.map(({ name }) => name), levers, outcomes: ["y"] },
);
const wide = await fit(mdlri, six, { config, threads });
const some = await wide.predict(six);
const before = performance.now();
const choice = await bestCells(some, { to: 1000 });
const search = { what: `best of ${some.grid.cells} cells for 1,000 rows`, how: choice.how, seconds: (performance.now() - before) / 1000 };
const result = { machine: { cores: availableParallelism(), cpu: cpus()[0]?.model, load: loadavg()[0] }, threads, measured: [table, search] };
const { values: flags } = parseArgs({ options: { out: { type: "string", default: path.join(path.dirname(fileURLToPath(import.meta.url)), "results", "levers-scale.json") } } });
mkdirSync(path.dirname(flags.out), { recursive: true });
writeFileSync(flags.out, `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result));
wide.dispose();

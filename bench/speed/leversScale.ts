// One million rows x 80 cells, scored by M-DLRI block by block; and the best of a million cells for each of 1,000 rows, found without laying them out.
// Run: node --import <a TypeScript loader> bench/speed/leversScale.ts, or after `npm run build` with the imports pointing at dist.
import { Rng } from "../../src/base/rng.ts";
import { Dataset, numberColumn } from "../../src/data/dataset.ts";
import { everyCell } from "../../src/data/levers.ts";
import type { LeverRole } from "../../src/data/schema.ts";
import { simulate } from "../../src/data/synth/index.ts";
import { bestCells } from "../../src/evaluate/leverChoice.ts";
import { fit } from "../../src/model/fit.ts";
import { mdlri } from "../../src/uplift/levers/mdlri.ts";

const threads = 2;
const config = { steps: 100 };
const fitted = await fit(mdlri, simulate("levers", { n: 5000 }, 1), { config, threads });
const rng = new Rng(1);
const million = new Dataset(
  Array.from({ length: 20 }, (_, j) => numberColumn(`x${j + 1}`, Float64Array.from({ length: 1_000_000 }, () => rng.normal()))),
  { features: [], outcomes: [] },
);
const prediction = await fitted.predict(million);
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
const scored = { what: "1,000,000 rows x 80 cells", seconds: (performance.now() - started) / 1000, cpuSeconds: (cpu.user + cpu.system) / 1e6, finite: Number.isFinite(sum) };
fitted.dispose();

const levers: LeverRole[] = Array.from({ length: 6 }, (_, l) => ({
  column: `lever${l}`,
  levels: Array.from({ length: 10 }, (_, k) => String(k)),
  costs: Array.from({ length: 10 }, (_, k) => k * 0.03),
}));
const n = 5000;
const codes = levers.map(() => Int32Array.from({ length: n }, () => rng.int(10)));
const x = Array.from({ length: 20 }, (_, j) => numberColumn(`x${j + 1}`, Float64Array.from({ length: n }, () => rng.normal())));
const y = Float64Array.from({ length: n }, (_, i) => x[0].values[i] + codes.reduce((total, list, l) => total + Math.sqrt(list[i]) / (l + 2), 0) + rng.normal());
const six = new Dataset(
  [...x, ...levers.map(({ column, levels }, l) => ({ kind: "category" as const, name: column, codes: codes[l], levels })), numberColumn("y", y)],
  { features: x.map(({ name }) => name), levers, outcomes: ["y"] },
);
const wide = await fit(mdlri, six, { config, threads });
const some = await wide.predict(six);
const before = performance.now();
const choice = await bestCells(some, { to: 1000 });
console.log(JSON.stringify([scored, { what: `best of ${some.grid.cells} cells for 1,000 rows`, how: choice.how, seconds: (performance.now() - before) / 1000 }], null, 2));
wide.dispose();

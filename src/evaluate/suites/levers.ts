import { parse } from "../../base/parse.ts";
import { Rng } from "../../base/rng.ts";
import type { Dataset } from "../../data/dataset.ts";
import { cellName, everyCell, leverGrid } from "../../data/levers.ts";
import { generatorById } from "../../data/synth/index.ts";
import type { Model } from "../../model/contract.ts";
import { fit } from "../../model/fit.ts";
import { sharedRun } from "../../model/run.ts";
import { openLedger } from "./ledger.ts";
import { overReplications, type Suite, type SuiteOptions, type SuiteRow, type SuiteValue } from "./suite.ts";

const seeds = 10;
const quickSeeds = 2;
const trainRows = 10_000;
const testRows = 5000;
const withheld = 0.6;

/** Logging regimes; the first two are those the goal is set for, the third, harder one is looked at on fewer seeds. */
const regimes = [
  { name: "randomised", kappa: 0, most: seeds },
  { name: "confounded, kappa 1", kappa: 1, most: seeds },
  { name: "confounded, kappa 2", kappa: 2, most: 3 },
] as const;

/*
 * Settings that differ from the defaults of a model. M-DLRI and XTNet were tuned by equally many trials on data sets that are not among those of the suite
 * (seeds 100 to 104), judged there by the true Root-PEHE over all cells, and the best settings of each are used for every seed and regime: all trials stand in
 * bench/quality/levers.md. The other nets were not tuned: they take over training settings that were good for XTNet. One net each, no ensembles.
 */
const asXtnet = { learningRate: 0.02, l2: 0.001, steps: 2500 };
const nets = ["tarnet-cells", "cfrnet-cells", "dragonnet-cells", "euen-cells", "descn-cells", "efin-cells", "m3tn-cells", "mtmt", "drnet", "vcnet"];
const tuned: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(nets.map((id) => [id, asXtnet])),
  "m-dlri": { heldOut: 0 },
  xtnet: { learningRate: 0.03, l2: 0.001, steps: 9000, heldOut: 0, representation: [16], basic: [4], effect: [], mask: [], balanceWeight: 0 },
};

/**
 * Three levers (5 x 4 x 4 cells, generator `levers`), 10,000 rows to fit and 5,000 others to judge, 60 % of the cells never logged. Root-PEHE of the effect
 * against the baseline cell over all other cells, over the logged ones and over the withheld ones; mean and standard error over seeds, each with
 * coefficients, cells and rows of its own.
 */
export const leversSuite: Suite = {
  id: "levers",
  summary: "Root PEHE of every model of several levers on 80 cells, 48 of them never logged, randomised and confounded (twice as strongly on three seeds).",
  run: async (options) => {
    const ledger = await openLedger(options.resume);
    const count = options.seeds ?? (options.quick ? quickSeeds : seeds);
    const models = options.models.filter((model): model is Model<string, "levers"> => model.task === "levers");
    const values: SuiteValue[] = [];
    const asked = regimes.map(({ most }) => Math.min(count, most));
    const total = asked.reduce((sum, most) => sum + most, 0) * models.length;
    let done = 0;
    for (let s = 1; s <= count; s++) {
      for (const [r, { name, kappa }] of regimes.entries()) {
        if (s > asked[r]) continue;
        const data = simulated(kappa, s);
        const shared = sharedRun();
        for (const model of models) {
          options.signal.throwIfAborted();
          options.progress(done++ / total, `seed ${s} of ${count}, ${name}, ${model.id}`);
          const config = parse(model.config, tuned[model.id] ?? {}, model.id);
          // The key says nothing of versions: delete the ledger when a model has changed.
          const key = JSON.stringify(["levers", s, kappa, model.id, config, options.seed]);
          const scores = await ledger.once(key, () => scored(model, config, data, options, shared));
          for (const [metric, value] of Object.entries(scores)) {
            const [what, scope] = metric.split(" over ");
            values.push({ model: model.id, case: `${name}, ${scope} cells`, metric: what, replication: s, value });
          }
        }
      }
    }
    return { rows: models.flatMap((model) => rowsOf(model.id, values)), values };
  },
};

/** The data of one seed: rows to fit and rows to judge. */
export function simulated(
  kappa: number,
  seed: number,
  rows: { readonly train?: number; readonly test?: number } = {},
): { readonly train: Dataset; readonly test: Dataset } {
  const { train = trainRows, test = testRows } = rows;
  const generator = generatorById("levers");
  const config = parse(generator.config, { n: train + test, kappa, withheld }, "levers");
  const data = generator.simulate(config, new Rng(seed).split("levers"));
  const part = (from: number, to: number): Dataset => data.take(Int32Array.from({ length: to - from }, (_, i) => from + i));
  return { train: part(0, train), test: part(train, train + test) };
}

async function scored(
  model: Model<string, "levers">,
  config: unknown,
  { train, test }: { readonly train: Dataset; readonly test: Dataset },
  { seed, threads, signal }: SuiteOptions,
  shared: ReturnType<typeof sharedRun>,
): Promise<Record<string, number>> {
  const fitted = await fit(model, train, { config, seed, threads, signal, shared });
  try {
    const prediction = await fitted.predict(test);
    const cells = everyCell(prediction.grid);
    return rootPehe(await prediction.response(cells), test, prediction.logged);
  } finally {
    fitted.dispose();
  }
}

/**
 * Root-PEHE over all cells but the baseline, over logged ones and over withheld ones (NaN-free: a scope without a cell is left out).
 * @param response rows x cells
 */
export function rootPehe(response: Float64Array, data: Dataset, logged: ReadonlyMap<number, number>): Record<string, number> {
  const grid = leverGrid(data.roles.levers ?? []);
  const cells = everyCell(grid);
  const truth = Array.from({ length: grid.cells }, (_, cell) =>
    data.number(data.roles.potential?.[cellName(grid, cells, cell * grid.sizes.length)] ?? "", "truth"),
  );
  const sums: Record<string, { square: number; count: number }> = {};
  for (let cell = 1; cell < grid.cells; cell++) {
    let square = 0;
    for (let i = 0; i < data.rows; i++) {
      const from = i * grid.cells;
      square += (response[from + cell] - response[from] - truth[cell][i] + truth[0][i]) ** 2;
    }
    for (const scope of ["all", logged.has(cell) ? "logged" : "withheld"]) {
      const sum = (sums[scope] ??= { square: 0, count: 0 });
      sum.square += square;
      sum.count += data.rows;
    }
  }
  return Object.fromEntries(Object.entries(sums).map(([scope, { square, count }]) => [`root-pehe over ${scope}`, Math.sqrt(square / count)]));
}

function rowsOf(model: string, values: readonly SuiteValue[]): SuiteRow[] {
  const own = values.filter((value) => value.model === model);
  const cases = [...new Set(own.map((value) => value.case))];
  return cases.map((name) => ({
    model,
    case: name,
    metric: "root-pehe",
    ...overReplications(own.filter((value) => value.case === name).map(({ value }) => value)),
  }));
}

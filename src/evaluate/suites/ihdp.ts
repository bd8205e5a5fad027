import { parse } from "../../base/parse.ts";
import { Rng } from "../../base/rng.ts";
import type { Dataset } from "../../data/dataset.ts";
import { openDataset } from "../../data/open.ts";
import { holdout } from "../../data/split.ts";
import { metricById } from "../../metrics/index.ts";
import type { Model } from "../../model/contract.ts";
import { fit } from "../../model/fit.ts";
import { sharedRun } from "../../model/run.ts";
import { liftwiseVersion } from "../../model/version.ts";
import { openLedger } from "./ledger.ts";
import { medianOver, overReplications, type Suite, type SuiteOptions, type SuiteRow, type SuiteValue } from "./suite.ts";

const replications = 25;
const quickReplications = 5;
const arm = "1";

/** The truth's standard deviation over units from which on a replication is heavy-tailed; the noise has standard deviation 1. */
const heavy = 10;

/**
 * IHDP, response surface A of NPCI, replications 1 to 25 (Hill2011; splits as in Shalit2017: 63 % training, 27 % validation, 10 % test;
 * what a model holds out for itself it takes from the first 90 %, and "in sample" is measured on those).
 *
 * Cases: in sample and out of sample, each over all replications and over the light-tailed ones (standard deviation of the true effect at
 * most 10). Metrics: root-pehe and ate-error (absolute), mean over replications with its standard error, and their medians.
 */
export const ihdp: Suite = {
  id: "ihdp",
  summary: "Root PEHE and ATE error of every model on 25 replications of IHDP, in and out of sample.",
  run: async (options) => {
    const ledger = await openLedger(options.resume);
    const count = options.seeds ?? (options.quick ? quickReplications : replications);
    const models = options.models.filter((model): model is Model<string, "uplift"> => model.task === "uplift");
    const values: SuiteValue[] = [];
    const light = new Set<number>();
    for (let k = 1; k <= count; k++) {
      const data = await openDataset(`ihdp/${k}`);
      if (spread(data) <= heavy) light.add(k);
      const parts = holdout(data, { test: 0.1 }, new Rng(options.seed).split("ihdp", k));
      const train = data.take(parts.train);
      const test = data.take(parts.test);
      const shared = sharedRun();
      for (const [m, model] of models.entries()) {
        options.signal.throwIfAborted();
        const done = (k - 1 + m / models.length) / count;
        options.progress(done, `ihdp ${k} of ${count}, ${model.id}`);
        const config = parse(model.config, {}, model.id);
        const key = JSON.stringify(["ihdp", k, liftwiseVersion(), model.id, config, options.seed]);
        const scores = await ledger.once(key, () => scored(model, train, test, options, shared));
        for (const [name, value] of Object.entries(scores)) {
          const [metric, where] = name.split(" ");
          values.push({ model: model.id, case: `${where} of sample`.replace("in of", "in"), metric, replication: k, value });
        }
      }
    }
    return { rows: models.flatMap((model) => rowsOf(model.id, values, light)), values };
  },
};

async function scored(
  model: Model<string, "uplift">,
  train: Dataset,
  test: Dataset,
  { seed, threads, signal }: SuiteOptions,
  shared: ReturnType<typeof sharedRun>,
): Promise<Record<string, number>> {
  const fitted = await fit(model, train, { seed, threads, signal, shared });
  try {
    const scores: Record<string, number> = {};
    for (const [where, data] of [
      ["in", train],
      ["out", test],
    ] as const) {
      const effect = (await fitted.predict(data)).effect[0];
      scores[`root-pehe ${where}`] = metricById("root-pehe").score(effect, data, { arm }).value;
      const truth = data.trueEffect(arm) ?? new Float64Array(data.rows);
      scores[`ate-error ${where}`] = Math.abs(effect.reduce((sum, value, i) => sum + value - truth[i], 0) / data.rows);
    }
    return scores;
  } finally {
    fitted.dispose();
  }
}

function spread(data: Dataset): number {
  const truth = data.trueEffect(arm) ?? new Float64Array(0);
  const mean = truth.reduce((sum, value) => sum + value, 0) / truth.length;
  return Math.sqrt(truth.reduce((sum, value) => sum + (value - mean) ** 2, 0) / truth.length);
}

function rowsOf(model: string, values: readonly SuiteValue[], light: ReadonlySet<number>): SuiteRow[] {
  const rows: SuiteRow[] = [];
  for (const place of ["in sample", "out of sample"]) {
    for (const tails of ["", ", light tails"]) {
      for (const metric of ["root-pehe", "ate-error"]) {
        const list = values
          .filter((v) => v.model === model && v.case === place && v.metric === metric && (tails === "" || light.has(v.replication)))
          .map(({ value }) => value);
        if (list.length === 0) continue;
        rows.push({ model, case: `${place}${tails}`, metric, ...overReplications(list) });
        rows.push({ model, case: `${place}${tails}`, metric: `${metric}-median`, ...medianOver(list) });
      }
    }
  }
  return rows;
}

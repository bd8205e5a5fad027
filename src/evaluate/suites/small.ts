import { parse } from "../../base/parse.ts";
import { Rng } from "../../base/rng.ts";
import type { Dataset } from "../../data/dataset.ts";
import { simulate } from "../../data/synth/index.ts";
import { metricById } from "../../metrics/index.ts";
import type { Model } from "../../model/contract.ts";
import { fit } from "../../model/fit.ts";
import { sharedRun } from "../../model/run.ts";
import { liftwiseVersion } from "../../model/version.ts";
import { openLedger } from "./ledger.ts";
import { overReplications, type Suite, type SuiteOptions, type SuiteRow, type SuiteValue } from "./suite.ts";

const replications = { full: 50, quick: 12 };
const testRows = 500;

/** Nie2021, setups B (randomised) and C (confounded, constant effect). */
const cases = [
  { name: "randomised, n = 250", generator: "nie-wager-b", config: { n: 250, d: 6, sigma: 1, propensity: "withheld" } },
  { name: "confounded, n = 250", generator: "nie-wager-c", config: { n: 250, d: 6, sigma: 1, propensity: "withheld" } },
] as const;

/**
 * Many small simulated experiments, each with rows of its own: what a regression gate wants, which is less to know how good a model is than to
 * notice that it is not what it was. Root PEHE over 500 fresh rows and the distance of the mean effect from the true one; `mean` and `se` are over replications.
 */
export const small: Suite = {
  id: "small",
  summary: "Root PEHE and ATE error of every model on many small simulated experiments: for a regression gate, anywhere.",
  run: async (options) => {
    const ledger = await openLedger(options.resume);
    const count = options.seeds ?? (options.quick ? replications.quick : replications.full);
    const models = options.models.filter((model): model is Model<string, "uplift"> => model.task === "uplift");
    const values: SuiteValue[] = [];
    const total = count * cases.length * models.length;
    let done = 0;
    for (let r = 0; r < count; r++) {
      for (const one of cases) {
        const rng = new Rng(options.seed).split(one.name, r);
        const draw = (part: string, n: number): Dataset => simulate(one.generator, { ...one.config, n }, rng.split(part).uint32());
        const train = draw("train", one.config.n);
        const test = draw("test", testRows);
        const shared = sharedRun();
        for (const model of models) {
          options.signal.throwIfAborted();
          options.progress(done++ / total, `${r + 1} of ${count}, ${one.name}, ${model.id}`);
          const key = JSON.stringify(["small", one.name, r, liftwiseVersion(), model.id, parse(model.config, {}, model.id), options.seed]);
          const scores = await ledger.once(key, () => scored(model, train, test, rng.split("fit").uint32(), options, shared));
          for (const [metric, value] of Object.entries(scores)) values.push({ model: model.id, case: one.name, metric, replication: r + 1, value });
        }
      }
    }
    return { rows: models.flatMap((model) => rowsOf(model.id, values)), values };
  },
};

async function scored(
  model: Model<string, "uplift">,
  train: Dataset,
  test: Dataset,
  seed: number,
  { threads, signal }: SuiteOptions,
  shared: ReturnType<typeof sharedRun>,
): Promise<Record<string, number>> {
  const fitted = await fit(model, train, { seed, threads, signal, shared });
  try {
    const { arms, effect } = await fitted.predict(test);
    const score = (id: string): number => metricById(id).score(effect[0], test, { arm: arms[0] }).value;
    return { "root-pehe": score("root-pehe"), "ate-error": Math.abs(score("ate-error")) };
  } finally {
    fitted.dispose();
  }
}

function rowsOf(model: string, values: readonly SuiteValue[]): SuiteRow[] {
  return cases.flatMap(({ name }) =>
    ["root-pehe", "ate-error"].map((metric) => ({
      model,
      case: name,
      metric,
      ...overReplications(values.filter((v) => v.model === model && v.case === name && v.metric === metric).map(({ value }) => value)),
    })),
  );
}

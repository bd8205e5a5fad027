import { parse } from "../../base/parse.ts";
import { Rng } from "../../base/rng.ts";
import { Dataset, numberColumn } from "../../data/dataset.ts";
import { simulate } from "../../data/synth/index.ts";
import type { Model } from "../../model/contract.ts";
import { fit } from "../../model/fit.ts";
import { liftwiseVersion } from "../../model/version.ts";
import { openLedger } from "./ledger.ts";
import { overReplications, type Suite, type SuiteOptions, type SuiteRow, type SuiteValue } from "./suite.ts";

/** Settings of boosting in the R-learner: small trees, smaller ones for the effect, their number by cross-validation. */
const boosting = { id: "boosting", rounds: 1500, learningRate: 0.03, maxLeaves: 6, minRows: 10, folds: 5, patience: 60, rowSample: 0.5, columnSample: 0.8 };

/** What is fitted with settings of its own here; other models with their defaults. */
const settings: Readonly<Record<string, unknown>> = {
  "r-learner": { outcomeLearner: boosting, propensityLearner: boosting, effectLearner: { ...boosting, maxLeaves: 3 } },
};

/** Coverage is a share and needs more replications than an error to be told from 95 %; models without a published error to meet need fewer. */
const replications = { full: { published: 30, mse: 10, coverage: 200 }, quick: { published: 3, mse: 3, coverage: 3 } };
const testRows = 1000;

interface Case {
  readonly name: string;
  readonly train: (rng: Rng) => Dataset;
  readonly test: (rng: Rng) => Dataset;
  /** `mse`: mean squared error of the effects; `coverage`: share of true effects inside their intervals. */
  readonly metric: "mse" | "coverage";
}

// Nie2021, sec. 4 and tables 1 to 4, sigma = 1; propensities are withheld.
function nieWager(quick: boolean): Case[] {
  return ["a", "b", "c", "d"].flatMap((setup) =>
    (quick ? [500] : [500, 1000]).flatMap((n) =>
      (quick ? [6] : [6, 12]).map((d): Case => {
        const draw = (rows: number, rng: Rng): Dataset => simulate(`nie-wager-${setup}`, { n: rows, d, sigma: 1, propensity: "withheld" }, rng.uint32());
        return {
          name: `Nie-Wager ${setup.toUpperCase()}, n = ${n}, d = ${d}`,
          metric: "mse",
          train: (rng) => draw(n, rng),
          test: (rng) => draw(testRows, rng),
        };
      }),
    ),
  );
}

/** Randomised experiments on six uniform covariates, noise of standard deviation one, with a baseline that depends on two of them. */
function coverage(quick: boolean): Case[] {
  const effects: Readonly<Record<string, (x1: number, x2: number) => number>> = { null: () => 0, smooth: (x1, x2) => 0.5 + 0.5 * x1 + 0.25 * x2 };
  const n = quick ? 1000 : 4000;
  return Object.entries(effects).map(([effect, tau]): Case => {
    const draw = (rows: number, rng: Rng): Dataset => experiment(rows, tau, rng);
    return { name: `${effect} effect, n = ${n}`, metric: "coverage", train: (rng) => draw(n, rng), test: (rng) => draw(testRows, rng) };
  });
}

function experiment(n: number, tau: (x1: number, x2: number) => number, rng: Rng): Dataset {
  const x = Array.from({ length: 6 }, (_, j) =>
    numberColumn(
      `x${j + 1}`,
      Float64Array.from({ length: n }, () => rng.float()),
    ),
  );
  const effect = numberColumn(
    "tau",
    Float64Array.from({ length: n }, (_, i) => tau(x[0].values[i], x[1].values[i])),
  );
  const t = numberColumn(
    "t",
    Float64Array.from({ length: n }, () => rng.bernoulli(0.5)),
  );
  const y = effect.values.map((v, i) => Math.max(0, 2 * x[2].values[i] - 1) + x[0].values[i] + (t.values[i] - 0.5) * v + rng.normal());
  const roles = { features: x.map(({ name }) => name), treatment: { column: "t", control: "0" }, outcomes: ["y"], effect: { "1": "tau" } };
  return new Dataset([...x, effect, t, numberColumn("y", y)], roles, "simulated");
}

/**
 * Nie and Wager's setups A to D: mean squared error of the effects of 1,000 fresh rows, for the R-learner on boosting and the other tree
 * models; and how often the causal forest's 95 % intervals hold the true effect of a fresh row, where there is none and where it is smooth.
 * `mean` and `se` are over replications.
 */
export const trees: Suite = {
  id: "trees",
  summary: "Effects of tree models on Nie and Wager's setups A to D, and coverage of the causal forest's intervals.",
  directions: { mse: "lower" },
  run: async (options) => {
    const ledger = await openLedger(options.resume);
    const jobs = jobsOf(options);
    const values: SuiteValue[] = [];
    for (const [k, { model, on }] of jobs.entries()) {
      const config = parse(model.config, settings[model.id], model.id);
      const count = options.seeds ?? replications[options.quick ? "quick" : "full"][on.metric === "mse" && model.id === "r-learner" ? "published" : on.metric];
      for (let r = 0; r < count; r++) {
        options.signal.throwIfAborted();
        options.progress((k + r / count) / jobs.length, `${on.name}, ${model.id}, ${r + 1} of ${count}`);
        const key = JSON.stringify(["trees", on.name, on.metric, r, liftwiseVersion(), model.id, config, options.seed]);
        const { value } = await ledger.once(key, async () => ({ value: await scored(model, config, on, r, options) }));
        values.push({ model: model.id, case: on.name, metric: on.metric, replication: r + 1, value });
      }
    }
    return { rows: rowsOf(values), values };
  },
};

interface Job {
  readonly model: Model<string, "uplift">;
  readonly on: Case;
}

function jobsOf({ models, quick }: SuiteOptions): Job[] {
  const named = (ids: readonly string[]): Model<string, "uplift">[] =>
    models.filter((model): model is Model<string, "uplift"> => model.task === "uplift" && ids.includes(model.id));
  const effects = nieWager(quick).flatMap((on) => named(["r-learner", "causal-forest", "uplift-forest", "uplift-boosting"]).map((model) => ({ model, on })));
  return [...effects, ...coverage(quick).flatMap((on) => named(["causal-forest"]).map((model) => ({ model, on })))];
}

async function scored(model: Model<string, "uplift">, config: unknown, on: Case, r: number, { seed, threads, signal }: SuiteOptions): Promise<number> {
  const rng = new Rng(seed).split(on.name, r);
  const train = on.train(rng.split("train"));
  const test = on.test(rng.split("test"));
  const fitted = await fit(model, train, { config, seed: rng.split("fit").uint32(), threads, signal });
  const { arms, effect, lower, upper } = await fitted.predict(test);
  fitted.dispose();
  const truth = test.trueEffect(arms[0]) ?? new Float64Array(0);
  if (on.metric === "mse") return truth.reduce((sum, v, i) => sum + (effect[0][i] - v) ** 2, 0) / truth.length;
  return truth.reduce((sum, v, i) => sum + ((lower?.[0][i] ?? Number.NaN) <= v && v <= (upper?.[0][i] ?? Number.NaN) ? 1 : 0), 0) / truth.length;
}

function rowsOf(values: readonly SuiteValue[]): SuiteRow[] {
  const groups = new Map<string, SuiteValue[]>();
  for (const value of values) {
    const name = JSON.stringify([value.model, value.case, value.metric]);
    groups.set(name, [...(groups.get(name) ?? []), value]);
  }
  return [...groups.values()].map((own) => ({
    model: own[0].model,
    case: own[0].case,
    metric: own[0].metric,
    ...overReplications(own.map(({ value }) => value)),
  }));
}

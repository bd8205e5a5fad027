import type { Rng } from "../../base/rng.ts";
import { Dataset, numberColumn } from "../../data/dataset.ts";
import type { Metric } from "../../metrics/contract.ts";
import { difference, evaluate, metricById } from "../../metrics/index.ts";

/** One line of a benchmark's result. */
export interface SuiteRow {
  /** Who is judged; in this suite the scorer whose interval it is. */
  readonly model: string;
  readonly case: string;
  readonly metric: string;
  readonly mean: number;
  /** Standard error of `mean` over the `n` experiments. */
  readonly se: number;
  readonly n: number;
}

interface Design {
  readonly name: string;
  readonly rows: number;
  /** P(treated) of a unit with covariate x. */
  readonly propensity: (x: number) => number;
  /** Whether the propensity is told to the metrics. */
  readonly known: boolean;
  readonly binary: boolean;
  /** Scores are rounded to this step, so that many are tied. */
  readonly step?: number;
}

const designs: readonly Design[] = [
  { name: "continuous, half treated", rows: 2000, propensity: () => 0.5, known: false, binary: false },
  { name: "0/1, 30 % treated", rows: 2000, propensity: () => 0.3, known: false, binary: true },
  { name: "continuous, tied scores", rows: 2000, propensity: () => 0.5, known: false, binary: false, step: 0.5 },
  { name: "continuous, known propensities 0.2 to 0.8", rows: 2000, propensity: (x) => 0.5 + 0.3 * Math.sin(x), known: true, binary: false },
];

const ids = ["auuc", "qini", "autoc", "rate-qini", "uplift-at-k", "policy-value-ips", "policy-value-snips", "policy-value-dr", "ate-error"] as const;

interface Experiment {
  readonly data: Dataset;
  readonly good: Float64Array;
  readonly weak: Float64Array;
}

/**
 * Are the intervals honest? Simulated randomised trials, two scorers of fixed quality, and per metric: how often the 95 % interval covers the
 * value in the population (`coverage`), the mean error of the estimate (`bias`) and the mean of the standard errors over the standard
 * deviation of the estimates (`se ratio`); the same for the paired difference of the scorers.
 *
 * A seed stands for twenty trials (ten in a quick run, of one design): coverage of one trial is yes or no.
 * The population value is that of half a million units of whom both outcomes are known, each laid out once treated and once not.
 */
export function metricsSuite({ quick, seeds, rng }: { readonly quick: boolean; readonly seeds: number; readonly rng: Rng }): SuiteRow[] {
  return (quick ? designs.slice(0, 1) : designs).flatMap((design) => {
    const stream = rng.split(design.name);
    const metrics = ids.map((id) => ({ metric: metricById(id), options: id === "ate-error" ? { against: "experiment", signed: true } : {} }));
    const population = draw({ ...design, rows: quick ? 100_000 : 500_000 }, stream.split("population"), true);
    const truth = [population.good, population.weak].map((score) => metrics.map(({ metric, options }) => metric.score(score, population.data, options).value));
    const trials = Array.from({ length: seeds * (quick ? 10 : 20) }, (_, s) => {
      const trial = draw(design, stream.split("trial", s), false);
      const settings = { rng: stream.split("interval", s), replicates: quick ? 100 : 200 };
      return [trial.good, trial.weak].map((score) => evaluate(metrics, score, trial.data, settings));
    });
    return metrics.flatMap(({ metric }, m) => {
      const good = trials.map(([first]) => first[m].score);
      const differences = trials.map(([first, second]) => difference(first[m], second[m], "weak"));
      return [
        ...summary("good scorer", design, metric, truth[0][m], good),
        ...(metric.id === "ate-error" ? [] : summary("good - weak scorer", design, metric, truth[0][m] - truth[1][m], differences)),
      ];
    });
  });
}

interface Estimate {
  readonly value: number;
  readonly se?: number;
  readonly interval?: readonly [number, number];
}

function summary(model: string, design: Design, { id }: Metric, truth: number, estimates: readonly Estimate[]): SuiteRow[] {
  const n = estimates.length;
  const row = (metric: string, values: readonly number[]): SuiteRow => {
    const mean = values.reduce((sum, v) => sum + v, 0) / n;
    return { model, case: design.name, metric, mean, se: Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1) / n), n };
  };
  const values = estimates.map(({ value }) => value);
  const center = values.reduce((sum, v) => sum + v, 0) / n;
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - center) ** 2, 0) / (n - 1));
  return [
    row(
      `${id}: coverage`,
      estimates.map(({ interval = [Number.NaN, Number.NaN] }) => (interval[0] <= truth && truth <= interval[1] ? 1 : 0)),
    ),
    row(
      `${id}: bias`,
      values.map((v) => v - truth),
    ),
    row(
      `${id}: se ratio`,
      estimates.map(({ se = Number.NaN }) => se / deviation),
    ),
  ];
}

/** @param both whether each unit appears treated and untreated, with its expected outcomes */
function draw(design: Design, rng: Rng, both: boolean): Experiment {
  const { rows, propensity, known, binary, step } = design;
  const n = both ? 2 * rows : rows;
  const y = new Float64Array(n);
  const e = new Float64Array(n);
  const t = new Int32Array(n);
  const good = new Float64Array(n);
  const weak = new Float64Array(n);
  const round = (score: number): number => (step === undefined ? score : step * Math.round(score / step));
  for (let i = 0; i < rows; i++) {
    const x = rng.normal();
    const tau = binary ? 0.1 * Math.tanh(x) + 0.05 : 0.5 * x + 0.3;
    const base = binary ? 0.3 + 0.1 * Math.sin(2 * x) : Math.sin(2 * x) + 0.5 * x;
    const scores = [round(tau + (binary ? 0.05 : 0.3) * rng.normal()), round(tau + (binary ? 0.3 : 2) * rng.normal())];
    const [u, v] = [rng.float(), rng.normal()];
    for (let copy = 0; copy < (both ? 2 : 1); copy++) {
      const k = both ? 2 * i + copy : i;
      t[k] = both ? copy : u < propensity(x) ? 1 : 0;
      const mean = base + t[k] * tau;
      y[k] = both ? mean : binary ? (rng.float() < mean ? 1 : 0) : mean + v;
      e[k] = both ? 0.5 : propensity(x);
      [good[k], weak[k]] = scores;
    }
  }
  const columns = [numberColumn("y", y), numberColumn("e", e), { kind: "category" as const, name: "t", codes: t, levels: ["0", "1"] }];
  const data = new Dataset(
    columns,
    { features: [], outcomes: ["y"], treatment: { column: "t", control: "0" }, propensity: known ? { "1": "e" } : undefined },
    design.name,
  );
  return { data, good, weak };
}

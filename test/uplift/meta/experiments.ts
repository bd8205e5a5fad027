import { Rng } from "../../../src/base/rng.ts";
import type { Json } from "../../../src/base/state.ts";
import { categoryColumn, Dataset, numberColumn } from "../../../src/data/dataset.ts";
import type { Roles } from "../../../src/data/schema.ts";
import type { FitContext, UpliftPrediction } from "../../../src/model/contract.ts";

export interface Simulated {
  readonly data: Dataset;
  /** True effects: one array of n a treated arm. */
  readonly tau: readonly Float64Array[];
}

export interface Design {
  readonly rows: number;
  readonly seed: number;
  /** Number of treated arms. Defaults to 1. */
  readonly treated?: number;
  /** Probability of treatment (shared by the treated arms) as a function of the first feature. Defaults to a half. */
  readonly propensity?: (a: number) => number;
  /** Expected outcome without treatment. Defaults to 2a - b. */
  readonly base?: (a: number, b: number) => number;
  /** Effect of arm k (1, 2, ...). Defaults to k + a. */
  readonly effect?: (a: number, b: number, k: number) => number;
  /** Standard deviation of the noise; with `binary` the outcome is 1 with the expected probability instead. */
  readonly noise?: number;
  readonly binary?: boolean;
  readonly roles?: Partial<Roles>;
  readonly columns?: (n: number, rng: Rng) => Readonly<Record<string, Float64Array>>;
}

/** An experiment with two normal features. */
export function simulated(design: Design): Simulated {
  const { rows: n, treated = 1, propensity = () => 0.5, base = (a, b) => 2 * a - b, effect = (a, _b, k) => k + a, noise = 1 } = design;
  const rng = new Rng(design.seed);
  const [a, b, y, e] = [0, 0, 0, 0].map(() => new Float64Array(n));
  const tau = Array.from({ length: treated }, () => new Float64Array(n));
  const arm: string[] = [];
  for (let i = 0; i < n; i++) {
    a[i] = rng.normal();
    b[i] = rng.normal();
    e[i] = propensity(a[i]);
    const given = rng.float() < e[i] ? 1 + rng.int(treated) : 0;
    arm.push(given === 0 ? "control" : `arm${given}`);
    for (let k = 1; k <= treated; k++) tau[k - 1][i] = effect(a[i], b[i], k);
    const expected = base(a[i], b[i]) + (given === 0 ? 0 : tau[given - 1][i]);
    y[i] = design.binary === true ? rng.bernoulli(expected) : expected + noise * rng.normal();
  }
  const more = design.columns?.(n, rng) ?? {};
  const data = new Dataset(
    [
      numberColumn("a", a),
      numberColumn("b", b),
      categoryColumn("arm", arm),
      numberColumn("y", y),
      numberColumn("e", e),
      ...Object.entries(more).map(([name, values]) => numberColumn(name, values)),
    ],
    { features: ["a", "b"], treatment: { column: "arm", control: "control" }, outcomes: ["y"], ...design.roles },
    "simulated",
  );
  return { data, tau };
}

/** A fit context whose nuisances are given: `once` hands out `nuisances[key]` for the first of their names a key begins with. */
export function givenNuisances(nuisances: Readonly<Record<string, Float64Array>>): FitContext {
  return {
    rng: new Rng(1),
    threads: 1,
    progress: () => {},
    signal: new AbortController().signal,
    once: async (key, make) => {
      const given = Object.keys(nuisances).find((name) => key.startsWith(name));
      return given === undefined ? make(new Rng(1).split(key)) : (nuisances[given] as never);
    },
  };
}

export function effectsOf(prediction: UpliftPrediction): Float64Array {
  return prediction.effect[0];
}

export function rootMeanSquare(a: Float64Array, b: Float64Array): number {
  return Math.sqrt(a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / a.length);
}

/** Entry of a report by its path. */
export function inReport(report: Readonly<Record<string, Json>>, ...path: readonly string[]): Json {
  return path.reduce<Json>((here, key) => (here as Readonly<Record<string, Json>>)[key], report);
}

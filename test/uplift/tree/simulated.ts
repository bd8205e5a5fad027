import { Rng } from "../../../src/base/rng.ts";
import { Dataset } from "../../../src/data/dataset.ts";
import type { Column } from "../../../src/data/schema.ts";

export interface Simulated {
  readonly data: Dataset;
  /** True effect of each treated arm. */
  readonly effects: readonly Float64Array[];
}

export interface SimulationOptions {
  readonly n: number;
  readonly seed?: number;
  readonly arms?: number;
  readonly binary?: boolean;
  /** Probability of being treated at all; assignment depends on x1 where `confounded`. */
  readonly confounded?: boolean;
  /** Effect of treated arm a (from 1) at x1, x2 and segment. */
  readonly effect?: (x1: number, x2: number, segment: number, a: number) => number;
}

const segments = ["north", "east", "south", "west"];

/** An experiment on two numbers (one with gaps), a category and noise columns; the baseline depends on x2. */
export function simulated(options: SimulationOptions): Simulated {
  const { n, seed = 1, arms = 2, binary = false, confounded = false, effect = (x1, _, __, a) => (x1 > 0 ? a : 0) } = options;
  const rng = new Rng(seed).split("simulated");
  const numbers = ["x1", "x2", "x3", "x4"].map((name) => ({ kind: "number", name, values: Float64Array.from({ length: n }, () => rng.normal()) }) as const);
  const [x1, x2] = numbers.map(({ values }) => values);
  const segment = Int32Array.from({ length: n }, () => rng.int(segments.length));
  const propensity = x1.map((v) => (confounded ? 0.2 + 0.6 / (1 + Math.exp(-2 * v)) : 1 - 1 / arms));
  const arm = Int32Array.from(propensity, (e) => (rng.bernoulli(e) === 1 ? 1 + rng.int(arms - 1) : 0));
  const effects = Array.from({ length: arms - 1 }, (_, k) => x1.map((v, i) => effect(v, x2[i], segment[i], k + 1)));
  const y = x1.map((v, i) => {
    const mean = (binary ? 0.3 : 0) + (binary ? 0.1 * Math.tanh(x2[i]) : x2[i] + (confounded ? v : 0)) + (arm[i] > 0 ? effects[arm[i] - 1][i] : 0);
    return binary ? rng.bernoulli(mean) : mean + rng.normal();
  });
  const levels = ["control", ...effects.map((_, k) => `arm${k + 1}`)];
  const columns: Column[] = [
    ...numbers,
    { kind: "category", name: "segment", codes: segment, levels: segments },
    { kind: "category", name: "treatment", codes: arm, levels },
    { kind: "number", name: "y", values: y },
    { kind: "number", name: "e", values: propensity.map((e) => e / (arms - 1)) },
  ];
  const roles = { features: ["x1", "x2", "x3", "x4", "segment"], treatment: { column: "treatment", control: "control" }, outcomes: ["y"] };
  return { data: new Dataset(columns, roles, "simulated"), effects };
}

export function rootMeanSquare(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum / a.length);
}

export const average = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, v) => sum + v, 0) / values.length;

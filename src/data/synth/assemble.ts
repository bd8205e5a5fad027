import { z } from "zod";
import type { Rng } from "../../base/rng.ts";
import { Dataset, numberColumn } from "../dataset.ts";
import type { CategoryColumn, NumberColumn } from "../schema.ts";

/** Rows of the data. */
export const rowsOption = (rows: number): z.ZodDefault<z.ZodInt> => z.int().min(1).max(100_000_000).default(rows).describe("Rows.");

export const noiseOption = (sd: number): z.ZodDefault<z.ZodNumber> =>
  z.number().min(0).max(1e6).default(sd).describe("Standard deviation of the outcome about its expectation.");

export const propensityOption = (known: "given" | "withheld"): z.ZodDefault<z.ZodEnum<{ given: "given"; withheld: "withheld" }>> =>
  z.enum(["given", "withheld"]).default(known).describe("Whether models are told the true propensity; its column is there in any case.");

/** The parts of a two-arm experiment with a continuous outcome; arrays of n. */
export interface TwoArm {
  readonly name: string;
  readonly features: readonly (NumberColumn | CategoryColumn)[];
  /** Probability of being treated. */
  readonly e: Float64Array;
  /** Expected outcome untreated and treated. */
  readonly mu0: Float64Array;
  readonly mu1: Float64Array;
  readonly propensity: "given" | "withheld";
}

/**
 * Draws who is treated, then the outcomes.
 * @param outcome an outcome of this expectation for this row
 * @returns columns `treatment` (control, treated), `y`, and the truth `e`, `mu0`, `mu1`
 */
export function twoArm(parts: TwoArm, rng: Rng, outcome: (mu: number, row: number, noise: Rng) => number): Dataset {
  const { e, mu0, mu1 } = parts;
  const n = e.length;
  const coin = rng.split("treatment");
  const noise = rng.split("noise");
  const codes = new Int32Array(n);
  const y = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    codes[i] = coin.bernoulli(e[i]);
    y[i] = outcome(codes[i] === 1 ? mu1[i] : mu0[i], i, noise);
  }
  const columns = [
    ...parts.features,
    { kind: "category" as const, name: "treatment", codes, levels: ["control", "treated"] },
    numberColumn("y", y),
    numberColumn("e", e),
    numberColumn("mu0", mu0),
    numberColumn("mu1", mu1),
  ];
  return new Dataset(
    columns,
    {
      features: parts.features.map((column) => column.name),
      treatment: { column: "treatment", control: "control" },
      outcomes: ["y"],
      propensity: parts.propensity === "given" ? { treated: "e" } : undefined,
      potential: { control: "mu0", treated: "mu1" },
    },
    parts.name,
  );
}

/** Outcomes with normal noise of this standard deviation. */
export function normalNoise(sigma: number): (mu: number, row: number, noise: Rng) => number {
  return (mu, _row, noise) => mu + sigma * noise.normal();
}

/** d columns of n draws, row by row so that the first rows of a longer simulation are those of a shorter one. */
export function draws(n: number, d: number, draw: () => number): Float64Array[] {
  const columns = Array.from({ length: d }, () => new Float64Array(n));
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) columns[j][i] = draw();
  return columns;
}

/** `x1`, `x2`, ... */
export function numbered(columns: readonly Float64Array[]): NumberColumn[] {
  return columns.map((values, j) => numberColumn(`x${j + 1}`, values));
}

export function logistic(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : 1 - 1 / (1 + Math.exp(x));
}

/** log(1 + exp(x)) without overflow. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

import { z } from "zod";
import { Rng } from "../../base/rng.ts";
import { betaPdf } from "../../base/stats/beta.ts";
import { draws, normalNoise, noiseOption, numbered, propensityOption, rowsOption, twoArm } from "./assemble.ts";
import { define, type Generator } from "./contract.ts";
import { correlatedNormals } from "./vine.ts";

// Kunzel2019, supporting information, simulations SI 1 to SI 6. Y = mu_W(X) + eps, eps standard normal. Indices below count from 0.

const config = z.strictObject({
  n: rowsOption(10_000),
  sigma: noiseOption(1),
  coefficients: z
    .int()
    .min(0)
    .max(2 ** 32)
    .default(0)
    .describe("Seed of the random coefficients and correlations: the same value is the same population, whatever the seed of the data."),
  propensity: propensityOption("given"),
});

interface Setup {
  readonly id: string;
  readonly summary: string;
  readonly d: number;
  readonly covariates: "normal" | "uniform";
  readonly e: (x: Row) => number;
  /** The surfaces, given the random coefficients they draw. */
  readonly mu: (rng: Rng, d: number) => { readonly mu0: (x: Row) => number; readonly mu1: (x: Row) => number };
}

type Row = Float64Array;

const dot = (beta: Float64Array, x: Row): number => {
  let sum = 0;
  for (let j = 0; j < beta.length; j++) sum += beta[j] * x[j];
  return sum;
};

const coefficients = (rng: Rng, d: number, low: number, high: number): Float64Array => Float64Array.from({ length: d }, () => low + (high - low) * rng.float());

const step = (x: number): number => 2 / (1 + Math.exp(-12 * (x - 0.5)));

const halfProduct = (x: Row): number => 0.5 * step(x[0]) * step(x[1]);

const noEffect = (mu: (x: Row) => number): { mu0: (x: Row) => number; mu1: (x: Row) => number } => ({ mu0: mu, mu1: mu });

const setups: readonly Setup[] = [
  {
    id: "kunzel-1",
    summary: "Kunzel's simulation 1: one unit in a hundred is treated, and the effect is one step of 8.",
    d: 20,
    covariates: "normal",
    e: () => 0.01,
    mu: (rng, d) => {
      const beta = coefficients(rng, d, -5, 5);
      const mu0 = (x: Row): number => dot(beta, x) + (x[0] > 0.5 ? 5 : 0);
      return { mu0, mu1: (x) => mu0(x) + (x[1] > 0.1 ? 8 : 0) };
    },
  },
  {
    id: "kunzel-2",
    summary: "Kunzel's simulation 2: balanced, both surfaces linear with unrelated coefficients.",
    d: 20,
    covariates: "normal",
    e: () => 0.5,
    mu: (rng, d) => {
      const [beta0, beta1] = [coefficients(rng, d, 1, 30), coefficients(rng, d, 1, 30)];
      return { mu0: (x) => dot(beta0, x), mu1: (x) => dot(beta1, x) };
    },
  },
  {
    id: "kunzel-3",
    summary: "Kunzel's simulation 3: balanced, a steep product of two covariates with opposite signs in the two arms.",
    d: 20,
    covariates: "normal",
    e: () => 0.5,
    mu: () => ({ mu0: (x) => -halfProduct(x), mu1: halfProduct }),
  },
  {
    id: "kunzel-4",
    summary: "Kunzel's simulation 4: no effect, one linear surface of five covariates.",
    d: 5,
    covariates: "normal",
    e: () => 0.5,
    mu: (rng, d) => {
      const beta = coefficients(rng, d, 1, 30);
      return noEffect((x) => dot(beta, x));
    },
  },
  {
    id: "kunzel-5",
    summary: "Kunzel's simulation 5: no effect, a surface of three linear pieces.",
    d: 20,
    covariates: "normal",
    e: () => 0.5,
    mu: (rng, d) => {
      const beta = coefficients(rng, d, -15, 15);
      const piece = (from: number): Float64Array => beta.map((b, j) => (j >= from && j < from + 5 ? b : 0));
      const [low, middle, high] = [piece(0), piece(5), piece(10)];
      return noEffect((x) => dot(x[19] < -0.4 ? low : x[19] <= 0.4 ? middle : high, x));
    },
  },
  {
    id: "kunzel-6",
    summary: "Kunzel's simulation 6: no effect, confounded through one covariate.",
    d: 20,
    covariates: "uniform",
    e: (x) => 0.25 * (1 + betaPdf(x[0], 2, 4)),
    mu: () => noEffect((x) => 2 * x[0] - 1),
  },
];

export const kunzel: readonly Generator[] = setups.map((setup) =>
  define({
    id: setup.id,
    summary: setup.summary,
    source: [
      { key: "Kunzel2019", at: `supporting information, simulation SI ${setup.id.slice(-1)}` },
      ...(setup.covariates === "normal" ? [{ key: "Lewandowski2009", at: "section 2, partial correlations Beta(10, 10) on (-1, 1)" }] : []),
    ],
    config,
    simulate({ n, sigma, coefficients: seed, propensity }, rng) {
      const { d } = setup;
      const population = new Rng(seed).split(setup.id);
      const stream = rng.split("x");
      const x = setup.covariates === "uniform" ? draws(n, d, () => stream.float()) : correlatedNormals(n, d, 10, population.split("correlations"), stream);
      const surfaces = setup.mu(population.split("coefficients"), d);
      const [e, mu0, mu1] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
      const row = new Float64Array(d);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < d; j++) row[j] = x[j][i];
        e[i] = setup.e(row);
        mu0[i] = surfaces.mu0(row);
        mu1[i] = surfaces.mu1(row);
      }
      return twoArm({ name: `simulate:${setup.id}`, features: numbered(x), e, mu0, mu1, propensity }, rng, normalNoise(sigma));
    },
  }),
);

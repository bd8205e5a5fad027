import { z } from "zod";
import type { Rng } from "../../base/rng.ts";
import { draws, normalNoise, noiseOption, numbered, propensityOption, rowsOption, softplus, twoArm } from "./assemble.ts";
import { define, type Generator } from "./contract.ts";

// Nie2021, section 4. Main effect b, propensity e, effect tau; Y = b(X) + (W - 1/2) tau(X) + sigma eps, eps standard normal.

const config = z.strictObject({
  n: rowsOption(1000),
  d: z.int().min(5).max(10_000).default(6).describe("Covariates; the first five matter at most."),
  sigma: noiseOption(1),
  propensity: propensityOption("given"),
});

type Row = readonly number[];

interface Setup {
  readonly id: string;
  readonly summary: string;
  readonly draw: (rng: Rng) => number;
  readonly b: (x: Row) => number;
  readonly e: (x: Row) => number;
  readonly tau: (x: Row) => number;
}

const uniform = (rng: Rng): number => rng.float();
const normal = (rng: Rng): number => rng.normal();

const setups: readonly Setup[] = [
  {
    id: "nie-wager-a",
    summary: "Nie and Wager's setup A: difficult main effect and propensity, easy effect; confounded.",
    draw: uniform,
    b: ([x1, x2, x3, x4, x5]) => Math.sin(Math.PI * x1 * x2) + 2 * (x3 - 0.5) ** 2 + x4 + 0.5 * x5,
    e: ([x1, x2]) => Math.max(0.1, Math.min(Math.sin(Math.PI * x1 * x2), 0.9)),
    tau: ([x1, x2]) => (x1 + x2) / 2,
  },
  {
    id: "nie-wager-b",
    summary: "Nie and Wager's setup B: a randomised experiment, half treated, with a smooth effect.",
    draw: normal,
    b: ([x1, x2, x3, x4, x5]) => Math.max(x1 + x2, x3, 0) + Math.max(x4 + x5, 0),
    e: () => 0.5,
    tau: ([x1, x2]) => x1 + softplus(x2),
  },
  {
    id: "nie-wager-c",
    summary: "Nie and Wager's setup C: easy propensity, difficult main effect, constant effect 1; confounded.",
    draw: normal,
    b: ([x1, x2, x3]) => 2 * softplus(x1 + x2 + x3),
    e: ([, x2, x3]) => 1 / (1 + Math.exp(x2 + x3)),
    tau: () => 1,
  },
  {
    id: "nie-wager-d",
    summary: "Nie and Wager's setup D: treated and untreated outcomes have nothing in common; confounded.",
    draw: normal,
    b: ([x1, x2, x3, x4, x5]) => (Math.max(x1 + x2 + x3, 0) + Math.max(x4 + x5, 0)) / 2,
    e: ([x1, x2]) => 1 / (1 + Math.exp(-x1) + Math.exp(-x2)),
    tau: ([x1, x2, x3, x4, x5]) => Math.max(x1 + x2 + x3, 0) - Math.max(x4 + x5, 0),
  },
];

export const nieWager: readonly Generator[] = setups.map((setup) =>
  define({
    id: setup.id,
    summary: setup.summary,
    source: [{ key: "Nie2021", at: `section 4, setup ${setup.id.slice(-1).toUpperCase()}` }],
    config,
    simulate({ n, d, sigma, propensity }, rng) {
      const stream = rng.split("x");
      const x = draws(n, d, () => setup.draw(stream));
      const [e, mu0, mu1] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
      const row = [0, 0, 0, 0, 0];
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < 5; j++) row[j] = x[j][i];
        const b = setup.b(row);
        const half = setup.tau(row) / 2;
        e[i] = setup.e(row);
        mu0[i] = b - half;
        mu1[i] = b + half;
      }
      return twoArm({ name: `simulate:${setup.id}`, features: numbered(x), e, mu0, mu1, propensity }, rng, normalNoise(sigma));
    },
  }),
);

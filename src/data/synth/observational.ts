import { z } from "zod";
import type { Rng } from "../../base/rng.ts";
import { numberColumn } from "../dataset.ts";
import { logistic, noiseOption, propensityOption, rowsOption, twoArm } from "./assemble.ts";
import { define, type Generator } from "./contract.ts";

const config = z.strictObject({
  n: rowsOption(10_000),
  confounding: z
    .number()
    .min(0)
    .max(5)
    .default(1)
    .describe("How strongly the propensity follows the covariates that drive the outcome; 0 is a randomised experiment."),
  overlap: z.number().min(0.001).max(0.499).default(0.05).describe("Least propensity of either arm; the propensity lies between it and one minus it."),
  outcome: z.enum(["continuous", "binary"]).default("continuous").describe("Kind of the outcome; binary is the chance of a purchase."),
  sigma: noiseOption(1),
  missing: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.05)
    .describe("Share of `income` that is missing, more often for the young; the truth uses the value all the same."),
  propensity: propensityOption("withheld"),
});

const regions = ["east", "north", "south", "west"];
const regionEffect = [0, 0.5, -0.5, 0.2];

/*
 * Customers choose (or are chosen for) a loyalty programme. age ~ N(0, 1), income ~ N(age / 2, 1), visits ~ Poisson(exp(0.6 + 0.3 income)), region in
 * four, noise ~ N(0, 1) of no influence. With s = income + 0.3 log(1 + visits) + region effect:
 *   e    = overlap + (1 - 2 overlap) logistic(confounding (s - 0.3))
 *   base = s + age^2 / 4,  tau = 0.5 + 0.5 max(age, 0) - 0.4 (region = south)
 *   continuous: mu0 = base, mu1 = base + tau;   binary: mu = logistic(base - 2), logistic(base - 2 + tau).
 * Who buys more anyway joins more often, so the difference in means overstates the effect.
 */
export const observational: Generator = define({
  id: "observational",
  summary: "Observational data: who would buy more anyway joins the programme more often; propensity withheld by default.",
  source: [],
  config,
  simulate({ n, confounding, overlap, outcome, sigma, missing, propensity }, rng) {
    const stream = rng.split("x");
    const hole = rng.split("missing");
    const [age, income, visits, idle] = [new Float64Array(n), new Float64Array(n), new Float64Array(n), new Float64Array(n)];
    const seenIncome = new Float64Array(n);
    const region = new Int32Array(n);
    const [e, mu0, mu1] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
    for (let i = 0; i < n; i++) {
      const a = stream.normal();
      const inc = a / 2 + stream.normal();
      const v = stream.poisson(Math.exp(0.6 + 0.3 * inc));
      const r = stream.int(4);
      [age[i], income[i], visits[i], region[i], idle[i]] = [a, inc, v, r, stream.normal()];
      seenIncome[i] = hole.float() < missing * (a < 0 ? 1.5 : 0.5) ? Number.NaN : inc;
      const s = inc + 0.3 * Math.log1p(v) + regionEffect[r];
      const base = s + (a * a) / 4;
      const tau = 0.5 + 0.5 * Math.max(a, 0) - (r === 2 ? 0.4 : 0);
      e[i] = overlap + (1 - 2 * overlap) * logistic(confounding * (s - 0.3));
      mu0[i] = outcome === "binary" ? logistic(base - 2) : base;
      mu1[i] = outcome === "binary" ? logistic(base - 2 + tau) : base + tau;
    }
    const features = [
      numberColumn("age", age),
      numberColumn("income", seenIncome),
      numberColumn("visits", visits),
      { kind: "category" as const, name: "region", codes: region, levels: regions },
      numberColumn("noise", idle),
    ];
    const draw =
      outcome === "binary"
        ? (mu: number, _row: number, noise: Rng): number => noise.bernoulli(mu)
        : (mu: number, _row: number, noise: Rng): number => mu + sigma * noise.normal();
    return twoArm({ name: "simulate:observational", features, e, mu0, mu1, propensity }, rng, draw);
  },
});

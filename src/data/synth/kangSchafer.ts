import { z } from "zod";
import { draws, logistic, normalNoise, noiseOption, numbered, propensityOption, rowsOption, twoArm } from "./assemble.ts";
import { define, type Generator } from "./contract.ts";

const config = z.strictObject({
  n: rowsOption(1000),
  effect: z.number().min(-1e6).max(1e6).default(10).describe("Effect of the treatment on everyone, in units of the outcome (whose mean is 210 untreated)."),
  covariates: z
    .enum(["transformed", "latent"])
    .default("transformed")
    .describe("Whether models see the four transformed covariates, in which no simple model is right, or the latent ones."),
  sigma: noiseOption(1),
  propensity: propensityOption("withheld"),
});

// KangSchafer2007, section 1.4: z standard normal, y = 210 + 27.4 z1 + 13.7 (z2 + z3 + z4) + eps, e = logistic(-z1 + z2 / 2 - z3 / 4 - z4 / 10).
export const kangSchafer: Generator = define({
  id: "kang-schafer",
  summary: "Kang and Schafer's simulation: both outcome and propensity models are slightly wrong in the covariates seen; confounded.",
  source: [
    {
      key: "KangSchafer2007",
      at: "section 1.4",
      departure: "Their missing outcomes are the control arm's here, and a constant effect is added to the treated.",
    },
  ],
  config,
  simulate({ n, effect, covariates, sigma, propensity }, rng) {
    const stream = rng.split("x");
    const z4 = draws(n, 4, () => stream.normal());
    const seen = covariates === "latent" ? z4 : transformed(z4);
    const [e, mu0, mu1] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
    for (let i = 0; i < n; i++) {
      const [z1, z2, z3, zLast] = [z4[0][i], z4[1][i], z4[2][i], z4[3][i]];
      e[i] = logistic(-z1 + 0.5 * z2 - 0.25 * z3 - 0.1 * zLast);
      mu0[i] = 210 + 27.4 * z1 + 13.7 * (z2 + z3 + zLast);
      mu1[i] = mu0[i] + effect;
    }
    return twoArm({ name: "simulate:kang-schafer", features: numbered(seen), e, mu0, mu1, propensity }, rng, normalNoise(sigma));
  },
});

function transformed([z1, z2, z3, z4]: readonly Float64Array[]): Float64Array[] {
  return [
    z1.map((z) => Math.exp(z / 2)),
    z2.map((z, i) => z / (1 + Math.exp(z1[i])) + 10),
    z3.map((z, i) => ((z1[i] * z) / 25 + 0.6) ** 3),
    z4.map((z, i) => (z2[i] + z + 20) ** 2),
  ];
}

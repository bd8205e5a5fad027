import { z } from "zod";
import { usageError } from "../../base/errors.ts";
import type { Rng } from "../../base/rng.ts";
import { Dataset, numberColumn } from "../dataset.ts";
import type { CategoryColumn } from "../schema.ts";
import { draws, logistic, noiseOption, numbered, rowsOption } from "./assemble.ts";
import { define, type Generator } from "./contract.ts";

// A plain randomised experiment for checking methods: the same effect on everyone, or none. The baseline is
// mu0 = x1 + x2 / 2 + (segment = b), continuous; logistic(that - 1) / 2, binary; exp(that / 2), count.

const shared = {
  n: rowsOption(1000),
  d: z.int().min(2).max(10_000).default(4).describe("Numeric covariates, standard normal; one category `segment` comes on top."),
  arms: z.int().min(1).max(20).default(1).describe("Treated arms; the shares of all arms, control included, are equal unless `share` is given."),
  share: z.number().gt(0).lt(1).optional().describe("Share of the rows that is treated, spread evenly over the treated arms. Defaults to arms / (arms + 1)."),
  outcome: z.enum(["continuous", "binary", "count"]).default("continuous").describe("Kind of the outcome."),
  sigma: noiseOption(1),
};

const nullConfig = z.strictObject(shared);
const constantConfig = z.strictObject({
  ...shared,
  effect: z
    .number()
    .min(-1e6)
    .max(1e6)
    .default(0.3)
    .describe("Effect of the first treated arm, in units of the outcome; arm k has k times as much. At most 0.5 / arms for a binary outcome."),
});

export const nullEffect: Generator = define({
  id: "null",
  summary: "A randomised experiment in which nothing has an effect.",
  source: [],
  config: nullConfig,
  simulate: (config, rng) => simulateConstant("simulate:null", { ...config, effect: 0 }, rng),
});

export const constantEffect: Generator = define({
  id: "constant",
  summary: "A randomised experiment with the same effect on everyone.",
  source: [],
  config: constantConfig,
  simulate: (config, rng) => simulateConstant("simulate:constant", config, rng),
});

function simulateConstant(name: string, config: z.output<typeof constantConfig>, rng: Rng): Dataset {
  const { n, d, arms, share = arms / (arms + 1), outcome, sigma, effect } = config;
  if (outcome === "binary" && !(effect >= 0 && effect * arms <= 0.5))
    throw usageError(
      `${name}: effect must lie between 0 and ${0.5 / arms} for a binary outcome with ${arms} treated arms, as probabilities stay below 1; got ${effect}`,
    );
  if (outcome === "count" && effect < 0) throw usageError(`${name}: effect must be at least 0 for a count, as means stay positive; got ${effect}`);
  const stream = rng.split("x");
  const x = draws(n, d, () => stream.normal());
  const segment = segments(n, rng.split("segment"));
  const coin = rng.split("treatment");
  const noise = rng.split("noise");
  const names = ["control", ...Array.from({ length: arms }, (_, k) => (arms === 1 ? "treated" : `treated${k + 1}`))];
  const arm = new Int32Array(n);
  const y = new Float64Array(n);
  const mu = names.map(() => new Float64Array(n));
  for (let i = 0; i < n; i++) {
    const score = x[0][i] + x[1][i] / 2 + (segment.codes[i] === 1 ? 1 : 0);
    const base = outcome === "continuous" ? score : outcome === "binary" ? logistic(score - 1) / 2 : Math.exp(score / 2);
    for (let k = 0; k <= arms; k++) mu[k][i] = base + k * effect;
    arm[i] = coin.float() < share ? 1 + coin.int(arms) : 0;
    const expected = mu[arm[i]][i];
    y[i] = outcome === "continuous" ? expected + sigma * noise.normal() : outcome === "binary" ? noise.bernoulli(expected) : noise.poisson(expected);
  }
  const treated = names.slice(1);
  const e = new Float64Array(n).fill(share / arms);
  const columns = [
    ...numbered(x),
    segment,
    { kind: "category" as const, name: "treatment", codes: arm, levels: names },
    numberColumn("y", y),
    numberColumn("e", e),
    ...mu.map((values, k) => numberColumn(`mu${k}`, values)),
  ];
  return new Dataset(
    columns,
    {
      features: [...x.map((_, j) => `x${j + 1}`), "segment"],
      treatment: { column: "treatment", control: "control" },
      outcomes: ["y"],
      propensity: Object.fromEntries(treated.map((a) => [a, "e"])),
      potential: Object.fromEntries(names.map((a, k) => [a, `mu${k}`])),
    },
    name,
  );
}

function segments(n: number, rng: Rng): CategoryColumn {
  return { kind: "category", name: "segment", codes: Int32Array.from({ length: n }, () => rng.int(3)), levels: ["a", "b", "c"] };
}

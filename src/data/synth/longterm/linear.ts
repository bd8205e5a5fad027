import { z } from "zod";
import type { Rng } from "../../../base/rng.ts";
import { define, type Generator } from "../contract.ts";
import { longtermDataset, type SampleDraw, table } from "./build.ts";

const g1Config = z.strictObject({
  history: z.int().min(20).max(10_000_000).default(4000).describe("Rows of history."),
  experiment: z.int().min(20).max(10_000_000).default(2000).describe("Rows of the experiment."),
  steps: z.int().min(2).max(60).default(13).describe("Step of the outcome."),
  window: z.int().min(1).max(59).default(7).describe("Steps that are observed in both samples; fewer than steps."),
  form: z
    .enum(["cumulative", "power", "exponential"])
    .default("cumulative")
    .describe(
      "Cumulative: each step adds the sum of those before; power and exponential: the hidden cause enters as u^t / 2 or exp(0.2 u t) and nothing accumulates.",
    ),
});

// X and U of history: correlated with each other, and U with sign given by who was treated.
function confounded(rng: Rng, at: number, correlation: number): [x: number, u: number] {
  const [first, second] = [rng.normal(), rng.normal()];
  return [at + first, correlation * first + Math.sqrt(1 - correlation * correlation) * second];
}

/*
 * G1 of the specification. History: A ~ Bern(0.6), (X, U) | A ~ N((A - 1/2, 0), [[1, A - 1/2], [A - 1/2, 1]]); experiment: A ~ Bern(0.4),
 * (X, U) | A ~ N((-(A - 1/2), 0), I). Cumulative: S_t(1) = 1 + 1.1 X + U + sum_(k<t) S_k(1) + 0.1 eps, S_t(0) = X + U + sum_(k<t) S_k(0) + 0.1 eps, one eps
 * for both arms; Y = S_T. Unrolled, S_t(1) - S_t(0) = (1 + 0.1 X) 2^(t-1). Others: S_t(1) = 1 + 2 X + g(U, t), S_t(0) = X + g(U, t).
 */
export const longtermG1: Generator = define({
  id: "longterm-g1",
  summary: "Linear steps with a hidden cause that differs between history and experiment; history is labelled (FCAECB).",
  source: [{ key: "Chen2025", departure: "in the experiment the arm follows X, so the propensity given X is used as known" }],
  config: g1Config,
  simulate({ history, experiment, steps, window, form }, rng) {
    const kept = Math.min(window, steps - 1);
    return longtermDataset({
      name: "simulate:longterm-g1",
      features: ["x"],
      surrogates: Array.from({ length: kept }, (_, t) => `s_${t + 1}`),
      outcome: `s_${steps}`,
      arms: ["control", "treated"],
      history: g1Sample(history, true, steps, kept, form, rng.split("history")),
      experiment: g1Sample(experiment, false, steps, kept, form, rng.split("experiment")),
      hidden: false,
    });
  },
});

function g1Sample(n: number, past: boolean, steps: number, window: number, form: string, rng: Rng): SampleDraw {
  const [x, s] = [table(1, n), table(window, n)];
  const [arm, y, effect, e] = [new Int32Array(n), new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  const [coin, units, noise] = [rng.split("treatment"), rng.split("units"), rng.split("noise")];
  for (let i = 0; i < n; i++) {
    const a = coin.bernoulli(past ? 0.6 : 0.4);
    const [xi, u] = past ? confounded(units, a - 0.5, a - 0.5) : confounded(units, 0.5 - a, 0);
    arm[i] = a;
    x[0][i] = xi;
    let sum = 0;
    for (let t = 1; t <= steps; t++) {
      const hidden = form === "cumulative" ? u + sum : form === "power" ? 0.5 * u ** t : Math.exp(0.2 * u * t);
      const own = form === "cumulative" ? (a === 1 ? 1 + 1.1 * xi : xi) : a === 1 ? 1 + 2 * xi : xi;
      const value = own + hidden + 0.1 * noise.normal();
      sum += value;
      if (t <= window) s[t - 1][i] = value;
      if (t === steps) y[i] = value;
    }
    effect[i] = form === "cumulative" ? (1 + 0.1 * xi) * 2 ** (steps - 1) : 1 + xi;
    // Densities of x are N(-1/2, 1) and N(1/2, 1), shares 0.4 and 0.6.
    e[i] = 1 / (1 + 1.5 * Math.exp(xi));
  }
  return { x, s, arm, y, effect: [effect], e: past ? undefined : [e] };
}

const g2Config = z.strictObject({
  history: z.int().min(20).max(10_000_000).default(5000).describe("Rows of history."),
  experiment: z.int().min(20).max(10_000_000).default(2000).describe("Rows of the experiment."),
});

/*
 * G2 of the specification: A ~ Bern(1/2) in both; history (X, U) | A ~ N(((1/2 - A)/2, 0), [[1, A - 1/2], [A - 1/2, 1]]), experiment (X, U) | A ~ N(((A - 1/2)/2, 0), I);
 * S = 1 + A + X + 2AX + X^2/2 + A X^2 + U + eps/2, Y = 2 + 3A + X + 4AX + X^2 + 2A X^2 + 2U - S + eps/2. The terms of A in Y less those in S: tau = 2 + 2X + X^2.
 */
export const longtermG2: Generator = define({
  id: "longterm-g2",
  summary: "One surrogate, a hidden cause of surrogate and outcome in a labelled history; tau(x) = 2 + 2x + x^2.",
  source: [{ key: "Chen2025" }],
  config: g2Config,
  simulate({ history, experiment }, rng) {
    return longtermDataset({
      name: "simulate:longterm-g2",
      features: ["x"],
      surrogates: ["s"],
      outcome: "y",
      arms: ["control", "treated"],
      history: g2Sample(history, true, rng.split("history")),
      experiment: g2Sample(experiment, false, rng.split("experiment")),
      hidden: false,
    });
  },
});

function g2Sample(n: number, past: boolean, rng: Rng): SampleDraw {
  const [x, s] = [table(1, n), table(1, n)];
  const [arm, y, effect, e] = [new Int32Array(n), new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  const [coin, units, noise] = [rng.split("treatment"), rng.split("units"), rng.split("noise")];
  for (let i = 0; i < n; i++) {
    const a = coin.bernoulli(0.5);
    const [v, u] = past ? confounded(units, 0.5 * (0.5 - a), a - 0.5) : confounded(units, 0.5 * (a - 0.5), 0);
    arm[i] = a;
    x[0][i] = v;
    const short = 1 + a + v + 2 * a * v + 0.5 * v * v + a * v * v + u + 0.5 * noise.normal();
    s[0][i] = short;
    y[i] = 2 + 3 * a + v + 4 * a * v + v * v + 2 * a * v * v + 2 * u - short + 0.5 * noise.normal();
    effect[i] = 2 + 2 * v + v * v;
    // Densities of x are N(1/4, 1) and N(-1/4, 1) with equal shares.
    e[i] = 1 / (1 + Math.exp(-0.5 * v));
  }
  return { x, s, arm, y, effect: [effect], e: past ? undefined : [e] };
}

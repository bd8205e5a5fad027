import { z } from "zod";
import type { Rng } from "../../../base/rng.ts";
import { define, type Generator } from "../contract.ts";
import { longtermDataset, type SampleDraw, table } from "./build.ts";

const g4Config = z.strictObject({
  form: z.enum(["ihdp", "news"]).default("ihdp").describe("Coefficients redrawn at each step (ihdp), or topics common to all steps (news)."),
  history: z.int().min(20).max(1_000_000).default(598).describe("Rows of history."),
  experiment: z.int().min(20).max(1_000_000).default(149).describe("Rows of the experiment."),
  steps: z.int().min(2).max(200).default(100).describe("Step of the outcome."),
  window: z.int().min(1).max(199).default(10).describe("Steps that are observed in both samples; fewer than steps."),
});

/*
 * G4 of the specification. ihdp: Y_t(1) ~ N(x.b_t + 4, 1) + 0.02 sum_(k<t-1) Y_k(1), Y_t(0) ~ N(x.b_t, 1) + 0.02 sum_(k<t-1) Y_k(0), entries of b_t from {0, 1, 2, 3, 4} with
 * probabilities {.5, .2, .15, .1, .05}. news: topic shares z (50), Y_t(a) = 50 (z.z0 + a z.z1) + 0.03 sum_(k<t-1) Y_k + N(0, 1). In the authors' code that is one noise a step for all units, which makes every
 * step of news an exact line in any other, and the first step a copy of the outcome; here every unit has its own.
 */
export const longtermG4: Generator = define({
  id: "longterm-g4",
  summary: "A series of 100 steps of which ten are seen, in the manner of IHDP or News (LTEE).",
  source: [
    {
      key: "Cheng2021",
      departure:
        "features are drawn: 6 normal and 19 binary ones for ihdp, 50 topic shares from a Dirichlet for news; both samples are randomised with probability 1/2; in news every unit has noise of its own",
    },
  ],
  config: g4Config,
  simulate({ form, history, experiment, steps, window }, rng) {
    const kept = Math.min(window, steps - 1);
    const width = form === "ihdp" ? 25 : 50;
    const world = rng.split("world");
    const levels = [0.5, 0.2, 0.15, 0.1, 0.05];
    const topic = (): number[] => dirichlet(world, width);
    const fixed: SeriesWorld = {
      b: form === "ihdp" ? Array.from({ length: steps }, () => Array.from({ length: width }, () => world.choice(levels))) : [],
      z1: form === "news" ? topic() : [],
      z0: new Array<number>(width).fill(1 / width),
    };
    return longtermDataset({
      name: "simulate:longterm-g4",
      features: Array.from({ length: width }, (_, j) => `x${j + 1}`),
      surrogates: Array.from({ length: kept }, (_, t) => `y_${t + 1}`),
      outcome: `y_${steps}`,
      arms: ["control", "treated"],
      history: g4Sample(history, steps, kept, fixed, rng.split("history")),
      experiment: g4Sample(experiment, steps, kept, fixed, rng.split("experiment")),
      hidden: false,
    });
  },
});

interface SeriesWorld {
  readonly b: readonly (readonly number[])[];
  readonly z0: readonly number[];
  readonly z1: readonly number[];
}

function dirichlet(rng: Rng, n: number): number[] {
  const g = Array.from({ length: n }, () => rng.gamma(0.1) + 1e-12);
  const total = g.reduce((a, b) => a + b, 0);
  return g.map((v) => v / total);
}

function g4Sample(n: number, steps: number, window: number, { b, z0, z1 }: SeriesWorld, rng: Rng): SampleDraw {
  const news = b.length === 0;
  const width = z0.length;
  const [x, s] = [table(width, n), table(window, n)];
  const [arm, y, effect] = [new Int32Array(n), new Float64Array(n), new Float64Array(n)];
  const [units, coin, noise] = [rng.split("units"), rng.split("treatment"), rng.split("noise")];
  const dot = (p: readonly number[], q: readonly number[]): number => p.reduce((sum, v, j) => sum + v * q[j], 0);
  const carry = news ? 0.03 : 0.02;
  for (let i = 0; i < n; i++) {
    const v = news ? dirichlet(units, width) : Array.from({ length: width }, (_, j) => (j < 6 ? units.normal() : units.bernoulli(0.5)));
    v.forEach((value, j) => {
      x[j][i] = value;
    });
    const a = coin.bernoulli(0.5);
    arm[i] = a;
    const gain = news ? 50 * dot(v, z1) : 4;
    // Sums of all steps but the last: of what was seen, and of the effect alone.
    let [sum, last, rise, step] = [0, 0, 0, 0];
    for (let t = 0; t < steps; t++) {
      const value = (news ? 50 * dot(v, z0) : dot(v, b[t])) + noise.normal() + a * gain + carry * sum;
      const more = gain + carry * rise;
      [sum, last] = [sum + last, value];
      [rise, step] = [rise + step, more];
      if (t < window) s[t][i] = value;
    }
    y[i] = last;
    effect[i] = step;
  }
  return { x, s, arm, y, effect: [effect] };
}

const g6Config = z.strictObject({
  history: z.int().min(20).max(1_000_000).default(1000).describe("Rows of history."),
  experiment: z.int().min(20).max(1_000_000).default(1000).describe("Rows of the experiment."),
  actions: z.int().min(2).max(30).default(4).describe("Actions; the first is the control."),
  beta: z.number().min(0).max(10).default(1).describe("How strongly history preferred actions with a high expected outcome."),
  sigma: z.number().min(0).max(100).default(5).describe("Standard deviation of the outcome."),
});

/*
 * G6 of the specification: actions with vectors in R^5, x in R^5, s in R^3: s ~ N(f(x, a), 1/2) with f bilinear and standardised, q = h(x, a) / 2 + g(x, s) / 2 with g linear in s by cluster
 * of x (3 clusters, by the nearest of three drawn centres), y ~ N(q, sigma^2); history logs softmax(beta q), the experiment draws actions uniformly.
 */
export const longtermG6: Generator = define({
  id: "longterm-g6",
  summary: "Many logged actions, an outcome half through the surrogates and half direct (LOPE).",
  source: [
    {
      key: "Saito2024",
      departure:
        "effects of each action against the first in place of the value of a new policy; four actions unless more are asked for; clusters by drawn centres in place of KMeans",
    },
  ],
  config: g6Config,
  simulate({ history, experiment, actions, beta, sigma }, rng) {
    const world = rng.split("world");
    const normal = (n: number): number[] => Array.from({ length: n }, () => world.normal());
    const fixed: ActionWorld = {
      act: Array.from({ length: actions }, () => normal(5)),
      f: Array.from({ length: 3 }, () => Array.from({ length: 5 }, () => normal(5))),
      h: Array.from({ length: 5 }, () => normal(5)),
      centres: Array.from({ length: 3 }, () => normal(5)),
      g: Array.from({ length: 3 }, () => normal(3)),
    };
    return longtermDataset({
      name: "simulate:longterm-g6",
      features: Array.from({ length: 5 }, (_, j) => `x${j + 1}`),
      surrogates: ["short_a", "short_b", "short_c"],
      outcome: "y",
      arms: ["control", ...Array.from({ length: actions - 1 }, (_, k) => `action${k + 1}`)],
      history: g6Sample(history, beta, sigma, fixed, rng.split("history")),
      experiment: g6Sample(experiment, 0, sigma, fixed, rng.split("experiment")),
      hidden: false,
    });
  },
});

interface ActionWorld {
  readonly act: readonly (readonly number[])[];
  readonly f: readonly (readonly (readonly number[])[])[];
  readonly h: readonly (readonly number[])[];
  readonly centres: readonly (readonly number[])[];
  readonly g: readonly (readonly number[])[];
}

function g6Sample(n: number, beta: number, sigma: number, { act, f, h, centres, g }: ActionWorld, rng: Rng): SampleDraw {
  const [x, s] = [table(5, n), table(3, n)];
  const [arm, y] = [new Int32Array(n), new Float64Array(n)];
  const effect = table(act.length - 1, n);
  const [units, coin, noise] = [rng.split("units"), rng.split("treatment"), rng.split("noise")];
  // Bilinear forms of 25 products of standard normals have standard deviation 5.
  const bilinear = (m: readonly (readonly number[])[], v: readonly number[], a: readonly number[]): number =>
    m.reduce((sum, row, j) => sum + v[j] * row.reduce((t, value, k) => t + value * a[k], 0), 0) / 5;
  for (let i = 0; i < n; i++) {
    const v = Array.from({ length: 5 }, () => units.normal());
    v.forEach((value, j) => {
      x[j][i] = value;
    });
    const far = centres.map((centre) => centre.reduce((sum, value, j) => sum + (value - v[j]) ** 2, 0));
    const slope = g[far.indexOf(Math.min(...far))];
    const q = act.map((a) => 0.5 * bilinear(h, v, a) + 0.5 * f.reduce((sum, m, k) => sum + slope[k] * bilinear(m, v, a), 0));
    const a = coin.choice(q.map((value) => Math.exp(beta * (value - Math.max(...q)))));
    arm[i] = a;
    const short = f.map((m) => bilinear(m, v, act[a]) + Math.SQRT1_2 * noise.normal());
    short.forEach((value, k) => {
      s[k][i] = value;
    });
    y[i] = 0.5 * bilinear(h, v, act[a]) + 0.5 * short.reduce((sum, value, k) => sum + slope[k] * value, 0) + sigma * noise.normal();
    for (let k = 1; k < act.length; k++) effect[k - 1][i] = q[k] - q[0];
  }
  return { x, s, arm, y, effect };
}

import { z } from "zod";
import type { Rng } from "../../../base/rng.ts";
import { logistic } from "../assemble.ts";
import { define, type Generator } from "../contract.ts";
import { longtermDataset, type SampleDraw, table } from "./build.ts";

const rows = (history: number, experiment: number) => ({
  history: z.int().min(20).max(10_000_000).default(history).describe("Rows of history."),
  experiment: z.int().min(20).max(10_000_000).default(experiment).describe("Rows of the experiment."),
});

const g3Config = z.strictObject({
  ...rows(500, 247),
  observed: z.int().min(1).max(25).default(17).describe("Covariates that are seen; the other 25 minus these are hidden."),
});

/*
 * G3 of the specification, surface B with hidden covariates: beta_xs1, beta_xy1, beta_xu, beta_u, beta_ux ~ N(1, 1), beta_xs0, beta_xy0 ~ N(0, 1) / 3, k = (u.beta_ux)(x.beta_xu);
 *   s1 = x.b_s1 + u.b_u + 4 + k + e_s, s0 = exp((x + 1/2).b_s0) + u.b_u + k + e_s,
 *   y1 = x.b_y1 - s1 + 2 u.b_u + 2k + 8 + e_y, y0 = exp((x + 1/2).b_y0) - s0 + 2 u.b_u + 2k + e_y; noise common to the arms.
 *   P(A=1 | E) = 1 / (1 + exp(x.b - 1/4)), P(A=1 | H) = 1 / (1 + exp((x, u).b - 1)), b ~ U(-1/2, 1/2).
 */
export const longtermG3: Generator = define({
  id: "longterm-g3",
  summary: "Hidden covariates that act on surrogate, outcome and history's treatment (surface B of long-term IHDP).",
  source: [
    {
      key: "Cai2024",
      departure: "covariates are drawn (6 standard normal, 19 fair coins, centred) in place of IHDP's own rows, and the samples have given sizes",
    },
  ],
  config: g3Config,
  simulate({ history, experiment, observed }, rng) {
    const world = g3World(rng.split("world"), observed);
    return longtermDataset({
      name: "simulate:longterm-g3",
      features: Array.from({ length: observed }, (_, j) => `x${j + 1}`),
      surrogates: ["s"],
      outcome: "y",
      arms: ["control", "treated"],
      history: g3Sample(history, true, world, rng.split("history")),
      experiment: g3Sample(experiment, false, world, rng.split("experiment")),
      hidden: false,
    });
  },
});

type G3World = Readonly<Record<"xs1" | "xy1" | "xs0" | "xy0" | "xu" | "u" | "ux" | "member" | "chosen", readonly number[]>>;

function g3World(rng: Rng, seen: number): G3World {
  const around = (n: number, mean: number, sd: number): number[] => Array.from({ length: n }, () => mean + sd * rng.normal());
  const hidden = 25 - seen;
  const uniform = (n: number): number[] => Array.from({ length: n }, () => rng.float() - 0.5);
  return {
    xs1: around(seen, 1, 1),
    xy1: around(seen, 1, 1),
    xs0: around(seen, 0, 1 / 3),
    xy0: around(seen, 0, 1 / 3),
    xu: around(seen, 1, 1),
    u: around(hidden, 1, 1),
    ux: around(hidden, 1, 1),
    member: uniform(seen),
    chosen: uniform(25),
  };
}

function g3Sample(n: number, past: boolean, world: G3World, rng: Rng): SampleDraw {
  const seen = world.xs1.length;
  const [x, s] = [table(seen, n), table(1, n)];
  const [arm, y, effect, e] = [new Int32Array(n), new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  const [units, coin, noise, picked] = [rng.split("units"), rng.split("treatment"), rng.split("noise"), rng.split("sample")];
  const dot = (a: readonly number[], b: readonly number[], shift = 0): number => a.reduce((sum, v, j) => sum + v * (b[j] + shift), 0);
  for (let i = 0; i < n; ) {
    const all = Array.from({ length: 25 }, (_, j) => (j % 4 === 0 && j < 24 ? units.normal() : units.float() < 0.5 ? -0.5 : 0.5));
    const [v, u] = [all.slice(0, seen), all.slice(seen)];
    // P(E) = 1 / (1 + exp(x.b + 1)): a unit of the wrong sample is drawn again.
    if (picked.float() < logistic(-dot(world.member, v) - 1) === past) continue;
    v.forEach((value, j) => {
      x[j][i] = value;
    });
    const p = past ? logistic(1 - dot(world.chosen, all)) : logistic(0.25 - dot(world.member, v));
    const a = coin.bernoulli(p);
    const k = dot(world.ux, u) * dot(world.xu, v);
    const [es, ey, own] = [noise.normal(), noise.normal(), dot(world.u, u)];
    const s1 = dot(world.xs1, v) + own + 4 + k + es;
    const s0 = Math.exp(dot(world.xs0, v, 0.5)) + own + k + es;
    const y1 = dot(world.xy1, v) - s1 + 2 * own + 2 * k + 8 + ey;
    const y0 = Math.exp(dot(world.xy0, v, 0.5)) - s0 + 2 * own + 2 * k + ey;
    arm[i] = a;
    s[0][i] = a === 1 ? s1 : s0;
    y[i] = a === 1 ? y1 : y0;
    effect[i] = y1 - y0;
    e[i] = p;
    i++;
  }
  return { x, s, arm, y, effect: [effect], e: past ? undefined : [e] };
}

const g5Config = z.strictObject({
  ...rows(1200, 800),
  missing: z
    .enum(["none", "observed", "latent"])
    .default("none")
    .describe("Which surrogates are lacking: none, the two observed, or the proxies of the two latent ones."),
});

/*
 * G5 of the specification: x has 7 columns N(0, 1) and 3 columns N(1, 1); A ~ Bern(logistic(mean x)) in history, Bern(0.6) in the experiment; two observed surrogates
 * so(a) = x W + (2a - 1) and two latent ones sl(a) likewise, weights N(1, 1), with noise N(0, 1); proxies p = sl V + e; y = (so, sl).w + x.v + e.
 */
export const longtermG5: Generator = define({
  id: "longterm-g5",
  summary: "Two observed and two latent surrogates, the latent ones seen through proxies (LASER).",
  source: [{ key: "Cai2024", departure: "as the specification tells it: shifts of +1 and -1 for the arms, unit noise everywhere" }],
  config: g5Config,
  simulate({ history, experiment, missing }, rng) {
    const world = rng.split("world");
    const weights = (n: number, m: number): number[][] => Array.from({ length: m }, () => Array.from({ length: n }, () => 1 + world.normal()));
    const fixed = { so: weights(10, 2), sl: weights(10, 2), proxy: weights(2, 2), y: weights(14, 1)[0] };
    const surrogates = [...(missing === "observed" ? [] : ["so1", "so2"]), ...(missing === "latent" ? [] : ["proxy1", "proxy2"])];
    const draw = (n: number, past: boolean, stream: Rng): SampleDraw => g5Sample(n, past, fixed, missing, stream);
    return longtermDataset({
      name: "simulate:longterm-g5",
      features: Array.from({ length: 10 }, (_, j) => `x${j + 1}`),
      surrogates: surrogates.map((name) => name.replace(/(\d)$/, "$1_obs")),
      outcome: "y",
      arms: ["control", "treated"],
      history: draw(history, true, rng.split("history")),
      experiment: draw(experiment, false, rng.split("experiment")),
      hidden: false,
    });
  },
});

function g5Sample(n: number, past: boolean, fixed: { so: number[][]; sl: number[][]; proxy: number[][]; y: number[] }, missing: string, rng: Rng): SampleDraw {
  const kept = missing === "none" ? 4 : 2;
  const [x, s] = [table(10, n), table(kept, n)];
  const [arm, y, effect] = [new Int32Array(n), new Float64Array(n), new Float64Array(n)];
  const [units, coin, noise] = [rng.split("units"), rng.split("treatment"), rng.split("noise")];
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, v, j) => sum + v * b[j], 0);
  const tau = 2 * fixed.y.slice(0, 4).reduce((a, b) => a + b, 0);
  for (let i = 0; i < n; i++) {
    const v = Array.from({ length: 10 }, (_, j) => units.normal() + (j >= 7 ? 1 : 0));
    v.forEach((value, j) => {
      x[j][i] = value;
    });
    const a = coin.bernoulli(past ? logistic(v.reduce((p, q) => p + q, 0) / 10) : 0.6);
    const so = fixed.so.map((w) => dot(w, v) + (2 * a - 1) + noise.normal());
    const sl = fixed.sl.map((w) => dot(w, v) + (2 * a - 1) + noise.normal());
    const proxy = fixed.proxy.map((w) => dot(w, sl) + noise.normal());
    [...(missing === "observed" ? [] : so), ...(missing === "latent" ? [] : proxy)].forEach((value, j) => {
      s[j][i] = value;
    });
    arm[i] = a;
    y[i] = dot(fixed.y, [...so, ...sl, ...v]) + noise.normal();
    effect[i] = tau;
  }
  return { x, s, arm, y, effect: [effect] };
}

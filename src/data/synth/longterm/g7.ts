import { z } from "zod";
import type { Rng } from "../../../base/rng.ts";
import { logistic, softplus } from "../assemble.ts";
import { define, type Generator } from "../contract.ts";
import { longtermDataset, type SampleDraw, table } from "./build.ts";

const config = z.strictObject({
  history: z.int().min(20).max(10_000_000).default(5000).describe("Rows of history."),
  experiment: z.int().min(20).max(10_000_000).default(2000).describe("Rows of the experiment."),
  zeta: z.number().min(0).max(100).default(1).describe("Strength of the effect that does not go through the surrogates; 0 leaves none."),
  shift: z.number().min(-10).max(10).default(0.5).describe("How far the first three features of the experiment lie from those of history."),
  later: z
    .enum(["drift", "level"])
    .default("drift")
    .describe("Days 8 to 30: drift goes on with treatment and type; level stays as it was on day 7, so that surrogacy holds exactly at zeta 0."),
  labels: z.enum(["hidden", "logged"]).default("hidden").describe("Whether history says who had the treatment-like exposure."),
});
type Config = z.output<typeof config>;

const [d, types, metrics, window, horizon] = [10, 3, 3, 7, 30] as const;
const names = ["visits", "orders", "spend"] as const;

/*
 * G7 of the specification: x ~ N(m, I_10), type c ~ Cat(softmax(x W)), C = 3, never seen;
 * experiment: a ~ Bern(1/2); history: a ~ Bern(logistic(w_b.x + eta_c)), not logged;
 *   s_t = s_(t-1) / 2 + B x + alpha_c + a d_c(x) (1 - exp(-t/2)) + N(0, I/2), t = 1..7, three metrics, d_c(x) = softplus(D_c x) - 0.3
 *   y = sum_(t=8..30) 0.95^(t-8) w.s_t (same recursion, no noise) + zeta a (x1/2 + sin x2 + 0.3 |d_c(x)|) + N(0, 1)
 * Sizes the specification leaves open: W, w_b, D have columns of variance 1/10 (linear forms of variance 1 in history), B of 1/40, alpha ~ N(0, 1/4),
 * eta ~ N(0, 1), w = 1 / (sqrt(3) sum_k 0.95^k), all drawn once a data set. With zeta = 0 the surrogates carry the outcome as far as seven noisy days
 * tell the drift: surrogacy holds but for that, since the treatment goes on after day 7. With `later: "level"` metrics stay as they were on day 7, which is exactly known.
 */
export const longtermG7: Generator = define({
  id: "longterm-g7",
  summary: "History without policy labels, shifted features, seven days of three metrics, and an effect beyond the surrogates of strength zeta.",
  source: [],
  config,
  simulate(options, rng) {
    const world = drawWorld(rng.split("world"));
    return longtermDataset({
      name: "simulate:longterm-g7",
      features: Array.from({ length: d }, (_, j) => `x${j + 1}`),
      surrogates: Array.from({ length: window }, (_, t) => names.map((metric) => `${metric}_${t + 1}`)).flat(),
      outcome: "y_30",
      arms: ["control", "treated"],
      history: drawSample(options.history, 0, true, world, options, rng.split("history")),
      experiment: drawSample(options.experiment, options.shift, false, world, options, rng.split("experiment")),
      hidden: options.labels === "hidden",
    });
  },
});

interface World {
  readonly W: number[][];
  readonly B: number[][];
  readonly alpha: number[][];
  readonly D: number[][][];
  readonly wb: number[];
  readonly eta: number[];
}

function drawWorld(rng: Rng): World {
  const vector = (scale: number): number[] => Array.from({ length: d }, () => (scale * rng.normal()) / Math.sqrt(d));
  return {
    W: Array.from({ length: types }, () => vector(1)),
    B: Array.from({ length: metrics }, () => vector(0.5)),
    alpha: Array.from({ length: types }, () => Array.from({ length: metrics }, () => 0.5 * rng.normal())),
    D: Array.from({ length: types }, () => Array.from({ length: metrics }, () => vector(1))),
    wb: vector(1),
    eta: Array.from({ length: types }, () => rng.normal()),
  };
}

// Sum over days 8 to 30 of the discounted metric that starts at s on day 7 and drifts by b, and by g (1 - exp(-t/2)) more under treatment.
function rollOut(s: number, b: number, g: number): number {
  let [state, sum] = [s, 0];
  for (let t = window + 1; t <= horizon; t++) {
    state = 0.5 * state + b + g * (1 - Math.exp(-t / 2));
    sum += 0.95 ** (t - window - 1) * state;
  }
  return sum;
}

/** Days 8 to 30, discounted. */
const days = Array.from({ length: horizon - window }, (_, k) => 0.95 ** k).reduce((a, b) => a + b, 0);
const weight = 1 / (Math.sqrt(metrics) * days);

function drawSample(n: number, shift: number, past: boolean, world: World, { zeta, later }: Config, rng: Rng): SampleDraw {
  const x = table(d, n);
  const s = table(window * metrics, n);
  const [arm, y, effect, own, kind] = [new Int32Array(n), new Float64Array(n), new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  const [units, coin, noise] = [rng.split("units"), rng.split("treatment"), rng.split("noise")];
  const dot = (v: readonly number[], i: number): number => v.reduce((sum, value, j) => sum + value * x[j][i], 0);
  // What the treatment adds to a metric from day 1 to the end, for each unit of drift: the noise is common to both arms and drops out.
  const carried = (() => {
    let state = 0;
    for (let t = 1; t <= window; t++) state = 0.5 * state + 1 - Math.exp(-t / 2);
    return later === "drift" ? rollOut(state, 0, 1) : state * days;
  })();
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) x[j][i] = units.normal() + (j < 3 ? shift : 0);
    const odds = world.W.map((row) => Math.exp(dot(row, i)));
    const total = odds.reduce((a, b) => a + b, 0);
    const c = units.choice(odds);
    kind[i] = c;
    arm[i] = coin.bernoulli(past ? logistic(dot(world.wb, i) + world.eta[c]) : 0.5);
    const drift = world.D.map((rows) => rows.map((row) => softplus(dot(row, i)) - 0.3));
    const beyond = (type: number): number => zeta * (0.5 * x[0][i] + Math.sin(x[1][i]) + 0.3 * Math.hypot(...drift[type]));
    for (let type = 0; type < types; type++) {
      const tau = drift[type].reduce((sum, value) => sum + weight * value * carried, 0) + beyond(type);
      effect[i] += (odds[type] / total) * tau;
      if (type === c) own[i] = tau;
    }
    for (let m = 0; m < metrics; m++) {
      const base = dot(world.B[m], i) + world.alpha[c][m];
      const gain = arm[i] * drift[c][m];
      let state = 0;
      for (let t = 1; t <= window; t++) {
        state = 0.5 * state + base + gain * (1 - Math.exp(-t / 2)) + Math.SQRT1_2 * noise.normal();
        s[(t - 1) * metrics + m][i] = state;
      }
      y[i] += weight * (later === "drift" ? rollOut(state, base, gain) : state * days);
    }
    y[i] += arm[i] * beyond(c) + noise.normal();
  }
  return { x, s, arm, y, effect: [effect], more: { unit_effect: own, type: kind } };
}

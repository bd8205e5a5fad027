import { z } from "zod";
import { dataError } from "../base/errors.ts";
import { variance } from "../base/stats/moments.ts";
import { solveSpd } from "../base/linear/solve.ts";
import { takeColumn } from "../data/dataset.ts";
import type { Sample, TwoSamples } from "../data/longterm.ts";
import { fitEncoder, type Encoder, restoreEncoder } from "../learn/encode.ts";
import type { Json } from "../base/state.ts";
import type { Model } from "../model/contract.ts";
import { historyArms, labelConfig } from "./labels.ts";
import { type EffectFunction, longtermModel } from "./model.ts";
import { stack } from "./overlap.ts";
import { effectConfig, type EffectConfig } from "./settings.ts";

export interface BiasConfig extends EffectConfig {
  readonly labels: "auto" | "logged" | "classified";
  readonly metric?: string;
  readonly horizon: number;
  readonly replicates: number;
}

const shape = {
  ...labelConfig,
  metric: z.string().min(1).optional().describe("Metric whose steps carry the bias, the one the outcome continues; by default the first."),
  horizon: z.int().min(0).max(10_000).default(0).describe("Steps from the end of the experiment to the outcome; 0 takes it from the outcome's name (y_30)."),
  replicates: z.int().min(2).max(10_000).default(100).describe("Bootstrap replicates behind the interval."),
  ...effectConfig,
};

/** Coefficients of the effect given x: intercept first. */
type Coefficients = Float64Array;

/*
 * Bias of history at step t: b_t(x) = [muE_t(1, x) - muE_t(0, x)] - [muH_t(1, x) - muH_t(0, x)], each mu a least squares line in x.
 * caecb (Ghassami2022): the outcome's bias is that of the last step, tau(x) = muH_Y(1, x) - muH_Y(0, x) + b_t0(x).
 * fcaecb (Chen2025): b_(t+1)(x) = f(x) b_t(x), tau(x) = muH_Y(1, x) - muH_Y(0, x) + f(x)^(T - t0) b_t0(x); f linear, fitted to the steps that are seen.
 */
function biasModel<const Id extends "caecb" | "fcaecb">(id: Id, summary: string, key: string, departure: string): Model<Id, "longterm", z.ZodType<BiasConfig>> {
  return longtermModel({
    id,
    summary,
    source: [{ key, departure }],
    config: z.strictObject(shape) as unknown as z.ZodType<BiasConfig>,
    quick: { folds: 2, replicates: 3 },
    recipe: {
      learn: async (config, samples, shop) => {
        const { history, experiment, arms, grid } = samples;
        const { arm, how } = await historyArms(samples, config.labels, shop);
        const metric = config.metric === undefined ? 0 : grid.metrics.indexOf(config.metric);
        if (metric < 0) throw dataError(`metric: there is no metric "${config.metric}"; the metrics are ${grid.metrics.join(", ")}`);
        if (id === "fcaecb" && grid.steps.length < 2)
          throw dataError(`${id}: follows the bias from step to step and needs surrogates of two steps or more (columns such as visits_1, visits_2)`);
        const encoder = fitEncoder(stack(history.x, experiment.x), { maxLevels: 20 });
        const steps = horizonOf(config.horizon, samples);
        const problem: Problem = {
          xh: design(encoder, history),
          xe: design(encoder, experiment),
          sh: grid.steps.map((_, t) => values(history, grid.place[t * grid.metrics.length + metric])),
          se: grid.steps.map((_, t) => values(experiment, grid.place[t * grid.metrics.length + metric])),
          y: history.y,
          armH: arm,
          armE: experiment.arm,
          steps,
          follow: id === "fcaecb",
        };
        const all = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);
        const point = solve(problem, arms.length, all(history.rows), all(experiment.rows));
        const spread: number[][] = [];
        for (let r = 0; r < config.replicates; r++) {
          const rng = shop.rng.split("replicate", r);
          const draw = (n: number): Int32Array => Int32Array.from({ length: n }, () => rng.int(n));
          spread.push(averages(problem, solve(problem, arms.length, draw(history.rows), draw(experiment.rows)), draw(experiment.rows)));
          if (r % 10 === 0) {
            shop.signal.throwIfAborted();
            await new Promise(setImmediate);
          }
        }
        const mean = averages(problem, point, all(experiment.rows));
        const effects = effectFunction(encoder, point, steps, id === "fcaecb");
        const average = mean.map((effect, a) => ({ effect, se: Math.sqrt(variance(spread.map((values) => values[a]))) }));
        return { effects, average, report: { historyArms: how, metric: grid.metrics[metric], horizon: steps } };
      },
      restore: async (_, __, state) => {
        const { encoder, steps, follow, parts } = state.json as unknown as {
          encoder: Json;
          steps: number;
          follow: boolean;
          parts: { base: number[]; bias: number[]; f: number[] }[];
        };
        const solved = parts.map((part) => ({ base: Float64Array.from(part.base), bias: Float64Array.from(part.bias), f: Float64Array.from(part.f) }));
        return effectFunction(restoreEncoder(encoder), solved, steps, follow);
      },
    },
  });
}

export const caecb: Model<"caecb", "longterm", z.ZodType<BiasConfig>> = biasModel(
  "caecb",
  "CAECB: history's effect on the outcome, corrected by its bias at the last step that both samples have.",
  "Ghassami2022",
  "least squares lines in x for all means, bootstrap interval",
);
export const fcaecb: Model<"fcaecb", "longterm", z.ZodType<BiasConfig>> = biasModel(
  "fcaecb",
  "FCAECB: history's effect on the outcome, corrected by its bias, which is followed from step to step up to the outcome.",
  "Chen2025",
  "least squares lines in x for all means and for f, no sample split, bootstrap interval",
);

interface Problem {
  /** Designs with a leading column of ones, row by row. */
  readonly xh: readonly Float64Array[];
  readonly xe: readonly Float64Array[];
  readonly sh: readonly Float64Array[];
  readonly se: readonly Float64Array[];
  readonly y: Float64Array;
  readonly armH: Int32Array;
  readonly armE: Int32Array;
  readonly steps: number;
  readonly follow: boolean;
}

interface Solved {
  readonly base: Coefficients;
  readonly bias: Coefficients;
  readonly f: Coefficients;
}

function values(sample: Sample, j: number): Float64Array {
  const column = sample.s.columns[j];
  const { values: v } = column as { values: Float64Array };
  const missing = v.findIndex(Number.isNaN);
  if (missing >= 0)
    throw dataError(
      `surrogate "${column.name}" is missing in a row; this method needs every step of its metric: leave such rows out, or choose another metric`,
    );
  return v;
}

function design(encoder: Encoder, { x }: Sample): Float64Array[] {
  return [new Float64Array(x.rows).fill(1), ...encoder.encode(x)];
}

function horizonOf(horizon: number, { grid, outcome }: TwoSamples): number {
  if (horizon > 0) return horizon;
  const last = grid.steps[grid.steps.length - 1];
  const end = Number(/(\d+)$/.exec(outcome)?.[1] ?? Number.NaN);
  return end > last ? end - last : 1;
}

// Least squares of v on the design over some rows (which may repeat) of one arm.
function line(x: readonly Float64Array[], v: Float64Array, arm: Int32Array, a: number, rows: Int32Array): Coefficients {
  const p = x.length;
  const [g, b] = [new Float64Array(p * p), new Float64Array(p)];
  for (const i of rows) {
    if (arm[i] !== a) continue;
    for (let j = 0; j < p; j++) {
      b[j] += x[j][i] * v[i];
      for (let k = j; k < p; k++) g[j * p + k] += x[j][i] * x[k][i];
    }
  }
  return solved(g, b);
}

function solved(g: Float64Array, b: Float64Array): Coefficients {
  const p = b.length;
  for (let j = 0; j < p; j++) {
    for (let k = 0; k < j; k++) g[j * p + k] = g[k * p + j];
    g[j * p + j] += 1e-9 * (g[0] || 1);
  }
  const solution = solveSpd(g, b);
  if (solution === undefined) throw dataError("a line cannot be fitted in one arm: the features depend on each other there, or the arm has too few rows");
  return solution;
}

function solve({ xh, xe, sh, se, y, armH, armE, follow }: Problem, arms: number, rowsH: Int32Array, rowsE: Int32Array): Solved[] {
  const minus = (a: Coefficients, b: Coefficients): Coefficients => a.map((v, j) => v - b[j]);
  const out: Solved[] = [];
  for (let a = 1; a < arms; a++) {
    const effectH = (v: Float64Array): Coefficients => minus(line(xh, v, armH, a, rowsH), line(xh, v, armH, 0, rowsH));
    const effectE = (v: Float64Array): Coefficients => minus(line(xe, v, armE, a, rowsE), line(xe, v, armE, 0, rowsE));
    const from = follow ? 0 : sh.length - 1;
    const bias = sh.slice(from).map((v, t) => minus(effectE(se[from + t]), effectH(v)));
    out.push({ base: effectH(y), bias: bias[bias.length - 1], f: follow ? growth(xe, bias, rowsE) : new Float64Array(0) });
  }
  return out;
}

/** Coefficients of f that minimise the sum over rows and steps of (b_(t+1) - f b_t)^2. */
function growth(x: readonly Float64Array[], bias: readonly Coefficients[], rows: Int32Array): Coefficients {
  const p = x.length;
  const [g, b] = [new Float64Array(p * p), new Float64Array(p)];
  const at = (coefficients: Coefficients, i: number): number => coefficients.reduce((sum, v, j) => sum + v * x[j][i], 0);
  for (const i of rows)
    for (let t = 0; t + 1 < bias.length; t++) {
      const [now, next] = [at(bias[t], i), at(bias[t + 1], i)];
      for (let j = 0; j < p; j++) {
        b[j] += now * x[j][i] * next;
        for (let k = j; k < p; k++) g[j * p + k] += now * now * x[j][i] * x[k][i];
      }
    }
  return solved(g, b);
}

function effectAt(columns: readonly Float64Array[], i: number, { base, bias, f }: Solved, steps: number, follow: boolean): number {
  let [own, off, rate] = [0, 0, 0];
  for (let j = 0; j < columns.length; j++) {
    own += base[j] * columns[j][i];
    off += bias[j] * columns[j][i];
    if (follow) rate += f[j] * columns[j][i];
  }
  return own + (follow ? rate ** steps : 1) * off;
}

function averages({ xe, steps, follow }: Problem, parts: readonly Solved[], rows: Int32Array): number[] {
  return parts.map((part) => rows.reduce((sum, i) => sum + effectAt(xe, i, part, steps, follow), 0) / rows.length);
}

function effectFunction(encoder: Encoder, parts: readonly Solved[], steps: number, follow: boolean): EffectFunction {
  return {
    predict: async (x) => {
      const columns = [
        new Float64Array(x.rows).fill(1),
        ...encoder.encode({
          rows: x.rows,
          columns: x.columns.map((column) =>
            takeColumn(
              column,
              Int32Array.from({ length: x.rows }, (_, i) => i),
            ),
          ),
        }),
      ];
      return { effect: parts.map((part) => Float64Array.from({ length: x.rows }, (_, i) => effectAt(columns, i, part, steps, follow))) };
    },
    state: () => ({
      json: { encoder: encoder.state(), steps, follow, parts: parts.map(({ base, bias, f }) => ({ base: [...base], bias: [...bias], f: [...f] })) },
      arrays: {},
    }),
  };
}

import { normalCdf, normalQuantile } from "../base/stats/normal.ts";
import { mean, variance } from "../base/stats/moments.ts";
import { Rng } from "../base/rng.ts";
import type { Dataset } from "../data/dataset.ts";
import { surrogateGrid, twoSamples } from "../data/longterm.ts";
import type { Roles } from "../data/schema.ts";
import type { LongtermAverage, LongtermPrediction, Model } from "../model/contract.ts";
import { fit } from "../model/fit.ts";
import { sharedRun } from "../model/run.ts";
import { type Diagnosed, diagnose, type Diagnostic, type Verdict } from "./diagnostics.ts";
import { effectsOn } from "./effects.ts";
import type { Shop } from "./model.ts";
import { parse } from "../base/parse.ts";
import { z } from "zod";
import { effectConfig } from "./settings.ts";

/** An effect with its interval; NaN bounds where the method has none. */
export interface Banded {
  readonly effect: number;
  readonly lower: number;
  readonly upper: number;
}

export interface ArmForecast extends Banded {
  readonly arm: string;
  readonly se: number;
  readonly indirect?: number;
  readonly direct?: number;
  /** P(effect > 0) under the estimate's normal distribution. */
  readonly positive: number;
  /** Effects that were measured, and that are forecast, by step. */
  readonly horizon: readonly (Banded & { readonly step: number; readonly of: string; readonly kind: "measured" | "forecast" })[];
  /** Answer by the last step of the surrogates that is used. */
  readonly length: readonly (Banded & { readonly step: number })[];
  /** Answer if the policy had an effect that none of the surrogates and labels shows, as a share of the forecast. */
  readonly sensitivity: readonly (Banded & { readonly share: number })[];
  /** Answers of simpler methods. */
  readonly others: readonly (Banded & { readonly model: string })[];
  /** Tenths of the conditional effect, from the least. */
  readonly tenths: readonly number[];
  readonly advice: { readonly decision: "launch" | "hold" | "extend"; readonly text: string };
}

export interface ForecastResult extends Diagnosed {
  readonly model: string;
  readonly outcome: string;
  readonly level: number;
  readonly rows: { readonly history: number; readonly experiment: number };
  readonly labels: "logged" | "pseudo";
  readonly arms: readonly ArmForecast[];
  /** Effects of the experiment's units, in the order of its rows. */
  readonly effect: readonly Float64Array[];
  readonly notes: readonly string[];
}

export interface ForecastOptions {
  readonly model: Model<string, "longterm">;
  readonly config?: unknown;
  /** Simpler methods to set beside it. */
  readonly beside: readonly Model<string, "longterm">[];
  /** Windows to refit with; an empty list refits none. */
  readonly lengths: "auto" | "none";
  readonly level: number;
  readonly seed: number;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly progress: (share: number, what: string) => void;
}

/**
 * The whole forecast: the model's answer at every long-term outcome, what the first days measured, simpler methods, shorter windows, what hidden effects would
 * change, the diagnostics, and what they advise.
 * @param pooled both samples with roles (see `combineSamples`); its outcomes beyond the first give further points of the horizon
 * @throws LiftwiseError (data) for data that cannot bear a forecast
 */
export async function forecast(pooled: Dataset, options: ForecastOptions): Promise<ForecastResult> {
  const { model, config, beside, level, seed, threads, signal, progress } = options;
  const samples = twoSamples(pooled);
  const run = sharedRun();
  const fitOne = async (which: Model<string, "longterm">, data: Dataset, own: unknown): Promise<{ prediction: LongtermPrediction }> => {
    const fitted = await fit(which, data, {
      config: { ...(own as object), ...("level" in ((which.config as { shape?: object }).shape ?? {}) ? { level } : {}) },
      seed,
      threads,
      signal,
      shared: run,
    });
    try {
      return { prediction: await fitted.predict(experimentRows(pooled)) };
    } finally {
      fitted.dispose();
    }
  };
  progress(0.02, model.id);
  const main = await fitOne(model, pooled, config);
  progress(0.3, "simpler methods");
  const others: { id: string; prediction: LongtermPrediction }[] = [];
  const notes: string[] = [];
  for (const other of beside.filter(({ id }) => id !== model.id)) others.push({ id: other.id, ...(await fitOne(other, pooled, {})) });
  progress(0.45, "horizon");
  const outcomes = pooled.roles.outcomes;
  const further: { step: number; of: string; prediction: LongtermPrediction }[] = [];
  for (const name of outcomes) {
    const prediction = name === outcomes[0] ? main.prediction : (await fitOne(model, pooled.withRoles({ outcomes: [name] }), config)).prediction;
    further.push({ step: stepOf(name, samples.grid.steps), of: name, prediction });
  }
  progress(0.6, "shorter windows");
  const windows = options.lengths === "none" ? [] : windowsOf(samples.grid.steps.length);
  const light = model.id === "steal" ? { ...(config as object), members: 0 } : config;
  const shorter: { step: number; prediction: LongtermPrediction }[] = [];
  for (const steps of windows) {
    signal.throwIfAborted();
    const kept = samples.grid.place.slice(0, steps * samples.grid.metrics.length);
    const surrogates = Array.from(kept, (j) => (pooled.roles.surrogates as readonly string[])[j]);
    const cut = steps === samples.grid.steps.length ? main : await fitOne(model, pooled.withRoles({ surrogates } as Partial<Roles>), light);
    shorter.push({ step: samples.grid.steps[steps - 1], prediction: cut.prediction });
  }
  progress(0.8, "diagnostics");
  const shop: Shop = { rng: new Rng(seed).split("diagnose"), threads, signal, progress: () => {}, once: (_, make) => make(new Rng(seed).split("once")) };
  const direct = model.id === "steal" && (config as { mode?: string } | undefined)?.mode !== "surrogacy";
  const index = others.find(({ id }) => id === "surrogate-index")?.prediction.average;
  const diagnosed = await diagnose(samples, shop);
  const found: Diagnosed = direct ? { ...diagnosed, findings: [...diagnosed.findings, ...directPart(main.prediction.average, index)] } : diagnosed;
  const measured = await measuredEffects(samples, pooled, level, shop);
  const reach = normalQuantile(0.5 + level / 2);
  const arms = main.prediction.arms.map((arm, a): ArmForecast => {
    const one = main.prediction.average[a];
    const band = ({ effect, lower, upper }: Banded): Banded => ({ effect, lower, upper });
    const scale = Number.isFinite(one.se) ? one.se * reach : Number.NaN;
    const positive = Number.isFinite(one.se) ? normalCdf(one.effect / one.se) : Number.NaN;
    const sorted = Float64Array.from(main.prediction.effect[a]).sort();
    return {
      arm,
      ...band(one),
      se: one.se,
      ...(one.indirect === undefined ? {} : { indirect: one.indirect, direct: one.direct }),
      positive,
      horizon: [
        ...measured[a],
        ...further.map(({ step, of, prediction }) => ({ step, of, kind: "forecast" as const, ...band(prediction.average[a]) })).sort((p, q) => p.step - q.step),
      ],
      length: shorter.map(({ step, prediction }) => ({ step, ...band(prediction.average[a]) })),
      sensitivity: Array.from({ length: 9 }, (_, k) => {
        const share = -2 + k / 2;
        const effect = one.effect * (1 + share);
        return { share, effect, lower: effect - scale, upper: effect + scale };
      }),
      others: others.map(({ id, prediction }) => ({ model: id, ...band(prediction.average[a]) })),
      tenths: Array.from({ length: 11 }, (_, k) => sorted[Math.min(sorted.length - 1, Math.floor((k * (sorted.length - 1)) / 10))]),
      advice: advise(arm, one.effect, positive, found, model.id, direct ? instead(arm, found, index?.[a], samples.history.logged) : ""),
    };
  });
  if (arms.some(({ se }) => !Number.isFinite(se))) notes.push(`${model.id} has no interval for the average effect; no probability can be given`);
  return {
    model: model.id,
    outcome: outcomes[0],
    level,
    rows: { history: samples.history.rows, experiment: samples.experiment.rows },
    labels: samples.history.logged ? "logged" : "pseudo",
    arms,
    effect: main.prediction.effect,
    ...found,
    notes,
  };
}

/** The experiment's rows, in their order. */
export function experimentRows(pooled: Dataset): Dataset {
  const { sample } = pooled.roles;
  const column = pooled.column(sample?.column ?? "");
  if (column.kind !== "category") return pooled;
  const past = column.levels.indexOf(sample?.history ?? "");
  return pooled.take(Int32Array.from(column.codes.keys()).filter((i) => column.codes[i] !== past));
}

function stepOf(outcome: string, steps: readonly number[]): number {
  const end = Number(/(\d+)$/.exec(outcome)?.[1] ?? Number.NaN);
  const last = steps[steps.length - 1];
  return Number.isFinite(end) && end > last ? end : last + 1;
}

/** Up to four lengths of the window, the last being all of it. */
function windowsOf(steps: number): number[] {
  if (steps < 2) return [];
  return [...new Set([1, Math.ceil(steps / 3), Math.ceil((2 * steps) / 3), steps])];
}

// Effects on each metric at each step, as measured: doubly robust differences, in the metric's units.
async function measuredEffects(samples: ReturnType<typeof twoSamples>, pooled: Dataset, level: number, shop: Shop): Promise<ArmForecast["horizon"][]> {
  const { experiment, grid, arms } = samples;
  const config = parse(z.strictObject(effectConfig), { level }, "forecast");
  const reach = normalQuantile(0.5 + level / 2);
  const out: ArmForecast["horizon"][number][][] = arms.slice(1).map(() => []);
  for (const [t, step] of surrogateGrid(pooled.roles.surrogates ?? []).steps.entries())
    for (const [m, metric] of grid.metrics.entries()) {
      const column = experiment.s.columns[grid.place[t * grid.metrics.length + m]];
      if (column.kind !== "number") continue;
      const known = column.values.filter((v) => !Number.isNaN(v));
      if (known.length < 20 || variance(known) === 0) continue;
      const middle = mean(known);
      const { average } = await effectsOn(samples, { value: column.values.map((v) => (Number.isNaN(v) ? middle : v)) }, config as never, shop);
      average.forEach(({ effect, se }, a) =>
        out[a].push({ step, of: metric, kind: "measured", effect, lower: effect - reach * se, upper: effect + reach * se }),
      );
    }
  return out;
}

/** How much wider than the surrogate index's the interval is: where the labels leave the direct part open, nothing else makes it many times as wide. */
function directPart(average: readonly LongtermAverage[], index: readonly LongtermAverage[] | undefined): Diagnostic[] {
  if (index === undefined) return [];
  return average.map(({ arm, se }, a) => {
    const value = se / index[a].se;
    const verdict: Verdict = value <= 4 ? "good" : value <= 10 ? "caution" : "bad";
    const then =
      verdict === "good"
        ? "The data tell it well enough."
        : verdict === "caution"
          ? "The data tell little of it."
          : "The data do not tell it at all: the answer with a direct part is of no use here, its sign included.";
    return {
      id: average.length === 1 ? "direct-part" : `direct-part ${arm}`,
      title: average.length === 1 ? "Effect beyond the surrogates" : `Effect beyond the surrogates, ${arm}`,
      value,
      verdict,
      text: `With an effect beyond the surrogates to be learned the interval is ${value.toPrecision(2)} times as wide as that of a surrogate index, which rules such an effect out. ${then}`,
    };
  });
}

/** What to take in place of an answer whose direct part the data do not tell; nothing where they do. */
function instead(arm: string, { findings }: Diagnosed, index: LongtermAverage | undefined, logged: boolean): string {
  const bad = (name: string): boolean => findings.some(({ id, verdict }) => verdict === "bad" && (id === name || id === `${name} ${arm}`));
  if (!bad("pseudo-labels") && !bad("direct-part")) return "";
  const [effect, lower, upper] = index === undefined ? [] : [index.effect, index.lower, index.upper].map((v) => Number(v.toPrecision(3)));
  const says = index === undefined ? "" : `, which says ${effect} (${lower} to ${upper})`;
  const open = " This model's answer is of no use here: the data cannot tell an effect beyond the surrogates.";
  if (bad("surrogacy"))
    return logged
      ? `${open} A surrogate index${says}, leaves such an effect out, and the check of surrogacy speaks against that; history's arms are logged: take --model imputation.`
      : `${open} A surrogate index${says}, does not serve either: the check of surrogacy speaks against it.`;
  const faint = bad("surrogate-r2") ? ", and the surrogates carry next to nothing of the outcome" : "";
  return `${open} Take a surrogate index (--model surrogate-index, or --mode surrogacy)${says}. It is right if "${arm}" acts through the surrogates alone: nothing here can show that${faint}.`;
}

function advise(arm: string, effect: number, positive: number, { findings }: Diagnosed, model: string, other: string): ArmForecast["advice"] {
  const bad = findings.filter(({ verdict, id }) => verdict === "bad" && !(model === "steal" && id.startsWith("surrogacy")));
  const doubts = bad.length === 0 ? "" : ` What stands against it: ${bad.map(({ title }) => title.toLowerCase()).join("; ")}.`;
  if (!Number.isFinite(positive))
    return {
      decision: "extend",
      text: `The method gives no interval; ${arm} is forecast at ${Number(effect.toPrecision(3))}. Choose a method with one before deciding.${doubts}`,
    };
  const sure = positive > 0.95 || positive < 0.05;
  const chance = positive > 0.999 ? "above 99.9 %" : positive < 0.001 ? "below 0.1 %" : `${(100 * positive).toFixed(1)} %`;
  if (bad.length > 0)
    return {
      decision: "extend",
      text: `The chance that "${arm}" does good in the long run is ${chance} by the interval, but the interval cannot be taken at its word.${doubts} Wait for late outcomes of some units, or mend what is named.${other}`,
    };
  if (!sure)
    return {
      decision: "extend",
      text: `The chance that "${arm}" does good in the long run is ${chance}: not sure enough either way. More units or a longer window would narrow it.`,
    };
  return positive > 0.5
    ? { decision: "launch", text: `The chance that "${arm}" does good in the long run is ${chance}.` }
    : { decision: "hold", text: `The chance that "${arm}" does good in the long run is ${chance}: it is likely to do harm.` };
}

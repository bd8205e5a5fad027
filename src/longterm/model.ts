import type { z } from "zod";
import { normalQuantile } from "../base/stats/normal.ts";
import { studentQuantile } from "../base/stats/student.ts";
import type { Json, State } from "../base/state.ts";
import type { Features } from "../data/schema.ts";
import { asCategory, type Dataset, numberColumn } from "../data/dataset.ts";
import { twoSamples, type TwoSamples } from "../data/longterm.ts";
import { bundle, unbundle } from "../learn/bundle.ts";
import type { Citation, FitContext, Fitted, LongtermAverage, Model, Traits } from "../model/contract.ts";
import { contentOrder } from "../model/order.ts";
import { checkOverlap } from "./overlap.ts";

/** Effects given x that were learned; predicts for any units. */
export interface EffectFunction {
  /** Arrays of n by treated arm. */
  predict(x: Features): Promise<{ readonly effect: readonly Float64Array[]; readonly indirect?: readonly Float64Array[] }>;
  state(): State;
  dispose?(): void;
}

/** Average effect of one treated arm with its standard error; NaN where there is none. */
export interface AverageEffect {
  readonly effect: number;
  readonly se: number;
  readonly indirect?: number;
  /** Degrees of freedom of the standard error; many, and a normal distribution, where it is not given. */
  readonly df?: number;
}

/** What a fit has in hand: streams, threads, and `once` for what several models on the same data need. */
export interface Shop extends Omit<FitContext, "once"> {
  readonly once: NonNullable<FitContext["once"]>;
}

export interface LongtermRecipe<C> {
  /** @param samples checked: two arms at least, outcomes and surrogates that hold something, overlap */
  learn(
    config: C,
    samples: TwoSamples,
    shop: Shop,
  ): Promise<{ readonly effects: EffectFunction; readonly average: readonly AverageEffect[]; readonly report: Readonly<Record<string, Json>> }>;
  restore(config: C, arms: readonly string[], state: State): Promise<EffectFunction>;
}

export interface LongtermModel<Id extends string, C> {
  readonly id: Id;
  readonly summary: string;
  readonly source: readonly Citation[];
  readonly config: z.ZodType<C>;
  readonly quick: z.input<z.ZodType<C>>;
  readonly engine?: "plain" | "net";
  readonly recipe: LongtermRecipe<NoInfer<C>>;
}

const traits: Omit<Traits, "engine"> = {
  needs: ["feature", "treatment", "surrogate", "sample"],
  sees: ["feature"],
  arms: "many",
  outcomes: ["binary", "count", "continuous"],
  weights: false,
  intervals: true,
};

/** A model of the task "longterm": checks the samples, learns, gives the averages their intervals, saves. */
export function longtermModel<const Id extends string, C extends { readonly level: number }>({
  id,
  summary,
  source,
  config,
  quick,
  engine = "plain",
  recipe,
}: LongtermModel<Id, C>): Model<Id, "longterm", z.ZodType<C>> {
  return {
    id,
    task: "longterm",
    summary,
    source,
    traits: { ...traits, engine },
    config,
    quick: quick as never,
    fit: async (settings, data, context) => {
      const samples = twoSamples(withoutLater(data));
      const shop: Shop = { ...context, once: context.once ?? ((_, make) => make(context.rng.split("once"))) };
      const overlap = await checkOverlap(samples, data.name, shop);
      context.progress(0.1, "samples checked");
      const { effects, average, report } = await recipe.learn(settings, samples, shop);
      context.progress(1, "done");
      const averages = average.map((one, a) => withInterval(samples.arms[a + 1], one, settings.level));
      return fitted(samples.arms, effects, averages, {
        historyRows: samples.history.rows,
        experimentRows: samples.experiment.rows,
        labels: samples.history.logged ? "logged" : "not logged",
        overlap,
        average: averages.map((one) => Object.fromEntries(Object.entries(one).map(([name, value]) => [name, plain(value)]))) as Json,
        ...report,
      });
    },
    restore: async (settings, state) => {
      const { about } = state.json as unknown as { about: { arms: string[]; average: (LongtermAverage & { se: number | null })[] } };
      const effects = await recipe.restore(settings, about.arms, unbundle(state, "effects"));
      const average = about.average.map((one) => withInterval(one.arm, { ...one, se: one.se ?? Number.NaN }, settings.level));
      return fitted(about.arms, effects, average, {});
    },
  };
}

// Whatever stands in the experiment's outcome columns may not even decide in which order the rows are learned from.
function withoutLater(data: Dataset): Dataset {
  const { sample, outcomes } = data.roles;
  if (sample === undefined) return data;
  const column = asCategory(data.column(sample.column), data.at(sample.column));
  const past = column.levels.indexOf(sample.history);
  const blank = outcomes.map((name) =>
    numberColumn(
      name,
      data.outcome(name).map((v, i) => (column.codes[i] === past ? v : Number.NaN)),
    ),
  );
  const clean = data.withColumns(blank);
  const byName = clean.columns.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return clean.take(contentOrder(byName, clean.rows));
}

function plain(value: string | number | undefined): Json {
  return typeof value === "number" && !Number.isFinite(value) ? null : (value as Json);
}

function withInterval(arm: string, { effect, se: own, indirect, df }: AverageEffect, level: number): LongtermAverage {
  // A standard error of few degrees of freedom is widened so that what is built on it with a normal distribution has its level.
  const [normal, student] = [normalQuantile(0.5 + level / 2), df === undefined ? undefined : studentQuantile(0.5 + level / 2, df)];
  const se = student === undefined ? own : (own * student) / normal;
  const reach = normal * se;
  return { arm, effect, se, lower: effect - reach, upper: effect + reach, level, ...(indirect === undefined ? {} : { indirect, direct: effect - indirect }) };
}

function fitted(
  arms: readonly string[],
  effects: EffectFunction,
  average: readonly LongtermAverage[],
  report: Readonly<Record<string, Json>>,
): Fitted<"longterm"> {
  return {
    report,
    predict: async (data) => {
      const { effect, indirect } = await effects.predict(data.features());
      return { arms: arms.slice(1), effect, ...(indirect === undefined ? {} : { indirect }), average };
    },
    state: async () => {
      const about = {
        arms: [...arms],
        average: average.map(({ arm, effect, se, indirect }) => ({ arm, effect, se: plain(se), ...(indirect === undefined ? {} : { indirect }) })),
      };
      const whole = bundle({ effects: effects.state() });
      return { json: { ...(whole.json as Record<string, Json>), about: about as unknown as Json }, arrays: whole.arrays };
    },
    dispose: () => effects.dispose?.(),
  };
}

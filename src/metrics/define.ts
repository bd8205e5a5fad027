import type { z } from "zod";
import { parse } from "../base/parse.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Metric, Score, Statistic } from "./contract.ts";
import { scored } from "./scored.ts";

/** A metric from its statistic: `score` checks the options, lays the scores against the data and evaluates once. */
export function defineMetric<const Id extends string, C extends z.ZodType>(spec: Omit<Metric<Id, C>, "score">): Metric<Id, C> {
  return Object.freeze({
    ...spec,
    score(prediction: Float64Array, data: Dataset, input?: z.input<C>): Score {
      const options = parse(spec.options, input, `metric ${spec.id}`);
      return pointScore(spec.statistic(scored(prediction, data, armOf(options)), options));
    },
  });
}

/** The score without its uncertainty. */
export function pointScore(statistic: Statistic): Score {
  const value = statistic.value();
  const { curve, notes } = statistic;
  return { value, ...(curve === undefined ? {} : { curve: curve() }), ...(notes.length === 0 ? {} : { notes }) };
}

/** The arm asked for in checked options, where the metric has such an option. */
export function armOf(options: unknown): string | undefined {
  return (options as { readonly arm?: string } | undefined)?.arm;
}

import { z } from "zod";
import { dataError } from "../../base/errors.ts";
import type { ArrayState, Json, State } from "../../base/state.ts";
import { forestArrays, restoreForest, savedColumn, savedColumns } from "./codeForest.ts";
import type { LearnedCausalForest } from "./learnCausal.ts";

export function stateOf(learned: LearnedCausalForest): State {
  const { forest, columns, arms, moments, bag, level, overall, instrument, report, rows, scores } = learned;
  const list = (name: string, values: readonly Float64Array[]): [string, ArrayState][] =>
    values.map((data, a) => [`rows.${name}${a + 1}`, { shape: [data.length], data }]);
  return {
    json: {
      arms,
      moments: { ...moments },
      bag,
      level,
      overall,
      ...(instrument === undefined ? {} : { instrument }),
      columns: savedColumns(columns) as unknown as Json,
      report: report as Json,
    },
    arrays: {
      ...forestArrays(forest, columns),
      "rows.outcome": { shape: [rows.outcome.length], data: rows.outcome },
      ...Object.fromEntries([
        ...list("propensity", rows.propensity),
        ...list("effect", rows.effect),
        ...list("variance", rows.variance),
        ...list("score", scores),
      ]),
    },
  };
}

const saved = z.strictObject({
  arms: z.array(z.string()),
  moments: z.strictObject({ arms: z.int(), instrument: z.boolean() }),
  bag: z.int(),
  level: z.number(),
  overall: z.array(z.number()),
  instrument: z.string().optional(),
  columns: z.array(savedColumn),
  report: z.record(z.string(), z.json()),
});

/** @throws LiftwiseError (data) where the state is not that of a causal forest */
export function restoreCausalForest({ json, arrays }: State): LearnedCausalForest {
  const about = saved.safeParse(json);
  if (!about.success) throw dataError("saved causal forest: its description does not fit; the file is damaged or not one of ours", about.error);
  const { forest, columns } = restoreForest(arrays, about.data.columns);
  const numbers = (name: string): Float64Array => {
    const data = arrays[name]?.data;
    if (!(data instanceof Float64Array))
      throw dataError(`saved causal forest: array "${name}" is missing or of the wrong type; the file is damaged or not one of ours`);
    return data;
  };
  const list = (name: string): Float64Array[] => about.data.arms.slice(1).map((_, a) => numbers(`rows.${name}${a + 1}`));
  const rows = { outcome: numbers("rows.outcome"), propensity: list("propensity"), effect: list("effect"), variance: list("variance") };
  const { instrument = undefined } = about.data;
  return { ...about.data, instrument, forest, columns, rows, scores: list("score"), report: about.data.report as Readonly<Record<string, Json>> };
}

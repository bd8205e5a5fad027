import { z } from "zod";
import type { Curve, Metric, MetricTraits } from "../contract.ts";
import { defineMetric } from "../define.ts";
import { armOption, type Options } from "../options.ts";
import { binaryOutcome } from "../outcomes.ts";
import { type Ranking, repeated } from "../ranking.ts";

/** One number of another library, computed from control and arm in descending order of score, ties in input order. */
interface Definition<Id extends string, T> {
  readonly id: Id;
  readonly summary: string;
  readonly library: string;
  readonly ties: MetricTraits["ties"];
  readonly weights: MetricTraits["weights"];
  readonly constant?: MetricTraits["constant"];
  /** Whether known propensities enter. */
  readonly propensities?: boolean;
  /** Whether the library takes 0/1 outcomes only. */
  readonly binary?: boolean;
  readonly options: z.ZodType<T>;
  /** @param whole the ranking before rows were resampled */
  readonly value: (r: Ranking, options: T, whole: Ranking) => number;
  readonly curve?: (r: Ranking, options: T) => Curve;
  /** Why there is no (finite) value, in the library's terms. */
  readonly undefinedWhen: string;
}

/**
 * A compatibility metric. Where the library stops with an error because the data has no answer (an arm or a class is empty), the value is NaN
 * with a note; what it does with prefixes of one arm, and with curves that end at zero or below, is reproduced as it is.
 */
export function compatMetric<const Id extends string, T extends { arm?: string }>(definition: Definition<Id, T>): Metric<Id, z.ZodType<T, Partial<T>>> {
  const { id, summary, library, ties, weights, constant, options, value, curve } = definition;
  return defineMetric({
    id,
    summary: `${summary}, as ${library} computes it`,
    better: "higher",
    needs: ["treatment", "outcome"],
    traits: { reads: "order", ties, weights, library, ...(constant === undefined ? {} : { constant }) },
    options: options as z.ZodType<T, Partial<T>>,
    statistic({ data, ranking }, chosen) {
      if (definition.binary) binaryOutcome(data, id);
      const notes = [...ranking.notes];
      if (weights === "ignored" && data.roles.weight !== undefined) notes.push(`row weights are not used: ${library} has none`);
      if (!definition.propensities && data.roles.propensity !== undefined) notes.push(`known propensities are not used: ${library} has none`);
      if (ranking.constant)
        notes.push(
          ties === "averaged"
            ? "all scores are equal: the value is that of random targeting"
            : `all scores are equal: ${library} does not average ties, so the order of the rows decides`,
        );
      else if (ties === "row order" && ranking.ends.length < ranking.row.length)
        notes.push(`some scores are equal: ${library} does not average ties, so the order of the rows matters`);
      if (!Number.isFinite(value(ranking, chosen, ranking)) && !ranking.empty) notes.push(definition.undefinedWhen);
      return {
        value: (counts) => value(counts === undefined ? ranking : repeated(ranking, counts), chosen, ranking),
        ...(curve === undefined ? {} : { curve: () => curve(ranking, chosen) }),
        notes,
      };
    },
  });
}

export const armOnly: Options<{ arm?: string }> = z.strictObject(armOption);

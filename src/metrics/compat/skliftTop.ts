import { z } from "zod";
import { usageError } from "../../base/errors.ts";
import type { Metric } from "../contract.ts";
import { armOption, type Options } from "../options.ts";
import type { Ranking } from "../ranking.ts";
import { compatMetric } from "./compat.ts";
import { answerable, tallyOf } from "./sklift.ts";

/**
 * scikit-uplift 0.5.1, `uplift_at_k` and `weighted_average_uplift`, for 0/1 outcomes: differences of response rates among rows taken one by
 * one from the top, tied rows in reverse input order.
 */
interface Sorted {
  readonly y: Float64Array;
  readonly t: Uint8Array;
}

/** Descending scores, each group of tied rows turned round. */
function reversedTies({ y, t, ends }: Ranking): Sorted {
  const turned = { y: y.slice(), t: t.slice() };
  let start = 0;
  for (const end of ends) {
    turned.y.subarray(start, end).reverse();
    turned.t.subarray(start, end).reverse();
    start = end;
  }
  return turned;
}

/** Mean outcome and number of the rows of an arm among the ranks from .. to - 1. */
function rateOf({ y, t }: Sorted, arm: 0 | 1, from: number, to: number): { readonly mean: number; readonly count: number } {
  let sum = 0;
  let count = 0;
  for (let k = from; k < to; k++) {
    if (t[k] !== arm) continue;
    sum += y[k];
    count++;
  }
  return { mean: sum / count, count };
}

/** The rows of one arm, in order. */
function armOnlyRows({ y, t }: Sorted, arm: 0 | 1): Sorted {
  return { y: y.filter((_, k) => t[k] === arm), t: t.filter((value) => value === arm) };
}

const strategy = z
  .enum(["overall", "by_group"])
  .default("overall")
  .describe("`overall`: the top of all rows. `by_group`: the top of the treated and, apart from them, of the control rows.");

export interface SkliftTopOptions {
  readonly k: number;
  readonly strategy: "overall" | "by_group";
  readonly arm?: string;
}

const shared = { library: "scikit-uplift", ties: "row order", weights: "ignored", binary: true } as const;

/** k below 1 is a share, of which the number of rows is rounded down; k from 1 on is a number of rows. */
export const skliftUpliftAtK: Metric<"sklift-uplift-at-k", Options<SkliftTopOptions>> = compatMetric({
  id: "sklift-uplift-at-k",
  summary: "Difference of response rates among the top k",
  ...shared,
  options: z.strictObject({
    k: z
      .number()
      .gt(0)
      .refine((k) => k < 1 || Number.isInteger(k), { message: "below 1 it is a share, from 1 on a whole number of rows" })
      .default(0.3)
      .describe("Below 1 the share of rows on top, from 1 on their number."),
    strategy,
    ...armOption,
  }) as z.ZodType<SkliftTopOptions>,
  value(r, { k, strategy: how }, whole) {
    if (!answerable(tallyOf(r))) return Number.NaN;
    const sorted = reversedTies(r);
    // A number of rows is kept in proportion when rows are resampled.
    const rows = (own: number, of: number, which: string): number => {
      if (k >= 1 && (how === "overall" ? k >= of : k > of))
        throw usageError(`metric sklift-uplift-at-k "k" must be ${how === "overall" ? "smaller than" : "at most"} the number of ${which}, ${of}; got ${k}`);
      return k < 1 ? Math.floor(own * k) : Math.round((k * own) / of);
    };
    if (how === "overall") {
      const top = rows(r.row.length, whole.row.length, "rows");
      return rateOf(sorted, 1, 0, top).mean - rateOf(sorted, 0, 0, top).mean;
    }
    const [treated, control] = ([1, 0] as const).map((arm) => {
      const own = armOnlyRows(sorted, arm);
      const of = whole.t.reduce((count, t) => count + (t === arm ? 1 : 0), 0);
      return rateOf(own, arm, 0, rows(own.y.length, of, arm === 1 ? "treated rows" : "control rows")).mean;
    });
    return treated - control;
  },
  undefinedWhen: "the top k lack an arm or only one class of the outcome occurs, so scikit-uplift has no answer",
});

export interface SkliftBinOptions {
  readonly bins: number;
  readonly strategy: "overall" | "by_group";
  readonly arm?: string;
}

/** Rows are cut into bins of n / bins rows, the first n mod bins of them one row longer; bins are weighted by their treated rows. */
export const skliftWeightedAverageUplift: Metric<"sklift-weighted-average-uplift", Options<SkliftBinOptions>> = compatMetric({
  id: "sklift-weighted-average-uplift",
  summary: "Difference of response rates by tenths of the ranking, averaged by their treated rows",
  ...shared,
  options: z.strictObject({
    bins: z.int().min(1).default(10).describe("Parts the ranking is cut into."),
    strategy,
    ...armOption,
  }) as z.ZodType<SkliftBinOptions>,
  value(r, { bins, strategy: how }, whole) {
    if (!answerable(tallyOf(r))) return Number.NaN;
    if (bins >= whole.row.length)
      throw usageError(`metric sklift-weighted-average-uplift "bins" must be smaller than the number of rows, ${whole.row.length}; got ${bins}`);
    const sorted = reversedTies(r);
    const rates = ([1, 0] as const).map((arm) => {
      const own = how === "overall" ? sorted : armOnlyRows(sorted, arm);
      return splitEvenly(own.y.length, bins).map(([from, to]) => rateOf(own, arm, from, to));
    });
    let sum = 0;
    let treated = 0;
    for (let b = 0; b < bins; b++) {
      sum += rates[0][b].count * (rates[0][b].mean - rates[1][b].mean);
      treated += rates[0][b].count;
    }
    return sum / treated;
  },
  undefinedWhen: "a bin lacks an arm or only one class of the outcome occurs, so scikit-uplift has no answer",
});

function splitEvenly(n: number, parts: number): [number, number][] {
  const size = Math.floor(n / parts);
  const longer = n % parts;
  return Array.from({ length: parts }, (_, b) => [b * size + Math.min(b, longer), (b + 1) * size + Math.min(b + 1, longer)]);
}

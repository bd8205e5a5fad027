import { z } from "zod";
import { normalQuantile } from "../../base/stats/normal.ts";
import type { Fitted, Model } from "../../model/contract.ts";
import { restoreCausalForest, stateOf } from "./causalState.ts";
import { categories, encode } from "./codeForest.ts";
import { type LearnedCausalForest, learnCausalForest } from "./learnCausal.ts";
import { estimateRows } from "./outOfBag.ts";

/** Settings of `causal-forest`; docs/models.md says what each does. */
export interface CausalForestConfig {
  readonly trees: number;
  readonly nuisanceTrees: number;
  readonly minRows: number;
  readonly minShare: number;
  readonly maxDepth: number;
  readonly rowSample: number;
  readonly honest: number;
  readonly columns: number;
  readonly bag: number;
  readonly bins: number;
  readonly level: number;
  readonly instrument?: string;
  readonly projection: readonly string[];
}

const config: z.ZodType<CausalForestConfig> = z.strictObject({
  trees: z.int().min(2).max(100_000).default(500).describe("Trees in the forest; more narrows the Monte Carlo error of effects and, above all, of intervals."),
  nuisanceTrees: z.int().min(1).max(100_000).default(200).describe("Trees of each forest for expected outcome and propensities."),
  minRows: z.int().min(1).default(5).describe("Fewest rows on either side of a split."),
  minShare: z
    .number()
    .min(0)
    .max(0.25)
    .default(0.05)
    .describe("Least share of a node's rows, and of the variation of treatment in it, on either side of a split."),
  maxDepth: z.int().min(1).max(60).default(60).describe("Most splits from root to leaf."),
  rowSample: z
    .number()
    .gt(0)
    .max(0.5)
    .default(0.5)
    .describe("Share of rows (of groups: groups) each tree is given, drawn without replacement; at most a half."),
  honest: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.5)
    .describe("Share of a tree's rows that is kept from its splits and estimates its leaves; 0 uses all rows for both and makes intervals too short."),
  columns: z.int().min(0).default(0).describe("Columns tried in each node; 0 takes the square root of their number plus 20."),
  // Of 500 trees in bags of two the noise that is subtracted is as large as the variance itself, and intervals cover 98 % where 95 % is said.
  bag: z
    .int()
    .min(2)
    .max(50)
    .default(10)
    .describe("Trees that share a half of the rows: the little bags intervals are made of. Small bags need many more trees, or intervals are too wide."),
  bins: z.int().min(2).max(255).default(255).describe("Most bins a numeric column is cut into; missing values have one of their own besides."),
  level: z.number().gt(0).lt(1).default(0.95).describe("Coverage of the intervals."),
  instrument: z
    .string()
    .optional()
    .describe("Numeric feature that moves treatment and has no effect of its own: effects are then those of treatment moved by it. It is not split on."),
  projection: z
    .array(z.string())
    .default([])
    .describe("Numeric features to project the effects on in the report: coefficients of the best linear approximation."),
});

/** Generalised random forests for treatment effects. */
export const causalForest: Model<"causal-forest", "uplift", z.ZodType<CausalForestConfig>> = {
  id: "causal-forest",
  task: "uplift",
  summary: "Honest forest of residuals on residuals, with intervals, average effects and tests; many arms, clusters, instruments.",
  source: [
    { key: "Athey2019", departure: "Columns are cut into at most 255 bins; nuisance forests are grown on the same bins." },
    { key: "Wager2018" },
    { key: "Sexton2009" },
  ],
  traits: {
    needs: ["feature", "treatment", "outcome"],
    sees: ["feature"],
    arms: "many",
    outcomes: ["binary", "count", "continuous"],
    weights: true,
    intervals: true,
    engine: "plain",
  },
  config,
  quick: { trees: 40, nuisanceTrees: 20 },
  fit: async (settings, data, context) => fitted(await learnCausalForest(settings, data, context)),
  restore: async (_, state) => fitted(restoreCausalForest(state)),
};

function fitted(learned: LearnedCausalForest): Fitted<"uplift"> & { readonly learned: LearnedCausalForest } {
  const { forest, columns, arms, moments, bag, level, overall, instrument, report } = learned;
  const z = normalQuantile((1 + level) / 2);
  return {
    learned,
    report,
    predict: async (data) => {
      const all = data.features();
      const x = instrument === undefined ? all : { rows: all.rows, columns: all.columns.filter(({ name }) => name !== instrument) };
      const { estimate, variance } = estimateRows(forest, moments, encode(x, columns), categories(columns), 0, x.rows, bag);
      const lost = estimate[0].reduce((count, v) => count + (Number.isNaN(v) ? 1 : 0), 0);
      const effect = estimate.map((values, a) => values.map((v) => (Number.isNaN(v) ? overall[a] : v)));
      const error = variance.map((values) => values.map((v) => Math.sqrt(v)));
      const bound = (side: number): Float64Array[] =>
        effect.map((values, a) => values.map((v, i) => (Number.isNaN(error[a][i]) ? side * Number.POSITIVE_INFINITY : v + side * z * error[a][i])));
      const notes =
        lost === 0 ? undefined : [`${lost} of ${x.rows} rows are in no neighbourhood with both arms: they are given the average effect, without bounds`];
      return { arms: arms.slice(1), effect, lower: bound(-1), upper: bound(1), level, ...(notes && { notes }) };
    },
    state: async () => stateOf(learned),
    dispose: () => {},
  };
}

import { z } from "zod";
import { type ExportableLeverModel, leverNetModel } from "./leverNet.ts";
import { leverLinks } from "./link.ts";
import { buildMdlri } from "./mdlriNet.ts";
import { type BaselineTerms, baselineTerms } from "./sparseReading.ts";
import { type TrainingConfig, trainingConfig, widths } from "./settings.ts";

export interface MdlriConfig extends TrainingConfig {
  readonly baseline: readonly number[];
  readonly terms: BaselineTerms;
  readonly encoder: readonly number[];
  readonly curves: number;
  readonly andRanks: number;
  readonly orRanks: number;
  readonly gates: "relative" | "common" | "unit";
  readonly pots: "ces" | "main" | "unit";
  readonly norm: 2 | 4 | 8 | 16;
  readonly mode: "hard" | "soft";
  readonly link: "auto" | "identity" | "logit" | "log" | "ziln";
  readonly weighting: "none" | "stabilised";
  readonly logging: "estimated" | "declared" | "none";
  readonly warmUp: number;
  readonly baselineRate: number;
  readonly baselineL2: number;
  readonly effectL2: number;
  readonly directL2: number;
  readonly sparseWeight: number;
  readonly rankL2: number;
  readonly balanceWeight: number;
  readonly monotoneWeight: number;
  readonly rankWeight: number;
}

const weightField = (what: string, standard: number): z.ZodDefault<z.ZodNumber> => z.number().min(0).max(1000).default(standard).describe(what);

const config: z.ZodType<MdlriConfig> = z.strictObject({
  baseline: widths("the layers of the response without any lever", 32, 32),
  terms: z
    .enum(baselineTerms)
    .default("auto")
    .describe(
      "What the baseline reads off the inputs directly, under a sparse prior: the inputs (line), their squares and cubes too (curves), products of two as well (products); auto is products up to 40 inputs, else curves.",
    ),
  encoder: widths("the layers from which heights and strengths are read", 32),
  curves: z.int().min(1).max(8).default(1).describe("Curves a lever's main effect is mixed from; 1 gives every unit the same curve at its own height."),
  andRanks: z.int().min(0).max(64).default(2).describe("Ranks of synergy: levers that need each other."),
  orRanks: z.int().min(0).max(64).default(2).describe("Ranks of substitution: levers that stand in for each other."),
  gates: z
    .enum(["relative", "common", "unit"])
    .default("relative")
    .describe("Gates of the synergy ranks: relative to the top level; or logistic, common to all units or with steps of the unit's own."),
  pots: z
    .enum(["ces", "main", "unit"])
    .default("ces")
    .describe(
      "How levers make up a substitution rank: main effects added with constant elasticity of substitution (--norm), or poured into a pot (noisy or); unit: strengths of each unit's own, as soft mode always has them.",
    ),
  norm: z
    .union([z.literal(2), z.literal(4), z.literal(8), z.literal(16)])
    .default(8)
    .describe("Norm in which main effects add up with --pots ces; at 16 little more than the larger one counts."),
  mode: z.enum(["hard", "soft"]).default("hard").describe("hard: more of a lever can never lower the response; soft: lowering is penalised."),
  link: z
    .enum(leverLinks)
    .default("auto")
    .describe(
      "Scale on which levers add up: auto is logit for an outcome of 0 and 1, else identity; log for counts and amounts, ziln (zero-inflated lognormal) for amounts that are mostly 0.",
    ),
  weighting: z
    .enum(["none", "stabilised"])
    .default("none")
    .describe("Weights of the rows: none, or stabilised inverse probabilities of the cell a row is in, clipped at their 95th percentile."),
  logging: z
    .enum(["estimated", "declared", "none"])
    .default("estimated")
    .describe("Probabilities with which cells were logged, for weights and support flags: estimated where none are declared; as declared only; or none."),
  warmUp: z.number().min(0).max(0.9).default(0.2).describe("Share of the steps in which only baseline and main effects learn."),
  baselineRate: z.number().positive().max(10).default(0.2).describe("Learning rate of the baseline, in multiples of --learning-rate."),
  baselineL2: weightField("L2 of the baseline's layers, in multiples of --l2.", 1),
  effectL2: weightField("L2 of what heights and strengths read off the encoder, in multiples of --l2.", 20),
  directL2: weightField("L2 of what heights read off the inputs directly, in multiples of --l2.", 0.4),
  sparseWeight: weightField("Weight of the sparse (Cauchy) prior on what the baseline reads off the inputs directly, in multiples of --l2.", 0.2),
  rankL2: weightField("L2 of what strengths of ranks read off the inputs, in multiples of --l2.", 4),
  balanceWeight: weightField("Weight of the distance between the encoder's picture of units with and without each lever.", 0),
  monotoneWeight: weightField("Weight of squared lowering in soft mode.", 1),
  rankWeight: weightField("Weight of the size of each rank, which drives ranks that are not needed to zero.", 0),
  ...trainingConfig,
  steps: z.int().min(1).max(10_000_000).default(6000).describe("Steps of the optimiser; at least one pass over the rows is always made."),
  learningRate: z.number().positive().max(1).default(0.05).describe("Learning rate of Adam, at its highest."),
  heldOut: z.number().min(0).max(0.9).default(0.1).describe("Share of the rows held out to keep the best weights; 0 trains on all rows and keeps the last."),
  patience: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(10_000)
    .describe("Steps without a better loss on the held-out rows after which training stops; more than --steps never does."),
});

/**
 * Multi-lever low-rank interaction, monotone by construction:
 *
 *   mu(x, t) = mu0(x) + sum_l f_l(x, t_l) + sum_r A_r(x) (G_r(t) - G_r(0)) + sum_r C_r Q_r(x, t)
 *
 * with main effects f_l = height_l(x) curve_l[t_l] on thermometer codes, synergy (AND) ranks log G_r = sum_l log g_lr[t_l] whose gates rise to 1 at the
 * top level, and substitution (OR) ranks Q_r = (sum_l (share_lr f_l)^norm)^(1 / norm), a concave function of a sum: every increment is a softplus, A, C and
 * shares are not negative, so that no level more lowers a response, mixed differences of G are >= 0 and those of Q <= 0. `gates` and `pots` have the logistic
 * gates and the noisy or of the plain CP reading in their place. With the links logit, log and ziln the sum is on that scale.
 */
export const mdlri: ExportableLeverModel<"m-dlri", MdlriConfig> = leverNetModel({
  id: "m-dlri",
  summary: "Joint effect of several levers: monotone curves, low-rank synergy and substitution, cells that were never logged included.",
  source: [
    { key: "Arrow1961", departure: "constant elasticity of substitution adds up levers' main effects, not factors of production" },
    { key: "Wang2019", departure: "link ziln only; levers move the log-odds and the logarithm of the amount in one proportion" },
  ],
  config,
  quick: { steps: 300, learningRate: 0.01, baseline: [16], encoder: [8], batch: 64, andRanks: 2, orRanks: 2 },
  asks: ({ link, weighting, logging }) => ({ link, weighting, propensity: logging }),
  build: buildMdlri,
});

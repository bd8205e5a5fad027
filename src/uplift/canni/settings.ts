import { z } from "zod";
import { type EngineChoice, engineChoices } from "../../compute/index.ts";

/** What every net of candidate sellers is told. */
export interface SellersConfig {
  readonly hidden: number;
  readonly tower: number;
  readonly attention: number;
  readonly heads: number;
  readonly events: number;
  readonly loss: "poisson" | "squared";
  readonly winsorise: number;
  readonly weighting: "auto" | "none" | "known" | "estimated";
  readonly repair: boolean;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly l2: number | "auto";
  readonly dropout: number;
  readonly heldOut: number;
  readonly patience: number;
  readonly members: number;
  readonly engine: EngineChoice;
}

/** Fields of the config that all models of candidate sellers share. */
export const sellersConfig: { readonly [K in keyof SellersConfig]: z.ZodType<SellersConfig[K], SellersConfig[K] | undefined> } = {
  hidden: z.int().min(2).max(1024).default(64).describe("Width of the layers that read a pair of user and seller."),
  tower: z.int().min(2).max(1024).default(32).describe("Hidden units of each head."),
  attention: z.int().min(2).max(512).default(16).describe("Width of the attention from the offer to the user's history."),
  heads: z.int().min(1).max(16).default(2).describe("Heads of attention."),
  events: z.int().min(1).max(1000).default(50).describe("Latest events of a user's history that are read."),
  loss: z
    .enum(["poisson", "squared"])
    .default("poisson")
    .describe("Loss of spending: poisson lets the noise grow with the mean, and is unbiased for means like squared."),
  winsorise: z
    .number()
    .gt(0.5)
    .max(1)
    .default(1)
    .describe("Quantile of positive shop spending above which it is cut for training, and the platform's with it; the report says how much. 1 cuts nothing."),
  weighting: z
    .enum(["auto", "none", "known", "estimated"])
    .default("auto")
    .describe("Inverse probability weights: by known probabilities, by estimated ones, or none; auto takes known ones where they vary."),
  repair: z.boolean().default(false).describe("Mend rows that contradict each other and say what was done, instead of refusing the data."),
  steps: z.int().min(1).max(10_000_000).default(2000).describe("Steps of the optimiser; at least one pass over the users is always made."),
  batch: z.int().min(1).max(1_000_000).default(1024).describe("Pairs of user and seller in a step, about: whole users are taken."),
  learningRate: z.number().positive().max(1).default(0.005).describe("Learning rate of Adam at its highest; it falls along half a cosine."),
  l2: z
    .union([z.literal("auto"), z.number().min(0).max(10)])
    .default("auto")
    .describe(
      "Weight of the squared weights in the loss (matrices, not biases); auto is 5 divided by the number of pairs, as a prior that more pairs outweigh.",
    ),
  dropout: z.number().min(0).max(0.9).default(0).describe("Share of hidden units left out in each step."),
  heldOut: z.number().min(0).max(0.9).default(0).describe("Share of the users held out to stop early; 0 trains on all users for all steps."),
  patience: z.int().min(1).max(10_000_000).default(500).describe("Steps without a better loss on the held-out users after which training stops."),
  members: z.int().min(1).max(100).default(1).describe("Nets trained from different starts and averaged."),
  engine: z.enum(engineChoices).default("auto").describe("What computes the net; auto takes LIFTWISE_ENGINE, else the first that loads."),
};

/** Settings with which a fit takes a moment. */
export const quickSellers = { steps: 60, hidden: 8, tower: 6, attention: 4, batch: 64 } as const;

import { z } from "zod";
import { type EngineChoice, engineChoices } from "../../compute/index.ts";

/** How a net is trained, whatever it is. */
export interface TrainingConfig {
  readonly steps: number;
  readonly batch: number | "auto";
  readonly learningRate: number;
  readonly l2: number | "auto";
  readonly dropout: number;
  readonly heldOut: number;
  readonly patience: number;
  readonly members: number;
  readonly engine: EngineChoice;
}

/** Fields of the config that every net has. */
export const trainingConfig: { readonly [K in keyof TrainingConfig]: z.ZodType<TrainingConfig[K], TrainingConfig[K] | undefined> } = {
  steps: z.int().min(1).max(10_000_000).default(5000).describe("Most steps of the optimiser; at least one pass over the rows is always made."),
  batch: z
    .union([z.literal("auto"), z.int().min(1).max(1_000_000)])
    .default("auto")
    .describe("Most rows in a step; auto is a fiftieth of the rows, between 64 and 512."),
  learningRate: z.number().positive().max(1).default(0.001).describe("Learning rate of Adam."),
  l2: z
    .union([z.literal("auto"), z.number().min(0).max(10)])
    .default("auto")
    .describe("Weight of the squared weights in the loss (matrices, not biases); auto is 5 divided by the number of rows, as a prior that more rows outweigh."),
  dropout: z.number().min(0).max(0.9).default(0).describe("Share of hidden units left out in each step."),
  heldOut: z.number().min(0).max(0.9).default(0.2).describe("Share of the rows held out to stop early; 0 trains on all rows for all steps."),
  patience: z.int().min(1).max(10_000_000).default(1000).describe("Steps without a better loss on the held-out rows after which training stops."),
  members: z.int().min(1).max(100).default(1).describe("Nets trained from different starts and averaged."),
  engine: z.enum(engineChoices).default("auto").describe("What computes the net; auto takes LIFTWISE_ENGINE, else the first that loads."),
};

/** Widths of dense layers, as a config field. */
export function widths(what: string, ...standard: number[]): z.ZodType<readonly number[], readonly number[] | undefined> {
  return z.array(z.int().min(1).max(8192)).max(12).default(standard).describe(`Widths of ${what}, one after the other.`);
}

/** Weight of the squared weights, given the rows trained on. */
export function l2Of({ l2 }: Pick<TrainingConfig, "l2">, rows: number): number {
  return l2 === "auto" ? Math.min(1, 5 / rows) : l2;
}

/** Rows in a step. */
export function batchOf({ batch }: TrainingConfig, rows: number): number {
  return batch === "auto" ? Math.min(512, Math.max(64, Math.round(rows / 50))) : batch;
}

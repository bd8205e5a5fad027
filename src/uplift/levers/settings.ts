import { z } from "zod";
import { type TrainingConfig as OneTreatment, trainingConfig as oneTreatment } from "../net/settings.ts";

/** How a net of levers is trained: as any net, with a learning rate that may fall. */
export interface TrainingConfig extends OneTreatment {
  readonly schedule: "constant" | "cosine";
}

export const trainingConfig: { readonly [K in keyof TrainingConfig]: z.ZodType<TrainingConfig[K], TrainingConfig[K] | undefined> } = {
  ...oneTreatment,
  steps: z.int().min(1).max(10_000_000).default(3000).describe("Steps of the optimiser; at least one pass over the rows is always made."),
  learningRate: z.number().positive().max(1).default(0.003).describe("Learning rate of Adam, at its highest."),
  schedule: z.enum(["cosine", "constant"]).default("cosine").describe("Whether the learning rate falls along half a cosine, or stays."),
};

export { widths } from "../net/settings.ts";

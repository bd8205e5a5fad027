import { z } from "zod";
import { type EngineChoice, engineChoices } from "../../compute/index.ts";
import { type Head, heads, type Mechanism, mechanisms } from "./structure.ts";

/** Options of every conversion model. */
export interface ConversionConfig {
  readonly main: Mechanism;
  readonly width: number;
  readonly sequenceLength: number;
  readonly learningRate: number;
  readonly embeddingRate: number;
  readonly warmUp: number;
  readonly batch: number;
  readonly epochs: number;
  readonly engine: EngineChoice;
  /** Absent from a model without auxiliary heads. */
  readonly auxiliaries?: readonly Head[];
  readonly lambda?: number;
  readonly surgery?: "none" | "pcgrad" | "gcs";
}

const shared = {
  main: z.enum(mechanisms).default("last").describe("mechanism whose label is predicted"),
  width: z.int().min(16).max(128).multipleOf(16).default(16).describe("width of every embedding, a multiple of 16"),
  sequenceLength: z.int().min(1).max(1000).default(20).describe("items read of a behaviour sequence, the newest ones; shorter ones are padded"),
  learningRate: z.number().gt(0).max(1).default(0.003).describe("learning rate after the warm-up (Adam)"),
  embeddingRate: z.number().gt(0).max(1000).default(10).describe("learning rate of embeddings, as a multiple of learningRate"),
  warmUp: z.number().min(0).max(1).default(0.05).describe("share of the steps over which the learning rate rises to its value"),
  batch: z.int().min(1).max(1_048_576).default(4096).describe("clicks a step"),
  epochs: z.int().min(1).max(1000).default(1).describe("passes over the data"),
  engine: z.enum(engineChoices).default("auto").describe("what the net is computed on"),
};

export const plainConfig: z.ZodType<ConversionConfig> = z.strictObject(shared);

export const auxiliaryConfig: z.ZodType<ConversionConfig> = z.strictObject({
  ...shared,
  auxiliaries: z
    .array(z.enum(heads))
    .max(heads.length)
    .refine((list) => new Set(list).size === list.length, "a mechanism is named twice; name each once")
    .optional()
    .describe("mechanisms learned besides; by default the other three and cartesian, the class of all four; may hold the main one"),
  lambda: z.number().min(0).max(10).optional().describe("weight of each auxiliary loss; by default 0.3, and 0.1 where first is the main one"),
  surgery: z
    .enum(["none", "pcgrad", "gcs"])
    .default("none")
    .describe("auxiliary gradients: added as they are, without what points against the main one (pcgrad), or scaled by agreement with it (gcs)"),
});

/** Auxiliary heads and their weight, after what depends on the main mechanism. */
export function auxiliariesOf({ main, auxiliaries, lambda }: ConversionConfig, has: boolean): { readonly heads: readonly Head[]; readonly lambda: number } {
  if (!has) return { heads: [], lambda: 0 };
  return { heads: auxiliaries ?? heads.filter((head) => head !== main), lambda: lambda ?? (main === "first" ? 0.1 : 0.3) };
}

import { z } from "zod";
import { nn, type Tensors } from "../../compute/index.ts";
import type { Model } from "../../model/contract.ts";
import { type ArmNet, armNetModel, factualLoss } from "./armNet.ts";
import { armHeads, balancedWeights } from "./heads.ts";
import { type TrainingConfig, trainingConfig, widths } from "./settings.ts";

export interface TarnetConfig extends TrainingConfig {
  readonly representation: readonly number[];
  readonly heads: readonly number[];
  readonly balanceArms: boolean;
}

const config: z.ZodType<TarnetConfig> = z.strictObject({
  representation: widths("the layers all arms share", 200, 200, 200),
  heads: widths("the hidden layers of each arm's own head", 100, 100, 100),
  balanceArms: z.boolean().default(false).describe("Gives every arm the same say in the loss, whatever its share of the rows, as in the paper."),
  ...trainingConfig,
});

/** A representation all arms share, and a head for the outcome under each: the effect is the difference of two heads. */
export const tarnet: Model<"tarnet", "uplift", z.ZodType<TarnetConfig>> = armNetModel({
  id: "tarnet",
  summary: "A neural net with a representation all arms share and a head for the outcome under each.",
  source: [
    {
      key: "Shalit2017",
      at: "sec. 5",
      departure: "any number of arms; outcomes standardised; early stopping on the held-out factual loss; rows weighed alike unless balanceArms is set",
    },
  ],
  config,
  quick: { steps: 400, learningRate: 0.01, representation: [16], heads: [8], batch: 64 },
  rowWeights: ({ balanceArms }, arm, arms, weight) => (balanceArms ? balancedWeights(arm, arms, weight) : undefined),
  build: ({ representation, heads, dropout }, { inputs, arms, link }) => {
    const trunk = nn.mlp(inputs, representation, { dropout });
    const outcome = armHeads(representation.at(-1) ?? inputs, arms, { widths: heads, dropout });
    const outcomes: ArmNet["outcomes"] = (weights, x, step) => outcome.apply(weights.heads as Tensors, trunk.apply(weights.trunk as Tensors, x, step), step);
    return {
      init: { trunk: trunk.init, heads: outcome.init },
      outcomes,
      loss: (weights, x, seen, step) => factualLoss(outcomes(weights, x, step), seen, link),
    };
  },
});

import { z } from "zod";
import * as c from "../../compute/index.ts";
import type { Json } from "../../base/state.ts";
import type { Model } from "../../model/contract.ts";
import { type ArmNet, armNetModel, factualLoss } from "./armNet.ts";
import { armHeads } from "./heads.ts";
import { outcomeLoss, type OutcomeScale } from "./outcome.ts";
import { type TrainingConfig, trainingConfig, widths } from "./settings.ts";

export interface DragonnetConfig extends TrainingConfig {
  readonly representation: readonly number[];
  readonly heads: readonly number[];
  readonly propensityWeight: number;
  readonly targetedWeight: number;
}

const config: z.ZodType<DragonnetConfig> = z.strictObject({
  representation: widths("the layers all arms and the propensity share", 200, 200, 200),
  heads: widths("the hidden layers of each arm's own head", 100, 100),
  propensityWeight: z.number().min(0).max(1000).default(1).describe("Weight of the loss of the propensity."),
  targetedWeight: z.number().min(0).max(1000).default(1).describe("Weight of targeted regularisation; 0 leaves it out."),
  ...trainingConfig,
});

// All propensities are drawn in from 0 and 1 by this much, so that their inverses stay finite.
const margin = 0.001;

/** Probability of each arm, [rows, arms], strictly inside (0, 1). */
function propensities(logits: c.Tensor, arms: number): c.Tensor {
  return c.div(c.add(c.softmax(logits), margin), 1 + margin * arms);
}

/**
 * For each treated arm k: 1 / g_k in its rows, -1 / g_0 in the control's, 0 elsewhere; [rows, arms - 1]. The slope of the outcome along it is what a
 * doubly robust estimate of the effect of k corrects by (Shi2019, eq. 2.6, for each arm against the control).
 */
function contrasts(g: c.Tensor, arm: c.Tensor, arms: number): c.Tensor {
  const inverse = c.div(c.oneHot(arm, arms), g);
  return c.sub(c.slice(inverse, 1, 1, arms), c.slice(inverse, 1, 0, 1));
}

/** The net of a config. */
export function dragonNet(
  { representation, heads, dropout, propensityWeight, targetedWeight }: DragonnetConfig,
  { inputs, arms, link }: { inputs: number; arms: number; link: OutcomeScale["link"] },
): ArmNet {
  const trunk = c.nn.mlp(inputs, representation, { dropout });
  const width = representation.at(-1) ?? inputs;
  const outcome = armHeads(width, arms, { widths: heads, dropout });
  const propensity = c.nn.dense(width, arms, { group: "heads" });
  // The weighted mean of the parts, not their sum: L2 then weighs as much beside it as in a net with one part.
  const share = 1 / (1 + propensityWeight + targetedWeight);
  const represent = (weights: c.Tensors, x: c.Tensor, step?: c.Step): c.Tensor => trunk.apply(weights.trunk as c.Tensors, x, step);
  return {
    init: { trunk: trunk.init, heads: outcome.init, propensity: propensity.init, epsilon: c.weight([arms - 1], { group: "heads" }) },
    outcomes: (weights, x, step) => outcome.apply(weights.heads as c.Tensors, represent(weights, x, step), step),
    loss: (weights, x, seen, step) => {
      const h = represent(weights, x, step);
      const mu = outcome.apply(weights.heads as c.Tensors, h, step);
      const logits = propensity.apply(weights.propensity as c.Tensors, h);
      const losses: Record<string, c.Tensor> = { outcome: c.mul(factualLoss(mu, seen, link), share) };
      if (propensityWeight > 0) losses.propensity = c.mul(c.weightedMean(c.nn.softmaxCrossEntropy(logits, seen.arm), seen.w), propensityWeight * share);
      if (targetedWeight > 0) {
        const moved = c.add(c.pick(mu, seen.arm), c.matmul(contrasts(propensities(logits, arms), seen.arm, arms), weights.epsilon as c.Tensor));
        losses.targeted = c.mul(c.weightedMean(outcomeLoss(moved, seen.y, link), seen.w), targetedWeight * share);
      }
      return losses;
    },
    also: (weights, x, step) => ({ propensity: propensities(propensity.apply(weights.propensity as c.Tensors, represent(weights, x, step)), arms) }),
  };
}

/** Average effect of each treated arm after the correction that targeted regularisation learned (Shi2019, sec. 2.2), and the range of the propensities. */
function describe(
  { targetedWeight, members }: DragonnetConfig,
  scale: OutcomeScale,
  weights: c.Weights,
  outcomes: readonly Float64Array[],
  also: Readonly<Record<string, c.Value>>,
): Record<string, Json> {
  const g = also.propensity.data;
  const arms = outcomes.length;
  const n = outcomes[0].length;
  const epsilon = weights["net.epsilon"].data;
  let [least, most] = [1, 0];
  for (const value of g) [least, most] = [Math.min(least, value), Math.max(most, value)];
  const report: Record<string, Json> = { propensityRange: [least, most] };
  // On the scale of log-odds the correction is not additive in the outcome, and several members have a correction each.
  if (targetedWeight === 0 || scale.link === "logit" || members > 1) return report;
  const targeted = Array.from(epsilon, (e, k) => {
    let total = 0;
    for (let i = 0; i < n; i++) total += outcomes[k + 1][i] - outcomes[0][i] + scale.deviation * e * (1 / g[i * arms + k + 1] + 1 / g[i * arms]);
    return total / n;
  });
  return { ...report, targetedAverageEffect: targeted };
}

/** TARNet with a head for the propensity, so that the representation keeps what confounds, and targeted regularisation. */
export const dragonnet: Model<"dragonnet", "uplift", z.ZodType<DragonnetConfig>> = armNetModel({
  id: "dragonnet",
  summary: "TARNet whose representation also predicts the treatment, with targeted regularisation.",
  source: [
    {
      key: "Shi2019",
      at: "sec. 2",
      departure: "any number of arms, each against the control; log-odds for binary outcomes; Adam alone with early stopping on held-out factual loss",
    },
  ],
  config,
  quick: { steps: 400, learningRate: 0.01, representation: [16], heads: [8], batch: 64 },
  build: dragonNet,
  describe,
});

import { type Layer, mul, nn, sigmoid, starts, type Tensor, type Weight } from "../../compute/index.ts";

/** Groups of features are weighed 16 wide whatever the embedding width, as in the official code. */
const groupWidth = 16;

/**
 * Uniform within 1 / sqrt(inputs), for every dense layer of the conversion nets. Half as wide as what relu asks for: one pass over rare
 * conversions has no steps to spare for unlearning large random logits, the less so where fusion adds several towers up.
 */
export const fanIn: Weight["start"] = (rng, shape) => starts.uniform(1 / Math.sqrt(shape[0]))(rng, shape);

/** Squeeze-excitation over groups of 16 features, then a dense layer: [rows, inputs] -> [rows, outputs] (MAC2026). */
export function expert(inputs: number, outputs: number): Layer<[x: Tensor], Tensor> {
  const weigh = nn.squeezeExcitation(inputs / groupWidth, groupWidth);
  const dense = nn.dense(inputs, outputs, { activation: "relu", start: fanIn });
  return {
    init: { weigh: weigh.init, dense: dense.init },
    apply: (weights, x) => {
      const w = weights as Readonly<Record<"weigh" | "dense", Readonly<Record<string, Tensor>>>>;
      return dense.apply(w.dense, weigh.apply(w.weigh, x));
    },
  };
}

/** x * 2 sigmoid(x A B) with a narrow middle (Wang2024home): what of the features an expert gets to see. */
export function featureGate(inputs: number, rank = 4): Layer<[x: Tensor], Tensor> {
  const down = nn.dense(inputs, rank, { bias: false });
  const up = nn.dense(rank, inputs, { bias: false });
  return {
    init: { down: down.init, up: up.init },
    apply: (weights, x) => {
      const w = weights as Readonly<Record<"down" | "up", Readonly<Record<string, Tensor>>>>;
      return mul(x, mul(sigmoid(up.apply(w.up, down.apply(w.down, x))), 2));
    },
  };
}

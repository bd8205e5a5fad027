import { elu, relu, sigmoid, softplus, tanh } from "../ops/index.ts";
import type { Tensor } from "../tensor.ts";
import { starts, type Weight } from "../weights.ts";

export const activationNames = ["linear", "relu", "elu", "tanh", "sigmoid", "softplus"] as const;
export type Activation = (typeof activationNames)[number];

export function activate(x: Tensor, activation: Activation): Tensor {
  switch (activation) {
    case "linear":
      return x;
    case "relu":
      return relu(x);
    case "elu":
      return elu(x);
    case "tanh":
      return tanh(x);
    case "sigmoid":
      return sigmoid(x);
    case "softplus":
      return softplus(x);
  }
}

/** The usual start of a matrix that is followed by this activation. */
export function startFor(activation: Activation): Weight["start"] {
  return activation === "relu" || activation === "elu" ? starts.he : starts.glorot;
}

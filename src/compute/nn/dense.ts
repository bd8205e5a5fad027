import { add, matmul } from "../ops/index.ts";
import type { Tensor } from "../tensor.ts";
import { type Init, type Layer, starts, type Tensors, type Weight, weight } from "../weights.ts";
import type { Step } from "../train/step.ts";
import { type Activation, activate, startFor } from "./activation.ts";
import { dropout } from "./dropout.ts";
import { layerNorm } from "./layerNorm.ts";

export interface DenseOptions {
  /** Defaults to "linear". */
  readonly activation?: Activation;
  /** Defaults to true. */
  readonly bias?: boolean;
  /** Start of the matrix; by the activation unless given (he for relu and elu, else glorot). */
  readonly start?: Weight["start"];
  /** Where every bias starts. Defaults to 0. */
  readonly biasStart?: number;
  readonly group?: string;
}

/** activation(x w + b): [.., inputs] -> [.., outputs]. Weights `w` (decays) and `b`. */
export function dense(inputs: number, outputs: number, options: DenseOptions = {}): Layer<[x: Tensor], Tensor> {
  const { activation = "linear", bias = true, group, start = startFor(activation), biasStart = 0 } = options;
  const w = weight([inputs, outputs], { start, decay: true, group });
  const init: Init = bias ? { w, b: weight([outputs], { start: starts.constant(biasStart), group }) } : { w };
  return {
    init,
    apply: (weights, x) => {
      const { w, b } = weights as { w: Tensor; b?: Tensor };
      const product = matmul(x, w);
      return activate(b === undefined ? product : add(product, b), activation);
    },
  };
}

export interface MlpOptions {
  /** Of every layer but the last. Defaults to "elu". */
  readonly activation?: Activation;
  /** Of the last layer. Defaults to `activation`. */
  readonly last?: Activation;
  /** Share of each hidden layer's units left out in each step. Defaults to 0. */
  readonly dropout?: number;
  /** Layer norm before each activation but that of the last layer. Defaults to false. */
  readonly normalise?: boolean;
  readonly group?: string;
}

/** Dense layers one after the other: [.., inputs] -> [.., last width]. No widths at all give x itself. */
export function mlp(inputs: number, widths: readonly number[], options: MlpOptions = {}): Layer<[x: Tensor, step?: Step], Tensor> {
  const { activation = "elu", last = activation, dropout: rate = 0, normalise = false, group } = options;
  const layers = widths.map((width, i) => {
    const after = i === widths.length - 1 ? last : activation;
    return {
      after,
      norm: normalise && i < widths.length - 1 ? layerNorm(width, { group }) : undefined,
      dense: dense(widths[i - 1] ?? inputs, width, { start: startFor(after), group }),
    };
  });
  return {
    init: Object.fromEntries(layers.map(({ dense, norm }, i) => [i, norm === undefined ? dense.init : { ...dense.init, norm: norm.init }])),
    apply: (weights, x, step) =>
      layers.reduce((h, { after, norm, dense }, i) => {
        const own = weights[i] as Tensors;
        const product = dense.apply(own, h);
        const out = activate(norm === undefined ? product : norm.apply(own.norm as Tensors, product), after);
        return i < layers.length - 1 ? dropout(out, rate, step) : out;
      }, x),
  };
}

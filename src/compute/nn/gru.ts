import { add, matmul, mul, reshape, sigmoid, slice, split, stack, sub, take, tanh } from "../ops/index.ts";
import { fixed, type Tensor } from "../tensor.ts";
import { type Layer, starts, weight } from "../weights.ts";

export interface GruOptions {
  /** Read from the last entry to the first. Defaults to false. */
  readonly reverse?: boolean;
  readonly group?: string;
}

/** What a recurrent layer has seen: `states` [rows, t, hidden] in the order of the sequence, `last` [rows, hidden] after reading all of it. */
export interface Recurrent {
  readonly states: Tensor;
  readonly last: Tensor;
}

/**
 * Gated recurrent unit (Cho2014; the reset gate acts on the projected state, as in cuDNN), unrolled over a sequence of fixed length:
 * x [rows, t, inputs] and a mask [rows, t] whose zeros leave the state as it is.
 */
export function gru(inputs: number, hidden: number, options: GruOptions = {}): Layer<[x: Tensor, mask?: Tensor], Recurrent> {
  const { reverse = false, group } = options;
  const start = starts.uniform(1 / Math.sqrt(hidden));
  return {
    init: {
      input: weight([inputs, 3 * hidden], { start, decay: true, group }),
      inputBias: weight([3 * hidden], { start, group }),
      state: weight([hidden, 3 * hidden], { start, decay: true, group }),
      stateBias: weight([3 * hidden], { start, group }),
    },
    apply: (weights, x, mask) => {
      const w = weights as Record<"input" | "inputBias" | "state" | "stateBias", Tensor>;
      const length = fixed(x.shape[1], "gru");
      const fromInput = add(matmul(x, w.input), w.inputBias); // all steps in one product
      const order = Array.from({ length }, (_, t) => (reverse ? length - 1 - t : t));
      // A state of zeros with the rows of the batch.
      let h = mul(slice(take(fromInput, 1, 0), -1, 0, hidden), 0);
      const states: Tensor[] = [];
      for (const t of order) {
        const [xr, xz, xn] = split(take(fromInput, 1, t), [hidden, hidden, hidden]);
        const [hr, hz, hn] = split(add(matmul(h, w.state), w.stateBias), [hidden, hidden, hidden]);
        const z = sigmoid(add(xz, hz));
        const n = tanh(add(xn, mul(sigmoid(add(xr, hr)), hn)));
        const next = add(n, mul(z, sub(h, n)));
        h = mask === undefined ? next : add(h, mul(reshape(slice(mask, 1, t, t + 1), [-1, 1]), sub(next, h)));
        states[t] = h;
      }
      return { states: stack(states, 1), last: h };
    },
  };
}

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
      const [gates, own] = [2 * hidden, hidden];
      const [gateBias, ownBias] = split(w.stateBias, [gates, own]);
      const [gateState, ownState] = split(w.state, [gates, own]);
      // All steps in one product. Both gates' biases are added here, once; the state's own must wait for the reset gate.
      const [gateInput, ownInput] = split(w.input, [gates, own]);
      const [gateShift, ownShift] = split(w.inputBias, [gates, own]);
      const toGates = add(matmul(x, gateInput), add(gateShift, gateBias));
      const toOwn = add(matmul(x, ownInput), ownShift);
      const order = Array.from({ length }, (_, t) => (reverse ? length - 1 - t : t));
      let h: Tensor | undefined;
      const states: Tensor[] = [];
      for (const t of order) {
        const [xg, xn] = [take(toGates, 1, t), take(toOwn, 1, t)];
        let next: Tensor;
        if (h === undefined) {
          // The state before the first step is zero: there is no product to take.
          const [r, z] = split(sigmoid(xg), [own, own]);
          const n = tanh(add(xn, mul(r, ownBias)));
          next = sub(n, mul(z, n));
        } else {
          const [r, z] = split(sigmoid(add(xg, matmul(h, gateState))), [own, own]);
          const n = tanh(add(xn, mul(r, add(matmul(h, ownState), ownBias))));
          next = add(n, mul(z, sub(h, n)));
        }
        const seen = mask === undefined ? undefined : reshape(slice(mask, 1, t, t + 1), [-1, 1]);
        h = seen === undefined ? next : h === undefined ? mul(seen, next) : add(h, mul(seen, sub(next, h)));
        states[t] = h;
      }
      return { states: stack(states, 1), last: h as Tensor };
    },
  };
}

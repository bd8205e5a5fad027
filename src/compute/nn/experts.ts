import { expand, matmul, softmax, squeeze, stack, take } from "../ops/index.ts";
import type { Tensor } from "../tensor.ts";
import type { Step } from "../train/step.ts";
import type { Init, Layer, Tensors } from "../weights.ts";
import { dense } from "./dense.ts";

export type Expert = Layer<[x: Tensor, step?: Step], Tensor>;

/** Shares of `choices` that add up to one, from x: [rows, inputs] -> [rows, choices]. */
export function gate(inputs: number, choices: number, options: { readonly bias?: boolean; readonly group?: string } = {}): Layer<[x: Tensor], Tensor> {
  const scores = dense(inputs, choices, options);
  return { init: scores.init, apply: (weights, x) => softmax(scores.apply(weights, x)) };
}

/** Sum of experts [rows, d] in these shares [rows, experts]: [rows, d]. */
export function mixture(experts: readonly Tensor[], shares: Tensor): Tensor {
  return squeeze(matmul(expand(shares, 1), stack(experts, 1)), 1);
}

/** The same experts mixed in several ways in one product: shares [rows, experts] each. */
export function mixtures(experts: readonly Tensor[], shares: readonly Tensor[]): Tensor[] {
  const mixed = matmul(stack(shares, 1), stack(experts, 1));
  return shares.map((_, i) => take(mixed, 1, i));
}

/** Several layers under the names 0, 1, ... */
export function several<In extends readonly unknown[], Out>(layers: readonly Layer<In, Out>[]): Layer<In, Out[]> {
  return { init: named(layers), apply: (weights, ...inputs) => layers.map((layer, i) => layer.apply(weights[i] as Tensors, ...inputs)) };
}

function named(layers: readonly { readonly init: Init }[]): Init {
  return Object.fromEntries(layers.map((layer, i) => [i, layer.init]));
}

export interface ExpertsOptions {
  /** Width of x. */
  readonly inputs: number;
  readonly tasks: number;
  /** Makes one expert; called once for each. */
  readonly expert: () => Expert;
  readonly group?: string;
}

/** Multi-gate mixture of experts (Ma2018): every task mixes the same experts by its own gate. Gives one [rows, d] a task. */
export function mmoe(options: ExpertsOptions & { readonly experts: number }): Layer<[x: Tensor, step?: Step], Tensor[]> {
  const { inputs, tasks, expert, experts: count, group } = options;
  const experts = several(Array.from({ length: count }, expert));
  const gates = Array.from({ length: tasks }, () => gate(inputs, count, { group }));
  return {
    init: { experts: experts.init, gates: named(gates) },
    apply: (weights, x, step) => {
      const w = weights as { experts: Tensors; gates: Tensors };
      const made = experts.apply(w.experts, x, step);
      return mixtures(
        made,
        gates.map((one, i) => one.apply(w.gates[i] as Tensors, x)),
      );
    },
  };
}

/** Progressive layered extraction with one level (Tang2020): shared experts, and experts of each task that only its own gate sees. Gives one [rows, d] a task. */
export function ple(options: ExpertsOptions & { readonly shared: number; readonly perTask: number }): Layer<[x: Tensor, step?: Step], Tensor[]> {
  const { inputs, tasks, expert, shared, perTask, group } = options;
  const common = several(Array.from({ length: shared }, expert));
  const own = Array.from({ length: tasks }, () => several(Array.from({ length: perTask }, expert)));
  const gates = Array.from({ length: tasks }, () => gate(inputs, shared + perTask, { group }));
  return {
    init: { shared: common.init, own: named(own), gates: named(gates) },
    apply: (weights, x, step) => {
      const w = weights as { shared: Tensors; own: Tensors; gates: Tensors };
      const made = common.apply(w.shared, x, step);
      return gates.map((one, i) => mixture([...made, ...own[i].apply(w.own[i] as Tensors, x, step)], one.apply(w.gates[i] as Tensors, x)));
    },
  };
}

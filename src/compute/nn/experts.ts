import { add, concat, expand, matmul, mul, slice, softmax, squeeze, stack, sub, take } from "../ops/index.ts";
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

/**
 * What several gates give on the same x, in one product instead of many narrow ones; or `apart`, each by itself, so that what is learned about one
 * gate leaves the others' gradients without an entry, as gradient surgery wants to see.
 */
export function gatesOn(x: Tensor, gates: readonly Tensors[], apart = false): Tensor[] {
  if (apart) return gates.flatMap((one) => gatesOn(x, [one]));
  const scores = matmul(x, concat(gates.map(({ w }) => w as Tensor), 1)); // biome-ignore format: one idea
  const all = gates.every(({ b }) => b !== undefined) ? add(scores, concat(gates.map(({ b }) => b as Tensor), 0)) : scores; // biome-ignore format: one idea
  let at = 0;
  return gates.map(({ w }) => {
    const choices = (w as Tensor).shape[1] as number;
    at += choices;
    return softmax(slice(all, 1, at - choices, at));
  });
}

/** Sum of experts [rows, d] in these shares [rows, experts], which add up to one: [rows, d]. */
export function mixture(experts: readonly Tensor[], shares: Tensor): Tensor {
  // Of two experts the second share is known, and single passes beat a product of two rows.
  if (experts.length === 2) return add(experts[1], mul(slice(shares, 1, 0, 1), sub(experts[0], experts[1])));
  return squeeze(matmul(expand(shares, 1), stack(experts, 1)), 1);
}

/** The same experts mixed in several ways: shares [rows, experts] each, which add up to one. */
export function mixtures(experts: readonly Tensor[], shares: readonly Tensor[]): Tensor[] {
  if (experts.length === 2) return shares.map((share) => mixture(experts, share));
  const mixed = matmul(stack(shares, 1), stack(experts, 1));
  return shares.map((_, i) => take(mixed, 1, i));
}

/** Several layers under the names 0, 1, ... */
export function several<In extends readonly unknown[], Out>(layers: readonly Layer<In, Out>[]): Layer<In, Out[]> {
  return { init: named(layers), apply: (weights, ...inputs) => layers.map((layer, i) => layer.apply(weights[i] as Tensors, ...inputs)) };
}

function weightsOf(layers: readonly unknown[], weights: Tensors): Tensors[] {
  return layers.map((_, i) => weights[i] as Tensors);
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
  /** Gates are worked out one by one (see `gatesOn`). Defaults to false. */
  readonly apart?: boolean;
}

/** Multi-gate mixture of experts (Ma2018): every task mixes the same experts by its own gate. Gives one [rows, d] a task. */
export function mmoe(options: ExpertsOptions & { readonly experts: number }): Layer<[x: Tensor, step?: Step], Tensor[]> {
  const { inputs, tasks, expert, experts: count, group, apart } = options;
  const experts = several(Array.from({ length: count }, expert));
  const gates = Array.from({ length: tasks }, () => gate(inputs, count, { group }));
  return {
    init: { experts: experts.init, gates: named(gates) },
    apply: (weights, x, step) => {
      const w = weights as { experts: Tensors; gates: Tensors };
      const made = experts.apply(w.experts, x, step);
      return mixtures(made, gatesOn(x, weightsOf(gates, w.gates), apart));
    },
  };
}

/** Progressive layered extraction with one level (Tang2020): shared experts, and experts of each task that only its own gate sees. Gives one [rows, d] a task. */
export function ple(options: ExpertsOptions & { readonly shared: number; readonly perTask: number }): Layer<[x: Tensor, step?: Step], Tensor[]> {
  const { inputs, tasks, expert, shared, perTask, group, apart } = options;
  const common = several(Array.from({ length: shared }, expert));
  const own = Array.from({ length: tasks }, () => several(Array.from({ length: perTask }, expert)));
  const gates = Array.from({ length: tasks }, () => gate(inputs, shared + perTask, { group }));
  return {
    init: { shared: common.init, own: named(own), gates: named(gates) },
    apply: (weights, x, step) => {
      const w = weights as { shared: Tensors; own: Tensors; gates: Tensors };
      const made = common.apply(w.shared, x, step);
      return gatesOn(x, weightsOf(gates, w.gates), apart).map((shares, i) => mixture([...made, ...own[i].apply(w.own[i] as Tensors, x, step)], shares));
    },
  };
}

import { add, div, less, mul, select, sigmoid, sqrt, sub, sum } from "../ops/index.ts";
import { scalarOf, type Tensor } from "../tensor.ts";
import type { Combine, Gradients } from "./step.ts";

export interface SurgeryOptions {
  /** Weights of one block are treated as one tensor; by the full name of the weight. Defaults to the name: each weight by itself. */
  readonly block?: (name: string) => string;
}

// As in the official code of the multi-attribution benchmark (MAC2026): keeps a main gradient of zero from dividing by zero.
const tiny = 1e-8;

const total = (tensors: readonly Tensor[]): Tensor => tensors.reduce((a, b) => add(a, b));
const dots = (names: readonly string[], a: Gradients, b: Gradients): Tensor => total(names.map((name) => sum(mul(a[name], b[name]))));

/** Whether a loss does not reach the weight at all, so that its gradient is zero by construction. */
function unreached(g: Tensor): boolean {
  return scalarOf(g.op === "broadcastTo" ? g.inputs[0] : g) === 0;
}

function adding(main: string, change: (auxiliary: Gradients, main: Gradients) => Gradients): Combine {
  return (byLoss) => {
    const own = byLoss[main];
    const others = Object.entries(byLoss)
      .filter(([name]) => name !== main)
      .map(([, gradients]) => change(gradients, own));
    return Object.fromEntries(Object.entries(own).map(([name, g]) => [name, others.reduce((sum, one) => add(sum, one[name]), g)]));
  };
}

/**
 * Keeps the main loss's gradient, and of every other loss what does not point against it, weight by weight (PCGrad: Yu2020, algorithm 1,
 * with one main task). Blocks the main loss does not reach take the others as they are.
 */
export function projectConflicts(main: string, { block = (name) => name }: SurgeryOptions = {}): Combine {
  return adding(main, (auxiliary, own) => {
    const blocks = new Map<string, string[]>();
    for (const name of Object.keys(auxiliary)) blocks.set(block(name), [...(blocks.get(block(name)) ?? []), name]);
    const changed = [...blocks.values()].flatMap((names) => {
      if (names.every((name) => unreached(auxiliary[name]) || unreached(own[name]))) return names.map((name) => [name, auxiliary[name]] as const);
      const along = dots(names, auxiliary, own);
      const share = select(less(along, 0), div(along, add(dots(names, own, own), tiny)), 0);
      return names.map((name) => [name, sub(auxiliary[name], mul(own[name], share))] as const);
    });
    return Object.fromEntries(changed);
  });
}

/**
 * Keeps the main loss's gradient, and adds every other loss's scaled by sigmoid(cosine of the two) (GCS: MAL2025). The cosine is taken
 * over the weights that both losses reach; weights that only the other loss reaches take its gradient unscaled, as in the official code.
 */
export function gradientCosine(main: string): Combine {
  return adding(main, (auxiliary, own) => {
    const shared = Object.keys(own).filter((name) => !unreached(own[name]) && !unreached(auxiliary[name]));
    if (shared.length === 0) return auxiliary;
    const lengths = sqrt(mul(dots(shared, auxiliary, auxiliary), dots(shared, own, own)));
    const factor = sigmoid(div(dots(shared, auxiliary, own), add(lengths, 1e-30)));
    return Object.fromEntries(Object.entries(auxiliary).map(([name, g]) => [name, unreached(own[name]) ? g : mul(g, factor)]));
  });
}

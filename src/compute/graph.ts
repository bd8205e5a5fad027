import { usageError } from "../base/errors.ts";
import { type Dim, type NodeOf, product, shapeText, type Tensor } from "./tensor.ts";

/** What an engine runs: every value once, operands before results. */
export interface Graph {
  readonly nodes: readonly Tensor[];
  readonly inputs: readonly NodeOf<"input">[];
  /** Results by name, in the order asked for. */
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/** Collects what the outputs need; equal computations become one, and `stopGradient` (of no effect when running) disappears. */
export function graphOf(outputs: Readonly<Record<string, Tensor>>): Graph {
  const nodes: Tensor[] = [];
  const unique = new Map<string, Tensor>();
  const number = new Map<Tensor, number>();
  const replaced = new Map<Tensor, Tensor>();
  for (const original of topological(Object.values(outputs))) {
    if (original.op === "stopGradient") {
      replaced.set(original, replaced.get(original.inputs[0]) as Tensor);
      continue;
    }
    const inputs = original.inputs.map((x) => replaced.get(x) as Tensor);
    const key = keyOf(
      original,
      inputs.map((x) => number.get(x) as number),
    );
    let found = unique.get(key);
    if (found === undefined) {
      found = inputs.every((x, i) => x === original.inputs[i]) ? original : ({ ...original, inputs } as Tensor);
      unique.set(key, found);
      number.set(found, nodes.length);
      nodes.push(found);
    }
    replaced.set(original, found);
  }
  const inputs = nodes.filter((x): x is NodeOf<"input"> => x.op === "input");
  const names = new Set<string>();
  for (const { attributes, shape } of inputs) {
    if (names.has(attributes.name))
      throw usageError(`compute: two inputs are called "${attributes.name}", one of them ${shapeText(shape)}; give them different names`);
    if (outputs[attributes.name] !== undefined) throw usageError(`compute: "${attributes.name}" is the name of an input and of a result; rename one of them`);
    names.add(attributes.name);
  }
  return { nodes, inputs, outputs: Object.fromEntries(Object.entries(outputs).map(([name, x]) => [name, replaced.get(x) as Tensor])) };
}

/** Everything `roots` are computed from, operands first. Without recursion: an unrolled recurrent net is thousands of steps deep. */
export function topological(roots: readonly Tensor[]): Tensor[] {
  const order: Tensor[] = [];
  const state = new Map<Tensor, "open" | "done">();
  const stack: Tensor[] = roots.toReversed();
  for (let x = stack.pop(); x !== undefined; x = stack.pop()) {
    const seen = state.get(x);
    if (seen === "done") continue;
    if (seen === "open") {
      state.set(x, "done");
      order.push(x);
      continue;
    }
    state.set(x, "open");
    stack.push(x);
    for (let i = x.inputs.length - 1; i >= 0; i--) if (!state.has(x.inputs[i])) stack.push(x.inputs[i]);
  }
  return order;
}

const longConstants = new WeakMap<object, number>();
let longConstantCount = 0;

function keyOf(x: Tensor, inputs: readonly number[]): string {
  if (x.op === "constant") {
    const { values } = x.attributes;
    if (values.length <= 64) return `constant ${x.dtype} ${shapeText(x.shape)} ${values.join()}`;
    if (!longConstants.has(values)) longConstants.set(values, longConstantCount++);
    return `constant #${longConstants.get(values)} ${shapeText(x.shape)}`;
  }
  if (x.op === "size") {
    const { factor, symbols } = product(x.attributes.of);
    return `size ${factor} ${symbols.join("*")}`;
  }
  return `${x.op} ${inputs.join()} ${JSON.stringify(x.attributes)} ${shapeText(x.shape)} ${x.dtype}`;
}

/** Floating point operations of the matrix products, were every open size `rows`. */
export function matmulWork(graph: Graph, rows: number): number {
  const size = (dim: Dim): number => (typeof dim === "number" ? dim : dim.factor * rows);
  let work = 0;
  for (const x of graph.nodes) {
    if (x.op !== "matmul") continue;
    const a = x.inputs[0].shape;
    const inner = size(a[a.length - (x.attributes.transposeA ? 2 : 1)]);
    work += 2 * inner * x.shape.reduce<number>((product, dim) => product * size(dim), 1);
  }
  return work;
}

/** For each node, the position of the last node that reads it; its own position when none does. Outputs are read at the very end. */
export function lastUses(graph: Graph): Int32Array {
  const position = new Map(graph.nodes.map((x, i) => [x, i]));
  const last = Int32Array.from(graph.nodes, (_, i) => i);
  graph.nodes.forEach((x, i) => {
    for (const read of x.inputs) last[position.get(read) as number] = i;
  });
  for (const output of Object.values(graph.outputs)) last[position.get(output) as number] = graph.nodes.length;
  return last;
}

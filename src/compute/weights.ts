import { usageError } from "../base/errors.ts";
import type { Rng } from "../base/rng.ts";
import type { ArrayState } from "../base/state.ts";
import type { Tensor } from "./tensor.ts";

/** What a net learns, before it is learned: one array of numbers, and how it starts. */
export interface Weight {
  readonly kind: "weight";
  readonly shape: readonly number[];
  /** Fills the array at the start; `rng` is this weight's own stream. */
  readonly start: (rng: Rng, shape: readonly number[]) => Float64Array;
  /** Options of training are given by group: learning rate, L2, freezing. Defaults to "main". */
  readonly group: string;
  /** Whether L2 draws it to zero; biases and scales are left alone. */
  readonly decay: boolean;
  /** A table whose rows are read by `gather` only: of each step, the rows the batch names are brought in and updated, the rest is left alone. */
  readonly lazy: boolean;
}

/** Weights by name, as deep as one likes; names are joined by dots in saved files. */
export interface Init {
  readonly [name: string]: Weight | Init;
}

/** Tensors in the places of weights. */
export interface Tensors {
  readonly [name: string]: Tensor | Tensors;
}

/** The tree of an `init` with tensors in it: what a loss is given. */
export type TensorsOf<I> = I extends Weight ? Tensor : string extends keyof I ? Tensors : { readonly [K in keyof I]: TensorsOf<I[K]> };

/** A part of a net: which weights it has, and what it does with them. `apply` is given the tensors of its own `init`. */
export interface Layer<In extends readonly unknown[], Out> {
  readonly init: Init;
  apply(weights: Tensors, ...inputs: In): Out;
}

/** Learned weights by full name ("trunk.0.w"): float32, or float64 when they were learned on the reference engine. */
export type Weights = Readonly<Record<string, ArrayState>>;

type Start = Weight["start"];
const fill =
  (draw: (rng: Rng) => number): Start =>
  (rng, shape) => {
    const values = new Float64Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < values.length; i++) values[i] = draw(rng);
    return values;
  };
// A matrix maps its last axis but one to its last; axes before are copies.
const fans = (shape: readonly number[]): [number, number] => [shape[shape.length - 2] ?? 1, shape[shape.length - 1] ?? 1];

/** Ways to start a weight. */
export const starts: {
  readonly zeros: Start;
  readonly ones: Start;
  constant(value: number): Start;
  normal(deviation: number): Start;
  uniform(limit: number): Start;
  /** Uniform within sqrt(6 / (in + out)): tanh, sigmoid and linear layers (Glorot2010). */
  readonly glorot: Start;
  /** Normal with variance 2 / in: layers followed by relu or elu (He2015). */
  readonly he: Start;
  /** Normal with variance 1 / in (LeCun1998). */
  readonly lecun: Start;
} = {
  zeros: fill(() => 0),
  ones: fill(() => 1),
  constant: (value) => fill(() => value),
  normal: (deviation) => fill((rng) => deviation * rng.normal()),
  uniform: (limit) => fill((rng) => limit * (2 * rng.float() - 1)),
  glorot: (rng, shape) => starts.uniform(Math.sqrt(6 / (fans(shape)[0] + fans(shape)[1])))(rng, shape),
  he: (rng, shape) => starts.normal(Math.sqrt(2 / fans(shape)[0]))(rng, shape),
  lecun: (rng, shape) => starts.normal(Math.sqrt(1 / fans(shape)[0]))(rng, shape),
};

export interface WeightOptions {
  readonly start?: Start;
  readonly group?: string;
  readonly decay?: boolean;
  readonly lazy?: boolean;
}

/** A weight of this shape; zeros, group "main", without L2 and not lazy unless said otherwise. */
export function weight(shape: readonly number[], options: WeightOptions = {}): Weight {
  const { start = starts.zeros, group = "main", decay = false, lazy = false } = options;
  if (!shape.every((size) => Number.isInteger(size) && size > 0)) throw usageError(`weight: sizes are whole numbers above 0, got [${shape.join(", ")}]`);
  if (lazy && shape.length < 2) throw usageError("weight: a lazy table needs rows and columns");
  return { kind: "weight", shape, start, group, decay, lazy };
}

function isWeight(entry: Weight | Init): entry is Weight {
  return entry.kind === "weight";
}

/** Every weight with its full name, in the order of the tree. */
export function listWeights(init: Init, prefix = ""): [string, Weight][] {
  return Object.entries(init).flatMap(([name, entry]): [string, Weight][] => {
    if (name.includes(".")) throw usageError(`weights: the name "${name}" holds a dot, which separates levels of the tree`);
    return isWeight(entry) ? [[prefix + name, entry]] : listWeights(entry, `${prefix}${name}.`);
  });
}

/** The tree of `init` with `tensor(full name)` in each place. */
export function tensorsOf<I extends Init>(init: I, tensor: (name: string, weight: Weight) => Tensor, prefix = ""): TensorsOf<I> {
  const tree = Object.entries(init).map(([name, entry]) => [
    name,
    isWeight(entry) ? tensor(prefix + name, entry) : tensorsOf(entry, tensor, `${prefix}${name}.`),
  ]);
  return Object.fromEntries(tree) as TensorsOf<I>;
}

/** Start values of every weight; each draws from the stream of its own name, so that adding a layer leaves the others as they were. */
export function startWeights(init: Init, rng: Rng): Weights {
  return Object.fromEntries(listWeights(init).map(([name, { shape, start }]) => [name, { shape, data: start(rng.split(name), shape) }]));
}

/** Checks that saved weights are those of this net. @throws LiftwiseError (usage) naming the first that is missing or of another shape. */
export function checkWeights(init: Init, weights: Weights): Weights {
  for (const [name, { shape }] of listWeights(init)) {
    const found = weights[name];
    if (found === undefined) throw usageError(`weights: "${name}" is missing; the file belongs to another model or config`);
    if (found.shape.join() !== shape.join())
      throw usageError(`weights: "${name}" should be [${shape.join(", ")}], got [${found.shape.join(", ")}]; the file belongs to another model or config`);
  }
  return weights;
}

import { usageError } from "../../base/errors.ts";
import type { Graph } from "../graph.ts";
import { shapeText } from "../tensor.ts";

export const engineIds = ["onnx", "onnx-web", "tfjs", "reference"] as const;
export type EngineId = (typeof engineIds)[number];

/** Floats are float32 on every engine but the reference; ints are int32. */
export type Numbers = Float32Array | Float64Array | Int32Array;

/** Numbers with their shape, row by row. */
export interface Value {
  readonly shape: readonly number[];
  readonly data: Numbers;
}

/** A graph made ready to run. Owns memory outside the garbage collector until it is disposed. */
export interface Program {
  /**
   * @param feeds one value for each input of the graph
   * @param into where results are to be written, for those that have a place already; such a result is returned in that array
   */
  run(feeds: Readonly<Record<string, Value>>, into?: Readonly<Record<string, Float32Array | Float64Array>>): Promise<Readonly<Record<string, Value>>>;
  dispose(): void;
}

export interface Engine {
  readonly id: EngineId;
  /** What it runs on, for reports: "onnxruntime-node 1.30.0". */
  readonly version: string;
  /** What the engine's floats are stored in. */
  readonly precision: "float32" | "float64";
  compile(graph: Graph, options: CompileOptions): Promise<Program>;
}

export interface CompileOptions {
  /** Most threads of the engine where it has its own; results do not depend on it. */
  readonly threads: number;
  /** About how many rows a batch will have: a small step is faster on one thread. Many unless given. */
  readonly rows?: number;
}

let open = 0;

/** Programs that were compiled and not yet disposed, over all engines: a leak shows here. */
export function openPrograms(): number {
  return open;
}

/** Counts the program as open until it is disposed, lets it be disposed only once and refuses to run it afterwards. */
export function counted(program: Program): Program {
  let alive = true;
  open++;
  return {
    run: (feeds, into) => {
      if (!alive) throw usageError("compute: this program has been disposed of; fit or load the model again");
      return program.run(feeds, into);
    },
    dispose: () => {
      if (!alive) return;
      alive = false;
      open--;
      program.dispose();
    },
  };
}

/** Checks feeds against the graph's inputs and reads off what each symbol is bound to. */
export function bindInputs(graph: Graph, feeds: Readonly<Record<string, Value>>): Map<string, number> {
  const bound = new Map<string, number>();
  for (const { attributes, shape, dtype } of graph.inputs) {
    const value = feeds[attributes.name];
    if (value === undefined) throw usageError(`compute: input "${attributes.name}" ${shapeText(shape)} was not given`);
    const fits =
      value.shape.length === shape.length &&
      value.data.length === value.shape.reduce((a, b) => a * b, 1) &&
      (dtype === "int") === value.data instanceof Int32Array;
    const good =
      fits &&
      shape.every((dim, i) => {
        if (typeof dim === "number") return dim === value.shape[i];
        const size = value.shape[i] / dim.factor;
        if (!bound.has(dim.symbol)) bound.set(dim.symbol, size);
        return bound.get(dim.symbol) === size;
      });
    if (!good)
      throw usageError(
        `compute: input "${attributes.name}" must be ${dtype} ${shapeText(shape)}, got ${value.data instanceof Int32Array ? "int" : "float"} ${shapeText(value.shape)} with ${value.data.length} numbers`,
      );
  }
  return bound;
}

import { usageError } from "../base/errors.ts";
import { chooseEngine, type ChosenEngine, type EngineChoice, type EngineReport } from "./engine/choose.ts";
import type { Numbers, Value } from "./engine/contract.ts";
import { emit } from "./engine/onnx/emit.ts";
import { type Graph, graphOf } from "./graph.ts";
import { constant, shapeText, type Tensor } from "./tensor.ts";
import { batchRows, batchTensors, type ColumnSpec, parts, rowCount } from "./train/source.ts";
import { recordingStep, type Step } from "./train/step.ts";
import { checkWeights, type Init, type TensorsOf, tensorsOf, type Weights } from "./weights.ts";

/** A net with its learned weights, from the columns of a batch to named results of one row each. */
export interface Net<I extends Init, C extends string, O extends string> {
  readonly init: I;
  readonly weights: Weights;
  readonly columns: Readonly<Record<C, ColumnSpec>>;
  apply(weights: TensorsOf<I>, batch: Readonly<Record<C, Tensor>>, step: Step): Readonly<Record<O, Tensor>>;
}

export interface ForwardOptions {
  readonly engine?: EngineChoice | ChosenEngine;
  readonly threads?: number;
  /** Rows computed at once. Defaults to 16384. */
  readonly batch?: number;
}

/** A net made ready to predict; owns an engine's memory until it is disposed. */
export interface Forward<C extends string, O extends string> {
  readonly engine: EngineReport;
  /** @param columns n rows each; the results have n rows too */
  run(columns: Readonly<Record<C, Value>>): Promise<Readonly<Record<O, Value>>>;
  dispose(): void;
}

export async function forward<I extends Init, C extends string, O extends string>(net: Net<I, C, O>, options: ForwardOptions = {}): Promise<Forward<C, O>> {
  const { engine = "auto", threads = 1, batch = 16384 } = options;
  const chosen = typeof engine === "object" ? engine : await chooseEngine(engine);
  const graph = forwardGraph(net);
  const program = await chosen.engine.compile(graph, { threads });
  return {
    engine: chosen.report,
    run: async (columns) => {
      const n = rowCount(columns);
      const results: Record<string, { shape: number[]; data: Numbers }> = {};
      let from = 0;
      for (const part of parts(columns, batch)) {
        const values = await program.run(part.values);
        for (const [name, { shape, data }] of Object.entries(values)) {
          const width = data.length / part.rows;
          results[name] ??= { shape: [n, ...shape.slice(1)], data: new (data.constructor as new (length: number) => Numbers)(n * width) };
          results[name].data.set(data, from * width);
        }
        from += part.rows;
      }
      return results as Record<O, Value>;
    },
    dispose: () => program.dispose(),
  };
}

/** The net as the bytes of an .onnx file with its weights inside: inputs are the columns, outputs the results, rows may be any number. */
export function exportOnnx<I extends Init, C extends string, O extends string>(net: Net<I, C, O>, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  return emit(forwardGraph(net), { metadata });
}

function forwardGraph<I extends Init, C extends string, O extends string>({ init, weights, columns, apply }: Net<I, C, O>): Graph {
  checkWeights(init, weights);
  const fixed = tensorsOf(init, (name, { shape }) => named(constant(weights[name].data, shape), name));
  const outputs = apply(fixed, batchTensors(columns), recordingStep(false));
  for (const [name, x] of Object.entries<Tensor>(outputs))
    if (x.shape.length === 0 || x.shape[0] !== batchRows) {
      const [first] = x.shape;
      if (typeof first !== "object" || first.symbol !== batchRows.symbol || first.factor !== 1)
        throw usageError(`forward: result "${name}" must have the rows of the batch as its first axis, got ${shapeText(x.shape)}`);
    }
  return graphOf(outputs);
}

function named(x: Tensor, name: string): Tensor {
  return x.op === "constant" ? { ...x, attributes: { ...x.attributes, name } } : x;
}

import type { InferenceSession, Tensor as OrtTensor, TensorConstructor } from "onnxruntime-web";
import { type Graph, matmulWork } from "../../graph.ts";
import { bindShape } from "../../tensor.ts";
import { bindInputs, type CompileOptions, counted, type Engine, type Program, type Value } from "../contract.ts";
import { emit } from "./emit.ts";

/** What onnxruntime-node and onnxruntime-web have in common. */
export interface Runtime {
  readonly InferenceSession: { create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession> };
  readonly Tensor: TensorConstructor;
}

// Below this many operations a step, handing work to another thread costs more than it saves (network A of the speed benchmark: 6e7 at batch
// 512 is slower on two threads, 5e8 at batch 4096 faster).
const worthThreads = 2e8;

/** An engine on one of the two builds of onnxruntime. `keepsPlace`: whether results can be written straight into arrays given for them. */
export function onnxEngine(id: "onnx" | "onnx-web", version: string, runtime: Runtime, provider: "cpu" | "wasm", keepsPlace: boolean): Engine {
  return { id, version, precision: "float32", compile: (graph, options) => compile(graph, options) };

  async function compile(graph: Graph, { threads, rows = Number.POSITIVE_INFINITY }: CompileOptions): Promise<Program> {
    const worked = matmulWork(graph, rows) < worthThreads ? 1 : threads;
    const session = await runtime.InferenceSession.create(emit(graph, { oneThread: worked === 1 && id === "onnx" }), {
      executionProviders: [provider],
      graphOptimizationLevel: "all",
      executionMode: "sequential",
      intraOpNumThreads: worked,
      interOpNumThreads: 1,
      enableMemPattern: true,
      logSeverityLevel: 3,
    });
    const tensor = ({ data, shape }: Value): OrtTensor =>
      data instanceof Int32Array
        ? new runtime.Tensor("int32", data, shape)
        : new runtime.Tensor("float32", data instanceof Float64Array ? Float32Array.from(data) : data, shape);
    return counted({
      run: async (feeds, into = {}) => {
        const bound = bindInputs(graph, feeds);
        const given: Record<string, OrtTensor> = {};
        for (const { attributes } of graph.inputs) given[attributes.name] = tensor(feeds[attributes.name]);
        const wanted: Record<string, OrtTensor | null> = {};
        for (const [name, x] of Object.entries(graph.outputs)) {
          const place = into[name];
          wanted[name] = keepsPlace && place instanceof Float32Array ? new runtime.Tensor("float32", place, bindShape(x.shape, bound)) : null;
        }
        const results = await session.run(given, wanted as InferenceSession.FetchesType);
        const values: Record<string, Value> = {};
        for (const name of Object.keys(graph.outputs)) values[name] = result(results[name] as OrtTensor, into[name], wanted[name] !== null);
        return values;
      },
      dispose: () => void session.release(),
    });
  }
}

/** @param written whether the runtime has put the result into `place` already (the tensor it hands back is a copy of it) */
function result(tensor: OrtTensor, place: Float32Array | Float64Array | undefined, written: boolean): Value {
  const shape = tensor.dims;
  if (place !== undefined && written) return { shape, data: place };
  const data = tensor.data as Float32Array | Int32Array;
  if (place === undefined) return { shape, data };
  place.set(data);
  return { shape, data: place };
}

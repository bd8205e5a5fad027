import type * as TfCore from "@tensorflow/tfjs-core";
import { type Graph, lastUses } from "../../graph.ts";
import { bindShape, product, type Tensor } from "../../tensor.ts";
import { bindInputs, counted, type Engine, type Program, type Value } from "../contract.ts";

export type Tf = typeof TfCore;
type T = TfCore.Tensor;

/** An engine on the forward kernels of tfjs; differentiation is ours, so tfjs-core and a backend are all it needs. */
export function tfjsEngine(tf: Tf, version: string): Engine {
  const backend = tf.getBackend();
  return { id: "tfjs", version, precision: "float32", compile: async (graph) => counted(program(tf, backend, graph)) };
}

function program(tf: Tf, backend: string, graph: Graph): Program {
  const last = lastUses(graph);
  const freed: Tensor[][] = graph.nodes.map(() => []);
  graph.nodes.forEach((x, i) => {
    if (last[i] < freed.length) freed[last[i]].push(x);
  });
  return {
    run: async (feeds, into = {}) => {
      const bound = bindInputs(graph, feeds);
      // The backend is a global of tfjs: someone else may have set another.
      if (tf.getBackend() !== backend) await tf.setBackend(backend);
      return tf.tidy(() => {
        const values = new Map<Tensor, T>();
        graph.nodes.forEach((x, i) => {
          const inputs = x.inputs.map((read) => values.get(read) as T);
          values.set(x, x.op === "input" ? given(tf, feeds[x.attributes.name]) : evaluate(tf, x, inputs, bindShape(x.shape, bound), bound));
          // At once, not at the end of the tidy: a step would otherwise hold every value it ever made.
          for (const dead of freed[i]) values.get(dead)?.dispose();
        });
        const results: Record<string, Value> = {};
        for (const [name, output] of Object.entries(graph.outputs)) {
          const tensor = values.get(output) as T;
          const data = tensor.dataSync() as Float32Array | Int32Array;
          into[name]?.set(data);
          // A copy: on cpu dataSync gives the tensor's own memory.
          results[name] = { shape: tensor.shape, data: into[name] ?? data.slice() };
        }
        // Tensors are memory of the program, which tidy frees; the results are plain arrays.
        return results as never;
      });
    },
    dispose: () => undefined,
  };
}

function given(tf: Tf, { data, shape }: Value): T {
  // The slice is needed: backends keep the array they are given.
  return data instanceof Int32Array ? tf.tensor(data.slice(), shape as number[], "int32") : tf.tensor(Float32Array.from(data), shape as number[], "float32");
}

function evaluate(tf: Tf, x: Tensor, inputs: readonly T[], shape: number[], bound: ReadonlyMap<string, number>): T {
  const [a, b] = inputs;
  switch (x.op) {
    case "constant":
      return x.dtype === "int"
        ? tf.tensor(Int32Array.from(x.attributes.values), shape, "int32")
        : tf.tensor(Float32Array.from(x.attributes.values), shape, "float32");
    case "size": {
      const { factor, symbols } = product(x.attributes.of);
      return tf.scalar(symbols.reduce((total, symbol) => total * (bound.get(symbol) as number), factor));
    }
    case "not":
      return tf.logicalNot(a);
    case "eluSlope":
      return tf.exp(tf.minimum(a, wide(tf, tf.scalar(0), shape)));
    case "pow":
      return tf.pow(a, x.attributes.exponent);
    case "cast":
      return tf.cast(a, x.attributes.to === "float" ? "float32" : x.attributes.to === "int" ? "int32" : "bool");
    case "maximum":
      return tf.maximum(wide(tf, a, shape), wide(tf, b, shape));
    case "minimum":
      return tf.minimum(wide(tf, a, shape), wide(tf, b, shape));
    case "less":
      return tf.less(wide(tf, a, shape), wide(tf, b, shape));
    case "lessEqual":
      return tf.lessEqual(wide(tf, a, shape), wide(tf, b, shape));
    case "equal":
      return tf.equal(wide(tf, a, shape), wide(tf, b, shape));
    case "and":
      return tf.logicalAnd(wide(tf, a, shape), wide(tf, b, shape));
    case "or":
      return tf.logicalOr(wide(tf, a, shape), wide(tf, b, shape));
    case "select":
      return tf.where(wide(tf, a, shape), wide(tf, b, shape), wide(tf, inputs[2], shape));
    case "sum":
      return tf.sum(a, x.attributes.axes as number[], x.attributes.keep);
    case "mean":
      return tf.mean(a, x.attributes.axes as number[], x.attributes.keep);
    case "max":
      return tf.max(a, x.attributes.axes as number[], x.attributes.keep);
    case "matmul":
      return matmul(tf, a, b, x.attributes.transposeA, x.attributes.transposeB);
    case "reshape":
      return tf.reshape(a, shape);
    case "transpose":
      return tf.transpose(a, x.attributes.order as number[]);
    case "broadcastTo":
      return tf.broadcastTo(a, shape);
    case "concat":
      return tf.concat(inputs as T[], x.attributes.axis);
    case "slice": {
      const begin = shape.map((_, axis) => (axis === x.attributes.axis ? x.attributes.from : 0));
      return tf.slice(a, begin, shape);
    }
    case "pad": {
      const { axis, before, after } = x.attributes;
      return tf.pad(
        a,
        shape.map((_, i): [number, number] => (i === axis ? [before, after] : [0, 0])),
      );
    }
    case "gather":
      return tf.gather(a, b as TfCore.Tensor1D, 0);
    case "segmentSum":
      return segmentSum(tf, a, b, shape);
    case "cumsum":
      return tf.cumsum(a, x.attributes.axis, false, x.attributes.reverse);
    case "input":
    case "stopGradient":
      throw new Error(`tfjs: ${x.op} is not computed`);
    default:
      return direct(tf, x.op, a, b);
  }
}

type Direct =
  | "neg"
  | "abs"
  | "sign"
  | "exp"
  | "log"
  | "sqrt"
  | "reciprocal"
  | "tanh"
  | "sigmoid"
  | "relu"
  | "elu"
  | "softplus"
  | "softmax"
  | "logSoftmax"
  | "add"
  | "sub"
  | "mul"
  | "div";
/** Operations that tfjs has under the same name and with the same operands. */
function direct(tf: Tf, op: Direct, a: T, b: T): T {
  if (op === "add" || op === "sub" || op === "mul" || op === "div") return tf[op](a, b);
  return op === "softmax" || op === "logSoftmax" ? tf[op](a, -1) : tf[op](a);
}

// Comparisons and extremes on wasm stretch one operand only in part: both are given in full.
function wide(tf: Tf, x: T, shape: number[]): T {
  return x.rank === shape.length && x.shape.every((size, i) => size === shape[i]) ? x : tf.broadcastTo(x, shape);
}

// A transposed product takes a scalar path on wasm (92 % of a step): transpose first.
function matmul(tf: Tf, a: T, b: T, transposeA: boolean, transposeB: boolean): T {
  const turned = (x: T): T => tf.transpose(x, [...Array.from({ length: x.rank - 2 }, (_, i) => i), x.rank - 1, x.rank - 2]);
  return tf.matMul(transposeA ? turned(a) : a, transposeB ? turned(b) : b);
}

// Missing on wasm, and a loop over segments on cpu.
function segmentSum(tf: Tf, values: T, segments: T, shape: number[]): T {
  const at = segments.dataSync();
  const from = values.dataSync();
  const width = shape.slice(1).reduce((product, size) => product * size, 1);
  const out = new Float32Array(shape[0] * width);
  for (let i = 0; i < at.length; i++) for (let j = 0; j < width; j++) out[at[i] * width + j] += from[i * width + j];
  return tf.tensor(out, shape, "float32");
}

import { type Graph, lastUses } from "../../graph.ts";
import { bindShape, product, type Tensor } from "../../tensor.ts";
import { bindInputs, counted, type Engine, type Program, type Value } from "../contract.ts";
import * as k from "./kernels.ts";

/** Plain TypeScript in float64, one operation after the other: always there, slow, and the measure of the other engines. */
export const reference: Engine = {
  id: "reference",
  version: "float64, plain TypeScript",
  precision: "float64",
  compile: async (graph) => counted(program(graph)),
};

function program(graph: Graph): Program {
  const last = lastUses(graph);
  return {
    run: async (feeds, into = {}) => {
      const bound = bindInputs(graph, feeds);
      const values = new Map<Tensor, k.Plain>();
      const freed: Tensor[][] = graph.nodes.map(() => []);
      graph.nodes.forEach((x, i) => {
        if (last[i] < freed.length) freed[last[i]].push(x);
      });
      graph.nodes.forEach((x, i) => {
        const inputs = x.inputs.map((read) => values.get(read) as k.Plain);
        const shape = bindShape(x.shape, bound);
        values.set(x, { shape, data: x.op === "input" ? plain(feeds[x.attributes.name]) : evaluate(x, inputs, shape, bound) });
        for (const dead of freed[i]) values.delete(dead);
      });
      const results: Record<string, Value> = {};
      for (const [name, output] of Object.entries(graph.outputs)) {
        const { shape, data } = values.get(output) as k.Plain;
        into[name]?.set(data);
        results[name] = { shape, data: into[name] ?? data };
      }
      return results;
    },
    dispose: () => undefined,
  };
}

const plain = ({ data }: Value): Float64Array | Int32Array => (data instanceof Float32Array ? Float64Array.from(data) : data);

function evaluate(x: Tensor, inputs: readonly k.Plain[], shape: readonly number[], bound: ReadonlyMap<string, number>): Float64Array | Int32Array {
  const [a, b] = inputs;
  switch (x.op) {
    case "constant":
      return x.attributes.values;
    case "size": {
      const { factor, symbols } = product(x.attributes.of);
      return Float64Array.of(symbols.reduce((total, symbol) => total * (bound.get(symbol) as number), factor));
    }
    case "neg":
      return k.map(a, (v) => -v);
    case "abs":
      return k.map(a, Math.abs);
    case "sign":
      return k.map(a, Math.sign);
    case "exp":
      return k.map(a, Math.exp);
    case "log":
      return k.map(a, Math.log);
    case "sqrt":
      return k.map(a, Math.sqrt);
    case "reciprocal":
      return k.map(a, (v) => 1 / v);
    case "tanh":
      return k.map(a, Math.tanh);
    case "sigmoid":
      return k.map(a, (v) => 1 / (1 + Math.exp(-v)));
    case "relu":
      return k.map(a, (v) => Math.max(v, 0));
    case "elu":
      return k.map(a, (v) => (v > 0 ? v : Math.expm1(v)));
    case "eluSlope":
      return k.map(a, (v) => Math.exp(Math.min(v, 0)));
    case "softplus":
      return k.map(a, (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))));
    case "pow":
      return k.map(a, (v) => v ** x.attributes.exponent);
    case "not":
      return k.map(a, (v) => 1 - v);
    case "cast":
      return x.attributes.to === "int" ? Int32Array.from(a.data) : x.attributes.to === "bool" ? k.map(a, (v) => Number(v !== 0)) : Float64Array.from(a.data);
    case "add":
      return k.zip(a, b, shape, (v, w) => v + w);
    case "sub":
      return k.zip(a, b, shape, (v, w) => v - w);
    case "mul":
      return k.zip(a, b, shape, (v, w) => v * w);
    case "div":
      return k.zip(a, b, shape, (v, w) => v / w);
    case "maximum":
      return k.zip(a, b, shape, Math.max);
    case "minimum":
      return k.zip(a, b, shape, Math.min);
    case "less":
      return k.zip(a, b, shape, (v, w) => Number(v < w));
    case "lessEqual":
      return k.zip(a, b, shape, (v, w) => Number(v <= w));
    case "equal":
      return k.zip(a, b, shape, (v, w) => Number(v === w));
    case "and":
      return k.zip(a, b, shape, (v, w) => v * w);
    case "or":
      return k.zip(a, b, shape, Math.max);
    case "select": {
      const [c, yes, no] = inputs.map((value) => k.pickAt(value, k.stretch(value.shape, shape) ?? k.positions(shape, k.strides(shape))));
      return Float64Array.from(c, (v, i) => (v === 0 ? no[i] : yes[i]));
    }
    default:
      return rearrange(x, inputs, shape);
  }
}

function rearrange(x: Tensor, inputs: readonly k.Plain[], shape: readonly number[]): Float64Array | Int32Array {
  const [a, b] = inputs;
  const steps = a === undefined ? [] : k.strides(a.shape);
  switch (x.op) {
    case "sum":
      return k.reduce(a, x.attributes.axes, 0, (total, v) => total + v);
    case "mean":
      return k.reduce(a, x.attributes.axes, 0, (total, v) => total + v).map((total) => (total * k.count(shape)) / a.data.length);
    case "max":
      return k.reduce(a, x.attributes.axes, Number.NEGATIVE_INFINITY, Math.max);
    case "softmax":
      return k.logSoftmaxRows(a).map(Math.exp);
    case "logSoftmax":
      return k.logSoftmaxRows(a);
    case "matmul":
      return k.matmul(a, b, shape, x.attributes.transposeA, x.attributes.transposeB);
    case "reshape":
      return a.data;
    case "transpose":
      return k.pickAt(
        a,
        k.positions(
          shape,
          x.attributes.order.map((axis) => steps[axis]),
        ),
      );
    case "broadcastTo":
      return k.pickAt(a, k.stretch(a.shape, shape) ?? k.positions(shape, k.strides(shape)));
    case "slice":
      return k.pickAt(a, k.positions(shape, steps, x.attributes.from * steps[x.attributes.axis]));
    case "pad": {
      const out = new Float64Array(k.count(shape));
      const outSteps = k.strides(shape);
      k.positions(a.shape, outSteps, x.attributes.before * outSteps[x.attributes.axis]).forEach((at, i) => {
        out[at] = a.data[i];
      });
      return out;
    }
    case "concat": {
      const out = x.dtype === "int" ? new Int32Array(k.count(shape)) : new Float64Array(k.count(shape));
      const outSteps = k.strides(shape);
      let from = 0;
      for (const part of inputs) {
        k.positions(part.shape, outSteps, from * outSteps[x.attributes.axis]).forEach((at, i) => {
          out[at] = part.data[i];
        });
        from += part.shape[x.attributes.axis];
      }
      return out;
    }
    case "gather": {
      const width = k.count(a.shape.slice(1));
      const out = a.data instanceof Int32Array ? new Int32Array(k.count(shape)) : new Float64Array(k.count(shape));
      b.data.forEach((row, i) => out.set(a.data.subarray(checkedRow(row, a.shape[0]) * width, (row + 1) * width), i * width));
      return out;
    }
    case "segmentSum": {
      const width = k.count(shape.slice(1));
      const out = new Float64Array(k.count(shape));
      b.data.forEach((row, i) => {
        const at = checkedRow(row, shape[0]) * width;
        for (let j = 0; j < width; j++) out[at + j] += a.data[i * width + j];
      });
      return out;
    }
    case "cumsum":
      return k.cumsum(a, x.attributes.axis, x.attributes.reverse);
    default:
      throw new Error(`reference: no kernel for ${x.op}`);
  }
}

function checkedRow(row: number, rows: number): number {
  if (!(row >= 0 && row < rows)) throw new RangeError(`index ${row} is outside 0 .. ${rows - 1}`);
  return row;
}

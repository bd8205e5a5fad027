import type { Graph } from "../../graph.ts";
import { type Dim, dimText, type DType, product, type Shape, type Tensor } from "../../tensor.ts";
import { ProtoWriter } from "./protobuf.ts";

/**
 * Operators as of opset 18 (onnx 1.13, December 2022): the first in which every reduction takes its axes in the same way and ScatterND adds.
 * Onnxruntime runs it from 1.14 on. IR version 8 belongs to it.
 */
export const opset = 18;
const irVersion = 8;

const elementType: Readonly<Record<DType | "int64", number>> = { float: 1, int: 6, int64: 7, bool: 9 };

/** An attribute of an ONNX node. */
type Attribute = { readonly int: number } | { readonly float: number } | { readonly ints: readonly number[] } | { readonly text: string };

export interface EmitOptions {
  /** Written into the file as the producer. */
  readonly producer?: string;
  /** Name and value pairs for whoever reads the file. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The graph will run on one thread only: segments may then be added row by row. Defaults to false. */
  readonly oneThread?: boolean;
}

/** The graph as the bytes of an .onnx file. Inputs and outputs keep their names; symbols become dimension parameters. */
export function emit(graph: Graph, options: EmitOptions = {}): Uint8Array {
  const body = new Emitter(graph, options.oneThread ?? false);
  for (const x of graph.nodes) body.add(x);
  const model = new ProtoWriter().int(1, irVersion).text(2, options.producer ?? "liftwise");
  const outputs = Object.entries(graph.outputs);
  const renamed = new Map<string, string>();
  for (const [name, x] of outputs) if (body.made.has(body.name(x)) && !renamed.has(body.name(x))) renamed.set(body.name(x), name);
  const nameOf = (name: string): string => renamed.get(name) ?? name;
  model.message(7, (proto) => {
    for (const { type, inputs, output, attributes } of body.nodes) proto.raw(1, nodeBytes(type, inputs.map(nameOf), nameOf(output), attributes));
    proto.text(2, "liftwise");
    for (const bytes of body.initializers) proto.raw(5, bytes);
    for (const x of graph.inputs) proto.raw(11, valueInfo(x.attributes.name, x.shape, x.dtype));
    for (const [name, x] of outputs) {
      // Identity gives an output its name when it is an input, or asked for twice.
      if (nameOf(body.name(x)) !== name) proto.raw(1, nodeBytes("Identity", [nameOf(body.name(x))], name, {}));
      proto.raw(12, valueInfo(name, x.shape, x.dtype));
    }
  });
  model.message(8, (proto) => proto.text(1, "").int(2, opset));
  for (const [key, value] of Object.entries(options.metadata ?? {})) model.message(14, (proto) => proto.text(1, key).text(2, value));
  return model.finish();
}

function valueInfo(name: string, shape: Shape, dtype: DType): Uint8Array {
  const writer = new ProtoWriter().text(1, name);
  return writer
    .message(2, (type) =>
      type.message(1, (tensor) =>
        tensor.int(1, elementType[dtype]).message(2, (dims) => {
          for (const dim of shape) dims.message(1, (d) => (typeof dim === "number" ? d.int(1, dim) : d.text(2, dimText(dim))));
        }),
      ),
    )
    .finish();
}

function nodeBytes(type: string, inputs: readonly string[], output: string, attributes: Readonly<Record<string, Attribute>>): Uint8Array {
  const writer = new ProtoWriter();
  for (const name of inputs) writer.text(1, name);
  writer.text(2, output).text(3, `node_${output}`).text(4, type);
  for (const [name, value] of Object.entries(attributes))
    writer.message(5, (proto) => {
      proto.text(1, name);
      if ("int" in value) proto.int(3, value.int).int(20, 2);
      else if ("float" in value) proto.float(2, value.float).int(20, 1);
      else if ("ints" in value) proto.ints(8, value.ints).int(20, 7);
      else proto.text(4, value.text).int(20, 3);
    });
  return writer.finish();
}

interface EmittedNode {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

class Emitter {
  readonly nodes: EmittedNode[] = [];
  /** Names of values that a node makes: not inputs, not constants. */
  readonly made = new Set<string>();
  readonly initializers: Uint8Array[] = [];
  private readonly names = new Map<Tensor, string>();
  private readonly shared = new Map<string, string>();
  private readonly symbols = new Map<string, string>();
  private readonly sloped: ReadonlySet<Tensor>;
  /** Comparisons that only serve as gates of relu, which are made in one operation with their cast. */
  private readonly unread: ReadonlySet<Tensor>;

  private readonly oneThread: boolean;

  constructor(graph: Graph, oneThread: boolean) {
    this.oneThread = oneThread;
    this.sloped = new Set(graph.nodes.filter((x) => x.op === "eluSlope").map((x) => x.inputs[0]));
    const read = new Set([...Object.values(graph.outputs), ...graph.nodes.filter((x) => reluOf(x) === undefined).flatMap((x) => x.inputs)]);
    this.unread = new Set(graph.nodes.filter((x) => x.op === "less" && !read.has(x)));
  }

  name(x: Tensor): string {
    return this.names.get(x) as string;
  }

  add(x: Tensor): void {
    if (!this.unread.has(x)) this.names.set(x, this.emit(x));
  }

  private op(type: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    const output = `value_${this.nodes.length}`;
    this.nodes.push({ type, inputs, output, attributes });
    this.made.add(output);
    return output;
  }

  private initializer(dims: readonly number[], type: keyof typeof elementType, raw: Uint8Array, name = `constant_${this.initializers.length}`): string {
    const writer = new ProtoWriter().ints(1, dims).int(2, elementType[type]).text(8, name).raw(9, raw);
    this.initializers.push(writer.finish());
    return name;
  }

  private once(key: string, make: () => string): string {
    const found = this.shared.get(key) ?? make();
    this.shared.set(key, found);
    return found;
  }

  private float(value: number): string {
    return this.once(`float ${value}`, () => this.initializer([], "float", bytesOf(Float32Array.of(value))));
  }

  /** A list of int64, as shapes, axes and bounds are given. */
  private list(...values: number[]): string {
    return this.once(`list ${values.join()}`, () => this.initializer([values.length], "int64", bytesOf(BigInt64Array.from(values, BigInt))));
  }

  /** A shape as a list of int64: a constant, or put together from what the symbols are when the graph runs. */
  private shape(shape: Shape): string {
    const sizes = shape.filter((dim) => typeof dim === "number");
    if (sizes.length === shape.length) return this.list(...sizes);
    return this.once(`shape ${shape.map(dimText).join()}`, () =>
      this.op(
        "Concat",
        shape.map((dim) => this.dim(dim)),
        { axis: { int: 0 } },
      ),
    );
  }

  private dim(dim: Dim): string {
    if (typeof dim === "number") return this.list(dim);
    const one = this.symbols.get(dim.symbol) as string;
    return dim.factor === 1 ? one : this.once(dimText(dim), () => this.op("Mul", [one, this.list(dim.factor)]));
  }

  private slope(x: string): string {
    return this.once(`slope ${x}`, () => this.op("Exp", [this.op("Min", [x, this.float(0)])]));
  }

  private emit(x: Tensor): string {
    const of = x.inputs.map((read) => this.name(read));
    switch (x.op) {
      case "input": {
        const { name } = x.attributes;
        x.shape.forEach((dim, i) => {
          if (typeof dim === "number" || this.symbols.has(dim.symbol)) return;
          this.symbols.set(dim.symbol, this.op("Shape", [name], { start: { int: i }, end: { int: i + 1 } }));
        });
        return name;
      }
      case "constant": {
        const { values, name } = x.attributes;
        if (x.shape.length === 0 && x.dtype === "float" && name === undefined) return this.float(values[0]);
        return this.initializer(x.shape as number[], x.dtype, bytesOf(x.dtype === "int" ? Int32Array.from(values) : Float32Array.from(values)), name);
      }
      case "size": {
        const { factor, symbols } = product(x.attributes.of);
        const counts = symbols.map((symbol) =>
          this.op("Cast", [this.op("Squeeze", [this.symbols.get(symbol) as string, this.list(0)])], { to: { int: elementType.float } }),
        );
        return counts.reduce((total, one) => this.op("Mul", [total, one]), this.float(factor));
      }
      case "elu": {
        // Where the slope is wanted too, both come from one exponential, and that is faster than the kernel of Elu.
        if (!this.sloped.has(x.inputs[0])) return this.op("Elu", of, { alpha: { float: 1 } });
        return this.op("Max", [of[0], this.op("Sub", [this.slope(of[0]), this.float(1)])]);
      }
      case "eluSlope":
        return this.slope(of[0]);
      case "pow":
        return this.op("Pow", [of[0], this.float(x.attributes.exponent)]);
      case "cast": {
        // 1 where a relu is open: as the steepest of hard sigmoids one pass in place of a comparison and a cast.
        const relu = reluOf(x);
        if (relu !== undefined) return this.op("HardSigmoid", [this.name(relu)], { alpha: { float: 3e38 }, beta: { float: 0 } });
        return this.op("Cast", of, { to: { int: elementType[x.attributes.to] } });
      }
      case "sum": {
        // Down the rows, as gradients of biases are: a product with ones uses all threads, the reduction only one.
        const [{ shape }] = x.inputs;
        const { axes, keep } = x.attributes;
        if (axes.length === 1 && axes[0] === 0 && shape.length === 2 && typeof shape[0] !== "number" && typeof shape[1] === "number" && shape[1] >= 16) {
          const ones = this.once(`ones ${dimText(shape[0])}`, () => this.op("Expand", [this.float(1), this.shape([1, shape[0]])]));
          const total = this.op("MatMul", [ones, of[0]]);
          return keep ? total : this.op("Reshape", [total, this.list(shape[1])]);
        }
        return this.op("ReduceSum", [of[0], this.list(...x.attributes.axes)], { keepdims: { int: Number(x.attributes.keep) } });
      }
      case "mean":
        return this.op("ReduceMean", [of[0], this.list(...x.attributes.axes)], { keepdims: { int: Number(x.attributes.keep) } });
      case "max":
        return this.op("ReduceMax", [of[0], this.list(...x.attributes.axes)], { keepdims: { int: Number(x.attributes.keep) } });
      case "softmax":
        return this.op("Softmax", of, { axis: { int: -1 } });
      case "logSoftmax":
        return this.op("LogSoftmax", of, { axis: { int: -1 } });
      case "matmul":
        return this.matmul(x.inputs, of, x.attributes);
      case "reshape":
        return this.op("Reshape", [of[0], this.shape(x.shape)]);
      case "transpose":
        return this.op("Transpose", of, { perm: { ints: x.attributes.order } });
      case "broadcastTo":
        return this.op("Expand", [of[0], this.shape(x.shape)]);
      case "concat":
        return this.op("Concat", of, { axis: { int: x.attributes.axis } });
      case "slice": {
        const { axis, from, to } = x.attributes;
        return this.op("Slice", [of[0], this.list(from), this.list(to), this.list(axis)]);
      }
      case "pad": {
        const { axis, before, after } = x.attributes;
        return this.op("Pad", [of[0], this.list(before, after), this.float(0), this.list(axis)]);
      }
      case "gather":
        return this.op("Gather", of, { axis: { int: 0 } });
      case "segmentSum": {
        const zeros = this.op("Expand", [this.float(0), this.shape(x.shape)]);
        // ScatterND is nine times as fast, and adds in the same order; but on several threads it loses some of the rows (onnxruntime 1.30).
        if (this.oneThread)
          return this.op("ScatterND", [zeros, this.op("Unsqueeze", [this.op("Cast", [of[1]], { to: { int: elementType.int64 } }), this.list(-1)]), of[0]], {
            reduction: { text: "add" },
          });
        const [values, segments] = x.inputs;
        const lead = segments.shape.length;
        const flat = (shape: Shape): Shape => [-1, ...shape.slice(lead)];
        const rows = lead === 1 ? of[0] : this.op("Reshape", [of[0], this.shape(flat(values.shape))]);
        const wide = this.op("Reshape", [of[1], this.list(-1, ...values.shape.slice(lead).map(() => 1))]);
        const at = this.op("Expand", [wide, this.op("Shape", [rows])]);
        return this.op("ScatterElements", [zeros, at, rows], { axis: { int: 0 }, reduction: { text: "add" } });
      }
      case "cumsum":
        return this.op(
          "CumSum",
          [of[0], this.once(`axis ${x.attributes.axis}`, () => this.initializer([], "int64", bytesOf(BigInt64Array.of(BigInt(x.attributes.axis)))))],
          {
            reverse: { int: Number(x.attributes.reverse) },
          },
        );
      default:
        return this.op(names[x.op as keyof typeof names], of);
    }
  }

  private matmul(
    inputs: readonly Tensor[],
    of: readonly string[],
    { transposeA, transposeB }: { readonly transposeA: boolean; readonly transposeB: boolean },
  ): string {
    if (inputs.every((x) => x.shape.length === 2) && (transposeA || transposeB))
      return this.op("Gemm", of, { transA: { int: Number(transposeA) }, transB: { int: Number(transposeB) } });
    const swapped = (k: number, swap: boolean): string => {
      const rank = inputs[k].shape.length;
      if (!swap) return of[k];
      return this.op("Transpose", [of[k]], { perm: { ints: [...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1, rank - 2] } });
    };
    return this.op("MatMul", [swapped(0, transposeA), swapped(1, transposeB)]);
  }
}

/** The result of relu that `x` is the gate of: the cast of 0 < relu(..) to numbers, as its gradient has it. */
function reluOf(x: Tensor): Tensor | undefined {
  if (x.op !== "cast" || x.attributes.to !== "float" || x.inputs[0].op !== "less") return undefined;
  const [zero, y] = x.inputs[0].inputs;
  return y.op === "relu" && zero.op === "constant" && zero.shape.length === 0 && zero.attributes.values[0] === 0 ? y : undefined;
}

/** Operations that are one ONNX operator without attributes. */
const names = {
  neg: "Neg",
  abs: "Abs",
  sign: "Sign",
  exp: "Exp",
  log: "Log",
  sqrt: "Sqrt",
  reciprocal: "Reciprocal",
  tanh: "Tanh",
  sigmoid: "Sigmoid",
  relu: "Relu",
  softplus: "Softplus",
  not: "Not",
  add: "Add",
  sub: "Sub",
  mul: "Mul",
  div: "Div",
  maximum: "Max",
  minimum: "Min",
  less: "Less",
  lessEqual: "LessOrEqual",
  equal: "Equal",
  and: "And",
  or: "Or",
  select: "Where",
} as const;

function bytesOf(array: Float32Array | Int32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

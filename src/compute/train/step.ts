import { usageError } from "../../base/errors.ts";
import { grad } from "../gradient.ts";
import { type Graph, graphOf } from "../graph.ts";
import * as ops from "../ops/index.ts";
import { constant, type Dim, input, type Operand, shapeText, symbol, type Tensor } from "../tensor.ts";
import { type Init, listWeights, type TensorsOf, tensorsOf, type Weight } from "../weights.ts";
import { type Optimiser, type OptimiserOptions, optimiser, type Progress, type StepNumbers } from "./optimiser.ts";
import { batchRows, batchTensors, type ColumnSpec } from "./source.ts";
import { lookupsOf } from "./tables.ts";

/** Loss of a batch: a tensor of shape [], or several by name, whose sum is minimised unless `combine` says otherwise. */
export type Loss<I extends Init, C extends string> = (
  weights: TensorsOf<I>,
  batch: Readonly<Record<C, Tensor>>,
  step: Step,
) => Tensor | Readonly<Record<string, Tensor>>;

/** Gradients by full name of the weight. */
export type Gradients = Readonly<Record<string, Tensor>>;
/** One gradient out of several losses', in the same operations (gradient surgery). */
export type Combine = (byLoss: Readonly<Record<string, Gradients>>, losses: Readonly<Record<string, Tensor>>) => Gradients;

/** What a loss may ask for beside weights and batch. */
export interface Step {
  /** False when validating and predicting: no dropout, no noise. */
  readonly training: boolean;
  /** The number of rows of the batch. */
  readonly rows: Dim;
  /** Fresh random numbers in each step, one array of `shape` a row: standard normal, uniform on [0, 1), or 1 with probability `keep` and else 0. */
  noise(kind: "normal" | "uniform" | { readonly keep: number }, shape: readonly number[]): Tensor;
  /** A number that changes as training goes on, such as the weight of a penalty. */
  scalar(value: (at: Progress) => number): Tensor;
}

export interface NoiseInput {
  readonly name: string;
  readonly kind: "normal" | "uniform" | { readonly keep: number };
  readonly shape: readonly number[];
}
export interface ScalarInput {
  readonly name: string;
  readonly value: (at: Progress) => number;
}

/** A step that hands out inputs and remembers them. */
export function recordingStep(training: boolean): Step & { readonly noises: NoiseInput[]; readonly scalars: ScalarInput[] } {
  const noises: NoiseInput[] = [];
  const scalars: ScalarInput[] = [];
  return {
    training,
    rows: batchRows,
    noises,
    scalars,
    noise: (kind, shape) => {
      if (!training) throw usageError("noise: there is none when validating or predicting; ask step.training first");
      const name = `noise.${noises.length}`;
      noises.push({ name, kind, shape });
      return input(name, [batchRows, ...shape]);
    },
    scalar: (value) => {
      const name = `scalar.${scalars.length}`;
      scalars.push({ name, value });
      return input(name, []);
    },
  };
}

/** How weights lie in memory: dense ones end to end in one vector, each lazy table by itself. */
export interface Layout {
  readonly dense: readonly { readonly name: string; readonly weight: Weight; readonly from: number; readonly size: number }[];
  readonly length: number;
  readonly tables: readonly { readonly name: string; readonly weight: Weight; readonly rows: number; readonly width: number }[];
}

export function layoutOf(init: Init): Layout {
  const all = listWeights(init);
  let length = 0;
  const dense = all
    .filter(([, weight]) => !weight.lazy)
    .map(([name, weight]) => {
      const size = weight.shape.reduce((a, b) => a * b, 1);
      length += size;
      return { name, weight, from: length - size, size };
    });
  const tables = all
    .filter(([, weight]) => weight.lazy)
    .map(([name, weight]) => ({ name, weight, rows: weight.shape[0], width: weight.shape.slice(1).reduce((a, b) => a * b, 1) }));
  return { dense, length, tables };
}

/** Names of what goes in and out of a step, apart from the batch. */
export const columnPrefix = "batch.";
export const denseName = "dense";
export const tableName = (name: string): string => `table.${name}`;
export const momentName = (k: number): string => `${denseName}.moment${k}`;
/** A table's gradient: whole, or the k-th part of it with the rows it belongs to. */
export const gradientName = (table: string, k?: number): string => (k === undefined ? `gradient.${table}` : `gradient.${table}.${k}`);
export const rowsName = (table: string, k: number): string => `rows.${table}.${k}`;
export const lossName = (name: string): string => `loss.${name}`;
/** What comes out in the place of a weight or moment. */
export const nextName = (name: string): string => `next.${name}`;

/** Weights as they come into a graph: cut out of the one vector, and tables with the batch's rows only. */
function weightInputs<I extends Init>(
  init: I,
  layout: Layout,
): { weights: TensorsOf<I>; byName: Map<string, Tensor>; vector: Tensor; tables: Map<string, Tensor> } {
  const vector = input(denseName, [Math.max(1, layout.length)]);
  const tables = new Map(layout.tables.map(({ name, weight }) => [name, input(tableName(name), [symbol(`rows of ${name}`), ...weight.shape.slice(1)])]));
  const byName = new Map(tables);
  for (const { name, weight, from, size } of layout.dense) byName.set(name, ops.reshape(ops.slice(vector, 0, from, from + size), weight.shape));
  return { weights: tensorsOf(init, (name) => byName.get(name) as Tensor), byName, vector, tables };
}

function lossesOf(value: Tensor | Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> {
  return "op" in value && "inputs" in value ? { loss: value as Tensor } : (value as Readonly<Record<string, Tensor>>);
}

const total = (tensors: readonly Tensor[]): Tensor => tensors.reduce((sum, x) => ops.add(sum, x));

/** Each loss, and `loss.total`. */
function lossOutputs(losses: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const all = Object.values(losses);
  for (const [name, x] of Object.entries(losses))
    if (x.shape.length !== 0) throw usageError(`loss: "${name}" must have shape [], got ${shapeText(x.shape)}; take its mean`);
  if (all.length === 0 || losses.total !== undefined) throw usageError('loss: give at least one, and none called "total"');
  return Object.fromEntries([...Object.entries(losses), ["total", total(all)] as const].map(([name, x]) => [lossName(name), x]));
}

export interface StepPlan {
  readonly graph: Graph;
  readonly noises: readonly NoiseInput[];
  readonly scalars: readonly ScalarInput[];
  /** The batch columns that read each lazy table. */
  readonly lookups: ReadonlyMap<string, readonly string[]>;
  /** How each lazy table that learns is to be moved; none when evaluating. */
  readonly moves: ReadonlyMap<string, TableMove>;
  readonly lossNames: readonly string[];
}

/** What a lazy table's rows are moved by, outside the graph. */
export interface TableMove {
  /**
   * Values that come out of the graph, to be added up by row; undefined when the gradient comes out added up. Their rows are those of a column of the
   * batch, one after the other, or come out of the graph too.
   */
  readonly parts: readonly { readonly column: string | undefined }[] | undefined;
  readonly l2: number;
  readonly scale: number;
  readonly decays: number;
}

/** The losses of a batch, without changing anything. */
export function evaluationPlan<I extends Init, C extends string>(
  init: I,
  layout: Layout,
  columns: Readonly<Record<C, ColumnSpec>>,
  loss: Loss<I, C>,
): StepPlan {
  const { weights, tables } = weightInputs(init, layout);
  const step = recordingStep(false);
  const losses = lossesOf(loss(weights, batchTensors(columns, columnPrefix), step));
  const graph = graphOf(lossOutputs(losses));
  return { graph, noises: [], scalars: step.scalars, lookups: lookupsOf(graph, tables, columnPrefix), moves: new Map(), lossNames: Object.keys(losses) };
}

export interface TrainingPlanOptions {
  readonly optimiser: OptimiserOptions;
  /** Groups whose weights stay as they are. */
  readonly frozen: readonly string[];
  readonly combine?: Combine;
}

/** Forward, backward and optimiser in one graph: weights and moments go in, new ones and the losses come out. */
export function trainingPlan<I extends Init, C extends string>(
  init: I,
  layout: Layout,
  columns: Readonly<Record<C, ColumnSpec>>,
  loss: Loss<I, C>,
  options: TrainingPlanOptions,
): StepPlan & { readonly optimiser: Optimiser } {
  const { weights, byName, vector, tables } = weightInputs(init, layout);
  const step = recordingStep(true);
  const losses = lossesOf(loss(weights, batchTensors(columns, columnPrefix), step));
  const outputs = lossOutputs(losses);
  const rule = optimiser(options.optimiser);
  const trained = [...layout.dense, ...layout.tables].filter(({ weight }) => !options.frozen.includes(weight.group));
  const raw = gradientsOf(losses, trained.map(({ name }) => name), byName, options.combine); // biome-ignore format: one idea
  const gradients = clip(new Map(trained.map(({ name }) => [name, raw[name]])), options.optimiser.clipNorm);

  if (layout.dense.some(({ name }) => gradients.has(name))) {
    const parts = layout.dense.map(({ name, weight, size }) => {
      const g = gradients.get(name);
      return g === undefined ? ops.broadcastTo(constant(0), [size]) : ops.reshape(withL2(g, byName.get(name) as Tensor, l2Of(weight, options)), [size]);
    });
    const numbers: StepNumbers<Tensor> = { rate: input("rate", []), plainRate: input("plainRate", []), epsilon: input("epsilon", []) };
    const moments = Array.from({ length: rule.moments }, (_, k) => input(momentName(k), vector.shape));
    const scale = perWeight(layout, (weight) => scaleOf(weight, options));
    const next = rule.update(
      vector,
      moments,
      ops.concat(parts, 0),
      numbers,
      scale,
      perWeight(layout, (weight) => Number(weight.decay)),
    );
    outputs[nextName(denseName)] = next.w;
    next.moments.forEach((moment, k) => {
      outputs[nextName(momentName(k))] = moment;
    });
  }
  const moves = new Map<string, TableMove>();
  for (const { name, weight } of layout.tables) {
    const g = gradients.get(name);
    if (g === undefined) continue;
    const sums = segmentSumsOf(g);
    if (sums === undefined) outputs[gradientName(name)] = g;
    const parts = sums?.map(([values, segments], k) => {
      const column = wholeColumn(segments);
      outputs[gradientName(name, k)] = values;
      if (column === undefined) outputs[rowsName(name, k)] = segments;
      return { column };
    });
    moves.set(name, { parts, l2: l2Of(weight, options), scale: scaleOf(weight, options), decays: Number(weight.decay) });
  }
  // Looked for in the forward part: the backward part adds to a table's rows in its own ways.
  const lookups = lookupsOf(graphOf(lossOutputs(losses)), tables, columnPrefix);
  return { graph: graphOf(outputs), noises: step.noises, scalars: step.scalars, lookups, moves, lossNames: Object.keys(losses), optimiser: rule };
}

/** The values and segments that a gradient is added up from, where it is nothing but sums over segments: they can then be added outside the graph. */
function segmentSumsOf(g: Tensor): [values: Tensor, segments: Tensor][] | undefined {
  if (g.op === "segmentSum") return [[g.inputs[0], g.inputs[1]]];
  if (g.op !== "add") return undefined;
  const [a, b] = g.inputs.map(segmentSumsOf);
  return a === undefined || b === undefined ? undefined : [...a, ...b];
}

/** The column of the batch that segments are, all of it and in its order. */
function wholeColumn(x: Tensor): string | undefined {
  if (x.op === "reshape") return wholeColumn(x.inputs[0]);
  return x.op === "input" && x.attributes.name.startsWith(columnPrefix) ? x.attributes.name.slice(columnPrefix.length) : undefined;
}

function gradientsOf(
  losses: Readonly<Record<string, Tensor>>,
  names: readonly string[],
  byName: ReadonlyMap<string, Tensor>,
  combine: Combine | undefined,
): Gradients {
  const weights = names.map((name) => byName.get(name) as Tensor);
  const of = (loss: Tensor): Gradients => {
    const list = grad(loss, weights);
    return Object.fromEntries(names.map((name, i) => [name, list[i]]));
  };
  if (combine === undefined) return of(total(Object.values(losses)));
  const combined = combine(Object.fromEntries(Object.entries(losses).map(([name, loss]) => [name, of(loss)])), losses);
  for (const name of names) if (combined[name] === undefined) throw usageError(`combine: gave no gradient for the weight "${name}"; return one for each`);
  return combined;
}

function l2Of(weight: Weight, { optimiser: { l2 = 0 } }: TrainingPlanOptions): number {
  return weight.decay ? (typeof l2 === "number" ? l2 : (l2[weight.group] ?? 0)) : 0;
}

function withL2(g: Tensor, w: Tensor, strength: number): Tensor {
  return strength === 0 ? g : ops.add(g, ops.mul(w, 2 * strength));
}

function clip(gradients: ReadonlyMap<string, Tensor>, most: number | undefined): ReadonlyMap<string, Tensor> {
  if (most === undefined) return gradients;
  const norm = ops.sqrt(total([...gradients.values()].map((g) => ops.sum(ops.square(g)))));
  const factor = ops.div(most, ops.maximum(norm, most));
  return new Map([...gradients].map(([name, g]) => [name, ops.mul(g, factor)]));
}

const scaleOf = (weight: Weight, { optimiser, frozen }: TrainingPlanOptions): number =>
  frozen.includes(weight.group) ? 0 : (optimiser.groups?.[weight.group] ?? 1);

/** One number for each entry of the dense vector; a plain number when they are all the same. */
function perWeight(layout: Layout, value: (weight: Weight) => number): Operand {
  const values = layout.dense.map(({ weight }) => value(weight));
  if (values.every((v) => v === values[0])) return values[0];
  return ops.concat(
    layout.dense.map(({ size }, i) => ops.broadcastTo(constant(values[i]), [size])),
    0,
  );
}

import type { Rng } from "../../base/rng.ts";
import type { Engine, Value } from "../engine/contract.ts";
import { type Init, startWeights, type Weights } from "../weights.ts";
import type { Layout } from "./step.ts";

type Floats = Float32Array | Float64Array;

/** Weights and moments while they are being learned. */
export interface TrainingState {
  /** All dense weights end to end, then each of their moments; `spare` is where the next step writes, after which the two change places. */
  dense: { w: Floats; moments: Floats[] };
  spare: { w: Floats; moments: Floats[] };
  readonly tables: ReadonlyMap<string, { readonly w: Floats; readonly moments: readonly Floats[] }>;
  /** Steps since the moments were zero. */
  steps: number;
}

const floats = (engine: Engine, length: number): Floats => (engine.precision === "float64" ? new Float64Array(length) : new Float32Array(length));

/** Start values, from `from` where it is given (to go on learning), else drawn. */
export function startState(init: Init, layout: Layout, moments: number, engine: Engine, rng: Rng, from?: Weights): TrainingState {
  const start = from ?? startWeights(init, rng);
  const length = Math.max(1, layout.length);
  const zeros = (size: number): Floats[] => Array.from({ length: moments }, () => floats(engine, size));
  const w = floats(engine, length);
  for (const { name, from: at } of layout.dense) w.set(start[name].data, at);
  const tables = layout.tables.map(({ name, rows, width }) => {
    const table = floats(engine, rows * width);
    table.set(start[name].data);
    return [name, { w: table, moments: zeros(rows * width) }] as const;
  });
  return { dense: { w, moments: zeros(length) }, spare: { w: floats(engine, length), moments: zeros(length) }, tables: new Map(tables), steps: 0 };
}

/** Moments back to zero, as at the start of a phase. */
export function forgetMoments(state: TrainingState): void {
  for (const moment of state.dense.moments) moment.fill(0);
  for (const { moments } of state.tables.values()) for (const moment of moments) moment.fill(0);
  state.steps = 0;
}

/** A copy of the weights by name. */
export function weightsOf(layout: Layout, state: TrainingState): Weights {
  const dense = layout.dense.map(({ name, weight, from, size }) => [name, { shape: weight.shape, data: state.dense.w.slice(from, from + size) }]);
  const tables = layout.tables.map(({ name, weight }) => [name, { shape: weight.shape, data: (state.tables.get(name) as { w: Floats }).w.slice() }]);
  return Object.fromEntries([...dense, ...tables]);
}

export interface Snapshot {
  readonly dense: Floats;
  readonly tables: ReadonlyMap<string, Floats>;
}

export function snapshot(state: TrainingState): Snapshot {
  return { dense: state.dense.w.slice(), tables: new Map([...state.tables].map(([name, { w }]) => [name, w.slice()])) };
}

export function restore(state: TrainingState, { dense, tables }: Snapshot): void {
  state.dense.w.set(dense as Float64Array);
  for (const [name, w] of tables) state.tables.get(name)?.w.set(w as Float64Array);
}

export const vector = (data: Floats): Value => ({ data, shape: [data.length] });

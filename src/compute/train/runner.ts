import type { Rng } from "../../base/rng.ts";
import type { CompileOptions, Engine, Program, Value } from "../engine/contract.ts";
import type { Optimiser, Progress, StepNumbers } from "./optimiser.ts";
import type { Batch } from "./source.ts";
import { type TrainingState, vector } from "./state.ts";
import {
  columnPrefix,
  denseName,
  gradientName,
  type Layout,
  lossName,
  momentName,
  nextName,
  type NoiseInput,
  rowsName,
  type StepPlan,
  tableName,
} from "./step.ts";
import { bytesOf, StepMemory } from "./stepMemory.ts";
import { addScaledRows, RowIndex, takeRowsOf } from "./tables.ts";

/** A plan compiled, and the bookkeeping around its lazy tables. */
export interface Runner {
  /** Losses of the batch by name, with `total`; with an optimiser the state moves on by one step. */
  run(state: TrainingState, batch: Batch, progress: Progress, learningRate: number, rng: Rng): Promise<Readonly<Record<string, number>>>;
  dispose(): void;
}

export async function runner(engine: Engine, plan: StepPlan, layout: Layout, options: CompileOptions, rule: Optimiser | undefined): Promise<Runner> {
  const program: Program = await engine.compile(plan.graph, options);
  const memory = new StepMemory();
  const ports = layout.tables.map((table) => tablePort(plan, rule, memory, table));

  return {
    run: async (state, batch, progress, learningRate, rng) => {
      const feeds: Record<string, Value> = { [denseName]: vector(state.dense.w) };
      for (const [name, value] of Object.entries(batch.values)) feeds[columnPrefix + name] = value;
      for (const { name, value } of plan.scalars) feeds[name] = { data: Float64Array.of(value(progress)), shape: [] };
      plan.noises.forEach((noise, k) => {
        feeds[noise.name] = { data: draw(noise, batch.rows, rng.split("noise", k)), shape: [batch.rows, ...noise.shape] };
      });
      const into: Record<string, Float32Array | Float64Array> = {};
      const numbers = rule?.numbers(learningRate, state.steps + 1);
      if (numbers !== undefined) {
        for (const [name, value] of Object.entries(numbers)) feeds[name] = { data: Float64Array.of(value), shape: [] };
        state.dense.moments.forEach((moment, k) => {
          feeds[momentName(k)] = vector(moment);
          into[nextName(momentName(k))] = state.spare.moments[k];
        });
        into[nextName(denseName)] = state.spare.w;
      }
      try {
        memory.open(ports.reduce((sum, port) => sum + port.bytes(feeds), 0));
        for (const port of ports) port.bringIn(state, feeds, into);
        const results = await program.run(feeds, into);
        if (numbers !== undefined) {
          for (const port of ports) port.move(state, feeds, results, numbers);
          if (plan.graph.outputs[nextName(denseName)] !== undefined) [state.dense, state.spare] = [state.spare, state.dense];
          state.steps++;
        }
        return Object.fromEntries([...plan.lossNames, "total"].map((name) => [name, results[lossName(name)].data[0]]));
      } finally {
        for (const port of ports) port.clear();
      }
    },
    dispose: () => program.dispose(),
  };
}

/** Brings the rows of a lazy table that a batch names into a step, and moves them by their gradients. */
interface TablePort {
  /** Memory that a step with these columns needs at most. */
  bytes(feeds: Readonly<Record<string, Value>>): number;
  bringIn(state: TrainingState, feeds: Record<string, Value>, into: Record<string, Float32Array | Float64Array>): void;
  move(state: TrainingState, feeds: Readonly<Record<string, Value>>, results: Readonly<Record<string, Value>>, numbers: StepNumbers): void;
  clear(): void;
}

function tablePort(plan: StepPlan, rule: Optimiser | undefined, memory: StepMemory, { name, weight, rows, width }: Layout["tables"][number]): TablePort {
  const index = new RowIndex(name, rows);
  const plannedMove = plan.moves.get(name);
  const columns = plan.lookups.get(name) ?? [];
  let named: Int32Array = new Int32Array(0);
  return {
    bytes: (feeds) => {
      const lengthOf = (column: string): number => feeds[columnPrefix + column].data.length;
      const most = Math.min(rows, columns.reduce((sum, column) => sum + lengthOf(column), 0)); // biome-ignore format: one idea
      const indices = columns.reduce((sum, column) => sum + bytesOf(lengthOf(column)), 0);
      const gradients = (plannedMove?.parts ?? []).reduce((sum, { column }) => sum + (column === undefined ? 0 : bytesOf(lengthOf(column) * width)), 0);
      return 2 * bytesOf(most * width) + indices + gradients;
    },
    bringIn: (state, feeds, into) => {
      for (const column of columns) index.mark(feeds[columnPrefix + column].data, column);
      named = index.order();
      for (const column of columns) {
        const value = feeds[columnPrefix + column];
        feeds[columnPrefix + column] = index.renumber(value, memory.ints(value.data.length));
      }
      const { w } = tableOf(state, name);
      const data = memory.floats(named.length * width, w);
      takeRowsOf(w, width, named, data);
      feeds[tableName(name)] = { data, shape: [named.length, ...weight.shape.slice(1)] };
      // Gradients of long sequences are the largest results by far: they go to the same memory in each step.
      plannedMove?.parts?.forEach(({ column }, k) => {
        if (column !== undefined) into[gradientName(name, k)] = memory.floats(feeds[columnPrefix + column].data.length * width, w);
      });
    },
    move: (state, feeds, results, numbers) => {
      if (rule === undefined || plannedMove === undefined) return;
      const { parts, l2, scale, decays } = plannedMove;
      const table = tableOf(state, name);
      const g = memory.floats(named.length * width, table.w);
      if (parts === undefined) g.set(results[gradientName(name)].data);
      else {
        g.fill(0);
        parts.forEach(({ column }, k) => {
          const at = column === undefined ? results[rowsName(name, k)] : feeds[columnPrefix + column];
          memory.addRows(g, width, at.data, results[gradientName(name, k)].data);
        });
      }
      if (l2 > 0) addScaledRows(g, width, table.w, named, 2 * l2);
      rule.updateRows({ ...table, width }, g, named, numbers, scale, decays);
    },
    clear: () => index.clear(),
  };
}

function tableOf(state: TrainingState, name: string): { readonly w: Float32Array | Float64Array; readonly moments: readonly (Float32Array | Float64Array)[] } {
  const table = state.tables.get(name);
  if (table === undefined) throw new Error(`no lazy table "${name}" in the training state`);
  return table;
}

function draw({ kind, shape }: NoiseInput, rows: number, rng: Rng): Float32Array {
  const values = new Float32Array(shape.reduce((a, b) => a * b, rows));
  if (kind === "normal") for (let i = 0; i < values.length; i++) values[i] = rng.normal();
  else if (kind === "uniform") for (let i = 0; i < values.length; i++) values[i] = Math.min(rng.float(), 1 - 2 ** -24);
  else {
    const below = kind.keep * 4294967296;
    for (let i = 0; i < values.length; i++) values[i] = rng.uint32() < below ? 1 : 0;
  }
  return values;
}

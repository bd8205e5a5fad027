import type { Rng } from "../../base/rng.ts";
import type { CompileOptions, Engine, Program, Value } from "../engine/contract.ts";
import type { Optimiser, Progress } from "./optimiser.ts";
import type { Batch } from "./source.ts";
import { type TrainingState, vector } from "./state.ts";
import { columnPrefix, denseName, type Layout, lossName, momentName, nextName, type NoiseInput, type StepPlan, tableName } from "./step.ts";
import { putTable, RowIndex, Scratch, takeTable } from "./tables.ts";

/** A plan compiled, and the bookkeeping around its lazy tables. */
export interface Runner {
  /** Losses of the batch by name, with `total`; with an optimiser the state moves on by one step. */
  run(state: TrainingState, batch: Batch, progress: Progress, learningRate: number, rng: Rng): Promise<Readonly<Record<string, number>>>;
  dispose(): void;
}

export async function runner(engine: Engine, plan: StepPlan, layout: Layout, options: CompileOptions, rule: Optimiser | undefined): Promise<Runner> {
  const program: Program = await engine.compile(plan.graph, options);
  const ports = layout.tables.map((table) => tablePort(plan, table));

  return {
    run: async (state, batch, progress, learningRate, rng) => {
      const feeds: Record<string, Value> = { [denseName]: vector(state.dense.w) };
      for (const [name, value] of Object.entries(batch.values)) feeds[columnPrefix + name] = value;
      for (const { name, value } of plan.scalars) feeds[name] = { data: Float64Array.of(value(progress)), shape: [] };
      plan.noises.forEach((noise, k) => {
        feeds[noise.name] = { data: draw(noise, batch.rows, rng.split("noise", k)), shape: [batch.rows, ...noise.shape] };
      });
      const into: Record<string, Float32Array | Float64Array> = {};
      if (rule !== undefined) {
        state.steps++;
        for (const [name, value] of Object.entries(rule.numbers(learningRate, state.steps))) feeds[name] = { data: Float64Array.of(value), shape: [] };
        state.dense.moments.forEach((moment, k) => {
          feeds[momentName(denseName, k)] = vector(moment);
          into[nextName(momentName(denseName, k))] = state.spare.moments[k];
        });
        into[nextName(denseName)] = state.spare.w;
      }
      try {
        for (const port of ports) port.bringIn(state, feeds, into);
        const results = await program.run(feeds, into);
        for (const port of ports) port.takeBack(state, results);
        if (plan.graph.outputs[nextName(denseName)] !== undefined) [state.dense, state.spare] = [state.spare, state.dense];
        return Object.fromEntries([...plan.lossNames, "total"].map((name) => [name, results[lossName(name)].data[0]]));
      } finally {
        for (const port of ports) port.clear();
      }
    },
    dispose: () => program.dispose(),
  };
}

/** Brings the rows of a lazy table that a batch names into a step, and their new values back. */
interface TablePort {
  bringIn(state: TrainingState, feeds: Record<string, Value>, into: Record<string, Float32Array | Float64Array>): void;
  takeBack(state: TrainingState, results: Readonly<Record<string, Value>>): void;
  clear(): void;
}

function tablePort(plan: StepPlan, { name, weight, rows, width }: Layout["tables"][number]): TablePort {
  const index = new RowIndex(name, rows);
  const updated = plan.graph.outputs[nextName(tableName(name))] !== undefined;
  // The table itself, then its moments.
  const nameOf = (k: number): string => (k === 0 ? tableName(name) : momentName(tableName(name), k - 1));
  const arraysOf = (state: TrainingState): readonly (Float32Array | Float64Array)[] => {
    const table = state.tables.get(name);
    return table === undefined ? [] : updated ? [table.w, ...table.moments] : [table.w];
  };
  let taken: Int32Array = new Int32Array(0);
  const scratch: { readonly before: Scratch; readonly after: Scratch }[] = [];
  return {
    bringIn: (state, feeds, into) => {
      const columns = plan.lookups.get(name) ?? [];
      for (const column of columns) index.mark(feeds[columnPrefix + column].data, column);
      taken = index.order();
      for (const column of columns) feeds[columnPrefix + column] = index.renumber(feeds[columnPrefix + column]);
      arraysOf(state).forEach((array, k) => {
        const { before, after } = (scratch[k] ??= { before: new Scratch(), after: new Scratch() });
        const data = before.get(taken.length * width, array);
        takeTable(array, width, taken, data);
        feeds[nameOf(k)] = { data, shape: [taken.length, ...weight.shape.slice(1)] };
        if (updated) into[nextName(nameOf(k))] = after.get(data.length, array);
      });
    },
    takeBack: (state, results) => {
      if (updated) for (const [k, array] of arraysOf(state).entries()) putTable(array, width, taken, results[nextName(nameOf(k))].data);
    },
    clear: () => index.clear(),
  };
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

import type { Rng } from "../../base/rng.ts";
import type { CompileOptions, Engine, Program, Value } from "../engine/contract.ts";
import type { Optimiser, Progress } from "./optimiser.ts";
import type { Batch } from "./source.ts";
import { type TrainingState, vector } from "./state.ts";
import { columnPrefix, denseName, type Layout, lossName, momentName, nextName, type NoiseInput, type StepPlan, tableName } from "./step.ts";
import { putTable, RowIndex, takeTable } from "./tables.ts";

/** A plan compiled, and the bookkeeping around its lazy tables. */
export interface Runner {
  /** Losses of the batch by name, with `total`; with an optimiser the state moves on by one step. */
  run(state: TrainingState, batch: Batch, progress: Progress, learningRate: number, rng: Rng): Promise<Readonly<Record<string, number>>>;
  dispose(): void;
}

export async function runner(engine: Engine, plan: StepPlan, layout: Layout, options: CompileOptions, rule: Optimiser | undefined): Promise<Runner> {
  const program: Program = await engine.compile(plan.graph, options);
  const indices = new Map(layout.tables.map(({ name, rows }) => [name, new RowIndex(name, rows)]));
  const updated = (name: string): boolean => plan.graph.outputs[nextName(name)] !== undefined;

  const bringIn = (state: TrainingState, feeds: Record<string, Value>): void => {
    for (const { name, weight, width } of layout.tables) {
      const index = indices.get(name) as RowIndex;
      for (const column of plan.lookups.get(name) ?? []) feeds[columnPrefix + column] = index.renumber(feeds[columnPrefix + column], column);
      const taken = index.rows();
      const shape = [taken.length, ...weight.shape.slice(1)];
      const table = state.tables.get(name);
      if (table === undefined) continue;
      feeds[tableName(name)] = { data: takeTable(table.w, width, taken), shape };
      if (updated(tableName(name)))
        table.moments.forEach((moment, k) => {
          feeds[momentName(tableName(name), k)] = { data: takeTable(moment, width, taken), shape };
        });
    }
  };

  const takeBack = (state: TrainingState, results: Readonly<Record<string, Value>>): void => {
    for (const { name, width } of layout.tables) {
      const index = indices.get(name) as RowIndex;
      const table = state.tables.get(name);
      if (table !== undefined && updated(tableName(name))) {
        putTable(table.w, width, index.rows(), results[nextName(tableName(name))].data);
        for (const [k, moment] of table.moments.entries()) putTable(moment, width, index.rows(), results[nextName(momentName(tableName(name), k))].data);
      }
    }
  };

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
        bringIn(state, feeds);
        const results = await program.run(feeds, into);
        if (rule !== undefined) {
          takeBack(state, results);
          if (updated(denseName)) [state.dense, state.spare] = [state.spare, state.dense];
        }
        return Object.fromEntries([...plan.lossNames, "total"].map((name) => [name, results[lossName(name)].data[0]]));
      } finally {
        for (const index of indices.values()) index.clear();
      }
    },
    dispose: () => program.dispose(),
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

import { availableParallelism } from "node:os";
import type { z } from "zod";
import { dataError, usageError } from "../base/errors.ts";
import { parse } from "../base/parse.ts";
import { Rng } from "../base/rng.ts";
import type { Json, State } from "../base/state.ts";
import type { Dataset } from "../data/dataset.ts";
import { type Role, roleNames } from "../data/schema.ts";
import { checkArms, checkFinite, checkTraits } from "./check.ts";
import type { Fitted, Model, Predictions, Task } from "./contract.ts";
import { contentOrder } from "./order.ts";
import { madeOnce, preparedOnce, type SharedRun, sharedRun } from "./run.ts";
import { conform, type FittedSchema, schemaOf } from "./schema.ts";

/** Settings of `fit`. */
export interface FitOptions {
  /** Input of the model's schema; defaults are filled in. */
  readonly config?: unknown;
  /** Whole number that names the random stream. Defaults to 1. */
  readonly seed?: number;
  /** Most worker threads; the answer does not depend on it. Defaults to the number of cores. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** Share of the work done, 0 to 1, and what is being done. */
  readonly progress?: (share: number, what: string) => void;
  /** What to do with rows whose primary outcome is missing: refuse (the default), or leave them out and say so in the report. */
  readonly missingOutcome?: "error" | "drop";
  /** Given to several fits on the same data, saves work they have in common. */
  readonly shared?: SharedRun;
}

/** A model with what it learned, behind the front door. */
export interface FittedModel<T extends Task = Task> {
  readonly model: Model<string, T>;
  /** After defaults. */
  readonly config: unknown;
  readonly seed: number;
  readonly schema: FittedSchema;
  /** What the model reports, and beside it `rows`, `droppedRows` (where there were any) and `arms` (rows in each). */
  readonly report: Readonly<Record<string, Json>>;
  /**
   * @param data holds the columns fitted on, by name and kind, whatever their roles; further columns are not looked at
   * @throws LiftwiseError (data) for a column that is missing or of another kind
   */
  predict(data: Dataset): Promise<Predictions[T]>;
  state(): Promise<State>;
  /** Frees what the garbage collector cannot; whatever is asked of the model afterwards is refused. */
  dispose(): void;
}

/**
 * The front door to every model: parses the config, checks the data against the model's traits, puts the rows into an order of their own
 * (so that the file's order does not matter), and fits. What comes back checks the data it predicts on in the same way, and shows the model
 * nothing but the columns of the roles in `traits.sees`.
 * @throws LiftwiseError (usage) for config and options, (data) for data that cannot bear the model
 */
export async function fit<T extends Task>(model: Model<string, T>, data: Dataset, options: FitOptions = {}): Promise<FittedModel<T>> {
  const {
    seed = 1,
    threads = availableParallelism(),
    signal = new AbortController().signal,
    progress = () => {},
    missingOutcome = "error",
    shared = sharedRun(),
  } = options;
  if (!Number.isSafeInteger(seed)) throw usageError(`${model.id}: seed must be a whole number below 2^53; got ${seed}`);
  if (!(Number.isInteger(threads) && threads >= 1)) throw usageError(`${model.id}: threads must be a whole number of at least 1; got ${threads}`);
  signal.throwIfAborted();
  const config = parse(model.config, options.config, `${model.id}: config`);
  checkTraits(model, data);
  model.check?.(config as never, data);
  const needsOutcome = model.traits.needs.includes("outcome");
  const prepared = preparedOnce(shared, data, needsOutcome ? missingOutcome : "keep", () => prepare(data, needsOutcome ? missingOutcome : "keep"));
  checkArms(model, prepared);
  const shown = prepared.restrict(roleNames.filter((role) => !truth.includes(role) || model.traits.needs.includes(role)));
  const rng = new Rng(seed).split("fit").split(model.id);
  const fitted = await model.fit(config as never, shown, { rng, threads, progress, signal, once: madeOnce(shared, prepared, seed) });
  const report = {
    rows: prepared.rows,
    ...(prepared.rows < data.rows ? { droppedRows: data.rows - prepared.rows } : {}),
    ...armCounts(prepared),
    ...fitted.report,
  };
  return behindFrontDoor(model, config, seed, schemaOf(shown, model.traits.sees), report, fitted);
}

/** What a simulator knows and no experiment does: hidden from models that do not ask for it. */
const truth: readonly Role[] = ["potential", "effect"];

/** A fitted model that checks and narrows what it is given to predict on. */
export function behindFrontDoor<T extends Task>(
  model: Model<string, T>,
  config: z.output<z.ZodType>,
  seed: number,
  schema: FittedSchema,
  report: Readonly<Record<string, Json>>,
  fitted: Fitted<T>,
): FittedModel<T> {
  let disposed = false;
  const refuseDisposed = (): void => {
    if (disposed) throw usageError(`${model.id}: this fitted model was disposed of; fit or load it again`);
  };
  return {
    model,
    config,
    seed,
    schema,
    report,
    predict: async (data) => {
      refuseDisposed();
      const conformed = conform(schema, data, model.id);
      const prediction = await fitted.predict(conformed.data);
      if (conformed.notes.length === 0) return prediction;
      return { ...prediction, notes: [...conformed.notes, ...(prediction.notes ?? [])] };
    },
    state: async () => {
      refuseDisposed();
      return fitted.state();
    },
    dispose: () => {
      if (!disposed) fitted.dispose();
      disposed = true;
    },
  };
}

function prepare(data: Dataset, missingOutcome: "error" | "drop" | "keep"): Dataset {
  const used = data.restrict(roleNames);
  checkFinite(data.name, used.columns);
  // Neither what only a simulator knows nor weights that are all the same may change a fit.
  const hashed = data.restrict(roleNames.filter((role) => role !== "weight" && !truth.includes(role)));
  // By name, so that it does not matter in which order the columns came either.
  const byName = hashed.columns.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  let rows = contentOrder(byName, data.rows, data.weight());
  if (missingOutcome !== "keep") {
    const y = data.outcome();
    const present = rows.filter((row) => !Number.isNaN(y[row]));
    const missing = rows.length - present.length;
    if (missing > 0 && missingOutcome === "error")
      throw dataError(
        `${data.at(data.roles.outcomes[0])}: ${missing} of ${data.rows} rows have no outcome; set missingOutcome to "drop" to fit without them, or fill them in`,
      );
    rows = present;
  }
  return used.take(rows);
}

function armCounts(data: Dataset): { arms?: Readonly<Record<string, number>> } {
  if (data.roles.treatment === undefined) return {};
  const { arm, arms } = data.treatment();
  const counts = new Int32Array(arms.length);
  for (let i = 0; i < arm.length; i++) counts[arm[i]]++;
  return { arms: Object.fromEntries(arms.map((name, a) => [name, counts[a]])) };
}

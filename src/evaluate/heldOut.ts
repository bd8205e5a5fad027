import { usageError } from "../base/errors.ts";
import type { Rng } from "../base/rng.ts";
import type { Json } from "../base/state.ts";
import type { Dataset } from "../data/dataset.ts";
import { folds, holdout } from "../data/split.ts";
import type { Model } from "../model/contract.ts";
import { type FittedModel, fit } from "../model/fit.ts";
import type { SharedRun } from "../model/run.ts";
import { pairData } from "./arms.ts";

/** A model with the name it goes by in a comparison, and its config. */
export interface Contender {
  readonly name: string;
  readonly model: Model;
  readonly config?: unknown;
}

/** Pairs of rows: a model is fitted on the one and predicts the other. The parts predicted do not overlap. */
export interface Split {
  readonly how: string;
  readonly parts: readonly { readonly train: Int32Array; readonly test: Int32Array }[];
}

/**
 * One held-out part of the rows, or with `folds` every row held out once. Arms are spread evenly; rows of one group stay together.
 *
 * @param options test: share of the rows held out (used when `folds` is absent)
 */
export function splitOf(data: Dataset, options: { readonly test: number; readonly folds?: number; readonly by?: "row" | "group" | "time" }, rng: Rng): Split {
  const by = options.by ?? (data.roles.group === undefined ? "row" : "group");
  const kept = by === "row" ? "stratified by arm" : by === "group" ? "by group" : "by time";
  if (options.folds === undefined) {
    const { train, test } = holdout(data, { test: options.test, by }, rng);
    return { how: `${Math.round(options.test * 100)} % held out, ${kept}`, parts: [{ train, test }] };
  }
  const k = options.folds;
  const fold = folds(data, k, rng, by);
  const where = (keep: (f: number) => boolean): Int32Array => {
    const rows: number[] = [];
    for (let i = 0; i < fold.length; i++) if (keep(fold[i])) rows.push(i);
    return Int32Array.from(rows);
  };
  return {
    how: `${k} folds, ${kept}`,
    parts: Array.from({ length: k }, (_, f) => ({ train: where((other) => other !== f), test: where((other) => other === f) })),
  };
}

/** The datasets of a split, made once for all contenders so that they can share work. */
export interface Part {
  readonly train: Dataset;
  readonly test: Dataset;
  /** Training data of each treated arm against control, for models that take two arms only. */
  readonly pair: (arm: string) => Dataset;
}

/** Training and test rows of every part of a split. */
export function partsOf(data: Dataset, split: Split): Part[] {
  return split.parts.map(({ train, test }) => {
    const whole = data.take(train);
    const pairs = new Map<string, Dataset>();
    const pair = (arm: string): Dataset => {
      const cut = pairs.get(arm) ?? pairData(whole, arm);
      pairs.set(arm, cut);
      return cut;
    };
    return { train: whole, test: data.take(test), pair };
  });
}

/** Predictions for rows that the model had not seen. */
export interface HeldOut {
  /** Effects of each treated arm, in the order of the data's arms; rows part after part. */
  readonly effect: readonly Float64Array[];
  readonly seconds: number;
  /** The config after defaults. */
  readonly config: Json;
  /** What the fit reports; of several fits, that of the first. */
  readonly report: Json;
  readonly notes: readonly string[];
}

/** What a run hands to every fit: seed, threads, progress, a way to stop. */
export interface RunContext {
  readonly seed: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly shared: SharedRun;
  readonly progress: (share: number, what: string) => void;
  /** Sees each fitted model before it is disposed of. */
  readonly visit?: (fitted: FittedModel, part: number, arm: string | undefined) => Promise<void>;
}

/** Predictions for rows that the model was not fitted on. A model for two arms is fitted once an arm, against control. */
export async function predictHeldOut({ model, config }: Contender, parts: readonly Part[], context: RunContext): Promise<HeldOut> {
  const treated = parts[0].test.treatment().arms.slice(1);
  const runs: readonly (string | undefined)[] = model.traits.arms === "two" && treated.length > 1 ? treated : [undefined];
  const fits = parts.flatMap((part, p) => runs.map((arm, a) => ({ part, p, a, arm })));
  const starts = parts.map((_, p) => parts.slice(0, p).reduce((sum, part) => sum + part.test.rows, 0));
  const effect = treated.map(() => new Float64Array(parts.reduce((sum, part) => sum + part.test.rows, 0)));
  const started = performance.now();
  const notes = new Set<string>();
  let first: FittedModel | undefined;
  for (const [done, { part, p, a, arm }] of fits.entries()) {
    const progress = (share: number, what: string): void => context.progress((done + share) / fits.length, what);
    const { seed, threads, signal, shared } = context;
    const fitted = await fit(model, arm === undefined ? part.train : part.pair(arm), {
      config,
      seed,
      threads,
      signal,
      shared,
      progress,
      missingOutcome: "drop",
    });
    try {
      const prediction = await fitted.predict(part.test);
      if (!("effect" in prediction))
        throw usageError(`${model.id}: is a model of task "${model.task}", and effects of arms are compared here; choose models of one treatment`);
      prediction.effect.forEach((values, k) => effect[a + k].set(values, starts[p]));
      for (const note of prediction.notes ?? []) notes.add(note);
      await context.visit?.(fitted, p, arm);
      first ??= fitted;
    } finally {
      fitted.dispose();
    }
  }
  return { effect, seconds: (performance.now() - started) / 1000, config: (first?.config ?? null) as Json, report: first?.report ?? null, notes: [...notes] };
}

import { Rng } from "../base/rng.ts";
import type { Dataset } from "../data/dataset.ts";

/**
 * What several fits on the same data share: the rows put in order, and nuisance models that more than one of them needs. Hand the same
 * run to every `fit` of a comparison; it changes no result. It holds what it made until it is let go.
 */
export interface SharedRun {
  readonly prepared: WeakMap<Dataset, Map<string, Dataset>>;
  readonly made: WeakMap<Dataset, Map<string, Promise<unknown>>>;
}

/** What several fits on the same rows may share; hand the same one to each of them. */
export function sharedRun(): SharedRun {
  return { prepared: new WeakMap(), made: new WeakMap() };
}

/** The dataset made of `source` under this key, made at the first call. */
export function preparedOnce(run: SharedRun, source: Dataset, key: string, make: () => Dataset): Dataset {
  const known = run.prepared.get(source) ?? new Map<string, Dataset>();
  run.prepared.set(source, known);
  const done = known.get(key) ?? make();
  known.set(key, done);
  return done;
}

/** `once` of the fit context: things by seed and key, each with a stream of its own. A failure is not kept. */
export function madeOnce(run: SharedRun, data: Dataset, seed: number): <V>(key: string, make: (rng: Rng) => Promise<V>) => Promise<V> {
  const made = run.made.get(data) ?? new Map<string, Promise<unknown>>();
  run.made.set(data, made);
  return <V>(key: string, make: (rng: Rng) => Promise<V>): Promise<V> => {
    const name = `${seed} ${key}`;
    const known = made.get(name) as Promise<V> | undefined;
    if (known !== undefined) return known;
    const fresh = make(new Rng(seed).split("once").split(key));
    made.set(name, fresh);
    fresh.catch(() => made.delete(name));
    return fresh;
  };
}

import type { Json } from "../base/state.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Contender } from "./heldOut.ts";

export interface RunRecord {
  readonly source?: Readonly<Record<string, Json>>;
  readonly metrics: readonly string[];
  readonly baselines: readonly string[];
  readonly seed: number;
  readonly test: number;
  readonly folds?: number;
  readonly by?: string;
  readonly shares?: "equal" | Readonly<Record<string, number>>;
  readonly replicates: number;
  readonly level: number;
}

/**
 * All that is needed to run a comparison again, in the form that `liftwise compare --config` reads: the roles of the data, the models
 * (`NAME` or `NAME=ID`) with every option after defaults under their names, and how they were split and scored.
 */
export function resolvedConfig(data: Dataset, contenders: readonly Contender[], configs: ReadonlyMap<string, Json>, run: RunRecord): Json {
  const { roles } = data;
  const { source, baselines, folds, by, shares, test, ...rest } = run;
  const plain = {
    data: data.name,
    ...source,
    treatment: roles.treatment?.column,
    control: roles.treatment?.control,
    outcome: roles.outcomes,
    features: roles.features,
    weight: roles.weight,
    group: roles.group,
    time: roles.time,
    propensity: roles.propensity,
    cost: roles.cost,
    truth: roles.effect,
    models: contenders.map(({ name, model }) => (name === model.id ? name : `${name}=${model.id}`)),
    baseline: baselines,
    ...(folds === undefined ? { test } : { folds }),
    by,
    shares,
    ...rest,
    ...Object.fromEntries(configs),
  };
  return JSON.parse(JSON.stringify(plain)) as Json;
}

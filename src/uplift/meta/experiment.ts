import { dataError } from "../../base/errors.ts";
import type { Rng } from "../../base/rng.ts";
import { type Dataset, outcomeKind, takeColumn } from "../../data/dataset.ts";
import type { Features, OutcomeKind } from "../../data/schema.ts";
import type { LearnContext } from "../../learn/contract.ts";
import { drawFolds, type Folds, takeNumbers } from "../../learn/crossFit.ts";
import type { FitContext } from "../../model/contract.ts";

/** What a meta-learner reads of the data: n rows. */
export interface Experiment {
  readonly x: Features;
  readonly y: Float64Array;
  readonly kind: OutcomeKind;
  /** Index into `arms`; 0 is the control. */
  readonly arm: Int32Array;
  readonly arms: readonly string[];
  readonly weight?: Float64Array;
  /** Group of each row: groups stay together in folds and in resamples. */
  readonly group?: Int32Array;
  /** Known probability of each arm, control first. */
  readonly propensity?: readonly Float64Array[];
}

/** What fits a meta-learner's parts: streams by label, and things made once for several of them. */
export interface Workshop extends LearnContext {
  readonly once: <V>(key: string, make: (rng: Rng) => Promise<V>) => Promise<V>;
  /** Whether standard errors are wanted of learners that have them. */
  readonly errors: boolean;
  readonly progress: (share: number, what: string) => void;
}

export function workshop(context: FitContext): Workshop {
  return { ...context, errors: true, once: context.once ?? ownOnce(context.rng) };
}

/** `once` for one fit alone. */
export function ownOnce(rng: Rng): Workshop["once"] {
  const made = new Map<string, Promise<unknown>>();
  return <V>(key: string, make: (rng: Rng) => Promise<V>): Promise<V> => {
    const done = (made.get(key) as Promise<V> | undefined) ?? make(rng.split(key));
    made.set(key, done);
    return done;
  };
}

/** @throws LiftwiseError (data) when known propensities are given for some treated arms only, or leave nothing for the control */
export function experimentOf(data: Dataset): Experiment {
  const { arm, arms } = data.treatment();
  const y = data.outcome();
  return {
    x: data.features(),
    y,
    kind: outcomeKind(y),
    arm,
    arms,
    weight: data.weight(),
    group: data.groups()?.index,
    propensity: knownPropensities(data, arms),
  };
}

function knownPropensities(data: Dataset, arms: readonly string[]): Float64Array[] | undefined {
  const treated = arms.slice(1).map((name) => data.propensity(name));
  if (treated.every((e) => e === undefined)) return undefined;
  const lacking = arms[treated.indexOf(undefined) + 1];
  if (treated.includes(undefined))
    throw dataError(`${data.name}: propensities are given for some arms but not for "${lacking}"; give one for every treated arm, or none`);
  const control = new Float64Array(data.rows).fill(1);
  for (const e of treated as Float64Array[]) for (let i = 0; i < control.length; i++) control[i] -= e[i];
  const broken = control.findIndex((e) => !(e > 0));
  if (broken >= 0)
    throw dataError(
      `${data.name}: the propensities of the treated arms sum to ${1 - control[broken]} in row ${broken + 1}, which leaves nothing for control "${arms[0]}"; they must sum to less than 1`,
    );
  return [control, ...(treated as Float64Array[])];
}

/** The experiment's rows at these places; rows may repeat. */
export function takeRows(experiment: Experiment, rows: Int32Array, weight?: Float64Array): Experiment {
  const { x, y, arm, group, propensity } = experiment;
  return {
    ...experiment,
    x: { rows: rows.length, columns: x.columns.map((column) => takeColumn(column, rows)) },
    y: takeNumbers(y, rows),
    arm: Int32Array.from(rows, (row) => arm[row]),
    weight: weight ?? (experiment.weight && takeNumbers(experiment.weight, rows)),
    group: group && Int32Array.from(rows, (row) => group[row]),
    propensity: propensity?.map((e) => takeNumbers(e, rows)),
  };
}

/** Folds stratified by arm, and by outcome where it is binary; drawn once for all learners of a run. */
export function foldsOf(experiment: Experiment, count: number, shop: Workshop): Promise<Folds> {
  return shop.once(`folds ${count}`, async (rng) => {
    const { arm, arms, y, kind, group } = experiment;
    const strata = kind === "binary" ? arm.map((a, i) => a * 2 + y[i]) : arm;
    const folds = drawFolds(strata, group, count, rng);
    // Each fit leaves one fold out, and must still see every arm.
    for (let fold = 0; fold < count; fold++) {
      const seen = new Uint8Array(arms.length);
      for (let i = 0; i < arm.length; i++) if (folds.of[i] !== fold && (experiment.weight === undefined || experiment.weight[i] > 0)) seen[arm[i]] = 1;
      const lost = seen.indexOf(0);
      if (lost >= 0)
        throw dataError(
          `cross-fitting in ${count} folds: all rows of arm "${arms[lost]}" fall into one fold${group === undefined ? "" : ", because groups stay together"}; bring more ${group === undefined ? "rows" : "groups"} of this arm or leave it out`,
        );
    }
    return folds;
  });
}

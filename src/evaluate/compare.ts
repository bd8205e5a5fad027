import { dataError, oneOf, suggest, usageError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import type { Json } from "../base/state.ts";
import { type Dataset, outcomeKind } from "../data/dataset.ts";
import type { Role } from "../data/schema.ts";
import { describe } from "../data/describe.ts";
import { hashColumns } from "../data/hash.ts";
import { requireUsable } from "../data/usable.ts";
import { averageEffects } from "../experiment/ate.ts";
import { type Metric, metricById, metrics as allMetrics } from "../metrics/index.ts";
import { roleGiven } from "../model/check.ts";
import type { Model } from "../model/contract.ts";
import type { FittedModel } from "../model/fit.ts";
import { sharedRun } from "../model/run.ts";
import { liftwiseVersion } from "../model/version.ts";
import { balanceWarning } from "./balance.ts";
import type { Comparison, ModelResult } from "./comparison.ts";
import { type Contender, type HeldOut, partsOf, predictHeldOut, type Split, splitOf } from "./heldOut.ts";
import { resolvedConfig } from "./resolved.ts";
import { scoreAll } from "./score.ts";
import { type PlannedShares, plannedRatio } from "./shares.ts";

/** Settings of `compare`. */
export interface CompareOptions {
  /** Names the random streams of split, fits and resamples. Defaults to 1. */
  readonly seed?: number;
  /** Ids of metrics; by default those of `defaultMetrics` that the data can bear. */
  readonly metrics?: readonly string[];
  /** Names of the contenders the others are compared with, the best of them by each metric. Defaults to the first contender. */
  readonly baselines?: readonly string[];
  /** Share of the rows held out for scoring, above 0 and below 1. Defaults to 0.3. */
  readonly test?: number;
  /** Hold out every row once, in this many parts, instead of one share. */
  readonly folds?: number;
  /** What is kept together in the split: by default groups where there are any, else rows. */
  readonly by?: "row" | "group" | "time";
  /** Planned shares of the arms, against which their sizes are tested; by default those of known propensities that are the same for every row. */
  readonly shares?: PlannedShares;
  /** Resamples behind every interval. Defaults to 200. */
  readonly replicates?: number;
  /** Coverage of the intervals. Defaults to 0.95. */
  readonly level?: number;
  /** Most worker threads; the answer does not depend on it. Defaults to the number of cores. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** Share of the work done, 0 to 1, and what is being done. */
  readonly progress?: (share: number, what: string) => void;
  /** Sees each fitted model before it is disposed of, with the outcome it was fitted on; to save it, for example. */
  readonly visit?: (
    fitted: FittedModel,
    at: { readonly name: string; readonly outcome: string; readonly part: number; readonly arm?: string },
  ) => Promise<void>;
  /** How the data was opened, for the record: goes into `resolved` as it is. */
  readonly source?: Readonly<Record<string, Json>>;
}

/** Scored by default, where the data has what they need. */
export const defaultMetrics: readonly string[] = ["qini", "auuc", "autoc", "uplift-at-k", "policy-value-dr", "calibration-error", "root-pehe"];

/**
 * Fits the contenders on the same rows, predicts rows that none of them saw, and scores all of them on the same resamples: for every
 * outcome, each treated arm against control and, where there are several, the policy of the best arm.
 *
 * @param models models, or contenders with a name and a config of their own
 * @throws LiftwiseError (usage) for an unknown metric or baseline, (data) for data that one of the models cannot bear; both before anything is fitted
 */
export async function compare(data: Dataset, models: readonly (Model | Contender)[], options: CompareOptions = {}): Promise<Comparison> {
  const contenders = models.map((model): Contender => ("fit" in model ? { name: model.id, model } : model));
  const { seed = 1, test = 0.3, folds, by, replicates = 200, level = 0.95, threads, signal, progress = () => undefined } = options;
  checkContenders(contenders);
  const baselines = baselinesOf(contenders, options.baselines);
  requireUsable(data);
  const { outcomes } = data.roles;
  const byOutcome = outcomes.map((outcome) => withOutcome(data, outcome));
  const metrics = metricsFor(byOutcome, options.metrics);
  for (const one of byOutcome) checkOutcome(one, contenders);
  const { ratio, warnings: doubts } = plannedRatio(data, options.shares);
  const described = describe(data);
  const rng = new Rng(seed).split("compare");
  const split = splitOf(data, { test, folds, by }, rng.split("split"));
  const shared = sharedRun();
  const warnings = new Set<string>();
  const results: ModelResult[] = [];
  const configs = new Map<string, Json>();
  for (const [o, one] of byOutcome.entries()) {
    const outcome = one.roles.outcomes[0];
    const own = withOutcomeRows(one, split, warnings);
    const parts = partsOf(one, own);
    const held: HeldOut[] = [];
    for (const [m, contender] of contenders.entries()) {
      const at = (share: number, what: string): void =>
        progress((o + (0.8 * (m + share)) / contenders.length) / byOutcome.length, `${contender.name}, ${outcome}: ${what}`);
      const visit = options.visit;
      const out = await predictHeldOut(contender, parts, {
        seed,
        threads,
        signal,
        shared,
        progress: at,
        ...(visit === undefined ? {} : { visit: (fitted, part, arm) => visit(fitted, { name: contender.name, outcome, part, arm }) }),
      });
      configs.set(contender.name, out.config);
      for (const note of out.notes) warnings.add(`${contender.name}, ${outcome}: ${note}`);
      held.push(out);
    }
    const test = one.take(concat(own.parts.map((part) => part.test)));
    const settings = { rng: rng.split("resample", o), replicates, level };
    results.push(
      ...(await scoreAll(contenders, held, test, {
        metrics: metrics.filter((metric) => lacking(metric, one) === undefined),
        baselines,
        settings,
        signal,
        progress: (share, what) => progress((o + 0.8 + 0.2 * share) / byOutcome.length, what),
      })),
    );
  }
  progress(1, "done");
  const summary = { ...described, sha256: hashColumns(data.columns), ...(ratio === undefined ? {} : { sampleRatio: ratio }) };
  const effects = outcomes.flatMap((outcome) => averageEffects(data, { outcome, level }));
  for (const { outcome, arm, notes } of effects) for (const note of notes) warnings.add(`average effect on ${outcome}, ${arm}: ${note}`);
  const unbalanced = balanceWarning(summary);
  return {
    format: "liftwise-comparison/1",
    liftwise: liftwiseVersion(),
    seed,
    resolved: resolvedConfig(data, contenders, configs, {
      source: options.source,
      metrics: metrics.map((metric) => metric.id),
      baselines,
      seed,
      test,
      folds,
      by,
      shares: options.shares,
      replicates,
      level,
    }),
    data: summary,
    split: { how: split.how, trainRows: split.parts[0].train.length, testRows: split.parts.reduce((sum, part) => sum + part.test.length, 0) },
    effects,
    results,
    warnings: [...doubts, ...(unbalanced === undefined ? [] : [unbalanced]), ...warnings],
  };
}

function checkContenders(contenders: readonly Contender[]): void {
  if (contenders.length === 0) throw usageError("compare: name at least one model");
  const names = contenders.map((contender) => contender.name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  const other = contenders.find((contender) => contender.model.task !== "uplift");
  if (other !== undefined)
    throw usageError(`compare: ${other.name} is a model of task "${other.model.task}", and effects of arms are compared here; choose models of task "uplift"`);
  if (twice !== undefined) throw usageError(`compare: "${twice}" is named twice; give one of the two another name`);
}

function baselinesOf(contenders: readonly Contender[], asked: readonly string[] | undefined): readonly string[] {
  const names = contenders.map((contender) => contender.name);
  for (const name of asked ?? []) if (!names.includes(name)) throw usageError(`compare: baseline "${name}" is not among the models; ${suggest(name, names)}`);
  return asked ?? names.slice(0, 1);
}

/** @throws LiftwiseError (usage) for a metric that is not known, or that no outcome can bear */
function metricsFor(byOutcome: readonly Dataset[], asked: readonly string[] | undefined): readonly Metric[] {
  const known = allMetrics.map((metric) => metric.id);
  for (const id of asked ?? []) if (!known.includes(id)) throw usageError(`unknown metric "${id}"; ${suggest(id, known)}`);
  const chosen = (asked ?? defaultMetrics).map((id) => metricById(id));
  if (asked === undefined) return chosen.filter((metric) => byOutcome.some((data) => lacking(metric, data) === undefined));
  for (const metric of chosen) {
    const roles = byOutcome.map((data) => lacking(metric, data));
    if (roles.every((role) => role !== undefined))
      throw usageError(`metric ${metric.id} needs a column for ${roles[0]}, and ${byOutcome[0].name} has none; name it, or leave the metric out`);
  }
  return chosen;
}

/** The role that a metric needs and the data has not. */
function lacking(metric: Metric, data: Dataset): Role | undefined {
  const truth = data.roles.potential !== undefined || data.roles.effect !== undefined;
  return metric.needs.find((role) => (role === "effect" ? !truth : !roleGiven(data.roles, role)));
}

// The truth is that of the primary outcome: it says nothing of the others.
function withOutcome(data: Dataset, outcome: string): Dataset {
  if (outcome === data.roles.outcomes[0]) return data.withRoles({ outcomes: [outcome] });
  return data.withRoles({ outcomes: [outcome], potential: undefined, effect: undefined });
}

function checkOutcome(data: Dataset, contenders: readonly Contender[]): void {
  requireUsable(data);
  const [outcome] = data.roles.outcomes;
  const kind = outcomeKind(data.outcome());
  for (const { name, model } of contenders)
    if (!model.traits.outcomes.includes(kind))
      throw dataError(`${name}: takes ${oneOf(model.traits.outcomes)} outcomes, and ${data.at(outcome)} is ${kind}; leave the model or the outcome out`);
}

// Rows without this outcome are neither fitted nor scored, and the count is said.
function withOutcomeRows(data: Dataset, split: Split, warnings: Set<string>): Split {
  const y = data.outcome();
  const missing = y.reduce((count, value) => count + Number(Number.isNaN(value)), 0);
  if (missing === 0) return split;
  warnings.add(`${data.at(data.roles.outcomes[0])}: ${missing} of ${data.rows} rows have no outcome and are left out`);
  const present = (rows: Int32Array): Int32Array => rows.filter((row) => !Number.isNaN(y[row]));
  return { ...split, parts: split.parts.map(({ train, test }) => ({ train: present(train), test: present(test) })) };
}

function concat(lists: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(lists.reduce((sum, list) => sum + list.length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}

import { dataError, oneOf, suggest, usageError } from "../base/errors.ts";
import { mean } from "../base/stats/moments.ts";
import { asCategory, Dataset, takeColumn } from "./dataset.ts";
import { type CategoryColumn, type Column, columnLength, type Features, type Roles } from "./schema.ts";

/** Arm of history rows for which nobody knows whether they had anything like the treatment. */
export const unlogged = "(not logged)";

/** Level of the sample column that marks history. */
export const historySample = "history";

/** Surrogates as a grid of metrics by time steps: columns called `visits_1`, `visits_2`, ... are the metric visits at steps 1, 2, ... */
export interface SurrogateGrid {
  readonly metrics: readonly string[];
  /** Ascending. */
  readonly steps: readonly number[];
  /** Place among the surrogates of each step and metric, steps x metrics, step by step. */
  readonly place: Int32Array;
}

/** One of the two samples; arrays of n. */
export interface Sample {
  readonly rows: number;
  /** What was known before the treatment. */
  readonly x: Features;
  /** What was measured in the first days. */
  readonly s: Features;
  /** Both: x, then s. */
  readonly z: Features;
  /** Index into `arms`, control 0; -1 where it was not logged. */
  readonly arm: Int32Array;
}

/** What every method of long-term effects starts from. */
export interface TwoSamples {
  /** Control first. */
  readonly arms: readonly string[];
  readonly grid: SurrogateGrid;
  readonly outcome: string;
  /** Long ago enough for the outcome to be known; `logged` says whether every row's arm is. */
  readonly history: Sample & { readonly y: Float64Array; readonly logged: boolean };
  /** Randomised; whatever stands in its outcome column is never looked at. `e` holds the probability of each arm, control first. */
  readonly experiment: Sample & { readonly e: readonly Float64Array[]; readonly known: boolean };
}

/**
 * The grid of surrogate columns. Where some name does not end in a step, or some step lacks a metric, all columns count as metrics of one step.
 */
export function surrogateGrid(names: readonly string[]): SurrogateGrid {
  const parts = names.map((name) => /^(.+?)[._@-]?(\d+)$/.exec(name));
  const single: SurrogateGrid = { metrics: names, steps: [1], place: Int32Array.from(names, (_, i) => i) };
  if (parts.some((part) => part === null)) return single;
  const metrics = [...new Set(parts.map((part) => (part as RegExpExecArray)[1]))];
  const steps = [...new Set(parts.map((part) => Number((part as RegExpExecArray)[2])))].sort((a, b) => a - b);
  if (steps.length < 2 || metrics.length * steps.length !== names.length) return single;
  const place = new Int32Array(names.length).fill(-1);
  parts.forEach((part, i) => {
    const [, metric, step] = part as RegExpExecArray;
    place[steps.indexOf(Number(step)) * metrics.length + metrics.indexOf(metric)] = i;
  });
  return place.includes(-1) ? single : { metrics, steps, place };
}

export interface CombineOptions {
  /** Column of the experiment that says who got what. */
  readonly treatment: string;
  /** Arm that everything is compared with; by default 0, or the arm called control. */
  readonly control?: string;
  /** Columns of history with the long-term outcome; the first is the primary one. */
  readonly outcome: readonly string[];
  readonly surrogates: readonly string[];
  /** By default every column that both samples have and that has no other part. */
  readonly features?: readonly string[];
  /** Column of the experiment with the probability of each treated arm. */
  readonly propensity?: Readonly<Record<string, string>>;
}

/**
 * History and experiment as one dataset, told apart by the column "sample". The experiment's outcome columns, if it has any, are left out;
 * history's treatment column may be missing, and its arms are then "(not logged)".
 */
export function combineSamples(history: Dataset, experiment: Dataset, options: CombineOptions): Dataset {
  const { treatment, outcome, surrogates } = options;
  const clash = outcome.find((name) => surrogates.includes(name));
  if (clash !== undefined)
    throw dataError(`column "${clash}" is a surrogate and the outcome at once: the outcome would be read from itself; take it out of the surrogates`);
  const taken = new Set([treatment, ...outcome, ...surrogates, ...Object.values(options.propensity ?? {}), "sample"]);
  const features = options.features ?? experiment.names.filter((name) => history.has(name) && !taken.has(name));
  const leak = features.find((name) => taken.has(name));
  if (leak !== undefined) throw usageError(`column "${leak}" is a feature and has another part; take it out of the features`);
  if (features.length === 0)
    throw dataError(`${experiment.name} and ${history.name} have no column in common that could be a feature; name features that both have`);
  const role = asCategory(experiment.column(treatment), experiment.at(treatment));
  const logged = history.has(treatment) ? asCategory(history.column(treatment), history.at(treatment)) : undefined;
  const columns: Column[] = [...features, ...surrogates].map((name) => stacked(history.column(name), experiment.column(name), history, experiment));
  const hasUnlogged = logged === undefined || logged.codes.includes(-1);
  const arms = [...new Set([...role.levels, ...(logged?.levels ?? []), ...(hasUnlogged ? [unlogged] : [])])];
  const codeOf = (column: CategoryColumn, i: number): number => (column.codes[i] < 0 ? arms.indexOf(unlogged) : arms.indexOf(column.levels[column.codes[i]]));
  const n = history.rows + experiment.rows;
  const codes = new Int32Array(n);
  for (let i = 0; i < history.rows; i++) codes[i] = logged === undefined ? arms.indexOf(unlogged) : codeOf(logged, i);
  const missing = role.codes.indexOf(-1);
  if (missing >= 0) throw dataError(`${experiment.at(treatment)}: row ${missing + 1} has no treatment; remove such rows`);
  for (let i = 0; i < experiment.rows; i++) codes[history.rows + i] = codeOf(role, i);
  columns.push({ kind: "category", name: treatment, codes, levels: arms });
  for (const name of outcome) columns.push({ kind: "number", name, values: withTail(history.number(name, "outcome"), experiment.rows, Number.NaN) });
  for (const name of Object.values(options.propensity ?? {})) {
    const values = new Float64Array(n).fill(0.5);
    values.set(experiment.number(name, "propensity"), history.rows);
    columns.push({ kind: "number", name, values });
  }
  const sample = Int32Array.from({ length: n }, (_, i) => (i < history.rows ? 0 : 1));
  columns.push({ kind: "category", name: "sample", codes: sample, levels: [historySample, "experiment"] });
  const roles: Roles = {
    features,
    treatment: { column: treatment, control: controlOf(role, options.control, experiment.at(treatment)) },
    outcomes: outcome,
    surrogates,
    sample: { column: "sample", history: historySample },
    propensity: options.propensity,
  };
  return new Dataset(columns, roles, `${history.name} and ${experiment.name}`);
}

function controlOf(role: CategoryColumn, control: string | undefined, where: string): string {
  if (control !== undefined) {
    if (!role.levels.includes(control)) throw usageError(`${where}: there is no arm "${control}"; ${suggest(control, role.levels)}`);
    return control;
  }
  const usual = role.levels.includes("0") ? ["0"] : role.levels.filter((level) => /^(control|placebo)$/i.test(level));
  if (usual.length === 1) return usual[0];
  throw usageError(`${where}: which arm is the control? name it; the arms are ${oneOf(role.levels)}`);
}

function withTail(values: Float64Array, more: number, fill: number): Float64Array {
  const out = new Float64Array(values.length + more).fill(fill);
  out.set(values);
  return out;
}

function stacked(above: Column, below: Column, history: Dataset, experiment: Dataset): Column {
  const { name } = above;
  if (above.kind === "sequence" || below.kind === "sequence")
    throw dataError(`${history.at(name)}: a sequence can be neither feature nor surrogate; give each step a column`);
  if (above.kind === "number" && below.kind === "number") {
    const values = withTail(above.values, below.values.length, Number.NaN);
    values.set(below.values, above.values.length);
    return { kind: "number", name, values };
  }
  if (above.kind !== below.kind)
    throw dataError(`column "${name}" is a ${above.kind} in ${history.name} and a ${below.kind} in ${experiment.name}; recode one of them`);
  const [a, b] = [above as CategoryColumn, below as CategoryColumn];
  const levels = [...new Set([...a.levels, ...b.levels])];
  const codes = new Int32Array(columnLength(a) + columnLength(b));
  for (let i = 0; i < a.codes.length; i++) codes[i] = a.codes[i] < 0 ? -1 : levels.indexOf(a.levels[a.codes[i]]);
  for (let i = 0; i < b.codes.length; i++) codes[a.codes.length + i] = b.codes[i] < 0 ? -1 : levels.indexOf(b.levels[b.codes[i]]);
  return { kind: "category", name, codes, levels };
}

/**
 * The two samples of a dataset with the roles `sample`, `surrogate`, `treatment` and `outcome`, checked.
 * @throws LiftwiseError (data) for one arm, a history without outcome, surrogates that are never measured or hold the outcome
 */
export function twoSamples(data: Dataset): TwoSamples {
  const { roles, name } = data;
  if (roles.sample === undefined) throw dataError(`${name}: no column tells history from experiment; give the two samples, or declare a sample column`);
  const surrogates = roles.surrogates ?? [];
  if (surrogates.length === 0) throw dataError(`${name}: there is no surrogate: name the columns measured in the first days of the experiment`);
  const { codes, levels } = asCategory(data.column(roles.sample.column), data.at(roles.sample.column));
  const past = levels.indexOf(roles.sample.history);
  const of = (holds: (code: number) => boolean): Int32Array => Int32Array.from(codes.keys()).filter((i) => holds(codes[i]));
  const [old, recent] = [of((code) => code === past), of((code) => code !== past)];
  if (old.length < 20)
    throw dataError(`${name}: ${old.length} rows of history; long-term effects are learned from history with known outcomes: bring at least 20`);
  if (recent.length < 20) throw dataError(`${name}: ${recent.length} rows of the experiment; bring at least 20`);
  const { arm, arms } = data.treatment();
  const counts = arms.map((_, a) => recent.reduce((count, i) => count + (arm[i] === a ? 1 : 0), 0));
  const kept = arms.map((_, a) => a).filter((a) => counts[a] > 0);
  if (counts[0] === 0 || kept.length < 2)
    throw dataError(
      `${name}: the experiment has ${kept.length === 1 ? `one arm ("${arms[kept[0]]}")` : `no row of control "${arms[0]}"`}; an effect needs the control and a treated arm`,
    );
  const place = new Int32Array(arms.length).fill(-1);
  kept.forEach((a, k) => {
    place[a] = k;
  });
  const names = kept.map((a) => arms[a]);
  const sampleOf = (rows: Int32Array): Sample => {
    const columns = (list: readonly string[]): Column[] => list.map((column) => takeColumn(data.column(column), rows));
    const [x, s] = [columns(roles.features), columns(surrogates)];
    const n = rows.length;
    return {
      rows: n,
      x: { rows: n, columns: x },
      s: { rows: n, columns: s },
      z: { rows: n, columns: [...x, ...s] },
      arm: Int32Array.from(rows, (i) => place[arm[i]]),
    };
  };
  const [h, e] = [sampleOf(old), sampleOf(recent)];
  const outcome = roles.outcomes[0];
  const y = Float64Array.from(old, (i) => data.outcome()[i]);
  checkOutcome(y, data.at(outcome));
  checkSurrogates(h, e, name);
  checkLeak(h.s, y, name, outcome);
  const probabilities = names.slice(1).map((a) => data.propensity(a));
  const known = probabilities.every((column) => column !== undefined);
  const treated = known
    ? probabilities.map((column) => Float64Array.from(recent, (i) => (column as Float64Array)[i]))
    : kept.slice(1).map((a) => new Float64Array(e.rows).fill(counts[a] / e.rows));
  const control = Float64Array.from({ length: e.rows }, (_, i) => 1 - treated.reduce((sum, p) => sum + p[i], 0));
  if (!control.every((p) => p > 0))
    throw dataError(`${name}: the propensities of the treated arms sum to 1 or more in some row, which leaves nothing for the control`);
  return {
    arms: names,
    grid: surrogateGrid(surrogates),
    outcome,
    history: { ...h, y, logged: h.arm.every((a) => a >= 0) },
    experiment: { ...e, e: [control, ...treated], known },
  };
}

function checkOutcome(y: Float64Array, where: string): void {
  const missing = y.reduce((count, v) => count + (Number.isNaN(v) ? 1 : 0), 0);
  if (missing > 0) throw dataError(`${where}: ${missing} of ${y.length} rows of history have no outcome; remove rows that are not old enough to have one`);
  if (y.every((v) => v === y[0])) throw dataError(`${where}: is ${y[0]} in every row of history; there is nothing to learn`);
}

function checkSurrogates(h: Sample, e: Sample, name: string): void {
  for (const [sample, which] of [
    [h, "history"],
    [e, "experiment"],
  ] as const)
    for (const column of sample.s.columns) {
      if (column.kind !== "number") throw dataError(`${name}: surrogate "${column.name}" must be numeric; recode it`);
      if (column.values.every(Number.isNaN))
        throw dataError(
          `${name}: surrogate "${column.name}" is missing in every row of the ${which}; a step that was never measured there cannot be used: leave it out, or shorten the window`,
        );
    }
}

// More than this share of the outcome's variance explained by one surrogate, to the last digits: a copy, or a change of units.
const copy = 1 - 1e-9;

function checkLeak(s: Features, y: Float64Array, name: string, outcome: string): void {
  const my = mean(y);
  for (const column of s.columns) {
    if (column.kind !== "number") continue;
    let [n, sx, sxx, sxy, syy] = [0, 0, 0, 0, 0];
    for (let i = 0; i < y.length; i++) {
      if (Number.isNaN(column.values[i])) continue;
      n++;
      sx += column.values[i];
    }
    const mx = sx / n;
    for (let i = 0; i < y.length; i++) {
      const [dx, dy] = [column.values[i] - mx, y[i] - my];
      if (Number.isNaN(dx)) continue;
      sxx += dx * dx;
      sxy += dx * dy;
      syy += dy * dy;
    }
    if (n > 2 && sxx > 0 && syy > 0 && (sxy * sxy) / (sxx * syy) > copy)
      throw dataError(
        `${name}: surrogate "${column.name}" is the outcome "${outcome}" itself (correlation 1): it would not be known when the experiment ends; take it out of the surrogates`,
      );
  }
}

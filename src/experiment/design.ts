import { dataError } from "../base/errors.ts";
import { mean } from "../base/stats/moments.ts";
import type { Dataset } from "../data/dataset.ts";
import type { CategoryColumn, NumberColumn } from "../data/schema.ts";

/** Covariates as numbers: n rows, no missing values. */
export interface Design {
  readonly columns: readonly Float64Array[];
  /** `history`, `history (missing)`, `channel=Web`. */
  readonly names: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Numbers as they are, with missing values at the column's mean and an indicator beside; a column 0/1 for each level of a category but the most
 * frequent one. Beyond the `levels` most frequent, levels are taken together with it. All of this is harmless for covariates that were fixed before
 * the treatment: they may be coded in any way that does not look at the arms.
 * @param covariates column names; all features by default
 * @throws LiftwiseError (data) for a covariate that is the treatment or an outcome, which the treatment may have changed
 */
export function covariateDesign(data: Dataset, covariates: readonly string[] = data.roles.features, levels = 50): Design {
  const { treatment, outcomes } = data.roles;
  const tainted = covariates.find((name) => name === treatment?.column || outcomes.includes(name));
  if (tainted !== undefined)
    throw dataError(`${data.at(tainted)}: cannot be a covariate, as it is the treatment or an outcome; covariates must be fixed before the treatment`);
  const columns: Float64Array[] = [];
  const names: string[] = [];
  const notes: string[] = [];
  const put = (name: string, values: Float64Array): void => {
    const constant = values.every((v) => v === values[0]);
    if (constant) return;
    columns.push(values);
    names.push(name);
  };
  for (const name of covariates) {
    const column = data.column(name);
    if (column.kind === "number") {
      const infinite = column.values.findIndex((v) => v === Number.POSITIVE_INFINITY || v === Number.NEGATIVE_INFINITY);
      if (infinite >= 0)
        throw dataError(`${data.at(name)}: row ${infinite + 1} holds ${column.values[infinite]}; a covariate is finite: correct it, or leave the column out`);
      putNumber(column, put, notes);
    }
    if (column.kind === "category") putLevels(column, levels, put, notes);
    if (column.kind === "sequence") notes.push(`${name} is a sequence and is left out of the covariates`);
  }
  return { columns, names, notes };
}

type Put = (name: string, values: Float64Array) => void;

function putNumber({ name, values }: NumberColumn, put: Put, notes: string[]): void {
  const known = values.filter((v) => !Number.isNaN(v));
  if (known.length === values.length) return put(name, values);
  const gaps = values.length - known.length;
  notes.push(`${name} is missing in ${gaps} of ${values.length} rows: set to its mean, with an indicator`);
  const centre = known.length === 0 ? 0 : mean(known);
  put(
    name,
    values.map((v) => (Number.isNaN(v) ? centre : v)),
  );
  put(
    `${name} (missing)`,
    values.map((v) => (Number.isNaN(v) ? 1 : 0)),
  );
}

function putLevels({ name, codes, levels }: CategoryColumn, most: number, put: Put, notes: string[]): void {
  const counts = new Float64Array(levels.length + 1);
  for (const code of codes) counts[code < 0 ? levels.length : code]++;
  const order = Array.from(counts.keys())
    .filter((level) => counts[level] > 0)
    .toSorted((a, b) => counts[b] - counts[a] || a - b);
  const kept = order.slice(1, most + 1);
  const rest = order.length - 1 - kept.length;
  if (rest > 0) notes.push(`${name} has ${order.length} levels: the ${kept.length + 1} most frequent are used, ${rest} are taken together with the first`);
  for (const level of kept) {
    const wanted = level === levels.length ? -1 : level;
    const flag = new Float64Array(codes.length);
    for (let i = 0; i < codes.length; i++) flag[i] = codes[i] === wanted ? 1 : 0;
    put(wanted < 0 ? `${name} (missing)` : `${name}=${levels[level]}`, flag);
  }
}

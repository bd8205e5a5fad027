import { dataError, oneOf } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";

/** @throws LiftwiseError (data) when no true effect of the arm is known. */
export function trueEffectOf(data: Dataset, arm: string | undefined, metric: string): Float64Array {
  const named = Object.keys(data.roles.effect ?? {});
  const treated = data.roles.treatment === undefined ? named : data.treatment().arms.slice(1);
  if (arm === undefined && treated.length > 1)
    throw dataError(`${metric}: ${data.name} has ${treated.length} treated arms (${oneOf(treated)}); say by the option arm whose effect the score is`);
  if (arm !== undefined && treated.length > 0 && !treated.includes(arm))
    throw dataError(`${metric}: ${data.name} has no treated arm "${arm}"; choose ${oneOf(treated)}`);
  const chosen = arm ?? treated[0];
  const truth = chosen === undefined ? undefined : data.trueEffect(chosen);
  if (truth === undefined)
    throw dataError(
      `${metric}: the true effect${chosen === undefined ? "" : ` of arm "${chosen}"`} is not known for ${data.name}; name its column (role effect), or the potential outcomes, as simulated data have them`,
    );
  return truth;
}

/** Weighted mean of `value(row)` over the rows where it is not NaN; NaN when there are none. */
export function meanOver(rows: number, value: (row: number) => number, weight: Float64Array | undefined, counts: Uint8Array | undefined): number {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < rows; i++) {
    const w = (counts === undefined ? 1 : counts[i]) * (weight === undefined ? 1 : weight[i]);
    if (w === 0) continue;
    const v = value(i);
    if (Number.isNaN(v)) continue;
    sum += w * v;
    total += w;
  }
  return sum / total;
}

/** `what` is missing in some rows, or in all of them. */
export function missingNotes(values: Float64Array, what: string): string[] {
  let missing = 0;
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) missing++;
  if (values.length === 0) return ["there are no rows"];
  return missing === 0 ? [] : [`${missing} of ${values.length} rows have no ${what} and are left out`];
}

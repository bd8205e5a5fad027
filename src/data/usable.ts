import { dataError } from "../base/errors.ts";
import type { Dataset } from "./dataset.ts";

/**
 * Checks that an experiment can be analysed: there are rows, a treatment and an outcome, every arm has rows whose outcome is known, and no outcome is
 * the same in all rows.
 * @param outcomes those to check; all declared ones by default
 * @throws LiftwiseError (data) that says what is missing and the way out
 */
export function requireUsable(data: Dataset, outcomes: readonly string[] = data.roles.outcomes): void {
  if (data.rows === 0) throw dataError(`${data.name}: there are no rows; is it the right file?`);
  const { arm, arms } = data.treatment();
  const column = data.at(data.roles.treatment?.column ?? "");
  const rows = new Int32Array(arms.length);
  for (const a of arm) rows[a]++;
  const empty = arms.filter((_, a) => rows[a] === 0);
  if (empty.length > 0) throw dataError(`${column}: no row is in arm "${empty[0]}"; take more rows, or leave the arm out`);
  if (outcomes.length === 0) throw dataError(`${data.name}: no outcome column is declared; name the column that says what happened`);
  for (const outcome of outcomes) requireVarying(data, outcome);
}

function requireVarying(data: Dataset, outcome: string): void {
  const y = data.outcome(outcome);
  const { arm, arms } = data.treatment();
  const known = new Int32Array(arms.length);
  let first = Number.NaN;
  let varies = false;
  for (let i = 0; i < y.length; i++) {
    if (Number.isNaN(y[i])) continue;
    if (!Number.isFinite(y[i])) throw dataError(`${data.at(outcome)}: row ${i + 1} holds ${y[i]}; an outcome is finite: correct or remove the row`);
    known[arm[i]]++;
    if (Number.isNaN(first)) first = y[i];
    else if (y[i] !== first) varies = true;
  }
  const without = arms.filter((_, a) => known[a] === 0);
  if (without.length > 0)
    throw dataError(`${data.at(outcome)}: the outcome is missing in every row of arm "${without[0]}"; choose another outcome, or leave the arm out`);
  if (!varies) throw dataError(`${data.at(outcome)}: the outcome is ${first} in every row, so there is nothing to explain; choose another outcome`);
}

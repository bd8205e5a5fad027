import { dataError, oneOf, usageError } from "../base/errors.ts";
import { type Dataset, outcomeKind } from "../data/dataset.ts";
import type { Column, Role, Roles } from "../data/schema.ts";
import type { Model } from "./contract.ts";

const wanted: Readonly<Record<Role, string>> = {
  feature: "feature columns, which describe the units before treatment",
  treatment: "a treatment column, which says who got what",
  lever: "lever columns, with ordered levels",
  outcome: "an outcome column, which says what happened",
  label: "label columns",
  surrogate: "surrogate columns, measured between treatment and outcome",
  weight: "a weight column",
  group: "a group column",
  cost: "a cost column for each arm",
  propensity: "a propensity column for each arm",
  potential: "columns of expected outcomes under each arm",
  effect: "columns of true effects",
  time: "a time column",
  sample: "a column that tells history from experiment",
  seller: "candidate sellers: one row for each user and seller, with the category of the seller and the incentive",
};

/** Whether the roles name a column for this part. */
export function roleGiven(roles: Roles, role: Role): boolean {
  const value: Readonly<Record<Role, unknown>> = {
    feature: roles.features,
    treatment: roles.treatment,
    lever: roles.levers,
    outcome: roles.outcomes,
    label: roles.labels,
    surrogate: roles.surrogates,
    weight: roles.weight,
    group: roles.group,
    cost: roles.cost,
    propensity: roles.propensity,
    potential: roles.potential,
    effect: roles.effect,
    time: roles.time,
    sample: roles.sample,
    seller: roles.sellers,
  };
  const given = value[role];
  if (given === undefined) return false;
  return typeof given === "string" || Object.keys(given as object).length > 0;
}

/** @throws LiftwiseError when the data has not what the model's traits ask for, or shows a feature the answer */
export function checkTraits(model: Model, data: Dataset): void {
  const { needs, arms, outcomes, weights } = model.traits;
  for (const role of needs) {
    if (!roleGiven(data.roles, role)) throw dataError(`${model.id}: ${data.name} has no ${role}; this model needs ${wanted[role]}: say which one it is`);
  }
  checkLeaks(model, data);
  if (!weights && data.roles.weight !== undefined)
    throw usageError(
      `${model.id}: does not use row weights, and ${data.name} has weight column "${data.roles.weight}"; leave the weights out or choose another model`,
    );
  if (needs.includes("treatment")) {
    const treatment = data.treatment();
    if (arms === "two" && treatment.arms.length > 2)
      throw dataError(
        `${model.id}: compares two arms, and ${data.name} has ${treatment.arms.length} (${oneOf(treatment.arms)}); keep the control and one treated arm, or choose a model for many arms`,
      );
  }
  if (needs.includes("outcome")) {
    const kind = outcomeKind(data.outcome());
    if (!outcomes.includes(kind))
      throw dataError(
        `${model.id}: ${data.at(data.roles.outcomes[0])} is ${kind}, and this model takes ${oneOf(outcomes)} outcomes; choose another outcome or model`,
      );
  }
}

function checkLeaks(model: Model, data: Dataset): void {
  const { treatment, levers, outcomes, labels, surrogates, weight, propensity, potential, effect } = data.roles;
  const parts: readonly (readonly [string, readonly (string | undefined)[]])[] = [
    ["the treatment", [treatment?.column]],
    ["a lever", levers?.map(({ column }) => column) ?? []],
    ["an outcome", outcomes],
    ["a label", labels ?? []],
    ["a surrogate", surrogates ?? []],
    ["the weight", [weight]],
    ["a propensity", Object.values(propensity ?? {})],
    ["an expected outcome", Object.values(potential ?? {})],
    ["a true effect", Object.values(effect ?? {})],
  ];
  for (const [part, columns] of parts) {
    const both = data.roles.features.find((feature) => columns.includes(feature));
    if (both !== undefined) throw dataError(`${model.id}: ${data.at(both)} is a feature and ${part} at once; take it out of the features`);
  }
}

/** @throws LiftwiseError (data) when a column holds an infinite number */
export function checkFinite(where: string, columns: readonly Column[]): void {
  for (const column of columns) {
    if (column.kind === "category") continue;
    const { values } = column;
    let infinite = 0;
    let first = -1;
    for (let i = 0; i < values.length; i++) {
      if (values[i] - values[i] === 0 || Number.isNaN(values[i])) continue;
      if (infinite++ === 0) first = i;
    }
    if (infinite > 0)
      throw dataError(
        `${where}: column "${column.name}" holds ${infinite} infinite numbers, the first in row ${first + 1}; replace them, or leave them empty if they are unknown`,
      );
  }
}

/** @throws LiftwiseError (data) when an arm has no row that counts, or nothing varies in the outcome */
export function checkArms(model: Model, data: Dataset): void {
  const { needs } = model.traits;
  const weight = data.weight();
  if (data.rows === 0) throw dataError(`${model.id}: ${data.name} has no rows`);
  if (weight?.every((w) => w === 0)) throw dataError(`${model.id}: every row of ${data.name} has weight 0; check column "${data.roles.weight}"`);
  if (needs.includes("treatment")) {
    const { arm, arms } = data.treatment();
    const total = new Float64Array(arms.length);
    for (let i = 0; i < arm.length; i++) total[arm[i]] += weight === undefined ? 1 : weight[i];
    const empty = total.findIndex((sum) => sum === 0);
    if (empty >= 0)
      throw dataError(
        `${model.id}: arm "${arms[empty]}" of ${data.name} has no rows${weight === undefined ? "" : " with a weight above 0"}; leave the arm out or bring data for it`,
      );
  }
  if (needs.includes("outcome")) {
    const y = data.outcome();
    let first = Number.NaN;
    let varies = false;
    for (let i = 0; i < y.length && !varies; i++) {
      if (weight !== undefined && weight[i] === 0) continue;
      if (Number.isNaN(first)) first = y[i];
      else varies = y[i] !== first;
    }
    if (!varies && data.rows > 1)
      throw dataError(
        `${model.id}: ${data.at(data.roles.outcomes[0])} is ${first} in every row, so there is no effect to learn; check the outcome, or bring more rows`,
      );
  }
}

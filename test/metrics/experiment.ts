import { Dataset, numberColumn } from "../../src/data/dataset.ts";
import type { CategoryColumn, NumberColumn, Roles } from "../../src/data/schema.ts";

/** Columns of a small experiment; `t` indexes `arms`, the first of which is the control. */
export interface Columns {
  readonly y: ArrayLike<number>;
  readonly t?: ArrayLike<number>;
  readonly arms?: readonly string[];
  readonly weight?: ArrayLike<number>;
  readonly group?: ArrayLike<number>;
  /** By treated arm. */
  readonly propensity?: readonly ArrayLike<number>[];
  /** By treated arm. */
  readonly effect?: readonly ArrayLike<number>[];
}

export function experiment({ y, t, arms = ["control", "treated"], weight, group, propensity, effect }: Columns): Dataset {
  const columns: (NumberColumn | CategoryColumn)[] = [numberColumn("y", y)];
  const add = (name: string, values: ArrayLike<number> | undefined): string | undefined => {
    if (values !== undefined) columns.push(numberColumn(name, values));
    return values === undefined ? undefined : name;
  };
  const byArm = (part: string, list: readonly ArrayLike<number>[] | undefined): Record<string, string> | undefined =>
    list === undefined ? undefined : Object.fromEntries(list.map((values, k) => [arms[k + 1], add(`${part} ${arms[k + 1]}`, values) as string]));
  if (t !== undefined) columns.push({ kind: "category", name: "t", codes: Int32Array.from(t), levels: arms });
  const roles: Roles = {
    features: [],
    outcomes: ["y"],
    treatment: t === undefined ? undefined : { column: "t", control: arms[0] },
    weight: add("w", weight),
    group: add("g", group),
    propensity: byArm("p", propensity),
    effect: byArm("effect", effect),
  };
  return new Dataset(columns, roles, "test data");
}

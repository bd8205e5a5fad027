import { dataError } from "../base/errors.ts";
import { type Dataset, numberColumn } from "../data/dataset.ts";
import type { Column, Roles } from "../data/schema.ts";
import { knownPropensities } from "../metrics/arm.ts";

/**
 * The rows of the control and of one arm as an experiment of its own, with all its columns: what a model for two arms is fitted on.
 * Known propensities become conditional on being in one of the two.
 *
 * @throws LiftwiseError (data) when one of the two has no row
 */
export function pairData(data: Dataset, arm: string): Dataset {
  const { arms, arm: code } = data.treatment();
  const index = arms.indexOf(arm);
  const rows = Int32Array.from({ length: data.rows }, (_, i) => i).filter((i) => code[i] === 0 || code[i] === index);
  const codes = rows.map((row) => (code[row] === 0 ? 0 : 1));
  const treated = codes.reduce((sum, t) => sum + t, 0);
  const empty = treated === 0 ? arm : treated === rows.length ? arms[0] : undefined;
  if (empty !== undefined) throw dataError(`${data.name}: no row of arm "${empty}" is left to learn from; bring more rows, or leave this arm out`);
  const own = (part: string): string => `${part} of ${arm} against ${arms[0]}`;
  const columns: Column[] = [{ kind: "category", name: own("treatment"), codes, levels: [arms[0], arm] }];
  const { cost, potential, effect } = data.roles;
  const known = knownPropensities(data);
  const roles: Partial<Roles> = {
    treatment: { column: own("treatment"), control: arms[0] },
    propensity: known === undefined ? undefined : { [arm]: own("propensity") },
    cost: keep(cost, [arm]),
    potential: keep(potential, [arms[0], arm]),
    effect: keep(effect, [arm]),
  };
  if (known !== undefined)
    columns.push(
      numberColumn(
        own("propensity"),
        Float64Array.from(rows, (i) => known[index][i] / (known[index][i] + known[0][i])),
      ),
    );
  return data
    .withRoles({ treatment: undefined, propensity: undefined, cost: undefined, potential: undefined, effect: undefined })
    .take(rows)
    .withColumns(columns, roles);
}

function keep(byArm: Readonly<Record<string, string>> | undefined, arms: readonly string[]): Readonly<Record<string, string>> | undefined {
  const kept = Object.entries(byArm ?? {}).filter(([arm]) => arms.includes(arm));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

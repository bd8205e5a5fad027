import { dataError, oneOf, usageError } from "../base/errors.ts";
import { Dataset, numberColumn, takeColumn } from "../data/dataset.ts";
import type { Column, Roles } from "../data/schema.ts";

/** One treated arm laid against control, and what is known of how rows came to be in either. */
export interface Pair {
  readonly control: string;
  readonly arm: string;
  /** Its index in the dataset's arms; control is 0. */
  readonly index: number;
  /** Whether there are no other arms. */
  readonly alone: boolean;
  /** Known P(arm | arm or control) by row of the dataset. */
  readonly propensity: Float64Array | undefined;
  /** Known P(arm or control) by row, where there are other arms: rows of the pair stand for 1 / share rows each. */
  readonly share: Float64Array | undefined;
}

/**
 * The rows of one treated arm and of control.
 * @throws LiftwiseError (usage) when there are several treated arms and none is named, or the name is not one of them.
 */
export function pairOf(data: Dataset, arm?: string): Pair {
  const { arms } = data.treatment();
  const treated = arms.slice(1);
  if (arm === undefined && treated.length > 1)
    throw usageError(`${data.name}: there are ${treated.length} treated arms (${oneOf(treated)}); say which one to compare with control by the option arm`);
  const index = arm === undefined ? 1 : arms.indexOf(arm);
  if (index === 0) throw usageError(`${data.name}: arm "${arm}" is the control itself; choose ${oneOf(treated)}`);
  if (index < 0) throw usageError(`${data.name}: there is no arm "${arm}"; choose ${oneOf(treated)}`);
  const alone = treated.length === 1;
  const known = knownPropensities(data);
  if (known === undefined) return { control: arms[0], arm: arms[index], index, alone, propensity: undefined, share: undefined };
  if (alone) return { control: arms[0], arm: arms[index], index, alone, propensity: known[1], share: undefined };
  const share = known[0].map((e, i) => e + known[index][i]);
  return { control: arms[0], arm: arms[index], index, alone, propensity: known[index].map((e, i) => e / share[i]), share };
}

/**
 * Known probability of every arm by row, control first (what the treated arms leave), or undefined when none is known.
 * @throws LiftwiseError (data) when they are known for some arms only, or leave nothing for control
 */
export function knownPropensities(data: Dataset): readonly Float64Array[] | undefined {
  const { arms } = data.treatment();
  const treated = arms.slice(1);
  const known = treated.map((arm) => data.propensity(arm));
  if (known.every((e) => e === undefined)) return undefined;
  const lacking = treated.filter((_, k) => known[k] === undefined);
  if (lacking.length > 0)
    throw dataError(
      `${data.name}: the propensity of arm ${oneOf(lacking)} is not known while that of others is; name a propensity column for every treated arm`,
    );
  const list = known as Float64Array[];
  const control = new Float64Array(data.rows).fill(1);
  for (const e of list) for (let i = 0; i < control.length; i++) control[i] -= e[i];
  const bad = control.findIndex((e) => !(e > 0));
  if (bad >= 0)
    throw dataError(
      `${data.name}: the propensities of the treated arms sum to ${1 - control[bad]} in row ${bad + 1}, which leaves nothing for control "${arms[0]}"; correct them`,
    );
  return [control, ...list];
}

/** Scores with the data they are scored on. */
export interface ScoredData {
  readonly prediction: Float64Array;
  readonly data: Dataset;
  /** Row of the whole dataset behind each row of `data`. */
  readonly rows: Int32Array;
}

/**
 * Control and one treated arm as an experiment of two arms, for metrics and for other tools that know two arms only.
 *
 * Where propensities are known, the new propensity is P(arm | arm or control) and the new weight is the old one over P(arm or control),
 * so that the rows kept stand for the whole population. Needs no more than `metric.score(..., { arm })` for the metrics of this folder.
 */
export function againstControl(prediction: Float64Array, data: Dataset, arm?: string): ScoredData {
  const pair = pairOf(data, arm);
  const { arm: armOf } = data.treatment();
  const recommended = new Int32Array(data.rows).fill(pair.index);
  return reduce(
    data,
    prediction,
    recommended,
    (i) => armOf[i] === 0 || armOf[i] === pair.index,
    pair.arm,
    (e, i) => e[pair.index][i],
  );
}

/** What `bestArm` asks of a prediction: the effect of each treated arm, n values in units of the outcome. */
export interface ArmEffects {
  readonly arms: readonly string[];
  readonly effect: readonly Float64Array[];
}

/**
 * The policy "to each row the arm with the largest predicted effect" as an experiment of two arms: the score is that effect, and a row is
 * kept when it is in control or happened to get the arm recommended for it. Rows are weighted by 1 / P(control or the recommended arm) and
 * have the propensity P(recommended | either), from the known propensities or else from the arms' shares of rows; arms of unequal size
 * therefore distort nothing. The treated arm of the new data is called "best"; equal effects go to the arm that comes first.
 */
export function bestArm(
  effects: ArmEffects,
  data: Dataset,
): ScoredData & { /** Index of the recommended arm, by row of `data`. */ readonly recommended: Int32Array } {
  const { arm: armOf, arms } = data.treatment();
  const index = effects.arms.map((arm) => arms.indexOf(arm));
  const stranger = index.findIndex((k) => k <= 0);
  if (stranger >= 0 || index.length === 0)
    throw dataError(`${data.name}: effects are given for arm "${effects.arms[stranger]}", which is not a treated arm of the data (${oneOf(arms.slice(1))})`);
  const recommended = new Int32Array(data.rows);
  const score = new Float64Array(data.rows).fill(Number.NEGATIVE_INFINITY);
  for (let k = 0; k < index.length; k++) {
    const effect = effects.effect[k];
    for (let i = 0; i < data.rows; i++) {
      if (Number.isNaN(effect[i]))
        throw dataError(`${data.name}: the effect of arm "${effects.arms[k]}" is missing in row ${i + 1}; a best arm needs them all`);
      if (effect[i] > score[i]) [score[i], recommended[i]] = [effect[i], index[k]];
    }
  }
  const known = knownPropensities(data) ?? armShares(data);
  const kept = reduce(
    data,
    score,
    recommended,
    (i) => armOf[i] === 0 || armOf[i] === recommended[i],
    "best",
    (_, i) => known[recommended[i]][i],
    known,
  );
  return { ...kept, recommended: Int32Array.from(kept.rows, (i) => recommended[i]) };
}

function reduce(
  data: Dataset,
  prediction: Float64Array,
  recommended: Int32Array,
  keep: (row: number) => boolean,
  name: string,
  propensityOf: (known: readonly Float64Array[], row: number) => number,
  known: readonly Float64Array[] | undefined = knownPropensities(data),
): ScoredData {
  const { arm: armOf, arms } = data.treatment();
  const rows = Int32Array.from({ length: data.rows }, (_, i) => i).filter(keep);
  const { roles } = data;
  const carried = [...new Set([...roles.outcomes, ...[roles.group, roles.time].filter((column) => column !== undefined)])];
  const columns: Column[] = carried.map((column) => takeColumn(data.column(column), rows));
  // Names no column of the data can have by accident: they are seen in error messages only.
  const own = (part: string): string => `${part} of ${name} against ${arms[0]}`;
  columns.push({ kind: "category", name: own("treatment"), codes: Int32Array.from(rows, (i) => (armOf[i] === 0 ? 0 : 1)), levels: [arms[0], name] });
  const weight = data.weight();
  let role: Partial<Roles> = {};
  if (known !== undefined) {
    const reach = Float64Array.from(rows, (i) => known[0][i] + propensityOf(known, i));
    columns.push(
      numberColumn(
        own("weight"),
        reach.map((share, k) => (weight?.[rows[k]] ?? 1) / share),
      ),
    );
    columns.push(
      numberColumn(
        own("propensity"),
        reach.map((share, k) => propensityOf(known, rows[k]) / share),
      ),
    );
    role = { weight: own("weight"), propensity: { [name]: own("propensity") } };
  } else if (roles.weight !== undefined) {
    columns.push(takeColumn(data.column(roles.weight), rows));
    role = { weight: roles.weight };
  }
  const truth = arms.map((arm, k) => (k === 0 ? undefined : data.trueEffect(arm)));
  if (rows.every((i) => truth[recommended[i]] !== undefined)) {
    columns.push(
      numberColumn(
        own("effect"),
        Float64Array.from(rows, (i) => (truth[recommended[i]] as Float64Array)[i]),
      ),
    );
    role = { ...role, effect: { [name]: own("effect") } };
  }
  const reduced = new Dataset(
    columns,
    {
      ...role,
      features: [],
      outcomes: roles.outcomes,
      group: roles.group,
      time: roles.time,
      treatment: { column: own("treatment"), control: arms[0] },
    },
    data.name,
  );
  return { prediction: Float64Array.from(rows, (i) => prediction[i]), data: reduced, rows };
}

/** Each arm's share of the (weighted) rows, as one constant array an arm. */
function armShares(data: Dataset): readonly Float64Array[] {
  const { arm, arms } = data.treatment();
  const weight = data.weight();
  const total = new Float64Array(arms.length);
  let all = 0;
  for (let i = 0; i < arm.length; i++) {
    const w = weight?.[i] ?? 1;
    total[arm[i]] += w;
    all += w;
  }
  return arms.map((_, k) => new Float64Array(data.rows).fill(total[k] / all));
}

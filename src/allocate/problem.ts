import { dataError, usageError } from "../base/errors.ts";

/** Limits of an allocation; arms are counted from 0 in the order of the gains. */
export interface AllocationOptions {
  /** Most that may be spent, in the unit of the costs. No limit by default. */
  readonly budget?: number;
  /** Most units in each arm; `undefined` for no limit. */
  readonly caps?: readonly (number | undefined)[];
  /** Fewest units in each arm; `undefined` for none. */
  readonly floors?: readonly (number | undefined)[];
  /** Whether a unit may be left untreated, at no gain and no cost. Defaults to true. */
  readonly nobody?: boolean;
  /** What to choose by in place of the gains: lower bounds of them, to be cautious. The result still reports the gains. */
  readonly decideBy?: readonly Float64Array[];
}

/** A checked problem. Option 0 is to do nothing, option k the arm k - 1. */
export interface Problem {
  readonly n: number;
  /** Arms, without doing nothing. */
  readonly arms: number;
  /** What is maximised: one array of n an option; the first holds zeros. */
  readonly value: readonly Float64Array[];
  readonly cost: readonly Float64Array[];
  readonly budget: number;
  /** By option; those of doing nothing are Infinity and 0, or 0 and 0 where it is not allowed. */
  readonly cap: Float64Array;
  readonly floor: Float64Array;
}

/**
 * @param gain one array of n an arm: the effect of the arm on each unit, against doing nothing
 * @param cost of each arm, at least 0: one number for all units, or an array of n
 * @throws LiftwiseError (data) for a gain or cost that is not a number, naming its row; (usage) for limits that no allocation can keep
 */
export function checked(gain: readonly Float64Array[], cost: readonly (number | Float64Array)[], options: AllocationOptions): Problem {
  const { budget = Number.POSITIVE_INFINITY, caps = [], floors = [], nobody = true, decideBy = gain } = options;
  const arms = gain.length;
  if (arms === 0) throw usageError("allocate: needs the gains of at least one arm");
  const n = gain[0].length;
  for (const [what, columns] of [
    ["gain", gain],
    ["decideBy", decideBy],
  ] as const) {
    if (columns.length !== arms) throw usageError(`allocate: ${what} must have one array for each of ${arms} arms, got ${columns.length}`);
    columns.forEach((values, k) => requireNumbers(values, n, `${what} of arm ${k + 1}`, Number.NEGATIVE_INFINITY));
  }
  if (cost.length !== arms) throw usageError(`allocate: needs a cost for each of ${arms} arms, got ${cost.length}; give 0 for an arm that costs nothing`);
  const costs = cost.map((c, k) => {
    const column = typeof c === "number" ? new Float64Array(n).fill(c) : c;
    requireNumbers(column, n, `cost of arm ${k + 1}`, 0);
    return column;
  });
  if (!(budget >= 0)) throw usageError(`allocate: budget must be at least 0, got ${budget}`);
  const cap = Float64Array.from({ length: arms + 1 }, (_, k) =>
    k === 0 ? (nobody ? Number.POSITIVE_INFINITY : 0) : limit(caps[k - 1], Number.POSITIVE_INFINITY, "cap", k),
  );
  const floor = Float64Array.from({ length: arms + 1 }, (_, k) => (k === 0 ? 0 : limit(floors[k - 1], 0, "floor", k)));
  for (const [what, list] of [
    ["caps", caps],
    ["floors", floors],
  ] as const)
    if (list.length > arms) throw usageError(`allocate: ${what} has ${list.length} entries for ${arms} arms`);
  const crossed = cap.findIndex((most, k) => most < floor[k]);
  if (crossed >= 0)
    throw usageError(`allocate: arm ${crossed} must have at least ${floor[crossed]} and at most ${cap[crossed]} units; lower the floor or raise the cap`);
  const least = floor.reduce((sum, units) => sum + units, 0);
  if (least > n) throw usageError(`allocate: the floors ask for ${least} units and there are ${n}; lower them`);
  const most = cap.reduce((sum, units) => sum + units, 0);
  if (most < n) throw usageError(`allocate: the caps leave room for ${most} of ${n} units, and nobody may be left out; raise them, or allow leaving units out`);
  const zero = new Float64Array(n);
  return { n, arms, value: [zero, ...decideBy], cost: [zero, ...costs], budget, cap, floor };
}

function limit(given: number | undefined, otherwise: number, what: string, arm: number): number {
  if (given === undefined) return otherwise;
  if (!(given >= 0)) throw usageError(`allocate: the ${what} of arm ${arm} is a number of units, at least 0; got ${given}`);
  return what === "cap" ? Math.floor(given) : Math.ceil(given);
}

function requireNumbers(values: Float64Array, n: number, what: string, least: number): void {
  if (values.length !== n) throw usageError(`allocate: ${what} has ${values.length} units where the first arm has ${n}`);
  for (let i = 0; i < n; i++)
    if (!(Math.abs(values[i]) < Number.POSITIVE_INFINITY && values[i] >= least))
      throw dataError(`allocate: ${what} is ${values[i]} for unit ${i + 1}; it must be finite${least === 0 ? " and at least 0" : ""}`);
}

/** Whether anything but the budget limits the choice. */
export function hasCounts({ cap, floor, n }: Problem): boolean {
  return cap.some((most, k) => k > 0 && most < n) || floor.some((least) => least > 0);
}

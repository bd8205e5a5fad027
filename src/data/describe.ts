import { type Dataset, outcomeKind } from "./dataset.ts";
import { type Column, columnLength, type OutcomeKind } from "./schema.ts";

/** What data holds, before any model: arms, outcomes, missing values, balance. Plain JSON. Means and balance honour row weights; counts do not. */
export interface DataSummary {
  readonly name: string;
  readonly rows: number;
  /** Of the file, or of the columns: see `hashColumns`. */
  readonly sha256?: string;
  /** Empty where no treatment is declared, as is `arms`. */
  readonly control: string;
  /** Control first. */
  readonly arms: readonly { readonly arm: string; readonly rows: number; readonly share: number }[];
  /** `mean` by arm, over the rows where the outcome is known; NaN in an arm without any. Without a treatment its one key is "all". */
  readonly outcomes: readonly {
    readonly name: string;
    readonly kind: OutcomeKind;
    readonly missing: number;
    readonly mean: Readonly<Record<string, number>>;
  }[];
  readonly features: readonly { readonly name: string; readonly kind: string; readonly missing: number; readonly levels?: number }[];
  /** Standardised mean difference of every feature (level) between arm and control; |smd| over 0.1 is worth a look. */
  readonly balance: readonly { readonly feature: string; readonly arm: string; readonly smd: number }[];
}

export interface DescribeOptions {
  /** Most levels of a feature with a line of their own in the balance, the most frequent first; the others are taken together. Defaults to 50. */
  readonly levels?: number;
}

/**
 * Summary of a dataset.
 *
 * The standardised mean difference is (mean in arm - mean in control) / sqrt((variance in arm + variance in control) / 2) (Austin2009), over known
 * values; a level `channel=Web` counts as 0 or 1, and so does `x (missing)` where values of x are missing. It is 0 where neither arm varies and the
 * means agree, infinite where they do not, and NaN where an arm has no known value. Sequences are balanced by their length.
 */
export function describe(data: Dataset, options: DescribeOptions = {}): DataSummary {
  const treatment = data.roles.treatment === undefined ? undefined : data.treatment();
  const arm = treatment?.arm ?? new Int32Array(data.rows);
  const weight = data.weight();
  const counts = new Int32Array(treatment?.arms.length ?? 1);
  for (const a of arm) counts[a]++;
  const names = treatment?.arms ?? ["all"];
  return {
    name: data.name,
    rows: data.rows,
    control: treatment?.arms[0] ?? "",
    arms: (treatment?.arms ?? []).map((name, a) => ({ arm: name, rows: counts[a], share: counts[a] / data.rows })),
    outcomes: data.roles.outcomes.map((name) => {
      const y = data.outcome(name);
      const moments = momentsByArm(arm, names.length, weight, (i) => y[i]);
      return { name, kind: outcomeKind(y), missing: missingIn(data.column(name)), mean: Object.fromEntries(names.map((n, a) => [n, moments[a].mean])) };
    }),
    features: data.features().columns.map((column) => ({
      name: column.name,
      kind: column.kind,
      missing: missingIn(column),
      ...(column.kind === "category" ? { levels: column.levels.length } : {}),
    })),
    balance: treatment === undefined ? [] : data.features().columns.flatMap((column) => balanceOf(column, arm, treatment.arms, weight, options.levels ?? 50)),
  };
}

/** Missing values of a column; an empty sequence is missing. */
export function missingIn(column: Column): number {
  let n = 0;
  const rows = columnLength(column);
  for (let i = 0; i < rows; i++) if (isMissing(column, i)) n++;
  return n;
}

function isMissing(column: Column, row: number): boolean {
  if (column.kind === "number") return Number.isNaN(column.values[row]);
  return column.kind === "category" ? column.codes[row] < 0 : column.offsets[row] === column.offsets[row + 1];
}

interface Moments {
  readonly mean: number;
  /** Weighted by w / sum w, without correction for the sample's size: it cancels between arms of a size that matters. */
  readonly variance: number;
}

// Two passes, so that a large mean does not swallow a small variance.
function momentsByArm(arm: Int32Array, arms: number, weight: Float64Array | undefined, value: (row: number) => number): Moments[] {
  const [w, sum, square] = [new Float64Array(arms), new Float64Array(arms), new Float64Array(arms)];
  for (let i = 0; i < arm.length; i++) {
    const v = value(i);
    if (Number.isNaN(v)) continue;
    const wi = weight === undefined ? 1 : weight[i];
    w[arm[i]] += wi;
    sum[arm[i]] += wi * v;
  }
  for (let i = 0; i < arm.length; i++) {
    const v = value(i);
    if (Number.isNaN(v)) continue;
    const a = arm[i];
    square[a] += (weight === undefined ? 1 : weight[i]) * (v - sum[a] / w[a]) ** 2;
  }
  return Array.from(w, (wa, a) => ({ mean: sum[a] / wa, variance: square[a] / wa }));
}

function balanceOf(column: Column, arm: Int32Array, arms: readonly string[], weight: Float64Array | undefined, most: number): DataSummary["balance"] {
  const lines: { feature: string; arm: string; smd: number }[] = [];
  const add = (feature: string, moments: readonly Moments[]): void => {
    for (let a = 1; a < arms.length; a++) lines.push({ feature, arm: arms[a], smd: standardised(moments[a], moments[0]) });
  };
  const numeric = (value: (row: number) => number): Moments[] => momentsByArm(arm, arms.length, weight, value);
  if (column.kind === "number")
    add(
      column.name,
      numeric((i) => column.values[i]),
    );
  else if (column.kind === "sequence")
    add(
      `${column.name} (length)`,
      numeric((i) => column.offsets[i + 1] - column.offsets[i]),
    );
  else for (const [level, moments] of levelShares(column.codes, column.levels, arm, arms.length, weight, most)) add(`${column.name}${level}`, moments);
  if (column.kind !== "sequence" && missingIn(column) > 0)
    add(
      `${column.name} (missing)`,
      numeric((i) => (isMissing(column, i) ? 1 : 0)),
    );
  return lines;
}

/** Share of each level among the known values of each arm, in one pass however many levels there are. */
function levelShares(
  codes: Int32Array,
  levels: readonly string[],
  arm: Int32Array,
  arms: number,
  weight: Float64Array | undefined,
  most: number,
): [level: string, moments: Moments[]][] {
  const w = new Float64Array(levels.length * arms);
  const total = new Float64Array(arms);
  const rows = new Int32Array(levels.length);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (code < 0) continue;
    const wi = weight === undefined ? 1 : weight[i];
    w[code * arms + arm[i]] += wi;
    total[arm[i]] += wi;
    rows[code]++;
  }
  const share = (members: readonly number[]): Moments[] =>
    Array.from(total, (t, a) => {
      let p = 0;
      for (const code of members) p += w[code * arms + a];
      p /= t;
      return { mean: p, variance: p * (1 - p) };
    });
  const frequent = levels
    .map((_, code) => code)
    .toSorted((a, b) => rows[b] - rows[a] || a - b)
    .slice(0, levels.length > most ? most : levels.length);
  const kept = new Set(frequent);
  const rest = levels.map((_, code) => code).filter((code) => !kept.has(code));
  const lines: [string, Moments[]][] = [...kept].toSorted((a, b) => a - b).map((code) => [`=${levels[code]}`, share([code])]);
  return rest.length === 0 ? lines : [...lines, [` (${rest.length} other levels)`, share(rest)]];
}

// Austin2009
function standardised(a: Moments, control: Moments): number {
  const difference = a.mean - control.mean;
  return difference === 0 ? 0 : difference / Math.sqrt((a.variance + control.variance) / 2);
}

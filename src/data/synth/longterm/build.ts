import { Dataset, numberColumn } from "../../dataset.ts";
import { historySample, unlogged } from "../../longterm.ts";
import type { Column } from "../../schema.ts";

/** Units of one sample, arrays of n. */
export interface SampleDraw {
  readonly x: readonly Float64Array[];
  /** Surrogates by column. */
  readonly s: readonly Float64Array[];
  /** Arm index; in history it is hidden where `hidden` is set below. */
  readonly arm: ArrayLike<number>;
  /** The outcome that happened. */
  readonly y: Float64Array;
  /** Expected long-term effect given x of each treated arm. */
  readonly effect: readonly Float64Array[];
  readonly e?: readonly Float64Array[];
  /** Further columns, seen by no model. */
  readonly more?: Readonly<Record<string, Float64Array>>;
}

export interface LongtermParts {
  readonly name: string;
  readonly features: readonly string[];
  readonly surrogates: readonly string[];
  readonly outcome: string;
  /** Control first. */
  readonly arms: readonly string[];
  readonly history: SampleDraw;
  readonly experiment: SampleDraw;
  /** History does not say who had the treatment. */
  readonly hidden: boolean;
}

/**
 * Both samples as one dataset. The experiment's outcome is not in the outcome column, but in `y_later`, which has no part: nothing may be learned from it.
 * The truth of both samples is in `effect_ARM`; where history hides the arm, it stands in `latent`.
 */
export function longtermDataset({ name, features, surrogates, outcome, arms, history, experiment, hidden }: LongtermParts): Dataset {
  const [h, e] = [history.y.length, experiment.y.length];
  const n = h + e;
  const both = (of: (draw: SampleDraw) => ArrayLike<number> | undefined): Float64Array => {
    const out = new Float64Array(n).fill(Number.NaN);
    const [above, below] = [of(history), of(experiment)];
    if (above !== undefined) out.set(above);
    if (below !== undefined) out.set(below, h);
    return out;
  };
  const levels = hidden ? [...arms, unlogged] : arms;
  const arm = Int32Array.from({ length: n }, (_, i) => (i >= h ? experiment.arm[i - h] : hidden ? arms.length : history.arm[i]));
  const treated = arms.slice(1);
  const known = experiment.e !== undefined;
  const extra = [...new Set([...Object.keys(history.more ?? {}), ...Object.keys(experiment.more ?? {})])];
  const columns: Column[] = [
    ...features.map((column, j) =>
      numberColumn(
        column,
        both((draw) => draw.x[j]),
      ),
    ),
    ...surrogates.map((column, j) =>
      numberColumn(
        column,
        both((draw) => draw.s[j]),
      ),
    ),
    { kind: "category", name: "treatment", codes: arm, levels },
    numberColumn(outcome, withoutLater(history.y, e)),
    { kind: "category", name: "sample", codes: Int32Array.from({ length: n }, (_, i) => (i < h ? 0 : 1)), levels: [historySample, "experiment"] },
    ...treated.map((a, k) =>
      numberColumn(
        `effect_${a}`,
        both((draw) => draw.effect[k]),
      ),
    ),
    numberColumn(
      "y_later",
      both((draw) => (draw === experiment ? draw.y : undefined)),
    ),
    ...(hidden
      ? [
          numberColumn(
            "latent",
            both((draw) => (draw === history ? draw.arm : undefined)),
          ),
        ]
      : []),
    ...(known
      ? treated.map((a, k) =>
          numberColumn(
            `e_${a}`,
            both((draw) => draw.e?.[k] ?? new Float64Array(draw.y.length).fill(0.5)),
          ),
        )
      : []),
    ...extra.map((column) =>
      numberColumn(
        column,
        both((draw) => draw.more?.[column]),
      ),
    ),
  ];
  return new Dataset(
    columns,
    {
      features,
      treatment: { column: "treatment", control: arms[0] },
      outcomes: [outcome],
      surrogates,
      sample: { column: "sample", history: historySample },
      effect: Object.fromEntries(treated.map((a) => [a, `effect_${a}`])),
      propensity: known ? Object.fromEntries(treated.map((a) => [a, `e_${a}`])) : undefined,
    },
    name,
  );
}

function withoutLater(y: Float64Array, more: number): Float64Array {
  const out = new Float64Array(y.length + more).fill(Number.NaN);
  out.set(y);
  return out;
}

/** n arrays of m zeros. */
export function table(columns: number, rows: number): Float64Array[] {
  return Array.from({ length: columns }, () => new Float64Array(rows));
}

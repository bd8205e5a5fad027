import type { Json } from "../base/state.ts";
import type { OutcomeKind } from "../data/schema.ts";
import type { Curve, Score } from "../metrics/contract.ts";

/** The result of `compare`: plain data, from which table, JSON and report are made. Typed arrays become lists in JSON. */
export interface Comparison {
  readonly format: "liftwise-comparison/1";
  readonly liftwise: string;
  readonly seed: number;
  /** Everything needed to run it again: source, roles, models with their config after defaults, metrics, split. */
  readonly resolved: Json;
  readonly data: DataSummary;
  readonly split: { readonly how: string; readonly trainRows: number; readonly testRows: number };
  /** Average effect of each arm on each outcome, over all rows. */
  readonly effects: readonly ArmEffect[];
  /** One entry a model, outcome and arm (`arm: "best"` for the policy of the best arm, where there are several treated arms). */
  readonly results: readonly ModelResult[];
  readonly warnings: readonly string[];
}

export interface DataSummary {
  readonly name: string;
  readonly rows: number;
  readonly sha256?: string;
  readonly control: string;
  readonly arms: readonly { readonly arm: string; readonly rows: number; readonly share: number }[];
  readonly outcomes: readonly {
    readonly name: string;
    readonly kind: OutcomeKind;
    readonly missing: number;
    readonly mean: Readonly<Record<string, number>>;
  }[];
  readonly features: readonly { readonly name: string; readonly kind: string; readonly missing: number; readonly levels?: number }[];
  /** Standardised mean difference of every feature (level) between arm and control; |smd| over 0.1 is worth a look. */
  readonly balance: readonly { readonly feature: string; readonly arm: string; readonly smd: number }[];
  /** Sample ratio test against equal shares, only where the design is known to be equal or shares were given. */
  readonly sampleRatio?: { readonly expected: readonly number[]; readonly statistic: number; readonly pValue: number };
}

/** Average effect of one arm on one outcome, as a comparison stores it. */
export interface ArmEffect {
  readonly outcome: string;
  readonly arm: string;
  readonly control: string;
  /** Difference in means (or as `method` says), units of the outcome. */
  readonly value: number;
  readonly se: number;
  readonly interval: readonly [number, number];
  readonly pValue: number;
  readonly controlMean: number;
  readonly armMean: number;
  readonly method: string;
}

/** One model on one outcome and arm: scores, differences to the baseline, curves, calibration, segments. */
export interface ModelResult {
  readonly model: string;
  readonly outcome: string;
  readonly arm: string;
  readonly fitSeconds: number;
  readonly report: Json;
  readonly metrics: Readonly<Record<string, Score>>;
  /** Paired difference to the best baseline, by metric; absent for the baseline itself. */
  readonly differences: Readonly<Record<string, PairedDifference>>;
  readonly curves: { readonly uplift: Curve; readonly qini: Curve };
  /** Mean predicted against observed effect by decile of the prediction, best first. */
  readonly calibration: readonly DecileEffect[];
  /** What sets the top deciles apart: mean (or share of the level) of a feature in the top two deciles against all. */
  readonly segments: readonly { readonly feature: string; readonly level?: string; readonly top: number; readonly all: number; readonly smd: number }[];
}

export interface PairedDifference {
  readonly against: string;
  readonly value: number;
  readonly se: number;
  readonly interval: readonly [number, number];
  readonly pValue: number;
}

/** One tenth of the ranking: predicted and observed effect. */
export interface DecileEffect {
  readonly decile: number;
  readonly rows: number;
  readonly predicted: number;
  readonly observed: number;
  readonly se: number;
  readonly interval: readonly [number, number];
}

/** What a column holds. A missing number is NaN, a missing category has code -1, a missing sequence is empty. */
export type Column = NumberColumn | CategoryColumn | SequenceColumn;

/** n numbers; NaN is missing. Dates are milliseconds since 1970 (UTC); false and true are 0 and 1. */
export interface NumberColumn {
  readonly kind: "number";
  readonly name: string;
  readonly values: Float64Array;
}

/** n codes into `levels`; -1 is missing. */
export interface CategoryColumn {
  readonly kind: "category";
  readonly name: string;
  readonly codes: Int32Array;
  readonly levels: readonly string[];
}

/** n lists laid end to end: row i holds `values[offsets[i]] .. values[offsets[i + 1] - 1]`; codes into `levels` where there are levels. */
export interface SequenceColumn {
  readonly kind: "sequence";
  readonly name: string;
  readonly offsets: Int32Array;
  readonly values: Float64Array;
  readonly levels?: readonly string[];
}

/** Every role, in the order of the help. */
export const roleNames = [
  "feature",
  "treatment",
  "lever",
  "outcome",
  "label",
  "surrogate",
  "weight",
  "group",
  "cost",
  "propensity",
  "potential",
  "effect",
  "time",
  "sample",
  "seller",
] as const;
/** What a column can be. */
export type Role = (typeof roleNames)[number];

/** Kind of an outcome, found from its values. */
export type OutcomeKind = "binary" | "count" | "continuous";

/** One of several ordered treatments that are chosen together. */
export interface LeverRole {
  readonly column: string;
  /** Ordered levels, the first being the baseline. */
  readonly levels: readonly string[];
  /** Dose of each level, in the lever's own unit; defaults to 0, 1, 2, ... */
  readonly doses?: readonly number[];
  /** Cost of each level; absent when costs are unknown. */
  readonly costs?: readonly number[];
}

/**
 * Candidate sellers of users: one row for each user and seller, the rows of a user sharing the `group`. The treatment says whether the seller's incentive was
 * given, the primary outcome what the user spent at the seller. What is said here goes to a model with the part in brackets.
 */
export interface SellersRole {
  /** Category or segment of the seller: sellers of one category are expected to compete most. [seller] */
  readonly category?: string;
  /** Who the seller is; told apart for checks and rates, never learned. [group] */
  readonly seller?: string;
  /** Features that describe the incentive: they matter where it is given, and are the offer where it is not. [seller] */
  readonly incentives: readonly string[];
  /** Whether the seller's incentive is given (1) or not (0) in the campaign that predictions are about: the setting of the rivals. The treatment unless named. [seller] */
  readonly planned?: string;
  /** Whether the incentive was redeemed, 0 or 1; 0 where none was given. [label] */
  readonly redeemed?: string;
  /** What the user spent on the whole platform, candidates included: the same in all rows of the user. [outcome] */
  readonly platform?: string;
  /** Arm of the user where users were randomised: 1 where incentives were given as planned, 0 where all were withheld. [treatment] */
  readonly arm?: string;
}

/**
 * Which column plays which part. Columns with no part stay in the dataset and are seen by no model.
 * Records keyed by arm never hold the control, except `potential`, which holds every arm.
 */
export interface Roles {
  readonly features: readonly string[];
  /** Who got what: a category, or a number with few values; `control` names the arm everything is compared with. */
  readonly treatment?: { readonly column: string; readonly control: string };
  readonly levers?: readonly LeverRole[];
  readonly sellers?: SellersRole;
  /** The first is the primary one. */
  readonly outcomes: readonly string[];
  readonly labels?: readonly string[];
  readonly surrogates?: readonly string[];
  /** Row weights, finite and >= 0. */
  readonly weight?: string;
  /** Rows of one group belong together: a user, a shop, a cluster. */
  readonly group?: string;
  /** Time of the row, for splits in time. */
  readonly time?: string;
  /** Which of two samples a row is from: `history` names those of the past, all others are of the experiment, whose outcome is not known yet. */
  readonly sample?: { readonly column: string; readonly history: string };
  /** Cost of treating the row, by arm. */
  readonly cost?: Readonly<Record<string, string>>;
  /** Known probability of the row's being given the arm, strictly between 0 and 1, by arm. */
  readonly propensity?: Readonly<Record<string, string>>;
  /** Expected outcome under each arm, control included: known where a simulator made the data. */
  readonly potential?: Readonly<Record<string, string>>;
  /** True effect of each arm against control, where it is given directly. */
  readonly effect?: Readonly<Record<string, string>>;
}

/** What a model reads of each unit: the columns in their fixed order. */
export interface Features {
  readonly rows: number;
  readonly columns: readonly Column[];
}

/** Rows of a column. */
export function columnLength(column: Column): number {
  if (column.kind === "number") return column.values.length;
  if (column.kind === "category") return column.codes.length;
  return column.offsets.length - 1;
}

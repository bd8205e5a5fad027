/**
 * The layout of the multi-attribution benchmark (MAC2026): one row a click, in Parquet files whose indices are explained by one
 * vocabulary file a column (JSON, value -> index).
 */
export const userFields = ["user_feat0", "user_feat1", "user_feat2", "user_feat3", "user_feat4", "user_feat5"] as const;
export const adFields = [
  "ad_feat0",
  "ad_feat1",
  "ad_feat2",
  "ad_feat3",
  "ad_feat4",
  "ad_feat5",
  "context_feat0",
  "context_feat1",
  "context_feat2",
  "context_feat3",
] as const;
/** Behaviour sequences; each shares the vocabulary of the ad field of its name. */
export const sequenceFields = ["ad_feat0_seq", "ad_feat1_seq", "ad_feat2_seq"] as const;
/** Cosine similarities of the ad to the items of the sequence: by picture, by text. */
export const similarityFields = ["mm_feat0_seq", "mm_feat1_seq"] as const;
export const labelFields = ["first", "last", "mta", "linear"] as const;
export const sequenceLength = 20;

/** Clicks as typed arrays. Sequences and similarities are rows x 20, newest item last; index 0 is padding. */
export interface Clicks {
  readonly rows: number;
  /** Who clicked; for grouping only, never a feature. */
  readonly user: Int32Array;
  readonly fields: Readonly<Record<(typeof userFields)[number] | (typeof adFields)[number], Int32Array>>;
  readonly sequences: Readonly<Record<(typeof sequenceFields)[number], Int32Array>>;
  readonly similarities: Readonly<Record<(typeof similarityFields)[number], Float32Array>>;
  /** Credit of the click under each mechanism, >= 0; a model's label is credit > 0. */
  readonly credit: Readonly<Record<(typeof labelFields)[number], Float32Array>>;
}

/** Number of indices of each field, index 0 (unknown, padding) included. */
export type Vocabulary = Readonly<Record<(typeof userFields)[number] | (typeof adFields)[number], number>>;

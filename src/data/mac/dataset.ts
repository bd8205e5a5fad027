import { Dataset, numberColumn } from "../dataset.ts";
import type { Column, Roles, SequenceColumn } from "../schema.ts";
import { adFields, type Clicks, labelFields, sequenceFields, sequenceLength, similarityFields, userFields } from "./layout.ts";

/** The parts that the benchmark's columns play: 16 fields and 5 sequences are features, credits are labels, rows of a user belong together. */
export const clickRoles: Roles = {
  features: [...userFields, ...adFields, ...sequenceFields, ...similarityFields],
  outcomes: [],
  labels: labelFields,
  group: "user_id",
};

/** Rows `from .. to - 1` of clicks as a dataset whose columns are indices, as in the benchmark's files; with their times where they have them. */
export function clicksDataset(clicks: Clicks & { readonly time?: Float64Array }, from = 0, to: number = clicks.rows, name = "clicks"): Dataset {
  const n = to - from;
  const columns: Column[] = [numberColumn("user_id", clicks.user.subarray(from, to))];
  for (const field of [...userFields, ...adFields]) columns.push(numberColumn(field, clicks.fields[field].subarray(from, to)));
  const offsets = Int32Array.from({ length: n + 1 }, (_, i) => i * sequenceLength);
  const sequence = (field: string, values: Int32Array | Float32Array): SequenceColumn => ({
    kind: "sequence",
    name: field,
    offsets,
    values: Float64Array.from(values.subarray(from * sequenceLength, to * sequenceLength)),
  });
  for (const field of sequenceFields) columns.push(sequence(field, clicks.sequences[field]));
  for (const field of similarityFields) columns.push(sequence(field, clicks.similarities[field]));
  for (const label of labelFields) columns.push(numberColumn(label, clicks.credit[label].subarray(from, to)));
  if (clicks.time === undefined) return new Dataset(columns, clickRoles, name);
  columns.push({ kind: "number", name: "time", values: clicks.time.slice(from, to) });
  return new Dataset(columns, { ...clickRoles, time: "time" }, name);
}

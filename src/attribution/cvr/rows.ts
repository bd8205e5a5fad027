import { Dataset, numberColumn } from "../../data/dataset.ts";
import { clickRoles } from "../../data/mac/dataset.ts";
import { adFields, sequenceFields, similarityFields, userFields } from "../../data/mac/layout.ts";
import type { ClickRows } from "../../data/mac/read.ts";
import type { Column } from "../../data/schema.ts";

/** Rows of a click file as a dataset of features, to predict on. */
export function toDataset({ fields, sequences, similarities }: ClickRows): Dataset {
  const columns: Column[] = [...userFields, ...adFields].map((name) => numberColumn(name, fields[name]));
  for (const name of sequenceFields)
    columns.push({ kind: "sequence", name, offsets: sequences[name].offsets, values: Float64Array.from(sequences[name].values) });
  for (const name of similarityFields)
    columns.push({ kind: "sequence", name, offsets: similarities[name].offsets, values: Float64Array.from(similarities[name].values) });
  return new Dataset(columns, { features: clickRoles.features, outcomes: [] }, "clicks");
}

export { catalogue, type CatalogueEntry, catalogueEntry, catalogueNames } from "./catalogue.ts";
export { type DanfoConstructor, type DanfoFrame, fromDanfo, toDanfo } from "./danfo.ts";
export { asCategory, categoryColumn, Dataset, numberColumn, outcomeKind, type Treatment } from "./dataset.ts";
export { type DataSummary, describe } from "./describe.ts";
export { fetchDataset, type FetchOptions, type FetchProgress } from "./fetch.ts";
export { hashColumns } from "./hash.ts";
export { type CombineOptions, combineSamples, type Sample, type SurrogateGrid, surrogateGrid, twoSamples, type TwoSamples, unlogged } from "./longterm.ts";
export { openDataset, type OpenedSource, openSource, type RoleFlags } from "./open.ts";
export { type ReadOptions, readTable } from "./read.ts";
export { type Cell, fromRows } from "./rows.ts";
export {
  type CategoryColumn,
  type Column,
  columnLength,
  type Features,
  type LeverRole,
  type NumberColumn,
  type OutcomeKind,
  type Role,
  type Roles,
  roleNames,
  type SequenceColumn,
} from "./schema.ts";
export { folds, type Holdout, type HoldoutOptions, holdout, type SplitBy } from "./split.ts";
export { type Generator, generatorById, generators, simulate } from "./synth/index.ts";
export { writeTable } from "./write.ts";

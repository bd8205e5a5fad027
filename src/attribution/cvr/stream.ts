import { availableParallelism } from "node:os";
import { dataError, usageError } from "../../base/errors.ts";
import { parse } from "../../base/parse.ts";
import { Rng } from "../../base/rng.ts";
import type { Json } from "../../base/state.ts";
import * as c from "../../compute/index.ts";
import { clickRoles } from "../../data/mac/dataset.ts";
import { adFields, labelFields, sequenceFields, similarityFields, userFields, type Vocabulary } from "../../data/mac/layout.ts";
import { type ClickFolder, clickCount, clickRows, type ClickRows } from "../../data/mac/read.ts";
import { behindFrontDoor, type FittedModel } from "../../model/fit.ts";
import type { FittedSchema } from "../../model/schema.ts";
import { type ClickFields, similarityBins, similarityRow } from "./fields.ts";
import { indexInputs, notesOf, type Replaced } from "./inputs.ts";
import { conversionModels, fittedConversion } from "./model.ts";
import type { ConversionConfig } from "./settings.ts";
import { cartesianClass, type Head, mechanisms, structures } from "./structure.ts";
import { toDataset } from "./rows.ts";
import { headsOf, labelColumn, trainConversion } from "./train.ts";

/** Settings of `fitClicks`. */
export interface ClickFitOptions {
  readonly config?: unknown;
  /** Defaults to 1. */
  readonly seed?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly progress?: (share: number, what: string) => void;
}

/** Fields of the benchmark's layout, with the table sizes of its vocabularies. */
export function clickFields(vocabulary: Vocabulary, sequenceLength: number): ClickFields {
  return {
    user: userFields.map((name) => ({ name, size: vocabulary[name] })),
    ad: adFields.map((name) => ({ name, size: vocabulary[name] })),
    sequences: sequenceFields.map((name) => ({ name, table: name.replace(/_seq$/, ""), length: sequenceLength })),
    similarities: similarityFields,
  };
}

/**
 * Fits a conversion model to a folder in the benchmark's layout, reading its train files batch by batch in their order: beside the net and its
 * tables no more than a few batches are in memory, however many rows there are. The result is the same kind of model as `fit` gives.
 * @throws LiftwiseError (usage) for the config, (data) for files that lack a column or hold no rows
 */
export async function fitClicks(id: string, folder: ClickFolder, options: ClickFitOptions = {}): Promise<FittedModel<"attribution">> {
  const model = conversionModels.find((candidate) => candidate.id === id);
  if (model === undefined)
    throw usageError(`${id}: only conversion models are fitted to click files; choose one of ${conversionModels.map((one) => one.id).join(", ")}`);
  const { seed = 1, threads = availableParallelism(), signal = new AbortController().signal, progress = () => undefined } = options;
  const config = parse(model.config, options.config, `${id}: config`) as ConversionConfig;
  if (folder.train.length === 0) throw dataError(`${folder.path}: there are no train files; a model is fitted to train/*.parquet`);
  const rows = await clickCount(folder.train);
  if (rows === 0) throw dataError(`${folder.path}: the train files have no rows`);
  const structure = structures[model.id];
  const fields = clickFields(folder.vocabulary, config.sequenceLength);
  const inputs = indexInputs(fields);
  const heads = [...new Set(headsOf(structure, config))];
  const found: Replaced = { unknown: 0, cut: 0 };
  const positives: Record<string, number> = {};
  const columns = { ...inputs.spec, ...Object.fromEntries(heads.map((head) => [labelColumn(head), { shape: [], dtype: "int" as const }])) };
  const batchCount = Math.ceil(rows / config.batch);
  const source: c.Source = {
    columns,
    batchCount,
    batchRows: config.batch,
    batches: (epoch) => labelled(folder, fields, heads, config.batch, epoch === 0 ? found : { unknown: 0, cut: 0 }, epoch === 0 ? positives : {}),
  };
  const context = { rng: new Rng(seed).split("fit").split(id), threads, signal, progress };
  const { trained, engine, report } = await trainConversion({ structure, config, fields, source, context });
  const warnings = notesOf(found, config.sequenceLength);
  const full: Record<string, Json> = {
    rows,
    ...report,
    files: folder.train.length,
    positive: Object.fromEntries(heads.map((head) => [head, (positives[head] ?? 0) / rows])),
    ...(warnings.length > 0 ? { warnings } : {}),
  };
  const fitted = fittedConversion(model.id, config, { inputs, weights: trained.weights }, full, engine, threads);
  const schema: FittedSchema = {
    columns: clickRoles.features.map((name) => ({ name, kind: name.endsWith("_seq") ? "sequence" : "number" })),
    roles: { features: clickRoles.features, outcomes: [] },
    rows,
  };
  return behindFrontDoor(model, config, seed, schema, full, fitted);
}

/** Batches of `size` rows cut out of whatever the files give. */
async function* labelled(
  { train, vocabularies }: ClickFolder,
  fields: ClickFields,
  heads: readonly Head[],
  size: number,
  found: Replaced,
  positives: Record<string, number>,
): AsyncGenerator<c.Batch> {
  const labels = heads.includes("cartesian") ? mechanisms : heads;
  const collect = collector(fields, heads, size);
  for await (const part of clickRows(train, labels, vocabularies)) {
    for (let from = 0; from < part.rows; ) {
      from = collect.add(part, from, found);
      if (collect.full()) yield collect.take(positives);
    }
  }
  if (!collect.empty()) yield collect.take(positives);
}

interface Collector {
  /** Copies rows from `from` on until the batch is full; returns the first that was not copied. */
  add(part: ClickRows, from: number, found: Replaced): number;
  full(): boolean;
  empty(): boolean;
  take(positives: Record<string, number>): c.Batch;
}

function collector(fields: ClickFields, heads: readonly Head[], size: number): Collector {
  const single = [...fields.user, ...fields.ad];
  const sizes = new Map(single.map((field) => [field.name, field.size]));
  const ints = new Map<string, Int32Array>(single.map(({ name }) => [name, new Int32Array(size)]));
  const lists = new Map<string, Int32Array>(fields.sequences.map(({ name, length }) => [name, new Int32Array(size * length)]));
  const bins = new Map<string, Float32Array>(fields.similarities.map((name) => [name, new Float32Array(size * similarityBins)]));
  const classes = new Map<string, Int32Array>(heads.map((head) => [head, new Int32Array(size)]));
  let filled = 0;
  const known = (value: number, rows: number, found: Replaced): number => {
    if (value >= 0 && value < rows) return value;
    found.unknown++;
    return 0;
  };
  return {
    add: (part, from, found) => {
      const count = Math.min(part.rows - from, size - filled);
      for (const { name, size: rows } of single) {
        const [out, values] = [ints.get(name) as Int32Array, part.fields[name]];
        for (let i = 0; i < count; i++) out[filled + i] = known(values[from + i], rows, found);
      }
      for (const { name, table, length } of fields.sequences) {
        const [out, { values, offsets }, rows] = [lists.get(name) as Int32Array, part.sequences[name], sizes.get(table) as number];
        out.fill(0, filled * length, (filled + count) * length);
        for (let i = 0; i < count; i++) {
          const end = offsets[from + i + 1];
          const start = Math.max(offsets[from + i], end - length);
          if (start > offsets[from + i]) found.cut++;
          let at = (filled + i + 1) * length - (end - start);
          for (let k = start; k < end; k++) out[at++] = known(values[k], rows, found);
        }
      }
      for (const name of fields.similarities) {
        const [out, { values, offsets }] = [bins.get(name) as Float32Array, part.similarities[name]];
        out.fill(0, filled * similarityBins, (filled + count) * similarityBins);
        for (let i = 0; i < count; i++) similarityRow(values, offsets[from + i], offsets[from + i + 1], out, (filled + i) * similarityBins);
      }
      label(part, heads, classes, from, filled, count);
      filled += count;
      return from + count;
    },
    full: () => filled === size,
    empty: () => filled === 0,
    take: (positives) => {
      const rows = filled;
      filled = 0;
      const values: Record<string, c.Value> = {};
      for (const [name, list] of ints) values[name] = c.rows(list.slice(0, rows));
      for (const { name, length } of fields.sequences) values[name] = c.rows((lists.get(name) as Int32Array).slice(0, rows * length), [length]);
      for (const [name, list] of bins) values[name] = c.rows(list.slice(0, rows * similarityBins), [similarityBins]);
      for (const [head, list] of classes) {
        values[labelColumn(head as Head)] = c.rows(list.slice(0, rows));
        for (let i = 0; i < rows; i++) if (list[i] > 0) positives[head] = (positives[head] ?? 0) + 1;
      }
      return { rows, values };
    },
  };
}

function label(part: ClickRows, heads: readonly Head[], classes: ReadonlyMap<string, Int32Array>, from: number, to: number, count: number): void {
  for (const name of Object.keys(part.credit)) {
    const values = part.credit[name];
    for (let i = from; i < from + count; i++)
      if (!(values[i] >= 0)) throw dataError(`labels: "${name}" must hold a credit of at least 0 in every row, got ${values[i]}; fill or remove such rows`);
  }
  for (const head of heads) {
    const out = classes.get(head) as Int32Array;
    if (head === "cartesian") {
      const cut = Object.fromEntries(mechanisms.map((mechanism) => [mechanism, part.credit[mechanism].subarray(from, from + count)]));
      out.set(cartesianClass(cut as never), to);
    } else for (let i = 0; i < count; i++) out[to + i] = part.credit[head][from + i] > 0 ? 1 : 0;
  }
}

/** Predictions of click files, and what they are judged by; three numbers a row are all that is kept. */
export interface ClickPredictions {
  readonly heads: readonly string[];
  /** Probability by head, n each. */
  readonly probability: readonly Float32Array[];
  readonly user: Int32Array;
  /** Credit under every mechanism the file has, n each. */
  readonly credit: Readonly<Record<string, Float32Array>>;
  readonly notes: readonly string[];
}

/** Predicts click files row by row in their order, a few thousand rows at a time. */
export async function predictClicks(
  fitted: FittedModel<"attribution">,
  files: readonly string[],
  { signal, vocabularies }: { readonly signal?: AbortSignal /** Folder of the vocabularies, for columns of texts. */; readonly vocabularies?: string } = {},
): Promise<ClickPredictions> {
  const rows = await clickCount(files);
  const user = new Int32Array(rows);
  const credit = Object.fromEntries(labelFields.map((name) => [name, new Float32Array(rows)]));
  let heads: readonly string[] = [];
  const probability: Float32Array[] = [];
  const notes = new Set<string>();
  let at = 0;
  for await (const part of clickRows(files, labelFields, vocabularies)) {
    signal?.throwIfAborted();
    const prediction = await fitted.predict(toDataset(part));
    heads = prediction.heads;
    prediction.probability.forEach((p, h) => (probability[h] ??= new Float32Array(rows)).set(p, at));
    user.set(part.user, at);
    for (const name of labelFields) credit[name].set(part.credit[name], at);
    for (const note of prediction.notes ?? []) notes.add(note);
    at += part.rows;
  }
  return { heads, probability, user, credit, notes: [...notes] };
}

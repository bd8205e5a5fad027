import { add, concat, type Init, type Layer, mul, nn, starts, type Tensor, weight } from "../../compute/index.ts";
import { fanIn } from "./expert.ts";
import { type ClickFields, similarityBins } from "./fields.ts";
import { reader } from "./reader.ts";

export interface TrunkOptions {
  /** Width of every embedding; a multiple of 4, the attention heads. */
  readonly width: number;
  /** Update only the rows of the tables a batch names. */
  readonly lazy: boolean;
}

type Batch = Readonly<Record<string, Tensor>>;

/** Columns of the batch, by name, to one vector a click. */
export interface Trunk extends Layer<[batch: Batch], Tensor> {
  readonly outputs: number;
}

const heads = 4;

/**
 * The shared part of every conversion model (MAC2026, sec. 4): embeddings of all fields, cross-attention from the ad over each behaviour
 * sequence, and similarity histograms, concatenated and layer-normalised. The attention looks at all items, padding included.
 */
export function trunk(fields: ClickFields, { width, lazy }: TrunkOptions): Trunk {
  const tables = [...fields.user, ...fields.ad];
  const embeddings = tables.map((field) => nn.embedding(field.size, width, { lazy, start: starts.normal(0.05) }));
  const queries = fields.sequences.map(() => nn.dense(fields.ad.length * width, width, { start: fanIn }));
  const readers = fields.sequences.map(() => reader(width, heads));
  const bins = fields.similarities.length > 0 ? similarityBins : 0;
  const outputs = (tables.length + fields.sequences.length) * width + bins;
  const norm = nn.layerNorm(outputs);
  const init: Init = {
    tables: Object.fromEntries(tables.map((field, i) => [field.name, embeddings[i].init])),
    queries: Object.fromEntries(queries.map((query, i) => [i, query.init])),
    readers: Object.fromEntries(readers.map((reader, i) => [i, reader.init])),
    similarity: Object.fromEntries(fields.similarities.map((name) => [name, weight([similarityBins], { start: starts.normal(0.01) })])),
    norm: norm.init,
  };
  return {
    outputs,
    init,
    apply: (weights, batch) => {
      const w = weights as unknown as TrunkWeights;
      const look = (table: string, column: string): Tensor => embeddings[tables.findIndex(({ name }) => name === table)].apply(w.tables[table], batch[column]);
      const user = fields.user.map(({ name }) => look(name, name));
      const ad = fields.ad.map(({ name }) => look(name, name));
      const side = concat(ad, 1);
      const read = fields.sequences.map(({ name, table }, i) => readers[i].apply(w.readers[i], queries[i].apply(w.queries[i], side), look(table, name)));
      const histograms = fields.similarities.map((name) => mul(batch[name], w.similarity[name]));
      const parts = [...user, side, ...read, ...(histograms.length > 0 ? [histograms.reduce(add)] : [])];
      return norm.apply(w.norm, concat(parts, 1));
    },
  };
}

type Part = Readonly<Record<string, Tensor>>;
interface TrunkWeights {
  readonly tables: Readonly<Record<string, Part>>;
  readonly queries: Readonly<Record<string, Part>>;
  readonly readers: Readonly<Record<string, Readonly<Record<string, Part>>>>;
  readonly similarity: Part;
  readonly norm: Part;
}

import { dataError } from "../../base/errors.ts";
import type { ArrayState, Json, State } from "../../base/state.ts";
import * as c from "../../compute/index.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { AttributionPrediction, Citation, FitContext, Fitted, Model, Traits } from "../../model/contract.ts";
import { type ClickInputs, fitInputs, notesOf, type Replaced, restoreInputs } from "./inputs.ts";
import { auxiliaryConfig, type ConversionConfig, plainConfig } from "./settings.ts";
import { cartesianClass, type Head, type Mechanism, mechanisms, structures } from "./structure.ts";
import { headsOf, labelColumn, predictor, trainConversion } from "./train.ts";

export type ConversionModelId = keyof typeof structures;
export type ConversionModel = Model<ConversionModelId, "attribution">;

const traits: Traits = {
  needs: ["feature", "label"],
  sees: ["feature"],
  arms: "many",
  outcomes: ["binary"],
  weights: false,
  intervals: false,
  engine: "net",
};

const about: Readonly<Record<ConversionModelId, { readonly summary: string; readonly source: readonly Citation[] }>> = {
  "cvr-base": { summary: "Conversion probability of a click under one attribution mechanism.", source: [{ key: "MAC2026", at: "sec. 4" }] },
  "cvr-shared-bottom": { summary: "Several mechanisms on one shared expert, a tower each.", source: [{ key: "Caruana1997" }, { key: "MAC2026" }] },
  "cvr-mmoe": { summary: "Several mechanisms mix two shared experts, each by its own gate.", source: [{ key: "Ma2018" }, { key: "MAC2026" }] },
  "cvr-ple": { summary: "Several mechanisms, each with an expert of its own beside a shared one.", source: [{ key: "Tang2020" }, { key: "MAC2026" }] },
  "cvr-home": {
    summary: "PLE with feature gates before the experts and a residual from each mechanism's own.",
    source: [{ key: "Wang2024home" }, { key: "MAC2026", departure: "self-gates over one expert, which are 1 whatever they learn, are left out" }],
  },
  natal: { summary: "Auxiliary towers feed the main one, layer by layer, over a shared expert.", source: [{ key: "MAL2025" }, { key: "MAC2026" }] },
  moae: { summary: "PLE's experts with NATAL's flow from the auxiliary towers to the main one.", source: [{ key: "MAC2026", at: "sec. 5" }] },
};

/** The conversion models, simplest first. */
export const conversionModels: readonly ConversionModel[] = (Object.keys(structures) as ConversionModelId[]).map((id) => conversionModel(id));

function conversionModel(id: ConversionModelId): ConversionModel {
  const structure = structures[id];
  return {
    id,
    task: "attribution",
    ...about[id],
    traits,
    config: structure.auxiliaries ? auxiliaryConfig : plainConfig,
    quick: { batch: 128, epochs: 3, sequenceLength: 5, embeddingRate: 1 },
    fit: (config, data, context) => fitConversion(id, config as ConversionConfig, data, context),
    restore: async (config, state) => fittedConversion(id, config as ConversionConfig, learnedFrom(state), {}),
  };
}

/** What was learned: how columns are read, and the weights. */
export interface Learned {
  readonly inputs: ClickInputs;
  readonly weights: c.Weights;
}

async function fitConversion(id: ConversionModelId, config: ConversionConfig, data: Dataset, context: FitContext): Promise<Fitted<"attribution">> {
  context.signal.throwIfAborted();
  const structure = structures[id];
  const inputs = fitInputs(data.features(), config.sequenceLength, id);
  const order = passOrder(data);
  const seen = data.restrict(["feature"]);
  const labels = classesOf(data, headsOf(structure, config), id);
  const found: Replaced = { unknown: 0, cut: 0 };
  const batches = Math.ceil(data.rows / config.batch);
  const source: c.Source = {
    columns: { ...inputs.spec, ...Object.fromEntries(Object.keys(labels).map((name) => [name, { shape: [], dtype: "int" as const }])) },
    batchCount: batches,
    batchRows: Math.ceil(data.rows / batches),
    // Batches are made when they are asked for: beside the data there is never more than one.
    *batches(epoch) {
      for (let b = 0; b < batches; b++) {
        const [from, to] = [Math.floor((b * data.rows) / batches), Math.floor(((b + 1) * data.rows) / batches)];
        const rows = order.subarray(from, to);
        const values = inputs.columns(seen.take(rows).features(), 0, to - from, epoch === 0 ? found : undefined);
        for (const [name, classes] of Object.entries(labels)) values[name] = c.rows(Int32Array.from(rows, (i) => classes[i]));
        yield { rows: to - from, values };
      }
    },
  };
  context.progress(0, "first batch");
  const { trained, engine, report } = await trainConversion({ structure, config, fields: inputs.fields, source, context });
  context.progress(1, "trained");
  const replaced = notesOf(found, config.sequenceLength);
  const positive = Object.fromEntries(
    Object.entries(labels).map(([name, classes]) => [name.replace(/^label-/, ""), classes.reduce((sum, k) => sum + Number(k > 0), 0) / data.rows]),
  );
  return fittedConversion(
    id,
    config,
    { inputs, weights: trained.weights },
    { ...report, positive, ...(replaced.length > 0 ? { warnings: replaced } : {}) },
    engine,
    context.threads,
  );
}

/**
 * The order of the one pass: by time where it is known, else user by user where the rows are grouped. Clicks of one journey share the answer, so a
 * journey scattered over the pass would be learned by heart from its earlier clicks, which says nothing about other journeys.
 */
function passOrder(data: Dataset): Int32Array {
  const rows = Int32Array.from({ length: data.rows }, (_, i) => i);
  const time = data.roles.time === undefined ? undefined : data.number(data.roles.time, "time");
  const key = time ?? groupOf(data);
  // Sorting is stable: rows of one moment or user keep the order they came in.
  return key === undefined ? rows : rows.sort((a, b) => key[a] - key[b]);
}

function groupOf(data: Dataset): ArrayLike<number> | undefined {
  const name = data.roles.group;
  if (name === undefined) return undefined;
  const column = data.column(name);
  // Users that are numbers may be more than a category can name.
  return column.kind === "number" ? column.values : data.groups()?.index;
}

/** Class of every row for each head, by the name of its column in a batch. */
function classesOf(data: Dataset, heads: readonly Head[], id: string): Record<string, Int32Array> {
  const credit = (mechanism: Mechanism): Float64Array => {
    if (!(data.roles.labels ?? []).includes(mechanism))
      throw dataError(
        `${id}: ${data.name} has no label "${mechanism}"; the credit under each mechanism is a label column of its name (${(data.roles.labels ?? []).join(", ") || "there is none"}): bring it, or choose other mechanisms with main and auxiliaries`,
      );
    const values = data.number(mechanism, "credit");
    const bad = values.findIndex((v) => !(v >= 0));
    if (bad >= 0)
      throw dataError(
        `${id}: ${data.at(mechanism)} must hold a credit of at least 0 in every row, and row ${bad + 1} has ${values[bad]}; fill or remove such rows`,
      );
    return values;
  };
  const classes: Record<string, Int32Array> = {};
  for (const head of heads) {
    const name = labelColumn(head);
    if (head === "cartesian")
      classes[name] = cartesianClass(Object.fromEntries(mechanisms.map((mechanism) => [mechanism, credit(mechanism)])) as Record<Mechanism, Float64Array>);
    else classes[name] ??= Int32Array.from(credit(head), (v) => (v > 0 ? 1 : 0));
  }
  if (classes[labelColumn(heads[0])].every((k) => k === 0))
    throw dataError(`${id}: no row of ${data.name} has a credit above 0 under "${heads[0]}", so there is nothing to learn; check the labels`);
  return classes;
}

// Clicks encoded and computed in one go.
const predictionRows = 16384;

/** The fitted half of a conversion model from what was learned, in whichever way. */
export function fittedConversion(
  id: ConversionModelId,
  config: ConversionConfig,
  learned: Learned,
  report: Readonly<Record<string, Json>>,
  engine?: c.ChosenEngine,
  threads = 1,
): Fitted<"attribution"> {
  const { inputs, weights } = learned;
  const structure = structures[id];
  const heads = headsOf(structure, config);
  let ready: Promise<c.Forward<string, string>> | undefined;
  return {
    report,
    predict: async (data): Promise<AttributionPrediction> => {
      ready ??= (async () =>
        predictor(structure, config, inputs.fields, inputs.spec, weights, {
          engine: engine ?? (await c.chooseEngine(config.engine)),
          threads,
          batch: predictionRows,
        }))();
      const forward = await ready;
      const probability = heads.map(() => new Float64Array(data.rows));
      const found: Replaced = { unknown: 0, cut: 0 };
      for (let from = 0; from < data.rows; from += predictionRows) {
        const results = await forward.run(inputs.columns(data.features(), from, Math.min(data.rows, from + predictionRows), found));
        heads.forEach((_, h) => probability[h].set(results[`p${h}`].data, from));
      }
      const notes = notesOf(found, config.sequenceLength);
      return { heads: ["main", ...heads.slice(1)], main: config.main, probability, ...(notes.length > 0 ? { notes } : {}) };
    },
    state: async () => stateOf(learned),
    dispose: () => {
      ready?.then((forward) => forward.dispose()).catch(() => undefined);
      ready = undefined;
    },
  };
}

function stateOf({ inputs, weights }: Learned): State {
  const { json, arrays } = inputs.state();
  const named: Record<string, ArrayState> = Object.fromEntries(Object.entries(weights).map(([name, array]) => [`net.${name}`, array]));
  return { json: { inputs: json }, arrays: { ...arrays, ...named } };
}

function learnedFrom({ json, arrays }: State): Learned {
  const weights = Object.fromEntries(Object.entries(arrays).flatMap(([name, array]) => (name.startsWith("net.") ? [[name.slice(4), array] as const] : [])));
  return { inputs: restoreInputs((json as { readonly inputs: Json }).inputs, arrays), weights };
}

import type { z } from "zod";
import { dataError } from "../../base/errors.ts";
import type { Json, State } from "../../base/state.ts";
import * as c from "../../compute/index.ts";
import { type Dataset, outcomeKind } from "../../data/dataset.ts";
import { cellCounts, type LeverGrid, leverGrid, levelsOfRows } from "../../data/levers.ts";
import type { Features, LeverRole } from "../../data/schema.ts";
import { holdout } from "../../data/split.ts";
import { joinMembers, splitMembers } from "../../learn/bundle.ts";
import type { CellOverlap, CellQuery, Citation, FitContext, Fitted, LeversPrediction, Model, RankLoadings, Traits } from "../../model/contract.ts";
import { fitInputs, type Inputs, restoreInputs } from "../net/inputs.ts";
import { batchOf, l2Of } from "../net/settings.ts";
import { fromLeverScale, inOutcomeUnits, type LeverLink, type LeverScale, leverScale, toLeverScale } from "./link.ts";
import { loggedOverlap, loggingPropensity, stabilisedWeights } from "./propensity.ts";
import type { TrainingConfig } from "./settings.ts";

/** What a net of several levers is built for. */
export interface AboutLevers {
  /** Width of the inputs. */
  readonly inputs: number;
  readonly grid: LeverGrid;
  readonly scale: LeverScale;
  /** Cells with rows in the data fitted on, ascending. */
  readonly logged: readonly number[];
  /** Weight of squared weights in the loss, as --l2 has it for the rows trained on. */
  readonly l2: number;
}

/** What was observed of a batch: levels [rows, levers] (int), index of the cell among the logged ones [rows] (int; -1 never occurs), outcome and weight [rows]. */
export interface SeenLevers {
  readonly levels: c.Tensor;
  readonly cell: c.Tensor;
  readonly y: c.Tensor;
  readonly w: c.Tensor;
}

/** Numbers of each unit from which the response under any cell follows without the net. */
export interface UnitSurface {
  /** [rows, width] from inputs. */
  unit(weights: c.Tensors, x: c.Tensor): c.Tensor;
  readonly width: number;
  /** Responses in units of the outcome: writes rows x cells (or, where `own`, one cell a row) into `into`, adding `share` times the response. */
  add(unit: ArrayLike<number>, rows: number, cells: Int32Array, own: boolean, scale: LeverScale, share: number, into: Float64Array, at: number): void;
  /** What the ranks of the net are made of, on average over the rows. */
  ranks?(unit: ArrayLike<number>, rows: number): readonly RankLoadings[];
}

export interface LeverNet {
  readonly init: c.Init;
  /** Response of each row under its levels on the net's scale, [rows]. */
  response(weights: c.Tensors, x: c.Tensor, levels: c.Tensor, step?: c.Step): c.Tensor;
  loss(weights: c.Tensors, x: c.Tensor, seen: SeenLevers, step: c.Step): c.Tensor | Readonly<Record<string, c.Tensor>>;
  /** What is watched on held-out rows; the factual loss. */
  watched(weights: c.Tensors, x: c.Tensor, seen: SeenLevers, step: c.Step): c.Tensor;
  /** Where there is one, cells are computed from it; else by running the net on every pair of row and cell. */
  readonly surface?: UnitSurface;
  /** Groups of weights that wait during the first `share` of the steps. */
  readonly later?: { readonly groups: readonly string[]; readonly share: number };
  /** Multiples of the common L2 by group. */
  readonly l2?: Readonly<Record<string, number>>;
  /** Multiples of the common learning rate by group. */
  readonly rates?: Readonly<Record<string, number>>;
  readonly monotone?: boolean;
}

/** How the way the levers were logged enters: see the config of m-dlri. */
export interface LoggingOptions {
  readonly link: LeverLink | "auto";
  readonly weighting: "none" | "stabilised";
  readonly propensity: "estimated" | "declared" | "none";
}

export interface LeverNetModel<Id extends string, C extends TrainingConfig> {
  readonly id: Id;
  readonly summary: string;
  readonly source: readonly Citation[];
  readonly config: z.ZodType<C>;
  readonly quick: z.input<z.ZodType<C>>;
  /** What the config asks beyond the training of the net. */
  asks?(config: C): LoggingOptions;
  build(config: C, about: AboutLevers): LeverNet;
}

export const leverTraits: Traits = {
  needs: ["feature", "lever", "outcome"],
  sees: ["feature"],
  arms: "many",
  outcomes: ["binary", "count", "continuous"],
  weights: true,
  intervals: false,
  engine: "net",
};

/** A model of levers whose nets can be taken elsewhere. */
export interface ExportableLeverModel<Id extends string, C extends TrainingConfig> extends Model<Id, "levers", z.ZodType<C>> {
  /**
   * One net of a fitted model as the bytes of an .onnx file: inputs `x` (and `codes`) as `inputs.columns` makes them and `levels` [rows, levers], output `mu`
   * [rows], the expected outcome in its units. `encode` gives the inputs of rows.
   */
  onnx(config: C, state: State, member?: number): { readonly file: Uint8Array; readonly encode: (x: Features) => Readonly<Record<string, c.Value>> };
}

/** A model of the task "levers" from a net: inputs, outcome scale, training with rows held out, ensemble, cells on demand, state. */
export function leverNetModel<const Id extends string, C extends TrainingConfig>(model: LeverNetModel<Id, C>): ExportableLeverModel<Id, C> {
  const { id, summary, source, config, quick } = model;
  return {
    id,
    task: "levers",
    summary,
    source,
    traits: leverTraits,
    config,
    quick: quick as never,
    fit: (settings, data, context) => fitLeverNet(model, settings, data, context),
    restore: async (settings, state) => fitted(model, settings, learnedFrom(state), {}),
    onnx: (settings, state, member = 0) => exported(model, settings, learnedFrom(state), member),
  };
}

/** All that was learned. */
interface Learned {
  readonly inputs: Inputs;
  readonly levers: readonly LeverRole[];
  readonly scale: LeverScale;
  readonly counts: ReadonlyMap<number, number>;
  readonly overlap?: ReadonlyMap<number, CellOverlap>;
  readonly members: readonly c.Weights[];
}

async function fitLeverNet<C extends TrainingConfig>(
  model: LeverNetModel<string, C>,
  config: C,
  data: Dataset,
  context: FitContext,
): Promise<Fitted<"levers">> {
  const [x, y, weight] = [data.features(), data.outcome(), data.weight()];
  const { grid, levels } = levelsOfRows(data);
  const counts = cellCounts(grid, levels);
  const asked = model.asks?.(config) ?? { link: "auto", weighting: "none", propensity: "none" };
  const scale = leverScale(asked.link, y, outcomeKind(y), weight);
  const inputs = fitInputs(x, { weight });
  const logged = [...counts.keys()].sort((a, b) => a - b);
  const place = new Map(logged.map((cell, i) => [cell, i]));
  const width = grid.sizes.length;
  const cell = Int32Array.from({ length: data.rows }, (_, i) => {
    let index = 0;
    for (let l = 0; l < width; l++) index = index * grid.sizes[l] + levels[i * width + l];
    return place.get(index) as number;
  });
  const { overlap, weights, logging } = await loggingOf(data, levels, grid, counts, asked, context);
  const columns: Record<string, c.Value> = {
    ...inputs.columns(x),
    levels: c.rows(levels, [width]),
    cell: c.rows(cell),
    y: c.rows(toLeverScale(y, scale)),
    w: c.rows(Float32Array.from({ length: data.rows }, (_, i) => (weight?.[i] ?? 1) * (weights?.[i] ?? 1))),
  };
  const engine = await c.chooseEngine(config.engine);
  const start: Learned = { inputs, levers: grid.levers, scale, counts, overlap, members: [] };
  const trained: c.Trained[] = [];
  for (let m = 0; m < config.members; m++) {
    const progress = (share: number, what: string): void =>
      context.progress((m + 0.98 * share) / config.members, config.members === 1 ? what : `net ${m + 1} of ${config.members}, ${what}`);
    trained.push(await trainMember(model, config, data, start, columns, engine, { ...context, progress, rng: context.rng.split("member", m) }));
  }
  const learned = { ...start, members: trained.map(({ weights }) => weights) };
  const report = {
    engine: engine.report as unknown as Json,
    levers: grid.levers.map(({ column, levels: own }) => ({ column, levels: own })),
    cells: { all: grid.cells, logged: logged.length, fewestRows: Math.min(...counts.values()) },
    link: scale.link,
    ...(logging === undefined ? {} : { logging }),
    ...warningsOf(engine.report),
    training: trained.map(({ steps, stopped, best, curve }) => ({
      steps,
      stopped,
      bestEpoch: best + 1,
      loss: curve.map(({ train }) => train.total),
      ...(curve.some(({ validation }) => validation !== undefined) ? { heldOutLoss: curve.map(({ validation }) => validation?.total ?? null) } : {}),
    })),
  };
  return fitted(model, config, learned, report, engine, context.threads);
}

/** How units came to their cells: overlap of each logged cell, and weights where they are asked for. */
async function loggingOf(
  data: Dataset,
  levels: Int32Array,
  grid: LeverGrid,
  counts: ReadonlyMap<number, number>,
  { weighting, propensity }: LoggingOptions,
  context: FitContext,
): Promise<{ readonly overlap?: ReadonlyMap<number, CellOverlap>; readonly weights?: Float64Array; readonly logging?: Json }> {
  if (propensity === "none" && weighting === "none") return {};
  const { threads, signal } = context;
  const e = await loggingPropensity(data, levels, grid, counts, propensity !== "estimated", { rng: context.rng.split("propensity"), threads, signal });
  if (e === undefined) {
    if (weighting === "none") return {};
    throw dataError(`${data.name}: weights need the probability of every logged cell, and none is declared; declare them, or take --logging estimated`);
  }
  const overlap = loggedOverlap(e, data.rows, counts);
  if (weighting === "none") return { overlap, logging: { propensity: e.how } };
  const { weights, clippedAt, clipped } = stabilisedWeights(e, levels, grid, counts);
  return { overlap, weights, logging: { propensity: e.how, weighting, clippedAt, rowsClipped: clipped } };
}

function trainMember<C extends TrainingConfig>(
  model: LeverNetModel<string, C>,
  config: C,
  data: Dataset,
  learned: Learned,
  columns: Readonly<Record<string, c.Value>>,
  engine: c.ChosenEngine,
  context: FitContext,
): Promise<c.Trained> {
  const { rng } = context;
  const { init, net, inputOf } = assemble(model, config, learned);
  const parts = config.heldOut > 0 ? holdout(data, { test: config.heldOut }, rng.split("held out")) : undefined;
  const taken = (rows: Int32Array): Record<string, c.Value> =>
    Object.fromEntries(Object.entries(columns).map(([name, value]) => [name, c.takeRows(value, rows)]));
  const source = c.arrays(parts === undefined ? columns : taken(parts.train), { batch: batchOf(config, data.rows) });
  const perEpoch = source.batchCount ?? 1;
  const epochs = Math.max(1, Math.round(config.steps / perEpoch));
  const first = net.later === undefined ? 0 : Math.min(epochs - 1, Math.round(net.later.share * epochs));
  const seen = ({ levels, cell, y, w }: Readonly<Record<string, c.Tensor>>): SeenLevers => ({ levels, cell, y, w });
  const l2 = l2Of(config, parts?.train.length ?? data.rows);
  const groups = net.l2 === undefined ? l2 : Object.fromEntries(Object.entries(net.l2).map(([name, multiple]) => [name, multiple * l2]));
  return c.train({
    init,
    source,
    loss: (weights, batch, step) => net.loss(weights.net as c.Tensors, inputOf(weights, batch), seen(batch), step),
    optimiser: {
      learningRate: config.schedule === "cosine" ? c.cosine(config.learningRate, config.learningRate / 50) : config.learningRate,
      l2: groups,
      groups: net.rates,
    },
    phases:
      first === 0 ? { epochs } : [{ epochs: first, freeze: net.later?.groups, optimiser: { learningRate: config.learningRate } }, { epochs: epochs - first }],
    validation: parts && {
      columns: taken(parts.test),
      loss: (weights, batch, step) => net.watched(weights.net as c.Tensors, inputOf(weights, batch), seen(batch), step),
      patience: Math.max(1, Math.ceil(config.patience / perEpoch)),
    },
    rng,
    engine,
    threads: context.threads,
    signal: context.signal,
    progress: context.progress,
  });
}

/** The net of a config with its input layer. */
function assemble<C extends TrainingConfig>(
  model: LeverNetModel<string, C>,
  config: C,
  { inputs, levers, scale, counts }: Learned,
): {
  readonly init: c.Init;
  readonly net: LeverNet;
  readonly inputOf: (weights: c.Tensors, batch: Readonly<Record<string, c.Tensor>>) => c.Tensor;
} {
  const logged = [...counts.keys()].sort((a, b) => a - b);
  const rows = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const l2 = l2Of(config, Math.max(1, Math.round(rows * (1 - config.heldOut))));
  const net = model.build(config, { inputs: inputs.width, grid: leverGrid(levers), scale, logged, l2 });
  return { init: { inputs: inputs.layer.init, net: net.init }, net, inputOf: (weights, batch) => inputs.layer.apply(weights.inputs as c.Tensors, batch) };
}

// Rows (or pairs of row and cell) computed in one go: little enough for millions to pass through.
const predictionRows = 16384;

function fitted<C extends TrainingConfig>(
  model: LeverNetModel<string, C>,
  config: C,
  learned: Learned,
  report: Readonly<Record<string, Json>>,
  engine?: c.ChosenEngine,
  threads = 1,
): Fitted<"levers"> {
  const { inputs, levers, scale, members, counts, overlap } = learned;
  const grid = leverGrid(levers);
  const { init, net, inputOf } = assemble(model, config, learned);
  const { surface } = net;
  const ranks = surface?.ranks;
  let ready: Promise<c.Forward<string, string>[]> | undefined;
  const prepare = async (): Promise<c.Forward<string, string>[]> => {
    const chosen = engine ?? (await c.chooseEngine(config.engine));
    return Promise.all(
      members.map((weights) =>
        c.forward<c.Init, string, string>(netOf(init, net, inputs, inputOf, weights, grid), { engine: chosen, threads, batch: predictionRows }),
      ),
    );
  };
  const predicted = (x: Features): LeversPrediction => {
    const compute = async (cells: Int32Array, own: boolean, query: CellQuery): Promise<Float64Array> => {
      ready ??= prepare();
      const all = await ready;
      const { from = 0, to = x.rows, member } = query;
      const chosen = member === undefined ? all : [all[member]];
      const m = own ? 1 : cells.length / grid.sizes.length;
      const out = new Float64Array((to - from) * m);
      const step = surface === undefined ? Math.max(1, Math.floor(predictionRows / m)) : predictionRows;
      for (let start = from; start < to; start += step) {
        const end = Math.min(to, start + step);
        const columns = inputs.columns(x, start, end);
        const width = grid.sizes.length;
        const mine = own ? cells.subarray((start - from) * width, (end - from) * width) : cells;
        const at = (start - from) * m;
        for (const forward of chosen) {
          if (surface !== undefined) {
            const { unit } = await forward.run(columns);
            surface.add(unit.data, end - start, mine, own, scale, 1 / chosen.length, out, at);
          } else {
            const { mu } = await forward.run(own ? { ...columns, levels: c.rows(mine, [width]) } : pairs(columns, mine, end - start, width));
            for (let k = 0; k < mu.data.length; k++) out[at + k] += fromLeverScale(mu.data[k], scale) / chosen.length;
          }
        }
      }
      return out;
    };
    return {
      rows: x.rows,
      grid,
      members: members.length,
      response: (cells, query = {}) => compute(cells, false, query),
      responseOfOwn: (cells, query = {}) => compute(cells, true, query),
      logged: counts,
      overlap,
      monotone: net.monotone ?? false,
      ...(ranks === undefined
        ? {}
        : {
            ranks: async ({ from = 0, to = x.rows }: CellQuery = {}) => {
              ready ??= prepare();
              const { unit } = await (await ready)[0].run(inputs.columns(x, from, to));
              return ranks(unit.data, to - from);
            },
          }),
    };
  };
  return {
    report,
    predict: async (data) => predicted(data.features()),
    state: async () => stateOf(learned),
    dispose: () => {
      // Whoever still waits for the engine is answered by its error.
      void ready?.then((forwards) => forwards.forEach((forward) => forward.dispose()));
      ready = undefined;
    },
  };
}

/** The net that is run to predict: numbers of each unit where there is a surface, else the response of each pair of row and cell. */
function netOf(
  init: c.Init,
  net: LeverNet,
  inputs: Inputs,
  inputOf: (weights: c.Tensors, batch: Readonly<Record<string, c.Tensor>>) => c.Tensor,
  weights: c.Weights,
  grid: LeverGrid,
): c.Net<c.Init, string, string> {
  const { surface } = net;
  if (surface !== undefined)
    return { init, weights, columns: inputs.spec, apply: (w, batch) => ({ unit: surface.unit(w.net as c.Tensors, inputOf(w as c.Tensors, batch)) }) };
  return {
    init,
    weights,
    columns: { ...inputs.spec, levels: { shape: [grid.sizes.length], dtype: "int" } },
    apply: (w, batch, step) => ({ mu: net.response(w.net as c.Tensors, inputOf(w as c.Tensors, batch), batch.levels, step) }),
  };
}

function exported<C extends TrainingConfig>(
  model: LeverNetModel<string, C>,
  config: C,
  learned: Learned,
  member: number,
): { readonly file: Uint8Array; readonly encode: (x: Features) => Readonly<Record<string, c.Value>> } {
  const { init, net, inputOf } = assemble(model, config, learned);
  const { inputs, scale, levers, members } = learned;
  const plain = netOf(init, { ...net, surface: undefined }, inputs, inputOf, members[member], leverGrid(levers));
  const file = c.exportOnnx(
    { ...plain, apply: (weights, batch, step) => ({ mu: inOutcomeUnits(plain.apply(weights, batch, step).mu, scale) }) },
    { model: model.id },
  );
  return { file, encode: (x) => inputs.columns(x) };
}

/** Every row with every cell. */
function pairs(columns: Readonly<Record<string, c.Value>>, cells: Int32Array, n: number, width: number): Record<string, c.Value> {
  const m = cells.length / width;
  const which = new Int32Array(n * m);
  const levels = new Int32Array(n * m * width);
  for (let i = 0; i < n; i++) {
    which.fill(i, i * m, (i + 1) * m);
    levels.set(cells, i * m * width);
  }
  const repeated = Object.fromEntries(Object.entries(columns).map(([name, value]) => [name, c.takeRows(value, which)]));
  return { ...repeated, levels: c.rows(levels, [width]) };
}

function stateOf({ inputs, levers, scale, counts, overlap, members }: Learned): State {
  return {
    json: {
      inputs: inputs.state(),
      levers: levers as unknown as Json,
      scale: { ...scale },
      counts: [...counts].map(([cell, count]) => [cell, count]),
      ...(overlap === undefined ? {} : { overlap: [...overlap].map(([cell, { mean, low }]) => [cell, mean, low]) }),
      members: members.length,
    },
    arrays: joinMembers(members),
  };
}

function learnedFrom({ json, arrays }: State): Learned {
  const { inputs, levers, scale, counts, overlap, members } = json as unknown as {
    inputs: Json;
    levers: LeverRole[];
    scale: LeverScale;
    counts: [number, number][];
    overlap?: [number, number, number][];
    members: number;
  };
  return {
    inputs: restoreInputs(inputs),
    levers,
    scale,
    counts: new Map(counts),
    overlap: overlap && new Map(overlap.map(([cell, mean, low]) => [cell, { mean, low }])),
    members: splitMembers(arrays, members),
  };
}

function warningsOf({ id, skipped }: c.EngineReport): Record<string, Json> {
  return skipped.length === 0 ? {} : { warnings: skipped.map(({ engine, why }) => `engine ${engine} did not load, ${id} was used instead: ${why}`) };
}

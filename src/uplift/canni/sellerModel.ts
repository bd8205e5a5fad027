import type { z } from "zod";
import { dataError } from "../../base/errors.ts";
import { quantileSorted } from "../../base/stats/quantile.ts";
import type { Json, State } from "../../base/state.ts";
import * as c from "../../compute/index.ts";
import type { Dataset } from "../../data/dataset.ts";
import { repairSellers, requireSellers, sellersRole } from "../../data/sellers.ts";
import { holdout } from "../../data/split.ts";
import { joinMembers, splitMembers } from "../../learn/bundle.ts";
import type { Citation, FitContext, Fitted, Model, Traits } from "../../model/contract.ts";
import { contentOrder } from "../../model/order.ts";
import { l2Of } from "../net/settings.ts";
import { batchOfUsers, fitSellersInputs, restoreSellersInputs, type SellersInputs, type SellersTable, tableOf } from "./inputs.ts";
import { type Build, lossOf, type Observed, type SellerNet, watchedOf } from "./net.ts";
import { encoder, type Seen } from "./parts.ts";
import { predictionOf, type Runs } from "./prediction.ts";
import type { SellersConfig } from "./settings.ts";
import { weightsOf } from "./weights.ts";

export const sellerTraits: Traits = {
  needs: ["feature", "group", "seller", "treatment", "outcome"],
  sees: ["feature", "group", "seller"],
  arms: "two",
  outcomes: ["binary", "count", "continuous"],
  weights: true,
  intervals: false,
  engine: "net",
};

export interface SellerModel<Id extends string, C extends SellersConfig> {
  readonly id: Id;
  readonly summary: string;
  readonly source: readonly Citation[];
  readonly config: z.ZodType<C>;
  readonly quick: z.input<z.ZodType<C>>;
  /** Whether the model needs to know what was redeemed, or what was spent on the whole platform. */
  needs(config: C): { readonly redeemed: boolean; readonly platform: boolean };
  readonly build: Build<C>;
}

/** A model of the task "sellers" from a net: checks, inputs, weights, training on whole users, ensemble, flips, state. */
export function sellerModel<const Id extends string, C extends SellersConfig>(model: SellerModel<Id, C>): Model<Id, "sellers", z.ZodType<C>> {
  const { id, summary, source, config, quick } = model;
  return {
    id,
    task: "sellers",
    summary,
    source,
    traits: sellerTraits,
    config,
    quick: quick as never,
    check: (settings, data) => {
      requireColumns(model, settings, data);
      if (!settings.repair) requireSellers(data);
    },
    fit: (settings, data, context) => fitSellers(model, settings, data, context),
    restore: async (settings, state) => fitted(model, settings, learnedFrom(state), {}),
  };
}

function requireColumns<C extends SellersConfig>(model: SellerModel<string, C>, config: C, data: Dataset): void {
  const role = sellersRole(data);
  const needs = model.needs(config);
  for (const part of ["redeemed", "platform"] as const) if (needs[part] && role[part] === undefined) throw dataErrorOf(model.id, data, part);
}

function dataErrorOf(id: string, data: Dataset, part: "redeemed" | "platform"): Error {
  const what = part === "redeemed" ? "which incentives were redeemed" : "what each user spent on the whole platform";
  const out = part === "redeemed" ? "canni-pga, or --no-redemption" : "canni-rdd, or --no-platform";
  return dataError(`${id}: ${data.name} does not say ${what}; name the column (--sellers ${part}=COLUMN), or fit without that part: ${out}`);
}

/** All that was learned. */
interface Learned {
  readonly inputs: SellersInputs;
  /** Spending that the net counts as 1. */
  readonly unit: number;
  readonly members: readonly c.Weights[];
}

async function fitSellers<C extends SellersConfig>(model: SellerModel<string, C>, config: C, given: Dataset, context: FitContext): Promise<Fitted<"sellers">> {
  const { data, repaired, notes } = config.repair ? repairSellers(given) : { data: given, repaired: {}, notes: [] as readonly string[] };
  const role = sellersRole(data);
  const raw = data.outcome();
  const cut = winsorised(raw, config.winsorise);
  const y = cut.values;
  let [sum, rows] = [0, 0];
  for (const value of y) [sum, rows] = [sum + value, rows + 1];
  // Common spendings lie well below the unit, where a head is exponential.
  const unit = sum > 0 ? (10 * sum) / rows : 1;
  const inputs = fitSellersInputs(data, config.events);
  const { arm: t } = data.treatment();
  const redeemed = role.redeemed === undefined ? new Float64Array(data.rows) : data.number(role.redeemed);
  const total = role.platform === undefined ? undefined : data.number(role.platform);
  const armOf = role.arm === undefined ? undefined : data.number(role.arm);
  const weights = await weightsOf(config.weighting, data, context);
  const base = tableOf(inputs, data);
  const at = (values: ArrayLike<number>, scale = 1): { data: Float32Array; width: number } => ({
    data: Float32Array.from(base.rows, (row) => values[row] * scale),
    width: 1,
  });
  const perUser = (of: (row: number, u: number) => number): Float32Array =>
    Float32Array.from({ length: base.users }, (_, u) => of(base.rows[base.offsets[u]], u));
  const lost = new Float64Array(base.users);
  for (let u = 0; u < base.users; u++) for (let k = base.offsets[u]; k < base.offsets[u + 1]; k++) lost[u] += raw[base.rows[k]] - y[base.rows[k]];
  const own = data.weight();
  const table: SellersTable = {
    ...base,
    columns: { ...base.columns, t: at(t), y: at(y, 1 / unit), redeemed: at(redeemed), w: at(Float64Array.from(weights.values, (w, i) => w * (own?.[i] ?? 1))) },
    perUser: {
      total: perUser((row, u) => (total === undefined ? 0 : (total[row] - lost[u]) / unit)),
      arm: perUser((row) => armOf?.[row] ?? 0.5),
    },
  };
  const engine = await c.chooseEngine(config.engine);
  const start: Learned = { inputs, unit, members: [] };
  const trained: c.Trained[] = [];
  for (let m = 0; m < config.members; m++) {
    const progress = (share: number, what: string): void =>
      context.progress((m + 0.98 * share) / config.members, config.members === 1 ? what : `net ${m + 1} of ${config.members}, ${what}`);
    trained.push(await trainMember(model, config, data, table, start, engine, { ...context, progress, rng: context.rng.split("member", m) }));
  }
  const learned = { ...start, members: trained.map(({ weights: own }) => own) };
  const report: Record<string, Json> = {
    engine: engine.report as unknown as Json,
    users: base.users,
    candidates: { fewest: Math.min(...sizesOf(base)), most: base.most, mean: base.rows.length / base.users },
    weighting: weights.report,
    ...(Object.keys(repaired).length > 0 ? { repaired: repaired as Json, repairs: [...notes] } : {}),
    ...(config.winsorise < 1
      ? { winsorised: { quantile: config.winsorise, above: cut.above, rows: cut.rows, share: sum > 0 ? cut.lost / (sum + cut.lost) : 0 } }
      : {}),
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

function sizesOf({ users, offsets }: SellersTable): number[] {
  return Array.from({ length: users }, (_, u) => offsets[u + 1] - offsets[u]);
}

/** Spending cut at a quantile of what is positive. */
function winsorised(y: Float64Array, at: number): { readonly values: Float64Array; readonly above: number; readonly rows: number; readonly lost: number } {
  const positive = y.filter((value) => value > 0).sort();
  if (at >= 1 || positive.length === 0) return { values: y, above: Number.POSITIVE_INFINITY, rows: 0, lost: 0 };
  const above = quantileSorted(positive, at);
  let [rows, lost] = [0, 0];
  const values = y.map((value) => {
    if (!(value > above)) return value;
    rows++;
    lost += value - above;
    return above;
  });
  return { values, above, rows, lost };
}

function trainMember<C extends SellersConfig>(
  model: SellerModel<string, C>,
  config: C,
  data: Dataset,
  table: SellersTable,
  learned: Learned,
  engine: c.ChosenEngine,
  context: FitContext,
): Promise<c.Trained> {
  const { rng } = context;
  const { init, net, seenOf } = assemble(model, config, learned.inputs);
  const everyone = Int32Array.from({ length: table.users }, (_, u) => u);
  const parts = config.heldOut > 0 && table.users > 2 ? usersHeldOut(data, table, config.heldOut, rng.split("held out")) : undefined;
  const users = parts?.train ?? everyone;
  const width = table.most;
  const perBatch = Math.max(1, Math.round((config.batch * table.users) / table.rows.length));
  const batchCount = Math.ceil(users.length / perBatch);
  const source: c.Source = {
    columns: c.specOf(batchOfUsers(table, users.subarray(0, 1), width)),
    batchCount,
    batchRows: Math.ceil(users.length / batchCount),
    *batches(_, stream) {
      const order = stream.shuffle(users.slice());
      for (let b = 0; b < batchCount; b++) {
        const taken = order.subarray(Math.floor((b * users.length) / batchCount), Math.floor(((b + 1) * users.length) / batchCount));
        yield { rows: taken.length, values: batchOfUsers(table, taken, width) };
      }
    },
  };
  const epochs = Math.max(1, Math.round(config.steps / batchCount));
  const l2 = l2Of(config, Math.round(table.rows.length * (users.length / table.users)));
  const observed = ({ y, redeemed, w, total, arm }: Readonly<Record<string, c.Tensor>>): Observed => ({ y, redeemed, w, total, arm });
  return c.train({
    init,
    source,
    loss: (weights, batch, step) => lossOf(net, config, weights.net as c.Tensors, seenOf(weights, batch), observed(batch), step),
    optimiser: {
      learningRate: c.cosine(config.learningRate, config.learningRate / 50),
      l2: net.l2 === undefined ? l2 : Object.fromEntries(["main", "embedding", ...Object.keys(net.l2)].map((group) => [group, l2 * (net.l2?.[group] ?? 1)])),
      groups: net.rates,
      clipNorm: 10,
    },
    phases: { epochs },
    validation: parts && {
      columns: batchOfUsers(table, parts.test, width),
      loss: (weights, batch, step) => watchedOf(net, config, weights.net as c.Tensors, seenOf(weights, batch), observed(batch), step),
      patience: Math.max(1, Math.ceil(config.patience / batchCount)),
    },
    rng,
    engine,
    threads: context.threads,
    signal: context.signal,
    progress: context.progress,
  });
}

function usersHeldOut(data: Dataset, table: SellersTable, test: number, rng: FitContext["rng"]): { readonly train: Int32Array; readonly test: Int32Array } {
  const rows = holdout(data, { test, by: "group" }, rng);
  const out = new Uint8Array(data.rows);
  for (const row of rows.test) out[row] = 1;
  const side = (value: number): Int32Array => Int32Array.from({ length: table.users }, (_, u) => u).filter((u) => out[table.rows[table.offsets[u]]] === value);
  return { train: side(0), test: side(1) };
}

/** The net of a config with its input layer. */
function assemble<C extends SellersConfig>(
  model: SellerModel<string, C>,
  config: C,
  inputs: SellersInputs,
): { readonly init: c.Init; readonly net: SellerNet; readonly seenOf: (weights: c.Tensors, batch: Readonly<Record<string, c.Tensor>>) => Seen } {
  const encode = encoder(inputs);
  const net = model.build(config, { width: encode.width, offer: encode.offer, events: inputs.events?.width ?? 0, categories: inputs.categories });
  return { init: { inputs: encode.init, net: net.init }, net, seenOf: (weights, batch) => encode.apply(weights.inputs as c.Tensors, batch) };
}

// Pairs computed in one go.
const predictionPairs = 16384;

function fitted<C extends SellersConfig>(
  model: SellerModel<string, C>,
  config: C,
  learned: Learned,
  report: Readonly<Record<string, Json>>,
  engine?: c.ChosenEngine,
  threads = 1,
): Fitted<"sellers"> {
  const { inputs, unit, members } = learned;
  const { init, net, seenOf } = assemble(model, config, inputs);
  // A net is compiled for a number of candidates.
  const compiled = new Map<number, Promise<c.Forward<string, string>[]>>();
  const prepare = async (table: SellersTable): Promise<c.Forward<string, string>[]> => {
    const chosen = engine ?? (await c.chooseEngine(config.engine));
    const columns = c.specOf(batchOfUsers(table, [0], table.most));
    return Promise.all(
      members.map((weights) =>
        c.forward<c.Init, string, string>(
          {
            init,
            weights,
            columns,
            apply: (w, batch, step) => {
              const { redeems: _, tied: __, ...heads } = net.heads(w.net as c.Tensors, seenOf(w, batch), step);
              return Object.fromEntries(Object.entries(heads).filter((entry): entry is [string, c.Tensor] => entry[1] !== undefined));
            },
          },
          { engine: chosen, threads, batch: Math.max(1, Math.floor(predictionPairs / table.most)) },
        ),
      ),
    );
  };
  const runs: Runs = {
    competition: net.parts.platform > 0 || "rivals" in net.init,
    pairs: predictionPairs,
    run: async (table, batch) => {
      let ready = compiled.get(table.most);
      if (ready === undefined) {
        ready = prepare(table);
        compiled.set(table.most, ready);
      }
      const all = await Promise.all((await ready).map((forward) => forward.run(batch)));
      return Object.fromEntries(
        Object.keys(all[0]).map((name) => {
          // Probabilities stay as they are; all else is spending.
          const scale = (name === "p" ? 1 : unit) / all.length;
          const out = new Float64Array(all[0][name].data.length);
          for (const one of all) for (let i = 0; i < out.length; i++) out[i] += one[name].data[i] * scale;
          return [name, out];
        }),
      );
    },
  };
  return {
    report,
    predict: async (data) => {
      const seen = data.restrict(["feature", "seller"]);
      const order = contentOrder(seen.columns, seen.rows);
      const place = new Int32Array(seen.rows);
      order.forEach((row, k) => {
        place[row] = k;
      });
      return predictionOf(tableOf(inputs, data, place), runs);
    },
    state: async () => stateOf(learned),
    dispose: () => {
      for (const ready of compiled.values())
        void ready.then(
          (forwards) => forwards.forEach((forward) => forward.dispose()),
          () => undefined,
        );
    },
  };
}

function stateOf({ inputs, unit, members }: Learned): State {
  return { json: { inputs: inputs.state(), unit, members: members.length }, arrays: joinMembers(members) };
}

function learnedFrom({ json, arrays }: State): Learned {
  const { inputs, unit, members } = json as { inputs: Json; unit: number; members: number };
  return {
    inputs: restoreSellersInputs(inputs),
    unit,
    members: splitMembers(arrays, members),
  };
}

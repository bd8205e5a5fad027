import { parse } from "../../base/parse.ts";
import { Rng } from "../../base/rng.ts";
import type { Dataset } from "../../data/dataset.ts";
import { generatorById } from "../../data/synth/index.ts";
import type { Model } from "../../model/contract.ts";
import { fit } from "../../model/fit.ts";
import { type SellerScores, sellerScores, sellersTruthOf, sellerTruthScores } from "../sellerScores.ts";
import { openLedger } from "./ledger.ts";
import { overReplications, type Suite, type SuiteOptions, type SuiteRow, type SuiteValue } from "./suite.ts";

interface Case {
  readonly name: string;
  readonly seeds: number;
  /** Options of the generator but for the users. */
  readonly market: Readonly<Record<string, unknown>>;
  readonly train: number;
  /** Users judged by what they did, and how many of them by the truth of every pair. */
  readonly test: number;
  readonly known: number;
  /** Models, all where left out. */
  readonly models?: readonly string[];
  /** Settings that differ from the defaults. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Whether a quick run has it. */
  readonly quick: boolean;
}

const chain = ["euen-sellers", "canni-pga", "canni-rdd", "canni-uplift"];

/** All models have the same training, no model has settings of its own. */
const cases: readonly Case[] = [
  { name: "small", seeds: 5, market: {}, train: 2000, test: 4000, known: 1000, quick: true },
  {
    name: "no cannibalisation",
    seeds: 5,
    market: { decay: 0, diversion: 0, outside: 0 },
    train: 2000,
    test: 4000,
    known: 1000,
    models: ["euen-sellers", "canni-uplift"],
    quick: false,
  },
  {
    name: "slow wear, users alike",
    seeds: 5,
    market: { decay: 0.7, switching: 0, diversion: 0.35, outside: 0.05 },
    train: 2000,
    test: 4000,
    known: 1000,
    models: chain,
    quick: false,
  },
  { name: "full", seeds: 3, market: { full: true }, train: 20_000, test: 2000, known: 1000, models: chain, config: { steps: 1500, batch: 4096 }, quick: false },
];

const relative = ["seller-auuc", "user-auuc", "user-auuc-adjusted", "true-seller-auuc", "true-user-auuc", "true-platform-auuc"];
const absolute = ["rank-platform", "rank-seller", "rank-user", "precision-top-decile"];

/**
 * Models of candidate sellers on the generator `sellers`, whose effects are known: users to fit and other users of the same market to judge, by the scores of
 * `sellerScores` and `sellerTruthScores`; mean and standard error over seeds, each with a market of its own. `gain over euen-sellers` is a relative change of
 * AUUCs, and a difference of rank correlations, seed by seed.
 */
export const canniSuite: Suite = {
  id: "canni",
  summary: "Models of candidate sellers where incentives steal from each other: over-estimation, AUUC of shops and platform, alignment, ranks.",
  directions: {
    ...Object.fromEntries(
      [...relative, ...absolute, "seller-qini", "user-qini", "seller-wauuc", "seller-wqini", "user-wauuc", "user-wqini"].map((name) => [name, "higher"]),
    ),
    "true-over-estimate": 1,
    "platform-slope": 1,
    "platform-ratio": 1,
    "negative-top-decile": "lower",
  },
  run: async (options) => {
    const ledger = await openLedger(options.resume);
    const models = options.models.filter((model): model is Model<string, "sellers"> => model.task === "sellers");
    const plan = cases
      .filter(({ quick }) => quick || !options.quick)
      .flatMap((one) => {
        const own = models.filter(({ id }) => one.models === undefined || one.models.includes(id));
        const count = options.seeds ?? (options.quick ? 1 : one.seeds);
        return Array.from({ length: count }, (_, s) => own.map((model) => ({ one, model, seed: s + 1 }))).flat();
      });
    const values: SuiteValue[] = [];
    let data: { readonly key: string; readonly train: Dataset; readonly test: Dataset } | undefined;
    for (const [k, { one, model, seed }] of plan.entries()) {
      options.signal.throwIfAborted();
      options.progress(k / plan.length, `${one.name}, seed ${seed}, ${model.id}`);
      const config = parse(model.config, { ...one.config, ...(options.quick ? { steps: 300 } : {}) }, model.id);
      // The key says nothing of versions: delete the ledger when a model or the generator has changed.
      const key = JSON.stringify(["canni", one.name, one.market, one.train, one.test, one.known, seed, model.id, config, options.seed]);
      const scores = await ledger.once(key, async () => {
        const market = JSON.stringify([one.name, seed]);
        if (data?.key !== market) data = { key: market, ...simulated(one, seed) };
        return finite(await scored(model, config, data, one.known, options));
      });
      for (const [metric, value] of Object.entries(scores)) values.push({ model: model.id, case: one.name, metric, replication: seed, value });
    }
    values.push(...gains(values));
    return { rows: rowsOf(values), values };
  },
};

/** Users to fit and users to judge, of one market. */
export function simulated({ market, train, test }: Pick<Case, "market" | "train" | "test">, seed: number): { readonly train: Dataset; readonly test: Dataset } {
  const generator = generatorById("sellers");
  const config = parse(generator.config, { ...market, users: train + test }, "sellers");
  const data = generator.simulate(config, new Rng(seed).split("sellers"));
  const [first, others] = parted(data, train);
  return { train: first, test: others };
}

/** The first users of a simulation, and the others. */
function parted(data: Dataset, users: number): readonly [Dataset, Dataset] {
  const user = data.number("user");
  let cut = 0;
  while (cut < data.rows && user[cut] < user[0] + users) cut++;
  const part = (from: number, to: number): Dataset => data.take(Int32Array.from({ length: to - from }, (_, i) => from + i));
  return [part(0, cut), part(cut, data.rows)];
}

async function scored(
  model: Model<string, "sellers">,
  config: unknown,
  { train, test }: { readonly train: Dataset; readonly test: Dataset },
  known: number,
  { seed, threads, signal }: SuiteOptions,
): Promise<SellerScores> {
  const began = performance.now();
  const fitted = await fit(model, train, { config, seed, threads, signal });
  try {
    const seconds = (performance.now() - began) / 1000;
    const [some] = parted(test, known);
    const truth = sellersTruthOf(some);
    return {
      ...(await sellerScores(await fitted.predict(test), test)),
      ...(truth === undefined ? {} : await sellerTruthScores(await fitted.predict(some), truth)),
      seconds,
    };
  } finally {
    fitted.dispose();
  }
}

function finite(scores: SellerScores): Record<string, number> {
  return Object.fromEntries(Object.entries(scores).filter(([, value]) => Number.isFinite(value)));
}

/** What each model has over EUEN on the same seed. */
function gains(values: readonly SuiteValue[]): SuiteValue[] {
  const base = new Map(
    values.filter(({ model }) => model === "euen-sellers").map((value) => [`${value.case} ${value.metric} ${value.replication}`, value.value]),
  );
  return values.flatMap((value) => {
    const reference = base.get(`${value.case} ${value.metric} ${value.replication}`);
    if (reference === undefined || value.model === "euen-sellers") return [];
    if (relative.includes(value.metric)) return [{ ...value, metric: `${value.metric}, gain over euen-sellers`, value: value.value / reference - 1 }];
    if (absolute.includes(value.metric)) return [{ ...value, metric: `${value.metric}, gain over euen-sellers`, value: value.value - reference }];
    return [];
  });
}

function rowsOf(values: readonly SuiteValue[]): SuiteRow[] {
  const groups = new Map<string, SuiteValue[]>();
  for (const value of values) {
    // How long a fit took is no quality, and differs between machines.
    if (value.metric === "seconds") continue;
    const key = JSON.stringify([value.case, value.metric, value.model]);
    groups.set(key, [...(groups.get(key) ?? []), value]);
  }
  return [...groups.values()].map((own) => ({
    model: own[0].model,
    case: own[0].case,
    metric: own[0].metric,
    ...overReplications(own.map(({ value }) => value)),
  }));
}

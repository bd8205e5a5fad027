import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { z } from "zod";
import { parse } from "../../src/base/parse.ts";
import { Rng } from "../../src/base/rng.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import type { Column } from "../../src/data/schema.ts";
import { columnLength } from "../../src/data/schema.ts";
import { openPrograms } from "../../src/compute/engine/contract.ts";
import { simulate } from "../../src/data/synth/index.ts";
import type { Model, UpliftPrediction } from "../../src/model/contract.ts";
import { type FittedModel, type FitOptions, fit } from "../../src/model/fit.ts";
import { loadModel, saveModel } from "../../src/model/save.ts";
import { exact, expectAllClose, expectWithin, float32 } from "../tolerance.ts";

export type UpliftModel = Model<string, "uplift">;

/** What every model must hold to, said once. */
export interface Law {
  readonly name: string;
  /** Asks for a trait, never for a name. */
  readonly applies?: (model: UpliftModel) => boolean;
  readonly check: (model: UpliftModel, bench: Bench) => Promise<void>;
}

/** Fits made once and used by several laws. */
export interface Bench {
  readonly data: Dataset;
  /** The model's quick config on the bench's data with seed 7; not to be disposed of. */
  readonly fitted: () => Promise<FittedModel<"uplift">>;
}

const rows = 300;

/** A small randomised experiment with numbers and a category; two treated arms for models that take them. */
export function experiment(model: UpliftModel, change: { n?: number; generator?: "constant" | "null"; outcome?: string; seed?: number } = {}): Dataset {
  const outcome = change.outcome ?? (model.traits.outcomes.includes("continuous") ? "continuous" : model.traits.outcomes[0]);
  const effect = change.generator === "null" ? {} : { effect: outcome === "binary" ? 0.2 : 1 };
  const data = simulate(
    change.generator ?? "constant",
    { n: change.n ?? rows, d: 3, arms: model.traits.arms === "many" ? 2 : 1, outcome, ...effect },
    change.seed ?? 5,
  );
  return model.traits.needs.includes("propensity") ? data : data.withRoles({ propensity: undefined });
}

export function bench(model: UpliftModel): Bench {
  const data = experiment(model);
  let made: Promise<FittedModel<"uplift">> | undefined;
  return {
    data,
    fitted: () => {
      made ??= quickly(model, data);
      return made;
    },
  };
}

function quickly(model: UpliftModel, data: Dataset, options: FitOptions = {}): Promise<FittedModel<"uplift">> {
  return fit(model, data, { config: model.quick, seed: 7, threads: 1, ...options });
}

/** Plain models are exact; nets are held to single precision. */
function precision(model: UpliftModel): number {
  return model.traits.engine === "plain" ? exact : float32;
}

function expectSame(got: UpliftPrediction, want: UpliftPrediction, tolerance: number, what: string): void {
  expect(got.arms, `${what}: arms`).toEqual(want.arms);
  const arrays = (p: UpliftPrediction): readonly (readonly Float64Array[] | undefined)[] => [p.effect, p.lower, p.upper, p.outcome];
  arrays(want).forEach((list, part) => {
    const other = arrays(got)[part];
    expect(other?.length, what).toBe(list?.length);
    list?.forEach((values, a) => expectAllClose(other?.[a] ?? [], values, tolerance, what));
  });
}

function picked(prediction: UpliftPrediction, at: ArrayLike<number>): UpliftPrediction {
  const pick = (list: readonly Float64Array[]): Float64Array[] => list.map((values) => Float64Array.from(at, (i) => values[i]));
  const { effect, lower, upper, outcome } = prediction;
  return {
    ...prediction,
    effect: pick(effect),
    ...(lower && { lower: pick(lower) }),
    ...(upper && { upper: pick(upper) }),
    ...(outcome && { outcome: pick(outcome) }),
  };
}

const sameSeed: Law = {
  name: "same data, config and seed give the same predictions, whatever the number of threads",
  check: async (model, { data, fitted }) => {
    const again = await quickly(model, data, { threads: 2 });
    expectSame(await again.predict(data), await (await fitted()).predict(data), exact, "fitted again");
    again.dispose();
  },
};

const rowOrder: Law = {
  name: "the order of the rows only permutes: rows predicted, and rows fitted on",
  check: async (model, { data, fitted }) => {
    const order = new Rng(3).permutation(data.rows);
    const shuffled = data.take(order);
    const whole = await (await fitted()).predict(data);
    expectSame(await (await fitted()).predict(shuffled), picked(whole, order), precision(model), "rows predicted in another order");
    const again = await quickly(model, shuffled);
    expectSame(await again.predict(data), whole, precision(model), "rows fitted in another order");
    again.dispose();
  },
};

const subset: Law = {
  name: "a row's prediction does not depend on the rows beside it, down to one row",
  check: async (model, { data, fitted }) => {
    const whole = await (await fitted()).predict(data);
    for (const some of [[0], [data.rows - 1], [3, 17, 40, 41], Array.from({ length: 100 }, (_, i) => 2 * i)])
      expectSame(await (await fitted()).predict(data.take(some)), picked(whole, some), precision(model), `${some.length} rows of the whole`);
  },
};

const untouched: Law = {
  name: "what is handed in is not written to",
  check: async (model, { data }) => {
    const before = data.columns.map(copied);
    const fitted = await quickly(model, data);
    await fitted.predict(data);
    fitted.dispose();
    expect(data.columns).toEqual(before);
  },
};

function copied(column: Column): Column {
  if (column.kind === "number") return { ...column, values: column.values.slice() };
  if (column.kind === "category") return { ...column, codes: column.codes.slice() };
  return { ...column, offsets: column.offsets.slice(), values: column.values.slice() };
}

const unseen: Law = {
  name: "columns outside what the model says it sees change no prediction, and need not be there",
  check: async (model, { data, fitted }) => {
    const model_ = await fitted();
    const whole = await model_.predict(data);
    const seen = new Set(model_.schema.columns.map((column) => column.name));
    const rng = new Rng(8);
    const scrambled = data.columns.map((column) => (seen.has(column.name) ? column : scramble(column, rng)));
    expectSame(await model_.predict(data.withColumns(scrambled)), whole, exact, "with outcome and treatment scrambled");
    expectSame(await model_.predict(data.restrict(model.traits.sees)), whole, exact, "without other columns");
    for (const role of ["outcome", "treatment"]) expect(model.traits.sees).not.toContain(role);
  },
};

function scramble(column: Column, rng: Rng): Column {
  const order = rng.permutation(columnLength(column));
  if (column.kind === "number") return { ...column, values: Float64Array.from(order, (i) => 3 * column.values[i] + 1) };
  return column.kind === "category" ? { ...column, codes: Int32Array.from(order, (i) => column.codes[i]) } : column;
}

const finite: Law = {
  name: "every row gets a finite effect for every kind of outcome: rows with missing values, unknown levels and far-out numbers too",
  check: async (model) => {
    for (const outcome of model.traits.outcomes) {
      const data = withGaps(experiment(model, { outcome }));
      const fitted = await quickly(model, data);
      const strange = data.withColumns([
        { kind: "category", name: "segment", codes: Int32Array.from({ length: rows }, (_, i) => (i % 5) - 1), levels: ["c", "new", "a", "b"] },
        { kind: "number", name: "x1", values: data.number("x1").map((v, i) => (i % 7 === 0 ? 1e9 : i % 7 === 1 ? -1e9 : v)) },
      ]);
      for (const some of [data, strange]) {
        const { effect } = await fitted.predict(some);
        for (const values of effect) expect(values.length === rows && values.every(Number.isFinite), `${outcome}: finite effects`).toBe(true);
      }
      fitted.dispose();
    }
  },
};

function withGaps(data: Dataset): Dataset {
  const segment = data.column("segment");
  const codes = segment.kind === "category" ? segment.codes : new Int32Array(0);
  return data.withColumns([
    { kind: "number", name: "x1", values: data.number("x1").map((v, i) => (i % 6 === 0 ? Number.NaN : v)) },
    { kind: "category", name: "segment", codes: codes.map((code, i) => (i % 9 === 0 ? -1 : code)), levels: ["a", "b", "c"] },
  ]);
}

const missingColumn: Law = {
  name: "a column that is missing from the data to predict on is named",
  check: async (_, { data, fitted }) => {
    const model_ = await fitted();
    expect(model_.schema.columns.length).toBeGreaterThan(0);
    for (const { name } of model_.schema.columns) {
      const without = data.withRoles({ features: data.roles.features.filter((feature) => feature !== name) }).restrict(["feature"]);
      await expect(model_.predict(without), `without ${name}`).rejects.toThrow(
        expect.objectContaining({ kind: "data", message: expect.stringContaining(`no column "${name}"`) }),
      );
    }
  },
};

const weights: Law = {
  name: "weights of one change nothing, and a model without weights refuses them",
  check: async (model, { data, fitted }) => {
    const weighted = data.withColumns([{ kind: "number", name: "w", values: new Float64Array(rows).fill(1) }], { weight: "w" });
    if (!model.traits.weights) {
      await expect(quickly(model, weighted)).rejects.toThrow(expect.objectContaining({ kind: "usage", message: expect.stringContaining("weight") }));
      return;
    }
    const again = await quickly(model, weighted);
    expectSame(await again.predict(data), await (await fitted()).predict(data), precision(model), "with weights of one");
    again.dispose();
  },
};

const recovery: Law = {
  name: "a constant effect is recovered, and no effect is found where there is none",
  check: async (model) => {
    for (const generator of ["constant", "null"] as const) {
      const data = experiment(model, { generator, n: 800, seed: 21 });
      const fitted = await quickly(model, data);
      const { arms, effect } = await fitted.predict(data);
      const y = data.outcome();
      const mean = y.reduce((sum, v) => sum + v, 0) / y.length;
      const deviation = Math.sqrt(y.reduce((sum, v) => sum + (v - mean) ** 2, 0) / y.length);
      const { arm, arms: all } = data.treatment();
      const count = (k: number): number => arm.filter((a) => a === k).length;
      arms.forEach((name, a) => {
        const truth = data.trueEffect(name) ?? new Float64Array(0);
        const [want, got] = [truth, effect[a]].map((values) => values.reduce((sum, v) => sum + v, 0) / values.length);
        // The standard error of a difference in means: what the model's average may miss the truth by, and its single effects more often.
        expectWithin(got, want, deviation * Math.sqrt(1 / count(all.indexOf(name)) + 1 / count(0)), 4, `${generator} effect of ${name}`);
        const error = Math.sqrt(truth.reduce((sum, v, i) => sum + (effect[a][i] - v) ** 2, 0) / truth.length);
        expect(error, `${generator}: error of single effects`).toBeLessThan(deviation);
      });
      fitted.dispose();
    }
  },
};

const saving: Law = {
  name: "a saved and loaded model predicts exactly the same, and saves the same again",
  check: async (model, { data, fitted }) => {
    const folder = await mkdtemp(join(tmpdir(), "liftwise-law-"));
    try {
      const model_ = await fitted();
      await saveModel(model_, folder);
      const loaded = (await loadModel(folder, [model])) as FittedModel<"uplift">;
      expectSame(await loaded.predict(data), await model_.predict(data), exact, "loaded");
      expect(loaded.config).toEqual(model_.config);
      expect(loaded.report).toEqual(JSON.parse(JSON.stringify(model_.report)));
      const again = await loaded.state();
      const first = await model_.state();
      expect(Object.keys(again.arrays).sort()).toEqual(Object.keys(first.arrays).sort());
      for (const [name, { shape, data: values }] of Object.entries(first.arrays)) expect(again.arrays[name], name).toEqual({ shape, data: values });
      loaded.dispose();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

const disposal: Law = {
  name: "dispose gives back all that an engine holds, may be called twice, and is the end of the model",
  check: async (model, { data }) => {
    const before = openPrograms();
    const fitted = await quickly(model, data);
    await fitted.predict(data.take([0]));
    fitted.dispose();
    fitted.dispose();
    await new Promise(setImmediate);
    expect(openPrograms(), "programs of the engine left open").toBe(before);
    await expect(fitted.predict(data.take([0]))).rejects.toThrow(/disposed of; fit or load it again/);
  },
};

const abortion: Law = {
  name: "an abort signal stops the fit: before it starts, and while it runs",
  check: async (model, { data }) => {
    const config = parse(model.config, model.quick, model.id);
    const direct = model.fit(config, data, { rng: new Rng(1), threads: 1, progress: () => {}, signal: AbortSignal.abort() });
    await expect(direct, "aborted before the start").rejects.toThrow(/abort/i);
    const stop = new AbortController();
    await expect(quickly(model, data, { signal: stop.signal, progress: () => stop.abort() }), "aborted at the first progress").rejects.toThrow(/abort/i);
  },
};

const progress: Law = {
  name: "progress is reported, from 0 to 1 and never backwards",
  check: async (model, { data }) => {
    const shares: number[] = [];
    (await quickly(model, data, { progress: (share) => shares.push(share) })).dispose();
    expect(shares.length).toBeGreaterThan(0);
    shares.forEach((share, i) => expect(share >= 0 && share <= 1 && (i === 0 || share >= shares[i - 1]), `share ${share} after ${shares[i - 1]}`).toBe(true));
  },
};

const shape: Law = {
  name: "a prediction names the treated arms and has a number for each row and arm; intervals hold the effect",
  check: async (model, { data, fitted }) => {
    const { arms, effect, lower, upper, level, outcome } = await (await fitted()).predict(data);
    expect(arms).toEqual(data.treatment().arms.slice(1));
    const lists = [effect, lower, upper].filter((list) => list !== undefined);
    for (const list of lists) expect(list.map((values) => [values instanceof Float64Array, values.length])).toEqual(arms.map(() => [true, rows]));
    if (outcome !== undefined) expect(outcome.map((values) => values.length)).toEqual(data.treatment().arms.map(() => rows));
    expect(lower === undefined, "lower, upper and level come together").toBe(upper === undefined);
    expect(lower === undefined).toBe(level === undefined);
    if (!model.traits.intervals) expect(lower, "a model without the trait has no intervals").toBeUndefined();
    if (level !== undefined) expect(level > 0 && level < 1).toBe(true);
    lower?.forEach((low, a) =>
      expect(
        low.every((v, i) => v <= effect[a][i] && effect[a][i] <= (upper?.[a][i] ?? Number.NaN)),
        "lower <= effect <= upper",
      ).toBe(true),
    );
  },
};

const plainReport: Law = {
  name: "the report is plain JSON",
  check: async (_, { fitted }) => {
    const { report } = await fitted();
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  },
};

const bounds: Law = {
  name: "every bound, choice and unknown key of the config is refused with its path and value, and the config after defaults is its own input",
  check: async (model, { data }) => {
    const defaults = parse(model.config, {}, model.id);
    expect(parse(model.config, JSON.parse(JSON.stringify(defaults)), model.id)).toEqual(defaults);
    parse(model.config, model.quick, model.id);
    const root = z.toJSONSchema(model.config, { io: "input", unrepresentable: "any" }) as Node;
    for (const { path, value, input } of [...invalidInputs(root), { path: ["noSuchOption"], value: undefined, input: { noSuchOption: 1 } }]) {
      const attempt = fit(model, data, { config: input });
      await expect(attempt, JSON.stringify(input)).rejects.toThrow(
        expect.objectContaining({ kind: "usage", message: expect.stringContaining(path.join(".")) }),
      );
      if (value !== undefined) await expect(attempt, JSON.stringify(input)).rejects.toThrow(typeof value === "number" ? String(value) : JSON.stringify(value));
    }
  },
};

interface Node {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly items?: Node;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

interface Wrong {
  readonly path: readonly string[];
  readonly value: unknown;
  /** The whole input: the wrong value in its place, with the literals that pick the branches on the way to it. */
  readonly input: unknown;
}

/** One input outside each bound that the schema states, and one outside each list of choices. */
function invalidInputs(node: Node): Wrong[] {
  const branches = [...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  // What is wrong for one branch may be right as the literal of another.
  if (branches.length > 0)
    return branches.flatMap(invalidInputs).filter(({ path, value }) => path.length > 0 || !branches.some((branch) => branch.const === value));
  const properties = Object.entries(node.properties ?? {});
  const literals = Object.fromEntries(properties.flatMap(([key, child]) => (child.const === undefined ? [] : [[key, child.const]])));
  const below = properties.flatMap(([key, child]) =>
    child.const === undefined
      ? invalidInputs(child).map(({ path, value, input }) => ({ path: [key, ...path], value, input: { ...literals, [key]: input } }))
      : [],
  );
  const inside = node.items === undefined ? [] : invalidInputs(node.items).map(({ path, value, input }) => ({ path: ["0", ...path], value, input: [input] }));
  const here: unknown[] = [];
  // Beyond 2^53 there is no next whole number: such a bound is the limit of the type.
  const stated = (bound: number | undefined): bound is number => bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  const step = node.type === "integer" ? 1 : 0.001;
  if (stated(node.minimum)) here.push(node.minimum - step);
  if (stated(node.maximum)) here.push(node.maximum + step);
  if (stated(node.exclusiveMinimum)) here.push(node.exclusiveMinimum);
  if (stated(node.exclusiveMaximum)) here.push(node.exclusiveMaximum);
  if (node.type === "integer") here.push(stated(node.minimum) ? node.minimum + 0.5 : 1.5);
  if (node.enum !== undefined) here.push("no such choice");
  if (node.type === "boolean") here.push("maybe");
  return [...below, ...inside, ...here.map((value) => ({ path: [], value, input: value }))];
}

export const laws: readonly Law[] = [
  sameSeed,
  rowOrder,
  subset,
  untouched,
  unseen,
  finite,
  missingColumn,
  weights,
  recovery,
  saving,
  disposal,
  abortion,
  progress,
  shape,
  plainReport,
  bounds,
];

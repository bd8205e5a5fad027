import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import type { CategoryColumn, Features, NumberColumn } from "../../src/data/schema.ts";
import { type BoostingConfig, boostingClassifier, boostingRegressor, type FittedBoosting } from "../../src/learn/boosting.ts";
import type { Learner } from "../../src/learn/contract.ts";
import { expectAllClose, expectClose, float32, float64 } from "../tolerance.ts";

type Change = Partial<BoostingConfig> & { loss?: "squared" | "poisson" | "tweedie" };

/** All rows and columns for every tree: what is not told to sample does not. */
const whole: Change = { folds: 0, rowSample: 1, columnSample: 1 };

function train(
  learner: Learner,
  x: Features,
  y: ArrayLike<number>,
  config: Change,
  more: { weight?: Float64Array; seed?: number; threads?: number; signal?: AbortSignal } = {},
): Promise<FittedBoosting> {
  const { weight, seed = 1, threads = 1, signal = new AbortController().signal } = more;
  return learner.fit(learner.config.parse({ ...whole, ...config }), x, Float64Array.from(y), weight, {
    rng: new Rng(seed),
    threads,
    signal,
  }) as Promise<FittedBoosting>;
}

const numbers = (name: string, values: Iterable<number>): NumberColumn => ({ kind: "number", name, values: Float64Array.from(values) });
const levels = (name: string, count: number, codes: Iterable<number>): CategoryColumn => ({
  kind: "category",
  name,
  codes: Int32Array.from(codes),
  levels: Array.from({ length: count }, (_, k) => `l${k}`),
});
const table = (...columns: (NumberColumn | CategoryColumn)[]): Features => ({
  rows: columns[0].kind === "number" ? columns[0].values.length : columns[0].codes.length,
  columns,
});

/** y = a (3 where missing) + 3 for level 2 of c + noise. */
function simulated(n: number, seed = 1): { x: Features; y: Float64Array; truth: Float64Array } {
  const rng = new Rng(seed);
  const a = Float64Array.from({ length: n }, () => (rng.bernoulli(0.1) === 1 ? Number.NaN : rng.normal()));
  const b = Float64Array.from({ length: n }, () => rng.float());
  const c = Int32Array.from({ length: n }, () => rng.int(5) - 1);
  const truth = a.map((v, i) => (Number.isNaN(v) ? 3 : v) + (c[i] === 2 ? 3 : 0));
  return { x: table(numbers("a", a), numbers("b", b), levels("c", 4, c)), y: truth.map((v) => v + rng.normal()), truth };
}

const meanSquare = (a: ArrayLike<number>, b: ArrayLike<number>): number => Array.from(a).reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / a.length;

describe("against LightGBM on columns with few values", () => {
  interface Fixture {
    readonly x: readonly (readonly (number | null)[])[];
    readonly weight: readonly number[];
    readonly cases: Readonly<Record<string, { readonly y: readonly number[]; readonly prediction: readonly number[] }>>;
  }
  const fixture = JSON.parse(readFileSync(new URL("../fixtures/boosting/data.json", import.meta.url), "utf8")) as Fixture;
  const x = table(
    ...["a", "b", "c"].map((name, j) =>
      numbers(
        name,
        fixture.x.map((row) => row[j] ?? Number.NaN),
      ),
    ),
  );
  const config: Change = { rounds: 12, learningRate: 0.2, maxLeaves: 6, minRows: 8, l2: 0, validation: 0 };
  const cases: readonly [string, Learner, Change][] = [
    ["squared", boostingRegressor, {}],
    ["weighted", boostingRegressor, { minRows: 1, minWeight: 15.5 }],
    ["penalised", boostingRegressor, { l1: 2, l2: 3, minGain: 1 }],
    ["deep", boostingRegressor, { maxDepth: 3 }],
    ["logistic", boostingClassifier, {}],
    ["tweedie", boostingRegressor, { loss: "tweedie", minRows: 1, minWeight: 8 }],
  ];
  for (const [name, learner, change] of cases) {
    test(`${name}: the same predictions to single precision`, async () => {
      const { y, prediction } = fixture.cases[name];
      const fitted = await train(learner, x, y, { ...config, ...change }, name === "weighted" ? { weight: Float64Array.from(fixture.weight) } : {});
      expectAllClose(await fitted.predict(x), prediction, float32, name);
    });
  }
});

describe("what is learned", () => {
  test("missing values and categories are used as they are, and what matters is named", async () => {
    const { x, y, truth } = simulated(4000);
    const fitted = await train(boostingRegressor, x, y, { learningRate: 0.1 });
    expect(meanSquare(await fitted.predict(x), truth)).toBeLessThan(0.1);
    const [a, b, c] = fitted.importance.map(({ share }) => share);
    expect(a).toBeGreaterThan(0.3);
    expect(c).toBeGreaterThan(0.3);
    expect(b).toBeLessThan(0.1);
    expectClose(a + b + c, 1, float64);
  });

  test("growing stops when the held-out rows stop gaining, and keeps the trees up to the best", async () => {
    const { x, y } = simulated(1000);
    const fitted = await train(boostingRegressor, x, y, { learningRate: 0.3, patience: 5 });
    const best = fitted.validationLoss.indexOf(Math.min(...fitted.validationLoss));
    expect(fitted.trees).toBe(best);
    expect(fitted.validationLoss.length).toBe(best + 1 + 5);
    expect(fitted.trees).toBeLessThan(100);
  });

  test("by folds all rows are fitted on, with the number of trees that was best over the folds", async () => {
    const { x, y } = simulated(600);
    const fitted = await train(boostingRegressor, x, y, { learningRate: 0.2, folds: 4, patience: 5 });
    expect(fitted.trees).toBe(fitted.validationLoss.indexOf(Math.min(...fitted.validationLoss)));
    const same = await train(boostingRegressor, x, y, { learningRate: 0.2, rounds: fitted.trees, folds: 0, validation: 0 });
    expect(await fitted.predict(x)).toEqual(await same.predict(x));
  });

  test("a monotone column moves the prediction one way only, whatever the other columns say", async () => {
    const rng = new Rng(3);
    const n = 1500;
    const dose = Float64Array.from({ length: n }, () => rng.int(30) / 10);
    const other = Float64Array.from({ length: n }, () => rng.normal());
    const y = dose.map((d, i) => Math.sin(3 * d) + d + other[i] * (d - 1) + rng.normal());
    for (const direction of [1, -1] as const) {
      const fitted = await train(boostingRegressor, table(numbers("dose", dose), numbers("other", other)), y, {
        monotone: { dose: direction },
        rounds: 60,
        validation: 0,
        minRows: 3,
      });
      for (const at of [-1.5, -0.4, 0, 0.3, 1.2]) {
        const grid = Array.from({ length: 31 }, (_, k) => k / 10);
        const along = await fitted.predict(
          table(
            numbers("dose", grid),
            numbers(
              "other",
              grid.map(() => at),
            ),
          ),
        );
        for (let k = 1; k < along.length; k++) expect(direction * (along[k] - along[k - 1]), `other = ${at}, step ${k}`).toBeGreaterThanOrEqual(-1e-12);
        expect(new Set(along).size, "and it does move").toBeGreaterThan(direction === 1 ? 4 : 0);
      }
    }
  });

  test("counts by Poisson loss: predictions are means, positive, and add up", async () => {
    const rng = new Rng(9);
    const a = Float64Array.from({ length: 3000 }, () => rng.normal());
    const y = a.map((v) => rng.poisson(Math.exp(0.5 * v)));
    const fitted = await train(boostingRegressor, table(numbers("a", a)), y, { loss: "poisson", rounds: 60, validation: 0 });
    const mean = await fitted.predict(table(numbers("a", a)));
    expect(mean.every((v) => v > 0)).toBe(true);
    expect(
      meanSquare(
        mean,
        a.map((v) => Math.exp(0.5 * v)),
      ),
    ).toBeLessThan(0.05);
    expectClose(mean.reduce((s, v) => s + v, 0) / y.reduce((s, v) => s + v, 0), 1, 0.01);
  });

  test("a weight counts a row that many times", async () => {
    const { x, y } = simulated(400, 5);
    const weight = Float64Array.from({ length: 400 }, (_, i) => i % 3);
    const repeated = Array.from({ length: 400 }, (_, i) => Array.from({ length: i % 3 }, () => i)).flat();
    const [a, b, c] = x.columns as [NumberColumn, NumberColumn, CategoryColumn];
    const more = table(
      numbers(
        "a",
        repeated.map((i) => a.values[i]),
      ),
      numbers(
        "b",
        repeated.map((i) => b.values[i]),
      ),
      levels(
        "c",
        4,
        repeated.map((i) => c.codes[i]),
      ),
    );
    // Few rows, so that all values are cut apart and weights do not move the cuts; leaves are bounded by weight alone.
    const config: Change = { rounds: 1, learningRate: 1, validation: 0, minRows: 1, minWeight: 10, maxLeaves: 8, bins: 255 };
    const few = (column: NumberColumn): NumberColumn =>
      numbers(
        column.name,
        column.values.map((v) => Math.round(4 * v) / 4),
      );
    const coarse = (t: Features): Features => ({ ...t, columns: t.columns.map((column) => (column.kind === "number" ? few(column) : column)) });
    const one = await train(boostingRegressor, coarse(x), y, config, { weight });
    const other = await train(
      boostingRegressor,
      coarse(more),
      repeated.map((i) => y[i]),
      config,
    );
    expectAllClose(await one.predict(coarse(x)), await other.predict(coarse(x)), 1e-9, "predictions");
  });

  test("row and column sampling use all columns and most rows over the rounds", async () => {
    const { x, y, truth } = simulated(3000);
    const fitted = await train(boostingRegressor, x, y, { rowSample: 0.5, columnSample: 0.4, learningRate: 0.1 });
    expect(meanSquare(await fitted.predict(x), truth)).toBeLessThan(0.15);
    expect(await (await train(boostingRegressor, x, y, { rowSample: 0.5, learningRate: 0.1 }, { seed: 2 })).predict(x)).not.toEqual(await fitted.predict(x));
  });
});

describe("what must not matter", () => {
  const { x, y } = simulated(2000, 7);
  const config: Change = { rounds: 30, rowSample: 0.8, columnSample: 0.7 };

  test("the same seed gives the same trees; weights of one change nothing", async () => {
    const first = await (await train(boostingRegressor, x, y, config)).predict(x);
    expect(await (await train(boostingRegressor, x, y, config)).predict(x)).toEqual(first);
    expect(await (await train(boostingRegressor, x, y, config, { weight: new Float64Array(2000).fill(1) })).predict(x)).toEqual(first);
  });

  test("saved and restored, both kinds predict exactly the same", async () => {
    for (const learner of [boostingRegressor, boostingClassifier] as readonly Learner[]) {
      const fitted = await train(learner, x, learner.kind === "classifier" ? y.map((v) => (v > 2 ? 1 : 0)) : y, config);
      const state = fitted.state();
      const json = JSON.parse(JSON.stringify(state.json)) as typeof state.json;
      const restored = await learner.restore(learner.config.parse(config), { json, arrays: state.arrays });
      expect(await restored.predict(x)).toEqual(await fitted.predict(x));
    }
  });

  test("a row's prediction is its own, and levels, values and gaps never seen get one too", async () => {
    const fitted = await train(boostingRegressor, x, y, config);
    const strange = table(
      numbers("a", [1e300, -1e300, Number.NaN, 0]),
      numbers("b", [Number.NaN, 2, -1, Number.POSITIVE_INFINITY]),
      levels("c", 4, [-1, 3, 0, 1]),
    );
    const all = await fitted.predict(strange);
    expect(all.every(Number.isFinite)).toBe(true);
    for (let i = 0; i < 4; i++) {
      const one: Features = {
        rows: 1,
        columns: strange.columns.map((c) =>
          c.kind === "number" ? { ...c, values: c.values.slice(i, i + 1) } : { ...c, codes: (c as CategoryColumn).codes.slice(i, i + 1) },
        ),
      };
      expect((await fitted.predict(one))[0]).toBe(all[i]);
    }
  });
});

describe("bad input", () => {
  const y = Float64Array.from({ length: 200 }, (_, i) => i % 7);
  const n = y.length;
  const index = Array.from({ length: n }, (_, i) => i);

  test("constant and all-missing columns are never split on, and alone leave the mean", async () => {
    const useless = table(
      numbers(
        "same",
        index.map(() => 4),
      ),
      numbers(
        "none",
        index.map(() => Number.NaN),
      ),
      levels(
        "one",
        3,
        index.map(() => 1),
      ),
      levels(
        "empty",
        0,
        index.map(() => -1),
      ),
    );
    const fitted = await train(boostingRegressor, useless, y, { validation: 0, rounds: 5 });
    const mean = y.reduce((a, b) => a + b, 0) / n;
    // Gradients are whole multiples of 2^-30 of the largest one.
    for (const v of await fitted.predict(useless)) expectClose(v, mean, 2 ** -30);
    expect(fitted.importance.every(({ share }) => share === 0)).toBe(true);
  });

  test("one row, two rows, and leaves of one row", async () => {
    const one = table(numbers("a", [3]));
    expect(Array.from(await (await train(boostingRegressor, one, [5], { minRows: 1 })).predict(one))).toEqual([5]);
    const two = table(numbers("a", [3, 4]));
    const fitted = await train(boostingRegressor, two, [5, 7], { minRows: 1, l2: 0, learningRate: 1, rounds: 3, validation: 0 });
    expect(Array.from(await fitted.predict(two))).toEqual([5, 7]);
  });

  test("a classifier with one class predicts it, strictly inside (0, 1)", async () => {
    const x = table(numbers("a", index));
    for (const v of [0, 1]) {
      const [p] = await (
        await train(
          boostingClassifier,
          x,
          y.map(() => v),
          {},
        )
      ).predict(x);
      expect(p > 0 && p < 1 && Math.abs(p - v) < 1e-6).toBe(true);
    }
  });

  test("a category of 10,000 levels is fitted and its levels are told apart", async () => {
    const rng = new Rng(2);
    const rows = 30_000;
    const codes = Int32Array.from({ length: rows }, () => rng.int(10_000));
    const target = Float64Array.from(codes, (code) => (code % 2) * 4 + rng.normal());
    const x = table(levels("user", 10_000, codes));
    const fitted = await train(boostingRegressor, x, target, { rounds: 10, learningRate: 0.5, validation: 0, categorySmoothing: 1 });
    expect(
      meanSquare(
        await fitted.predict(x),
        codes.map((code) => (code % 2) * 4),
      ),
    ).toBeLessThan(1);
  });

  test("what cannot be fitted is refused in one line that says where and what to do", async () => {
    const x = table(
      numbers("a", index),
      levels(
        "c",
        2,
        index.map((i) => i % 2),
      ),
    );
    await expect(
      train(
        boostingRegressor,
        x,
        y.map((v, i) => (i === 3 ? Number.NaN : v)),
        {},
      ),
    ).rejects.toThrow(/finite.*row 4 has NaN/);
    await expect(
      train(
        boostingRegressor,
        x,
        y.map((v) => v - 3),
        { loss: "poisson" },
      ),
    ).rejects.toThrow(/at least 0; row 1 has -3/);
    await expect(train(boostingClassifier, x, y, {})).rejects.toThrow(/0 and 1; row 3 has 2/);
    await expect(train(boostingRegressor, x, y, {}, { weight: new Float64Array(n) })).rejects.toThrow(/no row has a weight above 0/);
    await expect(train(boostingRegressor, x, y, { monotone: { aa: 1 } })).rejects.toThrow(/monotone names column "aa".*did you mean "a"/);
    await expect(train(boostingRegressor, x, y, { monotone: { c: 1 } })).rejects.toThrow(/category without order/);
    const huge = table(levels("id", 70_000, index));
    await expect(train(boostingRegressor, huge, y, {})).rejects.toThrow(/70000 levels.*at most 65535/);
    const sequence: Features = { rows: n, columns: [{ kind: "sequence", name: "s", offsets: new Int32Array(n + 1), values: new Float64Array(0) }] };
    await expect(train(boostingRegressor, sequence, y, {})).rejects.toThrow(/"s" is a sequence/);
    await expect(boostingRegressor.restore(boostingRegressor.config.parse({}), { json: {}, arrays: {} })).rejects.toThrow(/damaged/);
  });

  test("an abort stops the fit before it starts and between rounds", async () => {
    const x = table(numbers("a", index));
    await expect(train(boostingRegressor, x, y, {}, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    const stop = new AbortController();
    const running = train(boostingRegressor, x, y, { rounds: 100_000, validation: 0 }, { signal: stop.signal });
    setTimeout(() => stop.abort(), 30);
    await expect(running).rejects.toThrow(/abort/i);
  });
});

import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import type { Dataset } from "../../../src/data/dataset.ts";
import type { UpliftPrediction } from "../../../src/model/contract.ts";
import { type FittedModel, fit } from "../../../src/model/fit.ts";
import { criterionNames } from "../../../src/uplift/tree/criterion.ts";
import { readableTree, treeSvg, treeText } from "../../../src/uplift/tree/picture.ts";
import { upliftForest } from "../../../src/uplift/tree/upliftForest.ts";
import { expectAllClose, expectClose, float64 } from "../../tolerance.ts";
import { average, rootMeanSquare, simulated } from "./simulated.ts";

const isBuilt = existsSync(new URL("../../../dist/uplift/tree/worker.js", import.meta.url));

type Config = Readonly<Record<string, unknown>>;
const grow = (data: Dataset, config: Config, more: { seed?: number; threads?: number; signal?: AbortSignal } = {}): Promise<FittedModel<"uplift">> =>
  fit(upliftForest, data, { config, threads: 1, ...more });
const predict = async (data: Dataset, config: Config, on = data): Promise<UpliftPrediction> => (await grow(data, config)).predict(on);
const singleTree: Config = { trees: 1, rowSample: 1, columnSample: 1, shrinkage: 0, criterion: "squared" };

describe("what is learned", () => {
  test("every criterion finds the column the effect depends on, and effects in the right order", async () => {
    const { data, effects } = simulated({ n: 4000, binary: true, effect: (x1) => (x1 > 0 ? 0.4 : 0) });
    for (const criterion of criterionNames) {
      const fitted = await grow(data, { trees: 20, criterion, maxDepth: 4 });
      const importance = fitted.report.importance as Record<string, number>;
      expect(importance.x1, criterion).toBe(Math.max(...Object.values(importance)));
      const { effect } = await fitted.predict(data);
      const mean = (high: boolean): number => average(effect[0].filter((_, i) => effects[0][i] > 0.2 === high));
      expect(mean(true) - mean(false), criterion).toBeGreaterThan(0.15);
    }
  });

  test("a single tree on few values says the difference in means of its leaves, by hand", async () => {
    const { data } = simulated({ n: 1200, seed: 3 });
    const { effect, outcome } = await predict(data, { ...singleTree, maxDepth: 0 });
    const [y, { arm }] = [data.outcome(), data.treatment()];
    const mean = (a: number): number => average(y.filter((_, i) => arm[i] === a));
    expectClose(effect[0][0], mean(1) - mean(0), 1e-8);
    expectClose(outcome?.[1][7] ?? Number.NaN, mean(1), 1e-8);
  });

  test("several arms have effects of their own, and categories and gaps are used as they are", async () => {
    const { data, effects } = simulated({ n: 6000, arms: 3, seed: 4, effect: (_, __, segment, a) => (segment === 2 ? 2 * a : 0) });
    const gaps = data.withColumns([{ kind: "number", name: "x3", values: data.number("x3").map((v, i) => (i % 3 === 0 ? Number.NaN : v)) }]);
    const { effect, arms } = await predict(gaps, { trees: 30, maxDepth: 4 });
    expect(arms).toEqual(["arm1", "arm2"]);
    for (const a of [0, 1]) expect(rootMeanSquare(effect[a], effects[a])).toBeLessThan(0.25 * (a + 1));
  });

  test("honest trees estimate their leaves on rows their splits have not seen: noise does not look like an effect", async () => {
    const { data, effects } = simulated({ n: 2000, seed: 5, effect: () => 0 });
    const config = { ...singleTree, maxDepth: 8, minRows: 10, minArmRows: 3, bins: 255 };
    const test_ = simulated({ n: 2000, seed: 6, effect: () => 0 });
    const adaptive = await predict(data, config);
    const honest = await predict(data, { ...config, honest: 0.5 });
    // On its own rows an adaptive tree finds large effects where there are none; an honest one finds half a sample's noise.
    const spread = ({ effect }: UpliftPrediction): number => rootMeanSquare(effect[0], effects[0]);
    expect(spread(adaptive)).toBeGreaterThan(0.8);
    expect(spread(honest)).toBeLessThan(spread(adaptive));
    expect((await predict(data, { ...config, honest: 0.5 }, test_.data)).effect[0].every(Number.isFinite)).toBe(true);
  });

  test("known propensities remove confounding: rows stand for as many as their arm was unlikely for", async () => {
    const { data } = simulated({ n: 20_000, seed: 7, confounded: true, effect: () => 1 });
    const whole: Config = { ...singleTree, maxDepth: 0 };
    const naive = (await predict(data, whole)).effect[0][0];
    const known = (await predict(data.withRoles({ propensity: { arm1: "e" } }), whole)).effect[0][0];
    expect(naive).toBeGreaterThan(1.5);
    expect(Math.abs(known - 1)).toBeLessThan(0.1);
  });

  test("weights count rows: a weight of two is a row twice", async () => {
    const { data } = simulated({ n: 600, seed: 8 });
    const coarse = data.withColumns(["x1", "x2", "x3", "x4"].map((name) => ({ kind: "number", name, values: data.number(name).map(Math.round) }) as const));
    const weight = Float64Array.from({ length: 600 }, (_, i) => 1 + (i % 2));
    const weighted = coarse.withColumns([{ kind: "number", name: "w", values: weight }], { weight: "w" });
    const twice = coarse.take(Array.from({ length: 600 }, (_, i) => (i % 2 === 0 ? [i] : [i, i])).flat());
    const config = { ...singleTree, maxDepth: 3, minRows: 1, minArmRows: 1 };
    const [a, b] = [await predict(weighted, config, coarse), await predict(twice, config, coarse)];
    expectAllClose(a.effect[0], b.effect[0], 1e-7, "effects");
  });
});

describe("constraints on the effects", () => {
  const noisy = simulated({ n: 3000, arms: 4, seed: 9, effect: (x1, _, __, a) => 0.3 * a + 0.5 * x1 });

  test("signs hold for every row of new data too", async () => {
    const fresh = simulated({ n: 1000, arms: 4, seed: 10 }).data;
    const { effect } = await predict(noisy.data, { trees: 20, minRows: 20, shrinkage: 0, signs: { arm1: 1, arm3: -1 } }, fresh);
    expect(effect[0].every((v) => v >= 0)).toBe(true);
    expect(effect[2].every((v) => v <= 0)).toBe(true);
    expect(effect[1].some((v) => v < 0) && effect[1].some((v) => v > 0), "an arm without a sign is free").toBe(true);
  });

  test("along the doses effects only rise, or only fall, for every row", async () => {
    for (const doseDirection of [1, -1]) {
      const doses = ["arm2", "arm1", "arm3"];
      const { effect, arms } = await predict(noisy.data, { trees: 20, minRows: 20, shrinkage: 0, doses, doseDirection });
      const along = doses.map((arm) => effect[arms.indexOf(arm)]);
      for (let k = 1; k < 3; k++) expect(along[k].every((v, i) => doseDirection * (v - along[k - 1][i]) >= -1e-12)).toBe(true);
    }
  });
});

describe("bad input", () => {
  test("constant and all-missing columns are never split on; one level is no category to split", async () => {
    const { data } = simulated({ n: 500 });
    const useless = data.withColumns([
      { kind: "number", name: "same", values: new Float64Array(500).fill(3) },
      { kind: "number", name: "none", values: new Float64Array(500).fill(Number.NaN) },
      { kind: "category", name: "one", codes: new Int32Array(500), levels: ["a"] },
    ]);
    const fitted = await grow(useless.withRoles({ features: ["same", "none", "one"] }), { trees: 5, minRows: 5 });
    expect(fitted.report.importance).toEqual({ same: 0, none: 0, one: 0 });
    expect(fitted.report.leavesPerTree).toBe(1);
  });

  test("an arm that would vanish from a side stops the split; leaves of one row of each arm are possible", async () => {
    const { data } = simulated({ n: 400, seed: 12 });
    const { arm } = data.treatment();
    // Treatment is all on one side of x1.
    const apart = data.withColumns([{ kind: "number", name: "x1", values: Float64Array.from(arm, (a) => a) }]).withRoles({ features: ["x1"] });
    expect((await grow(apart, { ...singleTree, minRows: 1, minArmRows: 1 })).report.leavesPerTree).toBe(1);
    const deep = await grow(data, { ...singleTree, minRows: 1, minArmRows: 1, maxDepth: 60 });
    expect(deep.report.leavesPerTree as number).toBeGreaterThan(50);
    expect((await deep.predict(data)).effect[0].every(Number.isFinite)).toBe(true);
  });

  test("a category of 10,000 levels is split, and levels never seen get an effect", async () => {
    const rng = new Rng(13);
    const n = 6000;
    const { data } = simulated({ n, seed: 13 });
    const codes = Int32Array.from({ length: n }, () => rng.int(10_000));
    const { arm } = data.treatment();
    const wide = data
      .withColumns([
        { kind: "category", name: "shop", codes, levels: Array.from({ length: 10_000 }, (_, k) => `s${k}`) },
        { kind: "number", name: "y", values: Float64Array.from(codes, (code, i) => (code % 2) * arm[i] * 3 + rng.normal()) },
      ])
      .withRoles({ features: ["shop", "x1"] });
    const fitted = await grow(wide, { trees: 4, maxDepth: 3 });
    expect((fitted.report.importance as Record<string, number>).shop).toBeGreaterThan(0.9);
    expect((await fitted.predict(wide)).effect[0].every(Number.isFinite)).toBe(true);
  });

  test("what cannot be fitted is refused in one line", async () => {
    const { data } = simulated({ n: 300 });
    await expect(grow(data, { criterion: "kl" })).rejects.toThrow(/criterion "kl" compares probabilities and the outcome is continuous/);
    await expect(grow(data, { signs: { armm1: 1 } })).rejects.toThrow(/signs names arm "armm1".*did you mean "arm1"/);
    const { arm } = data.treatment();
    const empty = data.withColumns([{ kind: "number", name: "w", values: Float64Array.from(arm, (a) => 1 - a) }], { weight: "w" });
    await expect(grow(empty, {})).rejects.toThrow(/arm "arm1"/);
  });
});

describe.skipIf(!isBuilt)("threads (needs `npm run build`)", () => {
  test("any number of threads, more than cores too, gives the forest of one", async () => {
    const { data } = simulated({ n: 40_000, seed: 14, binary: true, effect: (x1) => (x1 > 0 ? 0.2 : 0) });
    const config = { trees: 320, maxDepth: 1, rowSample: 0.5 };
    const alone = await (await grow(data, config)).predict(data.take([1, 2, 3, 30_000]));
    for (const threads of [2, 5])
      expect(await (await grow(data, config, { threads })).predict(data.take([1, 2, 3, 30_000])), `${threads} threads`).toEqual(alone);
  });

  test("an abort stops the threads, and none is left", async () => {
    const workers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Worker" || name === "MessagePort").length;
    const before = workers();
    const { data } = simulated({ n: 60_000, seed: 15 });
    const stop = new AbortController();
    const running = grow(data, { trees: 5000, maxDepth: 8 }, { threads: 3, signal: stop.signal });
    setTimeout(() => stop.abort(), 400);
    await expect(running).rejects.toThrow(/abort/i);
    expect(workers()).toBeLessThanOrEqual(before);
  });
});

describe("a tree to read", () => {
  const segment = { kind: "category", name: "where from <&>" } as const;
  const data = simulated({ n: 3000, seed: 16, effect: (x1, _, s) => (s === 1 ? 2 : 0) + (x1 > 0.5 ? 1 : 0) }).data;
  const source = data.column("segment");
  if (source.kind !== "category") throw new Error("segment is a category");
  const named = data.withColumns([{ ...source, ...segment }]).withRoles({ features: ["x1", "where from <&>"] });

  test("text and picture tell every node's way, rows and effects, and add up", async () => {
    const fitted = await grow(named, { ...singleTree, maxDepth: 2 });
    const tree = readableTree(await fitted.state());
    expect(tree.root.rows.reduce((a, b) => a + b, 0)).toBe(3000);
    const [left, right] = tree.root.children;
    expect(tree.root.rows).toEqual(left.rows.map((rows, a) => rows + right.rows[a]));
    expect([left.path, right.path].toSorted()).toEqual(["where from <&> is east", "where from <&> is missing, north, south, west"]);
    const lines = treeText(tree).split("\n");
    expect(lines[0]).toMatch(/^all rows: 3000 rows, effect \+/);
    expect(lines.filter((line) => /^(├─|└─) where from <&> is /.test(line)).length).toBe(2);
    expect(lines.some((line) => /x1 <= 0\.\d+( or missing)?: \d+ rows, effect/.test(line))).toBe(true);
    const svg = treeSvg(tree);
    expect(svg.match(/<rect /g)?.length).toBe(lines.length);
    expect(svg).toContain("where from &lt;&amp;&gt; is east");
    expect(svg).not.toContain("NaN");
    const { effect } = await fitted.predict(named);
    const leaves = new Set(lines.slice(1).map((line) => line.match(/effect (.*)$/)?.[1]));
    expect(leaves.size).toBeGreaterThan(2);
    expectClose(average(effect[0].filter((_, i) => source.codes[i] === 1)), left.path.includes("east") ? left.effect[0] : right.effect[0], 0.2);
  });

  test("a state of something else, or a tree that is not there, is refused", async () => {
    expect(() => readableTree({ json: {}, arrays: {} })).toThrow(/not one of ours/);
    const state = await (await grow(named, { ...singleTree, maxDepth: 1 })).state();
    expect(() => readableTree(state, 1)).toThrow(/no tree 1; the trees are 0 to 0/);
    expectClose(readableTree(state).root.outcome[0] + readableTree(state).root.effect[0], readableTree(state).root.outcome[1], float64);
  });
});

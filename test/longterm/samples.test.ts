import { describe, expect, test } from "vitest";
import { type Column, Dataset, numberColumn, categoryColumn } from "../../src/index.ts";
import { combineSamples, surrogateGrid, twoSamples, unlogged } from "../../src/data/longterm.ts";
import { generatorById, simulate } from "../../src/data/synth/index.ts";
import { parse } from "../../src/base/parse.ts";
import { Rng } from "../../src/base/rng.ts";
import { fit } from "../../src/model/fit.ts";
import { surrogateIndexLinear } from "../../src/longterm/surrogate.ts";
import { expectWithin } from "../tolerance.ts";

describe("the grid of surrogates", () => {
  test("columns that end in a step become metrics by steps, whatever their order", () => {
    const grid = surrogateGrid(["buy_2", "see_1", "buy_1", "see_2"]);
    expect(grid.metrics).toEqual(["buy", "see"]);
    expect(grid.steps).toEqual([1, 2]);
    expect([...grid.place]).toEqual([2, 1, 0, 3]);
  });

  test("columns without steps, or with a hole in the grid, are metrics of one step", () => {
    expect(surrogateGrid(["clicks", "spend"]).steps).toEqual([1]);
    expect(surrogateGrid(["a_1", "a_2", "b_1"]).metrics).toEqual(["a_1", "a_2", "b_1"]);
  });
});

/** Two small tables; `change` replaces columns of either by name. */
function tables(change: { history?: Record<string, Column | null>; experiment?: Record<string, Column | null> } = {}): [Dataset, Dataset] {
  const rng = new Rng(3);
  const draw = (n: number): Float64Array => Float64Array.from({ length: n }, () => rng.normal());
  const make = (n: number, more: readonly Column[], own: Record<string, Column | null> = {}): Dataset => {
    const columns = [numberColumn("age", draw(n)), numberColumn("v_1", draw(n)), numberColumn("v_2", draw(n)), ...more];
    const kept = columns.filter(({ name }) => own[name] !== null).map((column) => own[column.name] ?? column);
    const added = Object.entries(own).flatMap(([name, column]) => (column === null || columns.some((one) => one.name === name) ? [] : [column]));
    return new Dataset([...kept, ...added], { features: [], outcomes: [] }, `table of ${n}`);
  };
  const arm = categoryColumn(
    "arm",
    Array.from({ length: 80 }, (_, i) => (i % 2 === 0 ? "off" : "on")),
  );
  return [make(120, [numberColumn("y_9", draw(120))], change.history), make(80, [arm], change.experiment)];
}

const options = { treatment: "arm", control: "off", outcome: ["y_9"], surrogates: ["v_1", "v_2"] };

function samplesOf(change: Parameters<typeof tables>[0] = {}, more = {}): ReturnType<typeof twoSamples> {
  const [history, experiment] = tables(change);
  return twoSamples(combineSamples(history, experiment, { ...options, ...more }));
}

describe("two samples from two tables", () => {
  test("features are what both have and nothing else uses; history without arms is unlogged", () => {
    const samples = samplesOf();
    expect(samples.history.x.columns.map(({ name }) => name)).toEqual(["age"]);
    expect(samples.history.logged).toBe(false);
    expect(samples.arms).toEqual(["off", "on"]);
    expect([samples.history.rows, samples.experiment.rows]).toEqual([120, 80]);
    expect(samples.experiment.e[1][0]).toBe(0.5);
  });

  test("an outcome that the experiment's table happens to have is never read", () => {
    const later = numberColumn("y_9", new Float64Array(80).fill(1e9));
    const [history, experiment] = tables({ experiment: { y_9: later } });
    const pooled = combineSamples(history, experiment, options);
    expect(pooled.number("y_9").slice(120).every(Number.isNaN)).toBe(true);
  });

  test("a copy of the outcome among the surrogates is refused, also in other units", () => {
    const [history] = tables();
    const copy = numberColumn(
      "v_2",
      history.number("y_9").map((v) => 3 - 2 * v),
    );
    expect(() => samplesOf({ history: { y_9: history.column("y_9"), v_2: copy } })).toThrow(/surrogate "v_2" is the outcome "y_9" itself/);
    expect(() => samplesOf({}, { surrogates: ["v_1", "y_9"] })).toThrow(/surrogate and the outcome at once/);
  });

  test("a step that was never measured is refused and named", () => {
    const empty = numberColumn("v_2", new Float64Array(80).fill(Number.NaN));
    expect(() => samplesOf({ experiment: { v_2: empty } })).toThrow(/surrogate "v_2" is missing in every row of the experiment/);
    const past = numberColumn("v_1", new Float64Array(120).fill(Number.NaN));
    expect(() => samplesOf({ history: { v_1: past } })).toThrow(/surrogate "v_1" is missing in every row of the history/);
  });

  test("one arm, a history without outcome, and a text as surrogate are refused", () => {
    const one = categoryColumn("arm", new Array<string>(80).fill("off"));
    expect(() => samplesOf({ experiment: { arm: one } })).toThrow(/one arm \("off"\)/);
    const holes = numberColumn(
      "y_9",
      Float64Array.from({ length: 120 }, (_, i) => (i < 5 ? Number.NaN : i)),
    );
    expect(() => samplesOf({ history: { y_9: holes } })).toThrow(/5 of 120 rows of history have no outcome/);
    const text = [120, 80].map((n) => categoryColumn("v_1", new Array<string>(n).fill("a")));
    expect(() => samplesOf({ history: { v_1: text[0] }, experiment: { v_1: text[1] } })).toThrow(/"v_1" must be numeric/);
  });

  test("history of other units altogether is refused with the reason", async () => {
    const far = numberColumn(
      "age",
      Float64Array.from({ length: 80 }, (_, i) => 50 + (i % 7) / 10),
    );
    const [history, experiment] = tables({ experiment: { age: far } });
    await expect(fit(surrogateIndexLinear, combineSamples(history, experiment, options))).rejects.toThrow(/do not overlap/);
  });
});

describe("generators of two samples", () => {
  const made = (id: string, config: object, seed: number): Dataset =>
    generatorById(id).simulate(parse(generatorById(id).config, config, id), new Rng(seed).split(id));

  test.each(["g1", "g2", "g3", "g4", "g5", "g6", "g7"])(
    "longterm-%s: the experiment's outcome is not in the outcome column, and its arms differ by the true effect",
    (which) => {
      const data = simulate(`longterm-${which}`, { history: 60, experiment: which === "g3" ? 8000 : 4000 }, 4);
      const samples = twoSamples(data);
      expect(samples.history.rows).toBe(60);
      const now = data.rows - samples.experiment.rows;
      expect(data.outcome().slice(now).every(Number.isNaN)).toBe(true);
      const y = data.number("y_later").slice(now);
      const { arm, e } = samples.experiment;
      const treated = samples.arms[1];
      const truth = (data.trueEffect(treated) as Float64Array).slice(now);
      // Weighted by the design's chances, which follow the features in some of them.
      const parts = y.map((v, i) => (arm[i] === 1 ? v / e[1][i] : arm[i] === 0 ? -v / e[0][i] : 0) - truth[i]);
      const mean = parts.reduce((a, b) => a + b, 0) / parts.length;
      const se = Math.sqrt(parts.reduce((sum, v) => sum + (v - mean) ** 2, 0)) / parts.length;
      // The chances of g3 and g6's shares are estimated or follow x, so its tolerance is the wide one.
      expectWithin(mean, 0, se, which === "g3" ? 40 : 5, which);
    },
  );

  test("longterm-g1 cumulative: tau(x) = (1 + x / 10) 2^(T - 1)", () => {
    const data = made("longterm-g1", { history: 30, experiment: 30, steps: 5, window: 3 }, 1);
    const tau = data.trueEffect("treated") as Float64Array;
    data.number("x").forEach((x, i) => expectWithin(tau[i], (1 + x / 10) * 16, 1e-9, 1));
  });

  test("longterm-g7: the effect given x is the mean of the types' effects, and shift and zeta move what they should", () => {
    const calm = made("longterm-g7", { history: 2000, experiment: 4000, zeta: 0, shift: 0 }, 2);
    const strong = made("longterm-g7", { history: 2000, experiment: 4000, zeta: 2, shift: 0 }, 2);
    const moved = made("longterm-g7", { history: 2000, experiment: 4000, zeta: 0, shift: 1 }, 2);
    for (const data of [calm, strong]) {
      const gap = data.number("effect_treated").map((v, i) => v - data.number("unit_effect")[i]);
      const mean = gap.reduce((a, b) => a + b, 0) / gap.length;
      expectWithin(mean, 0, Math.sqrt(gap.reduce((sum, v) => sum + v * v, 0)) / gap.length, 4);
    }
    // Same world, same units: only what zeta adds differs.
    strong.number("unit_effect").forEach((v, i) => {
      const [x1, x2] = [strong.number("x1")[i], strong.number("x2")[i]];
      expect(v - calm.number("unit_effect")[i] - 2 * (0.5 * x1 + Math.sin(x2))).toBeGreaterThan(0);
    });
    const mean = (data: Dataset, from: number): number =>
      data
        .number("x1")
        .slice(from)
        .reduce((a, b) => a + b, 0) / 4000;
    expectWithin(mean(moved, 2000) - mean(calm, 2000), 1, 1 / Math.sqrt(4000), 5);
    expect(calm.treatment().arms).toContain(unlogged);
  });
});

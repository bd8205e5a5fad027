import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { averageEffect, bestLinearProjection, calibrate, doublyRobustScores, type ForestRows } from "../../../src/uplift/tree/analysis.ts";
import { robustRegression } from "../../../src/uplift/tree/regression.ts";
import { expectAllClose, expectClose, expectWithin, float64 } from "../../tolerance.ts";

interface Fixture {
  readonly x: readonly number[][];
  readonly y: readonly number[];
  readonly w: readonly number[];
  readonly cluster: readonly number[];
  readonly [name: string]: unknown;
}
const fixture = JSON.parse(readFileSync(new URL("../../fixtures/forest/data.json", import.meta.url), "utf8")) as Fixture;

describe("robust regression", () => {
  const columns = fixture.x.map((values) => Float64Array.from(values));
  const y = Float64Array.from(fixture.y);
  const cases = [
    ["hc3", undefined, undefined, 1],
    ["weighted", Float64Array.from(fixture.w), undefined, 1],
    ["clustered", Float64Array.from(fixture.w), Int32Array.from(fixture.cluster), Math.sqrt(12 / 11)],
  ] as const;
  for (const [name, weight, cluster, factor] of cases) {
    test(`${name}: estimates and standard errors are those of statsmodels`, () => {
      const want = fixture[name] as { estimate: number[]; se: number[] };
      const got = robustRegression(columns, y, weight, cluster) ?? [];
      expectAllClose(
        got.map(({ estimate }) => estimate),
        want.estimate,
        1e-9,
        "estimates",
      );
      expectAllClose(
        got.map(({ se }) => se),
        want.se.map((se) => se * factor),
        1e-9,
        "standard errors",
      );
    });
  }

  test("columns that repeat each other, and fewer rows than columns, have no answer", () => {
    expect(robustRegression([columns[0], columns[0]], y)).toBeUndefined();
    expect(robustRegression(columns, y.slice(0, 3))).toBeUndefined();
    expect(robustRegression(columns, y, undefined, new Int32Array(60))).toBeUndefined();
  });
});

/** Rows whose nuisances and effects are known, so that what is computed from them is too. */
function simulated(n: number, seed: number, more: { clustered?: boolean; treated?: number } = {}): ForestRows & { readonly truth: Float64Array } {
  const rng = new Rng(seed);
  const count = more.treated ?? 1;
  const x = Float64Array.from({ length: n }, () => rng.normal());
  const cluster = Int32Array.from({ length: n }, (_, i) => Math.floor(i / 5));
  const shock = Float64Array.from({ length: n / 5 + 1 }, () => rng.normal());
  const truth = x.map((v) => 1 + v);
  const propensity = Array.from({ length: count }, () => x.map((v) => (0.2 + 0.6 / (1 + Math.exp(-v))) / count));
  const arm = Int32Array.from(x, (_, i) => {
    let u = rng.float();
    for (let a = 0; a < count; a++) {
      u -= propensity[a][i];
      if (u < 0) return a + 1;
    }
    return 0;
  });
  const outcome = x.map((v, i) => 2 * v + propensity.reduce((sum, e, a) => sum + e[i] * (a + 1) * truth[i], 0));
  const y = x.map((v, i) => 2 * v + arm[i] * truth[i] + (more.clustered ? shock[cluster[i]] : 0) + rng.normal());
  const arms = ["control", ...propensity.map((_, a) => `arm${a + 1}`)];
  const effect = propensity.map((_, a) => truth.map((v) => (a + 1) * v));
  return { y, arm, arms, outcome, propensity, effect, variance: [], cluster: more.clustered ? cluster : undefined, truth };
}

describe("doubly robust scores", () => {
  test("by hand, for one treated and one control row", () => {
    const rows: ForestRows = {
      y: Float64Array.of(5, 1),
      arm: Int32Array.of(1, 0),
      arms: ["c", "t"],
      outcome: Float64Array.of(2, 2),
      propensity: [Float64Array.of(0.25, 0.25)],
      effect: [Float64Array.of(1, 1)],
      variance: [],
    };
    // Control mean 2 - 0.25 * 1 = 1.75, treated mean 2.75.
    expectAllClose(doublyRobustScores(rows)[0], [1 + (5 - 2.75) / 0.25, 1 - (1 - 1.75) / 0.75], float64);
  });

  test("their mean is the average effect even where the effects are all wrong, as long as the propensities are right", () => {
    for (const treated of [1, 2]) {
      const rows = simulated(40_000, 11, { treated });
      const wrong = { ...rows, effect: rows.effect.map((values) => values.map(() => 0)) };
      for (let a = 0; a < treated; a++) {
        const { estimate, se } = averageEffect(wrong, a, "all");
        expectWithin(estimate, a + 1, se, 4, `arm ${a + 1} of ${treated}`);
      }
    }
  });
});

describe("average effects", () => {
  const n = 40_000;
  const rows = simulated(n, 12);
  const mean = (values: Float64Array, weight: (i: number) => number): number =>
    values.reduce((sum, v, i) => sum + weight(i) * v, 0) / values.reduce((sum, _, i) => sum + weight(i), 0);

  test("of all, treated, control and overlap are the mean effects of those rows", () => {
    const e = rows.propensity[0];
    const want = {
      all: mean(rows.truth, () => 1),
      treated: mean(rows.truth, (i) => (rows.arm[i] === 1 ? 1 : 0)),
      control: mean(rows.truth, (i) => (rows.arm[i] === 0 ? 1 : 0)),
      overlap: mean(rows.truth, (i) => e[i] * (1 - e[i])),
    };
    for (const target of ["all", "treated", "control", "overlap"] as const) {
      const { estimate, se } = averageEffect(rows, 0, target);
      expectWithin(estimate, want[target], se, 4, target);
      expect(se).toBeLessThan(0.05);
    }
    expect(want.treated).toBeGreaterThan(want.control + 0.2);
  });

  test("standard errors are those of the estimates over many experiments, with and without clusters", () => {
    for (const clustered of [false, true]) {
      const runs = Array.from({ length: 300 }, (_, r) => averageEffect(simulated(400, 100 + r, { clustered }), 0, "all"));
      const errors = runs.map(({ estimate }) => estimate);
      const center = errors.reduce((a, b) => a + b, 0) / errors.length;
      const spread = Math.sqrt(errors.reduce((sum, v) => sum + (v - center) ** 2, 0) / (errors.length - 1));
      const se = runs.reduce((sum, run) => sum + run.se, 0) / runs.length;
      // The standard deviation of 300 estimates is known to about 4 %.
      expectWithin(se / spread, 1, 1 / Math.sqrt(2 * 300), 4, clustered ? "clustered" : "independent");
    }
  });
});

describe("calibration and projection", () => {
  const rows = simulated(20_000, 13);

  test("true effects are calibrated: both coefficients are one", () => {
    const { mean, differential } = calibrate(rows) ?? { mean: undefined, differential: undefined };
    expectWithin(mean?.estimate ?? 0, 1, mean?.se ?? 0, 4);
    expectWithin(differential?.estimate ?? 0, 1, differential?.se ?? 0, 4);
    expect(differential?.pPositive).toBeLessThan(1e-10);
  });

  test("effects twice as spread as the truth have a differential coefficient of a half; constant ones have none", () => {
    const wide = { ...rows, effect: [rows.effect[0].map((v) => 1 + 2 * (v - 1))] };
    const { differential } = calibrate(wide) ?? { differential: undefined };
    expectWithin(differential?.estimate ?? 0, 0.5, differential?.se ?? 0, 4);
    expect(calibrate({ ...rows, effect: [rows.effect[0].map(() => 1)] })).toBeUndefined();
  });

  test("the projection on a column the effects are linear in gives back the line", () => {
    const x = rows.truth.map((v) => v - 1);
    const [constant, slope] = bestLinearProjection(rows, [x]) ?? [];
    expectWithin(constant.estimate, 1, constant.se, 4);
    expectWithin(slope.estimate, 1, slope.se, 4);
    expectClose(constant.pValue, 0, 1e-9);
  });
});

import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { chi2Sf } from "../../src/base/stats/chi2.ts";
import { kolmogorovTest } from "../../src/base/stats/kolmogorov.ts";
import { numberColumn } from "../../src/data/dataset.ts";
import { simulate } from "../../src/data/synth/index.ts";
import { balanceTests } from "../../src/experiment/balance.ts";
import { clusterSummary, designEffect } from "../../src/experiment/clusters.ts";
import { adjustPValues, corrections } from "../../src/experiment/multiple.ts";
import { quantileEffects } from "../../src/experiment/quantileEffect.ts";
import { ratioEffects } from "../../src/experiment/ratio.ts";
import { sampleRatio } from "../../src/experiment/sampleRatio.ts";
import { winsorise, winsoriseOutcome } from "../../src/experiment/winsorise.ts";
import { expectAllClose, expectClose, expectWithin, float64 } from "../tolerance.ts";
import { experiment, reference, table } from "./table.ts";

describe("sample ratio", () => {
  test("equals scipy's chi-squared test; shares may be in any unit", () => {
    const { counts, shares, statistic, p } = reference.sampleRatio;
    for (const expected of [shares, shares.map((share: number) => share / 4)]) {
      const got = sampleRatio(counts, expected);
      expectClose(got.statistic, statistic, float64);
      expectClose(got.pValue, p, float64);
      expectAllClose(got.expected, [0.25, 0.25, 0.5], float64);
    }
  });

  test("by hand: 60 to 40 where equal shares were planned is chi-squared 4", () => {
    expect(sampleRatio([60, 40])).toMatchObject({ statistic: 4, df: 1, expected: [0.5, 0.5], notes: [] });
    expectClose(sampleRatio([60, 40]).pValue, chi2Sf(4, 1), float64);
    expect(sampleRatio([500, 500]).pValue).toBe(1);
  });

  test("small expected counts are noted", () => {
    expect(sampleRatio([3, 4]).notes[0]).toMatch(/below 5 the p-value is rough/);
  });

  test("what is no count or no share is refused", () => {
    for (const [counts, shares] of [
      [[5]],
      [[1.5, 2]],
      [[-1, 2]],
      [[1, 2], [1]],
      [
        [1, 2],
        [0, 1],
      ],
      [
        [1, 2],
        [1, Number.NaN],
      ],
      [[0, 0]],
    ] as [number[], number[]?][])
      expect(() => sampleRatio(counts, shares)).toThrow(/^sampleRatio: /);
  });
});

describe("several tests", () => {
  test("adjusted p-values equal statsmodels'", () => {
    for (const correction of corrections) expectAllClose(adjustPValues(reference.multiple.p, correction), reference.multiple[correction], float64, correction);
  });

  test("a missing p-value stays missing and does not count", () => {
    expect(adjustPValues([0.01, Number.NaN, 0.04], "holm")).toEqual([0.02, Number.NaN, 0.04]);
    expect(adjustPValues([], "benjamini-hochberg")).toEqual([]);
    expect(() => adjustPValues([1.2], "holm")).toThrow(/between 0 and 1, got 1.2/);
  });

  test("never below the raw p-value, never above Bonferroni's, and in the same order", () => {
    const rng = new Rng(1);
    for (let run = 0; run < 100; run++) {
      const p = Array.from({ length: 1 + rng.int(8) }, () => (rng.bernoulli(0.3) === 1 ? 0.05 : rng.float()));
      const [bonferroni, holm, bh] = corrections.map((correction) => adjustPValues(p, correction));
      for (const [i, raw] of p.entries()) {
        const ladder = [raw, bh[i], holm[i], bonferroni[i]];
        for (let k = 1; k < 4; k++) expect(ladder[k - 1]).toBeLessThanOrEqual(ladder[k] * (1 + float64));
        for (const j of p.keys()) if (p[i] < p[j]) expect(holm[i] <= holm[j] && bh[i] <= bh[j]).toBe(true);
      }
    }
  });
});

describe("balance", () => {
  test("statistic, rank and p-value equal the definition in matrices", () => {
    const [got] = balanceTests(table());
    expectClose(got.statistic, reference.balance.statistic, 1e-9);
    expect(got.df).toBe(reference.balance.df);
    expectClose(got.pValue / reference.balance.p, 1, 1e-9);
    // x1 drives the propensity of the fixture.
    expect(got.worst?.covariate).toBe("x1");
  });

  test("a repeated covariate adds no degree of freedom, and units do not matter", () => {
    const data = table().withColumns(
      [
        numberColumn(
          "again",
          reference.columns.x1.map((v) => 1e5 * v + 3),
        ),
      ],
      { features: ["x1", "x2", "level", "again"] },
    );
    const [got] = balanceTests(data);
    expect(got.df).toBe(4);
    expectClose(got.statistic, reference.balance.statistic, 1e-8);
  });

  test("weights by the true propensity restore it", () => {
    const data = simulate("nie-wager-a", { n: 20_000 }, 1);
    expect(balanceTests(data)[0].pValue).toBeGreaterThan(0.001);
    expect(balanceTests(data.withRoles({ propensity: undefined }))[0].pValue).toBeLessThan(1e-12);
  });

  test.each([
    ["rows", undefined],
    ["whole clusters", "shop"],
  ])("under randomisation of %s its p-values are uniform", (_, group) => {
    const p = Array.from({ length: 200 }, (__, run) => {
      const rng = new Rng(4).split("run", run);
      const [arm, shop, a, b]: number[][] = [[], [], [], []];
      for (let g = 0; g < 80; g++) {
        const shared = rng.normal();
        const whole = rng.bernoulli(0.5);
        for (let i = 0; i < 4; i++) {
          arm.push(group === undefined ? rng.bernoulli(0.5) : whole);
          shop.push(g);
          a.push(shared + rng.normal());
          b.push(rng.exponential() + a.at(-1)!);
        }
      }
      return balanceTests(
        experiment(
          arm,
          arm.map((_, i) => i),
          { shop, a, b },
          { features: ["a", "b"], group },
        ),
      )[0].pValue;
    });
    expect(kolmogorovTest(p, (x) => x).pValue).toBeGreaterThan(0.001);
  });

  test("without covariates that vary there is nothing to test", () => {
    expect(balanceTests(experiment([0, 1, 0, 1], [1, 2, 3, 4], { x: [1, 1, 1, 1] }, { features: ["x"] }))[0]).toMatchObject({ df: 0, pValue: Number.NaN });
  });
});

describe("clusters", () => {
  test("intraclass correlation by analysis of variance", () => {
    const clusters = { index: Int32Array.from(reference.columns.cluster), count: 30 };
    const got = clusterSummary(Float64Array.from(reference.columns.y), clusters);
    expectClose(got.icc, reference.icc, float64);
    expect(got).toMatchObject({ clusters: 30, rows: 240, meanSize: 8 });
    expectClose(got.effectiveRows, 240 / got.designEffect, float64);
  });

  test("by hand: two pairs of equal values lie wholly between, pairs of opposites below zero", () => {
    const pairs = { index: Int32Array.of(0, 0, 1, 1), count: 2 };
    expect(clusterSummary(Float64Array.of(1, 1, 5, 5), pairs).icc).toBe(1);
    expect(clusterSummary(Float64Array.of(1, -1, 1, -1), pairs)).toMatchObject({ icc: -1, designEffect: 1 });
    expect(clusterSummary(Float64Array.of(1, 2, 3), { index: Int32Array.of(0, 1, 2), count: 3 }).icc).toBeNaN();
  });

  test("design effect: 1 + (m - 1) icc for equal sizes, more for unequal ones", () => {
    expectClose(designEffect(11, 0.1), 2, float64);
    expectClose(designEffect(11, 0.1, 1), 3.1, float64);
    expect(() => designEffect(0.5, 0.1)).toThrow(/at least 1/);
    expect(() => designEffect(5, 1.1)).toThrow(/between 0 and 1/);
  });
});

describe("ratio of sums", () => {
  test("difference and standard error equal the delta method", () => {
    const [got] = ratioEffects(table(), { numerator: "clicks", denominator: "views" });
    const [value, se, one, zero] = reference.ratio;
    expectClose(got.value, value, float64);
    expectClose(got.se, se, float64);
    expectAllClose([got.armRatio, got.controlRatio], [one, zero], float64);
  });

  test("a denominator of one in every row is the difference in means", () => {
    const ones = table().withColumns([numberColumn("one", new Float64Array(240).fill(1))]);
    const [got] = ratioEffects(ones, { numerator: "y", denominator: "one" });
    expectClose(got.value, reference.plain.hc2[0], float64);
    expectClose(got.se, reference.plain.hc2[1], float64);
  });

  test("its intervals cover where a test on the events would not", () => {
    const runs = 300;
    let covered = 0;
    for (let run = 0; run < runs; run++) {
      const rng = new Rng(8).split("run", run);
      const arm = Array.from({ length: 120 }, (_, i) => i % 2);
      const views = arm.map(() => 1 + rng.poisson(10));
      // Users differ in how readily they click: events of one user are not independent.
      const clicks = views.map((v) => {
        const p = rng.beta(0.5, 1);
        return Array.from({ length: v }, () => rng.bernoulli(p)).reduce((s: number, c) => s + c, 0);
      });
      const [{ interval }] = ratioEffects(experiment(arm, clicks, { views }), { numerator: "y", denominator: "views" });
      if (interval[0] <= 0 && 0 <= interval[1]) covered++;
    }
    expectWithin(covered / runs, 0.95, Math.sqrt(0.0475 / runs), 3);
  });

  test("rows with a gap are left out; a denominator that sums to zero is refused", () => {
    const data = experiment([0, 0, 1, 1, 1], [1, 2, 3, 4, 9], { v: [1, 2, 2, 2, Number.NaN] });
    expect(ratioEffects(data, { numerator: "y", denominator: "v" })[0]).toMatchObject({ armRatio: 7 / 4, notes: ["1 of 5 rows lack y or v and are left out"] });
    expect(() => ratioEffects(experiment([0, 0, 1, 1], [1, 2, 3, 4], { v: [1, 1, 0, 0] }), { numerator: "y", denominator: "v" })).toThrow(
      /sums to 0 in arm "1"/,
    );
  });
});

describe("quantiles", () => {
  test("the effect on the median of shifted arms is the shift, within a standard error that has the right size", () => {
    const runs = 200;
    let [covered, error, claimed] = [0, 0, 0];
    for (let run = 0; run < runs; run++) {
      const rng = new Rng(2).split("run", run);
      const arm = Array.from({ length: 400 }, (_, i) => i % 2);
      const data = experiment(
        arm,
        arm.map((a) => rng.exponential() + 0.5 * a),
      );
      const [got] = quantileEffects(data, { quantile: 0.5 });
      if (got.interval[0] <= 0.5 && 0.5 <= got.interval[1]) covered++;
      error += (got.value - 0.5) ** 2 / runs;
      claimed += got.se ** 2 / runs;
    }
    expectWithin(covered / runs, 0.95, Math.sqrt(0.0475 / runs), 3);
    // Asymptotic variance of each median: 1 / (4 n f^2) with density f = 1/2 at log 2.
    expectWithin(claimed, 2 / 200, 2 / 200, 0.15);
    expectWithin(error / claimed, 1, Math.sqrt(2 / runs), 3);
  });

  test("arms that are too small, weights and groups are refused; ties give no standard error", () => {
    const arm = Array.from({ length: 60 }, (_, i) => i % 2);
    expect(() => quantileEffects(experiment(arm.slice(0, 30), arm.slice(0, 30)))).toThrow(/has 15 known values; a quantile's interval needs at least 20/);
    expect(() => quantileEffects(table({ weight: "w" }))).toThrow(/has weights/);
    expect(() => quantileEffects(table(), { quantile: 1 })).toThrow(/strictly between 0 and 1/);
    const [tied] = quantileEffects(
      experiment(
        arm,
        arm.map(() => 0),
      ),
    );
    expect([tied.value, tied.se, tied.pValue]).toEqual([0, 0, Number.NaN]);
    expect(tied.notes[0]).toMatch(/tied/);
  });
});

describe("winsorising", () => {
  test("values beyond the quantiles are set to them, and counted; missing ones stay missing", () => {
    const values = Float64Array.from([...Array.from({ length: 100 }, (_, i) => i), 1e6, Number.NaN]);
    const got = winsorise(values, { lower: 0.05, upper: 0.95 });
    expect(got.bounds).toEqual([5, 95]);
    expect([got.below, got.above]).toEqual([5, 5]);
    expect([got.values[0], got.values[50], got.values[100]]).toEqual([5, 50, 95]);
    expect(got.values[101]).toBeNaN();
    expect(values[100]).toBe(1e6);
  });

  test("the default leaves the lower side alone; bad quantiles are refused", () => {
    expect(winsorise(Float64Array.of(-1e9, 0, 1)).bounds[0]).toBe(-1e9);
    for (const bad of [{ lower: 0.5, upper: 0.5 }, { lower: -0.1 }, { upper: 1.1 }])
      expect(() => winsorise(Float64Array.of(1), bad)).toThrow(/0 <= lower < upper <= 1/);
  });

  test("bounds come from all arms together", () => {
    const { data, changed } = winsoriseOutcome(experiment([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 600]), "y", { upper: 0.8 });
    expect(changed).toMatchObject({ above: 1, bounds: [1, 5] });
    expect([...data.outcome()]).toEqual([1, 2, 3, 4, 5, 5]);
  });
});

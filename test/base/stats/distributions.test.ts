import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { betaCdf, betaQuantile, betaSf } from "../../../src/base/stats/beta.ts";
import { chi2Cdf, chi2Quantile, chi2Sf } from "../../../src/base/stats/chi2.ts";
import { fisherCdf, fisherSf } from "../../../src/base/stats/fisher.ts";
import { gammaP, gammaQ, lgamma } from "../../../src/base/stats/gamma.ts";
import { kolmogorovSf, kolmogorovTest } from "../../../src/base/stats/kolmogorov.ts";
import { noncentralTCdf } from "../../../src/base/stats/noncentralT.ts";
import { normalCdf, normalLogCdf, normalPdf, normalQuantile, normalSf, normalTwoSided } from "../../../src/base/stats/normal.ts";
import { studentCdf, studentPdf, studentQuantile, studentSf, studentTwoSided } from "../../../src/base/stats/student.ts";

const fixture = JSON.parse(readFileSync(new URL("../../fixtures/distributions/data.json", import.meta.url), "utf8")) as {
  values: Record<string, number[][]>;
};

/**
 * Error promised for each function: relative, in the tails too; where a `floor` is given, relative to max(floor, |value|), since the value
 * there is a small difference of large parts.
 */
const promised: Record<string, { readonly f: (...args: number[]) => number; readonly relative: number; readonly floor?: number }> = {
  normalCdf: { f: normalCdf, relative: 1e-15 },
  normalSf: { f: normalSf, relative: 1e-15 },
  normalLogCdf: { f: normalLogCdf, relative: 2e-15 },
  normalQuantile: { f: normalQuantile, relative: 1e-15 },
  lgamma: { f: lgamma, relative: 1e-14, floor: 1 },
  gammaP: { f: gammaP, relative: 1e-13 },
  gammaQ: { f: gammaQ, relative: 1e-13, floor: 0.1 },
  chi2Sf: { f: chi2Sf, relative: 1e-13 },
  betaCdf: { f: betaCdf, relative: 5e-13 },
  betaSf: { f: betaSf, relative: 5e-13 },
  betaQuantile: { f: betaQuantile, relative: 1e-13 },
  studentCdf: { f: studentCdf, relative: 1e-13 },
  studentQuantile: { f: studentQuantile, relative: 1e-13 },
  fisherSf: { f: fisherSf, relative: 1e-13 },
  fisherCdf: { f: fisherCdf, relative: 1e-13 },
  kolmogorovSf: { f: kolmogorovSf, relative: 1e-14 },
  noncentralTCdf: { f: noncentralTCdf, relative: 1e-14, floor: 1 },
};

describe("distribution functions keep their digits, also in the tails", () => {
  test.each(Object.entries(promised))("%s", (name, { f, relative, floor = 0 }) => {
    const rows = fixture.values[name];
    expect(rows.length).toBeGreaterThan(5);
    for (const row of rows) {
      const want = row[row.length - 1];
      const args = row.slice(0, -1);
      const got = f(...args);
      const scale = Math.max(Math.abs(want), floor);
      const miss = scale === 0 ? Math.abs(got) : Math.abs(got - want) / scale;
      expect(miss, `${name}(${args.join(", ")}): got ${got}, want ${want}`).toBeLessThanOrEqual(relative);
    }
  });

  test("every function of the fixture is compared", () => {
    expect(Object.keys(promised).toSorted()).toEqual(Object.keys(fixture.values).toSorted());
  });
});

describe("normal", () => {
  test("known values: density at 0, two-sided p-value of 1.96", () => {
    expect(normalPdf(0)).toBe(0.3989422804014327);
    expect(normalTwoSided(-1.959963984540054)).toBeCloseTo(0.05, 15);
  });

  test("quantile undoes the distribution function, in both directions", () => {
    for (let z = -8; z <= 5; z += 0.37) expect(normalQuantile(normalCdf(z))).toBeCloseTo(z, z > 4 ? 8 : 10);
  });

  test("quantile: infinite at 0 and 1, NaN outside", () => {
    expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(normalQuantile(1)).toBe(Number.POSITIVE_INFINITY);
    for (const p of [-0.1, 1.1, Number.NaN]) expect(normalQuantile(p)).toBeNaN();
  });
});

describe("student", () => {
  test("closed forms: df 1 is Cauchy, df 2 has an algebraic quantile", () => {
    for (const p of [0.001, 0.2, 0.7, 0.975]) {
      expect(studentQuantile(p, 1)).toBeCloseTo(Math.tan(Math.PI * (p - 0.5)), 10);
      expect(studentQuantile(p, 2)).toBeCloseTo((2 * p - 1) / Math.sqrt(2 * p * (1 - p)), 12);
    }
  });

  test("infinite df is the normal distribution", () => {
    expect(studentCdf(-1.3, Number.POSITIVE_INFINITY)).toBe(normalCdf(-1.3));
    expect(studentQuantile(0.975, Number.POSITIVE_INFINITY)).toBe(normalQuantile(0.975));
    expect(studentPdf(0.4, Number.POSITIVE_INFINITY)).toBe(normalPdf(0.4));
  });

  test("symmetry, and the two-sided p-value as twice a tail", () => {
    for (const t of [0, 0.5, 3, 80]) {
      expect(studentSf(t, 7.5)).toBe(studentCdf(-t, 7.5));
      expect(studentTwoSided(t, 7.5)).toBe(2 * studentCdf(-t, 7.5));
    }
  });

  test("the density is the slope of the distribution function", () => {
    for (const df of [0.7, 3, 250])
      for (const t of [-3, -0.2, 1.4]) {
        const h = 1e-4;
        expect(studentPdf(t, df)).toBeCloseTo((studentCdf(t + h, df) - studentCdf(t - h, df)) / (2 * h), 8);
      }
  });

  test("bad degrees of freedom give NaN", () => {
    for (const df of [0, -1, Number.NaN]) expect(studentQuantile(0.3, df)).toBeNaN();
    for (const df of [-1, Number.NaN]) expect(studentCdf(1, df)).toBeNaN();
  });
});

describe("quantiles of beta and chi-squared undo their distribution functions", () => {
  test("beta", () => {
    for (const [a, b] of [
      [0.02, 0.5],
      [1, 1],
      [4, 900],
      [60, 3],
    ])
      for (const p of [1e-6, 0.01, 0.5, 0.9, 0.9999]) expect(Math.abs(betaCdf(betaQuantile(p, a, b), a, b) / p - 1)).toBeLessThan(1e-12);
  });

  test("chi-squared, with 3.841 as the 95 % point of one degree of freedom", () => {
    expect(chi2Quantile(0.95, 1)).toBeCloseTo(3.841458820694124, 12);
    for (const df of [0.3, 1, 9, 4000]) for (const p of [1e-8, 0.02, 0.5, 0.99]) expect(Math.abs(chi2Cdf(chi2Quantile(p, df), df) / p - 1)).toBeLessThan(1e-11);
  });

  test("ends of the range", () => {
    expect([betaQuantile(0, 2, 3), betaQuantile(1, 2, 3), chi2Quantile(0, 4), chi2Quantile(1, 4)]).toEqual([0, 1, 0, Number.POSITIVE_INFINITY]);
    expect(chi2Sf(-1, 3)).toBe(1);
    expect(betaQuantile(1.2, 2, 3)).toBeNaN();
  });
});

test("kolmogorov: the statistic is the largest distance, on either side of a step", () => {
  const { statistic, pValue } = kolmogorovTest([0.9, 0.1, 0.5], (x) => x);
  expect(statistic).toBeCloseTo(1 / 3 - 0.1, 15);
  expect(pValue).toBeGreaterThan(0.9);
  expect(kolmogorovTest([0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99], (x) => x).pValue).toBeLessThan(1e-5);
  expect(kolmogorovTest([], (x) => x).pValue).toBeNaN();
});

test("relations: a chi-squared of one df is a squared z, an F of one df a squared t", () => {
  for (const z of [0.1, 1, 2.7, 6]) {
    expect(Math.abs(chi2Sf(z * z, 1) / normalTwoSided(z) - 1)).toBeLessThan(1e-13);
    expect(Math.abs(fisherSf(z * z, 1, 9) / studentTwoSided(z, 9) - 1)).toBeLessThan(1e-13);
  }
});

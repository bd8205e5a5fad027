import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { numberColumn } from "../../src/data/dataset.ts";
import { simulate } from "../../src/data/synth/index.ts";
import { averageEffects } from "../../src/experiment/ate.ts";
import { alwaysValid, sequentialEffects } from "../../src/experiment/sequential.ts";
import { expectClose, expectWithin, float64 } from "../tolerance.ts";
import { experiment, reference, table } from "./table.ts";

describe("confidence sequences", () => {
  test("the mixture's formula: WaudbySmith2021's width and Johari2022's p-value are one", () => {
    const [value, se, tau, alpha] = [0.3, 0.1, 0.25, 0.05];
    const { interval, pValue } = alwaysValid(value, se, 500, 1 - alpha, { tau });
    // mSPRT: likelihood ratio of a normal mixture of effects with standard deviation tau.
    const ratio = Math.sqrt(se ** 2 / (se ** 2 + tau ** 2)) * Math.exp((tau ** 2 * value ** 2) / (2 * se ** 2 * (se ** 2 + tau ** 2)));
    expectClose(pValue, 1 / ratio, float64);
    // The same in their letters: sigma^2 = t se^2, rho^2 = tau^2 / sigma^2.
    const [t, sigma2] = [500, 500 * se ** 2];
    const rho2 = tau ** 2 / sigma2;
    const width = Math.sqrt(sigma2) * Math.sqrt(((2 * (t * rho2 + 1)) / (t ** 2 * rho2)) * Math.log(Math.sqrt(t * rho2 + 1) / alpha));
    expectClose(interval[1] - value, width, float64);
  });

  test("zero is on the edge of the interval exactly where the p-value is alpha", () => {
    for (const tuning of [{ tunedFor: 1000 }, { tau: 0.02 }]) {
      const { interval } = alwaysValid(0, 0.04, 700, 0.9, tuning);
      expectClose(alwaysValid(interval[1], 0.04, 700, 0.9, tuning).pValue, 0.1, 1e-9);
    }
  });

  test("without a standard error there is nothing to tell", () => {
    expect(alwaysValid(2, 0, 10, 0.95, { tau: 1 })).toEqual({ interval: [2, 2], pValue: Number.NaN });
    expect(alwaysValid(2, Number.NaN, 10, 0.95, { tau: 1 })).toEqual({ interval: [Number.NaN, Number.NaN], pValue: Number.NaN });
  });

  test("tuned for some number of rows, the width there is the least of all tunings", () => {
    for (const other of [100, 800, 950, 1050, 1300, 20_000]) expect(width(1000)).toBeLessThan(width(other));
    // About half as wide again as the interval for one look.
    expect(width(1000) / (2 * 1.96)).toBeGreaterThan(1.5);
    expect(width(1000) / (2 * 1.96)).toBeLessThan(1.6);
  });

  test("looked at after every row, it cries wolf in at most alpha of 250 null experiments, where the plain interval does far more often", () => {
    const runs = 250;
    let [sequence, plain] = [0, 0];
    for (let run = 0; run < runs; run++) {
      const rng = new Rng(12).split("run", run);
      let [alarm, crossed] = [false, false];
      const [n, mean, squares] = [
        [0, 0],
        [0, 0],
        [0, 0],
      ];
      for (let i = 0; i < 2000; i++) {
        const a = i % 2;
        const y = rng.exponential();
        n[a]++;
        const off = y - mean[a];
        mean[a] += off / n[a];
        squares[a] += off * (y - mean[a]);
        if (i < 100) continue;
        const se = Math.sqrt(squares[0] / (n[0] - 1) / n[0] + squares[1] / (n[1] - 1) / n[1]);
        const value = mean[1] - mean[0];
        crossed ||= Math.abs(value) > 1.96 * se;
        alarm ||= alwaysValid(value, se, i + 1, 0.9, { tunedFor: 800 }).pValue < 0.1;
      }
      if (alarm) sequence++;
      if (crossed) plain++;
    }
    expect(sequence / runs).toBeLessThan(0.1 + 3 * Math.sqrt(0.09 / runs));
    expect(plain / runs).toBeGreaterThan(0.25);
  });
});

/** Of the interval at 1000 rows with standard error 1. */
function width(tunedFor: number): number {
  const { interval } = alwaysValid(0, 1, 1000, 0.95, { tunedFor });
  return interval[1] - interval[0];
}

describe("looking at an experiment as it ran", () => {
  const data = simulate("constant", { n: 4000, effect: 0.4 }, 5);

  test("each look is the estimate from the rows so far; running bounds only tighten and p-values only fall", () => {
    const [{ looks, arm }] = sequentialEffects(data);
    expect(arm).toBe("treated");
    // The first of twenty, at 200 rows, has fewer than 100 in one arm.
    expect(looks.length).toBe(19);
    for (const [k, look] of looks.entries()) {
      const [so] = averageEffects(data.take(Array.from({ length: look.rows }, (_, i) => i)));
      expectClose(look.value, so.value, float64);
      expectClose(look.se, so.se, float64);
      if (k === 0) continue;
      expect(look.running[0]).toBeGreaterThanOrEqual(looks[k - 1].running[0]);
      expect(look.running[1]).toBeLessThanOrEqual(looks[k - 1].running[1]);
      expect(look.pValue).toBeLessThanOrEqual(looks[k - 1].pValue);
    }
  });

  test("a real effect is decided on before the end, and the sequence holds the truth", () => {
    const [{ decidedAt, looks }] = sequentialEffects(data);
    expect(decidedAt).toBeLessThan(4000);
    for (const { running } of looks) expect(running[0] <= 0.4 && 0.4 <= running[1]).toBe(true);
    expect(sequentialEffects(simulate("null", { n: 2000 }, 1))[0].decidedAt).toBeUndefined();
  });

  test("rows are taken in order of the time column", () => {
    const order = new Rng(2).permutation(4000);
    const time = numberColumn(
      "when",
      Array.from({ length: 4000 }, (_, i) => i),
    );
    const shuffled = data.withColumns([time], { time: "when" }).take(order);
    const [mixed, straight] = [sequentialEffects(shuffled)[0], sequentialEffects(data)[0]];
    mixed.looks.forEach((look, k) => expectClose(look.value, straight.looks[k].value, float64));
  });

  test("weights, propensities and clusters enter each look", () => {
    const full = [240];
    for (const [roles, key] of [
      [{ weight: "w" }, "weighted"],
      [{ propensity: { "1": "e" } }, "hajek"],
    ] as const) {
      const [{ looks }] = sequentialEffects(table(roles), { looks: full });
      expectClose(looks[0].se, reference[key][1], float64);
    }
    const [{ looks }] = sequentialEffects(table({ group: "cluster" }), { looks: full });
    expectClose(looks[0].se, reference.clusteredWithin.se, float64);
  });

  test("looks before the burn-in do not count; without any there is an error", () => {
    const [{ looks }] = sequentialEffects(data, { looks: [50, 1000], burnIn: 200 });
    expect(looks.map((look) => look.rows)).toEqual([1000]);
    expect(() => sequentialEffects(data, { looks: [50] })).toThrow(/have 100 rows each/);
  });

  test("bad looks, tunings and times are refused", () => {
    for (const looks of [[0], [10, 10], [5000], [1.5]]) expect(() => sequentialEffects(data, { looks })).toThrow(/looks are ascending whole numbers/);
    expect(() => sequentialEffects(data, { tuning: { tunedFor: 0 } })).toThrow(/tunedFor/);
    expect(() => sequentialEffects(data, { tuning: { tau: -1 } })).toThrow(/tau must be positive/);
    const gap = experiment([0, 1, 0, 1], [1, 2, 3, 4], { when: [1, Number.NaN, 2, 3] }, { time: "when" });
    expect(() => sequentialEffects(gap)).toThrow(/row 2 has no time/);
  });

  test("with many runs, the final always-valid interval covers more often than its level", () => {
    let covered = 0;
    for (let run = 0; run < 60; run++) {
      const [{ looks }] = sequentialEffects(simulate("constant", { n: 1000, effect: 0.2 }, run), { looks: [400, 1000] });
      if (looks.every(({ interval: [low, high] }) => low <= 0.2 && 0.2 <= high)) covered++;
    }
    expectWithin(Math.min(covered / 60, 0.97), 0.97, 0.03, 1.5);
  });
});

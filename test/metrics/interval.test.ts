import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import {
  ateError,
  auuc,
  calibrationTable,
  difference,
  evaluate,
  metrics,
  pairedDifference,
  pehe,
  qini,
  qiniCurve,
  scoreWithInterval,
  tocCurve,
  upliftAtK,
  upliftCurve,
} from "../../src/metrics/index.ts";
import { exact, expectAllClose, expectClose, expectWithin, float64 } from "../tolerance.ts";
import { experiment } from "./experiment.ts";

function trial(n: number, seed: number, group?: readonly number[]) {
  const rng = new Rng(seed);
  const x = Float64Array.from({ length: n }, () => rng.normal());
  const t = Array.from(x, () => rng.bernoulli(0.5));
  const y = t.map((arm, i) => arm * (0.5 + x[i]) + rng.normal());
  const good = x.map((v) => v + 0.5 * rng.normal());
  return { data: experiment({ y, t, effect: [x.map((v) => 0.5 + v)], group }), good, weak: x.map((v) => v + 3 * rng.normal()), x };
}
const mean = (list: readonly number[]): number => list.reduce((sum, v) => sum + v, 0) / list.length;
const area = ({ x, y }: { x: Float64Array; y: Float64Array }): number => x.slice(1).reduce((sum, q, i) => sum + ((q - x[i]) * (y[i + 1] + y[i])) / 2, 0);
const settings = { rng: new Rng(9), replicates: 400 };
/** Monte Carlo error of a standard error from this many resamples, as a share of it. */
const monteCarlo = 1 / Math.sqrt(2 * settings.replicates);

describe("standard errors", () => {
  test.each(["half", "poisson"] as const)("of a mean is its standard deviation over root n (%s)", (resample) => {
    const { data, x } = trial(1500, 1);
    const off = Float64Array.from(x, (v) => 0.5 + v);
    const squares = Array.from(off, (v) => v * v);
    const se = Math.sqrt(squares.reduce((sum, v) => sum + (v - mean(squares)) ** 2, 0) / 1499 / 1500);
    const got = scoreWithInterval(pehe, new Float64Array(1500), data, {}, { ...settings, resample });
    expectWithin(got.se ?? Number.NaN, se, se * monteCarlo, 4);
  });

  test("rows of one group are drawn together: ten copies of each row leave the standard error where it was", () => {
    const { data, good } = trial(300, 2);
    const rows = Array.from({ length: 3000 }, (_, k) => Math.floor(k / 10));
    const copies = experiment({ y: rows.map((i) => data.outcome()[i]), t: rows.map((i) => data.treatment().arm[i]), group: rows });
    const once = scoreWithInterval(qini, good, data, {}, settings);
    const ten = scoreWithInterval(
      qini,
      Float64Array.from(rows, (i) => good[i]),
      copies,
      {},
      settings,
    );
    expectClose(ten.value, once.value, float64);
    expectClose(ten.se ?? Number.NaN, once.se ?? Number.NaN, float64);
  });

  test("the interval is the value with 1.96 standard errors either side, by the level asked for", () => {
    const { data, good } = trial(200, 3);
    const { value, se = 0, interval } = scoreWithInterval(auuc, good, data, {}, settings);
    expectAllClose(interval ?? [], [value - 1.959963984540054 * se, value + 1.959963984540054 * se], float64);
    const narrow = scoreWithInterval(auuc, good, data, {}, { ...settings, level: 0.5 });
    expectAllClose(narrow.interval ?? [], [value - 0.6744897501960817 * se, value + 0.6744897501960817 * se], float64);
  });

  test("of an absolute value is that of the signed one, and the interval stops at zero", () => {
    const { data, x } = trial(500, 4);
    const signed = scoreWithInterval(ateError, x, data, { against: "experiment", signed: true }, settings);
    const folded = scoreWithInterval(ateError, x, data, { against: "experiment" }, settings);
    expectClose(folded.value, Math.abs(signed.value), exact);
    expectClose(folded.se ?? Number.NaN, signed.se ?? Number.NaN, exact);
    expect(folded.interval?.[0]).toBeGreaterThanOrEqual(0);
  });

  test("a single row has none, an arm of one row loses resamples, and notes say so", () => {
    const one = scoreWithInterval(pehe, Float64Array.of(1), experiment({ y: [0], t: [1], effect: [[2]] }), {}, settings);
    expect([one.value, one.se]).toEqual([1, Number.NaN]);
    expect(one.notes).toEqual(["a standard error needs at least two independent rows (groups)"]);
    const { data, good } = trial(40, 5);
    const lone = data.treatment().arm.map((arm, i) => Number(arm === 1 && i === data.treatment().arm.indexOf(1)));
    const few = scoreWithInterval(auuc, good, experiment({ y: data.outcome(), t: lone }), {}, settings);
    expect(few.notes?.[0]).toMatch(/of 400 resamples have no answer/);
  });

  test("that rests on fewer than twenty groups is noted", () => {
    const few = trial(
      100,
      18,
      Array.from({ length: 100 }, (_, i) => i % 19),
    );
    const enough = trial(
      100,
      18,
      Array.from({ length: 100 }, (_, i) => i % 20),
    );
    expect(scoreWithInterval(qini, few.good, few.data, {}, settings).notes).toEqual([
      "there are 19 groups only: a standard error that rests on so few is not to be trusted",
    ]);
    expect(scoreWithInterval(qini, enough.good, enough.data, {}, settings).notes).toBeUndefined();
  });

  test("settings out of bounds are usage errors", () => {
    const { data, good } = trial(20, 6);
    expect(() => scoreWithInterval(auuc, good, data, {}, { ...settings, replicates: 1 })).toThrow("replicates must be a whole number of at least 2; got 1");
    expect(() => scoreWithInterval(auuc, good, data, {}, { ...settings, level: 95 })).toThrow("level must lie between 0 and 1; got 95");
  });
});

describe("resamples", () => {
  test("depend on the stream alone: alone or in company, and again, a metric gets the same interval", () => {
    const { data, good } = trial(300, 7);
    const list = metrics.filter(({ needs, traits }) => needs.includes("treatment") && traits.library !== "scikit-uplift");
    const together = evaluate(
      list.map((metric) => ({ metric })),
      good,
      data,
      { rng: new Rng(9), replicates: 20 },
    );
    list.forEach((metric, k) => {
      const alone = scoreWithInterval(metric, good, data, {}, { rng: new Rng(9), replicates: 20 });
      expect(alone.se, metric.id).toBe(together[k].score.se);
      expect(alone.se, metric.id).toBeGreaterThan(0);
    });
    expect(scoreWithInterval(auuc, good, data, {}, { rng: new Rng(10), replicates: 20 }).se).not.toBe(together[0].score.se);
  });

  test("of rows cut from other data are drawn there, so that different cuts are paired", () => {
    const { data, good } = trial(300, 17);
    const all = Int32Array.from({ length: 300 }, (_, i) => i);
    const odd = all.filter((i) => i % 2 === 1);
    const whole = evaluate([{ metric: pehe }], good, data, settings)[0];
    expect(evaluate([{ metric: pehe }], good, data, { ...settings, from: { data, rows: all } })[0].draws).toEqual(whole.draws);
    const half = evaluate(
      [{ metric: pehe }],
      Float64Array.from(odd, (i) => good[i]),
      data.take(odd),
      { ...settings, from: { data, rows: odd } },
    )[0];
    // Rows left out by a weight of zero are cut as well.
    const zero = data.withColumns([{ kind: "number", name: "w", values: Float64Array.from(all, (i) => i % 2) }], { weight: "w" });
    expectAllClose(half.draws, evaluate([{ metric: pehe }], good, zero, settings)[0].draws, float64);
  });
});

describe("paired differences", () => {
  test("of a scorer with itself is nothing, without error", () => {
    const { data, good } = trial(200, 8);
    expect(pairedDifference(qini, good, good, data, {}, { ...settings, against: "itself" })).toEqual({
      against: "itself",
      value: 0,
      se: 0,
      interval: [0, 0],
      pValue: 1,
    });
  });

  test("change sign with the order of the scorers", () => {
    const { data, good, weak } = trial(400, 9);
    const there = pairedDifference(qini, good, weak, data, {}, settings);
    const back = pairedDifference(qini, weak, good, data, {}, settings);
    expectClose(there.value, -back.value, exact);
    expectClose(there.se, back.se, float64);
    expectClose(there.pValue, back.pValue, float64);
  });

  test("of two like scorers are known far better than either value", () => {
    const { data, good } = trial(1000, 10);
    const like = good.map((v, i) => v + 0.05 * Math.sin(i));
    const [[a], [b]] = [good, like].map((scores) => evaluate([{ metric: auuc }], scores, data, settings));
    expect(difference(a, b, "like").se).toBeLessThan(0.3 * (a.score.se ?? 0));
  });
});

describe("curves", () => {
  const eight = experiment({ y: [1, 0, 1, 0, 1, 0, 0, 0], t: [1, 0, 1, 0, 0, 1, 1, 0] });
  const score = Float64Array.of(0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2);

  test("have a corner for each distinct score of a short ranking; the prefix that lacks an arm lies on the line to the first that has both", () => {
    const uplift = upliftCurve(score, eight);
    expectAllClose(
      uplift.x,
      [0, 1, 2, 3, 4, 5, 6, 7, 8].map((k) => k / 8),
      float64,
    );
    expectAllClose(uplift.y, [0, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 5 / 12, 1 / 4, 7 / 48, 1 / 4], float64);
    expectAllClose(qiniCurve(score, eight).y, [0, 1 / 8, 1 / 4, 1 / 2, 1 / 2, 1 / 3, 1 / 4, 1 / 6, 1 / 4], float64);
    expectAllClose(tocCurve(score, eight).y, [1, 1, 3 / 4, 5 / 6, 3 / 4, 3 / 10, 1 / 12, -1 / 14, 0], float64);
  });

  test("of many scores are given at equally spaced shares, on the same line", () => {
    const { data, good } = trial(700, 11);
    const fine = upliftCurve(good, data, { points: 1000 });
    const coarse = upliftCurve(good, data, { points: 8 });
    expect([fine.x.length, coarse.x.length]).toEqual([701, 8]);
    coarse.x.forEach((q, i) => {
      expectClose(coarse.y[i], fine.y[Math.round(q * 700)], float64, `at ${q}`);
    });
  });

  test("have the area that the metrics report", () => {
    const { data, good } = trial(300, 12);
    expectClose(area(upliftCurve(good, data, { points: 1000 })), auuc.score(good, data).value, float64);
    const curve = qiniCurve(good, data, { points: 1000 });
    expectClose(area(curve) - curve.y[300] / 2, qini.score(good, data).value, float64);
  });

  test("have bands of width zero at the origin and the width of the average effect at the end", () => {
    const { data, good } = trial(800, 13);
    const curve = qiniCurve(good, data, settings);
    const last = curve.x.length - 1;
    const effect = scoreWithInterval(upliftAtK, good, data, { k: 1 }, settings);
    expectAllClose([curve.lower?.[0] ?? 1, curve.upper?.[0] ?? 1, curve.y[0]], [0, 0, 0], exact);
    expectAllClose([curve.lower?.[last] ?? 0, curve.upper?.[last] ?? 0], effect.interval ?? [], float64);
  });
});

describe("the calibration table", () => {
  test("has a tenth of the rows in each bin, means of the scores, and Welch's standard error", () => {
    const { data, good } = trial(500, 14);
    const table = calibrationTable(good, data);
    expect(table.map(({ decile, rows }) => [decile, rows])).toEqual(Array.from({ length: 10 }, (_, b) => [b + 1, 50]));
    const order = Array.from(good, (_, i) => i).toSorted((a, b) => good[b] - good[a]);
    const top = order.slice(0, 50);
    expectClose(table[0].predicted, top.reduce((sum, i) => sum + good[i], 0) / 50, float64);
    const [control, treated] = [0, 1].map((arm) => top.filter((i) => data.treatment().arm[i] === arm).map((i) => data.outcome()[i]));
    const part = (list: readonly number[]): number => list.reduce((sum, v) => sum + (v - mean(list)) ** 2, 0) / (list.length - 1) / list.length;
    expectClose(table[0].observed, mean(treated) - mean(control), float64);
    expectClose(table[0].se, Math.sqrt(part(treated) + part(control)), float64);
  });

  test("keeps tied scores in one bin, whatever their order", () => {
    const { data } = trial(100, 15);
    const tied = Float64Array.from({ length: 100 }, (_, i) => (i < 30 ? 2 : 1));
    expect(calibrationTable(tied, data).map(({ decile, rows }) => [decile, rows])).toEqual([
      [2, 30],
      [7, 70],
    ]);
    expect(calibrationTable(new Float64Array(100), data).map(({ rows }) => rows)).toEqual([100]);
  });

  test("takes the spread between groups where rows of a group belong together", () => {
    const { data, good } = trial(120, 16);
    const rows = Array.from({ length: 480 }, (_, k) => Math.floor(k / 4));
    const copies = experiment({ y: rows.map((i) => data.outcome()[i]), t: rows.map((i) => data.treatment().arm[i]), group: rows });
    const [four] = calibrationTable(
      Float64Array.from(rows, (i) => good[i]),
      copies,
      { bins: 1 },
    );
    // The influence of a group is that of its row: off the arm's mean, over the arm's rows.
    const arms = [0, 1].map((arm) => Array.from(data.outcome()).filter((_, i) => data.treatment().arm[i] === arm));
    const squares = arms.map((list) => {
      return list.reduce((sum, v) => sum + ((v - mean(list)) / list.length) ** 2, 0);
    });
    expectClose(four.se, Math.sqrt(((squares[0] + squares[1]) * 120) / 119), float64);
  });
});

import { describe, expect, test } from "vitest";
import type { ArmEffect, Comparison, ModelResult } from "../../src/evaluate/comparison.ts";
import { effectFinding, effectFindings, modelFinding, warnings } from "../../src/report/findings.ts";
import type { Content, Html } from "../../src/report/html.ts";
import { abridged, countOf, effectUnit, excludesZero, listText, meanTexts, pPhrase, shareText } from "../../src/report/number.ts";
import { type MetricFacts, slices } from "../../src/report/view.ts";
import { madeUpComparison } from "../fixtures/report/comparison.ts";

const made = madeUpComparison({ models: 2, outcomes: 1 });
const base: Comparison = { ...made, data: { ...made.data, arms: [...made.data.arms, { arm: "Mail", rows: 1, share: 0.1 }] } };
const facts = (metric: string): MetricFacts => ({
  name: metric.toUpperCase(),
  better: metric === "pehe" ? "lower" : "higher",
  zeroIsRandom: metric === "qini",
});

/** The words of a finding. */
const words = (content: Content): string =>
  (content as Html).html
    .replace(/<[^>]+>/g, "")
    .replaceAll("\u00a0", " ")
    .replaceAll("&lt;", "<")
    .trim();

function effect(value: number, interval: readonly [number, number]): ArmEffect {
  return {
    outcome: "visit",
    arm: "Mail",
    control: "None",
    value,
    se: 0.01,
    interval,
    pValue: 0.04,
    controlMean: 0.1062,
    armMean: 0.1062 + value,
    method: "difference in means",
  };
}

function result(model: string, metrics: ModelResult["metrics"], differences: ModelResult["differences"] = {}): ModelResult {
  return { ...base.results[0], model, outcome: "visit", arm: "Mail", metrics, differences };
}

const finding = (results: readonly ModelResult[]): string => words(modelFinding(slices({ ...base, results }, facts)[0], facts, 0.95).text);
const both = (qini: number, auuc: number): ModelResult["metrics"] => ({ auuc: { value: auuc }, qini: { value: qini } });
const against = (value: number, interval: readonly [number, number], pValue: number): ModelResult["differences"] => ({
  qini: { against: "b", value, se: 1, interval, pValue },
});

describe("what is said of an effect", () => {
  test("one whose interval leaves zero out is higher or lower, with the means", () => {
    expect(words(effectFinding(effect(0.0766, [0.0699, 0.0833]), base).text)).toBe(
      "visit is 7.66 percentage points higher under Mail than under None (95% interval 6.99 to 8.33): 18.3% against 10.6%.",
    );
    const down = effectFinding(effect(-0.02, [-0.03, -0.01]), base);
    expect(down.mark).toBe("down");
    expect(words(down.text)).toBe("visit is 2.0 percentage points lower under Mail than under None (95% interval 1.0 to 3.0): 8.6% against 10.6%.");
  });

  test("one whose interval holds zero is not called an effect, however large", () => {
    const none = effectFinding(effect(0.5, [-0.001, 1.001]), base);
    expect(none.mark).toBe("none");
    expect(words(none.text)).toMatch(
      /^No effect of Mail on visit can be told from zero: \+50 percentage points \(95% interval 0 to 100\)|^No effect of Mail on visit can be told from zero/,
    );
    expect(effectFinding(effect(0.5, [0, 1]), base).mark).toBe("none");
  });

  test("the coverage is the run's own", () => {
    const ninety = { ...base, resolved: { level: 0.9 } };
    expect(words(effectFinding(effect(0.02, [0.01, 0.03]), ninety).text)).toContain("90% interval");
  });

  test("of very many the primary outcome's and the clear ones are told, and the rest is counted", () => {
    const many = Array.from({ length: 20 }, (_, i) => ({ ...effect(0.1, i === 15 ? [0.05, 0.15] : [-0.1, 0.3]), outcome: i < 2 ? "visit" : `o${i}` }));
    const told = effectFindings({ ...base, effects: many });
    expect(told).toHaveLength(13);
    expect(told.slice(0, 3).map(({ text }) => words(text).match(/visit|o15/)?.[0])).toEqual(["visit", "visit", "o15"]);
    expect(told[12].text).toBe("8 more effects are in the table of average effects; none of them can be told from zero.");
  });

  test("one that is missing is said to be", () => {
    expect(words(effectFinding(effect(Number.NaN, [Number.NaN, Number.NaN]), base).text)).toBe("The effect of Mail on visit could not be estimated.");
  });
});

describe("what is said of models", () => {
  test("none is better than chance when the best one's interval holds zero", () => {
    expect(finding([result("a", { qini: { value: 0.02, interval: [-0.01, 0.05] } }), result("b", { qini: { value: 0.01, interval: [-0.01, 0.03] } })])).toBe(
      "visit, Mail: no model is shown to rank units better than chance. The highest QINI is that of a, 0.020 (95% interval −0.010 to 0.050).",
    );
    expect(finding([result("a", { qini: { value: 0.02 } })])).toBe("visit, Mail: a is not shown to rank units better than chance; its QINI is 0.0200.");
  });

  test("a lead whose interval holds zero cannot be told from zero", () => {
    const lead = result("a", { qini: { value: 0.03, interval: [0.01, 0.05] } }, against(0.01, [-0.01, 0.03], 0.33));
    expect(finding([result("b", { qini: { value: 0.02, interval: [0.01, 0.03] } }), lead])).toBe(
      "visit, Mail: a leads with QINI 0.030 (95% interval 0.010 to 0.050), which is better than chance. Its lead over the baseline b cannot be told from zero: +0.010 (−0.010 to 0.030), p = 0.330.",
    );
  });

  test("a lead whose interval leaves zero out can", () => {
    const lead = result("a", { qini: { value: 0.03, interval: [0.01, 0.05] } }, against(0.01, [0.002, 0.018], 0.0004));
    expect(finding([lead, result("b", { qini: { value: 0.02 } })])).toContain(
      "Its lead over the baseline b can be told from zero: +0.0100 (0.0020 to 0.0180), p < 0.001.",
    );
  });

  test("when the baseline itself leads, no other model does better", () => {
    const other = result("a", { qini: { value: 0.01 } }, against(-0.01, [-0.02, 0], 0.05));
    expect(finding([other, result("b", { qini: { value: 0.02, interval: [0.01, 0.03] } })])).toContain("It is the baseline; no other model does better.");
  });

  test("a metric where lower is better is led by the lowest, and says nothing of chance", () => {
    expect(finding([result("a", { pehe: { value: 2 } }), result("b", { pehe: { value: 1 } })])).toBe(
      "visit, Mail: b leads with PEHE 1.00. It was not compared with a baseline.",
    );
  });

  test("what is no arm of the data is the policy of the best one", () => {
    expect(finding([{ ...result("a", { qini: { value: 0.02, interval: [0.01, 0.03] } }), arm: "best" }])).toBe(
      "visit, best arm for each unit: a has QINI 0.020 (95% interval 0.010 to 0.030), which is better than chance.",
    );
  });

  test("the first metric asked for orders the models", () => {
    expect(finding([result("a", both(1, 2)), result("b", both(2, 1))])).toMatch(/^visit, Mail: a leads with AUUC/);
  });

  test("a model without a value never leads", () => {
    expect(finding([result("a", { qini: { value: Number.NaN } }), result("b", { qini: { value: 0.02, interval: [0.01, 0.03] } })])).toMatch(
      /^visit, Mail: b leads/,
    );
    expect(finding([result("a", { qini: { value: Number.NaN } })])).toBe("visit, Mail: no model has a score.");
    expect(finding([result("a", {})])).toBe("visit, Mail: no model has a score.");
  });
});

const warned = (change: Partial<Comparison>): string[] => warnings({ ...base, ...change });

describe("warnings", () => {
  test("a sound experiment has none", () => {
    expect(warned({})).toEqual([]);
  });

  test("those of the run come first, then those of the models, each once", () => {
    const results = base.results.map((r) => ({ ...r, report: { warnings: ["stopped early"] } }));
    expect(warned({ results, warnings: ["of the run", "of the run"] })).toEqual([
      "of the run",
      "s-learner, visit: stopped early",
      "t-learner, visit: stopped early",
    ]);
  });

  test("results without a value are counted", () => {
    const results = base.results.map((r, i) => (i === 0 ? { ...r, metrics: { ...r.metrics, auuc: { value: Number.NaN, notes: ["no treated row"] } } } : r));
    expect(warned({ results })[0]).toMatch(/^1 of 6 results lacks a value for some metric/);
  });
});

describe("numbers in words", () => {
  test("means of one outcome share their decimals, by the smallest", () => {
    expect(meanTexts([0.1062, 0.1828], "binary")).toEqual(["10.6%", "18.3%"]);
    expect(meanTexts([0.0057, 0.0125], "binary")).toEqual(["0.57%", "1.25%"]);
    expect(meanTexts([0.653, 1.42, Number.NaN], "continuous")).toEqual(["0.65", "1.42", "–"]);
    expect(meanTexts([0, 0], "binary")).toEqual(["0.0%", "0.0%"]);
  });

  test("shares, counts, lists and p-values", () => {
    expect([shareText(1 / 3), shareText(0.0012), shareText(0), shareText(Number.NaN)]).toEqual(["33.3%", "0.12%", "0.0%", "–"]);
    expect([countOf(1, "row"), countOf(64000, "row")]).toEqual(["1 row", "64,000 rows"]);
    expect([listText(["a"]), listText(["a", "b"]), listText(["a", "b", "c"]), listText([])]).toEqual(["a", "a and b", "a, b and c", ""]);
    expect([pPhrase(0.0004), pPhrase(0.0123)].map((p) => p.replaceAll("\u00a0", " "))).toEqual(["p < 0.001", "p = 0.012"]);
  });

  test("only binary outcomes are told in percentage points", () => {
    expect([effectUnit("binary").suffix, effectUnit("count").suffix, effectUnit(undefined).suffix]).toEqual(["pp", "", ""]);
  });

  test("an interval that touches zero does not leave it out", () => {
    expect(
      [
        [0, 1],
        [-1, 0],
        [-1, 1],
        [0.1, 1],
        [-2, -1],
        [Number.NaN, Number.NaN],
      ].map((i) => excludesZero(i as [number, number])),
    ).toEqual([false, false, false, true, true, false]);
    expect(excludesZero(undefined)).toBe(false);
  });

  test("long lists are cut to their ends and their length, short ones stand on one line", () => {
    const text = abridged({ loss: Array.from({ length: 40 }, (_, i) => i), levels: [1, 2, 3], nested: [{ a: 1 }] });
    expect(text).toContain('"loss": [0, 1, 2, "... 40 in all ...", 39]');
    expect(text).toContain('"levels": [1, 2, 3]');
    expect(JSON.parse(text)).toMatchObject({ nested: [{ a: 1 }] });
  });
});

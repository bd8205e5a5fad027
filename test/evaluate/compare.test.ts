import { beforeAll, describe, expect, test } from "vitest";
import { categoryColumn, numberColumn } from "../../src/data/dataset.ts";
import { Rng } from "../../src/base/rng.ts";
import { compare } from "../../src/evaluate/compare.ts";
import type { Comparison, ModelResult } from "../../src/evaluate/comparison.ts";
import { splitOf } from "../../src/evaluate/heldOut.ts";
import { comparisonFromJson, comparisonToJson } from "../../src/evaluate/stored.ts";
import { averageEffects } from "../../src/experiment/ate.ts";
import { metricById } from "../../src/metrics/index.ts";
import { expectClose, expectWithin, float64 } from "../tolerance.ts";
import { experiment, toyModel } from "./toys.ts";

const good = toyModel("good", 1);
const bad = toyModel("bad", -1);
const flat = toyModel("flat", 0);
const data = experiment(3000);
const options = { seed: 4, replicates: 60, metrics: ["qini", "auuc", "root-pehe", "calibration-error"] };

let comparison: Comparison;
beforeAll(async () => {
  comparison = await compare(data, [flat, good, bad], options);
});

const result = (model: string, outcome: string, arm: string, of: Comparison = comparison): ModelResult => {
  const found = of.results.find((one) => one.model === model && one.outcome === outcome && one.arm === arm);
  if (found === undefined) throw new Error(`no result ${model} ${outcome} ${arm}`);
  return found;
};

function plain(one: Comparison): string {
  return comparisonToJson({ ...one, results: one.results.map((each) => ({ ...each, fitSeconds: 0 })) });
}

test("there is one result a model, outcome and treated arm, and one for the policy of the best arm", () => {
  expect(comparison.results.map(({ model, outcome, arm }) => `${outcome} ${arm} ${model}`)).toEqual(
    ["y", "bought"].flatMap((outcome) => ["a", "b", "best"].flatMap((arm) => ["flat", "good", "bad"].map((model) => `${outcome} ${arm} ${model}`))),
  );
});

test("effects are the average effects over all rows", () => {
  expect(comparison.effects).toEqual(["y", "bought"].flatMap((outcome) => averageEffects(data, { outcome })));
});

test("the score of a result is the metric of the predictions on the held-out rows, the arm against control", () => {
  const [{ test: rows }] = splitOf(data, { test: 0.3 }, new Rng(4).split("compare").split("split")).parts;
  const held = data.take(rows);
  const { metrics } = result("good", "y", "b");
  const prediction = held.number("x").map((x) => x + 0.1);
  for (const id of ["qini", "auuc", "root-pehe"]) expectClose(metrics[id].value, metricById(id).score(prediction, held, { arm: "b" }).value, float64, id);
  expectClose(result("flat", "y", "a").metrics.qini.value, 0, float64);
});

test("the truth is that of the primary outcome: PEHE is scored on it alone", () => {
  // Arm a: the effect is x and the good toy predicts x; arm b: the effect is -x and it predicts x + 0.1.
  expectClose(result("good", "y", "a").metrics["root-pehe"].value, 0, float64);
  expect(result("bad", "y", "a").metrics["root-pehe"].value).toBeGreaterThan(1.5);
  expect(result("good", "bought", "a").metrics["root-pehe"]).toBeUndefined();
});

describe("paired differences", () => {
  test("are those of the values, against the best baseline, and absent for the baseline itself", () => {
    const { differences, metrics } = result("good", "y", "a");
    expect(differences.qini.against).toBe("flat");
    expectClose(differences.qini.value, metrics.qini.value - result("flat", "y", "a").metrics.qini.value, float64);
    expect(result("flat", "y", "a").differences).toEqual({});
  });

  test("of a model and its double are exactly zero, with a standard error of zero: they share their resamples", async () => {
    const twins = await compare(
      data,
      [
        { name: "one", model: good },
        { name: "two", model: toyModel("good", 1) },
      ],
      options,
    );
    for (const arm of ["a", "b", "best"]) {
      expect(result("two", "y", arm, twins).differences.qini).toMatchObject({ against: "one", value: 0, se: 0, pValue: 1 });
      expect(result("two", "y", arm, twins).metrics).toEqual(result("one", "y", arm, twins).metrics);
    }
  });

  test("the best of several baselines is taken metric by metric", async () => {
    const several = await compare(data, [flat, good, bad], { ...options, baselines: ["bad", "good"] });
    const { differences } = result("flat", "y", "a", several);
    expect(differences.qini.against).toBe("good");
    expect(differences["root-pehe"].against).toBe("good");
    expect(result("good", "y", "a", several).differences.qini).toBeUndefined();
    expect(result("bad", "y", "a", several).differences.qini.against).toBe("good");
  });
});

test("policy of the best arm: with effects x and -x, who knows them gains |x|, sqrt(2 / pi) on average", async () => {
  const oracle = toyModel("oracle", [1, -1]);
  const { calibration } = result("oracle", "y", "best", await compare(data, [oracle], { ...options, metrics: ["auuc"] }));
  const rows = calibration.reduce((sum, decile) => sum + decile.rows, 0);
  const mean = calibration.reduce((sum, decile) => sum + (decile.rows / rows) * decile.observed, 0);
  const se = Math.sqrt(calibration.reduce((sum, decile) => sum + ((decile.rows / rows) * decile.se) ** 2, 0));
  expectWithin(mean, Math.sqrt(2 / Math.PI), se, 4, "gain of the policy");
  // Of the units whose better arm is one of two, those with control and half of the treated are kept.
  expect(Math.abs(rows - 900 * (2 / 3))).toBeLessThan(5 * Math.sqrt(900 * (2 / 9)));
});

test("calibration by tenths: ten of them, best first, observed effects rising with predicted ones", () => {
  const { calibration } = result("good", "y", "a");
  expect(calibration.map((decile) => decile.decile)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  // The mean of a standard normal's top tenth is 1.755.
  expectWithin(calibration[0].observed, 1.755, calibration[0].se, 4, "top tenth");
  expectWithin(calibration[9].observed, -1.755, calibration[9].se, 4, "bottom tenth");
});

test("segments name what sets the top apart", () => {
  const { segments } = result("good", "y", "a");
  // The mean of the top fifth of a standard normal is 1.40, of 900 rows known to 0.05.
  const x = segments.find((segment) => segment.feature === "x");
  expectWithin(x?.top ?? 0, 1.4, 0.05, 4, "top mean of x");
  expectClose(x?.smd ?? 0, (x?.top ?? 0) - (x?.all ?? 0), 0.1, "in standard deviations of about one");
  expect(segments.find((segment) => segment.level === "red")?.top).toBeGreaterThan(0.9);
});

test("the same seed gives the same comparison, but for the seconds; another seed another split", async () => {
  expect(plain(await compare(data, [flat, good, bad], options))).toBe(plain(comparison));
  const other = await compare(data, [flat, good, bad], { ...options, seed: 5 });
  expect(result("good", "y", "a", other).metrics.qini.value).not.toBe(result("good", "y", "a").metrics.qini.value);
});

test("company changes nothing: a model alone gets the numbers it gets among others", async () => {
  const alone = await compare(data, [good], options);
  for (const arm of ["a", "b", "best"]) expect(result("good", "bought", arm, alone).metrics).toEqual(result("good", "bought", arm).metrics);
});

test("folds score every row once", async () => {
  const folded = await compare(data, [good], { ...options, folds: 3 });
  const { arm, arms } = data.treatment();
  const rows = arm.filter((a) => a === 0 || arms[a] === "a").length;
  expect(folded.split.testRows).toBe(3000);
  expect(Math.abs(folded.split.trainRows - 2000)).toBeLessThanOrEqual(3);
  expect(result("good", "y", "a", folded).calibration.reduce((sum, decile) => sum + decile.rows, 0)).toBe(rows);
});

test("a comparison read back from its JSON is the same, NaN included", async () => {
  const strange = await compare(experiment(400, ["none", "a"]), [flat, good], { ...options, metrics: ["qini", "autoc"] });
  const text = comparisonToJson(strange);
  const back = comparisonFromJson(text, "here");
  expect(back).toEqual(strange);
  expect(comparisonToJson(back)).toBe(text);
  expect(text).not.toMatch(/NaN|Infinity/);
});

test("two arms have no policy of the best arm", async () => {
  const two = await compare(experiment(400, ["none", "a"]), [good], { ...options, metrics: ["qini"] });
  expect(two.results.map((one) => one.arm)).toEqual(["a", "a"]);
});

test("a treated arm called best keeps its name; the policy gets another", async () => {
  const two = await compare(experiment(400, ["none", "a", "best"]).withRoles({ outcomes: ["y"], potential: undefined }), [good], {
    ...options,
    metrics: ["qini"],
  });
  expect(two.results.map((one) => one.arm)).toEqual(["a", "best", "policy of the best arm"]);
});

describe("warnings", () => {
  test("rows without an outcome are left out of that outcome, and counted", async () => {
    const holes = data.withColumns([
      numberColumn(
        "y",
        data.number("y").map((v, i) => (i < 30 ? Number.NaN : v)),
      ),
    ]);
    const { warnings, results } = await compare(holes, [good], { ...options, metrics: ["qini"] });
    expect(warnings).toContain('toy: column "y": 30 of 3000 rows have no outcome and are left out');
    expect(results).toHaveLength(6);
  });

  test("a feature that the treatment changed is named", async () => {
    const leaky = data.withColumns([numberColumn("clicks", data.number("y"))], { features: ["x", "clicks"], outcomes: ["bought"], potential: undefined });
    const treated = leaky.withColumns([
      numberColumn(
        "clicks",
        data.number("y").map((v, i) => v + (data.treatment().arm[i] === 1 ? 1 : 0)),
      ),
    ]);
    const { warnings } = await compare(treated, [good], { ...options, metrics: ["qini"] });
    expect(warnings[0]).toMatch(/the arms differ by more than chance allows in clicks \(\d+ standard errors\).*leave it out/);
    expect((await compare(data, [good], { ...options, metrics: ["qini"] })).warnings).toEqual([]);
  });

  test("sizes that do not fit the plan are doubted; plans are given or follow from constant propensities", async () => {
    const ask = async (shares: "equal" | Record<string, number>): Promise<Comparison> => compare(data, [good], { ...options, metrics: ["qini"], shares });
    expect((await ask("equal")).warnings).toEqual([]);
    expect((await ask({ none: 2, a: 1, b: 1 })).warnings[0]).toMatch(/Sample ratio mismatch/);
    await expect(ask({ none: 2, a: 1 })).rejects.toThrow(/planned share of arm "b" is not given/);
    await expect(ask({ none: 2, a: 1, c: 1 })).rejects.toThrow(/there is no arm "c"/);
    const known = data.withColumns([numberColumn("e", new Float64Array(3000).fill(1 / 3))], { propensity: { a: "e", b: "e" } });
    const { data: summary } = await compare(known, [good], { ...options, metrics: ["qini"] });
    expect(summary.sampleRatio?.expected.map((share) => Math.round(share * 1000))).toEqual([333, 333, 333]);
    expect(comparison.data.sampleRatio).toBeUndefined();
  });
});

describe("is refused before anything is fitted", () => {
  const fits = good.fits.length;
  const binaryOnly = toyModel("binary-only", 1, { outcomes: ["binary"] });
  test.each([
    [
      "an outcome that a model does not take",
      () => compare(data, [good, binaryOnly], options),
      /^binary-only: takes binary outcomes, and toy: column "y" is continuous/,
    ],
    ["an unknown metric", () => compare(data, [good], { metrics: ["gini"] }), /unknown metric "gini"; did you mean "qini"\?/],
    [
      "an outcome that is constant",
      () => compare(data.withColumns([numberColumn("bought", new Float64Array(3000))]), [good], options),
      /column "bought": the outcome is 0 in every row/,
    ],
    [
      "a group column without a second group",
      () =>
        compare(
          data.withColumns(
            [
              categoryColumn(
                "g",
                Array.from({ length: 3000 }, () => "one"),
              ),
            ],
            { group: "g" },
          ),
          [good],
          options,
        ),
      /leaves the .* part empty/,
    ],
    [
      "a model of another task",
      () => compare(data, [{ ...good, id: "clicks", task: "attribution" } as never], options),
      /clicks is a model of task "attribution"/,
    ],
    ["no model", () => compare(data, [], options), /name at least one model/],
  ])("%s", async (_, run, message) => {
    const before = good.fits.length;
    await expect(run()).rejects.toThrow(message);
    expect(good.fits.length).toBe(before);
    expect(fits).toBeLessThanOrEqual(before);
  });
});

test("an abort stops between models", async () => {
  const stop = new AbortController();
  const stopping = compare(data, [good, bad], { ...options, signal: stop.signal, progress: (_, what) => what.startsWith("scoring") && stop.abort() });
  await expect(stopping).rejects.toThrow(/abort/i);
});

test("metric ids that compare scores by default exist", async () => {
  const { defaultMetrics } = await import("../../src/evaluate/compare.ts");
  for (const id of defaultMetrics) expect(metricById(id).id).toBe(id);
});

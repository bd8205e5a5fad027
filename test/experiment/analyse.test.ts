import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { numberColumn } from "../../src/data/dataset.ts";
import { simulate } from "../../src/data/synth/index.ts";
import { analyseExperiment } from "../../src/experiment/analyse.ts";
import { power } from "../../src/experiment/power.ts";
import { experiment } from "./table.ts";

describe("a sound experiment", () => {
  const data = simulate("email", { n: 12_000 }, 3);
  const analysis = analyseExperiment(data);

  test("has every part, no warning but on skew, and reads as plain data", () => {
    expect(analysis).toMatchObject({ format: "liftwise-experiment/1", data: "simulate:email", rows: 12_000, control: "No E-Mail", level: 0.95 });
    expect(analysis.arms.map(({ arm }) => arm)).toEqual(["No E-Mail", "Mens E-Mail", "Womens E-Mail"]);
    expect(analysis.arms.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
    expect(analysis.outcomes.map(({ outcome, kind }) => [outcome, kind])).toEqual([
      ["visit", "binary"],
      ["conversion", "binary"],
      ["spend", "continuous"],
    ]);
    expect(analysis.warnings.every((warning) => warning.startsWith("spend is so skewed"))).toBe(true);
    expect(JSON.parse(JSON.stringify(analysis)).findings).toEqual(analysis.findings);
  });

  test("the sample ratio is held against the known propensities", () => {
    expect(analysis.sampleRatio?.expected.map((share) => share.toFixed(6))).toEqual(["0.333333", "0.333333", "0.333333"]);
    expect(analysis.sampleRatio?.pValue).toBeGreaterThan(0.001);
  });

  test("p-values are corrected over arms and outcomes, on the adjusted estimates", () => {
    const raw = analysis.outcomes.flatMap(({ effects }) => effects.map(({ adjusted }) => adjusted?.pValue ?? Number.NaN));
    const corrected = analysis.outcomes.flatMap(({ effects }) => effects.map((effect) => effect.correctedPValue));
    expect(raw.length).toBe(6);
    const most = raw.indexOf(Math.max(...raw));
    expect(corrected[most]).toBeGreaterThanOrEqual(raw[most]);
    const least = raw.indexOf(Math.min(...raw));
    expect(corrected[least]).toBeCloseTo(6 * raw[least], 12);
  });

  test("the least detectable effect is the one these rows find with power 0.8", () => {
    const [{ adjusted, detectable }] = analysis.outcomes[0].effects;
    const rows = 1e6;
    const sd = (adjusted?.se ?? Number.NaN) * Math.sqrt(rows / 2);
    expect(power({ outcome: { kind: "continuous", sd } }, detectable ?? Number.NaN, rows)).toBeCloseTo(0.8, 2);
  });

  test("findings say what each arm did, one sentence an arm and outcome", () => {
    expect(analysis.findings.length).toBe(6);
    expect(analysis.findings[0]).toMatch(
      /^Mens E-Mail raises visit by 0\.0\d+ against No E-Mail \(95 % interval 0\.0\d+ to 0\.\d+, \+\d+ % of the 0\.1\d+ without it; corrected p .*\)\.$/,
    );
  });

  test("capping is done where asked, counted, and not done to rates", () => {
    const capped = analyseExperiment(data, { winsorise: 0.999 });
    expect(capped.outcomes[0].winsorised).toBeUndefined();
    expect(capped.outcomes[2].winsorised?.above).toBe(12);
    expect(capped.outcomes[2].effects[0].plain.se).toBeLessThan(analysis.outcomes[2].effects[0].plain.se);
    expect(analysis.outcomes[2].winsorised).toBeUndefined();
  });

  test("outcomes can be chosen, and an experiment without covariates has no balance and no adjustment", () => {
    const bare = analyseExperiment(data, { outcomes: ["spend"], covariates: [] });
    expect(bare.balance).toBeUndefined();
    expect(bare.outcomes.length).toBe(1);
    expect(bare.outcomes[0].effects[0].adjusted).toBeUndefined();
  });
});

describe("a null experiment", () => {
  test("shows no clear effect, and says what could have been seen", () => {
    const { findings, warnings } = analyseExperiment(simulate("null", { n: 2000 }, 2));
    expect(findings).toEqual([
      expect.stringMatching(/^treated shows no clear effect on y against control: .* An effect of 0\.1\d* would have been found with a chance of 80 %\.$/),
    ]);
    expect(warnings).toEqual([]);
  });

  test("of 200, at most a few raise a false warning or a false finding", () => {
    let [warned, found] = [0, 0];
    for (let run = 0; run < 200; run++) {
      const analysis = analyseExperiment(simulate("null", { n: 300, arms: 2 }, 1000 + run));
      if (analysis.warnings.length > 0) warned++;
      if (analysis.findings.some((finding) => !finding.includes("no clear effect"))) found++;
    }
    expect(warned).toBeLessThan(6);
    // Holm over two arms keeps the chance of any false finding at 5 %: 10 of 200, give or take 3 standard errors.
    expect(found).toBeLessThan(10 + 3 * Math.sqrt(200 * 0.05 * 0.95));
  });
});

describe("what is wrong with an experiment is said", () => {
  const sound = simulate("constant", { n: 4000 }, 1);
  const { arm } = sound.treatment();
  const rng = new Rng(1);

  test("rows lost from one arm: sample ratio mismatch", () => {
    const lossy = sound.take(Array.from(arm.keys()).filter((i) => arm[i] === 0 || rng.float() < 0.85));
    const { warnings, sampleRatio } = analyseExperiment(lossy);
    expect(sampleRatio?.pValue).toBeLessThan(0.001);
    expect(warnings[0]).toMatch(/^Sample ratio mismatch \(p = .*\): got control \d+, treated \d+ where shares of 50 %, 50 % were planned/);
  });

  test("planned shares of every arm, in any unit", () => {
    expect(analyseExperiment(sound, { shares: { control: 1, treated: 1 } }).sampleRatio?.expected).toEqual([0.5, 0.5]);
    expect(analyseExperiment(sound, { shares: { control: 3, treated: 1 } }).warnings[0]).toMatch(/75 %, 25 % were planned/);
    expect(() => analyseExperiment(sound, { shares: { control: 1 } })).toThrow(/share of arm "treated" is not given/);
    expect(() => analyseExperiment(sound, { shares: { control: 1, treated: 1, other: 1 } })).toThrow(/no arm "other"/);
    expect(analyseExperiment(sound.withRoles({ propensity: undefined })).sampleRatio).toBeUndefined();
  });

  test("an assignment that follows a covariate: the omnibus test, with the covariate", () => {
    const data = simulate("observational", { n: 3000 }, 1);
    expect(analyseExperiment(data).warnings[0]).toMatch(/^treated and control differ before the treatment .* most of all in income/);
  });

  test("outcomes missing by arm, and missing alike", () => {
    const y = sound.outcome();
    const gone = (share: (a: number) => number): number[] => Array.from(y, (v, i) => (rng.float() < share(arm[i]) ? Number.NaN : v));
    const [byArm, alike] = [gone((a) => 0.02 + 0.1 * a), gone(() => 0.05)].map((values) => analyseExperiment(sound.withColumns([numberColumn("y", values)])));
    expect(byArm.warnings[0]).toMatch(/^y is missing in .* more often in some arms than in others/);
    expect(alike.warnings[0]).toMatch(/^y is missing in .* about equally/);
    expect(alike.outcomes[0].missing).toBeGreaterThan(100);
  });

  test("rare events, few clusters, uneven weights", () => {
    const n = 400;
    const rows = Array.from({ length: n }, (_, i) => i);
    const rare = experiment(
      rows.map((i) => i % 2),
      rows.map((i) => (i < 7 ? 1 : 0)),
    );
    expect(analyseExperiment(rare).warnings).toEqual([
      expect.stringMatching(/^y is 1 in only 4 of 200 rows of 0/),
      expect.stringMatching(/^y is 1 in only 3 of 200 rows of 1/),
    ]);
    const clustered = experiment(
      rows.map((i) => (i >> 5) % 2),
      rows.map(() => rng.normal()),
      { shop: rows.map((i) => i >> 5) },
      { group: "shop" },
    );
    const analysis = analyseExperiment(clustered);
    expect(analysis.warnings[0]).toMatch(/^0 has only 7 clusters/);
    expect(analysis.arms.map(({ clusters }) => clusters)).toEqual([7, 6]);
    expect(analysis.outcomes[0].clusters?.meanSize).toBeCloseTo(400 / 13, 10);
    const weighted = experiment(
      rows.map((i) => i % 2),
      rows.map(() => rng.normal()),
      { w: rows.map((i) => (i < 10 ? 1000 : 1)) },
      { weight: "w" },
    );
    expect(analyseExperiment(weighted).warnings[0]).toMatch(/^The weights of 0 are so uneven that its 200 rows count like \d+/);
  });

  test("clusters that were assigned as a whole are what the sample ratio counts", () => {
    const shops = Array.from({ length: 200 }, (_, g) => g);
    const shop = shops.flatMap((g) => Array.from({ length: g % 2 === 0 ? 2 : 9 }, () => g));
    const data = experiment(
      shop.map((g) => g % 2),
      shop.map(() => rng.normal()),
      { shop },
      { group: "shop" },
    );
    const analysis = analyseExperiment(data, { shares: { "0": 1, "1": 1 } });
    expect(analysis.sampleRatio).toMatchObject({ statistic: 0, pValue: 1 });
  });

  test("an outcome that cannot be told about does not stop the rest", () => {
    const data = experiment([0, 0, 0, 1], [1, 2, 3, 5], { z: [1, 1, 1, 1] }, { outcomes: ["y", "z"] });
    const { findings, outcomes } = analyseExperiment(data);
    expect(findings).toEqual([
      expect.stringMatching(/whether it changes y cannot be told \(a standard error needs/),
      expect.stringMatching(/whether it changes z cannot be told/),
    ]);
    expect(outcomes[0].effects[0].detectable).toBeUndefined();
  });
});

import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { Rng } from "../../src/base/rng.ts";
import { studentQuantile } from "../../src/base/stats/student.ts";
import { directionOf, type GateResults, judge, passes, type Verdict } from "../../src/evaluate/gate.ts";
import type { Model } from "../../src/model/contract.ts";
import { liftwise } from "../cli/captured.ts";
import { expectClose, float64 } from "../tolerance.ts";

/** What the registry holds in this file: two linear learners, and whether one of them is broken. */
const planted = vi.hoisted(() => ({ flaw: "none" as "none" | "shuffled" | "negative" | "halved" | "gone", more: false, setting: 0 }));

vi.mock("../../src/models.ts", async () => {
  const { sLearner } = await import("../../src/uplift/meta/sLearner.ts");
  const { tLearner } = await import("../../src/uplift/meta/tLearner.ts");
  // The contract suite's fast settings in place of the defaults.
  const linear = (model: Model): Model => ({
    ...model,
    get config() {
      return z.strictObject({ planted: z.number().default(planted.setting) }) as z.ZodType;
    },
    fit: async (_config, data, context) => {
      const fitted = (await model.fit(model.config.parse({ outcomeLearner: "linear" }), data, context)) as unknown as {
        predict(data: unknown): Promise<{ effect: Float64Array[] }>;
        dispose(): void;
      };
      const predict = async (held: unknown): Promise<unknown> => {
        const prediction = await fitted.predict(held);
        return model.id === "t-learner" ? { ...prediction, effect: prediction.effect.map(spoilt) } : prediction;
      };
      return { ...fitted, report: {}, predict, dispose: () => fitted.dispose() } as never;
    },
  });
  const all = (): Model[] => [
    ...(planted.flaw === "gone" ? [] : [linear(tLearner as Model)]),
    linear(sLearner as Model),
    ...(planted.more ? [{ ...linear(sLearner as Model), id: "new-learner" }] : []),
  ];
  const find = (id: string): Model => all().find((model) => model.id === id) ?? (undefined as never);
  return {
    get models() {
      return all();
    },
    modelById: find,
  };
});

function spoilt(effect: Float64Array): Float64Array {
  if (planted.flaw === "shuffled") return effect.toReversed();
  if (planted.flaw === "negative") return effect.map((value) => -value);
  return planted.flaw === "halved" ? effect.map((value) => value / 2) : effect;
}

let home = "";
let baseline = "";
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "liftwise-gate-"));
  baseline = join(home, "baseline.json");
  const { code, err } = await liftwise(["benchmark", "small", "--seeds", "10", "--threads", "1", "--baseline", baseline, "--update"]);
  expect(code, err).toBe(0);
});
afterAll(() => rm(home, { recursive: true, force: true }));
beforeEach(() => {
  Object.assign(planted, { flaw: "none", more: false, setting: 0 });
});

const gate = (...words: string[]): ReturnType<typeof liftwise> => liftwise(["benchmark", "small", "--threads", "1", "--baseline", baseline, ...words]);

describe("on the command line", () => {
  test("an unchanged run is the same in every comparison, takes its settings from the baseline, and passes", async () => {
    const { code, out, err } = await gate("--json");
    expect(code, err).toBe(0);
    const { rows, gate: found } = JSON.parse(out) as { rows: { n: number }[]; gate: { passed: boolean; same: number; comparisons: { pairs: number }[] } };
    expect(rows.every((row) => row.n === 10)).toBe(true);
    expect(found).toMatchObject({ passed: true, same: 8, worse: 0, better: 0, unsure: 0, missing: [], extra: [], notes: [] });
    expect(found.comparisons.every(({ pairs }) => pairs === 10)).toBe(true);
  });

  test("20 reruns with new seeds raise no false alarm, and say that the seed is another", async () => {
    for (let seed = 2; seed <= 21; seed++) {
      const { code, out, err } = await gate("--seed", String(seed));
      expect(code, `seed ${seed}: ${err}${out}`).toBe(0);
      expect(out).toContain(`note: seed ${seed}, and the baseline has 1`);
    }
  });

  test.each(["shuffled", "negative", "halved"] as const)("a planted regression is caught, even with another seed: effects that are %s", async (flaw) => {
    planted.flaw = flaw;
    const { code, out, err } = await gate();
    expect(code, out).toBe(4);
    expect(err).toMatch(
      /^liftwise benchmark: worse than .*baseline.json beyond noise: t-learner \(\d of 8 comparisons\); correct it, or accept it with --update\n$/,
    );
    expect(out).toMatch(/worse beyond noise \(\d\)\n {2}t-learner: randomised, n = 250, root-pehe: \d/);
    expect(out).toContain("gate failed");
    expect((await gate("--seed", "7")).code).toBe(4);
  });

  test("the repaired model is better than a baseline of the broken one; --update writes a new one and passes", async () => {
    const file = join(home, "broken.json");
    planted.flaw = "shuffled";
    const args = ["benchmark", "small", "--seeds", "10", "--threads", "1", "--baseline", file];
    expect((await liftwise([...args, "--update"])).code).toBe(0);
    planted.flaw = "none";
    const repaired = await liftwise(args);
    expect(repaired.code).toBe(0);
    expect(repaired.out).toContain("better beyond noise");
    planted.flaw = "negative";
    const worse = await liftwise([...args, "--update"]);
    expect(worse.code).toBe(0);
    expect(worse.out).toContain("worse beyond noise");
    expect(worse.out).toContain(`baseline written: ${file}`);
    expect((await liftwise(args)).out).toContain("gate passed");
  });

  test("JUnit XML has a case a comparison, and GitHub annotations name model, case and change", async () => {
    planted.flaw = "shuffled";
    const xml = join(home, "gate.xml");
    const { err } = await gate("--junit", xml, "--annotations");
    const text = await readFile(xml, "utf8");
    expect(text).toMatch(/<testsuites name="liftwise benchmark" tests="8" failures="[1-4]" errors="0" skipped="\d" time="[\d.]+">/);
    expect(text.match(/<testcase /g)?.length).toBe(8);
    expect(text).toMatch(/<testcase classname="small.t-learner" name="randomised, n = 250, root-pehe"><failure message="worse beyond noise">/);
    expect(err).toMatch(/::error file=.*baseline.json,title=small%3A t-learner is worse::randomised, n = 250, root-pehe: .* -> .*, \+\d+ %25 \(/);
    // Well-formed, as judged by an XML parser where there is one.
    try {
      execFileSync("python3", ["-c", "import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])", xml], { stdio: "pipe" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  });

  test("with GITHUB_ACTIONS annotations come by themselves; standard output stays one JSON value", async () => {
    planted.flaw = "shuffled";
    vi.stubEnv("GITHUB_ACTIONS", "true");
    const { out, err } = await gate("--json");
    vi.unstubAllEnvs();
    expect(JSON.parse(out)).toMatchObject({ gate: { passed: false } });
    expect(err).toContain("::error file=");
    expect(JSON.parse(err.trim().split("\n").at(-1) ?? "")).toMatchObject({ error: { kind: "gate", exit: 4 } });
  });

  test("a model of the baseline that is not there any more fails the gate in one line; one left out by --models does not", async () => {
    planted.flaw = "gone";
    const { code, out, err } = await gate();
    expect(code).toBe(4);
    expect(out.split("\n").filter((line) => line.includes("t-learner: "))).toEqual([]);
    expect(out).toContain("missing: t-learner is in the baseline and was not run; if that is meant, write the baseline anew with --update");
    expect(err).toContain("in " + baseline + " and not run: t-learner");
    planted.flaw = "none";
    expect((await gate("--models", "s-learner")).out).toContain("gate passed");
  });

  test("a new model, changed settings, fewer replications: one clear line each, and the rest is judged", async () => {
    planted.more = true;
    planted.setting = 3;
    const { code, out } = await gate("--models", "s-learner,t-learner,new-learner", "--seeds", "6");
    expect(code).toBe(0);
    expect(out).toContain("new: new-learner is not in the baseline; --update adds it");
    expect(out).toContain("note: t-learner: default settings have changed since the baseline: planted 0 -> 3");
    expect(out).toContain("note: 6 replications, and the baseline has 10: the 6 that both have are compared");
  });

  test("files that are no baseline, and options that go nowhere, are one line with a way out", async () => {
    const file = join(home, "damaged.json");
    const text = await readFile(baseline, "utf8");
    const damaged: [string, number, RegExp][] = [
      ["", 3, /is not JSON .*; restore it, or write it anew with --update/],
      [text.slice(0, 900), 3, /is not JSON/],
      ["[]", 3, /is no baseline of liftwise: it must be of type object/],
      ['{"format":"liftwise-comparison/1"}', 3, /is no baseline of liftwise: format must be liftwise-baseline\/1; got "liftwise-comparison\/1"/],
      [text.replace('"replications":[1,2,', '"replications":[2,'), 3, /is damaged: .* has 10 values for 9 replications/],
      [text.replace('"values":[', '"values":["x",'), 3, /values/],
      [text.replace('"suite": "small"', '"suite": "ihdp"'), 2, /is of suite ihdp, not small; run benchmark ihdp/],
    ];
    for (const [content, exit, message] of damaged) {
      await writeFile(file, content);
      const { code, out, err } = await liftwise(["benchmark", "small", "--baseline", file]);
      expect([code, err.trim().split("\n").length, out], `${content.slice(0, 40)}: ${err}`).toEqual([exit, 1, ""]);
      expect(err).toMatch(message);
    }
    const stray: [string[], RegExp][] = [
      [["--baseline", join(home, "nowhere.json")], /there is no file .*nowhere.json; add --update/],
      [["--baseline", home], /cannot be read/],
      [["--update"], /--update goes with --baseline FILE/],
      [["--junit", "x.xml"], /--junit goes with --baseline FILE/],
      [["--baseline", baseline, "--tolerance", "-1"], /--tolerance must be at least 0/],
      [["--baseline", baseline, "--alarm", "0"], /--alarm must be greater than 0/],
    ];
    for (const [words, message] of stray) {
      const { code, err } = await liftwise(["benchmark", "small", ...words]);
      expect(code, err).toBe(2);
      expect(err).toMatch(message);
    }
  });

  test("a baseline written twice is the same file", async () => {
    const again = join(home, "again.json");
    await liftwise(["benchmark", "small", "--seeds", "10", "--threads", "1", "--baseline", again, "--update"]);
    expect(await readFile(again, "utf8")).toBe(await readFile(baseline, "utf8"));
  });
});

/** One comparison with these values, as a baseline or a run. */
function results(values: readonly number[], metric = "qini", model = "m"): GateResults {
  return { rows: [], values: values.map((value, i) => ({ model, case: "c", metric, replication: i + 1, value })) };
}

function verdict(before: readonly number[], after: readonly number[], metric = "qini", tolerance = 0): Verdict {
  return judge(results(before, metric), results(after, metric), { tolerance, alarm: 0.05 }).comparisons[0].verdict;
}

describe("the judgement", () => {
  test("interval by hand: five paired differences, Student's quantile with 4 degrees of freedom", () => {
    const [one] = judge(results([1, 2, 3, 4, 5]), results([2, 4, 4, 6, 7]), { alarm: 0.05 }).comparisons;
    // Differences 1, 2, 1, 2, 2: mean 1.6, variance 0.3.
    const reach = studentQuantile(0.975, 4) * Math.sqrt(0.3 / 5);
    expectClose(one.change, 1.6, float64);
    expectClose(one.interval[0], 1.6 - reach, float64);
    expectClose(one.interval[1], 1.6 + reach, float64);
    expect(one).toMatchObject({ verdict: "better", scale: "difference", pairs: 5, baseline: 3, now: 4.6 });
  });

  test("splits of one data set are not independent: their interval is wider by sqrt(1 + n test / train)", () => {
    const plain = judge(results([1, 2, 3, 4, 5]), results([2, 4, 4, 6, 7])).comparisons[0].interval;
    const wide = judge(results([1, 2, 3, 4, 5]), results([2, 4, 4, 6, 7]), { overlap: 0.4 }).comparisons[0].interval;
    expectClose((wide[1] - wide[0]) / (plain[1] - plain[0]), Math.sqrt(1 + 5 * 0.4), float64);
  });

  test("errors above zero are compared by factors: a model that errs 10 % more everywhere is 10 % worse, whatever the size", () => {
    const before = [0.1, 1, 10, 100, 1000, 5];
    const [one] = judge(
      results(before, "root-pehe"),
      results(
        before.map((v) => 1.1 * v * (1 + 1e-4 * Math.sin(v))),
        "root-pehe",
      ),
    ).comparisons;
    expect(one).toMatchObject({ verdict: "worse", scale: "ratio" });
    expectClose(one.change, 0.1, 1e-3);
  });

  test("worse, better, same and unsure in the direction of the metric", () => {
    const noise = [0.1, -0.1, 0.05, 0, -0.05, 0.1];
    const base = [10, 11, 12, 10, 11, 12];
    const shifted = (by: number): number[] => base.map((v, i) => v + by + noise[i]);
    expect(verdict(base, base)).toBe("same");
    expect(verdict(base, shifted(0))).toBe("unsure");
    expect(verdict(base, shifted(0), "qini", 0.05)).toBe("same");
    expect(verdict(base, shifted(-1))).toBe("worse");
    expect(verdict(base, shifted(1))).toBe("better");
    expect(verdict(base, shifted(-1), "qini", 0.5)).toBe("same");
    expect(verdict(base, shifted(1), "pehe")).toBe("worse");
    expect(verdict(base, shifted(-1), "pehe")).toBe("better");
  });

  test("a target is missed on either side, and coming nearer to it from either side is better", () => {
    const around = (at: number): number[] => [0.001, -0.001, 0.002, -0.002, 0, 0.001].map((v) => at + v);
    expect(verdict(around(0.95), around(0.8), "coverage")).toBe("worse");
    expect(verdict(around(0.95), around(1.05), "coverage")).toBe("worse");
    expect(verdict(around(0.8), around(0.95), "coverage")).toBe("better");
    expect(verdict(around(1.05), around(0.94), "coverage")).toBe("better");
  });

  test("what rounding leaves on another machine is no change, even without tolerance", () => {
    expect(
      verdict(
        [1, 2, 3, 4, 5],
        [1, 2, 3, 4, 5].map((v) => v * (1 - 1e-7)),
      ),
    ).toBe("same");
  });

  test("a mean that has become no number is worse; one that the baseline had not cannot be told", () => {
    const [five, none] = [[1, 2, 3, 4, 5], new Array<number>(5).fill(Number.NaN)];
    expect(verdict(five, none)).toBe("worse");
    expect(verdict(five, [1, 2, 3, 4, Number.NaN])).toBe("worse");
    expect(verdict([1, 2, 3, 4, Number.NaN], [1, 2, 3, 4, 4])).toBe("unsure");
    expect(verdict(none, none)).toBe("same");
  });

  test("fewer than five pairs: by the standard errors of the rows, or not at all, with the reason", () => {
    const rows = (mean: number, se: number): GateResults => ({ rows: [{ model: "m", case: "c", metric: "qini", mean, se, n: 1 }], values: [] });
    expect(judge(rows(1, 0.01), rows(0.5, 0.01)).comparisons[0]).toMatchObject({ verdict: "worse", pairs: 0, why: expect.stringContaining("standard errors") });
    expect(judge(rows(1, 0.3), rows(0.5, 0.3)).comparisons[0].verdict).toBe("unsure");
    expect(judge(results([1, 2]), results([1.5, 1])).comparisons[0]).toMatchObject({
      verdict: "unsure",
      why: expect.stringContaining("run with more --seeds"),
    });
    expect(judge(results([1, 2]), results([1, 2])).comparisons[0].verdict).toBe("same");
  });

  test("a model or a metric of the baseline that the run has not fails the gate; a metric of no direction is not judged", () => {
    const both = { rows: [], values: [...results([1, 2]).values, ...results([1, 2], "pehe").values, ...results([3, 4], "seconds").values] };
    expect(judge(both, results([1, 2]))).toMatchObject({ missing: ["m: c, pehe"], notJudged: ["seconds"], extra: [] });
    expect(judge(results([1, 2]), both).extra).toEqual(["m: c, pehe", "m: c, seconds"]);
    expect(judge(both, results([1, 2], "qini", "other"))).toMatchObject({ missing: ["m"], extra: ["other"] });
    expect(passes(judge(both, results([1, 2])))).toBe(false);
  });

  test("directions: the registry's, those of words, and a suite's own", () => {
    expect(
      ["qini", "root-pehe", "root-pehe-median", "auuc: coverage", "auuc: bias", "auuc: se ratio", "gauc, paths of 3", "seconds"].map((m) => directionOf(m)),
    ).toEqual(["higher", "lower", "lower", 0.95, 0, 1, "higher", undefined]);
    expect(directionOf("mse", { mse: "lower" })).toBe("lower");
  });

  test.each(["normal", "heavy-tailed", "two values", "log-normal"] as const)("chance alone fails hardly ever, as promised: %s", (kind) => {
    const rng = new Rng(11).split(kind);
    const draw = (): number => {
      if (kind === "normal") return rng.normal();
      if (kind === "heavy-tailed") return rng.normal() / Math.sqrt((rng.normal() ** 2 + rng.normal() ** 2 + rng.normal() ** 2) / 3);
      return kind === "two values" ? rng.bernoulli(0.5) : Math.exp(rng.normal());
    };
    const runs = 1000;
    const alarm = 0.02;
    const metric = kind === "log-normal" ? "root-pehe" : "qini";
    let alarms = 0;
    for (let k = 0; k < runs; k++) {
      const made = (): GateResults => ({
        rows: [],
        values: ["a", "b", "c", "d", "e", "f"].flatMap((m) => results(Array.from({ length: 12 }, draw), metric, m).values),
      });
      if (!passes(judge(made(), made(), { tolerance: 0, alarm }))) alarms++;
    }
    // Worse and better share the alarm: half of it fails the gate. Four standard errors of the count above that would be a false promise.
    expect(alarms).toBeLessThanOrEqual((runs * alarm) / 2 + 4 * Math.sqrt((runs * alarm) / 2));
  });
});

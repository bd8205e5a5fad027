import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readTable } from "../../src/data/read.ts";
import type { NumberColumn } from "../../src/data/schema.ts";
import type { Comparison } from "../../src/evaluate/comparison.ts";
import { expectClose, float64 } from "../tolerance.ts";
import { liftwise } from "./captured.ts";
import { writeFiles } from "./files.ts";

let folder = "";
const started = process.cwd();
const roles = ["--treatment", "arm", "--control", "none", "--ignore", "id,score,e,user,tau,three,t"];
const compare = ["compare", "good.csv", ...roles, "--outcome", "y,spend", "--models", "linear=t-learner,dr-learner", "--replicates", "20", "--seed", "7"];
const linear = ["--linear.outcome-learner", "linear", "--dr-learner.outcome-learner", "linear"];
let printed: Comparison & { files: Record<string, string> };

async function json(words: readonly string[]): Promise<Record<string, unknown>> {
  const ran = await liftwise([...words, "--json"]);
  expect(ran.err).toBe("");
  expect(ran.code).toBe(0);
  return JSON.parse(ran.out) as Record<string, unknown>;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "liftwise-flow-"));
  await writeFiles(folder);
  process.chdir(folder);
  printed = (await json([...compare, ...linear, "--out", "run", "--save-models"])) as unknown as typeof printed;
});
afterAll(() => {
  process.chdir(started);
  rmSync(folder, { recursive: true, force: true });
});

const number = (columns: Awaited<ReturnType<typeof readTable>>, name: string): Float64Array =>
  (columns.find((column) => column.name === name) as NumberColumn).values;

describe("compare", () => {
  test("prints effects with intervals, and each model's metrics with intervals and paired differences", () => {
    expect(printed.effects.map(({ outcome, arm, control }) => [outcome, arm, control])).toEqual([
      ["y", "coupon", "none"],
      ["spend", "coupon", "none"],
    ]);
    for (const { value, interval, se } of printed.effects) expect(interval[0] < value && value < interval[1] && se > 0).toBe(true);
    expect(printed.results.map(({ model, outcome, arm }) => [model, outcome, arm])).toEqual([
      ["linear", "y", "coupon"],
      ["dr-learner", "y", "coupon"],
      ["linear", "spend", "coupon"],
      ["dr-learner", "spend", "coupon"],
    ]);
    for (const { metrics } of printed.results)
      for (const id of ["qini", "auuc", "autoc"])
        expect(metrics[id]).toMatchObject({ value: expect.any(Number), se: expect.any(Number), interval: [expect.any(Number), expect.any(Number)] });
    expect(printed.results[0].differences).toEqual({});
    expect(printed.results[1].differences.qini).toMatchObject({
      against: "linear",
      value: expect.any(Number),
      se: expect.any(Number),
      interval: [expect.any(Number), expect.any(Number)],
      pValue: expect.any(Number),
    });
  });

  test("writes report, comparison, config and, when asked, the models, and nothing else", () => {
    expect(readdirSync("run").toSorted()).toEqual(["comparison.json", "config.json", "models", "report.html"]);
    expect(readdirSync("run/models").toSorted()).toEqual(["dr-learner.spend", "dr-learner.y", "linear.spend", "linear.y"]);
    expect(printed.files).toEqual({ report: join("run", "report.html"), comparison: join("run", "comparison.json"), config: join("run", "config.json") });
    expect(readdirSync(".").filter((name) => name.includes(".part-") || name.includes(".old-"))).toEqual([]);
  });

  test("config.json runs it again to the same numbers, and flags win over it", async () => {
    const again = (await json(["compare", "--config", "run/config.json", "--out", "again"])) as unknown as Comparison;
    expect(again.results.map(({ metrics, differences }) => ({ metrics, differences }))).toEqual(
      printed.results.map(({ metrics, differences }) => ({ metrics, differences })),
    );
    expect(again.resolved).toEqual(printed.resolved);
    const other = (await json(["compare", "--config", "run/config.json", "--out", "other", "--seed", "8", "--outcome", "y"])) as unknown as Comparison;
    expect(other.seed).toBe(8);
    expect(new Set(other.results.map((result) => result.outcome))).toEqual(new Set(["y"]));
  });

  test("report DIR renders the same page from comparison.json", async () => {
    const before = readFileSync("run/report.html", "utf8");
    rmSync("run/report.html");
    expect(await json(["report", "run"])).toEqual({ report: join("run", "report.html") });
    expect(readFileSync("run/report.html", "utf8")).toBe(before);
  });

  test("for people it prints a table an outcome and arm and where the report is", async () => {
    const ran = await liftwise([...compare, ...linear, "--out", "shown"]);
    expect(ran.out).toContain("average effect against none");
    expect(ran.out).toMatch(/\ny, coupon\nmodel +qini +against best baseline/);
    expect(ran.out).toMatch(/\nlinear +\S+ \[.*\] +baseline/);
    expect(ran.out.trimEnd().split("\n").at(-1)).toBe(`report: ${join("shown", "report.html")}`);
    expect(ran.out.split("\n").every((line) => line.length <= 120)).toBe(true);
  });

  test("a run that fails half-way leaves no folder", async () => {
    const ran = await liftwise([...compare, "--dr-learner.folds", "1000", ...linear, "--out", "failed"]);
    expect(ran.code).not.toBe(0);
    expect(existsSync("failed")).toBe(false);
    expect(readdirSync(".").filter((name) => name.startsWith("failed"))).toEqual([]);
  });

  test("several treated arms: each against control, then the policy of the best arm", async () => {
    const words = [
      "compare",
      "good.csv",
      "--treatment",
      "three",
      "--control",
      "none",
      "--outcome",
      "y",
      "--features",
      "x,colour",
      "--models",
      "t-learner",
      "--t-learner.outcome-learner",
      "linear",
    ];
    const three = (await json([...words, "--replicates", "5", "--out", "three"])) as unknown as Comparison;
    expect(three.results.map((result) => result.arm)).toEqual(["call", "mail", "best"]);
    expect(three.effects.map((effect) => effect.arm)).toEqual(["call", "mail"]);
  });
});

describe("fit and predict", () => {
  test("one row a unit in the order of the file, with intervals where the model has them; Parquet holds the same numbers", async () => {
    const fitted = await json([
      "fit",
      "good.csv",
      ...roles,
      "--outcome",
      "y",
      "--features",
      "x,colour",
      "--model",
      "dr-learner",
      "--outcome-learner",
      "linear",
      "--seed",
      "1",
      "--out",
      "model",
    ]);
    expect(fitted).toMatchObject({ model: "dr-learner", out: "model", seed: 1, columns: ["x", "colour"], report: { rows: 240 } });
    const told = await json(["predict", "model", "other.csv", "--out", "p.csv", "--id", "id,user"]);
    expect(told).toMatchObject({ rows: 50, columns: ["effect", "effect_lower", "effect_upper"], arms: ["coupon"], level: 0.95, notes: [] });
    await json(["predict", "model", "other.csv", "--out", "p.parquet"]);
    const [fromCsv, fromParquet] = [await readTable("p.csv"), await readTable("p.parquet")];
    expect(fromCsv.map((column) => column.name)).toEqual(["id", "user", "effect", "effect_lower", "effect_upper"]);
    expect([...number(fromParquet, "effect")]).toEqual([...number(fromCsv, "effect")]);
    const [effect, lower, upper] = ["effect", "effect_lower", "effect_upper"].map((name) => number(fromCsv, name));
    expect(effect.every((value, i) => lower[i] < value && value < upper[i])).toBe(true);
    const source = readFileSync("other.csv", "utf8").trim().split("\n").slice(1);
    expect(
      readFileSync("p.csv", "utf8")
        .trim()
        .split("\n")
        .slice(1)
        .map((line) => line.split(",")[0]),
    ).toEqual(source.map((line) => line.split(",")[0]));
  });

  test("several treated arms have a column each, named by the arm", async () => {
    await json([
      "fit",
      "good.csv",
      "--treatment",
      "three",
      "--control",
      "none",
      "--outcome",
      "y",
      "--features",
      "x",
      "--model",
      "dr-learner",
      "--outcome-learner",
      "linear",
      "--out",
      "many",
    ]);
    const { columns } = await json(["predict", "many", "other.csv", "--out", "many.csv"]);
    expect(columns).toEqual(["call", "mail"].flatMap((arm) => [`effect_${arm}`, `effect_lower_${arm}`, `effect_upper_${arm}`]));
  });

  test("a model saved by compare predicts like any other", async () => {
    const told = await json(["predict", "run/models/linear.y", "good.csv", "--out", "q.csv"]);
    expect(told).toMatchObject({ model: "t-learner", rows: 240 });
  });
});

describe("tree", () => {
  test("a saved forest's tree is text, a picture or JSON; other models and trees that are not there are refused", async () => {
    const fitted = [
      "fit",
      "good.csv",
      ...roles,
      "--outcome",
      "y",
      "--model",
      "uplift-forest",
      "--trees",
      "2",
      "--max-depth",
      "2",
      "--min-rows",
      "5",
      "--out",
      "forest",
    ];
    await json(fitted);
    const tree = (await json(["tree", "forest", "--number", "1"])) as unknown as { arms: string[]; root: { path: string; rows: number[]; effect: number[] } };
    expect([tree.arms.length, tree.root.path]).toEqual([tree.root.effect.length + 1, "all rows"]);
    const text = await liftwise("tree forest");
    expect(text.out.split("\n")[0]).toMatch(/^all rows: \d+ rows, effect /);
    await liftwise("tree forest --out tree.svg");
    expect(readFileSync("tree.svg", "utf8")).toMatch(/^<svg .*all rows.*<\/svg>$/s);
    expect(await liftwise("tree forest --number 2")).toMatchObject({ code: 3, err: expect.stringMatching(/there is no tree 2; the trees are 0 to 1/) });
    expect(await liftwise("tree run/models/dr-learner.y")).toMatchObject({ code: 2, err: expect.stringMatching(/holds a dr-learner/) });
  });
});

describe("evaluate", () => {
  const words = ["evaluate", "good.csv", "--treatment", "t", "--outcome", "y", "--score", "score"];

  test("prints value, standard error and interval of each metric and nothing else", async () => {
    const { metrics, ...rest } = (await json([...words, "--metric", "qini,auuc,causalml-auuc"])) as {
      metrics: Record<string, { value: number; se: number; interval: [number, number] }>;
    };
    expect(rest).toEqual({});
    expect(Object.keys(metrics)).toEqual(["qini", "auuc", "causalml-auuc"]);
    for (const entry of Object.values(metrics)) {
      expect(
        Object.keys(entry)
          .filter((key) => key !== "notes")
          .toSorted(),
      ).toEqual(["interval", "se", "value"]);
      expect(entry.interval[0] < entry.value && entry.value < entry.interval[1]).toBe(true);
    }
  });

  test("the eight rows of DEFINITIONS.md come to the numbers published for them", async () => {
    const { writeFileSync } = await import("node:fs");
    writeFileSync("eight.csv", "y,t,p\n1,1,.9\n0,0,.8\n1,1,.7\n0,0,.6\n1,0,.5\n0,1,.4\n0,1,.3\n0,0,.2\n");
    const published = {
      "causalml-auuc": 1,
      "causalml-auuc-raw": 2,
      "causalml-qini": 0.555556,
      "sklift-uplift-auc": 0.603175,
      "sklift-qini-auc": 0.578947,
      "sklift-qini-auc-nonneg": 1.571429,
      "pylift-qini": 0.171875,
      "ydf-auuc": 0.296875,
      "ydf-qini": 0.171875,
    };
    const { metrics } = (await json([
      "evaluate",
      "eight.csv",
      "--treatment",
      "t",
      "--outcome",
      "y",
      "--score",
      "p",
      "--replicates",
      "0",
      "--metric",
      Object.keys(published).join(","),
    ])) as { metrics: Record<string, { value: number; se: null; interval: null }> };
    // Published to six places.
    for (const [id, value] of Object.entries(published)) expect(metrics[id].value.toFixed(6), id).toBe(value.toFixed(6));
    expect(metrics["causalml-auuc"]).toEqual({ value: 1, se: null, interval: null });
  });

  test("groups, truth, weights and propensities reach the metrics that need them", async () => {
    const more = ["--group", "user", "--truth", "tau", "--propensity", "e", "--metric", "gauc,root-pehe,grf-autoc,qini"];
    const { metrics } = (await json([...words, ...more])) as { metrics: Record<string, { value: number }> };
    for (const id of ["gauc", "root-pehe", "grf-autoc", "qini"]) expect(metrics[id].value, id).toEqual(expect.any(Number));
    const weighted = (await json([...words, "--weight", "e", "--metric", "qini", "--replicates", "0"])) as typeof metrics & { metrics: typeof metrics };
    const plain = (await json([...words, "--metric", "qini", "--replicates", "0"])) as typeof weighted;
    // Weights of a half each change nothing.
    expectClose(weighted.metrics.qini.value, plain.metrics.qini.value, float64);
  });

  test("one arm of several is scored by name: the others' rows are left out", async () => {
    const base = [
      "evaluate",
      "good.csv",
      "--treatment",
      "three",
      "--control",
      "none",
      "--outcome",
      "y",
      "--score",
      "score",
      "--metric",
      "qini",
      "--replicates",
      "0",
    ];
    const [call, mail] = [await json([...base, "--arm", "call"]), await json([...base, "--arm", "mail"])] as { metrics: { qini: { value: number } } }[];
    expect(call.metrics.qini.value).not.toBe(mail.metrics.qini.value);
  });

  test("what does not exist is null, with a note", async () => {
    const { metrics } = (await json([
      "evaluate",
      "good.parquet",
      "--treatment",
      "arm",
      "--control",
      "none",
      "--outcome",
      "y",
      "--score",
      "score",
      "--metric",
      "uplift-at-k",
      "--uplift-at-k.k",
      "0.1",
    ])) as { metrics: { "uplift-at-k": { value: null; notes: string[] } } };
    expect(metrics["uplift-at-k"].value).toBeNull();
    expect(metrics["uplift-at-k"].notes[0]).toMatch(/lacks an arm/);
  });

  test("the same seed gives the same interval", async () => {
    const once = await json([...words, "--metric", "qini", "--seed", "3"]);
    expect(await json([...words, "--metric", "qini", "--seed", "3"])).toEqual(once);
    expect(await json([...words, "--metric", "qini", "--seed", "4"])).not.toEqual(once);
  });
});

describe("allocate", () => {
  test("by hand: three units, two arms, a budget for two calls or one call and a coupon", async () => {
    // Gains in money: coupon 5, 1, -2; call 2, 4, 3. Costs 1 and 2. With 3 to spend: a coupon to a (5) and a call to b (4).
    const told = await json([
      "allocate",
      "effects.csv",
      "--cost",
      "coupon=1,call=2",
      "--worth",
      "10",
      "--budget",
      "3",
      "--id",
      "id",
      "--out",
      "who.csv",
      "--frontier",
      "frontier.csv",
    ]);
    expect(told).toMatchObject({ units: 3, counts: { none: 1, coupon: 1, call: 1 }, spent: 3, gain: 9, value: 9 });
    expect(readFileSync("who.csv", "utf8")).toBe("id,arm,gain,cost\na,coupon,5,1\nb,call,4,2\nc,none,0,0\n");
    expect(readFileSync("frontier.csv", "utf8").split("\n")[0]).toBe("budget,gain");
  });

  test("predictions of a saved model are allocated by their arms' names, cautiously when asked", async () => {
    await json([
      "fit",
      "good.csv",
      "--treatment",
      "three",
      "--control",
      "none",
      "--outcome",
      "y",
      "--features",
      "x",
      "--model",
      "dr-learner",
      "--outcome-learner",
      "linear",
      "--out",
      "arms",
    ]);
    await json(["predict", "arms", "other.csv", "--out", "arms.csv"]);
    const { counts } = (await json(["allocate", "arms.csv", "--cost", "0.1", "--worth", "10", "--out", "bold.csv"])) as { counts: Record<string, number> };
    const { counts: cautious } = (await json(["allocate", "arms.csv", "--cost", "0.1", "--worth", "10", "--cautious", "--out", "cautious.csv"])) as {
      counts: Record<string, number>;
    };
    expect(Object.keys(counts)).toEqual(["none", "call", "mail"]);
    expect(cautious.none).toBeGreaterThan(counts.none);
  });
});

describe("experiment", () => {
  test("analyse gives the average effects, plain and adjusted, with what is wrong", async () => {
    const words = [...roles, "--outcome", "y,spend"];
    const analysis = (await json(["experiment", "analyse", "good.csv", ...words, "--shares", "equal"])) as {
      outcomes: { outcome: string; effects: { plain: { value: number }; adjusted: { se: number } }[] }[];
    };
    const { effects } = (await json(["data", "describe", "good.csv", ...words])) as { effects: { value: number }[] };
    expect(analysis.outcomes.map((one) => one.effects[0].plain.value)).toEqual(effects.map((effect) => effect.value));
    const ran = await liftwise(["experiment", "analyse", "good.csv", ...words, "--shares", "none=1,coupon=5"]);
    expect(ran.err).toMatch(/note: Sample ratio mismatch/);
    expect(ran.out).toMatch(/y +coupon +0\.\d+ +\+0\.\d+ \[/);
  });

  test("plan: rows for an effect, and the effect for these rows, agree", async () => {
    const { control, total } = (await json(["experiment", "plan", "--rate", "0.1", "--effect", "0.02"])) as { control: number; total: number };
    expect(total).toBe(2 * control);
    const { effect } = (await json(["experiment", "plan", "--rate", "0.1", "--rows", String(control)])) as { effect: number };
    const { effect: fewer } = (await json(["experiment", "plan", "--rate", "0.1", "--rows", String(control - 1)])) as { effect: number };
    expect(effect).toBeLessThanOrEqual(0.02);
    expect(fewer).toBeGreaterThan(0.02);
    expect((await liftwise("experiment plan --rate 0.1 --effect 0.02")).out).toContain(`rows in all            ${total}`);
  });

  test("watch, quantiles and ratio print a line a look, quantile and arm", async () => {
    const watched = (await json(["experiment", "watch", "good.csv", ...roles, "--outcome", "y", "--looks", "120,240", "--burn-in", "20"])) as {
      effects: { looks: { rows: number }[] }[];
    };
    expect(watched.effects[0].looks.map((look) => look.rows)).toEqual([120, 240]);
    const { effects } = (await json(["experiment", "quantiles", "good.csv", ...roles, "--outcome", "spend", "--quantiles", "0.5,0.9"])) as {
      effects: { quantile: number }[];
    };
    expect(effects.map((effect) => effect.quantile)).toEqual([0.5, 0.9]);
    const spendPerBuyer = await liftwise(["experiment", "ratio", "good.csv", ...roles, "--numerator", "spend", "--denominator", "y"]);
    expect(spendPerBuyer.out).toMatch(/spend \/ y +coupon/);
  });
});

describe("data", () => {
  test("simulate writes what simulate:NAME gives the other verbs", async () => {
    const told = await json(["data", "simulate", "email", "--n", "300", "--seed", "9", "--out", "email.csv"]);
    expect(told).toMatchObject({ rows: 300, roles: { treatment: { control: "No E-Mail" } } });
    const [file, direct] = [
      await json(["data", "describe", "email.csv", "--treatment", "segment", "--control", "No E-Mail", "--outcome", "visit", "--features", "recency"]),
      await json(["data", "describe", "simulate:email?n=300&seed=9", "--outcome", "visit", "--features", "recency"]),
    ];
    expect(file.effects).toEqual(direct.effects);
    expect(file.arms).toEqual(direct.arms);
  });

  test("describe counts arms, missing outcomes and balance, and tests planned shares when they are told", async () => {
    const summary = await json(["data", "describe", "missingOutcome.csv", ...roles, "--outcome", "y", "--shares", "equal"]);
    expect(summary).toMatchObject({ rows: 240, control: "none", outcomes: [{ name: "y", kind: "binary", missing: 3 }], sampleRatio: { expected: [0.5, 0.5] } });
    expect((summary.balance as unknown[]).length).toBeGreaterThan(0);
    const { out } = await liftwise(["data", "describe", "good.csv", ...roles, "--outcome", "y"]);
    expect(out).toMatch(/none \(control\) +\d+ +\d/);
  });

  test("list names every data set and generator", async () => {
    const { datasets, generators } = (await json(["data", "list"])) as { datasets: { name: string }[]; generators: { name: string }[] };
    expect(datasets.map((entry) => entry.name)).toContain("hillstrom");
    expect(generators.map((entry) => entry.name)).toContain("simulate:email");
    expect((await liftwise("data list")).out).toContain("simulate:email");
  });
});

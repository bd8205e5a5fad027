import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { takeColumn } from "../../src/data/dataset.ts";
import { simulate } from "../../src/data/synth/index.ts";
import { writeTable } from "../../src/data/write.ts";
import { liftwise } from "../cli/captured.ts";

const folder = mkdtempSync(join(tmpdir(), "liftwise-forecast-"));
afterAll(() => rmSync(folder, { recursive: true }));
const [past, now] = [join(folder, "past.csv"), join(folder, "now.csv")];
const base = ["--treatment", "treatment", "--control", "control", "--surrogates", "visits_*,orders_*", "--threads", "1"];

beforeAll(async () => {
  const data = simulate("longterm-g7", { history: 240, experiment: 160 }, 2);
  const names = data.names.filter((name) => /^x[1-4]$|^visits_[1-3]$|^orders_[1-3]$/.test(name));
  const part = (from: number, to: number, more: readonly string[]) =>
    [...names, ...more].map((name) =>
      takeColumn(
        data.column(name),
        Int32Array.from({ length: to - from }, (_, i) => from + i),
      ),
    );
  await writeTable(past, part(0, 240, ["y_30", "latent"]));
  await writeTable(now, part(240, 400, ["treatment", "spend_1"]));
});

describe("forecast HISTORY EXPERIMENT", () => {
  test("gives the effect with interval, horizon, length, sensitivity, verdicts and advice, as JSON and as a report", async () => {
    const out = join(folder, "out");
    const {
      code,
      out: text,
      err,
    } = await liftwise(["forecast", past, now, ...base, "--outcome", "y_30", "--ignore", "latent", "--model", "surrogate-index", "--out", out, "--json"]);
    expect(err).toBe("");
    expect(code).toBe(0);
    const result = JSON.parse(text);
    const [arm] = result.arms;
    expect(result.rows).toEqual({ history: 240, experiment: 160 });
    expect(arm.arm).toBe("treated");
    expect(arm.lower < arm.effect && arm.effect < arm.upper).toBe(true);
    expect(arm.positive).toBeGreaterThan(0);
    expect(arm.horizon.filter((point: { kind: string }) => point.kind === "measured").length).toBe(6);
    expect(arm.horizon.filter((point: { kind: string }) => point.kind === "forecast")[0].step).toBe(30);
    expect(arm.length.map((point: { step: number }) => point.step)).toEqual([1, 2, 3]);
    expect(arm.length.at(-1).effect).toBe(arm.effect);
    expect(arm.others.map((other: { model: string }) => other.model)).toEqual(["short-term", "doubly-robust-surrogate"]);
    expect(["launch", "hold", "extend"]).toContain(arm.advice.decision);
    const ids = result.findings.map((finding: { id: string }) => finding.id);
    for (const id of ["surrogacy", "features", "courses", "effective-rows", "surrogate-r2", "pseudo-labels"]) expect(ids).toContain(id);
    const zero = arm.sensitivity.find((point: { share: number }) => point.share === -1);
    expect(zero.effect).toBeCloseTo(0, 10);
    const page = readFileSync(join(out, "report.html"), "utf8");
    for (const title of ["Answer", "Horizon", "What the answer rests on", "How long the test must be", "If the assumptions fail"])
      expect(page).toContain(title);
    expect(readFileSync(join(out, "effects.csv"), "utf8").trim().split("\n").length).toBe(161);
  });

  test("where the first days do not tell the arms, steal's answer is called useless and a surrogate index is named in its place", async () => {
    const words = [
      "forecast",
      past,
      now,
      "--treatment",
      "treatment",
      "--control",
      "control",
      "--surrogates",
      "visits_1",
      "--threads",
      "1",
      "--outcome",
      "y_30",
    ];
    words.push("--ignore", "latent", "--members", "0", "--prototypes", "2", "--rounds", "4", "--parts", "3", "--length", "none", "--json");
    const { code, out: text } = await liftwise(words);
    expect(code).toBe(0);
    const { findings, arms } = JSON.parse(text);
    const verdicts = Object.fromEntries(findings.map(({ id, verdict }: { id: string; verdict: string }) => [id, verdict]));
    expect(verdicts["pseudo-labels"]).toBe("bad");
    expect(verdicts["direct-part"]).toBeDefined();
    expect(arms[0].advice.decision).toBe("extend");
    const index = arms[0].others.find(({ model }: { model: string }) => model === "surrogate-index");
    expect(arms[0].advice.text).toContain("Take a surrogate index (--model surrogate-index, or --mode surrogacy)");
    expect(arms[0].advice.text).toContain(`which says ${Number(index.effect.toPrecision(3))} `);
    const surrogacy = await liftwise([...words, "--mode", "surrogacy"]);
    expect(JSON.parse(surrogacy.out).arms[0].advice.text).not.toContain("of no use here");
  });

  test.each([
    ["the outcome as a surrogate", ["--outcome", "y_30", "--surrogates", "visits_1,y_30"], 3, /outcome at once/],
    ["a step only one file has", ["--outcome", "y_30", "--surrogates", "visits_1,spend_1"], 3, /spend_1/],
    ["a column that is not there", ["--outcome", "y_31"], 3, /y_30/],
    ["an arm that is not there", ["--outcome", "y_30", "--control", "none"], 2, /no arm "none"/],
    ["a model of another task", ["--outcome", "y_30", "--model", "x-learner"], 2, /no model of long-term effects "x-learner"/],
  ] as const)("%s is refused in one line with a way out", async (_, more, code, message) => {
    const words = ["forecast", past, now, ...base];
    // A later flag of the same name stands in the place of the earlier one.
    for (let k = 0; k < more.length; k += 2) {
      const at = words.indexOf(more[k]);
      if (at >= 0) words.splice(at, 2);
      words.push(more[k], more[k + 1]);
    }
    const ran = await liftwise(words);
    expect(ran.code).toBe(code);
    expect(ran.err.trim().split("\n").length).toBe(1);
    expect(ran.err).toMatch(message);
  });

  test("without files, without an experiment, or without roles the missing part is named", async () => {
    expect((await liftwise("forecast")).err).toContain("HISTORY EXPERIMENT");
    expect((await liftwise(["forecast", past])).err).toContain("the experiment is missing");
    expect((await liftwise(["forecast", past, now, "--treatment", "treatment"])).err).toContain("--outcome, --surrogates");
  });
});

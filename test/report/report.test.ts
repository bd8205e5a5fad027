import { createHash } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import type { Comparison, ModelResult } from "../../src/evaluate/comparison.ts";
import { comparisonFromJson, comparisonToJson } from "../../src/evaluate/stored.ts";
import { renderReport } from "../../src/report/index.ts";
import { madeUpComparison } from "../fixtures/report/comparison.ts";
import { hostileNames } from "../plot/charts.ts";

const empty = new Set(["meta", "link", "br", "hr", "img", "input"]);

/** Tags closed in turn, ids used once, references that lead somewhere. */
function expectSound(html: string): void {
  const bare = html.replace(/<(style|script)>[\s\S]*?<\/\1>/g, "").replace("<!doctype html>", "");
  const open: string[] = [];
  const ids: string[] = [];
  const targets: string[] = [];
  const rest = bare.replace(/<(\/?)([a-z][a-z0-9]*)((?:\s[^<>]*)?)>/gi, (_, close: string, tag: string, attributes: string) => {
    expect(
      attributes
        .replace(/\s[\w:-]+="[^"]*"/g, "")
        .replace(/\/$/, "")
        .trim(),
      `attributes of ${tag}`,
    ).toBe("");
    for (const [, id] of attributes.matchAll(/\sid="([^"]*)"/g)) ids.push(id);
    for (const [, target] of attributes.matchAll(/(?:href="#|url\(#)([^")]+)/g)) targets.push(target);
    if (close !== "") expect(open.pop(), `what </${tag}> closes`).toBe(tag);
    else if (!attributes.endsWith("/") && !empty.has(tag)) open.push(tag);
    return "";
  });
  expect(open).toEqual([]);
  expect(rest).not.toMatch(/[<>]/);
  expect(new Set(ids).size).toBe(ids.length);
  for (const target of targets) expect(ids).toContain(target);
}

/** Everything a browser would fetch or go to, besides places in the page itself. */
function references(html: string): string[] {
  const markup = html.replace(/<script>[\s\S]*?<\/script>/g, "");
  return [...markup.matchAll(/(?:src|href|action|poster|data|xlink:href)="([^"]*)"|url\(([^)]*)\)|@import\s+([^;]*)/gi)]
    .map(([, attribute, url, imported]) => attribute ?? url ?? imported)
    .filter((address) => !address.startsWith("#") && !address.startsWith("data:"));
}

const textOf = (html: string): string =>
  html
    .replace(/<(style|script)>[\s\S]*?<\/\1>/g, "")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ");

describe("a report of three arms, three outcomes and six models", () => {
  let report: string;
  beforeAll(async () => {
    report = await renderReport(madeUpComparison());
  });

  test("is one sound HTML file below 1.5 MB", () => {
    expectSound(report);
    expect(Buffer.byteLength(report)).toBeLessThan(1.5e6);
  });

  test("refers to nothing outside itself", () => {
    expect(references(report)).toEqual([]);
    expect(report).not.toMatch(/https?:\/\//);
  });

  test("its policy allows the one style sheet and the one script in it, by their hashes, and nothing else", () => {
    const policy = /Content-Security-Policy" content="([^"]+)"/.exec(report)?.[1] ?? "";
    const hash = (tag: string): string =>
      createHash("sha256")
        .update(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(report)?.[1] ?? "")
        .digest("base64");
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${hash("style")}'; script-src 'sha256-${hash("script")}'; font-src data:; img-src data:; base-uri 'none'; form-action 'none'`,
    );
    expect(report.match(/<script/g)).toHaveLength(1);
    // What the policy would block with a line in the console.
    expect(report).not.toMatch(/<[^>]*\s(?:style|on\w+)="/);
  });

  test("has every chapter, the findings first", () => {
    expect([...report.matchAll(/<h2>([^<]*)<\/h2>/g)].map(([, title]) => title)).toEqual([
      "Key findings",
      "Data and balance",
      "Average effects",
      "Models",
      "How it was run",
      "How to read it",
    ]);
    for (const picture of [
      "Balance of the arms",
      "Average effect against",
      "Qini curves",
      "Uplift curves",
      "Effect by tenth",
      "Who is in the top two tenths",
      "Calibration",
    ])
      expect(report).toContain(`<strong>${picture}`);
  });

  test("tells version, seed, data hash and the resolved configuration", () => {
    const text = textOf(report);
    expect(text).toContain("liftwise 0.1.0");
    expect(text).toContain("5f3b1c0a9d8e7f60718293a4b5c6d7e8f9012345678901234567890abcdef123");
    expect(text).toContain("&quot;replicates&quot;: 200");
    expect(text).toMatch(/Seed 7 /);
  });

  test("draws each picture as SVG in place, so it shows without scripts", () => {
    // Balance and effects, and five for each of three outcomes times two arms and the best one, and the models' dots.
    expect(report.match(/<svg /g)).toHaveLength(2 + 9 * 6);
    expect(report.match(/<svg [^>]*role="img" aria-label="[^"]{10,}"/g)).toHaveLength(2 + 9 * 6);
  });

  test("explains the metrics it shows in the registry's words", () => {
    expect(textOf(report)).toContain("Area between the Qini curve and random targeting");
  });
});

describe("the headline", () => {
  const small = madeUpComparison({ models: 2, outcomes: 1 });
  const withQini = (interval: readonly [number, number]): Promise<string> =>
    renderReport({ ...small, results: small.results.map((r) => ({ ...r, metrics: { qini: { value: 0.01, se: 0.01, interval } } })) });

  test("names the leading model only when its interval lies above chance", async () => {
    expect(textOf(await withQini([0.001, 0.019]))).toContain("Leads on visit, of 2 models s-learner");
    const none = textOf(await withQini([-0.001, 0.021]));
    expect(none).toContain("Ranking units on visit Not shown to beat chance");
    expect(none).not.toContain("Leads on");
  });
});

describe("the same comparison", () => {
  const small = madeUpComparison({ models: 2, outcomes: 1 });

  test("gives the same file", async () => {
    expect(await renderReport(madeUpComparison({ models: 2, outcomes: 1 }))).toBe(await renderReport(small));
  });

  test("gives the same file after a way through its JSON file", async () => {
    const odd = { ...small, effects: [{ ...small.effects[0], value: Number.NaN }, ...small.effects.slice(1)] };
    expect(await renderReport(comparisonFromJson(comparisonToJson(odd), "comparison.json"))).toBe(await renderReport(odd));
  });

  test("is not written to", async () => {
    const before = JSON.stringify(small);
    await renderReport(small);
    expect(JSON.stringify(small)).toBe(before);
  });
});

describe("hostile names", () => {
  const small = madeUpComparison({ models: 1, outcomes: 1 });

  /** The comparison with every name of the data replaced. */
  function renamed(name: string): Comparison {
    const arm = `${name} arm`;
    const results = small.results.filter((r) => r.arm !== "best").slice(0, 1);
    return {
      ...small,
      warnings: [name],
      resolved: { [name]: name },
      data: {
        ...small.data,
        name,
        control: name,
        arms: [
          { arm: name, rows: 1, share: 0.5 },
          { arm, rows: 1, share: 0.5 },
        ],
        outcomes: [
          {
            name,
            kind: "binary",
            missing: 1,
            mean: Object.fromEntries([
              [name, 0.1],
              [arm, 0.2],
            ]),
          },
        ],
        features: [{ name, kind: name, missing: 0 }],
        balance: [{ feature: name, arm, smd: 0.2 }],
      },
      split: { ...small.split, how: name },
      effects: [{ ...small.effects[0], outcome: name, arm, control: name, method: name }],
      results: results.map((r) => ({
        ...r,
        model: name,
        outcome: name,
        arm,
        report: { [name]: [name], warnings: [name] },
        metrics: { ...r.metrics, [name]: { value: Number.NaN, notes: [name] } },
        differences: { qini: { against: name, value: 0.1, se: 0.1, interval: [-0.1, 0.3], pValue: 0.3 } },
        segments: [{ feature: name, level: name, top: 0.2, all: 0.1, smd: 0.3 }],
      })),
    };
  }

  // What the pictures make of each name is tested with them; here it is the page around them.
  const telling = hostileNames.filter((name) => /script|quoted|__proto__|constructor|null|right|x{99}/.test(name));
  test.each(telling.map((name) => [name.slice(0, 40), name]))("%j is text wherever it stands", async (_, name) => {
    const report = await renderReport(renamed(name));
    expectSound(report);
    expect(references(report)).toEqual([]);
    expect(report.match(/<script/g)).toHaveLength(1);
    expect(report).not.toMatch(/(?![\t\n\r])\p{Cc}|\p{Cs}|[\u202a-\u202e]/u);
  });
});

describe("what is missing", () => {
  const small = madeUpComparison({ models: 2, outcomes: 1 });
  const nan = Number.NaN;
  const bare = (change: Partial<Comparison>): Promise<string> => renderReport({ ...small, ...change });
  const results = (change: (result: ModelResult) => Partial<ModelResult>): ModelResult[] => small.results.map((result) => ({ ...result, ...change(result) }));

  test("a metric without a value is a dash with its reason below the table", async () => {
    const report = await bare({ results: results((r) => ({ metrics: { ...r.metrics, autoc: { value: nan, notes: ["no treated row in the test part"] } } })) });
    expect(report).toContain('<td class="number">–<sup>1</sup></td>');
    expect(report).toContain("<li>no treated row in the test part</li>");
    expectSound(report);
  });

  test("no model, no effect, no feature, no outcome: a page that says so", async () => {
    const report = await bare({
      results: [],
      effects: [],
      resolved: null,
      data: { name: "empty", rows: 0, control: "c", arms: [], outcomes: [], features: [], balance: [] },
    });
    expectSound(report);
    const text = textOf(report);
    for (const said of ["No model was compared.", "No average effect was estimated.", "There are no features on which the arms could be compared."])
      expect(text).toContain(said);
  });

  test("curves, deciles and segments that are empty or NaN leave a word, not a hole", async () => {
    const holes = new Float64Array(3).fill(nan);
    const report = await bare({
      results: results((r) => ({
        curves:
          r.model === "s-learner"
            ? { uplift: { x: holes, y: holes }, qini: { x: holes, y: holes } }
            : { uplift: { x: new Float64Array(), y: new Float64Array() }, qini: { x: new Float64Array(), y: new Float64Array() } },
        calibration: [],
        segments: [],
        metrics: {},
        differences: {},
      })),
    });
    expectSound(report);
    const text = textOf(report);
    for (const said of [
      "No curve: the data gives none of its points a value",
      "No decile has an observed effect",
      "No feature sets the top group apart",
      "no model has a score",
    ])
      expect(text).toContain(said);
  });

  test("every number NaN or infinite: still a page, and none of them printed as such", async () => {
    const spoil = (value: unknown, key = ""): unknown => {
      if (typeof value === "number")
        return key === "decile" || key === "rows" || key === "levels"
          ? value
          : [nan, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][Math.abs(Math.trunc(value * 1e6)) % 3];
      if (typeof value !== "object" || value === null) return value;
      if (ArrayBuffer.isView(value)) return (value as Float64Array).map(() => nan);
      if (Array.isArray(value)) return value.map((item) => spoil(item));
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, spoil(inner, name)]));
    };
    const report = await bare({
      data: spoil(small.data) as Comparison["data"],
      effects: spoil(small.effects) as Comparison["effects"],
      results: spoil(results(() => ({ report: {} }))) as ModelResult[],
    });
    expectSound(report);
    expect(textOf(report)).not.toMatch(/NaN|Infinity|undefined|null/);
  });

  test("two arms and one model: no tabs, no baseline, no comparison that was not made", async () => {
    const one = small.results.filter((r) => r.arm === "Mens E-Mail" && r.model === "s-learner").map((r) => ({ ...r, differences: {} }));
    const report = await bare({ results: one });
    expectSound(report);
    expect(report.replace(/<script>[\s\S]*<\/script>/, "")).not.toContain("data-tabs");
    expect(textOf(report)).not.toMatch(/the baseline|The best of/);
  });
});

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { metricById } from "../../src/metrics/index.ts";
import { expectAllClose, expectClose, float64 } from "../tolerance.ts";
import { experiment } from "./experiment.ts";

type Value = number | null | "Infinity" | "-Infinity";

interface Case {
  readonly kind: "binary" | "continuous" | "edge";
  readonly name?: string;
  readonly score: readonly number[];
  readonly y: readonly number[];
  readonly t: readonly number[];
  readonly w: readonly number[];
  readonly p: readonly number[];
  readonly values: Readonly<Record<string, Value | readonly number[]>>;
}

const fixture = JSON.parse(readFileSync(new URL("../fixtures/metrics/data.json", import.meta.url), "utf8")) as {
  readonly published: Readonly<Record<string, number>>;
  readonly cases: readonly Case[];
  readonly edges: readonly Case[];
};

const number = (value: Value): number => (value === null ? Number.NaN : Number(value));

/** `id propensity`, `id weighted`, `id k=2 strategy=overall` as a call. */
function scoreOf(key: string, c: Case): number {
  const [id, ...words] = key.split(" ");
  const options = Object.fromEntries(
    words
      .filter((word) => word.includes("="))
      .map((word) => word.split("="))
      .map(([name, value]) => [name, Number.isNaN(Number(value)) ? value : Number(value)]),
  );
  const data = experiment({
    y: c.y,
    t: c.t,
    weight: words.includes("weighted") ? c.w : undefined,
    propensity: words.includes("propensity") ? [c.p] : undefined,
  });
  return metricById(id).score(Float64Array.from(c.score), data, options).value;
}

/** Values published in 2026 for the eight rows, to six decimals. */
const published: Readonly<Record<string, number>> = {
  "causalml-auuc": 1.0,
  "causalml-auuc-raw": 2.0,
  "causalml-qini": 0.555556,
  "causalml-qini-raw": 0.555556,
  "sklift-uplift-auc": 0.603175,
  "sklift-qini-auc": 0.578947,
  "sklift-qini-auc-nonneg": 1.571429,
  "pylift-qini": 0.171875,
  "pylift-cgains": 0.148438,
  "ydf-auuc": 0.296875,
  "ydf-qini": 0.171875,
  "grf-autoc": 0.575298,
  "grf-qini": 0.171875,
};
const eightRows = experiment({ y: [1, 0, 1, 0, 1, 0, 0, 0], t: [1, 0, 1, 0, 0, 1, 1, 0] });
const eightScores = Float64Array.of(0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2);

describe("compatibility metrics give the other library's number", () => {
  test.each(Object.entries(published))("%s on the eight rows is the published %f", (id, value) => {
    expect(metricById(id).score(eightScores, eightRows).value.toFixed(6)).toBe(value.toFixed(6));
  });

  test("the package itself, run for the fixture, gives the published values as well", () => {
    for (const [id, value] of Object.entries(published)) expect(fixture.published[id].toFixed(6), id).toBe(value.toFixed(6));
    for (const [id, value] of Object.entries(fixture.published)) expectClose(metricById(id).score(eightScores, eightRows).value, value, float64, id);
  });

  const keys = [...new Set(fixture.cases.flatMap((c) => Object.keys(c.values)))].filter((key) => key !== "grf toc");
  test.each(keys)("%s on 200 random cases with ties", (key) => {
    const cases = fixture.cases.filter((c) => key in c.values);
    expect(cases.length).toBe(key.startsWith("sklift") ? 120 : 200);
    for (const c of cases) expectClose(scoreOf(key, c), number(c.values[key] as Value), float64, `${key}, case ${fixture.cases.indexOf(c)}`);
  });

  test("grf-autoc: the TOC curve on the grid 0.1, 0.2, ..., 1 is grf's", () => {
    for (const c of [...fixture.cases, ...fixture.edges]) {
      const toc = c.values["grf toc"];
      if (toc === undefined) continue;
      const { curve } = metricById("grf-autoc").score(Float64Array.from(c.score), experiment(c));
      expectAllClose(curve?.y ?? [], toc as readonly number[], float64, "toc");
    }
  });

  test.each(fixture.edges.map((c) => [c.name ?? "", c] as const))("%s: what the library returns, NaN where it stops", (_, c) => {
    const own = Object.keys(c.values).filter((key) => key !== "grf toc");
    expect(own.length).toBeGreaterThan(3);
    for (const key of own) expectClose(scoreOf(key, c), number(c.values[key] as Value), float64, `${c.name}: ${key}`);
  });
});

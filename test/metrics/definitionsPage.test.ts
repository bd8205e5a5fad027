import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { metricById, metrics } from "../../src/metrics/index.ts";
import { experiment } from "./experiment.ts";

const page = readFileSync(new URL("../../DEFINITIONS.md", import.meta.url), "utf8");
const table = [...page.matchAll(/^\| `([a-z-]+)` \| ([-\d.]+) \| ([-\d.]+) \| ([-\d.]+) \|$/gm)].map(([, id, ...values]) => [id, values] as const);

const data = experiment({ y: [1, 0, 1, 0, 1, 0, 0, 0], t: [1, 0, 1, 0, 0, 1, 1, 0] });
const score = Float64Array.of(0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2);
const rounded = Float64Array.of(1, 1, 0.75, 0.75, 0.5, 0.5, 0.5, 0.25);
const reversed = [7, 6, 5, 4, 3, 2, 1, 0];

describe("DEFINITIONS.md", () => {
  test("shows twenty definitions on the eight rows", () => {
    expect(table.length).toBe(20);
  });

  test.each(table)("%s: the three values of the table are what is computed", (id, values) => {
    const metric = metricById(id);
    const got = [metric.score(score, data), metric.score(rounded, data), metric.score(rounded.toReversed(), data.take(reversed))];
    expect(got.map(({ value }) => value.toFixed(6))).toEqual(values);
  });

  test("a metric whose value depends on the order of tied rows says so in its traits", () => {
    for (const [id, [, forward, backward]] of table) if (forward !== backward) expect(metricById(id).traits.ties, id).toBe("row order");
  });

  test("defines every metric of our own", () => {
    for (const { id, traits } of metrics)
      if (traits.library === undefined) expect(page.includes(`\`${id}\``) || page.includes(`\`${id.replace("policy-value", "")}\``), id).toBe(true);
  });
});

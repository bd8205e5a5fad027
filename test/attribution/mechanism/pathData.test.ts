import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { byChannel, fromPaths, type Journeys } from "../../../src/attribution/mechanism/journeys.ts";
import { markov } from "../../../src/attribution/mechanism/markov.ts";
import { first, last, linear } from "../../../src/attribution/mechanism/rules.ts";
import { expectAllClose, expectClose, float64 } from "../../tolerance.ts";

const folder = process.env.LIFTWISE_DATA_DIR ?? resolve(import.meta.dirname, "../../../../shared/datasets");
const file = join(folder, "attribution_pathdata", "PathData.csv.gz");

// Computed with ChannelAttribution 2.2.4 heuristic_models and an exact linear solve; channels in alphabetical order.
const reference = {
  first: [6308, 2831, 1, 99, 3164, 165, 4606, 74, 902, 2, 1606, 27],
  last: [8447, 989, 5, 531, 4167, 92, 3355, 230, 1207, 2, 653, 107],
  linear: [7574.718594, 2083.500145, 1.725, 272.170438, 3539.951157, 121.041639, 3857.096221, 137.964078, 1035.257572, 2.222222, 1022.801394, 136.55154],
  markov: [5344.94768, 2527.35217, 4.61362, 599.57065, 3340.8474, 171.14544, 3884.6147, 274.36326, 1282.84722, 1.72242, 1971.91288, 381.06255],
  removal: [0.5584, 0.26404, 0.00048, 0.06264, 0.34903, 0.01788, 0.40584, 0.02866, 0.13402, 0.00018, 0.20601, 0.03981],
};

describe.skipIf(!existsSync(file))("PathData (needs the public data folder: LIFTWISE_DATA_DIR)", () => {
  const journeys = existsSync(file) ? read() : ({} as Journeys);

  test("first and last touch equal the reference exactly", () => {
    expect([...byChannel(journeys, first(journeys)).conversions]).toEqual(reference.first);
    expect([...byChannel(journeys, last(journeys)).conversions]).toEqual(reference.last);
  });

  test("linear equals the reference to its six printed decimals", () => {
    const got = byChannel(journeys, linear(journeys)).conversions;
    expect(got.map((credit) => Math.round(credit * 1e6) / 1e6)).toEqual(Float64Array.from(reference.linear));
  });

  test("order-1 Markov equals the exact linear solve to its five printed decimals", () => {
    const got = markov(journeys, 1);
    expectClose(got.conversionRate, 0.2238451355968638, float64);
    expect(got.conversions.map((credit) => Math.round(credit * 1e5) / 1e5)).toEqual(Float64Array.from(reference.markov));
    expect(got.removalEffect.map((effect) => Math.round(effect * 1e5) / 1e5)).toEqual(Float64Array.from(reference.removal));
  });

  test("every mechanism gives out all 19785 conversions and 74802.972 of value", () => {
    for (const credit of [byChannel(journeys, linear(journeys)), markov(journeys, 1), markov(journeys, 2), markov(journeys, 3)]) {
      expectAllClose([sum(credit.conversions), sum(credit.value)], [19785, sum(journeys.value)], float64);
    }
  });
});

function sum(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0);
}

function read(): Journeys {
  const rows = gunzipSync(readFileSync(file))
    .toString("utf8")
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(","));
  const column = (i: number): number[] => rows.map((row) => Number(row[i]));
  return fromPaths(
    rows.map((row) => row[0]),
    { conversions: column(1), value: column(2), nulls: column(3) },
  );
}

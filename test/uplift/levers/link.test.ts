import { expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { Dataset, numberColumn } from "../../../src/data/dataset.ts";
import { leverGrid } from "../../../src/data/levers.ts";
import { fit } from "../../../src/model/fit.ts";
import { fromLeverScale, leverScale, toLeverScale } from "../../../src/uplift/levers/link.ts";
import { mdlri } from "../../../src/uplift/levers/mdlri.ts";
import { loggedOverlap, stabilisedWeights } from "../../../src/uplift/levers/propensity.ts";
import { expectAllClose, expectClose, expectWithin, float32, float64 } from "../../tolerance.ts";

const n = 4000;
const lever = { column: "offer", levels: ["no", "yes"] };

/** One lever at random, a feature that means nothing, outcomes drawn by the level. */
function offers(draw: (rng: Rng, level: number) => number): Dataset {
  const rng = new Rng(5);
  const codes = Int32Array.from({ length: n }, () => rng.int(2));
  const y = Float64Array.from(codes, (level) => draw(rng, level));
  return new Dataset(
    [
      numberColumn(
        "x",
        Float64Array.from({ length: n }, () => rng.normal()),
      ),
      { kind: "category", name: "offer", codes, levels: lever.levels },
      numberColumn("y", y),
    ],
    { features: ["x"], levers: [lever], outcomes: ["y"] },
    "offers",
  );
}

async function means(data: Dataset, link: string): Promise<number[]> {
  const config = { ...(mdlri.quick as object), link, steps: 800, heldOut: 0, logging: "none" };
  const fitted = await fit(mdlri, data, { config, seed: 1 });
  const response = await (await fitted.predict(data)).response(Int32Array.from([0, 1]));
  expect(fitted.report.link).toBe(link);
  fitted.dispose();
  return [0, 1].map((k) => response.reduce((sum, value, i) => sum + (i % 2 === k ? value : 0), 0) / n);
}

test("log: the response is the mean of the amounts under each level", async () => {
  // Nothing or twice the mean, each half of the time: standard errors 1 / sqrt(2000) and 3 / sqrt(2000).
  const found = await means(
    offers((rng, level) => (rng.bernoulli(0.5) ? (level === 1 ? 6 : 2) : 0)),
    "log",
  );
  expectWithin(found[0], 1, 1 / Math.sqrt(n / 2), 4);
  expectWithin(found[1], 3, 3 / Math.sqrt(n / 2), 4);
});

test("ziln: the response is the probability of paying times the mean of a lognormal", async () => {
  const pay = [0.4, 0.7];
  const found = await means(
    offers((rng, level) => (rng.bernoulli(pay[level]) ? Math.exp(1 + 0.3 * level + 0.5 * rng.normal()) : 0)),
    "ziln",
  );
  const amount = (level: number): number => Math.exp(1 + 0.3 * level + 0.125);
  for (const level of [0, 1]) {
    // Variance of pay x lognormal(sd 0.5).
    const variance = pay[level] * amount(level) ** 2 * Math.exp(0.25) - (pay[level] * amount(level)) ** 2;
    expectWithin(found[level], pay[level] * amount(level), Math.sqrt(variance / (n / 2)), 4);
  }
});

test("scales go forth and back, and refuse outcomes they are not for", () => {
  const y = Float64Array.from([0, 1, 3, 8]);
  const log = leverScale("log", y, "continuous");
  expectAllClose(
    [...toLeverScale(y, log)].map((value) => value * log.deviation),
    y,
    float32,
  );
  expectClose(fromLeverScale(0, log), 3, float64);
  const ziln = leverScale("ziln", y, "continuous");
  expectClose(ziln.mean, Math.log(24) / 3, float64);
  expectClose(fromLeverScale(1, ziln), 24 ** (1 / 3), float64);
  expect(() => leverScale("log", Float64Array.from([1, -2]), "continuous")).toThrow(/row 2 has the outcome -2.*take identity/);
  expect(() => leverScale("ziln", Float64Array.from([0, 2, 2]), "continuous")).toThrow(/above 0 and they do not differ/);
  expect(() => leverScale("logit", y, "continuous")).toThrow(/log-odds are those of an outcome of 0 and 1/);
});

test("stabilised weights: share of the cell over its probability, clipped at the 95th percentile, of mean one", () => {
  const grid = leverGrid([lever]);
  const levels = Int32Array.from([0, 0, 1, 1]);
  const e = [0.5, 0.8, 0.5, 0.2];
  const counts = new Map([
    [0, 2],
    [1, 2],
  ]);
  const { weights, clippedAt, clipped } = stabilisedWeights({ how: "declared", at: (row) => e[row] }, levels, grid, counts);
  // 0.5 / e: 1, 0.625, 1, 2.5; percentile 95 between the largest two: 1 + 0.85 x 1.5.
  expectClose(clippedAt, 2.275, float64);
  expect(clipped).toBe(1);
  const total = 1 + 0.625 + 1 + 2.275;
  expectAllClose(weights, [4 / total, 2.5 / total, 4 / total, 9.1 / total], float64);
  const { mean, low } = loggedOverlap({ how: "declared", at: (row) => e[row] }, 4, counts).get(0) as { mean: number; low: number };
  expectClose(mean, 0.5, float64);
  expectClose(low, 0.2 + 0.15 * 0.3, float64);
});

test("weights by declared probabilities are asked for only where they are declared", async () => {
  const data = offers((rng, level) => level + rng.normal());
  const config = { ...(mdlri.quick as object), weighting: "stabilised", logging: "declared" };
  await expect(fit(mdlri, data, { config, seed: 1 })).rejects.toThrow(/none is declared.*--logging estimated/);
  const fitted = await fit(mdlri, data, { config: { ...config, logging: "estimated", steps: 20 }, seed: 1 });
  expect(fitted.report.logging).toMatchObject({ propensity: "product of levers", weighting: "stabilised" });
  const { overlap } = await fitted.predict(data);
  expectWithin(overlap?.get(1)?.mean ?? 0, 0.5, 0.5 / Math.sqrt(n), 4);
  fitted.dispose();
});

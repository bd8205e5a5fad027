import { describe, expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { rankWeightedEffect } from "../../../src/uplift/tree/rankWeighted.ts";
import { expectClose, expectWithin, float64 } from "../../tolerance.ts";

const rng = (): Rng => new Rng(1);

describe("rank-weighted effects", () => {
  test("by hand: two rows, the better one first", () => {
    const scores = Float64Array.of(0, 4);
    const priority = Float64Array.of(1, 2);
    // S(q) = 4 q up to 1/2, then 2: the integral of S / q is 2 + 2 ln 2, that of S is 1/2 + 1.
    expectClose(rankWeightedEffect(scores, priority, "autoc", { rng: rng() }).estimate, 2 + 2 * Math.log(2) - 2, float64, "autoc");
    expectClose(rankWeightedEffect(scores, priority, "qini", { rng: rng() }).estimate, 1.5 - 1, float64, "qini");
  });

  test("equal priorities say nothing, and the order they come in does not matter", () => {
    const scores = Float64Array.of(3, -1, 7, 2);
    for (const weighting of ["autoc", "qini"] as const) {
      expectClose(rankWeightedEffect(scores, new Float64Array(4), weighting, { rng: rng() }).estimate, 0, float64, weighting);
      const priority = Float64Array.of(1, 0, 1, 0);
      const turned = rankWeightedEffect(Float64Array.of(7, 2, 3, -1), priority, weighting, { rng: rng() });
      expectClose(rankWeightedEffect(scores, priority, weighting, { rng: rng() }).estimate, turned.estimate, float64, weighting);
    }
  });

  test("a weight of two is a row twice, and a constant added to all scores changes nothing", () => {
    const [scores, priority] = [Float64Array.of(3, -1, 7), Float64Array.of(1, 3, 2)];
    for (const weighting of ["autoc", "qini"] as const) {
      const twice = rankWeightedEffect(Float64Array.of(3, 3, -1, 7), Float64Array.of(1, 1, 3, 2), weighting, { rng: rng() });
      const weighted = rankWeightedEffect(scores, priority, weighting, { weight: Float64Array.of(2, 1, 1), rng: rng() });
      expectClose(weighted.estimate, twice.estimate, float64, weighting);
      const raised = rankWeightedEffect(
        scores.map((v) => v + 5),
        priority,
        weighting,
        { rng: rng() },
      );
      expectClose(raised.estimate, rankWeightedEffect(scores, priority, weighting, { rng: rng() }).estimate, 10 * float64, weighting);
    }
  });

  test("on many rows it is the integral: scores uniform and ranked right have AUTOC 1/4 and Qini 1/12", () => {
    const n = 20_000;
    const scores = Float64Array.from({ length: n }, (_, i) => (i + 0.5) / n);
    expectWithin(rankWeightedEffect(scores, scores, "autoc", { rng: rng() }).estimate, 1 / 4, 1e-6, 1);
    expectWithin(rankWeightedEffect(scores, scores, "qini", { rng: rng() }).estimate, 1 / 12, 1e-6, 1);
  });

  test("the standard error is the spread over many experiments, also where clusters share their noise", () => {
    for (const size of [1, 5]) {
      const source = new Rng(7).split("draw", size);
      const n = 400;
      const found = Array.from({ length: 300 }, () => {
        const noise = Float64Array.from({ length: n / size }, () => source.normal());
        const priority = Float64Array.from({ length: n }, () => source.float());
        const scores = priority.map((v, i) => v + noise[Math.floor(i / size)] + 0.5 * source.normal());
        const cluster = Int32Array.from({ length: n }, (_, i) => Math.floor(i / size));
        return rankWeightedEffect(scores, priority, "autoc", { cluster, halves: 60, rng: source });
      });
      const mean = found.reduce((sum, { estimate }) => sum + estimate, 0) / found.length;
      const spread = Math.sqrt(found.reduce((sum, { estimate }) => sum + (estimate - mean) ** 2, 0) / (found.length - 1));
      const said = found.reduce((sum, { se }) => sum + se, 0) / found.length;
      expect(said / spread).toBeGreaterThan(0.85);
      expect(said / spread).toBeLessThan(1.15);
    }
  });

  test("one cluster has no answer", () => {
    expect(rankWeightedEffect(Float64Array.of(1, 2), Float64Array.of(1, 2), "qini", { cluster: new Int32Array(2), rng: rng() }).estimate).toBeNaN();
  });
});

import { expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { metricsSuite } from "../../src/evaluate/suites/metrics.ts";
import { expectWithin } from "../tolerance.ts";

test("the metrics suite: intervals of twenty trials cover the population's value about 95 times in 100, standard errors have the right size", () => {
  const rows = metricsSuite({ quick: true, seeds: 2, rng: new Rng(1) });
  for (const row of rows) {
    expect(row.n).toBe(20);
    // The count of misses is skewed: five standard deviations are one chance in 2,000.
    if (row.metric.endsWith("coverage")) expectWithin(row.mean, 0.95, Math.sqrt((0.95 * 0.05) / 20), 5, row.metric);
    // A standard deviation of 20 values is itself known to one part in root 40.
    if (row.metric.endsWith("se ratio")) expectWithin(row.mean, 1, 1 / Math.sqrt(40), 4, row.metric);
    if (row.metric.endsWith("bias")) expectWithin(row.mean, 0, row.se, 4, row.metric);
  }
  expect(rows.length).toBe(3 * (9 + 8));
});

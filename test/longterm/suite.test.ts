import { expect, test } from "vitest";
import { simulate } from "../../src/data/synth/index.ts";
import { experimentOf, judged } from "../../src/evaluate/suites/longterm.ts";
import { expectClose, float64 } from "../tolerance.ts";

test("a prediction is judged on the experiment's rows: errors, coverage and rank by hand", () => {
  const rows = experimentOf(simulate("longterm-g2", { history: 30, experiment: 25 }, 1));
  expect(rows.rows).toBe(25);
  const tau = rows.trueEffect("treated") as Float64Array;
  const mean = tau.reduce((a, b) => a + b, 0) / 25;
  const average = { arm: "treated", effect: mean + 1, se: 1, lower: mean - 0.5, upper: mean + 2.5, level: 0.95 };
  const off = judged({ arms: ["treated"], effect: [tau.map((v) => v + 3)], average: [average] }, rows);
  expectClose(off["root-pehe"], 3, float64);
  expectClose(off["ate-error"], 1, float64);
  expect(off.covers).toBe(1);
  expectClose(off.rank, 1, float64);
  const against = judged({ arms: ["treated"], effect: [tau.map((v) => -v)], average: [{ ...average, lower: mean + 0.1, se: Number.NaN }] }, rows);
  expectClose(against.rank, -1, float64);
  expect(against.covers).toBeUndefined();
});

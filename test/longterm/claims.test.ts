import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { Dataset, numberColumn } from "../../src/data/dataset.ts";
import { combineSamples, twoSamples } from "../../src/data/longterm.ts";
import { simulate } from "../../src/data/synth/index.ts";
import { caecb, fcaecb } from "../../src/longterm/confounding.ts";
import { experimentRows } from "../../src/longterm/forecast.ts";
import { imputation, shortTerm } from "../../src/longterm/labelled.ts";
import { laser } from "../../src/longterm/laser.ts";
import { areaUnder } from "../../src/longterm/overlap.ts";
import { steal } from "../../src/longterm/steal/steal.ts";
import { fitWide } from "../../src/longterm/steal/outcome.ts";
import { pseudoPolicy } from "../../src/longterm/steal/pseudoPolicy.ts";
import { balanceArms } from "../../src/longterm/balance.ts";
import { doublyRobustSurrogate, surrogateIndexBoosted, surrogateIndexLinear, surrogateScore } from "../../src/longterm/surrogate.ts";
import type { Model } from "../../src/model/contract.ts";
import { fit } from "../../src/model/fit.ts";
import { expectAllClose, expectClose, expectWithin, float64 } from "../tolerance.ts";
import { shop } from "./shop.ts";

/** Surrogacy by construction: s = 1 + x / 2 + a + noise, y = 2 s + x + noise, so that the effect is 2 for every unit. */
function surrogacy(seed: number, n = { history: 3000, experiment: 2000 }): Dataset {
  const rng = new Rng(seed);
  const make = (rows: number, shift: number, past: boolean): Dataset => {
    const x = Float64Array.from({ length: rows }, () => shift + rng.normal());
    const a = Float64Array.from({ length: rows }, () => rng.bernoulli(0.5));
    const s = x.map((v, i) => 1 + v / 2 + a[i] + rng.normal());
    const y = s.map((v, i) => 2 * v + x[i] + rng.normal());
    const columns = [numberColumn("x", x), numberColumn("s", s), ...(past ? [numberColumn("y", y)] : [numberColumn("arm", a)])];
    return new Dataset(columns, { features: [], outcomes: [] }, past ? "history" : "experiment");
  };
  return combineSamples(make(n.history, 0, true), make(n.experiment, 0.5, false), { treatment: "arm", outcome: ["y"], surrogates: ["s"] });
}

async function average(
  model: Model<string, "longterm">,
  data: Dataset,
  config: object = {},
): Promise<{ effect: number; se: number; lower: number; upper: number }> {
  const fitted = await fit(model, data, { config, seed: 1, threads: 1 });
  try {
    return (await fitted.predict(experimentRows(data))).average[0];
  } finally {
    fitted.dispose();
  }
}

describe("where surrogacy holds, the effect is found", () => {
  const data = surrogacy(5);
  test.each(
    [surrogateIndexLinear, surrogateIndexBoosted, doublyRobustSurrogate, surrogateScore].map(
      (model) => [model.id, model as Model<string, "longterm">] as const,
    ),
  )("by %s", async (_, model) => {
    const { effect, se } = await average(model, data);
    expectWithin(effect, 2, se, 4);
  });

  test("steal agrees with the surrogate index", async () => {
    const [a, b] = [await average(steal, data, { members: 0, prototypes: 2, rounds: 8, folds: 2 }), await average(surrogateIndexLinear, data)];
    expectWithin(a.effect, b.effect, Math.hypot(a.se, b.se), 3);
    expectWithin(a.effect, 2, a.se, 4);
  });

  test("the short-term difference in the metric's own units is the effect on the metric, 1", async () => {
    const { effect, se } = await average(shortTerm, data);
    expectWithin(effect, 1, se, 4);
  });
});

describe("the surrogate score's weights", () => {
  /** Rows of (x, s) given by counts: history 4 x 30 rows, arms of the experiment with as many rows in each cell as said. */
  const cells = [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ] as const;
  const table = (counts: readonly number[], more: (cell: number, row: number) => readonly [string, number][]): Dataset => {
    const rows = counts.flatMap((count, cell) =>
      Array.from({ length: count }, (_, r) => [["x", cells[cell][0]], ["s", cells[cell][1]], ...more(cell, r)] as const),
    );
    const names = rows[0].map(([name]) => name);
    return new Dataset(
      names.map((name, k) =>
        numberColumn(
          name,
          rows.map((row) => row[k][1]),
        ),
      ),
      { features: [], outcomes: [] },
      "cells",
    );
  };

  test("are the arm's share of a cell over history's, by hand", () => {
    // x is even in both arms; s = 1 has a share of 1/4 among controls and 3/4 among treated, 1/2 in history: weights 3/2 and 1/2, and the other way round.
    const history = table([300, 300, 300, 300], (cell, r) => [["y", cell + (r % 2)]]);
    const experiment = table([200, 200, 200, 200], (cell, r) => [["arm", cells[cell][1] === 1 ? (r % 4 > 0 ? 1 : 0) : r % 4 > 0 ? 0 : 1]]);
    const samples = twoSamples(combineSamples(history, experiment, { treatment: "arm", outcome: ["y"], surrogates: ["s"] }));
    const s = samples.history.s.columns[0] as { readonly values: Float64Array };
    const [control, treated] = balanceArms(samples);
    expectAllClose(
      Array.from(control.weight),
      Array.from(s.values, (v) => (v === 1 ? 0.5 : 1.5)),
      0.02,
    );
    expectAllClose(
      Array.from(treated.weight),
      Array.from(s.values, (v) => (v === 1 ? 1.5 : 0.5)),
      0.02,
    );
    // Weights of 3/2 and 1/2 on halves: (mean w)^2 / mean w^2 = 1 / 1.25.
    expectWithin(treated.effective, 1200 / 1.25, 10, 1);
    expect(treated.imbalance).toBeLessThan(0.01);
  });

  test("hold the truth where history is a mixture of treated and untreated, which no logistic regression of the samples knows", async () => {
    let held = 0;
    for (let seed = 301; seed <= 312; seed++) {
      const data = simulate("longterm-g7", { history: 1000, experiment: 600, zeta: 0, shift: 0.5, later: "level" }, seed);
      const truth = (experimentRows(data).trueEffect("treated") as Float64Array).reduce((sum, v, _, all) => sum + v / all.length, 0);
      const { lower, upper } = await average(surrogateScore, data);
      if (lower <= truth && truth <= upper) held++;
    }
    expect(held).toBeGreaterThanOrEqual(10);
  });
});

describe("a boosted surrogate index on a line", () => {
  test("keeps the slope of a surrogate that the effect goes along, which trees alone shrink", async () => {
    const errors = { line: 0, nothing: 0 };
    for (let seed = 1; seed <= 4; seed++) {
      const data = simulate("longterm-g7", { history: 600, experiment: 400, zeta: 0, shift: 0, later: "level" }, seed);
      // Against the linear index, which has the same chances: the outcome is a line in the last day here.
      const { effect: linear } = await average(surrogateIndexLinear, data);
      for (const start of ["line", "nothing"] as const) errors[start] += ((await average(surrogateIndexBoosted, data, { start })).effect - linear) / 4;
    }
    expect(errors.nothing).toBeLessThan(-0.1);
    expect(Math.abs(errors.line)).toBeLessThan(0.03);
  });

  test("still finds a bend that no line follows", async () => {
    const rng = new Rng(11);
    // The outcome is 4 from s = 1 on and 0 before; the treatment moves s by 1, so that the effect is 4 P(0 <= s0 < 1).
    const make = (rows: number, past: boolean): Dataset => {
      const [x, a] = [Float64Array.from({ length: rows }, () => rng.normal()), Float64Array.from({ length: rows }, () => rng.bernoulli(0.5))];
      const s = x.map((_, i) => (past ? 2 : 1) * rng.normal() + (past ? 1 : a[i]));
      const y = s.map((v) => (v >= 1 ? 4 : 0) + rng.normal());
      return new Dataset([numberColumn("x", x), numberColumn("s", s), numberColumn(past ? "y" : "arm", past ? y : a)], { features: [], outcomes: [] }, "bend");
    };
    const data = combineSamples(make(4000, true), make(4000, false), { treatment: "arm", outcome: ["y"], surrogates: ["s"] });
    const [boosted, linear] = [await average(surrogateIndexBoosted, data), await average(surrogateIndexLinear, data)];
    // Phi(1) - Phi(0) = 0.34134.
    expectWithin(boosted.effect, 4 * 0.34134, boosted.se, 4);
    expect(Math.abs(linear.effect - 4 * 0.34134)).toBeGreaterThan(4 * linear.se);
  });
});

test("a surrogate index without features and noise is the slope times the difference of means, by hand", async () => {
  // y = 3 s exactly but for one part that s does not explain and that is orthogonal to it: the slope is 3.
  const past = Array.from({ length: 80 }, (_, i) => (i % 8) - 3.5);
  const off = past.map((_, i) => (Math.floor(i / 8) % 2 === 0 ? 1 : -1));
  const history = new Dataset(
    [
      numberColumn(
        "x",
        past.map((_, i) => (i * 7) % 5),
      ),
      numberColumn("s", past),
      numberColumn(
        "y",
        past.map((s, i) => 3 * s + off[i]),
      ),
    ],
    { features: [], outcomes: [] },
    "history",
  );
  const arm = Array.from({ length: 60 }, (_, i) => i % 2);
  const experiment = new Dataset(
    [
      numberColumn(
        "x",
        arm.map((_, i) => Math.floor(i / 2) % 5),
      ),
      numberColumn(
        "s",
        arm.map((a, i) => 0.5 * a + (Math.floor(i / 2) % 3)),
      ),
      numberColumn("arm", arm),
    ],
    { features: [], outcomes: [] },
    "experiment",
  );
  const data = combineSamples(history, experiment, { treatment: "arm", outcome: ["y"], surrogates: ["s"] });
  const { effect } = await average(surrogateIndexLinear, data, { outcomeLearner: { id: "linear", lambda: 0 } });
  // Arms have the same x and the same part of s but for the effect of one half: 3 x 0.5.
  expectWithin(effect, 1.5, 0.02, 1);
});

describe("hidden causes in a labelled history", () => {
  test("imputation recovers the effect of longterm-g2, where a surrogate index does not", async () => {
    const data = simulate("longterm-g2", {}, 3);
    const truth = (experimentRows(data).trueEffect("treated") as Float64Array).reduce((sum, v, _, all) => sum + v / all.length, 0);
    const [good, bad] = [await average(imputation, data), await average(surrogateIndexLinear, data)];
    expectWithin(good.effect, truth, good.se, 4);
    expect(Math.abs(bad.effect - truth)).toBeGreaterThan(4 * bad.se);
  });

  test("fcaecb follows a bias that doubles at each step, where caecb takes it to stand still", async () => {
    const data = simulate("longterm-g1", { steps: 6, window: 4 }, 2);
    const truth = (experimentRows(data).trueEffect("treated") as Float64Array).reduce((sum, v, _, all) => sum + v / all.length, 0);
    const [follows, stands] = [await average(fcaecb, data, { replicates: 30 }), await average(caecb, data, { replicates: 30 })];
    expectWithin(follows.effect, truth, follows.se, 4);
    const effects = async (model: Model<string, "longterm">): Promise<number> => {
      const fitted = await fit(model, data, { config: { replicates: 2 }, seed: 1 });
      const rows = experimentRows(data);
      const { effect } = await fitted.predict(rows);
      const tau = rows.trueEffect("treated") as Float64Array;
      return Math.sqrt(tau.reduce((sum, v, i) => sum + (effect[0][i] - v) ** 2, 0) / tau.length);
    };
    expect(await effects(fcaecb)).toBeLessThan(0.5 * (await effects(caecb)));
    expect(Number.isFinite(stands.effect)).toBe(true);
  });
});

test("laser reads what surrogates leave open better than a linear index on its authors' simulation", async () => {
  const off = { laser: 0, index: 0 };
  for (const missing of ["observed", "latent"]) {
    const data = simulate("longterm-g5", { missing, history: 700, experiment: 500 }, 1);
    const [truth] = experimentRows(data).trueEffect("treated") as Float64Array;
    off.laser += Math.abs((await average(laser, data, { steps: 500 })).effect - truth) / 2;
    off.index += Math.abs((await average(surrogateIndexLinear, data)).effect - truth) / 2;
  }
  // Arms are logged and say what the proxies leave open. With surrogates and outcome as they come the net was 1.7 times as far off as the index here.
  expect(off.laser).toBeLessThan(0.6 * off.index);
});

describe("steal on G7", () => {
  const data = simulate("longterm-g7", { history: 1600, experiment: 1200, zeta: 1, shift: 0.5 }, 4);
  test("pseudo labels are calibrated: rows labelled p are of the arm with frequency p, in history, which hides it", async () => {
    const samples = twoSamples(data);
    const { label } = await pseudoPolicy(samples, { prototypes: 3, rounds: 15, folds: 2, calibrate: true, priorShift: true }, shop(1));
    const latent = data.number("latent");
    const rows = Array.from({ length: 1600 }, (_, i) => i).sort((i, j) => label[2 * i + 1] - label[2 * j + 1]);
    for (let k = 0; k < 5; k++) {
      const part = rows.slice(320 * k, 320 * (k + 1));
      const want = part.reduce((sum, i) => sum + label[2 * i + 1], 0) / 320;
      const got = part.reduce((sum, i) => sum + latent[i], 0) / 320;
      // The share itself is uncertain, and the calibration rests on 1,200 arms of the experiment.
      expectWithin(got, want, Math.sqrt((want * (1 - want)) / 320) + 0.02, 4, `fifth ${k + 1}`);
    }
  });

  test("root PEHE is below two thirds of the surrogate index's on a small sample", async () => {
    const rows = experimentRows(data);
    const tau = rows.trueEffect("treated") as Float64Array;
    const pehe = async (model: Model<string, "longterm">, config: object): Promise<number> => {
      const fitted = await fit(model, data, { config, seed: 1, threads: 1 });
      const { effect } = await fitted.predict(rows);
      return Math.sqrt(tau.reduce((sum, v, i) => sum + (effect[0][i] - v) ** 2, 0) / tau.length);
    };
    expect(await pehe(steal, { members: 0, rounds: 15, folds: 2 })).toBeLessThan((2 / 3) * (await pehe(surrogateIndexLinear, {})));
  });

  test("history's own arms are used where they are logged, and no label is made up", async () => {
    const logged = simulate("longterm-g7", { history: 400, experiment: 300, labels: "logged" }, 4);
    const samples = twoSamples(logged);
    const { label } = await pseudoPolicy(samples, { prototypes: 2, rounds: 5, folds: 2, calibrate: true, priorShift: true }, shop(1));
    expectAllClose(
      Array.from({ length: samples.history.rows }, (_, i) => label[2 * i + 1]),
      Array.from(samples.history.arm),
      0,
    );
  });
});

test("the linear part is least squares where the penalty vanishes: slopes by hand", () => {
  const x = Float64Array.from([-2, -1, 0, 1, 2, -2, -1, 0, 1, 2]);
  const z = Float64Array.from([1, -1, 1, -1, 1, -1, 1, -1, 1, -1]);
  const y = x.map((v, i) => 4 + 2 * v - 3 * z[i]);
  const { predict, lambda } = fitWide([x, z], y, new Float64Array(10).fill(1));
  expect(lambda).toBeLessThan(1e-4);
  expectWithin(predict([Float64Array.of(1), Float64Array.of(0)])[0], 6, 1e-3, 1);
});

test("area under the curve: pairs in order plus half the ties, by hand", () => {
  // Scores 1 2 2 3 with labels 0 1 0 1: pairs (2,1) yes, (2,2) half, (3,1) yes, (3,2) yes.
  expectClose(areaUnder(Float64Array.of(1, 2, 2, 3), [0, 1, 0, 1]), 3.5 / 4, float64);
});

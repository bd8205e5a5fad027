import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { Dataset, numberColumn } from "../../src/data/dataset.ts";
import { simulate } from "../../src/data/synth/index.ts";
import { adjustedEffects } from "../../src/experiment/adjusted.ts";
import { averageEffects } from "../../src/experiment/ate.ts";
import { cupedEffects } from "../../src/experiment/cuped.ts";
import { covariateDesign } from "../../src/experiment/design.ts";
import { independentColumns } from "../../src/experiment/regression.ts";
import { expectAllClose, expectClose, expectWithin, float64 } from "../tolerance.ts";
import { experiment, reference, table } from "./table.ts";

describe("Lin's regression", () => {
  test("estimate and HC2 standard error equal the interacted regression in statsmodels", () => {
    const [effect] = adjustedEffects(table(), { target: "sample" });
    const { sample, populationSe } = reference.lin;
    expectClose(effect.value, sample[0], 1e-11);
    expectClose(effect.se, sample[1], 1e-11);
    expectClose(adjustedEffects(table())[0].se, populationSe, 1e-11);
    expect(effect.covariates).toHaveLength(4);
  });

  test("row weights: as weighted least squares on covariates centred at their weighted means", () => {
    const [effect] = adjustedEffects(table({ weight: "w" }), { target: "sample" });
    expectClose(effect.value, reference.lin.weighted[0], 1e-11);
    expectClose(effect.se, reference.lin.weighted[1], 1e-11);
  });

  test("clusters: as statsmodels' clustered covariance with its correction", () => {
    const [effect] = adjustedEffects(table({ group: "cluster" }), { target: "sample" });
    expectClose(effect.value, reference.lin.clustered[0], 1e-11);
    expectClose(effect.se, reference.lin.clustered[1], 1e-11);
    expect(effect.method).toContain("clustered by cluster");
  });

  test("without covariates it is the difference in means", () => {
    const [adjusted, plain] = [adjustedEffects(table(), { covariates: [] })[0], averageEffects(table())[0]];
    for (const key of ["value", "se", "df"] as const) expectClose(adjusted[key], plain[key], float64, key);
    expectClose(adjusted.varianceReduction, 0, float64);
  });

  test("neither the units of a covariate nor the first level of a category nor a repeated column changes the answer", () => {
    const plain = adjustedEffects(table())[0];
    const scaled = table().withColumns(
      [
        numberColumn(
          "x1",
          reference.columns.x1.map((v) => 1e6 * v - 3e7),
        ),
        numberColumn(
          "again",
          reference.columns.x2.map((v) => 2 * v),
        ),
      ],
      {
        features: ["x1", "x2", "level", "again"],
      },
    );
    const [effect] = adjustedEffects(scaled);
    expectClose(effect.value, plain.value, 1e-9);
    expectClose(effect.se, plain.se, 1e-9);
    expect(effect.notes.at(-1)).toMatch(/dropped there: again/);
    const relabelled = table().withColumns([
      { kind: "category", name: "level", codes: Int32Array.from(reference.columns.level, (c) => 2 - c), levels: ["c", "b", "a"] },
    ]);
    expectClose(adjustedEffects(relabelled)[0].value, plain.value, 1e-10);
  });

  test("an outcome that is a line of the covariates is told exactly, however the arms fell", () => {
    const x = [1, 2, 3, 4, 5, 6, 7, 8];
    const arm = [0, 0, 0, 0, 1, 1, 1, 1];
    const data = experiment(
      arm,
      x.map((v, i) => 3 * v + 5 * arm[i] + arm[i] * v),
      { x },
      { features: ["x"] },
    );
    const [effect] = adjustedEffects(data, { target: "sample" });
    // 5 + mean of x.
    expectClose(effect.value, 9.5, 1e-10);
    expectClose(effect.se, 0, 1e-10);
  });

  test("rows without an outcome are left out; many arms use each its own regression", () => {
    const y = reference.columns.y.map((v, i) => (i % 10 === 0 ? Number.NaN : v));
    const gaps = table().withColumns([numberColumn("y", y)]);
    const kept = table().take(Array.from({ length: 240 }, (_, i) => i).filter((i) => i % 10 !== 0));
    expectClose(adjustedEffects(gaps)[0].value, adjustedEffects(kept)[0].value, 1e-10);
    expectClose(adjustedEffects(gaps)[0].se, adjustedEffects(kept)[0].se, 1e-10);
    expect(adjustedEffects(gaps)[0].notes[0]).toMatch(/24 of 240 rows have no outcome/);
    const three = simulate("constant", { n: 3000, arms: 2 }, 2);
    for (const effect of adjustedEffects(three)) expectWithin(effect.value, effect.arm === "treated1" ? 0.3 : 0.6, effect.se, 4);
  });

  test("it is more precise where covariates matter, and unbiased under confounding by a known propensity", () => {
    const data = simulate("constant", { n: 4000, effect: 0.5 }, 6);
    const [effect] = adjustedEffects(data);
    expectWithin(effect.value, 0.5, effect.se, 4);
    // Variance of y within an arm is 2.5 or so, of which the covariates explain all but 1.
    expect(effect.varianceReduction).toBeGreaterThan(0.5);
    const confounded = simulate("nie-wager-a", { n: 20_000 }, 3);
    expectWithin(
      adjustedEffects(confounded)[0].value,
      (confounded.trueEffect("treated") as Float64Array).reduce((s, t) => s + t, 0) / 20_000,
      adjustedEffects(confounded)[0].se,
      4,
    );
  });

  test("intervals for the population cover where effects vary with a covariate; those for the sample are narrower", () => {
    const runs = 300;
    let covered = 0;
    for (let run = 0; run < runs; run++) {
      const rng = new Rng(5).split("run", run);
      const x = Array.from({ length: 80 }, () => rng.normal());
      const arm = x.map(() => rng.bernoulli(0.5));
      const data = experiment(
        arm,
        x.map((v, i) => v + arm[i] * 3 * v + 0.3 * rng.normal()),
        { x },
        { features: ["x"] },
      );
      const [effect] = adjustedEffects(data);
      if (effect.interval[0] <= 0 && 0 <= effect.interval[1]) covered++;
      expect(adjustedEffects(data, { target: "sample" })[0].se).toBeLessThan(effect.se);
    }
    expectWithin(covered / runs, 0.95, Math.sqrt(0.0475 / runs), 3);
  });

  test("too many covariates for an arm, the outcome among the covariates, and an infinite covariate are refused", () => {
    const few = experiment([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 7], { a: [1, 3, 2, 5, 4, 0], b: [2, 1, 1, 5, 3, 9] }, { features: ["a", "b"] });
    expect(() => adjustedEffects(few)).toThrow(/arm "0": has 3 rows for 3 coefficients; name fewer covariates/);
    expect(() => adjustedEffects(table(), { covariates: ["x1", "y"] })).toThrow(/column "y": cannot be a covariate/);
    expect(() => adjustedEffects(table(), { covariates: ["t"] })).toThrow(/cannot be a covariate/);
    expect(() =>
      adjustedEffects(
        table().withColumns([
          numberColumn(
            "x1",
            reference.columns.x1.map((v, i) => (i === 4 ? Number.POSITIVE_INFINITY : v)),
          ),
        ]),
      ),
    ).toThrow(/row 5 holds Infinity/);
  });
});

describe("CUPED", () => {
  test("estimate, standard error and theta equal the definition in matrices", () => {
    const [effect] = cupedEffects(table());
    expectClose(effect.value, reference.cuped.value, 1e-11);
    expectClose(effect.se, reference.cuped.se, 1e-11);
    // The most frequent level is the base, so that only the numeric slopes are the same in both codings.
    expectAllClose([effect.theta.x1, effect.theta.x2], reference.cuped.theta.slice(0, 2), 1e-10);
    expect(effect.method).toMatch(/^CUPED, difference in means/);
  });

  test("one covariate by hand: theta is covariance over variance within arms", () => {
    const [x, y, arm] = [
      [1, 2, 3, 1, 2, 3],
      [2, 4, 7, 5, 8, 9],
      [0, 0, 0, 1, 1, 1],
    ];
    const [effect] = cupedEffects(experiment(arm, y, { x }, { features: ["x"] }));
    // Within arms: Sxy = 5 + 4, Sxx = 2 + 2; x has the same mean in both arms, so the estimate does not move.
    expectClose(effect.theta.x, (9 / 4) * Math.sqrt(2 / 3), float64);
    expectClose(effect.value, 3, float64);
  });

  test("it narrows intervals by the squared correlation with the covariate", () => {
    const rng = new Rng(3);
    const n = 20_000;
    const x = Array.from({ length: n }, () => rng.normal());
    const arm = x.map((_, i) => i % 2);
    const data = experiment(
      arm,
      x.map((v, i) => 0.8 * v + 0.6 * rng.normal() + 0.1 * arm[i]),
      { x },
      { features: ["x"] },
    );
    const [effect] = cupedEffects(data);
    expectWithin(effect.varianceReduction, 0.64, 2 * Math.sqrt(0.64) * (0.36 / Math.sqrt(n)), 4);
    expectWithin(effect.value, 0.1, effect.se, 4);
  });

  test("it works with clusters and weights, and keeps a row's missing outcome missing", () => {
    expect(cupedEffects(table({ group: "cluster" }))[0].method).toContain("clustered");
    expect(cupedEffects(table({ weight: "w" }))[0].method).toContain("weighted");
    const y = reference.columns.y.map((v, i) => (i === 7 ? Number.NaN : v));
    expect(cupedEffects(table().withColumns([numberColumn("y", y)]))[0].notes[0]).toMatch(/1 of 240 rows/);
  });

  test("without a covariate that varies it is refused", () => {
    expect(() => cupedEffects(experiment([0, 0, 1, 1], [1, 2, 3, 4], { x: [5, 5, 5, 5] }, { features: ["x"] }))).toThrow(
      /needs at least one covariate that varies/,
    );
  });
});

describe("covariates as numbers", () => {
  const data = new Dataset(
    [
      numberColumn("arm", [0, 1, 0, 1, 0, 1]),
      numberColumn("y", [1, 2, 3, 4, 5, 6]),
      numberColumn("age", [30, Number.NaN, 50, 40, 40, Number.NaN]),
      numberColumn("flat", [1, 1, 1, 1, 1, 1]),
      { kind: "category", name: "city", codes: Int32Array.from([2, 2, 0, -1, 1, 2]), levels: ["a", "b", "c"] },
      { kind: "sequence", name: "path", offsets: Int32Array.from([0, 1, 1, 1, 1, 1, 1]), values: Float64Array.of(3) },
    ],
    { features: ["age", "flat", "city", "path"], treatment: { column: "arm", control: "0" }, outcomes: ["y"] },
  );

  test("gaps are filled with the mean and flagged, levels are flags against the most frequent, constants vanish", () => {
    const { names, columns, notes } = covariateDesign(data);
    expect(names).toEqual(["age", "age (missing)", "city=a", "city=b", "city (missing)"]);
    expect(columns.map((column) => [...column])).toEqual([
      [30, 40, 50, 40, 40, 40],
      [0, 1, 0, 0, 0, 1],
      [0, 0, 1, 0, 0, 0],
      [0, 0, 0, 0, 1, 0],
      [0, 0, 0, 1, 0, 0],
    ]);
    expect(notes).toEqual(["age is missing in 2 of 6 rows: set to its mean, with an indicator", "path is a sequence and is left out of the covariates"]);
  });

  test("rare levels are taken together, and it is said how many", () => {
    const { names, notes } = covariateDesign(data, ["city"], 1);
    expect(names).toEqual(["city=a"]);
    expect(notes[0]).toMatch(/city has 4 levels: the 2 most frequent are used, 2 are taken together/);
  });

  test("independent columns: the first of two equal ones stays, a zero column goes", () => {
    // Gram matrix of (1, 1), (2, 2), (0, 0), (1, -1).
    const x = [
      [1, 1],
      [2, 2],
      [0, 0],
      [1, -1],
    ];
    const gram = Float64Array.from(x.flatMap((a) => x.map((b) => a[0] * b[0] + a[1] * b[1])));
    expect(independentColumns(gram, 4)).toEqual([0, 3]);
  });
});

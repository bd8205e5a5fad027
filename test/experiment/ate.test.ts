import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { numberColumn } from "../../src/data/dataset.ts";
import { simulate } from "../../src/data/synth/index.ts";
import { averageEffects } from "../../src/experiment/ate.ts";
import { expectClose, expectWithin, float64 } from "../tolerance.ts";
import { experiment, reference, table } from "./table.ts";

describe("difference in means", () => {
  test("by hand: 2 and 4 against 1 and 3", () => {
    const [effect] = averageEffects(experiment([1, 1, 0, 0], [2, 4, 1, 3]));
    // Each arm has variance 2, so the standard error is sqrt(2/2 + 2/2).
    expect(effect).toMatchObject({
      arm: "1",
      control: "0",
      value: 1,
      armMean: 3,
      controlMean: 2,
      df: 2,
      rows: [2, 2],
      method: "difference in means",
      notes: [],
    });
    expectClose(effect.se, Math.SQRT2, float64);
    expectClose(effect.interval[1], 1 + Math.SQRT2 * 4.302652729749464, float64);
  });

  test("estimate, Neyman's standard error, Welch's degrees of freedom, p-value and interval equal statsmodels and scipy", () => {
    const [effect] = averageEffects(table(), { level: 0.9 });
    const { hc2, df, p, interval90 } = reference.plain;
    expectClose(effect.value, hc2[0], float64);
    expectClose(effect.se, hc2[1], float64);
    expectClose(effect.df, df, float64);
    expectClose(effect.pValue / p, 1, 1e-11);
    effect.interval.forEach((bound, k) => expectClose(bound, interval90[k], float64));
  });

  test("many arms are each compared with control alone", () => {
    const arm = [0, 0, 0, 1, 1, 2, 2, 2];
    const y = [1, 2, 4, 8, 9, 3, 3, 7];
    const both = averageEffects(experiment(arm, y));
    for (const a of [1, 2]) {
      const rows = arm.flatMap((b, i) => (b === 0 || b === a ? [i] : []));
      const [alone] = averageEffects(
        experiment(
          rows.map((i) => (arm[i] === a ? 1 : 0)),
          rows.map((i) => y[i]),
        ),
      );
      const { arm: _, ...rest } = both[a - 1];
      expect(rest).toEqual((({ arm: __, ...other }) => other)(alone));
    }
  });

  test("the normal reference is Student's t with infinite degrees of freedom", () => {
    const [t] = averageEffects(table());
    const [normal] = averageEffects(table(), { reference: "normal" });
    expect(normal.se).toBe(t.se);
    expectClose(normal.interval[1] - normal.value, 1.959963984540054 * normal.se, float64);
    expect(normal.pValue).toBeLessThan(t.pValue);
  });

  test("the effect as a share of the control mean, by the delta method", () => {
    const [{ relative }] = averageEffects(table(), { reference: "normal" });
    const [value, se] = reference.relative;
    expectClose(relative?.value as number, value, float64);
    expectClose(relative?.interval[1] as number, value + 1.959963984540054 * se, float64);
    // A control mean that may be zero has no shares.
    expect(averageEffects(experiment([0, 0, 0, 1, 1], [-1, 1, 0.1, 2, 3]))[0].relative).toBeUndefined();
  });

  test("row order does not matter beyond rounding, and another outcome can be named", () => {
    const data = table({ outcomes: ["y", "clicks"] });
    const order = new Rng(1).permutation(data.rows);
    for (const outcome of ["y", "clicks"]) {
      const [a] = averageEffects(data, { outcome });
      const [b] = averageEffects(data.take(order), { outcome });
      expect(a.outcome).toBe(outcome);
      for (const key of ["value", "se", "df", "pValue"] as const) expectClose(a[key], b[key], float64, key);
    }
  });
});

describe("weights and propensities", () => {
  test("row weights: weighted means with HC2, as weighted least squares in statsmodels", () => {
    const [effect] = averageEffects(table({ weight: "w" }));
    expectClose(effect.value, reference.weighted[0], float64);
    expectClose(effect.se, reference.weighted[1], float64);
    expect(effect.method).toBe("difference in weighted means");
  });

  test("weights of one are no weights, whatever their unit; a weight of zero is a row that is not there", () => {
    const plain = averageEffects(table())[0];
    const constant = averageEffects(withWeight(() => 3.5))[0];
    for (const key of ["value", "se", "df"] as const) expectClose(constant[key], plain[key], float64, key);
    const some = averageEffects(withWeight((i) => (i % 3 === 0 ? 0 : 1)))[0];
    const fewer = averageEffects(table().take(Array.from({ length: 240 }, (_, i) => i).filter((i) => i % 3 !== 0)))[0];
    for (const key of ["value", "se", "df"] as const) expectClose(some[key], fewer[key], float64, key);
    expect(some.rows).toEqual(fewer.rows);
  });

  test("known propensities: Hajek's estimate and variance", () => {
    const [effect] = averageEffects(table({ propensity: { "1": "e" } }));
    expectClose(effect.value, reference.hajek[0], float64);
    expectClose(effect.se, reference.hajek[1], float64);
    expect(effect.method).toBe("inverse propensity weighting (Hajek)");
  });

  test("known propensities: Horvitz and Thompson's estimate and variance", () => {
    const [effect] = averageEffects(table({ propensity: { "1": "e" } }), { estimator: "horvitz-thompson" });
    expectClose(effect.value, reference.horvitzThompson[0], float64);
    expectClose(effect.se, reference.horvitzThompson[1], float64);
    expectClose(effect.armMean - effect.controlMean, effect.value, float64);
  });

  test("the same propensity in all rows changes nothing, and propensities can be ignored", () => {
    const plain = averageEffects(table())[0];
    const constant = table().withColumns([numberColumn("half", new Float64Array(240).fill(0.5))], { propensity: { "1": "half" } });
    expect(averageEffects(constant)[0]).toEqual(plain);
    expect(averageEffects(table({ propensity: { "1": "e" } }), { propensity: "ignore" })[0]).toEqual(plain);
  });

  test("weighting undoes confounding that the difference in means falls for", () => {
    const data = simulate("observational", { n: 40_000, propensity: "given" }, 4);
    const truth = (data.trueEffect("treated") as Float64Array).reduce((s, t) => s + t, 0) / data.rows;
    for (const estimator of ["hajek", "horvitz-thompson"] as const) {
      const [{ value, se }] = averageEffects(data, { estimator });
      expectWithin(value, truth, se, 4, estimator);
    }
    const [plain] = averageEffects(data, { propensity: "ignore" });
    expect(plain.value - truth).toBeGreaterThan(10 * plain.se);
  });

  test("propensities of some arms only, or that leave none for control, are refused", () => {
    const data = experiment([0, 1, 2, 0, 1, 2], [1, 2, 3, 4, 5, 6], { e: [0.3, 0.4, 0.5, 0.3, 0.3, 0.3], f: [0.6, 0.6, 0.6, 0.6, 0.6, 0.6] });
    expect(() => averageEffects(data.withRoles({ propensity: { "1": "e" } }))).toThrow(/propensity of arm "2" is not given/);
    expect(() => averageEffects(data.withRoles({ propensity: { "1": "e", "2": "f" } }))).toThrow(/sum to 1(\.\d+)? in row 2/);
  });
});

describe("clusters", () => {
  test.each([
    ["that hold both arms", "clusteredWithin", "t", {}],
    ["assigned as a whole", "clusteredNested", "tc", {}],
    ["with row weights", "clusteredWeighted", "t", { weight: "w" }],
  ])("%s: CR2 and its degrees of freedom equal the matrices of the definition", (_, key, treatment, roles) => {
    const [effect] = averageEffects(table({ ...roles, group: "cluster" }, treatment));
    expectClose(effect.value, reference[key].value, float64);
    expectClose(effect.se, reference[key].se, float64);
    expectClose(effect.df, reference[key].df, 1e-10);
    expect(effect.method).toContain("clustered by cluster");
  });

  test("clusters of one row are no clusters; ignoring them gives the plain answer", () => {
    const ids = table().withColumns(
      [
        numberColumn(
          "id",
          Array.from({ length: 240 }, (_, i) => i),
        ),
      ],
      { group: "id" },
    );
    const plain = averageEffects(table())[0];
    for (const key of ["value", "se", "df"] as const) expectClose(averageEffects(ids)[0][key], plain[key], float64, key);
    expect(averageEffects(table({ group: "cluster" }), { clusters: "ignore" })[0]).toEqual(plain);
  });

  test("every row twice in its own cluster is the same experiment", () => {
    const rows = Array.from({ length: 480 }, (_, i) => i >> 1);
    const ids = table().withColumns(
      [
        numberColumn(
          "id",
          Array.from({ length: 240 }, (_, i) => i),
        ),
      ],
      { group: "id" },
    );
    const [once, twice] = [averageEffects(table())[0], averageEffects(ids.take(rows))[0]];
    for (const key of ["value", "se", "df"] as const) expectClose(twice[key], once[key], float64, key);
  });

  test("intervals cover the truth in as many of 400 clustered experiments as they say, where plain ones do not", () => {
    let [robust, plain] = [0, 0];
    const runs = 400;
    for (let run = 0; run < runs; run++) {
      const rng = new Rng(77).split("run", run);
      const [arm, y, shop]: number[][] = [[], [], []];
      for (let g = 0; g < 24; g++) {
        const shared = rng.normal();
        // Sizes from 2 to 14: the hard case for cluster-robust errors.
        for (let i = 2 + rng.int(13); i > 0; i--) {
          arm.push(g % 2);
          shop.push(g);
          y.push(shared + rng.normal());
        }
      }
      const data = experiment(arm, y, { shop }, { group: "shop" });
      robust += holdsZero(averageEffects(data)[0].interval);
      plain += holdsZero(averageEffects(data, { clusters: "ignore" })[0].interval);
    }
    expectWithin(robust / runs, 0.95, Math.sqrt(0.0475 / runs), 3);
    expect(plain / runs).toBeLessThan(0.75);
  });
});

describe("on simulated experiments", () => {
  test.each(["email", "nie-wager-a", "nie-wager-d", "kunzel-1", "kunzel-6", "constant", "null"])(
    "%s: the average effect is recovered within sampling error",
    (id) => {
      const data = simulate(id, { n: 20_000 }, 9);
      for (const effect of averageEffects(data)) {
        const truth = (data.trueEffect(effect.arm) as Float64Array).reduce((s, t) => s + t, 0) / data.rows;
        expectWithin(effect.value, truth, effect.se, 4, `${id} ${effect.arm}`);
      }
    },
  );

  test("p-values of a null experiment are uniform: the share below 0.1 is a tenth", () => {
    const runs = 600;
    let below = 0;
    for (let run = 0; run < runs; run++) if (averageEffects(simulate("null", { n: 40, d: 2, outcome: "continuous" }, run))[0].pValue < 0.1) below++;
    expectWithin(below / runs, 0.1, Math.sqrt(0.09 / runs), 3);
  });
});

describe("what cannot be told", () => {
  test("rows without an outcome are left out and counted, by arm", () => {
    const [effect] = averageEffects(experiment([0, 0, 0, 1, 1, 1], [1, 3, Number.NaN, 2, 4, 9]));
    expect(effect.controlMean).toBe(2);
    expect(effect.notes).toEqual(["1 of 6 rows have no outcome and are left out (0 33.33 %, 1 0.00 %)"]);
  });

  test("one row in an arm: a difference without a standard error, and a note", () => {
    const [effect] = averageEffects(experiment([0, 0, 1], [1, 3, 4]));
    expect(effect.value).toBe(2);
    expect([effect.se, effect.pValue, ...effect.interval]).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
    expect(effect.notes[0]).toMatch(/at least two rows in each arm; there are 2 and 1/);
  });

  test("one cluster in an arm likewise", () => {
    const data = experiment([0, 0, 0, 1, 1], [1, 2, 3, 4, 6], { shop: [1, 1, 2, 3, 3] }, { group: "shop" });
    expect(averageEffects(data)[0]).toMatchObject({ value: 3, se: Number.NaN, notes: [expect.stringMatching(/two clusters/)] });
  });

  test("an outcome that does not vary: standard error zero, no p-value, and a note", () => {
    const [effect] = averageEffects(experiment([0, 0, 1, 1], [1, 1, 1, 1]));
    expect(effect).toMatchObject({ value: 0, se: 0, interval: [0, 0], pValue: Number.NaN });
    expect(effect.notes[0]).toMatch(/does not vary/);
  });

  test("an arm without any known outcome is an error that names it", () => {
    expect(() => averageEffects(experiment([0, 0, 1, 1], [1, 2, Number.NaN, Number.NaN]))).toThrow(/toy: column "y": no row of arm "1"/);
    expect(() => averageEffects(withWeight((i) => reference.columns.t[i]))).toThrow(/no row of arm "0"/);
  });

  test("a level outside (0, 1) is refused", () => {
    for (const level of [0, 1, 95, Number.NaN]) expect(() => averageEffects(table(), { level })).toThrow(/level must lie strictly between 0 and 1/);
  });
});

function holdsZero([low, high]: readonly [number, number]): number {
  return low <= 0 && 0 <= high ? 1 : 0;
}

function withWeight(weight: (row: number) => number): ReturnType<typeof table> {
  return table().withColumns(
    [
      numberColumn(
        "weight",
        Array.from({ length: 240 }, (_, i) => weight(i)),
      ),
    ],
    { weight: "weight" },
  );
}

import { describe, expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { type Dataset, outcomeKind } from "../../../src/data/dataset.ts";
import type { CategoryColumn } from "../../../src/data/schema.ts";
import { generatorById, generators, simulate } from "../../../src/data/synth/index.ts";
import { correlatedNormals, vineRoot } from "../../../src/data/synth/vine.ts";
import { expectClose, expectWithin, float64 } from "../../tolerance.ts";

test("the list holds the setups that issues, docs and benchmarks name", () => {
  const ids = generators.map((generator) => generator.id);
  for (const id of ["email", "observational", "kang-schafer", "null", "constant"]) expect(ids).toContain(id);
  for (const letter of "abcd") expect(ids).toContain(`nie-wager-${letter}`);
  for (let k = 1; k <= 6; k++) expect(ids).toContain(`kunzel-${k}`);
  expect(new Set(ids).size).toBe(ids.length);
});

describe("formulae, written down again from the papers", () => {
  const { PI, abs, exp, log, max, min, sin } = Math;
  const sigmoid = (s: number): number => 1 / (1 + exp(-s));
  // Main effect, propensity and effect at x (counted from 1, as in the papers).
  const nieWager: Record<string, (x: number[]) => [number, number, number]> = {
    "nie-wager-a": (x) => [
      sin(PI * x[1] * x[2]) + 2 * (x[3] - 1 / 2) * (x[3] - 1 / 2) + x[4] + x[5] / 2,
      min(0.9, max(0.1, sin(PI * x[1] * x[2]))),
      (x[1] + x[2]) / 2,
    ],
    "nie-wager-b": (x) => [max(0, x[3], x[1] + x[2]) + max(0, x[4] + x[5]), 1 / 2, x[1] + log(1 + exp(x[2]))],
    "nie-wager-c": (x) => [2 * log(1 + exp(x[1] + x[2] + x[3])), sigmoid(-x[2] - x[3]), 1],
    "nie-wager-d": (x) => {
      const [a, b] = [max(0, x[1] + x[2] + x[3]), max(0, x[4] + x[5])];
      return [(a + b) / 2, 1 / (1 + exp(-x[1]) + exp(-x[2])), a - b];
    },
  };

  test.each(Object.entries(nieWager))("%s", (id, formula) => {
    const data = simulate(id, { n: 300, d: 7 }, 11);
    const x = Array.from({ length: 7 }, (_, j) => data.number(`x${j + 1}`));
    for (let i = 0; i < data.rows; i++) {
      const [b, e, tau] = formula([Number.NaN, ...x.map((column) => column[i])]);
      expectClose(data.number("e")[i], e, float64);
      expectClose(data.number("mu1")[i] - data.number("mu0")[i], tau, float64);
      expectClose((data.number("mu1")[i] + data.number("mu0")[i]) / 2, b, float64);
    }
  });

  test("nie-wager: covariates are uniform in A and standard normal in B to D; noise has the sigma asked for", () => {
    const n = 20_000;
    for (const [letter, mean, variance] of [
      ["a", 0.5, 1 / 12],
      ["b", 0, 1],
      ["d", 0, 1],
    ] as const) {
      const data = simulate(`nie-wager-${letter}`, { n, sigma: 2 }, 12);
      const x = data.number("x4");
      expectWithin(x.reduce((s, v) => s + v, 0) / n, mean, Math.sqrt(variance / n), 4);
      expectWithin(x.reduce((s, v) => s + (v - mean) ** 2, 0) / n, variance, variance * Math.sqrt(2 / n), 4);
      const arm = data.treatment().arm;
      const noise = data.outcome().map((y, i) => y - data.number(arm[i] === 1 ? "mu1" : "mu0")[i]);
      expectWithin(noise.reduce((s, v) => s + v * v, 0) / n, 4, 4 * Math.sqrt(2 / n), 4);
    }
    expect(min(...simulate("nie-wager-a", { n }, 12).number("x5"))).toBeGreaterThanOrEqual(0);
  });

  test("kunzel: propensity, effect and shape of the surfaces", () => {
    const one = simulate("kunzel-1", { n: 500 }, 1);
    expect(one.number("e").every((e) => e === 0.01)).toBe(true);
    tau(one).forEach((t, i) => expectClose(t, x(one, 2)[i] > 0.1 ? 8 : 0, float64));
    const three = simulate("kunzel-3", { n: 300 }, 1);
    tau(three).forEach((t, i) => expectClose(t, steep(x(three, 1)[i]) * steep(x(three, 2)[i]), float64));
    three.number("mu0").forEach((mu, i) => expectClose(mu, -tau(three)[i] / 2, float64));
    const six = simulate("kunzel-6", { n: 300 }, 1);
    // The Beta(2, 4) density is 20 u (1 - u)^3.
    six.number("e").forEach((e, i) => expectClose(e, (1 + 20 * x(six, 1)[i] * (1 - x(six, 1)[i]) ** 3) / 4, float64));
    six.number("mu0").forEach((mu, i) => expectClose(mu, 2 * x(six, 1)[i] - 1, float64));
    for (const id of ["kunzel-4", "kunzel-5", "kunzel-6"]) expect(tau(simulate(id, { n: 200 }, 2)).every((t) => t === 0)).toBe(true);
    expect(simulate("kunzel-4", { n: 10 }).roles.features.length).toBe(5);
    expect(simulate("kunzel-2", { n: 10 }).roles.features.length).toBe(20);
  });

  test("kunzel-2 and kunzel-5: surfaces are linear (in pieces), with coefficients in the range of the paper", () => {
    // Differences of the surface along x solve for the coefficients: 20 unknowns from rows of one piece.
    const data = simulate("kunzel-5", { n: 3000 }, 4);
    const last = data.number("x20");
    const mu = data.number("mu0");
    const pieces = [
      Array.from(last.keys()).filter((i) => last[i] < -0.4),
      Array.from(last.keys()).filter((i) => abs(last[i]) <= 0.4),
      Array.from(last.keys()).filter((i) => last[i] > 0.4),
    ];
    pieces.forEach((piece, p) => {
      const beta = solve(
        piece.slice(0, 5).map((i) => Array.from({ length: 5 }, (_, j) => data.number(`x${5 * p + j + 1}`)[i])),
        piece.slice(0, 5).map((i) => mu[i]),
      );
      for (const b of beta) expect(abs(b)).toBeLessThanOrEqual(15);
      // Five coefficients found on five rows explain all the others.
      for (const i of piece.slice(5, 60))
        expectClose(
          beta.reduce((s, b, j) => s + b * data.number(`x${5 * p + j + 1}`)[i], 0),
          mu[i],
          1e-9,
        );
    });
    const two = simulate("kunzel-2", { n: 40 }, 4);
    for (const name of ["mu0", "mu1"]) {
      const beta = solve(
        Array.from({ length: 20 }, (_, i) => Array.from({ length: 20 }, (__, j) => two.number(`x${j + 1}`)[i])),
        Array.from({ length: 20 }, (_, i) => two.number(name)[i]),
      );
      for (const b of beta) expect(b >= 1 - 1e-9 && b <= 30 + 1e-9).toBe(true);
    }
  });

  test("kang-schafer: latent surfaces, and the published transformation of what is seen", () => {
    const data = simulate("kang-schafer", { n: 200, covariates: "latent" }, 6);
    const seen = simulate("kang-schafer", { n: 200 }, 6);
    const z = [1, 2, 3, 4].map((j) => data.number(`x${j}`));
    for (let i = 0; i < 200; i++) {
      const [a, b, c, d] = z.map((column) => column[i]);
      expectClose(data.number("mu0")[i], 210 + 27.4 * a + 13.7 * b + 13.7 * c + 13.7 * d, float64);
      expectClose(data.number("e")[i], 1 / (1 + exp(a - 0.5 * b + 0.25 * c + 0.1 * d)), float64);
      const want = [exp(a / 2), b / (1 + exp(a)) + 10, ((a * c) / 25 + 0.6) ** 3, (b + d + 20) ** 2];
      want.forEach((value, j) => expectClose(seen.number(`x${j + 1}`)[i], value, float64));
    }
    expect(seen.roles.propensity).toBeUndefined();
  });
});

describe("email: close to the public experiment it is modelled on", () => {
  const data = simulate("email", { n: 200_000 }, 1);
  const { arm, arms } = data.treatment();
  const meanOf = (outcome: string, a: number): number => {
    const y = data.outcome(outcome).filter((_, i) => arm[i] === a);
    return y.reduce((s, v) => s + v, 0) / y.length;
  };

  test("three arms, control first, and the columns of Hillstrom's file", () => {
    expect(arms).toEqual(["No E-Mail", "Mens E-Mail", "Womens E-Mail"]);
    expect(data.roles.features).toEqual(["recency", "history_segment", "history", "mens", "womens", "zip_code", "newbie", "channel"]);
    expect(data.roles.outcomes).toEqual(["visit", "conversion", "spend"]);
    expect(simulate("email").rows).toBe(20_000);
  });

  test("rates and average effects lie within a quarter of the published ones", () => {
    // Manifest of the public file: arm means and differences.
    const published: [string, number, number][] = [
      ["visit", 0, 0.106167],
      ["visit", 1, 0.182757],
      ["visit", 2, 0.1514],
      ["conversion", 0, 0.005726],
      ["conversion", 1, 0.012531],
      ["spend", 0, 0.652789],
      ["spend", 1, 1.422617],
    ];
    for (const [outcome, a, want] of published) expect(Math.abs(meanOf(outcome, a) / want - 1), `${outcome} ${arms[a]}`).toBeLessThan(0.25);
  });

  test("only visitors buy, only buyers spend, and nobody spends less than the cheapest article", () => {
    const [visit, conversion, spend] = data.roles.outcomes.map((name) => data.outcome(name));
    expect([outcomeKind(visit), outcomeKind(conversion), outcomeKind(spend)]).toEqual(["binary", "binary", "continuous"]);
    expect(visit.every((v, i) => conversion[i] <= v && spend[i] > 0 === (conversion[i] === 1))).toBe(true);
    expect(spend.every((s) => s === 0 || s >= 29.99)).toBe(true);
  });

  test("the women's e-mail works on those who buy women's goods and on few others; the men's on most", () => {
    const womens = data.number("womens");
    const average = (a: string, flag: number): number => {
      const tau = (data.trueEffect(a) as Float64Array).filter((_, i) => womens[i] === flag);
      return tau.reduce((s, t) => s + t, 0) / tau.length;
    };
    expect(average(arms[2], 1)).toBeGreaterThan(4 * average(arms[2], 0));
    expect(average(arms[1], 0)).toBeGreaterThan(0.05);
  });

  test("the brackets of history are those of the amounts", () => {
    const bracket = data.column("history_segment") as CategoryColumn;
    const history = data.number("history");
    for (let i = 0; i < 500; i++) {
      const [, low, high] = /\$([\d,]+) (?:- \$([\d,]+)|\+)/.exec(bracket.levels[bracket.codes[i]]) as unknown as string[];
      expect(history[i]).toBeGreaterThanOrEqual(Number(low.replace(",", "")));
      if (high !== undefined) expect(history[i]).toBeLessThan(Number(high.replace(",", "")));
    }
  });

  test("effect 0 is a null experiment, and the primary outcome can be chosen", () => {
    const none = simulate("email", { n: 100, effect: 0, outcome: "spend" }, 2);
    expect(none.roles.outcomes[0]).toBe("spend");
    expect(none.trueEffect(arms[1])?.every((t) => t === 0)).toBe(true);
  });
});

describe("observational", () => {
  test("the difference in means overstates the effect, more so the stronger the confounding; without it, it does not", () => {
    const bias = [0, 1, 2].map((confounding) => {
      const data = simulate("observational", { n: 40_000, confounding }, 3);
      const [arm, y] = [data.treatment().arm, data.outcome()];
      const mean = (a: number): number => y.filter((_, i) => arm[i] === a).reduce((s, v) => s + v, 0) / arm.filter((b) => b === a).length;
      const tau = data.trueEffect("treated") as Float64Array;
      return mean(1) - mean(0) - tau.reduce((s, t) => s + t, 0) / data.rows;
    });
    expectWithin(bias[0], 0, 2 * Math.sqrt(4 / 40_000), 4);
    expect(bias[1]).toBeGreaterThan(0.4);
    expect(bias[2]).toBeGreaterThan(bias[1]);
  });

  test("propensity is withheld unless asked for, and stays within the overlap", () => {
    const data = simulate("observational", { n: 2000, overlap: 0.1, confounding: 5 });
    expect(data.roles.propensity).toBeUndefined();
    expect(data.number("e").every((e) => e >= 0.1 && e <= 0.9)).toBe(true);
    expect(simulate("observational", { n: 10, propensity: "given" }).roles.propensity).toEqual({ treated: "e" });
  });

  test("income has the missing share asked for; binary outcomes are 0 and 1", () => {
    const data = simulate("observational", { n: 20_000, missing: 0.2, outcome: "binary" });
    expectWithin(data.number("income").filter((v) => Number.isNaN(v)).length / 20_000, 0.2, Math.sqrt(0.16 / 20_000), 4);
    expect(outcomeKind(data.outcome())).toBe("binary");
    expect(data.number("mu1").every((p) => p > 0 && p < 1)).toBe(true);
  });
});

describe("null and constant", () => {
  test("the effect is the same on everyone, arm k having k times as much, whatever the kind of the outcome", () => {
    for (const outcome of ["continuous", "binary", "count"] as const) {
      const data = simulate("constant", { n: 500, arms: 3, outcome, effect: 0.1 }, 1);
      expect(data.treatment().arms).toEqual(["control", "treated1", "treated2", "treated3"]);
      for (let k = 1; k <= 3; k++) data.trueEffect(`treated${k}`)?.forEach((t) => expectClose(t, k * 0.1, float64));
      expect(outcomeKind(data.outcome())).toBe(outcome);
      expect(
        simulate("null", { n: 50, outcome })
          .trueEffect("treated")
          ?.every((t) => t === 0),
      ).toBe(true);
    }
  });

  test("`share` of the rows is treated", () => {
    const arm = simulate("null", { n: 20_000, share: 0.1, arms: 2 }).treatment().arm;
    expectWithin(arm.filter((a) => a > 0).length / 20_000, 0.1, Math.sqrt(0.09 / 20_000), 4);
  });

  test("an effect that probabilities cannot bear is refused", () => {
    expect(() => simulate("constant", { outcome: "binary", effect: 0.6 })).toThrow(/effect must lie between 0 and 0.5/);
    expect(() => simulate("constant", { outcome: "count", effect: -0.1 })).toThrow(/at least 0/);
  });
});

describe("vine", () => {
  test("L L' is a correlation matrix, for any shape and size", () => {
    for (const [d, shape] of [
      [1, 10],
      [6, 0.5],
      [20, 10],
    ]) {
      const root = vineRoot(d, shape, new Rng(1));
      for (let j = 0; j < d; j++) {
        expectClose(
          Array.from(root.subarray(j * d, j * d + d)).reduce((s, v) => s + v * v, 0),
          1,
          float64,
        );
        expect(root[j * d + j]).toBeGreaterThan(0);
      }
    }
  });

  test("the draws have these correlations, unit variances and mean zero", () => {
    const n = 40_000;
    const x = correlatedNormals(n, 4, 2, new Rng(5), new Rng(6));
    const root = vineRoot(4, 2, new Rng(5));
    const place = (() => {
      const rng = new Rng(5);
      vineRoot(4, 2, rng);
      return rng.permutation(4);
    })();
    for (let j = 0; j < 4; j++)
      for (let k = 0; k <= j; k++) {
        const want = Array.from({ length: 4 }, (_, l) => root[4 * j + l] * root[4 * k + l]).reduce((s, v) => s + v, 0);
        const [a, b] = [x[place[j]], x[place[k]]];
        const got = a.reduce((s, v, i) => s + v * b[i], 0) / n;
        expectWithin(got, want, Math.sqrt((1 + want * want) / n), 4, `${j}, ${k}`);
      }
  });

  test("a population's coefficients and correlations do not depend on the seed of the data", () => {
    expectClose(firstCoefficient(1, 0), firstCoefficient(2, 0), 1e-9);
    expect(Math.abs(firstCoefficient(1, 0) - firstCoefficient(1, 7))).toBeGreaterThan(1e-3);
  });
});

test("what cannot be simulated is refused in one line with a way out", () => {
  expect(() => generatorById("nie-wager-e")).toThrow(/no generator "nie-wager-e"; did you mean "nie-wager-[a-d]"/);
  expect(() => simulate("nie-wager-a", { d: 4 })).toThrow(/simulate:nie-wager-a.*"d".*at least 5.*4/);
  expect(() => simulate("email", { rows: 5 })).toThrow(/"rows"/);
  expect(() => simulate("null", { share: 1 })).toThrow(/"share".*less than 1/);
});

function x(data: Dataset, j: number): Float64Array {
  return data.number(`x${j}`);
}

function tau(data: Dataset): Float64Array {
  return data.trueEffect("treated") as Float64Array;
}

function steep(u: number): number {
  return 2 / (1 + Math.exp(-12 * (u - 0.5)));
}

/** First coefficient of the linear surface of kunzel-4. */
function firstCoefficient(seed: number, coefficients: number): number {
  const data = simulate("kunzel-4", { n: 6, coefficients }, seed);
  return solve(
    Array.from({ length: 5 }, (_, i) => Array.from({ length: 5 }, (__, j) => x(data, j + 1)[i])),
    Array.from({ length: 5 }, (_, i) => data.number("mu0")[i]),
  )[0];
}

/** Gaussian elimination with pivoting. */
function solve(a: number[][], b: number[]): number[] {
  const rows = a.map((row, i) => [...row, b[i]]);
  const n = b.length;
  for (let c = 0; c < n; c++) {
    const pivot = rows.slice(c).reduce((best, row, k) => (Math.abs(row[c]) > Math.abs(rows[best][c]) ? c + k : best), c);
    [rows[c], rows[pivot]] = [rows[pivot], rows[c]];
    for (let r = 0; r < n; r++) {
      if (r === c) continue;
      const f = rows[r][c] / rows[c][c];
      for (let k = c; k <= n; k++) rows[r][k] -= f * rows[c][k];
    }
  }
  return rows.map((row, i) => row[n] / row[i]);
}

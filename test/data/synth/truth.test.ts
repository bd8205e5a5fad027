import { describe, expect, test } from "vitest";
import { moments } from "../../../src/base/stats/moments.ts";
import type { Dataset } from "../../../src/data/dataset.ts";
import { generatorById, generators, simulate } from "../../../src/data/synth/index.ts";
import { expectWithin } from "../../tolerance.ts";

const rows = 60_000;

/** Truth of an outcome under an arm: the column in the role, or for further outcomes of the e-mail experiment the one beside it. */
function truths(data: Dataset): { outcome: string; potential: Float64Array[] }[] {
  const { arms } = data.treatment();
  const primary = data.roles.outcomes[0];
  const potential = data.roles.potential ?? {};
  return data.roles.outcomes
    .map((outcome) => ({ outcome, names: arms.map((arm) => potential[arm].replace(primary, outcome)) }))
    .map(({ outcome, names }) => ({ outcome, potential: names.map((name) => data.number(name)) }));
}

/** z of the sum of (got - expected) over the rows chosen, with the variance of the parts estimated from them. */
function gap(difference: (row: number) => number, chosen: readonly number[]): number {
  let sum = 0;
  let square = 0;
  for (const i of chosen) {
    const d = difference(i);
    sum += d;
    square += d * d;
  }
  return square === 0 ? 0 : sum / Math.sqrt(square);
}

/** Rows cut into tenths by a value. */
function tenths(value: Float64Array): number[][] {
  const order = Array.from(value.keys()).toSorted((i, j) => value[i] - value[j]);
  return Array.from({ length: 10 }, (_, k) => order.slice((k * order.length) / 10, ((k + 1) * order.length) / 10));
}

// One row in a hundred is treated in kunzel-1: its treated tenths are small, but their z is judged all the same.
const ofOneTreatment = generators.filter(({ id }) => !id.startsWith("longterm-") && id !== "sellers" && simulate(id, { n: 1 }).roles.treatment !== undefined);
describe.each(ofOneTreatment.map((generator) => generator.id))("%s: the truth that comes with the data is the truth", (id) => {
  const data = simulate(id, { n: rows }, 1);
  const { arm, arms } = data.treatment();

  test("outcomes of an arm average to the expectation given for it, in every tenth of that expectation", () => {
    for (const { outcome, potential } of truths(data)) {
      const y = data.outcome(outcome);
      for (let a = 0; a < arms.length; a++)
        for (const [k, part] of tenths(potential[a]).entries()) {
          const chosen = part.filter((i) => arm[i] === a);
          expect(Math.abs(gap((i) => y[i] - potential[a][i], chosen)), `${outcome}, ${arms[a]}, tenth ${k + 1}`).toBeLessThan(4.5);
        }
    }
  });

  test("treatment is drawn with the propensity given, in every tenth of it", () => {
    for (let a = 1; a < arms.length; a++) {
      const e = data.has("e") ? data.number("e") : data.number("propensity");
      expect(e.every((p) => p > 0 && p < 1)).toBe(true);
      for (const [k, part] of tenths(e).entries()) {
        const z = part.reduce((sum, i) => sum + (arm[i] === a ? 1 : 0) - e[i], 0) / Math.sqrt(part.reduce((sum, i) => sum + e[i] * (1 - e[i]), 0));
        expect(Math.abs(z), `${arms[a]}, tenth ${k + 1}`).toBeLessThan(4.5);
      }
    }
  });

  test("weighting by the propensity recovers the average effect", () => {
    const { outcome, potential } = truths(data)[0];
    const y = data.outcome(outcome);
    const e = data.has("e") ? data.number("e") : data.number("propensity");
    const treated = arms.length - 1;
    const all = Array.from(y.keys());
    for (let a = 1; a < arms.length; a++) {
      // Centred at the truth, the weighted residual has mean zero whatever the surfaces are.
      const psi = (i: number): number => (arm[i] === a ? (y[i] - potential[a][i]) / e[i] : arm[i] === 0 ? -(y[i] - potential[0][i]) / (1 - treated * e[i]) : 0);
      expect(Math.abs(gap(psi, all))).toBeLessThan(4.5);
    }
    expect(data.trueEffect(arms[1])?.every((tau, i) => tau === potential[1][i] - potential[0][i])).toBe(true);
  });

  test("the same seed is the same data, another seed is not", () => {
    const one = simulate(id, { n: 50 }, 3);
    expect(one.columns).toEqual(simulate(id, { n: 50 }, 3).columns);
    expect(one.columns).not.toEqual(simulate(id, { n: 50 }, 4).columns);
  });

  test("one row works, and every option has a help text", () => {
    expect(simulate(id, { n: 1 }, 5).rows).toBe(1);
    const shape = (generatorById(id).config as unknown as { shape: Record<string, { description?: string }> }).shape;
    for (const [name, option] of Object.entries(shape)) expect(option.description, name).toMatch(/\.$/);
    expect(generatorById(id).summary).toMatch(/\.$/);
  });
});

test("units do not depend on the noise: other sigma, same covariates, treatment and truth", () => {
  for (const id of ["nie-wager-a", "kunzel-5", "kang-schafer", "observational", "constant"]) {
    const [quiet, loud] = [0, 5].map((sigma) => simulate(id, { n: 200, sigma }, 2));
    for (const name of quiet.names.filter((column) => column !== "y")) expect(quiet.column(name)).toEqual(loud.column(name));
    const arm = quiet.treatment().arm;
    const [mu0, mu1] = [quiet.number("mu0"), quiet.number("mu1")];
    expect(quiet.outcome()).toEqual(mu0.map((mu, i) => (arm[i] === 1 ? mu1[i] : mu)));
  }
});

test("a known average effect: Monte Carlo over the covariates alone agrees with the closed form", () => {
  // A: E(x1 + x2) / 2 = 1/2. C: 1. D: E max(N(0, 3), 0) - E max(N(0, 2), 0) = (sqrt 3 - sqrt 2) / sqrt(2 pi).
  const cases: [string, number][] = [
    ["nie-wager-a", 0.5],
    ["nie-wager-c", 1],
    ["nie-wager-d", (Math.sqrt(3) - Math.sqrt(2)) / Math.sqrt(2 * Math.PI)],
    ["kunzel-1", 8 * 0.460172162722971],
    ["kunzel-2", 0],
    ["kunzel-4", 0],
    ["observational", 0.5 + 0.5 / Math.sqrt(2 * Math.PI) - 0.1],
  ];
  for (const [id, want] of cases) {
    const tau = simulate(id, { n: rows }, 8).trueEffect("treated") as Float64Array;
    const { mean, variance } = moments(tau);
    expectWithin(mean, want, Math.sqrt(variance / rows) + 1e-15, 4, id);
  }
});

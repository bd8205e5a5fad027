import { describe, expect, test } from "vitest";
import { cellName, cellOf, everyCell, levelsOfCell, levelsOfRows } from "../../../src/data/levers.ts";
import { simulate } from "../../../src/data/synth/index.ts";
import { exact, expectClose, expectWithin, float64 } from "../../tolerance.ts";

const { exp, min, sin, sqrt } = Math;
const sigmoid = (s: number): number => 1 / (1 + exp(-s));

describe("the generator of three levers", () => {
  const data = simulate("levers", { n: 3000, kappa: 1, withheld: 0.6, sigma: 0.5 }, 3);
  const { grid, levels } = levelsOfRows(data);
  const cells = everyCell(grid);
  const mu = Array.from({ length: grid.cells }, (_, cell) => data.number(data.roles.potential?.[cellName(grid, cells, cell * 3)] ?? ""));

  test("80 cells, of which 48 hold no row; the baseline and cells of one lever are always kept", () => {
    const counts = new Set(Array.from({ length: data.rows }, (_, i) => cellOf(grid.sizes, levels, i * 3)));
    expect(grid.cells).toBe(80);
    expect(data.names.filter((name) => name.startsWith("e "))).toHaveLength(32);
    expect(counts.size).toBeLessThanOrEqual(32);
    for (let cell = 0; cell < 80; cell++) {
      if (levelsOfCell(grid.sizes, cell).filter((k) => k > 0).length <= 1) expect(data.has(`e ${cellName(grid, cells, cell * 3)}`)).toBe(true);
    }
  });

  test("the truth is the formula: what levers do alone gives the main effects, and the joint cells follow from them", () => {
    const main = [2, 3, 1];
    for (let i = 0; i < 200; i++) {
      const x = (j: number): number => data.number(`x${j}`)[i];
      const mu0 = 2 + x(1) + 0.5 * x(2) ** 2 - sin(x(3)) + 0.5 * x(4) * x(5);
      expectClose(mu[0][i], mu0, float64, "mu0");
      const top = main.map(
        (_, l) =>
          mu[
            cellOf(
              grid.sizes,
              [0, 0, 0].map((_, k) => (k === l ? grid.sizes[l] - 1 : 0)),
            )
          ][i] - mu0,
      );
      for (const cell of [7, 33, 46, 79]) {
        const v = levelsOfCell(grid.sizes, cell).map((k, l) => k / (grid.sizes[l] - 1));
        const f = v.map((dose, l) => (top[l] * (1 - exp(-main[l] * dose))) / (1 - exp(-main[l])));
        const want = mu0 + f[0] + f[1] + f[2] + 2 * sigmoid(x(6)) * v[0] * v[1] - 0.6 * min(f[0], f[2]) + sigmoid(x(7)) * v[0] * v[1] * v[2];
        expectClose(mu[cell][i], want, 1e-9, `cell ${cell}`);
      }
    }
  });

  test("every level more raises the truth", () => {
    for (let cell = 0; cell < 80; cell++) {
      for (let l = 0; l < 3; l++) {
        const up = levelsOfCell(grid.sizes, cell);
        if (++up[l] >= grid.sizes[l]) continue;
        const higher = mu[cellOf(grid.sizes, up)];
        expect(mu[cell].every((value, i) => higher[i] >= value)).toBe(true);
      }
    }
  });

  test("levels are drawn with the propensity given, and outcomes average to the truth", () => {
    const cell = cellOf(grid.sizes, [4, 0, 0]);
    const e = data.number(`e ${cellName(grid, [4, 0, 0])}`);
    let [gap, square, count, variance] = [0, 0, 0, 0];
    for (let i = 0; i < data.rows; i++) {
      const own = cellOf(grid.sizes, levels, i * 3);
      const d = data.outcome()[i] - mu[own][i];
      gap += d;
      square += d * d;
      count += (own === cell ? 1 : 0) - e[i];
      variance += e[i] * (1 - e[i]);
    }
    expectWithin(gap, 0, sqrt(square), 4, "noise");
    expectWithin(sqrt(square / data.rows), 0.5, 0.5 / sqrt(2 * data.rows), 4, "sigma");
    expectWithin(count, 0, sqrt(variance), 4, "draws");
  });

  test("a binary outcome follows the logistic of the same response", () => {
    const [plain, binary] = [{}, { outcome: "binary" }].map((more) => simulate("levers", { n: 20, ...more }, 4));
    const [a, b] = [plain.number("mu 4 x 3 x 3"), binary.number("mu 4 x 3 x 3")];
    a.forEach((value, i) => expectClose(b[i], sigmoid((value - 5) / 2), float64));
    expect(new Set(binary.outcome()).size).toBeLessThanOrEqual(2);
  });
});

test("multi-cause: the factual outcome is the truth of the row's own combination, and the truth is a quadratic without squares", () => {
  const data = simulate("multi-cause", { n: 300, causes: 4, sigma: 0 }, 2);
  const { grid, levels } = levelsOfRows(data);
  for (let i = 0; i < data.rows; i++) {
    const own = data.number(`mu ${cellName(grid, levels, i * 4)}`)[i];
    expect(data.outcome()[i] - own).toBe(exact);
  }
  // A quadratic has no interaction of three causes.
  const mu = (...on: number[]): Float64Array => data.number(`mu ${[0, 1, 2, 3].map((k) => (on.includes(k) ? 1 : 0)).join(" x ")}`);
  for (let i = 0; i < 50; i++) {
    const triple = mu(0, 1, 2)[i] - mu(0, 1)[i] - mu(0, 2)[i] - mu(1, 2)[i] + mu(0)[i] + mu(1)[i] + mu(2)[i] - mu()[i];
    expectClose(triple, 0, 1e-9);
  }
});

test("dose simulations: outcome less noise is the curve at the level given", () => {
  const data = simulate("dose-sim-1", { n: 400, levels: 5 }, 1);
  const { grid, levels } = levelsOfRows(data);
  const x = [1, 3, 4, 6].map((j) => data.number(`x${j}`)[0]);
  const t = 0.25;
  const want = Math.cos(2 * Math.PI * (t - 0.5)) * (t ** 2 + (sin(x[2]) * 4 * Math.max(x[0], x[3]) ** 3) / (1 + 2 * x[1] ** 2));
  expectClose(data.number("mu 0.25")[0], want, float64);
  let [sum, square] = [0, 0];
  for (let i = 0; i < data.rows; i++) {
    const d = data.outcome()[i] - data.number(`mu ${grid.levers[0].levels[levels[i]]}`)[i];
    sum += d;
    square += d * d;
  }
  expectWithin(sum, 0, sqrt(square), 4);
  expect(simulate("dose-news", { n: 50 }, 1).rows).toBe(50);
});

test("scigan: each unit gets one treatment, and treatments agree at dose 0", () => {
  const data = simulate("dose-scigan", { n: 200, levels: 6 }, 1);
  const { levels } = levelsOfRows(data);
  for (let i = 0; i < data.rows; i++) expect([0, 1, 2].filter((k) => levels[i * 3 + k] > 0)).toHaveLength(1);
  expect(Object.keys(data.roles.potential ?? {})).toHaveLength(16);
});

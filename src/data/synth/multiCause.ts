import { z } from "zod";
import type { Rng } from "../../base/rng.ts";
import { Dataset, numberColumn } from "../dataset.ts";
import { cellName, everyCell, leverGrid } from "../levers.ts";
import type { LeverRole } from "../schema.ts";
import { draws, logistic, numbered, rowsOption } from "./assemble.ts";
import { define, type Generator } from "./contract.ts";

const config = z.strictObject({
  n: rowsOption(5000),
  d: z.int().min(1).max(1000).default(20).describe("Confounders."),
  causes: z.int().min(2).max(12).default(10).describe("Binary causes; the truth has a column for each of their 2^causes combinations."),
  nonlinear: z.boolean().default(false).describe("Whether the standardised outcome goes through a logistic."),
  sigma: z.number().min(0).max(1e6).default(0.01).describe("Standard deviation of the noise in causes' scores and outcome."),
});

/*
 * Single-cause perturbation's design. x ~ N(0, I_d). Cause k: Bernoulli(logistic(3 mean_j(x_j c_jk) + mean over earlier causes m of a_km t_m + 0.01 eps)),
 * coefficients N(0, 1) kept with probability 0.3. Outcome: sum over pairs of (1, x, t) with coefficients N(0, 1), kept with probability 0.3 where one of
 * the pair is 1 and 0.05 otherwise. Nonlinear: logistic of the value standardised by the mean and deviation of the factual ones, for every combination alike.
 */
export const multiCause: Generator = define({
  id: "multi-cause",
  summary: "Ten binary causes that follow twenty confounders and each other; the outcome is a sparse quadratic of all.",
  source: [{ key: "Qian2021", departure: "the nonlinear outcome of every combination is standardised as the factual one is" }],
  config,
  simulate({ n, d, causes, nonlinear, sigma }, rng) {
    const levers: LeverRole[] = Array.from({ length: causes }, (_, k) => ({ column: `t${k + 1}`, levels: ["0", "1"] }));
    const grid = leverGrid(levers);
    const coefficients = rng.split("coefficients");
    const sparse = (keep: number): number => {
      const value = coefficients.normal();
      return coefficients.float() < keep ? value : 0;
    };
    const own = Array.from({ length: causes }, () => Array.from({ length: d }, () => sparse(0.3)));
    const earlier = Array.from({ length: causes }, (_, k) => Array.from({ length: k }, () => sparse(0.3)));
    const size = 1 + d + causes;
    const pairs: { readonly a: number; readonly b: number; readonly c: number }[] = [];
    for (let a = 0; a < size; a++) {
      for (let b = a + 1; b < size; b++) {
        const c = sparse(a === 0 ? 0.3 : 0.05);
        if (c !== 0) pairs.push({ a, b, c });
      }
    }
    const stream = rng.split("x");
    const x = draws(n, d, () => stream.normal());
    const [coin, noise] = [rng.split("treatment"), rng.split("noise")];
    const cells = everyCell(grid);
    const levels = levers.map(() => new Int32Array(n));
    const y = new Float64Array(n);
    const mu = Array.from({ length: grid.cells }, () => new Float64Array(n));
    const factual = new Float64Array(n);
    const z = new Float64Array(size);
    for (let i = 0; i < n; i++) {
      z[0] = 1;
      for (let j = 0; j < d; j++) z[1 + j] = x[j][i];
      drawCauses(z.subarray(1, 1 + d), own, earlier, coin, levels, i);
      const value = (): number => pairs.reduce((sum, { a, b, c }) => sum + c * z[a] * z[b], 0);
      for (let k = 0; k < causes; k++) z[1 + d + k] = levels[k][i];
      factual[i] = value();
      for (let cell = 0; cell < grid.cells; cell++) {
        for (let k = 0; k < causes; k++) z[1 + d + k] = cells[cell * causes + k];
        mu[cell][i] = value();
      }
    }
    const shape = nonlinear ? squash(factual) : (value: number): number => value;
    for (const list of mu) for (let i = 0; i < n; i++) list[i] = shape(list[i]);
    for (let i = 0; i < n; i++) y[i] = shape(factual[i]) + sigma * noise.normal();
    const features = numbered(x);
    const names = mu.map((_, cell) => cellName(grid, cells, cell * causes));
    return new Dataset(
      [
        ...features,
        ...levers.map(({ column, levels: own }, k) => ({ kind: "category" as const, name: column, codes: levels[k], levels: own })),
        numberColumn("y", y),
        ...mu.map((values, cell) => numberColumn(`mu ${names[cell]}`, values)),
      ],
      { features: features.map(({ name }) => name), levers, outcomes: ["y"], potential: Object.fromEntries(names.map((name) => [name, `mu ${name}`])) },
      "simulate:multi-cause",
    );
  },
});

function drawCauses(x: Float64Array, own: readonly number[][], earlier: readonly number[][], coin: Rng, levels: readonly Int32Array[], row: number): void {
  own.forEach((weights, k) => {
    const confounded = (3 * weights.reduce((sum, c, j) => sum + c * x[j], 0)) / weights.length;
    const before = k === 0 ? 0 : earlier[k].reduce((sum, a, m) => sum + a * levels[m][row], 0) / k;
    levels[k][row] = coin.bernoulli(logistic(confounded + before + 0.01 * coin.normal()));
  });
}

/** Logistic of a value standardised by these. */
function squash(values: Float64Array): (value: number) => number {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length) || 1;
  return (value) => logistic((value - mean) / deviation);
}

import { z } from "zod";
import type { Rng } from "../../base/rng.ts";
import { Dataset, numberColumn } from "../dataset.ts";
import { cellName, everyCell, leverGrid, levelsOfCell, relativeDoses } from "../levers.ts";
import type { LeverRole } from "../schema.ts";
import { draws, logistic, noiseOption, numbered, propensityOption, rowsOption, softplus } from "./assemble.ts";
import { define, type Generator } from "./contract.ts";

const config = z.strictObject({
  n: rowsOption(10_000),
  d: z.int().min(7).max(1000).default(20).describe("Covariates; the first seven shape baseline and interactions, all of them the main effects."),
  kappa: z.number().min(0).max(10).default(0).describe("How strongly the levels follow the covariates; 0 is a randomised experiment."),
  withheld: z.number().min(0).max(0.9).default(0).describe("Share of all cells that no row is in; the baseline and cells of a single lever are always kept."),
  synergy: z.number().min(0).max(100).default(2).describe("Strength of the first and second lever helping each other."),
  substitution: z
    .number()
    .min(0)
    .max(0.99)
    .default(0.6)
    .describe("Share of the smaller of the first and third lever's effects that is lost when both are used."),
  triple: z.number().min(0).max(100).default(1).describe("Strength of the synergy of all three."),
  outcome: z.enum(["continuous", "binary"]).default("continuous").describe("Kind of the outcome; binary is logistic((response - 5) / 2)."),
  sigma: noiseOption(1),
  propensity: propensityOption("withheld"),
});

const sizes = [5, 4, 4] as const;
const shape = [2, 3, 1] as const;
const height = [1, 0.5, 0] as const;

/** The levers of the generator: five, four and four levels, doses from 0 to 1. */
export const simulatedLevers: readonly LeverRole[] = ["discount", "subsidy", "commission"].map((column, l) => ({
  column,
  levels: Array.from({ length: sizes[l] }, (_, k) => String(k)),
  doses: Array.from({ length: sizes[l] }, (_, k) => k / (sizes[l] - 1)),
}));

/*
 * x ~ N(0, I_d); doses v_l = k / (K_l - 1); w_l, u_l ~ N(0, I_d), drawn once.
 *   mu0     = 2 + x1 + x2^2 / 2 - sin x3 + x4 x5 / 2
 *   main_l  = softplus(2 w_l.x / sqrt d + b_l) (1 - exp(-k_l v_l)) / (1 - exp(-k_l)),   b = (1, 1/2, 0), k = (2, 3, 1): concave, saturating
 *   mu(t)   = mu0 + sum main_l + synergy logistic(x6) v_1 v_2 - substitution min(main_1, main_3) + triple logistic(x7) v_1 v_2 v_3
 *   e_l(k)  prop. exp(kappa v_l u_l.x / sqrt d), levers independent given x; rows that fall into a withheld cell are drawn again.
 * Every level more raises mu: min(main_1, main_3) rises by no more than the lever that rises, and loses less than all of it.
 */
export const leversGenerator: Generator = define({
  id: "levers",
  summary: "Three levers of 5 x 4 x 4 levels with synergy and substitution, randomised or confounded, with cells that were never logged.",
  source: [],
  config,
  simulate({ n, d, kappa, withheld, synergy, substitution, triple, outcome, sigma, propensity }, rng) {
    const grid = leverGrid(simulatedLevers);
    const coefficients = rng.split("coefficients");
    const vector = (): number[] => Array.from({ length: d }, () => coefficients.normal());
    const [w, u] = [sizes.map(vector), sizes.map(vector)];
    const stream = rng.split("x");
    const x = draws(n, d, () => stream.normal());
    const doses = simulatedLevers.map(relativeDoses);
    const cells = everyCell(grid);
    const kept = keptCells(grid.cells, withheld, rng.split("withheld"));
    const mu = Array.from({ length: grid.cells }, () => new Float64Array(n));
    const e = Array.from({ length: grid.cells }, (_, cell) => (kept[cell] ? new Float64Array(n) : undefined));
    const levels = sizes.map(() => new Int32Array(n));
    const y = new Float64Array(n);
    const [pick, noise] = [rng.split("treatment"), rng.split("noise")];
    const share = new Float64Array(grid.cells);
    for (let i = 0; i < n; i++) {
      const at = (j: number): number => x[j][i];
      const along = (v: readonly number[]): number => v.reduce((sum, value, j) => sum + value * x[j][i], 0) / Math.sqrt(d);
      const mu0 = 2 + at(0) + 0.5 * at(1) ** 2 - Math.sin(at(2)) + 0.5 * at(3) * at(4);
      const beta = w.map((v, l) => softplus(2 * along(v) + height[l]));
      const [g12, g123] = [synergy * logistic(at(5)), triple * logistic(at(6))];
      const pull = u.map((v) => kappa * along(v));
      let total = 0;
      for (let cell = 0; cell < grid.cells; cell++) {
        const v = doses.map((list, l) => list[cells[cell * 3 + l]]);
        const main = v.map((dose, l) => (beta[l] * (1 - Math.exp(-shape[l] * dose))) / (1 - Math.exp(-shape[l])));
        const response = mu0 + main[0] + main[1] + main[2] + g12 * v[0] * v[1] - substitution * Math.min(main[0], main[2]) + g123 * v[0] * v[1] * v[2];
        mu[cell][i] = outcome === "binary" ? logistic((response - 5) / 2) : response;
        share[cell] = kept[cell] ? Math.exp(pull[0] * v[0] + pull[1] * v[1] + pull[2] * v[2]) : 0;
        total += share[cell];
      }
      for (let cell = 0; cell < grid.cells; cell++) {
        const own = e[cell];
        if (own !== undefined) own[i] = share[cell] / total;
      }
      const cell = pick.choice(share);
      levelsOfCell(sizes, cell).forEach((k, l) => {
        levels[l][i] = k;
      });
      y[i] = outcome === "binary" ? noise.bernoulli(mu[cell][i]) : mu[cell][i] + sigma * noise.normal();
    }
    const features = numbered(x);
    const names = mu.map((_, cell) => cellName(grid, cells, cell * 3));
    const scores = e.flatMap((values, cell) => (values === undefined ? [] : [numberColumn(`e ${names[cell]}`, values)]));
    return new Dataset(
      [
        ...features,
        ...simulatedLevers.map(({ column, levels: own }, l) => ({ kind: "category" as const, name: column, codes: levels[l], levels: own })),
        numberColumn("y", y),
        ...mu.map((values, cell) => numberColumn(`mu ${names[cell]}`, values)),
        ...scores,
      ],
      {
        features: features.map(({ name }) => name),
        levers: simulatedLevers,
        outcomes: ["y"],
        potential: Object.fromEntries(names.map((name) => [name, `mu ${name}`])),
        propensity: propensity === "given" ? Object.fromEntries(scores.map(({ name }) => [name.slice(2), name])) : undefined,
      },
      "simulate:levers",
    );
  },
});

/** Which cells may hold rows: all but a share of the whole table, taken from the cells of two levers and more. */
function keptCells(count: number, withheld: number, rng: Rng): boolean[] {
  const joint = Array.from({ length: count }, (_, cell) => cell).filter((cell) => levelsOfCell(sizes, cell).filter((k) => k > 0).length > 1);
  const out = new Set(rng.shuffle(joint).slice(0, Math.round(withheld * count)));
  return Array.from({ length: count }, (_, cell) => !out.has(cell));
}

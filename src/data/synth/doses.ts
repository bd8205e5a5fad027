import { z } from "zod";
import type { Rng } from "../../base/rng.ts";
import { Dataset, numberColumn } from "../dataset.ts";
import type { LeverRole } from "../schema.ts";
import { draws, numbered, rowsOption } from "./assemble.ts";
import { define, type Generator } from "./contract.ts";

const levelsOption = z.int().min(2).max(200).default(11).describe("Doses are brought to this many levels, evenly from 0 to 1.");

/** Doses as the levels of one lever, the truth at each level. */
function dosed(
  name: string,
  x: readonly Float64Array[],
  dose: Float64Array,
  count: number,
  mu: (row: number, t: number) => number,
  sigma: number,
  noise: Rng,
): Dataset {
  const n = dose.length;
  const doses = Array.from({ length: count }, (_, k) => k / (count - 1));
  const lever: LeverRole = { column: "dose", levels: doses.map((v) => String(Number(v.toFixed(4)))), doses };
  const codes = Int32Array.from(dose, (t) => Math.round(t * (count - 1)));
  const truth = doses.map((t) => Float64Array.from({ length: n }, (_, i) => mu(i, t)));
  const y = Float64Array.from({ length: n }, (_, i) => truth[codes[i]][i] + sigma * noise.normal());
  const features = numbered(x);
  return new Dataset(
    [
      ...features,
      { kind: "category", name: "dose", codes, levels: lever.levels },
      numberColumn("y", y),
      ...truth.map((values, k) => numberColumn(`mu ${lever.levels[k]}`, values)),
    ],
    {
      features: features.map((column) => column.name),
      levers: [lever],
      outcomes: ["y"],
      potential: Object.fromEntries(lever.levels.map((level) => [level, `mu ${level}`])),
    },
    `simulate:${name}`,
  );
}

const departure = "doses are rounded to levels, and the outcome is that of the rounded dose";

/** VCNet's first simulation: six uniform covariates, a confounded dose, a response that is not monotone. */
export const doseSimulation: Generator = define({
  id: "dose-sim-1",
  summary: "VCNet's first simulation: six covariates, a confounded dose, a response that rises and falls.",
  source: [{ key: "Nie2021b", at: "sec. 5", departure }],
  config: z.strictObject({ n: rowsOption(1000), levels: levelsOption }),
  simulate({ n, levels }, rng) {
    const stream = rng.split("x");
    const x = draws(n, 6, () => stream.float());
    const pick = rng.split("treatment");
    const dose = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const [x1, x2, x3, x4, x5] = x.map((column) => column[i]);
      const q =
        (10 * Math.sin(Math.max(x1, x2, x3)) + Math.max(x3, x4, x5) ** 3) / (1 + (x1 + x5) ** 2) +
        Math.sin(0.5 * x3) * (1 + Math.exp(x4 - 0.5 * x3)) +
        x3 ** 2 +
        2 * Math.sin(x4) +
        2 * x5 -
        6.5 +
        0.5 * pick.normal();
      dose[i] = 1 / (1 + Math.exp(-q));
    }
    const mu = (i: number, t: number): number => {
      const [x1, x3, x4, x6] = [x[0][i], x[2][i], x[3][i], x[5][i]];
      return Math.cos(2 * Math.PI * (t - 0.5)) * (t ** 2 + (Math.sin(x4) * 4 * Math.max(x1, x6) ** 3) / (1 + 2 * x3 ** 2));
    };
    return dosed("dose-sim-1", x, dose, levels, mu, 0.5, rng.split("noise"));
  },
});

/** The News design with Gaussian covariates in place of the news items. */
export const doseNews: Generator = define({
  id: "dose-news",
  summary: "VCNet's News design on Gaussian covariates: Beta doses and a response along three directions.",
  source: [{ key: "Nie2021b", at: "appendix", departure: `${departure}; standard normal covariates in place of word counts` }],
  config: z.strictObject({ n: rowsOption(3000), d: z.int().min(3).max(1000).default(20).describe("Covariates."), levels: levelsOption }),
  simulate({ n, d, levels }, rng) {
    const coefficients = rng.split("coefficients");
    const direction = (): number[] => {
      const v = Array.from({ length: d }, () => coefficients.normal());
      const norm = Math.hypot(...v);
      return v.map((value) => value / norm);
    };
    const [v1, v2, v3] = [direction(), direction(), direction()];
    const stream = rng.split("x");
    const x = draws(n, d, () => stream.normal());
    const along = (v: readonly number[], i: number): number => v.reduce((sum, value, j) => sum + value * x[j][i], 0);
    const pick = rng.split("treatment");
    const dose = Float64Array.from({ length: n }, (_, i) => pick.beta(2, Math.abs((2 * along(v2, i)) / along(v3, i)) + 1e-4));
    const mu = (i: number, t: number): number => {
      const ratio = Math.min(2, Math.max(-2, Math.exp(0.3 * ((Math.PI * along(v2, i)) / along(v3, i) - 1))));
      return 8 * (t - 0.5) ** 2 * Math.sin((Math.PI * t) / 2) * (ratio + 20 * along(v1, i));
    };
    return dosed("dose-news", x, dose, levels, mu, Math.sqrt(0.5), rng.split("noise"));
  },
});

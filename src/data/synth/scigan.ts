import { z } from "zod";
import { Dataset, numberColumn } from "../dataset.ts";
import type { LeverRole } from "../schema.ts";
import { draws, noiseOption, numbered, rowsOption } from "./assemble.ts";
import { define, type Generator } from "./contract.ts";

const config = z.strictObject({
  n: rowsOption(5000),
  d: z.int().min(2).max(1000).default(10).describe("Covariates."),
  levels: z.int().min(2).max(100).default(11).describe("Doses are brought to this many levels, evenly from 0 to 1."),
  kappa: z.number().min(0).max(100).default(2).describe("How strongly the choice among the three treatments follows their outcomes; 0 is random."),
  sigma: noiseOption(0.2),
});

/*
 * SCIGAN's three treatments with doses, v_kj unit directions, s the dose, p_k the k-th ratio:
 *   y1 = 10 (v10.x + 12 s (s - 0.75 v11.x / v12.x)^2),  y2 = 10 (v20.x + sin(pi v21.x / v22.x s)),  y3 = 10 (v30.x + 12 (v31.x s - v32.x s^2)).
 * A unit gets one of the three; the others stay at dose 0. Each treatment is a lever; cells of two treatments have no truth and are never logged.
 */
export const scigan: Generator = define({
  id: "dose-scigan",
  summary: "SCIGAN's three treatments with doses, one of them given to each unit; responses rise, fall and swing.",
  source: [
    {
      key: "Bica2020",
      at: "sec. 6",
      departure:
        "doses are rounded to levels; covariates are uniform on 0.1 .. 1 and directions positive, so that ratios stay finite; outcomes are 0 at dose 0 but for the common base",
    },
  ],
  config,
  simulate({ n, d, levels, kappa, sigma }, rng) {
    const coefficients = rng.split("coefficients");
    const direction = (): number[] => {
      const v = Array.from({ length: d }, () => Math.abs(coefficients.normal()));
      const norm = Math.hypot(...v);
      return v.map((value) => value / norm);
    };
    const base = direction();
    const v = Array.from({ length: 3 }, () => [direction(), direction()]);
    const stream = rng.split("x");
    const x = draws(n, d, () => 0.1 + 0.9 * stream.float());
    const along = (w: readonly number[], i: number): number => w.reduce((sum, value, j) => sum + value * x[j][i], 0);
    const curve = (k: number, i: number, s: number): number => {
      const [a, b] = v[k].map((w) => along(w, i));
      if (k === 0) return 10 * 12 * s * (s - (0.75 * a) / b) ** 2;
      return k === 1 ? 10 * Math.sin(((Math.PI * a) / b) * s) : 120 * (a * s - b * s * s);
    };
    const doses = Array.from({ length: levels }, (_, k) => k / (levels - 1));
    const levers: LeverRole[] = [1, 2, 3].map((k) => ({ column: `treatment${k}`, levels: doses.map((s) => String(Number(s.toFixed(4)))), doses }));
    const codes = levers.map(() => new Int32Array(n));
    const [pick, noise] = [rng.split("treatment"), rng.split("noise")];
    const y = new Float64Array(n);
    const truth = levers.map(() => doses.map(() => new Float64Array(n)));
    for (let i = 0; i < n; i++) {
      const b = 10 * along(base, i);
      levers.forEach((_, k) => doses.forEach((s, j) => (truth[k][j][i] = b + curve(k, i, s))));
      const best = truth.map((list) => Math.max(...list.map((values) => values[i])));
      const top = Math.max(...best);
      const k = pick.choice(best.map((value) => Math.exp((kappa * (value - top)) / 10)));
      const j = Math.min(levels - 1, Math.max(1, Math.round(pick.beta(2, 2) * (levels - 1))));
      codes[k][i] = j;
      y[i] = truth[k][j][i] + sigma * noise.normal();
    }
    const features = numbered(x);
    const name = (k: number, j: number): string => levers.map((lever, l) => lever.levels[l === k ? j : 0]).join(" x ");
    const columns = truth.flatMap((list, k) => list.flatMap((values, j) => (j === 0 && k > 0 ? [] : [numberColumn(`mu ${name(k, j)}`, values)])));
    return new Dataset(
      [
        ...features,
        ...levers.map(({ column, levels: own }, k) => ({ kind: "category" as const, name: column, codes: codes[k], levels: own })),
        numberColumn("y", y),
        ...columns,
      ],
      {
        features: features.map((column) => column.name),
        levers,
        outcomes: ["y"],
        potential: Object.fromEntries(columns.map((column) => [column.name.slice(3), column.name])),
      },
      "simulate:dose-scigan",
    );
  },
});

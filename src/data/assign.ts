import type { Rng } from "../base/rng.ts";
import type { AssignSpec } from "./catalogue.ts";
import { numberColumn } from "./dataset.ts";
import type { Column, NumberColumn } from "./schema.ts";

/**
 * Draws a treatment for data in which both outcomes are known, and shows the outcome of the arm that was drawn. Adds the columns `treatment`,
 * `outcome` and `propensity`.
 *
 * `randomised`: each with probability 1/2. `confounded`: as the authors of Yoon2018 draw it for Twins in the code they published: p proportional
 * to sigmoid(x'w + noise) with w uniform on (-0.01, 0.01) and noise N(0, 0.01^2), scaled to a mean of 1/2; cut at 1 - 1e-6 where they cut at 1. Missing covariates count as 0 there.
 */
export function assignTreatment(columns: readonly Column[], spec: AssignSpec, rng: Rng): Column[] {
  const byName = new Map(columns.map((column) => [column.name, column]));
  const values = (name: string): Float64Array => (byName.get(name) as NumberColumn).values;
  const [y0, y1] = spec.potential.map(values);
  const n = y0.length;
  const propensity = spec.how === "randomised" ? new Float64Array(n).fill(0.5) : confounded(spec.covariates.map(values), n, rng);
  const draw = rng.split("treatment");
  const treatment = Float64Array.from(propensity, (p) => draw.bernoulli(p));
  const outcome = Float64Array.from(treatment, (t, i) => (t === 1 ? y1[i] : y0[i]));
  return [...columns, numberColumn(spec.treatment, treatment), numberColumn(spec.outcome, outcome), numberColumn("propensity", propensity)];
}

function confounded(x: readonly Float64Array[], n: number, rng: Rng): Float64Array {
  const [draw, noise] = [rng.split("weights"), rng.split("noise")];
  const w = x.map(() => 0.02 * draw.float() - 0.01);
  const score = new Float64Array(n);
  let mean = 0;
  for (let i = 0; i < n; i++) {
    let z = 0.01 * noise.normal();
    for (let j = 0; j < x.length; j++) if (!Number.isNaN(x[j][i])) z += w[j] * x[j][i];
    score[i] = 1 / (1 + Math.exp(-z));
    mean += score[i] / n;
  }
  return score.map((s) => Math.min(s / (2 * mean), 1 - 1e-6));
}

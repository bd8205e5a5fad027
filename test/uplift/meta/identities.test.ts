import { expect, test } from "vitest";
import { solveSpd } from "../../../src/base/linear/solve.ts";
import { parse } from "../../../src/base/parse.ts";
import type { Dataset } from "../../../src/data/dataset.ts";
import { fit } from "../../../src/model/fit.ts";
import { sharedRun } from "../../../src/model/run.ts";
import { drLearner } from "../../../src/uplift/meta/drLearner.ts";
import { rLearner } from "../../../src/uplift/meta/rLearner.ts";
import { sLearner } from "../../../src/uplift/meta/sLearner.ts";
import { tLearner } from "../../../src/uplift/meta/tLearner.ts";
import { xLearner } from "../../../src/uplift/meta/xLearner.ts";
import { expectAllClose, float64 } from "../../tolerance.ts";
import { effectsOf, givenNuisances, simulated } from "./experiments.ts";

const ols = { id: "linear", lambda: 0 } as const;
/** Two routes to the same least squares fit: each inverts a matrix of its own. */
const solved = 1000 * float64;

/** Coefficients of a weighted least squares regression on 1, a and b, by the normal equations. */
function regress(data: Dataset, target: Float64Array, weight?: Float64Array): Float64Array {
  const columns = [new Float64Array(data.rows).fill(1), data.number("a"), data.number("b")];
  const sums = (p: Float64Array, q: Float64Array): number => p.reduce((sum, v, i) => sum + v * q[i] * (weight?.[i] ?? 1), 0);
  return (
    solveSpd(Float64Array.from(columns.flatMap((p) => columns.map((q) => sums(p, q)))), Float64Array.from(columns.map((p) => sums(p, target)))) ??
    new Float64Array(3)
  );
}

function fittedLine(data: Dataset, b: Float64Array): Float64Array {
  const [a1, a2] = [data.number("a"), data.number("b")];
  return a1.map((v, i) => b[0] + b[1] * v + b[2] * a2[i]);
}

test("with least squares the T-learner is the difference of the two arms' regressions", async () => {
  const { data } = simulated({ rows: 80, seed: 1 });
  const { arm } = data.treatment();
  const y = data.outcome();
  const treated = regress(
    data,
    y,
    Float64Array.from(arm, (a) => a),
  );
  const control = regress(
    data,
    y,
    Float64Array.from(arm, (a) => 1 - a),
  );
  const fitted = await fit(tLearner, data, { config: { outcomeLearner: ols } });
  const prediction = await fitted.predict(data);
  expectAllClose(
    effectsOf(prediction),
    fittedLine(
      data,
      treated.map((b, j) => b - control[j]),
    ),
    solved,
  );
  expectAllClose(prediction.outcome?.[0] ?? [], fittedLine(data, control), solved);
  expectAllClose(prediction.outcome?.[1] ?? [], fittedLine(data, treated), solved);
});

test("with least squares the S-learner (arm and products) and the X-learner (whatever the mixing) equal the T-learner", async () => {
  const { data } = simulated({ rows: 120, seed: 2, treated: 2, propensity: () => 0.6 });
  const t = await (await fit(tLearner, data, { config: { outcomeLearner: ols } })).predict(data);
  const s = await (await fit(sLearner, data, { config: { outcomeLearner: ols } })).predict(data);
  expect(s.arms).toEqual(["arm1", "arm2"]);
  for (const k of [0, 1]) expectAllClose(s.effect[k], t.effect[k], solved);
  for (const weighting of ["share", "estimate"]) {
    const x = await (await fit(xLearner, data, { config: { outcomeLearner: ols, effectLearner: ols, weighting } })).predict(data);
    for (const k of [0, 1]) expectAllClose(x.effect[k], t.effect[k], solved);
  }
});

test("the R-learner minimises the R-loss: residuals on residuals, by the normal equations", async () => {
  const { data } = simulated({ rows: 90, seed: 3, propensity: (a) => 1 / (1 + Math.exp(-a)) });
  const { arm } = data.treatment();
  const y = data.outcome();
  const e = data.number("e");
  const m = data.number("a").map((a) => 1 + a);
  const config = parse(rLearner.config, { effectLearner: ols, folds: 2 }, "r-learner");
  const fitted = await rLearner.fit(config, data, givenNuisances({ "propensity 1": e, "outcome of arms 0 and 1": m }));
  // Nie2021, eq. 4, with tau = b'(1, a, b): columns times the treatment's residual, least squares on the outcome's.
  const surprise = e.map((p, i) => arm[i] - p);
  const want = regress(
    data,
    y.map((v, i) => (v - m[i]) / surprise[i]),
    surprise.map((s) => s * s),
  );
  expectAllClose(effectsOf(await fitted.predict(data)), fittedLine(data, want), solved);
});

test("the DR-learner regresses the doubly robust pseudo-outcome", async () => {
  const { data } = simulated({ rows: 90, seed: 4, propensity: (a) => 1 / (1 + Math.exp(-a)) });
  const { arm } = data.treatment();
  const y = data.outcome();
  const e = data.number("e");
  const mu0 = data.number("a").map((a) => a);
  const mu1 = data.number("b").map((b) => 1 - b);
  const config = parse(drLearner.config, { effectLearner: ols, folds: 2 }, "dr-learner");
  const fitted = await drLearner.fit(config, data, givenNuisances({ "propensity 1": e, "outcome of arm 0": mu0, "outcome of arm 1": mu1 }));
  const phi = y.map((v, i) => mu1[i] - mu0[i] + ((arm[i] - e[i]) / (e[i] * (1 - e[i]))) * (v - (arm[i] === 1 ? mu1[i] : mu0[i])));
  expectAllClose(effectsOf(await fitted.predict(data)), fittedLine(data, regress(data, phi)), solved);
  const mean = phi.reduce((sum, v) => sum + v, 0) / phi.length;
  const se = Math.sqrt(phi.reduce((sum, v) => sum + (v - mean) ** 2, 0) / phi.length / (phi.length - 1));
  const average = (fitted.report.averageEffect as { arm1: { value: number; se: number } }).arm1;
  expectAllClose([average.value, average.se], [mean, se], solved);
});

test("an arm's effects in the T- and X-learner do not depend on the other treated arms", async () => {
  const { data } = simulated({ rows: 150, seed: 5, treated: 2, propensity: () => 0.66 });
  const { arm } = data.treatment();
  const pair = data.take([...arm.keys()].filter((i) => arm[i] !== 2));
  const recoded = pair
    .withRoles({ treatment: undefined })
    .withColumns([{ kind: "category", name: "arm", codes: pair.treatment().arm, levels: ["control", "arm1"] }], {
      treatment: { column: "arm", control: "control" },
    });
  for (const [model, config] of [
    [tLearner, { outcomeLearner: "linear" }],
    [xLearner, { outcomeLearner: "linear", effectLearner: "linear" }],
  ] as const) {
    const both = await (await fit(model, data, { config })).predict(data);
    const alone = await (await fit(model, recoded, { config })).predict(data);
    expectAllClose(alone.effect[0], both.effect[0], solved);
  }
});

test("company changes nothing: a learner fitted beside others in one run predicts as it does alone", async () => {
  const { data } = simulated({ rows: 200, seed: 6 });
  const shared = sharedRun();
  const linear = { outcomeLearner: "linear" };
  for (const [model, config] of [
    [tLearner, linear],
    [xLearner, linear],
    [rLearner, linear],
    [drLearner, linear],
  ] as const) {
    const beside = await (await fit(model, data, { config, seed: 4, shared })).predict(data);
    const alone = await (await fit(model, data, { config, seed: 4 })).predict(data);
    expect(beside).toEqual(alone);
  }
});

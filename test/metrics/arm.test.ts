import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { againstControl, auuc, bestArm, metrics, pehe, policyValueIps, policyValueSnips, qini } from "../../src/metrics/index.ts";
import { expectClose, float64 } from "../tolerance.ts";
import { type Columns, experiment } from "./experiment.ts";

const arms = ["none", "mail", "call"];

/** Thirty units with known outcomes under each arm, laid out `times[arm]` times in each arm. */
function everyArm(times: readonly number[], seed = 1): { readonly columns: Columns; readonly unit: number[]; readonly outcome: number[][] } {
  const rng = new Rng(seed);
  const outcome = Array.from({ length: 30 }, () => arms.map(() => rng.normal()));
  const rows = outcome.flatMap((_, i) => times.flatMap((count, arm) => Array.from({ length: count }, () => ({ i, arm }))));
  const unit = rows.map(({ i }) => i);
  const t = rows.map(({ arm }) => arm);
  return {
    columns: { y: t.map((arm, k) => outcome[unit[k]][arm]), t, arms, effect: [1, 2].map((arm) => unit.map((i) => outcome[i][arm] - outcome[i][0])) },
    unit,
    outcome,
  };
}

describe("one arm against control", () => {
  test("the option arm gives what the reduced data give, for every metric that compares arms", () => {
    const { columns } = everyArm([2, 3, 1]);
    for (const propensity of [undefined, [columns.y, columns.y].map((list, k) => Array.from(list, (_, i) => 0.2 + 0.05 * ((i + k) % 3)))]) {
      const binary = experiment({ ...columns, y: Array.from(columns.y, (v) => Number(v > 0)), propensity });
      const score = Float64Array.from({ length: binary.rows }, (_, i) => Math.sin(i));
      const cut = againstControl(score, binary, "call");
      expect(cut.data.treatment().arms).toEqual(["none", "call"]);
      for (const metric of metrics.filter(({ needs }) => needs.includes("treatment")))
        expectClose(metric.score(cut.prediction, cut.data).value, metric.score(score, binary, { arm: "call" }).value, float64, metric.id);
    }
  });

  test("rows of the pair stand for the population where propensities differ from row to row", () => {
    // Two kinds of units, of which the second is rarely in the pair: it must count as often as the first.
    const data = experiment({
      y: [0, 1, 0, 5],
      t: [0, 1, 0, 1],
      arms: ["none", "a", "b"],
      propensity: [
        [0.5, 0.5, 0.1, 0.1],
        [0.1, 0.1, 0.8, 0.8],
      ],
    });
    const { data: cut } = againstControl(Float64Array.of(1, 1, 0, 0), data, "a");
    const weight = cut.weight() as Float64Array;
    expectClose(weight[2] / weight[0], 0.9 / 0.2, float64);
    expectClose((cut.propensity("a") as Float64Array)[2], 0.1 / 0.2, float64);
  });

  test("several arms and none named, an unknown arm and the control are usage errors that list the arms", () => {
    const { columns } = everyArm([1, 1, 1]);
    const data = experiment(columns);
    const score = new Float64Array(data.rows);
    expect(() => auuc.score(score, data)).toThrow(
      "test data: there are 2 treated arms (mail or call); say which one to compare with control by the option arm",
    );
    expect(() => auuc.score(score, data, { arm: "post" })).toThrow('test data: there is no arm "post"; choose mail or call');
    expect(() => auuc.score(score, data, { arm: "none" })).toThrow('arm "none" is the control itself');
    const half = experiment({ ...columns, propensity: [Array.from({ length: data.rows }, () => 0.3)] });
    expect(() => auuc.score(score, half, { arm: "mail" })).toThrow("the propensity of arm call is not known while that of others is");
  });
});

describe("the best arm", () => {
  test.each([[[1, 1, 1]], [[1, 2, 3]], [[3, 1, 2]]])("is judged without distortion when arms have %j rows a unit", (times) => {
    const { columns, unit, outcome } = everyArm(times);
    const data = experiment(columns);
    const effect = [1, 2].map((arm) => Float64Array.from(unit, (i) => outcome[i][arm] - outcome[i][0]));
    const best = bestArm({ arms: ["mail", "call"], effect }, data);
    // The truth over units: effect of the better arm, best first.
    const tau = outcome.map((o) => Math.max(o[1] - o[0], o[2] - o[0])).toSorted((a, b) => b - a);
    const gains = tau.map((_, k) => tau.slice(0, k + 1).reduce((sum, v) => sum + v, 0) / 30);
    const area = gains.reduce((sum, g, k) => sum + (g + (k === 0 ? 0 : gains[k - 1])) / 60, 0);
    expectClose(auuc.score(best.prediction, best.data).value, area, float64);
    expectClose(qini.score(best.prediction, best.data).value, area - gains[29] / 2, float64);
    const value = outcome.reduce((sum, o) => sum + Math.max(...o), 0) / 30;
    expectClose(policyValueSnips.score(best.prediction, best.data).value, value, float64);
    expectClose(policyValueIps.score(best.prediction, best.data).value, value, float64);
    expectClose(pehe.score(best.prediction, best.data).value, 0, float64);
    expect([...best.recommended]).toEqual(Array.from(best.rows, (row) => (effect[1][row] > effect[0][row] ? 2 : 1)));
  });

  test("needs effects of arms the data have, in every row", () => {
    const data = experiment(everyArm([1, 1, 1]).columns);
    const effect = new Float64Array(data.rows);
    expect(() => bestArm({ arms: ["post"], effect: [effect] }, data)).toThrow(
      'effects are given for arm "post", which is not a treated arm of the data (mail or call)',
    );
    expect(() => bestArm({ arms: ["mail"], effect: [effect.map(() => Number.NaN)] }, data)).toThrow('the effect of arm "mail" is missing in row 1');
  });
});

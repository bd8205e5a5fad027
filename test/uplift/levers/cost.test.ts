import { expect, test } from "vitest";
import { Rng } from "../../../src/base/rng.ts";
import { Dataset, numberColumn } from "../../../src/data/dataset.ts";
import { everyCell, leverGrid } from "../../../src/data/levers.ts";
import type { LeverRole } from "../../../src/data/schema.ts";
import { simulate } from "../../../src/data/synth/index.ts";
import { leverCostCurve } from "../../../src/evaluate/leverCost.ts";
import type { LeversPrediction } from "../../../src/model/contract.ts";
import { exact, expectAllClose, float64 } from "../../tolerance.ts";

const coupon: LeverRole = { column: "coupon", levels: ["no", "yes"], costs: [0, 1] };

function rowsOf(codes: number[], y: number[], lever: LeverRole = coupon): Dataset {
  return new Dataset(
    [{ kind: "category", name: "coupon", codes: Int32Array.from(codes), levels: lever.levels }, numberColumn("y", Float64Array.from(y))],
    { features: [], levers: [lever], outcomes: ["y"] },
    "rows",
  );
}

/** A prediction whose effect of cell j on row i is `effect`. */
function predicted(levers: readonly LeverRole[], rows: number, effect: (row: number, levels: readonly number[]) => number): LeversPrediction {
  const grid = leverGrid(levers);
  const width = levers.length;
  return {
    rows,
    grid,
    members: 1,
    logged: new Map(),
    monotone: false,
    response: async (cells, { from = 0, to = rows } = {}) => {
      const m = cells.length / width;
      return Float64Array.from({ length: (to - from) * m }, (_, k) => {
        const at = (k % m) * width;
        return effect(from + Math.floor(k / m), [...cells.subarray(at, at + width)]);
      });
    },
    responseOfOwn: async () => new Float64Array(0),
  };
}

test("the cost curve by hand: two treated, two controls, the better half first", async () => {
  const data = rowsOf([1, 1, 0, 0], [4, 2, 1, 1]);
  const gains = [3, 1, 3, 1];
  const curve = await leverCostCurve(
    predicted([coupon], 4, (i, [k]) => k * gains[i]),
    data,
  );
  // First step: cost 1/2 of 1, gain 4/2 - 1/2 = 1.5 of 2.
  expectAllClose(curve.cost, [0, 0.5, 1], float64, "cost");
  expectAllClose(curve.value, [0, 0.75, 1], float64, "value");
  expectAllClose([curve.area, curve.totalCost, curve.totalValue], [0.625, 1, 2], float64, "totals");
  const blind = await leverCostCurve(
    predicted([coupon], 4, (_, [k]) => k),
    data,
  );
  expect(blind.area - 0.5).toBe(exact);
});

test("on randomised levers the truth ranks above one half, its opposite below, a blind order at one half", async () => {
  const plain = simulate("levers", { n: 6000 }, 4);
  const levers = (plain.roles.levers ?? []).map((lever) => ({ ...lever, costs: lever.levels.map((_, k) => 0.3 * k) }));
  const data = plain.withRoles({ ...plain.roles, levers });
  const grid = leverGrid(levers);
  const cells = everyCell(grid);
  const truth = Array.from({ length: grid.cells }, (_, j) =>
    data.number(`mu ${levers.map((lever, l) => lever.levels[cells[j * 3 + l]]).join(" x ")}`, "truth"),
  );
  const index = ([a, b, c]: readonly number[]): number => (a * 4 + b) * 4 + c;
  const area = async (effect: (row: number, cell: number) => number): Promise<number> =>
    (
      await leverCostCurve(
        predicted(levers, data.rows, (i, levels) => effect(i, index(levels))),
        data,
      )
    ).area;
  const rng = new Rng(2);
  const noise = Float64Array.from({ length: data.rows * grid.cells }, () => rng.normal());
  const [best, worst, blind] = [
    await area((i, j) => truth[j][i]),
    await area((i, j) => -truth[j][i]),
    await area((i, j) => (j === 0 ? 0 : noise[i * grid.cells + j] * cells.subarray(j * 3, j * 3 + 3).reduce((sum, k) => sum + 0.3 * k, 0))),
  ];
  expect(best).toBeGreaterThan(0.55);
  expect(worst).toBeLessThan(0.45);
  expect(Math.abs(blind - 0.5)).toBeLessThan(0.02);
});

test("without costs, without rows in the baseline, or with a free cell, the curve is refused with the reason", async () => {
  const effect = predicted([coupon], 2, (_, [k]) => k);
  await expect(leverCostCurve(effect, rowsOf([0, 1], [1, 2], { column: "coupon", levels: ["no", "yes"] }))).rejects.toThrow(/coupon has no costs/);
  await expect(leverCostCurve(effect, rowsOf([1, 1], [1, 2]))).rejects.toThrow(/rows in the baseline/);
  await expect(leverCostCurve(effect, rowsOf([0, 1], [1, 2], { ...coupon, costs: [0, 0] }))).rejects.toThrow(/cost above 0/);
  await expect(leverCostCurve(effect, rowsOf([0, 1], [2, 1]))).rejects.toThrow(/gain above 0/);
});

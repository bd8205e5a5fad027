import { expect, test } from "vitest";
import { cellOf, everyCell, leverGrid, levelsOfCell } from "../../../src/data/levers.ts";
import type { LeverRole } from "../../../src/data/schema.ts";
import { bestCells } from "../../../src/evaluate/leverChoice.ts";
import { leverInsight } from "../../../src/evaluate/leverInsight.ts";
import type { LeversPrediction } from "../../../src/model/contract.ts";
import { rankLoadings } from "../../../src/uplift/levers/rankLoadings.ts";
import { renderLeverReport } from "../../../src/report/levers.ts";
import { expectAllClose, expectClose, float64 } from "../../tolerance.ts";

const levers: readonly LeverRole[] = [
  { column: "discount", levels: ["0", "10", "20"], doses: [0, 10, 20], costs: [0, 1, 2.5] },
  { column: "subsidy", levels: ["no", "yes"], costs: [0, 1] },
];
const grid = leverGrid(levers);

/** Units with a response known by heart: mu = 1 + unit/10 + a d + b s + c d s, two members that differ in c. */
function known(c: readonly number[], rows = 5): LeversPrediction {
  const mu = (unit: number, d: number, s: number, member: number): number => 1 + unit / 10 + d + 0.5 * s + c[member] * d * s;
  const one = (unit: number, cells: Int32Array, at: number, member?: number): number => {
    const members = member === undefined ? c.map((_, k) => k) : [member];
    return members.reduce((sum, k) => sum + mu(unit, cells[at], cells[at + 1], k), 0) / members.length;
  };
  return {
    rows,
    grid,
    members: c.length,
    response: async (cells, { from = 0, to = rows, member } = {}) =>
      Float64Array.from({ length: (to - from) * (cells.length / 2) }, (_, k) =>
        one(from + Math.floor(k / (cells.length / 2)), cells, (k % (cells.length / 2)) * 2, member),
      ),
    responseOfOwn: async (cells, { from = 0, to = rows, member } = {}) =>
      Float64Array.from({ length: to - from }, (_, i) => one(from + i, cells, i * 2, member)),
    logged: new Map([
      [0, 100],
      [cellOf([3, 2], [1, 0]), 50],
      [cellOf([3, 2], [2, 0]), 50],
      [cellOf([3, 2], [0, 1]), 40],
      [cellOf([3, 2], [1, 1]), 10],
    ]),
    monotone: false,
  };
}

test("surface, curves, interactions, support and best cells of a response known by heart", async () => {
  const insight = await leverInsight(known([0.9, 1.1]));
  expectClose(insight.table[cellOf([3, 2], [2, 1])].effect.value, 2 + 0.5 + 2, float64);
  expectClose(insight.table[cellOf([3, 2], [2, 1])].effect.deviation, Math.sqrt(2 * 0.2 ** 2), 1e-9);
  expect(insight.table.map(({ support }) => support)).toEqual(["logged", "logged", "logged", "few rows", "logged", "never logged"]);
  expectAllClose(
    insight.curves[0].points.map(({ alone }) => alone.value),
    [0, 1, 2],
    float64,
  );
  // Averaged over subsidy: d + (0 + 1) / 2 of the interaction.
  expectClose(insight.curves[0].points[2].averaged.value, 2 + 1, float64);
  const response = [1.2, 2.2, 3.2];
  expectClose(insight.curves[0].points[2].elasticity, Math.log(response[2] / response[1]) / Math.log(2), 1e-9);
  expect(insight.interactions.map(({ label, support }) => [label, support])).toEqual([
    ["synergy", "few rows"],
    ["synergy", "never logged"],
  ]);
  // 10 and 20 with subsidy: 2.5 - 2 and 4.5 - 3.5 after costs.
  expect(insight.best.cells).toEqual([{ cell: "20 x yes", units: 5, rows: 0, support: "never logged" }]);
  expect(insight.warnings.join()).toContain("the best cell of 5 of 5 units was never logged (20 x yes)");
  expect(insight.monotone).toMatchObject({ violations: 0, checked: 5 * 7 });
});

test("labels follow the sign, and one net alone gives none", async () => {
  expect((await leverInsight(known([-0.4, -0.5]))).interactions.map(({ label }) => label)).toEqual(["substitution", "substitution"]);
  expect((await leverInsight(known([-0.4, 0.5]))).interactions.map(({ label }) => label)).toEqual(["unclear", "unclear"]);
  expect((await leverInsight(known([1]))).interactions.map(({ label }) => label)).toEqual(["unclear", "unclear"]);
});

test("a logged cell that units of some kinds hardly ever got is said to be one", async () => {
  const cell = cellOf([3, 2], [2, 0]);
  const overlap = new Map([
    [cell, { mean: 0.2, low: 0.01 }],
    [0, { mean: 0.4, low: 0.3 }],
  ]);
  const insight = await leverInsight({ ...known([-0.9, -1.1]), overlap });
  expect(insight.table.map(({ support }) => support)).toEqual(["logged", "logged", "logged", "few rows", "some units only", "never logged"]);
  expect(insight.table[4].propensity).toEqual({ mean: 0.2, low: 0.01 });
  expect(insight.table[5].propensity).toBe(null);
  // 20 without subsidy costs what it brings less 0.5: the best of this response is 10 without, whose probability is not known.
  expect(insight.interactions[0].fewestRows).toBe(10);
});

test("loadings of ranks by hand: gates relative to the top, main effects that pour into one pot", () => {
  const layout = { sizes: [3, 2], andRanks: 1, orRanks: 1, relative: true, norm: 2 };
  // Base, five main effects, strength and gates of the AND rank, strength and parts of the OR rank.
  const unit = [0, 0, 1, 2, 0, 1, 4, 0.25, 0.5, 1, 1, 1, 2, 0, 1, 3, 0, 4];
  const [synergy, substitution] = rankLoadings(layout, grid, unit, 1, 10);
  expect(synergy.levers.map(({ loading }) => loading)).toEqual([0.75, 0]);
  expect(synergy.levers[0].levels).toEqual([0.25, 0.5, 1]);
  // Subsidy does not matter to this rank, so it is no interaction.
  expectClose(synergy.strength, 0, 1e-12);
  expect(substitution.levers.map(({ loading }) => loading)).toEqual([0.75, 1]);
  expectClose(substitution.strength, 10 * 2 * (3 + 4 - 5), float64);
});

test("steps that lower the response are counted", async () => {
  const { monotone } = await leverInsight(known([-0.8, -0.8]));
  // Subsidy at discount 10 (0.5 - 0.8) and 20 (0.5 - 1.6): two steps for each of five units.
  expect(monotone.violations).toBe(10);
  expectClose(monotone.largest, 1.1, 1e-9);
});

test("the search lever by lever finds what laying out the table finds", async () => {
  for (const c of [0.9, -0.7, 0]) {
    const all = await bestCells(known([c]));
    const search = await bestCells(known([c]), { most: 1 });
    expect([...search.cells]).toEqual([...all.cells]);
    search.value.forEach((value, i) => expectClose(value, all.value[i], float64));
  }
});

test("cells and their levels are one to one", () => {
  const cells = everyCell(grid);
  for (let cell = 0; cell < grid.cells; cell++) {
    expect(levelsOfCell(grid.sizes, cell)).toEqual([...cells.subarray(cell * 2, cell * 2 + 2)]);
    expect(cellOf(grid.sizes, cells, cell * 2)).toBe(cell);
  }
});

test("the report shows surface, curves, interactions and the warning", async () => {
  const page = await renderLeverReport(await leverInsight(known([0.9, 1.1])), { title: "Levers", line: "known", notes: [] });
  const ranks = [{ kind: "synergy" as const, strength: 1, levers: [{ lever: "discount", loading: 1, levels: [0, 1, 1] }] }];
  const ranked = await renderLeverReport({ ...(await leverInsight(known([0.9, 1.1]))), ranks }, { title: "Levers", line: "known", notes: [] });
  expect(ranked).toContain("What the ranks are made of");
  expect(page).not.toContain("What the ranks are made of");
  for (const text of ["Response surface", "Each lever by itself", "Interactions", "never logged", "synergy", "<svg"]) expect(page).toContain(text);
});

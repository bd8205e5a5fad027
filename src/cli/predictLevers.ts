import { writeFile } from "node:fs/promises";
import { allocate } from "../allocate/index.ts";
import { usageError } from "../base/errors.ts";
import type { Json } from "../base/state.ts";
import { numberColumn } from "../data/dataset.ts";
import { cellCounts, cellName, cellOf, everyCell, levelsOfCell } from "../data/levers.ts";
import type { Column, NumberColumn } from "../data/schema.ts";
import { atomically, writeTable } from "../data/write.ts";
import { bestCells, type Choice } from "../evaluate/leverChoice.ts";
import { type LeverInsight, leverInsight } from "../evaluate/leverInsight.ts";
import type { LeversPrediction } from "../model/contract.ts";
import { checkWritable } from "./folder.ts";
import { json } from "./table.ts";
import type { Io } from "./verb.ts";

interface Asked {
  readonly out: string;
  readonly cells: "best" | "all";
  readonly worth: number;
  readonly budget?: number;
  readonly report?: string;
  readonly id: readonly Column[];
  readonly name: string;
}

// More columns than this are no table that anyone reads.
const mostColumns = 1000;

/** Writes what a model of several levers says of each row, and shows the insight. */
export async function predictLevers(prediction: LeversPrediction, { out, cells, worth, budget, report, id, name }: Asked, io: Io): Promise<void> {
  if (report !== undefined) checkWritable(report, "--report");
  if (budget !== undefined && cells === "all")
    throw usageError("--budget: a budget picks a cell for each row, and --cells all writes every cell; leave one out");
  const within = budget === undefined ? undefined : await withinBudget(prediction, worth, budget);
  const columns = cells === "all" ? await everyEffect(prediction) : await best(prediction, within?.choice ?? (await bestCells(prediction, { worth })));
  await writeTable(out, [...id, ...columns]);
  const insight = await leverInsight(prediction, { worth });
  if (report !== undefined) {
    const { renderLeverReport } = await import("../report/levers.ts");
    const line = `${name}, ${prediction.rows} rows`;
    const page = await renderLeverReport(insight, { title: "Several levers together", line, notes: prediction.notes ?? [] });
    await atomically(report, (temporary) => writeFile(temporary, page));
  }
  if (io.json) {
    io.out(
      json({
        model: name,
        out,
        rows: prediction.rows,
        columns: columns.map((column) => column.name),
        insight: insight as unknown as Json,
        ...(within === undefined ? {} : { budget: within.facts }),
        notes: [...(prediction.notes ?? [])],
      }),
    );
    return;
  }
  io.out(`${prediction.rows} rows: ${columns.length > 8 ? `${columns.length} columns` : columns.map((column) => column.name).join(", ")}: ${out}\n`);
  if (within !== undefined) {
    const { spent, value, gap, price } = within.facts;
    io.out(
      `  within ${budget}: ${spent.toFixed(2)} spent, worth ${value.toFixed(2)} and at most ${gap.toPrecision(2)} short of the best; one more unit of budget would bring ${price.toPrecision(3)}\n`,
    );
    const chosen = chosenCells(prediction, within.choice);
    const never = chosen.reduce((sum, { units, rows }) => sum + (rows === 0 ? units : 0), 0);
    if (never > 0) io.err(`note: the cells of ${never} of ${prediction.rows} units were never logged; try them on a few units first\n`);
    for (const { cell, units, rows } of chosen.slice(0, 5))
      io.out(`  ${cell}: for ${units} of ${prediction.rows} units, ${rows === 0 ? "never logged" : `${rows} rows logged`}\n`);
  } else
    for (const { cell, units, rows } of insight.best.cells.slice(0, 5))
      io.out(`  ${cell}: best for ${units} of ${insight.units} units, ${rows === 0 ? "never logged" : `${rows} rows logged`}\n`);
  for (const line of summaryOf(insight)) io.out(`  ${line}\n`);
  for (const warning of [...insight.warnings, ...(prediction.notes ?? [])]) io.err(`note: ${warning}\n`);
}

/** Monotonicity, the largest interactions and the ranks, a line each. */
function summaryOf({ monotone, interactions, ranks }: LeverInsight): string[] {
  const sign = (value: number): string => `${value < 0 ? "" : "+"}${value.toPrecision(3)}`;
  const largest = [...interactions].sort((a, b) => Math.abs(b.interaction.value) - Math.abs(a.interaction.value)).slice(0, 3);
  return [
    `more of a lever is never less: ${monotone.violations} of ${monotone.checked} steps lower a response${monotone.byConstruction ? ", by construction" : ""}`,
    ...largest.map(
      ({ levers, levels, interaction: { value, deviation }, label, support }) =>
        `${levers[0]} ${levels[0]} with ${levers[1]} ${levels[1]}: ${sign(value)}${Number.isFinite(deviation) ? ` (sd ${deviation.toPrecision(2)})` : ""}, ${label}, ${support}`,
    ),
    ...ranks.map(
      ({ kind, strength, levers }, r) =>
        `rank ${r + 1}, ${kind} of ${strength.toPrecision(3)}: ${levers.map(({ lever, loading }) => `${lever} ${loading.toFixed(2)}`).join(", ")}`,
    ),
  ];
}

const supports = ["never logged", "logged"];

/** The cells of all rows together that bring most within a budget. */
async function withinBudget(
  prediction: LeversPrediction,
  worth: number,
  budget: number,
): Promise<{ readonly choice: Choice; readonly facts: { readonly spent: number; readonly value: number; readonly gap: number; readonly price: number } }> {
  const { grid } = prediction;
  const width = grid.sizes.length;
  const free = grid.levers.filter(({ costs }) => costs === undefined).map(({ column }) => column);
  if (free.length > 0)
    throw usageError(`--budget: ${free.join(", ")} ${free.length > 1 ? "have" : "has"} no costs; give them when fitting, as in --levers '${free[0]}:0<1=0.5'`);
  const all = everyCell(grid);
  const costs = Array.from({ length: grid.cells }, (_, j) => grid.levers.reduce((sum, { costs: own = [] }, l) => sum + own[all[j * width + l]] - own[0], 0));
  const effects = (await everyEffect(prediction)).map(({ values }) => values.map((effect) => worth * effect));
  const plan = allocate(effects, costs.slice(1), { budget });
  const cells = new Int32Array(prediction.rows * width);
  plan.choice.forEach((cell, i) => cells.set(all.subarray(cell * width, (cell + 1) * width), i * width));
  const value = Float64Array.from(plan.choice, (cell, i) => (cell === 0 ? 0 : effects[cell - 1][i] - costs[cell]));
  return { choice: { cells, value, how: "within a budget" }, facts: { spent: plan.spent, value: plan.value, gap: plan.gap, price: plan.budgetPrice } };
}

/** The cells that were chosen, the most frequent first. */
function chosenCells({ grid, logged }: LeversPrediction, { cells }: Choice): { readonly cell: string; readonly units: number; readonly rows: number }[] {
  const counts = cellCounts(grid, cells);
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([cell, units]) => ({ cell: cellName(grid, levelsOfCell(grid.sizes, cell)), units, rows: logged.get(cell) ?? 0 }));
}

async function best(prediction: LeversPrediction, choice: Choice): Promise<Column[]> {
  const { grid, logged } = prediction;
  const width = grid.sizes.length;
  const n = prediction.rows;
  const rows = Float64Array.from({ length: n }, (_, i) => logged.get(cellOf(grid.sizes, choice.cells, i * width)) ?? 0);
  const response = await prediction.responseOfOwn(choice.cells);
  const none = await prediction.response(new Int32Array(width));
  return [
    ...grid.levers.map((lever, l) => ({
      kind: "category" as const,
      name: `best_${lever.column}`,
      codes: Int32Array.from({ length: n }, (_, i) => choice.cells[i * width + l]),
      levels: lever.levels,
    })),
    numberColumn("value", choice.value),
    numberColumn(
      "effect",
      response.map((value, i) => value - none[i]),
    ),
    numberColumn("logged_rows", rows),
    { kind: "category" as const, name: "support", codes: Int32Array.from(rows, (count) => (count > 0 ? 1 : 0)), levels: supports },
  ];
}

async function everyEffect(prediction: LeversPrediction): Promise<NumberColumn[]> {
  const { grid, rows } = prediction;
  if (grid.cells > mostColumns) throw usageError(`${grid.cells} cells are too many to lay out (${mostColumns} at most); take --cells best, without --budget`);
  const width = grid.sizes.length;
  const all = everyCell(grid);
  const effects = Array.from({ length: grid.cells - 1 }, (_, j) => numberColumn(`effect_${cellName(grid, all, (j + 1) * width)}`, new Float64Array(rows)));
  for (let from = 0; from < rows; from += block) {
    const to = Math.min(rows, from + block);
    const response = await prediction.response(all, { from, to });
    for (let i = from; i < to; i++) {
      const at = (i - from) * grid.cells;
      for (let j = 1; j < grid.cells; j++) effects[j - 1].values[i] = response[at + j] - response[at];
    }
  }
  return effects;
}

const block = 8192;

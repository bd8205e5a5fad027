import { writeFile } from "node:fs/promises";
import { usageError } from "../base/errors.ts";
import type { Json } from "../base/state.ts";
import { numberColumn } from "../data/dataset.ts";
import { cellName, cellOf, everyCell } from "../data/levers.ts";
import type { Column } from "../data/schema.ts";
import { atomically, writeTable } from "../data/write.ts";
import { bestCells } from "../evaluate/leverChoice.ts";
import { leverInsight } from "../evaluate/leverInsight.ts";
import type { LeversPrediction } from "../model/contract.ts";
import { checkWritable } from "./folder.ts";
import { json } from "./table.ts";
import type { Io } from "./verb.ts";

interface Asked {
  readonly out: string;
  readonly cells: "best" | "all";
  readonly worth: number;
  readonly report?: string;
  readonly id: readonly Column[];
  readonly name: string;
}

// More columns than this are no table that anyone reads.
const mostColumns = 1000;

/** Writes what a model of several levers says of each row, and shows the insight. */
export async function predictLevers(prediction: LeversPrediction, { out, cells, worth, report, id, name }: Asked, io: Io): Promise<void> {
  if (report !== undefined) checkWritable(report, "--report");
  const columns = cells === "all" ? await everyEffect(prediction) : await best(prediction, worth);
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
        notes: [...(prediction.notes ?? [])],
      }),
    );
    return;
  }
  io.out(`${prediction.rows} rows: ${columns.length > 8 ? `${columns.length} columns` : columns.map((column) => column.name).join(", ")}: ${out}\n`);
  for (const { cell, units, rows } of insight.best.cells.slice(0, 5))
    io.out(`  ${cell}: best for ${units} of ${insight.units} units, ${rows === 0 ? "never logged" : `${rows} rows logged`}\n`);
  for (const warning of [...insight.warnings, ...(prediction.notes ?? [])]) io.err(`note: ${warning}\n`);
}

async function best(prediction: LeversPrediction, worth: number): Promise<Column[]> {
  const { grid, logged } = prediction;
  const width = grid.sizes.length;
  const choice = await bestCells(prediction, { worth });
  const n = prediction.rows;
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
    numberColumn(
      "logged_rows",
      Float64Array.from({ length: n }, (_, i) => logged.get(cellOf(grid.sizes, choice.cells, i * width)) ?? 0),
    ),
  ];
}

async function everyEffect(prediction: LeversPrediction): Promise<Column[]> {
  const { grid, rows } = prediction;
  if (grid.cells > mostColumns) throw usageError(`--cells all: ${grid.cells} cells are too many columns (${mostColumns} at most); take --cells best`);
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

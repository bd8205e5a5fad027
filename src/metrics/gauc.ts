import { z } from "zod";
import { dataError } from "../base/errors.ts";
import type { Metric } from "./contract.ts";
import { rankAuc } from "./auc.ts";
import { defineMetric } from "./define.ts";
import type { Options } from "./options.ts";
import { binaryOutcome } from "./outcomes.ts";
import { keepRows, leftOut } from "./ranking.ts";

const options = z.strictObject({
  groupWeight: z
    .enum(["rows", "positives", "equal"])
    .default("rows")
    .describe("What a group counts by: its (weighted) rows, its rows with outcome 1, or the same for every group."),
  degenerate: z
    .enum(["skip", "half", "error"])
    .default("skip")
    .describe("Groups with one outcome class have no AUC: leave them out and count them in a note, give them 0.5, or stop."),
});

/**
 * Grouped AUC (Zhu2017): the AUC within each group - a user, as a rule - averaged over groups, by default with their numbers of rows as
 * weights. Groups with one outcome class are left out, and a note says how many. NaN with a note when no group is left.
 */
export const gauc: Metric<"gauc", Options<{ groupWeight: "rows" | "positives" | "equal"; degenerate: "skip" | "half" | "error" }>> = defineMetric({
  id: "gauc",
  summary: "AUC within groups, averaged over groups by their size",
  better: "higher",
  needs: ["outcome", "group"],
  traits: { reads: "order", ties: "averaged", weights: "duplicates", constant: "half" },
  options,
  statistic(scores, { groupWeight, degenerate }) {
    const { data, prediction, order } = scores;
    const y = binaryOutcome(data, "gauc");
    const groups = data.groups();
    if (groups === undefined) throw dataError(`gauc: ${data.name} has no group column; name the column whose rows belong together, a user for example`);
    const { row, ends, missing } = keepRows(order, undefined, y);
    const { index, count, names } = groups;
    const weight = data.weight();
    const { rows: byGroup, starts } = splitByGroup(row, index, count);
    const tieEnds = byGroup.slice();
    const areas = (counts?: Uint8Array): { readonly value: number; readonly valid: number; readonly single: number } => {
      let sum = 0;
      let total = 0;
      let valid = 0;
      let single = -1;
      for (let g = 0; g < count; g++) {
        const [start, end] = [starts[g], starts[g + 1]];
        let positives = 0;
        let all = 0;
        let groupsOfTies = 0;
        for (let k = start; k < end; k++) {
          const i = byGroup[k];
          const w = (counts === undefined ? 1 : counts[i]) * (weight === undefined ? 1 : weight[i]);
          all += w;
          if (y[i] === 1) positives += w;
          if (k + 1 === end || prediction[byGroup[k + 1]] !== prediction[i]) tieEnds[start + groupsOfTies++] = k + 1 - start;
        }
        if (all === 0) continue;
        const mixed = positives > 0 && positives < all;
        if (mixed) valid++;
        else if (single < 0) single = g;
        if (!mixed && degenerate !== "half") continue;
        const area = mixed ? rankAuc(byGroup.subarray(start, end), tieEnds.subarray(start, start + groupsOfTies), y, weight, counts) : 0.5;
        const size = groupWeight === "rows" ? all : groupWeight === "positives" ? positives : 1;
        sum += size * area;
        total += size;
      }
      return { value: sum / total, valid, single };
    };
    const { value, valid, single } = areas();
    if (degenerate === "error" && single >= 0)
      throw dataError(`gauc: group "${names[single]}" has one outcome class; pass {degenerate: "skip"} to leave such groups out`);
    const notes = [...leftOut(missing, data.rows), ...(ends.length === 1 && row.length > 1 ? ["all scores are equal: nothing is ordered"] : [])];
    if (valid < count)
      notes.push(`${valid} of ${count} groups have both outcome classes; ${degenerate === "half" ? "the others count 0.5" : "the others are left out"}`);
    if (Number.isNaN(value)) notes.push("no group has both outcome classes, so there are no pairs to order");
    return { value: (counts) => areas(counts).value, range: [0, 1], notes };
  },
});

/** Rows laid out group by group, in each group still in descending order of score; group g holds `starts[g] .. starts[g + 1] - 1`. */
function splitByGroup(row: Uint32Array, index: Int32Array, count: number): { readonly rows: Uint32Array; readonly starts: Uint32Array } {
  const starts = new Uint32Array(count + 1);
  for (const i of row) starts[index[i] + 1]++;
  for (let g = 0; g < count; g++) starts[g + 1] += starts[g];
  const place = starts.slice();
  const rows = new Uint32Array(row.length);
  for (const i of row) rows[place[index[i]]++] = i;
  return { rows, starts };
}

import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { dataError } from "../base/errors.ts";
import { atomically } from "../data/write.ts";
import { comparisonFromJson } from "../evaluate/stored.ts";
import { renderReport } from "../report/index.ts";
import { reason } from "./settle.ts";
import { checkWritable } from "./folder.ts";
import { json } from "./table.ts";
import { type Verb, verb } from "./verb.ts";

const options = z.strictObject({
  run: z.string().min(1).describe("folder that compare wrote"),
  out: z.string().min(1).optional().describe("file to write; DIR/report.html by default"),
});

/** `report DIR` renders DIR/report.html again from DIR/comparison.json. */
export const reportVerb: Verb = verb({
  usage: "report DIR",
  summary: "write the HTML report of a comparison again",
  operands: ["run"],
  options,
  notes: `reads DIR/comparison.json; the report is one file that opens without a network
with --json: {"report":"DIR/report.html"}`,
  examples: ["report run", "report run --out summary.html"],
  run: async ({ options: { run, out }, io }) => {
    const file = join(run, "comparison.json");
    const target = out ?? join(run, "report.html");
    const comparison = comparisonFromJson(readComparison(file), file);
    checkWritable(target, "--out");
    const page = await renderReport(comparison);
    await atomically(target, (temporary) => writeFile(temporary, page));
    io.out(io.json ? json({ report: target }) : `${target}\n`);
    return 0;
  },
});

function readComparison(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw dataError(`${file}: cannot be read (${reason(cause)}); name the folder that compare wrote with --out`, cause);
  }
}

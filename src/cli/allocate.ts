import { z } from "zod";
import { allocate, type Allocation, frontier } from "../allocate/index.ts";
import { dataError, suggest, usageError } from "../base/errors.ts";
import { Dataset, numberColumn } from "../data/dataset.ts";
import { readTable } from "../data/read.ts";
import type { CategoryColumn } from "../data/schema.ts";
import { writeTable } from "../data/write.ts";
import { checkWritable } from "./folder.ts";
import { overwriteShape } from "./options.ts";
import { json, table } from "./table.ts";
import { type Io, type Verb, verb } from "./verb.ts";

const units = z.record(z.string(), z.int().min(0));
const options = z.strictObject({
  data: z.string().min(1).describe("predictions, one row a unit, as predict writes them"),
  gain: z
    .record(z.string(), z.string().min(1))
    .optional()
    .describe("column of the gain of each arm, ARM=COLUMN,ARM=COLUMN; by default effect, or effect_ARM for each arm"),
  worth: z.number().gt(0).default(1).describe("what one unit of the outcome is worth, in the unit of the costs"),
  cost: z
    .union([z.number().min(0), z.string().min(1), z.record(z.string(), z.union([z.number().min(0), z.string().min(1)]))])
    .describe("cost of treating a unit: a number or a column, for all arms or by arm: ARM=1.5,ARM=price"),
  budget: z.number().min(0).optional().describe("most that may be spent; no limit by default"),
  caps: units.optional().describe("most units in an arm: ARM=1000,ARM=500"),
  floors: units.optional().describe("fewest units in an arm: ARM=100"),
  everybody: z.boolean().default(false).describe("leave no unit out"),
  cautious: z.boolean().default(false).describe("choose by the lower ends of the intervals (effect_lower, effect_lower_ARM), and report the gains"),
  id: z.array(z.string().min(1)).default([]).describe("columns to copy beside the choice"),
  out: z.string().min(1).describe("file to write: .csv, .csv.gz, .tsv or .parquet"),
  frontier: z.string().min(1).optional().describe("another file to write: what each budget can buy, by the predictions"),
  ...overwriteShape,
});
type Asked = z.output<typeof options>;

/** `allocate PREDICTIONS`: who gets what within a budget. */
export const allocateVerb: Verb = verb({
  usage: "allocate PREDICTIONS --cost COST --out FILE",
  summary: "who gets what within a budget",
  operands: ["data"],
  options,
  notes: `FILE has one row a unit: the --id columns, arm ("none" for doing nothing), gain (in units of the costs) and cost
with --json: {"out","units","counts":{"none":..,ARM:..},"spent","gain","value","bound","gap","budgetPrice","placePrices":{ARM:..}}
value is what was maximised, and no allocation has more than bound; budgetPrice is what one more unit of budget would bring`,
  examples: [
    "allocate effects.csv --cost 0.5 --budget 1000 --worth 20 --id customer --out who.csv",
    "allocate effects.parquet --cost coupon=2,call=8.5 --caps call=500 --budget 20000 --cautious --out who.parquet --frontier frontier.csv",
  ],
  run: async ({ options: asked, io }) => {
    checkWritable(asked.out, "--out", asked.overwrite);
    if (asked.frontier !== undefined) checkWritable(asked.frontier, "--frontier", asked.overwrite);
    const predictions = new Dataset(await readTable(asked.data), { features: [], outcomes: [] }, asked.data);
    if (predictions.rows === 0) throw dataError(`${asked.data}: there are no rows; is it the right file?`);
    const columns = gainColumns(predictions, asked.gain);
    const arms = Object.keys(columns);
    const scaled = (name: string): Float64Array => predictions.number(name, "gain").map((v) => v * asked.worth);
    const gain = Object.values(columns).map(scaled);
    const cost = costsOf(predictions, arms, asked.cost);
    const byArm = (limits: Readonly<Record<string, number>> | undefined, flag: string): (number | undefined)[] => {
      for (const arm of Object.keys(limits ?? {})) namedArm(arm, arms, flag);
      return arms.map((arm) => limits?.[arm]);
    };
    const decideBy = asked.cautious ? Object.values(columns).map((name) => scaled(lowerOf(name, predictions))) : undefined;
    const limits = { budget: asked.budget, caps: byArm(asked.caps, "--caps"), floors: byArm(asked.floors, "--floors"), nobody: !asked.everybody };
    const found = allocate(gain, cost, { ...limits, ...(decideBy === undefined ? {} : { decideBy }) });
    const chosen = (of: readonly (number | Float64Array)[]): Float64Array => Float64Array.from(found.choice, (k, i) => (k === 0 ? 0 : valueAt(of[k - 1], i)));
    const who: CategoryColumn = { kind: "category", name: "arm", codes: found.choice, levels: ["none", ...arms] };
    await writeTable(asked.out, [
      ...asked.id.map((name) => predictions.column(name)),
      who,
      numberColumn("gain", chosen(gain)),
      numberColumn("cost", chosen(cost)),
    ]);
    if (asked.frontier !== undefined) {
      const { budget, value } = frontier(gain, cost);
      await writeTable(asked.frontier, [numberColumn("budget", budget), numberColumn("gain", value)]);
    }
    print(found, arms, asked, io);
    return 0;
  },
});

function gainColumns(data: Dataset, asked: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  if (asked !== undefined) return asked;
  if (data.has("effect")) return { treated: "effect" };
  const found = data.names.filter((name) => /^effect_(?!lower_|upper_)/.test(name));
  if (found.length === 0)
    throw usageError(
      `${data.name} has neither a column effect nor columns effect_ARM, as predict writes them; name the columns of the gains: --gain ARM=COLUMN,ARM=COLUMN`,
    );
  return Object.fromEntries(found.map((name) => [name.slice("effect_".length), name]));
}

function lowerOf(name: string, data: Dataset): string {
  const lower = name.replace(/^effect/, "effect_lower");
  if (lower === name || !data.has(lower))
    throw usageError(
      `--cautious needs the lower end of the interval of "${name}", and ${data.name} has no column "${name.replace(/^effect/, "effect_lower")}"; predict with a model that has intervals`,
    );
  return lower;
}

function costsOf(data: Dataset, arms: readonly string[], asked: Asked["cost"]): (number | Float64Array)[] {
  const of = (cost: number | string): number | Float64Array => (typeof cost === "number" ? cost : data.number(cost, "cost"));
  if (typeof asked !== "object") return arms.map(() => of(asked));
  for (const arm of Object.keys(asked)) namedArm(arm, arms, "--cost");
  const lacking = arms.find((arm) => asked[arm] === undefined);
  if (lacking !== undefined) throw usageError(`--cost: arm "${lacking}" has none; give a cost for every arm, 0 where it costs nothing`);
  return arms.map((arm) => of(asked[arm]));
}

function namedArm(arm: string, arms: readonly string[], flag: string): void {
  if (!arms.includes(arm)) throw usageError(`${flag}: there is no arm "${arm}"; ${suggest(arm, arms)}`);
}

function valueAt(column: number | Float64Array, row: number): number {
  return typeof column === "number" ? column : column[row];
}

function print(found: Allocation, arms: readonly string[], { out }: Asked, io: Io): void {
  const { counts, spent, gain, value, bound, gap, budgetPrice, placePrices, choice } = found;
  if (io.json) {
    io.out(
      json({
        out,
        units: choice.length,
        counts: named(counts, ["none", ...arms]),
        spent,
        gain,
        value,
        bound,
        gap,
        budgetPrice,
        placePrices: named(placePrices, arms),
      }),
    );
    return;
  }
  io.out(
    table(
      ["arm", "units"],
      ["none", ...arms].map((arm, k) => [arm, String(counts[k])]),
      io,
      [1],
    ),
  );
  io.out(
    `\nspent ${shown(spent)}, gain ${shown(gain)}: ${gap > 1e-9 * Math.abs(bound) ? `at most ${shown(gap)} below the best there is` : "the best there is"} within the limits, by the predictions\n`,
  );
  if (budgetPrice > 0) io.out(`one more unit of budget would bring ${shown(budgetPrice)}\n`);
  io.out(`${out}\n`);
}

function named<T>(list: readonly T[], names: readonly string[]): Record<string, T> {
  return Object.fromEntries(names.map((name, k) => [name, list[k]]));
}

function shown(value: number): string {
  return String(Number(value.toPrecision(6)));
}

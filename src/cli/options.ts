import { availableParallelism } from "node:os";
import { z } from "zod";
import { usageError } from "../base/errors.ts";
import type { RoleFlags } from "../data/open.ts";
import type { LeverRole } from "../data/schema.ts";

type Text = z.ZodOptional<z.ZodString>;
type Texts = z.ZodOptional<z.ZodArray<z.ZodString>>;
type ByArm = z.ZodOptional<z.ZodUnion<readonly [z.ZodString, z.ZodRecord<z.ZodString, z.ZodString>]>>;
/** The shape of the role options. */
export type RoleShape = {
  data: Text;
  treatment: Text;
  control: Text;
  outcome: Texts;
  features: Texts;
  ignore: Texts;
  text: Texts;
  levers: Texts;
  sellers: z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodString>>;
  weight: Text;
  group: Text;
  time: Text;
  propensity: ByArm;
  cost: ByArm;
  truth: ByArm;
  potential: z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodString>>;
};

const column = z.string().min(1);
const columns = z.array(column).min(1);

/** What the columns of the data mean; a named data set brings its own, and these win over them. */
export const roleShape: RoleShape = {
  data: column.optional().describe("a file (.csv, .csv.gz, .parquet, .json, .jsonl), a named data set (hillstrom), or simulate:GENERATOR"),
  treatment: column.optional().describe("column that says who got what"),
  control: column.optional().describe("arm that everything is compared with; by default 0, or the arm called control"),
  outcome: columns.optional().describe("outcome columns; the first is the primary one"),
  features: columns.optional().describe("columns a model may see; by default every column without another part"),
  ignore: columns.optional().describe("columns that are no features: ids, what happened after the treatment"),
  text: columns.optional().describe("columns read as text whatever they look like: codes with leading zeros, numbers that are names"),
  levers: columns
    .optional()
    .describe("columns of levers chosen together, each COLUMN or, with levels in order, the baseline first, and costs: COLUMN:none<5=0.5<10=1"),
  sellers: z
    .record(z.string(), column)
    .optional()
    .describe(
      "columns of candidate sellers, one row for each user (--group) and seller: category=C,seller=C,incentives=C+C,redeemed=C,platform=C,arm=C,planned=C; all but incentives may be left out",
    ),
  weight: column.optional().describe("column of row weights"),
  group: column.optional().describe("column of groups (user, shop) that are kept together in splits and resamples"),
  time: column.optional().describe("column of times, for splits in time"),
  propensity: z
    .union([column, z.record(z.string(), column)])
    .optional()
    .describe("column of known treatment probabilities; with several arms ARM=COLUMN,ARM=COLUMN"),
  cost: z
    .union([column, z.record(z.string(), column)])
    .optional()
    .describe("column of the cost of treating; with several arms ARM=COLUMN,ARM=COLUMN"),
  truth: z
    .union([column, z.record(z.string(), column)])
    .optional()
    .describe("column of true effects, where they are known; with several arms ARM=COLUMN,ARM=COLUMN"),
  potential: z
    .record(z.string(), column)
    .optional()
    .describe("columns of the expected outcome under every arm, control included, where they are known: ARM=COLUMN,ARM=COLUMN"),
};

export type RoleOptions = z.output<z.ZodObject<RoleShape>>;

export const seedShape: { seed: z.ZodDefault<z.ZodInt> } = {
  seed: z.int().min(0).default(1).describe("seed of every random choice; the same seed gives the same answer"),
};

export const threadsShape: { threads: z.ZodDefault<z.ZodInt> } = {
  threads: z
    .int()
    .min(1)
    .max(1024)
    .default(availableParallelism())
    .meta({ default: "all cores" })
    .describe("most threads to use; the answer does not depend on it"),
};

/** `--shares equal`, or a number for every arm. */
export const sharesShape: { shares: z.ZodOptional<z.ZodUnion<readonly [z.ZodLiteral<"equal">, z.ZodRecord<z.ZodString, z.ZodNumber>]>> } = {
  shares: z
    .union([z.literal("equal"), z.record(z.string(), z.number().gt(0))])
    .optional()
    .describe(
      "planned shares of the arms, against which their sizes are tested: equal, or ARM=1,ARM=2; by default those of known propensities that are the same for every row",
    ),
};

export const outFolder: z.ZodString = z.string().min(1).describe("folder to write");
export const overwriteShape: { overwrite: z.ZodDefault<z.ZodBoolean> } = {
  overwrite: z.boolean().default(false).describe("replace what is there"),
};

/** The options as `openDataset` takes them. */
export function roleFlags({
  treatment,
  control,
  outcome,
  features,
  ignore,
  text,
  levers,
  sellers,
  weight,
  group,
  time,
  propensity,
  cost,
  truth,
  potential,
}: Omit<RoleOptions, "data">): RoleFlags {
  return {
    treatment,
    control,
    outcome,
    features,
    ignore,
    text,
    levers: levers?.map(leverOf),
    sellers,
    weight,
    group,
    time,
    propensity,
    cost,
    truth,
    potential,
  };
}

/** "discount:none<5=0.5<10=1" as a lever; a column alone takes its levels from the data. */
function leverOf(text: string): LeverRole {
  const cut = text.indexOf(":");
  if (cut < 0) return { column: text, levels: [] };
  const parts = text
    .slice(cut + 1)
    .split("<")
    .map((part) => part.split("="));
  const levels = parts.map(([level]) => level.trim());
  const doses = levels.map(Number);
  const costs = parts.map(([, cost], k) => (cost === undefined && k === 0 ? 0 : Number(cost)));
  const priced = parts.some(([, cost]) => cost !== undefined);
  if (priced && costs.some(Number.isNaN)) throw usageError(`--levers: "${text}": give every level but the baseline a cost, or none`);
  return { column: text.slice(0, cut), levels, ...(doses.some(Number.isNaN) ? {} : { doses }), ...(priced ? { costs } : {}) };
}

/** @throws LiftwiseError (usage) when no data is named, neither on the command line nor in the config */
export function namedData(data: string | undefined, verb: string): string {
  if (data !== undefined) return data;
  throw usageError(`no data is named: liftwise ${verb} DATA, which is a file, a named data set (liftwise data list) or simulate:GENERATOR`);
}

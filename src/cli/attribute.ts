import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { attributionMechanisms, fromPaths, type Journeys, mechanismById, withinWindow } from "../attribution/mechanism/index.ts";
import { type ChannelReport, sideBySide } from "../attribution/mechanism/sideBySide.ts";
import { dataError, suggest, usageError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import { asCategory } from "../data/dataset.ts";
import { journeyNotes, readJourneys, sumByChannel } from "../data/journeys.ts";
import { readTable } from "../data/read.ts";
import type { CategoryColumn, Column } from "../data/schema.ts";
import { liftwiseVersion } from "../model/version.ts";
import { renderAttribution } from "../report/attribution.ts";
import { outputFolder } from "./folder.ts";
import { overwriteShape, seedShape } from "./options.ts";
import { progress } from "./progress.ts";
import { json, table } from "./table.ts";
import { type Verb, verb } from "./verb.ts";

const column = z.string().min(1);
const options = z.strictObject({
  log: column.optional().describe("the log of touches, or a file of paths: .csv, .csv.gz, .parquet, .json or .jsonl"),
  user: column.optional().describe("log: column of the user"),
  time: column.optional().describe("log: column of the time of each touch and conversion"),
  timeUnit: z.enum(["ms", "s", "days"]).optional().describe("what times count that are plain numbers"),
  channel: column.optional().describe("log: column of the channel"),
  type: column.optional().describe("log: column that tells clicks from impressions"),
  click: column.default("click").describe("log: value of --type that is a click"),
  clicksOnly: z.boolean().default(false).describe("log: credit clicks only"),
  cost: column.optional().describe("log: column of the cost of each touch"),
  conversion: column.optional().describe("log: column of 0 and 1 that marks conversions"),
  conversionLog: column.optional().describe("log: second file that holds the conversions, with the same column names for user, time and value"),
  value: column.optional().describe("column of the money a conversion (or all of a path) brought"),
  lookback: z.number().gt(0).default(30).describe("log: days before its conversion in which a touch counts"),
  duplicates: z.enum(["drop", "keep"]).default("drop").describe("log: rows equal in every column used are counted once, or kept"),
  path: column.optional().describe("paths: column of paths such as a > b > c"),
  separator: column.default(">").describe("paths: what stands between two channels"),
  conversions: column.optional().describe("paths: column of conversions that took the path"),
  nulls: column.optional().describe("paths: column of users who took the path and did not convert"),
  mechanisms: z
    .array(column)
    .min(1)
    .default(["first", "last", "linear", "time-decay", "position-based", "markov", "shapley", "data-driven"])
    .describe("mechanisms, by id"),
  halfLife: z.number().gt(0).default(7).describe("half-life of time-decay, in days; in touches where there are no times"),
  truth: column.optional().describe("file with columns channel and conversions: incremental conversions from an experiment or a simulator"),
  contribution: column
    .optional()
    .describe("log: column of the conversions each touch caused, where a simulator knows them; summed by channel they are the incremental truth"),
  out: column.optional().describe("folder to write: attribution.json and report.html"),
  ...overwriteShape,
  ...seedShape,
});
type Asked = z.output<typeof options>;

/** `attribute LOG`: credit, conversions, revenue, cost, CPA and ROAS by channel under every mechanism side by side. */
export const attributeVerb: Verb = verb({
  usage: "attribute LOG --user COLUMN --time COLUMN --channel COLUMN --conversion COLUMN",
  summary: "credit of channels under every attribution mechanism, side by side",
  operands: ["log"],
  options,
  notes: `mechanisms
${attributionMechanisms.map(({ id, summary }) => `  ${id.padEnd(16)}${summary}`).join("\n")}

the disagreement of two mechanisms is the share of conversions they credit to different channels
with --json: {"format","journeys","conversions","value","channels":["..."],"cost":[],"touches":[],
 "mechanisms":[{"id","conversions":[],"value":[],"cpa":[],"roas":[]}],"disagreement":[[]],"truth"?:{"conversions":[],"distance":[]},"notes":["..."]}`,
  examples: [
    "attribute touches.csv --user user --time at --channel channel --conversion bought --value revenue --cost cost --out credit",
    "attribute clicks/touches.parquet --user journey --time time --channel channel --conversion converted --contribution contribution",
    "attribute PathData.csv.gz --path path --conversions total_conversions --value total_conversion_value --nulls total_null",
  ],
  run: async ({ options: asked, io }) => {
    if (asked.log === undefined) throw usageError("no data is named: liftwise attribute LOG, a log of touches or a file of paths");
    const chosen = [...new Set(asked.mechanisms)].map(mechanismById);
    const folder = asked.out === undefined ? undefined : outputFolder(asked.out, asked.overwrite);
    const bar = await progress(io);
    try {
      bar.at(0, "reading");
      const { journeys, notes } = asked.path === undefined ? await fromLog(asked.log, asked) : await fromPathFile(asked.log, asked.path, asked);
      const truth = await truthOf(asked.log, asked, journeys.channels);
      bar.at(0.5, "sharing out");
      const result = await sideBySide(journeys, { mechanisms: chosen, halfLife: asked.halfLife, truth, notes, rng: new Rng(asked.seed).split("attribute") });
      if (folder !== undefined) {
        await writeFile(join(folder.path, "attribution.json"), json(result));
        await writeFile(join(folder.path, "report.html"), renderAttribution({ ...result, name: asked.log, liftwise: liftwiseVersion() }));
        folder.keep();
      }
      bar.done();
      if (io.json) io.out(json(result));
      else {
        io.out(shown(result, (head, rows, right) => table(head, rows, io, right)));
        for (const note of notes) io.err(`note: ${note}\n`);
        if (asked.out !== undefined) io.out(`\n${join(asked.out, "report.html")}\n`);
      }
    } finally {
      bar.done();
      folder?.drop();
    }
    return 0;
  },
});

interface Read {
  readonly journeys: Journeys;
  readonly notes: readonly string[];
}

async function fromLog(log: string, asked: Asked): Promise<Read> {
  const { user, time, channel, type, click, cost, conversion, conversionLog, value, lookback, timeUnit, duplicates } = asked;
  const missing = (["user", "time", "channel"] as const).filter((name) => asked[name] === undefined);
  if (user === undefined || time === undefined || channel === undefined)
    throw usageError(
      `${missing.map((name) => `--${name}`).join(", ")} missing: a log needs --user, --time and --channel; a file of aggregated paths needs --path and --conversions`,
    );
  if (conversion === undefined && conversionLog === undefined)
    throw usageError("--conversion is missing: the column that marks conversions; or name a second file with --conversion-log");
  if (asked.clicksOnly && type === undefined) throw usageError("--clicks-only needs --type COLUMN, which tells clicks from impressions");
  const { journeys, counts } = await readJourneys(log, {
    user,
    time,
    channel,
    type,
    click,
    cost,
    conversion,
    conversions: conversionLog,
    value,
    lookback,
    timeUnit,
    duplicates,
  });
  const notes = journeyNotes(counts, lookback);
  if (!asked.clicksOnly) return { journeys, notes };
  const { journeys: clicks, lost } = withinWindow(journeys, Number.POSITIVE_INFINITY, true);
  return { journeys: clicks, notes: lost > 0 ? [...notes, `${lost} conversions have impressions only before them: credited to no channel`] : notes };
}

async function fromPathFile(file: string, path: string, asked: Asked): Promise<Read> {
  if (asked.conversions === undefined) throw usageError("--conversions is missing: the column that counts the conversions of each path");
  const names = [path, asked.conversions, asked.value, asked.nulls].filter((name) => name !== undefined);
  const columns = await readTable(file, { columns: names, text: [path] });
  const of = (name: string): Column => columns.find((one) => one.name === name) as Column;
  const number = (name: string): Float64Array => {
    const found = of(name);
    if (found.kind !== "number") throw dataError(`${file}: column "${name}" must hold numbers; choose another column or recode it`);
    return found.values;
  };
  const { codes, levels } = of(path) as CategoryColumn;
  const empty = codes.indexOf(-1);
  if (empty >= 0) throw dataError(`${file}: row ${empty + 1} has no path; fill or remove the row`);
  const counts = {
    conversions: number(asked.conversions),
    value: asked.value === undefined ? undefined : number(asked.value),
    nulls: asked.nulls === undefined ? undefined : number(asked.nulls),
  };
  return {
    journeys: fromPaths(
      Array.from(codes, (code) => levels[code]),
      counts,
      asked.separator,
    ),
    notes: [],
  };
}

async function truthOf(log: string, { truth, contribution, channel, path }: Asked, channels: readonly string[]): Promise<Record<string, number> | undefined> {
  if (truth !== undefined && contribution !== undefined) throw usageError("--truth and --contribution both give the incremental conversions; leave one out");
  if (truth !== undefined) return readTruth(truth, channels);
  if (contribution === undefined) return undefined;
  if (path !== undefined || channel === undefined) throw usageError("--contribution is a column of a log of touches; a file of paths takes --truth FILE");
  const sums = await sumByChannel(log, channel, contribution);
  return Object.fromEntries(channels.map((name) => [name, sums.get(name) ?? 0]));
}

async function readTruth(file: string, channels: readonly string[]): Promise<Record<string, number>> {
  const columns = await readTable(file, { columns: ["channel", "conversions"], text: ["channel"] });
  const { codes, levels } = asCategory(columns[0], file);
  const conversions = columns[1];
  if (conversions.kind !== "number") throw dataError(`${file}: column "conversions" must hold numbers`);
  const truth = Object.fromEntries(Array.from(codes, (code, i) => [levels[code] ?? "", conversions.values[i]]));
  for (const channel of Object.keys(truth))
    if (!channels.includes(channel)) throw dataError(`${file}: channel "${channel}" is not in the log; ${suggest(channel, channels)}`);
  for (const channel of channels)
    if (!Number.isFinite(truth[channel]))
      throw dataError(`${file}: there are no incremental conversions for channel "${channel}"; give a number for each of ${channels.join(", ")}`);
  return truth;
}

type Draw = (head: readonly string[], rows: readonly (readonly string[])[], right: readonly number[]) => string;

function shown({ channels, mechanisms, cost, touches, disagreement, truth }: ChannelReport, draw: Draw): string {
  const numbers = Array.from({ length: mechanisms.length + 3 }, (_, i) => i + 1);
  const ids = mechanisms.map(({ id }) => id);
  const grid = (title: string, of: (m: number, c: number) => number | null, beside: (c: number) => string[], heads: readonly string[]): string =>
    `${title}\n${draw(
      ["channel", ...heads, ...ids],
      channels.map((channel, c) => [channel, ...beside(c), ...ids.map((_, m) => amount(of(m, c)))]),
      numbers,
    )}`;
  const parts = [
    grid(
      "conversions",
      (m, c) => mechanisms[m].conversions[c],
      (c) => [String(touches[c]), ...(truth ? [amount(truth.conversions[c])] : [])],
      ["touches", ...(truth ? ["incremental"] : [])],
    ),
  ];
  if (mechanisms.some(({ value }) => value.some((v) => v !== 0)))
    parts.push(
      grid(
        "value",
        (m, c) => mechanisms[m].value[c],
        () => [],
        [],
      ),
    );
  if (cost.some((spent) => spent > 0)) {
    parts.push(
      grid(
        "cost of a conversion (CPA)",
        (m, c) => mechanisms[m].cpa[c],
        (c) => [amount(cost[c])],
        ["cost"],
      ),
    );
    parts.push(
      grid(
        "value for each unit of cost (ROAS)",
        (m, c) => mechanisms[m].roas[c],
        () => [],
        [],
      ),
    );
  }
  if (ids.length > 1) {
    const rows = ids.map((id, a) => [id, ...(truth ? [percent(truth.distance[a])] : []), ...ids.map((_, b) => percent(disagreement[a][b]))]);
    parts.push(`share of conversions credited to different channels\n${draw(["mechanism", ...(truth ? ["incremental"] : []), ...ids], rows, numbers)}`);
  }
  return parts.join("\n");
}

function amount(value: number | null): string {
  return value === null ? "-" : Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

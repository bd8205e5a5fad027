import { z } from "zod";
import { usageError } from "../base/errors.ts";
import { catalogue, variantNames } from "../data/catalogue.ts";
import { columnsOf, type Dataset } from "../data/dataset.ts";
import { describe as describeData } from "../data/describe.ts";
import { clickFolderOf } from "../data/mac/folder.ts";
import { fetchDataset } from "../data/fetch.ts";
import { locate } from "../data/locate.ts";
import { openDataset, openSource } from "../data/open.ts";
import { generatorById, generators } from "../data/synth/index.ts";
import { writeTable } from "../data/write.ts";
import { averageEffects } from "../experiment/ate.ts";
import { balanceWarning } from "../evaluate/balance.ts";
import { plannedRatio } from "../evaluate/shares.ts";
import { effectTable, pText } from "../evaluate/table.ts";
import { checkWritable } from "./folder.ts";
import { namedData, overwriteShape, roleFlags, roleShape, seedShape, sharesShape } from "./options.ts";
import { progress } from "./progress.ts";
import { json, table } from "./table.ts";
import { type Io, type Verb, verb } from "./verb.ts";

/** `data list`: what can be named in place of a file. */
export const list: Verb = verb({
  usage: "data list",
  summary: "list the named data sets and generators",
  operands: [],
  options: z.strictObject({}),
  notes: `with --json: {"datasets":[{"name","title","kind","rows","licence","variants","present"}],"generators":[{"name","summary"}]}
"present" says whether all its files are in LIFTWISE_DATA_DIR or the cache`,
  examples: ["data list", "data list --json"],
  run: async ({ io }) => {
    const entries = catalogue().map((entry) => {
      const { name, title, kind, rows, licence, files } = entry;
      return { name, title, kind, rows: rows ?? null, licence, variants: variantNames(entry), present: files.every((file) => locate(file) !== undefined) };
    });
    const simulated = generators.map(({ id, summary }) => ({ name: `simulate:${id}`, summary }));
    if (io.json) io.out(json({ datasets: entries, generators: simulated }));
    else {
      io.out(
        table(
          ["name", "rows", "here", "kind", "title"],
          entries.map((entry) => [entry.name, String(entry.rows ?? ""), entry.present ? "yes" : "-", entry.kind, entry.title]),
          io,
        ),
      );
      io.out(
        `\n${table(
          ["name", "what it makes"],
          simulated.map(({ name, summary }) => [name, summary]),
          io,
        )}`,
      );
    }
    return 0;
  },
});

/** `data describe DATA`: the summary of `describe`, with the average effects where there are outcomes and a treatment. */
export const describe: Verb = verb({
  usage: "data describe DATA",
  summary: "arms, outcomes, missing values and balance of a data set",
  operands: ["data"],
  options: z.strictObject({ ...roleShape, ...sharesShape, level: z.number().gt(0).lt(1).default(0.95).describe("coverage of the intervals") }),
  notes: `with --json: {"name","rows","sha256","control","arms":[{"arm","rows","share"}],"outcomes":[{"name","kind","missing","mean":{ARM:..}}],
"features":[{"name","kind","missing","levels"?}],"balance":[{"feature","arm","smd"}],"effects":[...as in compare],
"sampleRatio":{"expected","statistic","pValue"}?,"notes":["..."]}; sampleRatio is there where the planned shares are known
of a folder of click files (liftwise data clicks): {"parts":[{"part","files","rows","users","positive":{first,last,mta,linear}}],"vocabulary":{FIELD:n},"notes"}`,
  examples: ["data describe campaign.csv --treatment arm --control none --outcome bought", "data describe hillstrom"],
  run: async ({ options: asked, io }) => {
    const clicks = asked.data === undefined ? undefined : clickFolderOf(asked.data);
    if (clicks !== undefined) {
      const { describeClickFolder } = await import("./clicks.ts");
      await describeClickFolder(clicks, io);
      return 0;
    }
    const { data, notes, sha256 } = await openSource(namedData(asked.data, "data describe"), roleFlags(asked));
    const { treatment, outcomes } = data.roles;
    const effects = treatment === undefined ? [] : outcomes.flatMap((outcome) => averageEffects(data, { outcome, level: asked.level }));
    const sound = treatment === undefined ? undefined : plannedRatio(data, asked.shares);
    const ratio = sound?.ratio;
    const summary = { ...describeData(data), ...(ratio === undefined ? {} : { sampleRatio: ratio }) };
    const doubts = [...(sound?.warnings ?? []), balanceWarning(summary)].filter((warning) => warning !== undefined);
    if (io.json) {
      io.out(json({ ...summary, sha256: await sha256(), effects, notes: [...doubts, ...notes] }));
      return 0;
    }
    printSummary(summary, io);
    if (effects.length > 0) {
      const { head, rows } = effectTable(effects);
      io.out(`\n${table(head, rows, io)}`);
    }
    if (ratio !== undefined) io.out(`\nsizes of the arms against their planned shares: p ${pText(ratio.pValue)}\n`);
    for (const note of [...doubts, ...notes]) io.err(`note: ${note}\n`);
    return 0;
  },
});

function printSummary(summary: ReturnType<typeof describeData>, io: Io): void {
  io.out(`${summary.name}: ${summary.rows} rows, ${summary.features.length} features\n\n`);
  if (summary.arms.length > 0)
    io.out(
      `${table(
        ["arm", "rows", "share"],
        summary.arms.map(({ arm, rows, share }) => [arm === summary.control ? `${arm} (control)` : arm, String(rows), `${(100 * share).toFixed(2)} %`]),
        io,
      )}\n`,
    );
  if (summary.outcomes.length > 0) {
    const groups = Object.keys(summary.outcomes[0].mean);
    io.out(
      `${table(
        ["outcome", "kind", "missing", ...groups.map((group) => `mean ${group}`)],
        summary.outcomes.map(({ name, kind, missing, mean }) => [name, kind, String(missing), ...groups.map((group) => shown(mean[group]))]),
        io,
      )}\n`,
    );
  }
  const worst = (feature: string): string => {
    const found = summary.balance
      .filter((line) => line.feature === feature || line.feature.startsWith(`${feature}=`) || line.feature.startsWith(`${feature} (`))
      .map((line) => Math.abs(line.smd));
    return found.length === 0 ? "" : shown(Math.max(...found.map((smd) => (Number.isNaN(smd) ? 0 : smd))), 3);
  };
  io.out(
    table(
      ["feature", "kind", "levels", "missing", "largest |smd|"],
      summary.features.map(({ name, kind, missing, levels }) => [name, kind, levels === undefined ? "" : String(levels), String(missing), worst(name)]),
      io,
    ),
  );
}

function shown(value: number, digits = 5): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(digits))) : "-";
}

/** `data fetch NAME`: downloads what is not there and checks what is. */
export const fetch: Verb = verb({
  usage: "data fetch NAME",
  summary: "download a named data set, checked against its checksum",
  operands: ["name"],
  options: z.strictObject({
    name: z.string().min(1).describe("a data set of data list, or one variant of it: ihdp/3"),
    folder: z.string().min(1).optional().describe("where to put the files; by default the cache, which compare and the others look into"),
  }),
  notes: `files that are in LIFTWISE_DATA_DIR or the cache already are checked and not fetched again; an interrupted download is gone on with
with --json: {"files":[{"path","from"}]}; from is null for a file that was there`,
  examples: ["data fetch hillstrom", "data fetch ihdp/3"],
  run: async ({ options: { name, folder }, io }) => {
    const bar = await progress(io);
    try {
      const fetched = await fetchDataset(name, {
        folder,
        signal: io.signal,
        progress: ({ file, received, total }) => bar.at(total === undefined ? 0 : received / total, `${file} ${(received / 1e6).toFixed(1)} MB`),
      });
      bar.done();
      if (io.json) io.out(json({ files: fetched.map(({ path, from }) => ({ path, from: from ?? null })) }));
      else for (const { path, from } of fetched) io.out(`${path}  ${from === undefined ? "was there, checked" : `from ${from}`}\n`);
    } finally {
      bar.done();
    }
    return 0;
  },
});

/** `data simulate GENERATOR --out FILE`: the columns that play a part, the truth among them. */
export const simulate: Verb = verb({
  usage: "data simulate GENERATOR --out FILE",
  summary: "write a simulated experiment with its truth to a file",
  operands: ["generator"],
  options: z.strictObject({
    generator: z.string().min(1).describe("a generator of data list, with or without simulate: before it"),
    out: z.string().min(1).describe("file to write: .csv, .csv.gz, .tsv or .parquet"),
    ...overwriteShape,
    ...seedShape,
  }),
  notes: `the same rows as simulate:GENERATOR?seed=N gives the other verbs
with --json: {"out","rows","columns":["..."],"roles":{...}}, the roles naming treatment, outcomes and the columns of the truth`,
  examples: ["data simulate email --out email.csv", "data simulate nie-wager-a --n 1000 --seed 7 --out a.parquet"],
  parts: async ({ generator }) =>
    typeof generator === "string" && generator !== "" ? [{ at: "", title: `options of ${generator}`, schema: generatorById(plainId(generator)).config }] : [],
  run: async ({ options: { generator, out, overwrite, seed }, parts, io }) => {
    checkWritable(out, "--out", overwrite);
    const query = new URLSearchParams(Object.entries({ ...parts[""], seed }).map(([key, value]): [string, string] => [key, JSON.stringify(value)]));
    const data = await openDataset(`simulate:${plainId(generator)}?${query.toString()}`);
    const columns = usedColumns(data);
    await writeTable(out, columns);
    if (io.json) io.out(json({ out, rows: data.rows, columns: columns.map((column) => column.name), roles: data.roles }));
    else {
      io.out(`${data.rows} rows, ${columns.length} columns: ${out}\n`);
      const { treatment, outcomes } = data.roles;
      if (!io.quiet && treatment !== undefined)
        io.err(`treatment ${treatment.column}, control ${treatment.control}, outcomes ${outcomes.join(", ")}; the other columns: --json\n`);
    }
    return 0;
  },
});

function plainId(generator: string): string {
  if (generator.includes("?")) throw usageError(`"${generator}": give the options of the generator as flags: --rows 1000`);
  return generator.replace(/^simulate:/, "");
}

function usedColumns(data: Dataset): Dataset["columns"] {
  const used = new Set(columnsOf(data.roles));
  return data.columns.filter((column) => used.has(column.name));
}

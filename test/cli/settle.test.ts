import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { call } from "../../src/cli/call.ts";
import { flagsOf } from "../../src/cli/flags.ts";
import { type Io, type Verb, verb } from "../../src/cli/verb.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "liftwise-settle-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const learner = z
  .union([
    z.enum(["linear", "boosting"]),
    z.discriminatedUnion("id", [
      z.strictObject({ id: z.literal("linear"), penalty: z.number().min(0).default(1) }),
      z.strictObject({ id: z.literal("boosting"), trees: z.int().min(1).default(100) }),
    ]),
  ])
  .prefault("boosting")
  .describe("Learner of the outcome");
const oak = z.strictObject({ depth: z.int().min(1).max(9).default(3).describe("Depth"), honest: z.boolean().default(true), outcomeLearner: learner });

const toy: Verb = verb({
  usage: "toy FILE",
  summary: "for tests",
  operands: ["file"],
  options: z.strictObject({
    file: z.string().describe("the file"),
    model: z.enum(["oak", "elm"]).optional(),
    share: z.number().gt(0).lt(1).default(0.3),
    names: z.array(z.string()).optional(),
    cost: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
    dryRun: z.boolean().default(false),
  }),
  notes: "",
  examples: ["toy a.csv"],
  parts: async ({ model }) =>
    model === "oak" ? [{ at: "", title: "options of oak", schema: oak }] : model === "elm" ? [{ at: "elm", title: "options of elm", schema: oak }] : [],
  run: async ({ options, parts, io }) => {
    io.out(JSON.stringify({ options, parts }));
    return 0;
  },
});

async function settled(...words: string[]): Promise<{ options: Record<string, unknown>; parts: Record<string, Record<string, unknown>> }> {
  let text = "";
  const io: Io = {
    out: (piece) => void (text += piece),
    err: () => undefined,
    json: false,
    live: false,
    quiet: true,
    colour: false,
    signal: new AbortController().signal,
  };
  await call(toy, words, io);
  return JSON.parse(text) as Awaited<ReturnType<typeof settled>>;
}

function config(content: unknown): string {
  const path = join(folder, "run.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

test("flags are kebab-case keys, dotted where options are nested, and settings of a choice say who knows them", () => {
  const flags = flagsOf(oak, "elm");
  expect(flags.map((flag) => flag.name)).toEqual([
    "elm.depth",
    "elm.honest",
    "elm.outcome-learner",
    "elm.outcome-learner.penalty",
    "elm.outcome-learner.trees",
  ]);
  expect(flags.find((flag) => flag.name.endsWith("trees"))?.families).toEqual(["boosting"]);
  expect(flags.find((flag) => flag.name === "elm.outcome-learner")?.standard).toBe("boosting");
});

test("defaults < config file < flags", async () => {
  const file = config({ file: "c.csv", share: 0.4, names: ["x"] });
  expect((await settled("a.csv")).options).toMatchObject({ file: "a.csv", share: 0.3 });
  expect((await settled("--config", file)).options).toMatchObject({ file: "c.csv", share: 0.4, names: ["x"] });
  expect((await settled("b.csv", "--config", file, "--share", "0.5")).options).toMatchObject({ file: "b.csv", share: 0.5, names: ["x"] });
});

test("lists come with commas, by repeating the flag, or as JSON; records as name=value", async () => {
  expect((await settled("a", "--names", "x,y")).options.names).toEqual(["x", "y"]);
  expect((await settled("a", "--names", "x", "--names", "y")).options.names).toEqual(["x", "y"]);
  expect((await settled("a", "--names", '["x,y","z"]')).options.names).toEqual(["x,y", "z"]);
  expect((await settled("a", "--cost", "price")).options.cost).toBe("price");
  expect((await settled("a", "--cost", "A B=pa,C=pc")).options.cost).toEqual({ "A B": "pa", C: "pc" });
});

test("numbers stay texts where a text is wanted", async () => {
  expect((await settled("7", "--names", "1,2")).options).toMatchObject({ file: "7", names: ["1", "2"] });
});

test("the options of the named model are flags too, wherever the model is named", async () => {
  expect((await settled("a", "--model", "oak", "--depth", "4", "--no-honest")).parts).toEqual({ "": { depth: 4, honest: false } });
  expect((await settled("a", "--model", "elm", "--elm.depth", "4")).parts).toEqual({ elm: { depth: 4 } });
  const file = config({ model: "oak", depth: 5, honest: false });
  expect((await settled("--config", file, "--honest", "a.csv")).parts).toEqual({ "": { depth: 5, honest: true } });
});

test("a name and its settings come together, from flags or from file and flags; settings alone are those of the default", async () => {
  expect((await settled("a", "--model", "oak", "--outcome-learner", "linear", "--outcome-learner.penalty", "2")).parts[""]).toEqual({
    outcomeLearner: { id: "linear", penalty: 2 },
  });
  expect((await settled("a", "--model", "oak", "--outcome-learner.trees", "7")).parts[""]).toEqual({ outcomeLearner: { id: "boosting", trees: 7 } });
  const file = config({ model: "elm", elm: { outcomeLearner: "linear" } });
  expect((await settled("a", "--config", file, "--elm.outcome-learner.penalty", "3")).parts.elm).toEqual({ outcomeLearner: { id: "linear", penalty: 3 } });
});

const wrong: readonly (readonly [words: readonly string[], message: string | RegExp])[] = [
  [["a", "--shar", "0.5"], "unknown option --shar; did you mean --share?"],
  [["a", "--wholly-strange", "1"], "unknown option --wholly-strange; liftwise toy --help lists the options"],
  [["a", "--depth", "3"], "unknown option --depth; liftwise toy --help lists the options"],
  [["a", "--share", "1.5"], "--share must be less than 1; got 1.5"],
  [["a", "--share", "abc"], '--share must be of type number; got "abc"'],
  [["a", "--share", "NaN"], '--share must be of type number; got "NaN"'],
  [["a", "--share", "Infinity"], '--share must be of type number; got "Infinity"'],
  [["a", "--share"], "--share needs a value"],
  [["a", "--share="], "--share needs a value"],
  [["a", "--share", "0.1", "--share", "0.2"], "--share is given 2 times; keep one"],
  [["a", "--model", "oakk"], '--model must be oak or elm; got "oakk", did you mean "oak"?'],
  [["a", "--model"], "--model needs a value: oak or elm"],
  [["a", "--model", "oak", "--depth", "0"], "--depth must be at least 1; got 0"],
  [["a", "--model", "oak", "--depth", "2.5"], "--depth must be of type whole number; got 2.5"],
  [["a", "--model", "oak", "--outcome-learner", "lineer"], /^--outcome-learner must be linear or boosting; got "lineer", did you mean "linear"\?$/],
  [["a", "--model", "oak", "--outcome-learner", "linear", "--outcome-learner.trees", "3"], /--outcome-learner has no option "outcomeLearner\.trees"/],
  [["a", "--model", "elm", "--elm.depth", "x"], '--elm.depth must be of type number; got "x"'],
  [["a", "b"], /unexpected "b"; usage: liftwise toy FILE/],
  [["a", "--file", "b"], '--file is given twice, as "b" and as "a"; keep one'],
  [["a", "--names", "[1,"], /begins like JSON and is none/],
  [["a", "--cost", "A=x,B"], /"B" has no "="/],
  [[], "--file is required: the file"],
];

test.each(wrong)("%j is refused in one line", async (words, message) => {
  await expect(settled(...words)).rejects.toThrow(message);
  await expect(settled(...words)).rejects.toMatchObject({ kind: "usage", message: expect.not.stringContaining("\n") });
});

const wrongFile: readonly (readonly [content: unknown, message: string | RegExp])[] = [
  [{ file: "a", shar: 0.5 }, /run\.json has no option "shar"; did you mean "share"\?/],
  [{ file: "a", share: "0.5" }, /run\.json: "share" must be of type number; got "0\.5"/],
  [{ file: "a", model: "oak", dpth: 3 }, /run\.json has no option "dpth"; did you mean "depth"\?/],
  [{ file: "a", model: "elm", elm: { dpth: 3 } }, /run\.json has no option "dpth"; did you mean "depth"\?/],
  [{ file: "a", model: "elm", elm: 3 }, /run\.json: "elm" holds the options of elm, as an object/],
  [{ file: "a", model: "elm", elm: { outcomeLearner: { id: "linear", trees: 3 } } }, /run\.json has no option "outcomeLearner\.trees"/],
  [{ share: 0.5 }, /^--file is required: the file$/],
  [{ file: "a", json: true }, /run\.json has no option "json"/],
  [[1], /holds one JSON object/],
  ["{", /run\.json: not valid JSON/],
];

test.each(wrongFile)("config %j is refused by the same schema, naming the file", async (content, message) => {
  await expect(settled("--config", config(content))).rejects.toThrow(message);
});

test("a config file that is not there is named", async () => {
  await expect(settled("a", "--config", join(folder, "no.json"))).rejects.toThrow(/--config: cannot read .*no\.json \(no such file\)/);
});

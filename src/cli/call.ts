import yargs from "yargs";
import { usageError } from "../base/errors.ts";
import { type Flag, flagsOf } from "./flags.ts";
import { partFlags, prepare, runFlags, settle, withOperands } from "./settle.ts";
import type { Io, Part, Verb } from "./verb.ts";

type Parser = ReturnType<typeof yargs>;

/** Reads the words after a verb, settles its options and runs it; `--help` prints its help instead. */
export async function call(verb: Verb, words: readonly string[], io: Io): Promise<number> {
  // The flags of the parts depend on options such as --model: a first reading finds those.
  const base = flagsOf(verb.options);
  const first = read(base, words);
  const prepared = await prepare(verb, first.help ? first.values : withOperands(verb, first.operands, first.values));
  if (first.help) {
    io.out(await help(verb, prepared.parts));
    return 0;
  }
  // A switch of a part must be known as one, or it would swallow the word after it.
  const switches = partFlags(verb, prepared.parts).filter((flag) => flag.bare);
  const { values, operands } = read([...base, ...switches], words);
  return verb.run({ ...settle(verb, prepared, withOperands(verb, operands, values)), io });
}

interface Reading {
  readonly values: ReadonlyMap<string, string | boolean>;
  readonly operands: readonly string[];
  readonly help: boolean;
}

function read(flags: readonly Flag[], words: readonly string[]): Reading {
  const parser = parserOf().option("help", { type: "boolean", alias: "h" });
  for (const flag of [...flags, ...runFlags]) parser.option(flag.name, flag.bare ? { type: "boolean" } : { type: "string" });
  const result = parser.parseSync([...words]) as Readonly<Record<string, unknown>>;
  const values = new Map<string, string | boolean>();
  for (const [name, value] of Object.entries(result)) {
    if (["_", "$0", "help", "h"].includes(name) || value === undefined) continue;
    const lists = flags.some((flag) => flag.name === name && !flag.bare && Array.isArray(flag.read("a,b")));
    if (Array.isArray(value) && !lists) throw usageError(`--${name} is given ${value.length} times; keep one`);
    values.set(name, Array.isArray(value) ? value.join(",") : (value as string | boolean));
  }
  return { values, operands: (result._ as readonly unknown[]).map(String), help: result.help === true };
}

function parserOf(): Parser {
  return yargs([])
    .parserConfiguration({
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "duplicate-arguments-array": true,
    })
    .exitProcess(false)
    .help(false)
    .version(false)
    .fail((message, error) => {
      throw error ?? usageError(message);
    });
}

/** The help of a verb, laid out by yargs. */
async function help(verb: Verb, parts: readonly Part[]): Promise<string> {
  const parser = parserOf()
    .usage(`usage: liftwise ${verb.usage} [options]\n\n${verb.summary}`)
    .wrap(Math.min(120, process.stdout.columns ?? 120))
    .updateStrings({ "Options:": "options" });
  const operands = new Set(verb.operands);
  show(
    parser,
    flagsOf(verb.options).filter((flag) => !operands.has(flag.path[0])),
    "options",
  );
  for (const part of parts) if (part.title !== undefined) show(parser, partFlags(verb, [part]), part.title);
  show(parser, runFlags, "running");
  const examples = verb.examples.map((example) => `  liftwise ${example}`).join("\n");
  parser.epilogue(`${verb.notes}\n\nexamples\n${examples}`);
  return `${await parser.getHelp()}\n`;
}

function show(parser: Parser, flags: readonly Flag[], group: string): void {
  for (const flag of flags.filter((candidate) => candidate.families === undefined)) {
    const choices = flag.choices.length > 0 && !flag.describe.includes(flag.choices[0]) ? ` (${flag.choices.join(", ")})` : "";
    parser.option(flag.name, {
      type: flag.bare ? "boolean" : "string",
      group,
      describe: `${flag.describe}${choices}${flag.standard === undefined ? "" : `; its settings: --${flag.name}.SETTING`}`,
      ...(flag.fallback === undefined ? {} : { defaultDescription: flag.fallback, default: undefined }),
    });
  }
}

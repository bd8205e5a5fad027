#!/usr/bin/env node
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { exitCodes, LiftwiseError, oneOf, suggest, usageError } from "../base/errors.ts";
import { liftwiseVersion } from "../model/version.ts";
import { type Entry, type Io, verbs } from "./verb.ts";

/**
 * The command line: `liftwise <verb> ...`.
 *
 * Results go to standard output, everything else to standard error. With `--json` standard output holds one JSON value and nothing
 * else, and an error is one line `{"error":{"kind","message","exit"}}` on standard error.
 * Exit codes: 0 done, 1 a defect of liftwise, 2 wrong usage or config, 3 data that cannot bear what is asked, 4 a gate failed, 130 stopped by Ctrl-C.
 *
 * @param argv the words after `liftwise`
 * @returns the exit code; nothing is thrown and the process is not ended
 */
export async function main(argv: readonly string[], io: Partial<Io> = {}): Promise<number> {
  const world = worldOf(argv, io);
  let name = "";
  try {
    if (argv[0] === "complete") {
      const { complete } = await import("./completion.ts");
      return printLines(world, await complete(argv.slice(1)));
    }
    const words = argv.filter((word) => !word.startsWith("-"));
    if (words.length === 0 || argv[0] === "help") return opening(argv, world);
    const entry = entryOf(words);
    name = entry.name;
    const rest = withoutVerb(argv, entry.name.split(" "));
    const { call } = await import("./call.ts");
    return await call(await entry.load(), rest, world);
  } catch (cause) {
    return fail(cause, name, argv, world);
  }
}

function worldOf(argv: readonly string[], io: Partial<Io>): Io {
  const quiet = argv.includes("--quiet");
  const json = argv.includes("--json");
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    json,
    quiet,
    live: process.stderr.isTTY === true && !quiet && (process.env.CI ?? "") === "",
    colour: process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === "",
    signal: new AbortController().signal,
    ...io,
  };
}

// Without a verb: help or version, and an error for a stray option.
function opening(argv: readonly string[], io: Io): number {
  const known = ["--help", "-h", "--version", "--json", "--quiet", "--debug"];
  const stray = argv.find((word) => word.startsWith("-") && !known.includes(word));
  if (stray !== undefined) throw usageError(`unknown option ${stray}; a verb comes first: liftwise VERB [options], and liftwise --help lists the verbs`);
  io.out(argv.includes("--version") ? `${liftwiseVersion()}\n` : overview());
  return 0;
}

function overview(): string {
  const width = Math.max(...verbs.map((entry) => entry.name.length)) + 2;
  const lines = verbs.map((entry) => `  ${entry.name.padEnd(width)}${entry.summary}`);
  return `liftwise ${liftwiseVersion()}: causal inference and uplift experiments, from raw data to a decision

usage: liftwise VERB [options]

${lines.join("\n")}

  liftwise VERB --help     options, form of the output and examples of a verb
  liftwise --version

every verb takes --json (machine-readable), --config FILE (options from JSON), --quiet and --debug
first steps:
  liftwise compare simulate:email --models s-learner,t-learner --out run
  liftwise compare FILE --treatment COLUMN --control ARM --outcome COLUMN --models s-learner,t-learner --out run
exit codes: 0 done, 1 defect of liftwise, 2 usage or config, 3 data, 4 gate failed, 130 stopped
`;
}

function entryOf(words: readonly string[]): Entry {
  const two = words.slice(0, 2).join(" ");
  const entry = verbs.find((candidate) => candidate.name === words[0] || candidate.name === two);
  if (entry !== undefined) return entry;
  const under = verbs.filter((candidate) => candidate.name.startsWith(`${words[0]} `)).map((candidate) => candidate.name.slice(words[0].length + 1));
  if (under.length === 0) throw usageError(`unknown verb "${words[0]}"; ${suggest(words[0], [...new Set(verbs.map((verb) => verb.name.split(" ")[0]))])}`);
  if (words.length === 1) throw usageError(`"${words[0]}" needs a second word: ${oneOf(under)}`);
  throw usageError(`unknown "${two}"; ${suggest(words[1], under)}`);
}

function withoutVerb(argv: readonly string[], verb: readonly string[]): string[] {
  const rest = [...argv];
  for (const word of verb) rest.splice(rest.indexOf(word), 1);
  return rest;
}

function printLines(io: Io, lines: readonly string[]): number {
  io.out(lines.map((line) => `${line}\n`).join(""));
  return 0;
}

function fail(cause: unknown, verb: string, argv: readonly string[], io: Io): number {
  const who = verb === "" ? "liftwise" : `liftwise ${verb}`;
  const [kind, exit, message] = judged(cause, io);
  io.err(io.json ? `${JSON.stringify({ error: { kind, message, exit } })}\n` : `${who}: ${message}\n`);
  if (kind === "unexpected" && argv.includes("--debug") && cause instanceof Error) io.err(`${cause.stack}\n`);
  return exit;
}

function judged(cause: unknown, io: Io): [kind: string, exit: number, message: string] {
  if (cause instanceof LiftwiseError) return [cause.kind, exitCodes[cause.kind], cause.message];
  if (io.signal.aborted) return ["stopped", 130, "stopped; no result was written"];
  const text = (cause instanceof Error ? cause.message : String(cause)).replace(/\s*\n\s*/g, " ");
  return [
    "unexpected",
    1,
    `unexpected: ${text}; this is a defect of liftwise ${liftwiseVersion()}: run again with --debug and report the command and what it prints`,
  ];
}

/** Runs as the package's `bin`. */
async function run(): Promise<void> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  // A reader that has seen enough (`| head`) is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  process.exitCode = await main(process.argv.slice(2), { signal: stop.signal });
}

const started = process.argv[1];
if (started !== undefined && started !== "" && isThisFile(started)) void run();

function isThisFile(path: string): boolean {
  try {
    return realpathSync(path) === fileURLToPath(import.meta.url);
  } catch {
    return false;
  }
}

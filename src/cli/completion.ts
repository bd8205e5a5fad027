import { z } from "zod";
import { usageError } from "../base/errors.ts";
import { flagsOf } from "./flags.ts";
import { partFlags, prepare, runFlags } from "./settle.ts";
import { type Verb, verb, verbs } from "./verb.ts";

const shells = ["bash", "zsh", "fish"] as const;
const options = z.strictObject({ shell: z.enum(shells).optional().describe("bash, zsh or fish; by default the one of $SHELL") });

/** `completion SHELL` prints the script that makes the shell ask `liftwise complete` for the words that fit. */
export const completionVerb: Verb = verb({
  usage: "completion [SHELL]",
  summary: "print the completion script of bash, zsh or fish",
  operands: ["shell"],
  options,
  notes: `bash: put source <(liftwise completion bash) into ~/.bashrc; zsh: the same with zsh into ~/.zshrc
with --json the output is the same`,
  examples: ["completion bash", "completion zsh", "completion fish > ~/.config/fish/completions/liftwise.fish"],
  run: async ({ options: { shell }, io }) => {
    const named = shell ?? shells.find((known) => (process.env.SHELL ?? "").endsWith(known));
    if (named === undefined) throw usageError(`$SHELL names no shell that is known here; say which: liftwise completion ${shells.join("|")}`);
    io.out(scripts[named]);
    return 0;
  },
});

const scripts: Readonly<Record<(typeof shells)[number], string>> = {
  bash: `_liftwise() {
  local IFS=$'\\n'
  COMPREPLY=($(liftwise complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -o bashdefault -F _liftwise liftwise
`,
  zsh: `#compdef liftwise
_liftwise() {
  local -a found
  found=("\${(@f)$(liftwise complete "\${words[@]:1:$((CURRENT-1))}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -a found; else _files; fi
}
compdef _liftwise liftwise
`,
  fish: `complete -c liftwise -a '(liftwise complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};

/** The words that may stand in place of the last one, which may be empty or half typed; none where a file belongs. */
export async function complete(words: readonly string[]): Promise<string[]> {
  const last = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const starting = (candidates: readonly string[]): string[] => [...new Set(candidates)].filter((word) => word.startsWith(last)).toSorted();
  const typed = before.filter((word) => !word.startsWith("-"));
  const entry = verbs.find(({ name }) => name === typed[0] || name === typed.slice(0, 2).join(" "));
  if (entry === undefined)
    return starting(
      verbs
        .map(({ name }) => (typed.length === 0 ? name.split(" ")[0] : name))
        .flatMap((name) => (typed.length === 0 ? name : name.startsWith(`${typed[0]} `) ? name.slice(typed[0].length + 1) : [])),
    );
  const known = await entry.load();
  const flag = before.at(-1)?.replace(/^--/, "") ?? "";
  if (before.at(-1)?.startsWith("--") === true && !last.startsWith("--")) {
    const values = await valuesOf(flag, known);
    if (values !== undefined) return lastOfList(last, values);
    if (![...flagsOf(known.options), ...runFlags].some(({ name, bare }) => name === flag && bare)) return [];
  }
  if (last.startsWith("-")) {
    const given = new Map<string, string>();
    before.forEach((word, i) => {
      if (word.startsWith("--") && before[i + 1] !== undefined) given.set(word.slice(2), before[i + 1]);
    });
    const { parts } = await prepare(known, given).catch(() => ({ parts: [] }));
    return starting([...flagsOf(known.options), ...partFlags(known, parts), ...runFlags].map(({ name }) => `--${name}`));
  }
  const operand = typed.length - entry.name.split(" ").length;
  return known.operands[operand] === undefined ? [] : starting((await valuesOf(known.operands[operand], known, entry.name)) ?? []);
}

// "a,b,c" is completed at its last piece.
function lastOfList(last: string, values: readonly string[]): string[] {
  const cut = last.lastIndexOf(",") + 1;
  return values.filter((value) => value.startsWith(last.slice(cut))).map((value) => last.slice(0, cut) + value);
}

async function valuesOf(name: string, known: Verb, verbName = ""): Promise<readonly string[] | undefined> {
  const choices = flagsOf(known.options).find((flag) => flag.name === name)?.choices ?? [];
  if (choices.length > 0) return choices;
  if (["model", "models"].includes(name) || (verbName === "models" && name === "name"))
    return (await import("../models.ts")).models.map(({ id }: { readonly id: string }) => id);
  if (["metric", "metrics"].includes(name)) return (await import("../metrics/index.ts")).metrics.map(({ id }: { readonly id: string }) => id);
  if (name === "suite") return (await import("../evaluate/suites/index.ts")).suites.map(({ id }: { readonly id: string }) => id);
  if (name === "data" || name === "name" || name === "generator") return (await import("./sources.ts")).sources();
  return undefined;
}

import { z } from "zod";
import { suggest, usageError } from "../base/errors.ts";
import type { Model } from "../model/contract.ts";
import { modelById, models } from "../models.ts";
import { type Flag, flagsOf } from "./flags.ts";
import { json, table } from "./table.ts";
import { type Verb, verb } from "./verb.ts";

const options = z.strictObject({ name: z.string().optional().describe("a model: its options are listed") });

/** `models` lists the registry; `models NAME` the options of one model, as flags. */
export const modelsVerb: Verb = verb({
  usage: "models [NAME]",
  summary: "list the models, or the options of one",
  operands: ["name"],
  options,
  notes: `with --json: {"models":[{"id","task","summary","arms","outcomes","intervals","weights","engine","source":[{"key","at"}]}]},
or, with a name, the same entry with "options":[{"key","flag","describe","default","choices"}] and "schema" (JSON schema of its config)`,
  examples: ["models", "models x-learner", "models --json"],
  run: async ({ options: { name }, io }) => {
    if (name === undefined) {
      const rows = models.map((model) => [
        model.id,
        model.task,
        model.traits.arms,
        model.traits.outcomes.join(", "),
        model.traits.intervals ? "yes" : "-",
        model.summary,
      ]);
      io.out(io.json ? json({ models: models.map(entry) }) : table(["model", "task", "arms", "outcomes", "intervals", "what it is"], rows, io));
      return 0;
    }
    const model = namedModel(name);
    const flags = flagsOf(model.config);
    if (io.json) {
      const listed = flags.map((flag) => ({
        key: flag.path.join("."),
        flag: `--${flag.name}`,
        describe: flag.describe,
        default: flag.fallback ?? null,
        choices: flag.choices,
      }));
      io.out(json({ ...entry(model), options: listed, schema: z.toJSONSchema(model.config, { io: "input", unrepresentable: "any" }) }));
      return 0;
    }
    io.out(`${model.id}: ${model.summary}\n${sources(model)}\n`);
    const rows = flags.filter((flag) => flag.families === undefined).map((flag) => [`--${flag.name}`, flag.fallback ?? "", meaning(flag)]);
    io.out(rows.length === 0 ? "it has no options\n" : table(["option", "default", "meaning"], rows, io));
    // Every choice of a learner offers the same families: their settings are listed once.
    const seen = new Set<string>();
    const settings = flags.flatMap((flag) => {
      const key = `${flag.families?.join()} ${flag.path.slice(1).join(".")}`;
      if (flag.families === undefined || seen.has(key)) return [];
      seen.add(key);
      return [[flag.families.join(", "), flag.path.slice(1).join("."), flag.fallback ?? "", meaning(flag)]];
    });
    const choices = flags.filter((flag) => flag.standard !== undefined).map((flag) => `--${flag.name}.SETTING`);
    if (settings.length > 0)
      io.out(`\nsettings of what is chosen by name: ${choices.join(", ")}\n${table(["of", "setting", "default", "meaning"], settings, io)}`);
    if (!io.quiet) io.out(`\nin fit: --option value; in compare: --${model.id}.option value; in a config file: camelCase keys, nested as objects\n`);
    return 0;
  },
});

/** @throws LiftwiseError (usage) with the nearest id */
export function namedModel(id: string): Model {
  if (!models.some((model) => model.id === id))
    throw usageError(
      `unknown model "${id}"; ${suggest(
        id,
        models.map((model) => model.id),
      )}`,
    );
  return modelById(id);
}

function meaning(flag: Flag): string {
  return `${flag.describe}${flag.choices.length > 0 ? ` (${flag.choices.join(", ")})` : ""}`;
}

function entry(model: Model): Record<string, unknown> {
  const { id, task, summary, traits, source } = model;
  return { id, task, summary, ...traits, source };
}

function sources(model: Model): string {
  return model.source
    .map(({ key, at, departure }) => `  ${key}${at === undefined ? "" : `, ${at}`}${departure === undefined ? "" : `: ${departure}`}\n`)
    .join("");
}

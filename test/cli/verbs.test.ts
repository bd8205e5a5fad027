import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { call } from "../../src/cli/call.ts";
import { complete } from "../../src/cli/completion.ts";
import { flagsOf } from "../../src/cli/flags.ts";
import { runFlags } from "../../src/cli/settle.ts";
import { type Io, verbs } from "../../src/cli/verb.ts";
import { models } from "../../src/models.ts";
import { liftwise } from "./captured.ts";

const silent: Io = { out: () => undefined, err: () => undefined, json: false, live: false, quiet: true, colour: false, signal: new AbortController().signal };

describe.each(verbs.map((entry) => [entry.name, entry] as const))("%s", (name, entry) => {
  test("is listed with the words its own help begins with", async () => {
    const known = await entry.load();
    expect(known.summary).toBe(entry.summary);
    expect(known.usage.startsWith(name)).toBe(true);
    expect((await liftwise("--help")).out.split("\n").map((line) => line.trim().replace(/ {2,}/, ": "))).toContain(`${name}: ${entry.summary}`);
  });

  test("--help explains every option", async () => {
    const known = await entry.load();
    const ran = await liftwise(`${name} --help`);
    expect(ran.code).toBe(0);
    expect(ran.err).toBe("");
    for (const flag of flagsOf(known.options)) {
      expect(flag.describe, `--${flag.name} has a description`).not.toBe("");
      if (!known.operands.includes(flag.path[0])) expect(ran.out).toContain(`--${flag.name}`);
    }
    expect(ran.out).toContain("with --json");
  });

  test("its examples are commands that its options accept", async () => {
    const known = await entry.load();
    expect(known.examples.length).toBeGreaterThan(0);
    for (const example of known.examples) {
      if (example.includes("--config")) continue;
      const words = example.replace(/ *(#|>).*/, "").split(/\s+/);
      expect(words.slice(0, name.split(" ").length).join(" ")).toBe(name);
      await expect(call({ ...known, run: async () => 0 }, words.slice(name.split(" ").length), silent), example).resolves.toBe(0);
    }
  });

  test("no option is called like one of the switches every verb takes", async () => {
    const known = await entry.load();
    const own = flagsOf(known.options).map((flag) => flag.name);
    expect(own.filter((flag) => flag === "help" || runFlags.some((other) => other.name === flag))).toEqual([]);
  });
});

test("every option of every model can be set in fit: by itself, or with the model's name where fit has one of that name", async () => {
  const fit = await (verbs.find((entry) => entry.name === "fit") as (typeof verbs)[number]).load();
  const own = Object.keys(fit.options.shape);
  for (const model of models) {
    let got: Readonly<Record<string, unknown>> = {};
    const words = flagsOf(model.config)
      .filter((flag) => flag.families === undefined && flag.fallback !== undefined && !flag.fallback.startsWith("{"))
      .flatMap((flag) => [`--${own.includes(flag.path[0]) ? `${model.id}.` : ""}${flag.name}=${flag.fallback}`]);
    const verb = {
      ...fit,
      run: async ({ parts }: { parts: Readonly<Record<string, Readonly<Record<string, unknown>>>> }) =>
        Object.keys((got = { ...parts[""], ...parts[model.id] })).length,
    };
    expect(await call(verb, ["a.csv", "--model", model.id, "--out", "m", ...words], silent), model.id).toBe(words.length);
    expect(model.config.safeParse(got).success).toBe(true);
  }
});

test("no words at all, --help and help show the verbs; --version the version", async () => {
  const shown = await liftwise("");
  expect(shown).toMatchObject({ code: 0, err: "" });
  expect((await liftwise("--help")).out).toBe(shown.out);
  expect((await liftwise("help")).out).toBe(shown.out);
  expect((await liftwise("--version")).out).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
});

test("models --json lists the registry, and models NAME every option with its default", async () => {
  const list = JSON.parse((await liftwise("models --json")).out) as { models: { id: string }[] };
  expect(list.models.map((model) => model.id)).toEqual(models.map((model) => model.id));
  for (const model of models) {
    const one = JSON.parse((await liftwise(`models ${model.id} --json`)).out) as { options: { flag: string; describe: string }[] };
    expect(one.options.map((option) => option.flag)).toEqual(flagsOf(model.config).map((flag) => `--${flag.name}`));
    expect(
      one.options.filter((option) => option.describe === "").map((option) => option.flag),
      model.id,
    ).toEqual([]);
    expect((await liftwise(`models ${model.id}`)).out).toContain(model.summary);
  }
});

test("what --help loads is a handful of small files: neither the parser of options nor any model", () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, path] of readFileSync(file, "utf8").matchAll(/^(?:import|export) (?!type)[^;]*? from "([^"]+)";$/gms)) {
      if (path.startsWith(".")) visit(resolve(dirname(file), path));
      else if (!path.startsWith("node:")) packages.add(path);
    }
  };
  const source = resolve(dirname(fileURLToPath(import.meta.url)), "../../src");
  visit(resolve(source, "cli/main.ts"));
  expect([...packages]).toEqual([]);
  expect([...seen].map((file) => relative(source, file)).toSorted()).toEqual(["base/errors.ts", "cli/main.ts", "cli/verb.ts", "model/version.ts"]);
});

describe("completion", () => {
  const cases: readonly (readonly [words: readonly string[], includes: readonly string[]])[] = [
    [[""], ["compare", "data", "fit"]],
    [["comp"], ["compare", "completion"]],
    [
      ["data", ""],
      ["describe", "fetch", "list", "simulate"],
    ],
    [["fit", "data.csv", "--mod"], ["--model"]],
    [["fit", "data.csv", "--model", "x"], ["x-learner"]],
    [["fit", "--model", "x-learner", "--effect"], ["--effect-learner"]],
    [["compare", "--models", "t-learner,x"], ["t-learner,x-learner"]],
    [
      ["evaluate", "a.csv", "--metric", "sklift-q"],
      ["sklift-qini-auc", "sklift-qini-auc-nonneg"],
    ],
    [["compare", "simulate:e"], ["simulate:email"]],
    [["compare", "hill"], ["hillstrom"]],
    [
      ["compare", "--by", ""],
      ["group", "row", "time"],
    ],
    [["models", "dr"], ["dr-learner"]],
  ];
  test.each(cases)("%j", async (words, includes) => {
    const found = await complete(words);
    expect(found).toEqual(expect.arrayContaining([...includes]));
    expect(found.every((word) => word.startsWith(words.at(-1) ?? ""))).toBe(true);
  });

  test("where a file belongs nothing is offered, so that the shell offers files", async () => {
    expect(await complete(["evaluate", "--config", ""])).toEqual([]);
    expect(await complete(["predict", "model", "cust"])).toEqual([]);
  });

  test.each(["bash", "zsh", "fish"])("the script for %s asks liftwise complete", async (shell) => {
    expect((await liftwise(`completion ${shell}`)).out).toContain("liftwise complete");
  });
});

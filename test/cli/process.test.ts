import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const bin = resolve(dirname(fileURLToPath(import.meta.url)), "../../dist/cli/main.js");
let folder = "";
beforeAll(() => {
  if (!existsSync(bin)) throw new Error("dist is missing: npm run build comes before these tests");
  folder = mkdtempSync(join(tmpdir(), "liftwise-process-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function started(words: string, file = bin): ChildProcess {
  return spawn(process.execPath, [file, ...words.split(" ")], { cwd: folder, env: { ...process.env, NO_COLOR: "1" } });
}

async function ended(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  let out = "";
  let err = "";
  child.stdout?.on("data", (piece) => (out += String(piece)));
  child.stderr?.on("data", (piece) => (err += String(piece)));
  const code = await new Promise<number | null>((done) => child.on("close", done));
  return { code, out, err };
}

test("the program runs through a link, as npm installs it, and ends with the exit code of the kind of error", async () => {
  symlinkSync(bin, join(folder, "liftwise"));
  const [help, usage, data] = await Promise.all([
    ended(started("--help", join(folder, "liftwise"))),
    ended(started("evaluate no.csv --wrong 1")),
    ended(started("evaluate no.csv --treatment t --outcome y --score s")),
  ]);
  expect(help).toMatchObject({ code: 0, err: "" });
  expect(help.out).toContain("usage: liftwise VERB");
  expect(usage).toMatchObject({ code: 2, out: "", err: "liftwise evaluate: unknown option --wrong; liftwise evaluate --help lists the options\n" });
  expect(data.code).toBe(3);
  expect(data.out).toBe("");
});

test("a reader that closes the pipe early is no error", async () => {
  const child = started("models --json");
  child.stdout?.destroy();
  const { code, err } = await ended(child);
  expect({ code, err }).toEqual({ code: 0, err: "" });
});

test("Ctrl-C stops a comparison with exit code 130 and leaves nothing behind", async () => {
  const child = started("compare simulate:email --models dr-learner --dr-learner.outcome-learner linear --dr-learner.bootstrap 500 --out run");
  const done = ended(child);
  for (let waited = 0; waited < 200 && !readdirSync(folder).some((name) => name.startsWith("run.part")); waited++)
    await new Promise((tick) => setTimeout(tick, 50));
  await new Promise((tick) => setTimeout(tick, 300));
  child.kill("SIGINT");
  const { code, out, err } = await done;
  expect({ code, out }).toEqual({ code: 130, out: "" });
  expect(err).toBe("liftwise compare: stopped; no result was written\n");
  expect(readdirSync(folder).filter((name) => name.startsWith("run"))).toEqual([]);
});

function script(text: string): Promise<Awaited<ReturnType<typeof ended>>> {
  return ended(spawn(process.execPath, ["--no-warnings", "-e", text], { cwd: folder }));
}

test("the package loads by import and by require, as notebooks do: nothing in it waits at the top", async () => {
  const index = resolve(dirname(bin), "../index.js");
  const [imported, required] = await Promise.all([
    script(`import(${JSON.stringify(index)}).then((l) => console.log(typeof l.compare, l.models.length > 0))`),
    script(`const l = require(${JSON.stringify(index)}); console.log(typeof l.compare, l.models.length > 0)`),
  ]);
  expect(imported).toEqual({ code: 0, out: "function true\n", err: "" });
  expect(required).toEqual(imported);
});

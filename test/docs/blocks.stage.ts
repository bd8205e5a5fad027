import { execFile, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { shared } from "../data/shared.ts";
import { type Block, blocksOf, pages, root } from "./pages.ts";

const run = promisify(execFile);
const executed = new Set(["ts", "sh"]);
const shown = new Set(["text", "json", "yaml", "csv"]);

let home = "";
let tools = "";
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "liftwise-docs-"));
  // A folder as a user's: the package in node_modules, its command on the path.
  mkdirSync(join(home, "node_modules"));
  symlinkSync(root, join(home, "node_modules", "liftwise"), "junction");
  symlinkSync(join(root, "node_modules", "@types"), join(home, "node_modules", "@types"), "junction");
  writeFileSync(join(home, "package.json"), '{ "type": "module" }');
  tools = join(home, "bin");
  mkdirSync(tools);
  const main = join(root, "dist", "cli", "main.js");
  command("liftwise", `exec "${process.execPath}" "${main}" "$@"`);
  // Not part of liftwise: lays out the files that guides speak of.
  command("make-campaign", `exec "${process.execPath}" "${join(root, "test", "docs", "campaign.mjs")}" "$@"`);
  command("npx", `[ "$1" = liftwise ] && shift && exec "${process.execPath}" "${main}" "$@"; echo "npx $1 is not there" >&2; exit 1`);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

function command(name: string, body: string): void {
  writeFileSync(join(tools, name), `#!/usr/bin/env bash\n${body}\n`);
  chmodSync(join(tools, name), 0o755);
}

const withBlocks = pages().filter((page) => blocksOf(page).length > 0);

test("every code block of the documentation is run, or shows something and says so by its language, or says why it is not run", () => {
  const silent = withBlocks.flatMap((page) =>
    blocksOf(page)
      .filter(({ language, notRun }) => !executed.has(language) && !shown.has(language) && notRun === undefined)
      .map(({ language, line }) => `${page}:${line}: "${language}"`),
  );
  expect(silent).toEqual([]);
  expect(withBlocks).toEqual(expect.arrayContaining(["README.md", "docs/guides/gate.md"]));
});

/** What is run of a page, in order: shell blocks as they are; TypeScript up to the next block that imports again is one program. */
function steps(page: string): { readonly language: string; readonly code: string; readonly line: number }[] {
  const list: { language: string; code: string; line: number }[] = [];
  for (const { language, code, line } of blocksOf(page).filter((block: Block) => executed.has(block.language) && block.notRun === undefined)) {
    const before = list.findLast((step) => step.language === "ts");
    if (language === "ts" && before !== undefined && !/^import /m.test(code)) before.code += `\n${code}`;
    else list.push({ language, code, line });
  }
  return list;
}

test.for(withBlocks.filter((page) => steps(page).length > 0))("%s: its commands and programs run as they stand", { timeout: 900_000 }, async (page) => {
  const folder = join(home, page.replaceAll(/\W/g, "-"));
  mkdirSync(folder);
  const env = {
    ...process.env,
    PATH: `${tools}${delimiter}${process.env.PATH}`,
    NO_COLOR: "1",
    ...(shared === undefined ? {} : { LIFTWISE_DATA_DIR: shared }),
  };
  for (const [i, { language, code, line }] of steps(page).entries()) {
    const file = join(folder, `block${i}.${language === "ts" ? "mjs" : "sh"}`);
    const javascript = (): string => ts.transpileModule(code, { compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext } }).outputText;
    writeFileSync(file, language === "ts" ? javascript() : `set -euo pipefail\n${code}`);
    const [program, words] = language === "ts" ? [process.execPath, [file]] : ["bash", [file]];
    await run(program, words, { cwd: folder, env, maxBuffer: 1 << 26 }).catch((error: { stdout: string; stderr: string }) => {
      expect.fail(`${page}:${line}: the block fails\n${code}\n${error.stderr}\n${error.stdout}`);
    });
  }
});

test("TypeScript in the documentation passes the compiler", { timeout: 300_000 }, () => {
  const folder = join(home, "types");
  mkdirSync(folder);
  for (const page of withBlocks)
    for (const { language, code, line } of steps(page))
      if (language === "ts") writeFileSync(join(folder, `${page.replaceAll(/\W/g, "-")}-${line}.ts`), `${code}\nexport {};\n`);
  const options = { strict: true, noEmit: true, target: "es2023", module: "nodenext", types: ["node"], skipLibCheck: true };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["*.ts"] }));
  const { stdout } = spawnSync(process.execPath, [join(root, "node_modules", "@typescript", "native", "bin", "tsc"), "-p", folder], { encoding: "utf8" });
  expect(stdout.split("\n").filter((text) => text.includes("error"))).toEqual([]);
});

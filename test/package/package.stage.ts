import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
// @ts-expect-error: scripts are plain JavaScript
import { installInto, nodeBinary, pack } from "../../scripts/fresh.mjs";

const root = resolve(import.meta.dirname, "..", "..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string; exports: Record<string, unknown> };
const entries = Object.keys(manifest.exports)
  .filter((name) => name !== "./package.json")
  .map((name) => name.replace(/^\./, "liftwise"));

/** The oldest Node of each line that `engines` allows, and a late one of the newest. */
const versions = ["20.19.0", "22.12.0", "24.21.0"];

let home = "";
let tarball = "";
let project = "";
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "liftwise-package-"));
  tarball = pack(join(home, "pack"));
  project = installInto(join(home, "project"), tarball);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const command = (): string => join(project, "node_modules", "liftwise", "dist", "cli", "main.js");

test("the package holds what is built and its texts, and nothing else", () => {
  const files = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).trim().split("\n");
  const tops = new Set(files.map((file) => file.split("/")[1]));
  expect([...tops].sort()).toEqual(["CHANGELOG.md", "DEFINITIONS.md", "LICENSE", "README.md", "REFERENCES.md", "datasets", "dist", "package.json"]);
  expect(files.filter((file) => /\.test\.|\.map$|\/src\//.test(file))).toEqual([]);
});

test("publint has nothing to say", () => {
  const { stdout, status } = spawnSync(process.execPath, [join(root, "node_modules", "publint", "src", "cli.js"), "--strict", tarball], {
    cwd: root,
    encoding: "utf8",
  });
  expect(status, stdout).toBe(0);
});

test("attw finds the types of every entry point", () => {
  const attw = join(root, "node_modules", "@arethetypeswrong", "cli", "dist", "index.js");
  const { stdout, status } = spawnSync(process.execPath, [attw, tarball, "--profile", "esm-only", "--no-emoji", "--no-color"], { cwd: root, encoding: "utf8" });
  expect(status, stdout).toBe(0);
});

describe.each(versions)("Node %s", (version) => {
  let node = "";
  beforeAll(() => {
    node = nodeBinary(join(home, `node-${version}`), version) as string;
    expect(execFileSync(node, ["--version"], { encoding: "utf8" }).trim()).toBe(`v${version}`);
  });

  test("every entry point is imported, and required as notebooks do", () => {
    const code = `for (const name of ${JSON.stringify(entries)}) if (Object.keys(await import(name)).length === 0) throw new Error(name + " exports nothing");`;
    execFileSync(node, ["--input-type=module", "-e", code], { cwd: project, stdio: "pipe" });
    const required = `for (const name of ${JSON.stringify(entries)}) if (Object.keys(require(name)).length === 0) throw new Error(name);`;
    execFileSync(node, ["--input-type=commonjs", "-e", required], { cwd: project, stdio: "pipe" });
  });

  test("the README's first Qini", () => {
    const [, code] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(project, "node_modules", "liftwise", "README.md"), "utf8")) ?? [];
    expect(execFileSync(node, ["--input-type=module", "-e", code], { cwd: project, encoding: "utf8" })).toContain("0.578947368421");
  });

  test("the command line simulates, describes, fits on worker threads, predicts and draws", () => {
    const run = (words: string): string =>
      execFileSync(node, [command(), ...words.split(" ")], { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    const folder = join(home, `work-${version}`);
    mkdirSync(folder);
    expect(run("--version").trim()).toBe(manifest.version);
    run("data simulate nie-wager-b --n 2000 --out data.parquet");
    const roles = "--treatment treatment --control control --outcome y --features x1,x2,x3,x4,x5,x6";
    run(`data describe data.parquet ${roles}`);
    run(`fit data.parquet ${roles} --model uplift-forest --trees 40 --threads 2 --out forest`);
    run("predict forest data.parquet --out effects.csv");
    run(`fit data.parquet ${roles} --model tarnet --steps 20 --out net`);
    run(
      `compare data.parquet ${roles} --models s-learner,t-learner --s-learner.outcome-learner linear --t-learner.outcome-learner linear --replicates 20 --out run`,
    );
    expect(readFileSync(join(folder, "run", "report.html"), "utf8")).toContain("<svg");
    expect(readFileSync(join(folder, "effects.csv"), "utf8").trim().split("\n").length).toBe(2001);
  });
});

test("npx finds the command", () => {
  expect(execFileSync("npx", ["--no-install", "liftwise", "--version"], { cwd: project, encoding: "utf8", shell: process.platform === "win32" }).trim()).toBe(
    manifest.version,
  );
});

test.each(["nodenext", "bundler", "node10"])("TypeScript finds the types: module resolution %s", (resolution) => {
  const folder = join(project, `types-${resolution}`);
  mkdirSync(folder);
  const code = `${entries.map((name, i) => `import * as e${i} from ${JSON.stringify(name)};`).join("\n")}
import { metricById } from "liftwise/metrics";
const value: number = metricById("qini").score(Float64Array.of(1), undefined as never, {}).value;
// @ts-expect-error: a value is a number
const wrong: string = metricById("qini").score(Float64Array.of(1), undefined as never, {}).value;
export { value, wrong, ${entries.map((_, i) => `e${i}`).join(", ")} };
`;
  writeFileSync(join(folder, "use.ts"), code);
  const settings = {
    nodenext: { module: "nodenext" },
    bundler: { module: "esnext", moduleResolution: "bundler" },
    // As tslab and older projects resolve; the compiler of the day calls it deprecated.
    node10: { module: "esnext", moduleResolution: "node10", ignoreDeprecations: "6.0" },
  }[resolution];
  const types = [join(root, "node_modules", "@types")];
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...settings, strict: true, noEmit: true, target: "es2022", skipLibCheck: true, types: ["node"], typeRoots: types } }),
  );
  const compiler =
    resolution === "node10" ? join(root, "node_modules", "typescript", "lib", "tsc.js") : join(root, "node_modules", "@typescript", "native", "bin", "tsc");
  const { stdout, status } = spawnSync(process.execPath, [compiler, "-p", folder], { encoding: "utf8" });
  expect(status, stdout).toBe(0);
});

const shells: [string, string, string[]][] = [
  [
    "bash",
    'source <(liftwise completion bash); COMP_WORDS=(liftwise compa); COMP_CWORD=1; _liftwise; echo "${COMPREPLY[@]}"; COMP_WORDS=(liftwise fit --model m-d); COMP_CWORD=3; _liftwise; echo "${COMPREPLY[@]}"',
    ["compare", "m-dlri"],
  ],
  [
    "zsh",
    'compdef() { :; }; compadd() { shift; print -l "$@"; }; words=(liftwise compa); CURRENT=2; source <(liftwise completion zsh); _liftwise',
    ["compare"],
  ],
  ["fish", "liftwise completion fish | source; complete -C 'liftwise compa'", ["compare"]],
];

describe.each(shells)("completion in %s", (shell, script, lines) => {
  const there = spawnSync(shell, ["-c", "exit 0"]).status === 0;
  test.skipIf(!there)(there ? "offers verbs and models" : "skipped: this shell is not on this machine", () => {
    const path = `${join(project, "node_modules", ".bin")}:${process.env.PATH}`;
    const { stdout, stderr } = spawnSync(shell, ["-c", script], { encoding: "utf8", env: { ...process.env, PATH: path } });
    expect(stdout.trim().split("\n"), stderr).toEqual(lines);
  });
});

test("the page on install size names every dependency", () => {
  const page = join(root, "docs", "install-size.md");
  expect(existsSync(page)).toBe(true);
  const text = readFileSync(page, "utf8");
  const { dependencies, optionalDependencies } = manifest as unknown as Record<"dependencies" | "optionalDependencies", Record<string, string>>;
  expect(Object.keys({ ...dependencies, ...optionalDependencies }).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

// `npm start`: from a fresh clone to a report. Needs Node and nothing else: what is missing is installed and built first.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const out = join("liftwise-runs", "start");
const job = [
  "compare",
  "simulate:email",
  "--outcome",
  "visit",
  "--models",
  "s-learner,t-learner,x-learner,r-learner,dr-learner",
  "--seed",
  "1",
  "--out",
  out,
  "--overwrite",
];

checkNode();
if (!installed()) run("installing what liftwise needs (once, a minute or two)", "npm", ["ci", "--no-audit", "--no-fund"]);
if (!built()) run("building", "npm", ["run", "--silent", "build"]);
run("comparing five models on a simulated e-mail experiment: 20,000 customers, three arms (under a minute)", process.execPath, [
  join("dist", "cli", "main.js"),
  ...job,
]);

console.log(`
Open ${join(relative(process.cwd(), root), out, "report.html")} in a browser: it needs no network.

Now your own file (CSV, gzipped CSV, Parquet or JSON lines):
  npx liftwise data describe FILE --treatment COLUMN --control ARM --outcome COLUMN
  npx liftwise compare FILE --treatment COLUMN --control ARM --outcome COLUMN --models t-learner,dr-learner --out ${join("liftwise-runs", "mine")}
`);

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)) return;
  console.error(`liftwise needs Node 20.19, 22.12 or newer, and this is ${process.versions.node}; install a newer Node and run npm start again`);
  process.exit(2);
}

// npm writes this file last, and the lock file says what ought to be there.
function installed() {
  const done = join(root, "node_modules", ".package-lock.json");
  return existsSync(done) && statSync(done).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
}

function built() {
  const main = join(root, "dist", "cli", "main.js");
  if (!existsSync(main)) return false;
  const since = statSync(main).mtimeMs;
  const sources = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true }).filter((item) => item.isFile());
  return sources.every((item) => statSync(join(item.parentPath ?? item.path, item.name)).mtimeMs <= since);
}

function run(what, command, words) {
  console.log(`> ${what}`);
  const started = Date.now();
  const shell = process.platform === "win32" && command === "npm";
  const { status, error, signal } = spawnSync(command, words, { cwd: root, stdio: "inherit", shell });
  if (error !== undefined) console.error(`npm start: cannot run ${command} (${error.message})`);
  if (status !== 0) {
    console.error(`npm start: stopped at "${what}"${signal === null ? "" : ` by ${signal}`}; correct what is said above and run npm start again`);
    process.exit(status ?? 1);
  }
  console.log(`  done in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

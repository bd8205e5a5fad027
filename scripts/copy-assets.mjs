// What the compiler does not carry over: fonts and other files that the built code reads beside itself.
import { cpSync, existsSync, readdirSync, statSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { chmodSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
copyAssets(join(root, "src"), join(root, "dist"));
const bin = join(root, "dist", "cli", "main.js");
if (existsSync(bin)) chmodSync(bin, 0o755);

function copyAssets(from, to) {
  for (const name of readdirSync(from)) {
    const source = join(from, name);
    if (statSync(source).isDirectory()) copyAssets(source, join(to, name));
    else if (extname(name) !== ".ts") cpSync(source, join(to, name));
  }
}

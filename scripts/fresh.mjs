// The package as a stranger gets it: packed, and installed from the tarball into an empty folder.
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const npm = (words, cwd) =>
  execFileSync("npm", [...words, "--no-audit", "--no-fund", "--loglevel=error"], { cwd, encoding: "utf8", shell: process.platform === "win32" });

/** Path of the tarball. */
export function pack(folder) {
  mkdirSync(folder, { recursive: true });
  const [{ filename }] = JSON.parse(npm(["pack", "--json", "--ignore-scripts", "--pack-destination", folder], root));
  return join(folder, filename);
}

/** A project of its own with the tarball as its only dependency. @returns its folder */
export function installInto(folder, tarball) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), `${JSON.stringify({ name: "first-contact", private: true, type: "module" })}\n`);
  npm(["install", "--prefer-offline", tarball], folder);
  return folder;
}

/** Another Node, from the package that its publishers put on the registry. @returns path of the binary */
export function nodeBinary(folder, version) {
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, "package.json"))) writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  npm(["install", "--prefer-offline", "--force", `${name}@${version}`], folder);
  return join(folder, "node_modules", name, "bin", process.platform === "win32" ? "node.exe" : "node");
}

/** Every installed package with its bytes, and what it needs. */
export function installed(folder) {
  const { packages } = JSON.parse(readFileSync(join(folder, "node_modules", ".package-lock.json"), "utf8"));
  return Object.entries(packages).map(([path, entry]) => ({
    name: path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
    version: entry.version,
    needs: Object.keys({ ...entry.dependencies, ...entry.optionalDependencies, ...entry.peerDependencies }),
    bytes: existsSync(join(folder, path)) ? sizeOf(join(folder, path)) : 0,
  }));
}

// Without packages nested in it, which are counted by themselves.
function sizeOf(path) {
  const status = lstatSync(path);
  if (!status.isDirectory()) return status.size;
  return readdirSync(path).reduce((sum, name) => (name === "node_modules" ? sum : sum + sizeOf(join(path, name))), 0);
}

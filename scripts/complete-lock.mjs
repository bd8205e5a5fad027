// npm leaves optional packages out of the lock file when the registry it was made with does not offer them (binaries of other platforms,
// on a partial mirror), and `npm ci` then refuses the file. This adds what is missing, as npm itself would write it.
// Run after every change of dependencies: node scripts/complete-lock.mjs
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));
let added = 0;
for (const [at, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if ([`${at}/node_modules/${name}`, `node_modules/${name}`].some((path) => lock.packages[path] !== undefined)) continue;
    const os = /(android|darwin|freebsd|linux|win32|openharmony|netbsd|openbsd|sunos|aix)/.exec(name)?.[1];
    const cpu = /wasm32/.test(name) ? "wasm32" : /-(arm64|arm|x64|ia32|ppc64|riscv64|s390x|loong64|mips64el)/.exec(name.replace(/^.*?\//, ""))?.[1];
    lock.packages[`node_modules/${name}`] = {
      version,
      ...(cpu ? { cpu: [cpu] } : {}),
      ...(entry.dev ? { dev: true } : {}),
      ...(/musl/.test(name) ? { libc: ["musl"] } : {}),
      optional: true,
      ...(os ? { os: [os] } : {}),
    };
    added++;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} optional packages added`);

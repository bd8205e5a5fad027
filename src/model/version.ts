import { readFileSync } from "node:fs";

/** The version of this package, from its package.json. */
export function liftwiseVersion(): string {
  return (JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { readonly version: string }).version;
}

// How much of what the package exports has a comment: `node scripts/doc-coverage.mjs [--list] [--least SHARE]`.
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { coverage } from "./site/api.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { symbols, members } = await coverage(root);
const text = ({ documented, all }) => `${documented} of ${all} (${((100 * documented) / all).toFixed(1)} %)`;
console.log(`exported symbols with a comment: ${text(symbols)}`);
console.log(`properties and methods of exported types with a comment: ${text(members)}`);
if (process.argv.includes("--list")) console.log([...symbols.missing, ...members.missing].join("\n"));
const at = process.argv.indexOf("--least");
const least = at < 0 ? 0 : Number(process.argv[at + 1]);
if (symbols.documented / symbols.all < least) {
  console.error(`documentation: ${text(symbols)} of the exported symbols is less than ${100 * least} %; without a comment: ${symbols.missing.join(", ")}`);
  process.exit(1);
}

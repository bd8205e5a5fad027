import { appendFile, mkdir, readFile, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { dataError } from "../../base/errors.ts";

const entry = z.strictObject({ key: z.string(), values: z.record(z.string(), z.number()) });
/** How every line begins. */
const start = '{"key":';

/** Results of long runs by key, kept in a file of JSON lines if one is named, so that a run that was stopped goes on where it was. */
export interface Ledger {
  /** The values known under this key, or those that `make` gives, which are then known. The key must say all that the values depend on. */
  once(key: string, make: () => Promise<Readonly<Record<string, number>>>): Promise<Readonly<Record<string, number>>>;
}

/** @throws LiftwiseError (data) for a file that holds something else */
export async function openLedger(file: string | undefined): Promise<Ledger> {
  const known = new Map<string, Readonly<Record<string, number>>>();
  if (file !== undefined) {
    const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT") return "";
      throw dataError(`${file}: cannot be read (${cause.message})`, cause);
    });
    const foreign = (line: number): Error => dataError(`${file}: line ${line} is no result of a benchmark; name another file to resume from`);
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    const lines = whole.split("\n");
    lines.forEach((line, i) => {
      if (line === "") return;
      const read = entry.safeParse(parsed(line));
      if (!read.success) throw foreign(i + 1);
      known.set(read.data.key, read.data.values);
    });
    // A run that was killed may have left half a line at the end; it is cut off and computed again.
    const half = text.slice(whole.length);
    if (!start.startsWith(half.slice(0, start.length))) throw foreign(lines.length);
    if (half !== "") await truncate(file, Buffer.byteLength(whole));
  }
  return {
    once: async (key, make) => {
      const done = known.get(key);
      if (done !== undefined) return done;
      const values = await make();
      known.set(key, values);
      if (file !== undefined) {
        await mkdir(dirname(file), { recursive: true });
        await appendFile(file, `${JSON.stringify({ key, values })}\n`);
      }
      return values;
    },
  };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

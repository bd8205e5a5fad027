import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { Column } from "./schema.ts";

export type HashName = "sha256" | "md5";

/** Hash of a file's bytes, in hexadecimal; of its unpacked bytes with `gunzip`. */
export async function hashFile(path: string, options: { readonly algorithm?: HashName; readonly gunzip?: boolean } = {}): Promise<string> {
  const hash = createHash(options.algorithm ?? "sha256");
  const file = createReadStream(path, { highWaterMark: 1 << 20 });
  if (options.gunzip) await pipeline(file, createGunzip({ chunkSize: 1 << 20 }), hash);
  else await pipeline(file, hash);
  return hash.digest("hex");
}

/**
 * SHA-256 of what columns hold: names, kinds, order and values, whatever file they came from. A number that was written in two ways hashes alike;
 * so do categories whose levels stand in another order or occur in no row.
 */
export function hashColumns(columns: readonly Column[]): string {
  const hash = createHash("sha256");
  for (const column of columns) {
    hash.update(`${JSON.stringify([column.name, column.kind])}\n`);
    if (column.kind === "number") hashNumbers(hash, column.values);
    else if (column.kind === "category") hashTexts(hash, column.codes, column.levels);
    else {
      hashNumbers(hash, Float64Array.from(column.offsets));
      if (column.levels === undefined) hashNumbers(hash, column.values);
      else
        hashTexts(
          hash,
          Int32Array.from(column.values, (code) => (Number.isNaN(code) ? -1 : code)),
          column.levels,
        );
    }
  }
  return hash.digest("hex");
}

const block = 4096;

// Little-endian doubles, with one bit pattern for every NaN and one for both zeros.
function hashNumbers(hash: Hash, values: Float64Array): void {
  const bytes = new DataView(new ArrayBuffer(block * 8));
  for (let start = 0; start < values.length; start += block) {
    const m = Math.min(block, values.length - start);
    for (let i = 0; i < m; i++) {
      const v = values[start + i];
      bytes.setFloat64(i * 8, Number.isNaN(v) ? Number.NaN : v + 0, true);
    }
    hash.update(new Uint8Array(bytes.buffer, 0, m * 8));
  }
}

// Codes are renumbered into the sorted order of the levels that occur.
function hashTexts(hash: Hash, codes: Int32Array, levels: readonly string[]): void {
  const used = new Uint8Array(levels.length);
  for (const code of codes) if (code >= 0) used[code] = 1;
  const sorted = levels.filter((_, code) => used[code] === 1).toSorted();
  const place = new Map(sorted.map((level, i) => [level, i]));
  const rank = Float64Array.from(levels, (level) => place.get(level) ?? -1);
  hash.update(`${JSON.stringify(sorted)}\n`);
  hashNumbers(
    hash,
    Float64Array.from(codes, (code) => (code < 0 ? -1 : rank[code])),
  );
}

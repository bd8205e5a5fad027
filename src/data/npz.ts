import { readFile } from "node:fs/promises";
import { inflateRawSync } from "node:zlib";
import { dataError } from "../base/errors.ts";
import type { NumberColumn } from "./schema.ts";

/** An array as NumPy saved it, in C order. */
export interface NumpyArray {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/**
 * The numeric arrays of an `.npz` archive (or of one `.npy` file, under the name `x`).
 * @param wanted which arrays to read, by name; all unless given
 * @throws LiftwiseError (data) for a damaged file, a type that is not numeric, or a whole number beyond 2^53
 */
export async function readNpz(path: string, wanted: (name: string) => boolean = () => true): Promise<Record<string, NumpyArray>> {
  const bytes = await readFile(path);
  if (bytes[0] === 0x93) return { x: npy(bytes, path, "x") };
  const arrays: Record<string, NumpyArray> = {};
  for (const [entry, content] of unzip(bytes, path)) {
    const name = entry.slice(0, -4);
    if (entry.endsWith(".npy") && wanted(name)) arrays[name] = npy(content, path, name);
  }
  return arrays;
}

/** The arrays of n rows as columns: `t` of n or n x 1 as "t", `x` of n x p as "x1" .. "xp". Arrays of another length are left out. */
export async function readNumpy(path: string): Promise<NumberColumn[]> {
  const arrays = Object.entries(await readNpz(path));
  const rows = Math.max(0, ...arrays.map(([, { shape }]) => shape[0] ?? 1));
  return arrays.filter(([, { shape }]) => (shape[0] ?? 1) === rows).flatMap(([name, array]) => columnsOfArray(name, array));
}

function columnsOfArray(name: string, { shape, values }: NumpyArray): NumberColumn[] {
  const rows = shape[0] ?? 1;
  const wide = shape.slice(1).reduce((product, size) => product * size, 1);
  return Array.from({ length: wide }, (_, j) => ({
    kind: "number",
    name: wide === 1 ? name : `${name}${j + 1}`,
    values: wide === 1 ? values : Float64Array.from({ length: rows }, (_, i) => values[i * wide + j]),
  }));
}

// Entries of a zip archive by its central directory: what stands at its end says where each begins.
function* unzip(bytes: Buffer, path: string): Generator<[string, Buffer]> {
  const end = bytes.lastIndexOf("PK\x05\x06", undefined, "latin1");
  if (end < 0 || end + 22 > bytes.length) throw dataError(`${path}: the archive is cut short (its directory is missing); copy or download it again`);
  let at = bytes.readUInt32LE(end + 16);
  for (let i = bytes.readUInt16LE(end + 10); i > 0; i--) {
    if (at + 46 > end || bytes.readUInt32LE(at) !== 0x02014b50) throw dataError(`${path}: the archive's directory is damaged; copy or download it again`);
    const method = bytes.readUInt16LE(at + 10);
    const [packed, unpacked, nameLength, extra, comment] = [
      bytes.readUInt32LE(at + 20),
      bytes.readUInt32LE(at + 24),
      bytes.readUInt16LE(at + 28),
      bytes.readUInt16LE(at + 30),
      bytes.readUInt16LE(at + 32),
    ];
    const local = bytes.readUInt32LE(at + 42);
    const name = bytes.toString("utf8", at + 46, at + 46 + nameLength);
    if (packed === 0xffffffff || local === 0xffffffff) throw dataError(`${path}: archives over 4 GB are not read; unpack it and convert it to Parquet`);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const body = bytes.subarray(start, start + packed);
    if (method !== 0 && method !== 8) throw dataError(`${path}: "${name}" is packed by method ${method}; save the arrays with numpy.savez_compressed`);
    yield [name, method === 0 ? body : inflateRawSync(body, { maxOutputLength: Math.max(1, unpacked) })];
    at += 46 + nameLength + extra + comment;
  }
}

const readers: Readonly<Record<string, (bytes: Buffer, at: number) => number>> = {
  f8: (bytes, at) => bytes.readDoubleLE(at),
  f4: (bytes, at) => bytes.readFloatLE(at),
  i8: (bytes, at) => Number(bytes.readBigInt64LE(at)),
  u8: (bytes, at) => Number(bytes.readBigUInt64LE(at)),
  i4: (bytes, at) => bytes.readInt32LE(at),
  u4: (bytes, at) => bytes.readUInt32LE(at),
  i2: (bytes, at) => bytes.readInt16LE(at),
  u2: (bytes, at) => bytes.readUInt16LE(at),
  i1: (bytes, at) => bytes.readInt8(at),
  u1: (bytes, at) => bytes[at],
  b1: (bytes, at) => bytes[at],
};

// The npy format: magic, version, header length, a header that is a Python dictionary in text, data.
function npy(bytes: Buffer, path: string, name: string): NumpyArray {
  const where = `${path}: array "${name}"`;
  const long = bytes[6] >= 2;
  const begin = long ? 12 : 10;
  const start = begin + (long ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  const header = bytes.toString("latin1", begin, start);
  const type = /'descr':\s*'([<|=>])(\w+)'/.exec(header);
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1].match(/\d+/g)?.map(Number) ?? [];
  const read = type === null ? undefined : readers[type[2]];
  if (type === null || read === undefined || type[1] === ">")
    throw dataError(`${where} has type ${type?.[0] ?? "unknown"}; only numbers and truth values in little-endian order are read`);
  const width = Number(type[2].slice(1));
  const n = shape.reduce((product, size) => product * size, 1);
  if (bytes.length < start + n * width)
    throw dataError(`${where} is cut short: ${bytes.length - start} bytes of ${n * width}; copy or download the file again`);
  const values = new Float64Array(n);
  for (let i = 0; i < n; i++) values[i] = read(bytes, start + i * width);
  if (width === 8 && type[2] !== "f8" && values.some((v) => !Number.isSafeInteger(v)))
    throw dataError(`${where} holds whole numbers beyond 2^53, which would lose digits; save them as text in a CSV file`);
  return { shape, values: /'fortran_order':\s*True/.test(header) ? rowMajor(values, shape) : values };
}

function rowMajor(values: Float64Array, shape: readonly number[]): Float64Array {
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    let rest = i;
    let at = 0;
    for (const size of shape) {
      at = at * size + (rest % size);
      rest = Math.floor(rest / size);
    }
    out[at] = values[i];
  }
  return out;
}

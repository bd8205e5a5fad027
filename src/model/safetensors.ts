import { dataError } from "../base/errors.ts";
import type { ArrayState } from "../base/state.ts";

/** The types of the safetensors format that we write, and their arrays. */
const types: Readonly<Record<string, { readonly bytes: number; readonly make: (buffer: ArrayBuffer) => ArrayState["data"] }>> = {
  F64: { bytes: 8, make: (buffer) => new Float64Array(buffer) },
  F32: { bytes: 4, make: (buffer) => new Float32Array(buffer) },
  I32: { bytes: 4, make: (buffer) => new Int32Array(buffer) },
  U8: { bytes: 1, make: (buffer) => new Uint8Array(buffer) },
};

/** Longest header that is read: a damaged length must not make us allocate gigabytes. */
const longestHeader = 100_000_000;

export function typeName(data: ArrayState["data"]): string {
  if (data instanceof Float64Array) return "F64";
  if (data instanceof Float32Array) return "F32";
  return data instanceof Int32Array ? "I32" : "U8";
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Named arrays in the safetensors format: length of the header (64 bits, little endian), JSON header, the arrays end to end. */
export function writeTensors(arrays: Readonly<Record<string, ArrayState>>): Uint8Array {
  const header: Record<string, Entry> = {};
  // Wide types first, so that every array starts at a multiple of its width.
  const names = Object.keys(arrays).sort((a, b) => arrays[b].data.BYTES_PER_ELEMENT - arrays[a].data.BYTES_PER_ELEMENT || (a < b ? -1 : 1));
  let offset = 0;
  for (const name of names) {
    const { shape, data } = arrays[name];
    if (name === "__metadata__" || count(shape) !== data.length)
      throw new Error(`array "${name}" of ${data.length} numbers cannot be written with shape [${shape.join(", ")}]`);
    header[name] = { dtype: typeName(data), shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const padded = Math.ceil(text.length / 8) * 8;
  const bytes = Buffer.alloc(8 + padded + offset, " ");
  bytes.writeBigUInt64LE(BigInt(padded), 0);
  text.copy(bytes, 8);
  for (const name of names) {
    const { data } = arrays[name];
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 8 + padded + header[name].data_offsets[0]);
  }
  return bytes;
}

/** @throws LiftwiseError (data) for anything that is not a whole file of this format with the four types above */
export function readTensors(bytes: Uint8Array, where: string): Record<string, ArrayState> {
  const damaged = (what: string): Error => dataError(`${where}: ${what}; the file is damaged or not a safetensors file: write the model again`);
  if (bytes.length < 8) throw damaged(`${bytes.length} bytes are too few`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > longestHeader || 8 + length > bytes.length) throw damaged(`a header of ${length} bytes does not fit into ${bytes.length}`);
  const header = parseHeader(bytes.subarray(8, 8 + length));
  if (header === undefined) throw damaged("the header is not JSON");
  const start = 8 + length;
  const arrays: Record<string, ArrayState> = {};
  let covered = 0;
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    if (!isEntry(entry)) throw damaged(`the entry of array "${name}" is incomplete`);
    const type = types[entry.dtype];
    if (type === undefined) throw damaged(`array "${name}" is of type ${entry.dtype}, not one of ${Object.keys(types).join(", ")}`);
    const [from, to] = entry.data_offsets;
    if (from < 0 || to < from || start + to > bytes.length)
      throw damaged(`array "${name}" lies outside the file (bytes ${from} to ${to} of ${bytes.length - start})`);
    if (to - from !== count(entry.shape) * type.bytes) throw damaged(`array "${name}" of shape [${entry.shape.join(", ")}] has ${to - from} bytes`);
    // A copy: it is aligned, and it does not keep the file in memory.
    const copy = new Uint8Array(to - from);
    copy.set(bytes.subarray(start + from, start + to));
    arrays[name] = { shape: entry.shape, data: type.make(copy.buffer) };
    covered += to - from;
  }
  if (start + covered !== bytes.length) throw damaged(`the arrays hold ${covered} bytes and the file ${bytes.length - start}`);
  return arrays;
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): value is Entry {
  const { dtype, shape, data_offsets } = (value ?? {}) as Partial<Record<keyof Entry, unknown>>;
  const whole = (list: unknown): boolean => Array.isArray(list) && list.every((number) => Number.isSafeInteger(number) && number >= 0);
  return typeof dtype === "string" && whole(shape) && whole(data_offsets) && (data_offsets as unknown[]).length === 2;
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

import { assemble, doWhile, get, I32, i32, kernel, set, tee, v128, type WasmMemory, type WasmModule, WebAssembly } from "../../base/wasm.ts";
import type { Numbers } from "../engine/contract.ts";
import { addRows } from "./tables.ts";

type Floats = Float32Array | Float64Array;

/** For each number of the list `rows` .. `end`: adds the next `bytes` of `values`, a multiple of 16, to that row of `sums`. All are addresses. */
const addRowsKernel = kernel("addRows", ["sums", "rows", "end", "values", "bytes"], { at: I32, stop: I32 }, (l) => [
  doWhile(
    [
      ...set(l.at, i32.add(get(l.sums), i32.mul(i32.load(get(l.rows)), get(l.bytes)))),
      ...set(l.stop, i32.add(get(l.at), get(l.bytes))),
      ...doWhile(
        [...v128.store(get(l.at), v128.addF32x4(v128.load(get(l.at)), v128.load(get(l.values)))), ...set(l.values, i32.add(get(l.values), i32.const(16)))],
        i32.ltU(tee(l.at, i32.add(get(l.at), i32.const(16))), get(l.stop)),
      ),
    ],
    i32.ltU(tee(l.rows, i32.add(get(l.rows), i32.const(4))), get(l.end)),
  ),
]);

interface Kernels {
  readonly addRows: (sums: number, rows: number, end: number, values: number, bytes: number) => void;
}
let compiled: WasmModule | undefined;

const page = 65_536;
const alignment = 64;
/** A step that needs more than this gets plain arrays: a batch of that size is not slowed down by fresh memory. */
const most = 2 ** 30;

/** Bytes that an array of 32-bit numbers takes up. */
export const bytesOf = (length: number): number => Math.ceil((length * 4) / alignment) * alignment;

/**
 * Memory for the arrays of one training step, the same in every step: fresh memory would cost more than what is computed in it. It is
 * WebAssembly's, whose loops add rows four numbers at a time.
 */
export class StepMemory {
  private memory: WasmMemory<ArrayBuffer> | undefined;
  private kernels: Kernels | undefined;
  private at = 0;
  private end = 0;

  /** Begins a step that needs this much (see `bytesOf`). Arrays of the step before are void. */
  open(bytes: number): void {
    this.at = 0;
    this.end = bytes <= most ? bytes : 0;
    if (this.end === 0) return;
    const pages = Math.ceil(this.end / page);
    if (this.memory === undefined) {
      this.memory = new WebAssembly.Memory({ initial: pages, maximum: most / page });
      compiled ??= new WebAssembly.Module(assemble([addRowsKernel], false));
      this.kernels = new WebAssembly.Instance(compiled, { engine: { memory: this.memory } }).exports as Kernels;
    }
    const missing = pages - this.memory.buffer.byteLength / page;
    if (missing > 0) this.memory.grow(missing);
  }

  /** An array of the kind of `like`, holding anything. */
  floats(length: number, like: Floats): Floats {
    if (like instanceof Float64Array) return new Float64Array(length);
    const at = this.take(length);
    return at === undefined ? new Float32Array(length) : new Float32Array((this.memory as WasmMemory<ArrayBuffer>).buffer, at, length);
  }

  ints(length: number): Int32Array {
    const at = this.take(length);
    return at === undefined ? new Int32Array(length) : new Int32Array((this.memory as WasmMemory<ArrayBuffer>).buffer, at, length);
  }

  /** Adds each row of `values` to the row of `sums` that `rows` names for it. */
  addRows(sums: Floats, width: number, rows: Numbers, values: Numbers): void {
    const here = this.memory?.buffer;
    if (width % 4 !== 0 || rows.length === 0 || [sums, rows, values].some((list) => list.buffer !== here)) return addRows(sums, width, rows, values);
    this.kernels?.addRows(sums.byteOffset, rows.byteOffset, rows.byteOffset + rows.byteLength, values.byteOffset, width * 4);
  }

  private take(length: number): number | undefined {
    const at = this.at;
    if (at + bytesOf(length) > this.end) return undefined;
    this.at += bytesOf(length);
    return at;
  }
}

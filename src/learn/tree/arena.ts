import { usageError } from "../../base/errors.ts";
import { WebAssembly, type WasmMemory } from "../../base/wasm.ts";

const page = 65_536;
const mostPages = 65_536;

/** Addresses handed out one after another, before the memory they lie in exists: layouts are planned, then opened. */
export interface Plan {
  bytes: number;
}

/** Address of this many bytes, at a multiple of 64. */
export function reserve(plan: Plan, bytes: number): number {
  const address = plan.bytes;
  plan.bytes += Math.ceil(bytes / 64) * 64;
  return address;
}

/*
 * Memory that was given back. A shared memory is freed only when the garbage collector happens upon it, and nothing tells the collector how
 * large it is; fits that follow each other therefore pass one memory on. Being held weakly, it goes when nobody wants it.
 */
const idle: WeakRef<WasmMemory>[] = [];

/** A shared memory of at least this size; its content is whatever the last user left. @throws LiftwiseError (usage) over 4 GB */
export function openMemory(plan: Plan): WasmMemory {
  const pages = Math.max(1, Math.ceil(plan.bytes / page));
  const gigabytes = (plan.bytes / 2 ** 30).toFixed(1);
  if (pages > mostPages)
    throw usageError(`trees: this fit needs ${gigabytes} GB of working memory and at most 4 can be addressed; use fewer rows, columns, bins or leaves`);
  for (let k = idle.length - 1; k >= 0; k--) {
    const memory = idle[k].deref();
    idle.splice(k, 1);
    if (memory === undefined) continue;
    const missing = pages - memory.buffer.byteLength / page;
    if (missing > 0) memory.grow(missing);
    return memory;
  }
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: mostPages, shared: true });
  } catch (cause) {
    throw usageError(`trees: the working memory of ${gigabytes} GB could not be had; free memory, or use fewer rows, columns, bins or leaves`, cause);
  }
}

/** Gives the memory back; no view of it and no worker may still be using it. */
export function closeMemory(memory: WasmMemory): void {
  idle.push(new WeakRef(memory));
}

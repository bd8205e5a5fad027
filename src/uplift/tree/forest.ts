import { openPool } from "../../base/pool.ts";
import { Rng } from "../../base/rng.ts";
import { kernelModule } from "../../learn/tree/kernels.ts";
import type { WasmMemory, WasmModule } from "../../base/wasm.ts";
import type { TreePart } from "./codeForest.ts";
import { type ArmTreeSettings, growArmTree } from "./growArms.ts";
import { growScoreTree, type ScoreTreeSettings } from "./growScores.ts";
import { type ForestJob, type ForestLayout, openForest } from "./layout.ts";
import { type OutOfBag, outOfBag, type OutOfBagTask } from "./outOfBag.ts";
import { drawRows, type Sampling } from "./sample.ts";

/** Everything that is needed to grow any tree of a forest, as plain data. */
export interface ForestPlan {
  readonly layout: ForestLayout;
  readonly seed: readonly [number, number];
  readonly sampling: Sampling;
  readonly family: { readonly kind: "arms"; readonly settings: ArmTreeSettings } | { readonly kind: "scores"; readonly settings: ScoreTreeSettings };
}

/** A grown tree with what its columns gained, and, for trees by arms, rows by node and arm. */
export interface GrownTree extends TreePart {
  readonly gains: Float64Array;
  readonly rows?: Float64Array;
}

export function forestSeed(rng: Rng): readonly [number, number] {
  return [rng.uint32() | 0, rng.uint32() | 0];
}

export function growTreeOf(job: ForestJob, plan: ForestPlan, tree: number): GrownTree {
  const { family, sampling, seed } = plan;
  const { grown, estimated } = drawRows(job, sampling, seed, tree);
  const rng = new Rng(seed).split("columns", tree);
  if (family.kind === "arms") return growArmTree(job, grown, estimated, family.settings, rng);
  return growScoreTree(job, grown, estimated, family.settings, rng);
}

/** What a worker is told first, and then for each batch of trees or rows. */
export interface OpenForest {
  readonly memory: WasmMemory;
  readonly module: WasmModule;
  readonly slot: number;
}
export interface GrowBatch {
  readonly plan: ForestPlan;
  readonly first: number;
  readonly last: number;
}

export type Progress = (share: number) => void;

/** Threads that grow forests on one memory. */
export interface Crew {
  /** Trees 0 .. count - 1 in order, whoever grew them. */
  grow(plan: ForestPlan, count: number, progress: Progress): Promise<GrownTree[]>;
  /** Solutions for rows of the data from the trees that have not seen them. */
  outOfBag(task: OutOfBagTask): Promise<OutOfBag>;
  close(): Promise<void>;
}

/** Most trees, and rows, a worker is asked for at a time. */
const batchTrees = 8;
const batchRows = 4096;

/** @param workers threads to start; 0 does everything on this one. @throws (in its promises) the signal's reason when aborted, and what a worker died of */
export async function openCrew(memory: WasmMemory, workers: number, signal: AbortSignal): Promise<Crew> {
  signal.throwIfAborted();
  if (workers === 0) return alone(memory, signal);
  const pool = openPool(new URL("./worker.ts", import.meta.url), workers);
  const stop = (): void => void pool.close();
  signal.addEventListener("abort", stop, { once: true });
  const guarded = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (reason) {
      signal.throwIfAborted();
      throw reason;
    }
  };
  const close = async (): Promise<void> => {
    signal.removeEventListener("abort", stop);
    await pool.close();
  };
  const opening = Array.from({ length: workers }, (_, slot) => pool.run(slot, "open", { memory, module: kernelModule(), slot } satisfies OpenForest));
  try {
    await guarded(Promise.all(opening));
  } catch (reason) {
    await close();
    throw reason;
  }
  return {
    close,
    grow: async (plan, count, progress) => {
      const size = Math.max(1, Math.min(batchTrees, Math.floor(count / (4 * workers))));
      const batches = spans(count, size).map(([first, last]): GrowBatch => ({ plan, first, last }));
      const grown = await guarded(pool.map<GrownTree[]>("grow", batches, (done) => progress(done / batches.length)));
      return grown.flat();
    },
    outOfBag: async (task) => {
      const batches = spans(task.plan.layout.table.rows, batchRows).map(([begin, end]) => ({ ...task, begin, end }));
      return joined(await guarded(pool.map<OutOfBag>("outOfBag", batches)));
    },
  };
}

function spans(count: number, size: number): [number, number][] {
  return Array.from({ length: Math.ceil(count / size) }, (_, k) => [k * size, Math.min(count, (k + 1) * size)]);
}

function alone(memory: WasmMemory, signal: AbortSignal): Crew {
  let breath = performance.now();
  const pause = async (): Promise<void> => {
    if (performance.now() - breath > 30) {
      await new Promise(setImmediate);
      breath = performance.now();
    }
    signal.throwIfAborted();
  };
  return {
    close: async () => {},
    grow: async (plan, count, progress) => {
      const job = openForest(memory, plan.layout, 0);
      const trees: GrownTree[] = [];
      for (let tree = 0; tree < count; tree++) {
        await pause();
        trees.push(growTreeOf(job, plan, tree));
        progress((tree + 1) / count);
      }
      return trees;
    },
    outOfBag: async (task) => {
      const job = openForest(memory, task.plan.layout, 0);
      const parts: OutOfBag[] = [];
      for (const [begin, end] of spans(task.plan.layout.table.rows, 256)) {
        await pause();
        parts.push(outOfBag(job, { ...task, begin, end }));
      }
      return joined(parts);
    },
  };
}

function joined(parts: readonly OutOfBag[]): OutOfBag {
  const join = (lists: readonly Float64Array[]): Float64Array => {
    const all = new Float64Array(lists.reduce((sum, list) => sum + list.length, 0));
    let at = 0;
    for (const list of lists) {
      all.set(list, at);
      at += list.length;
    }
    return all;
  };
  const columns = (pick: (part: OutOfBag) => readonly Float64Array[]): Float64Array[] => pick(parts[0]).map((_, a) => join(parts.map((part) => pick(part)[a])));
  return {
    estimate: columns((part) => part.estimate),
    variance: columns((part) => part.variance),
    covered: parts.reduce((sum, part) => sum + part.covered, 0),
  };
}

import { openPool } from "../../base/pool.ts";
import { Rng } from "../../base/rng.ts";
import { kernelModule } from "../../learn/tree/kernels.ts";
import type { WasmMemory, WasmModule } from "../../learn/tree/wasm.ts";
import { type ArmTree, type ArmTreeSettings, growArmTree } from "./growArms.ts";
import { type ForestJob, type ForestLayout, openForest } from "./layout.ts";
import { limitOf, type SampleKey, unitHash } from "./sample.ts";

/** How the rows of a tree are drawn. */
export interface Sampling {
  /** Share of units a tree is given. */
  readonly share: number;
  /** Share of a tree's units that only estimate it; 0: it is estimated on the rows it is grown on. */
  readonly honest: number;
}

/** Everything that is needed to grow any tree of a forest, as plain data. */
export interface ForestPlan {
  readonly layout: ForestLayout;
  readonly seed: readonly [number, number];
  readonly sampling: Sampling;
  readonly settings: ArmTreeSettings;
}

export function forestSeed(rng: Rng): readonly [number, number] {
  return [rng.uint32() | 0, rng.uint32() | 0];
}

/** Keys of a tree's sample: who is in it, and who of them estimates. */
export function sampleKeys(rng: Rng): { readonly draw: SampleKey; readonly estimate: SampleKey } {
  return { draw: { a: rng.uint32(), b: rng.uint32() }, estimate: { a: rng.uint32(), b: rng.uint32() } };
}

/** Puts a tree's rows into the job's lists; returns how many it is grown and estimated on. Rows without weight are in neither. */
export function drawRows(job: ForestJob, sampling: Sampling, rng: Rng): { readonly grown: number; readonly estimated: number } {
  const { draw, estimate } = sampleKeys(rng);
  const inTree = limitOf(sampling.share);
  const estimates = limitOf(sampling.honest);
  let [grown, estimated] = [0, 0];
  for (let i = 0; i < job.layout.table.rows; i++) {
    if (job.records[2 * i + 1] === 0) continue;
    const unit = job.unit === undefined ? i : job.unit[i];
    if (unitHash(draw, unit) >= inTree) continue;
    if (sampling.honest > 0 && unitHash(estimate, unit) < estimates) job.estimation[estimated++] = i;
    else job.rows[grown++] = i;
  }
  return { grown, estimated };
}

export function growTreeOf(job: ForestJob, plan: ForestPlan, tree: number): ArmTree {
  const rng = new Rng(plan.seed).split("tree", tree);
  const { grown, estimated } = drawRows(job, plan.sampling, rng.split("sample"));
  return growArmTree(job, grown, estimated, plan.settings, rng.split("columns"));
}

/** What a worker is told first, and then for each batch of trees. */
export interface OpenForest {
  readonly memory: WasmMemory;
  readonly module: WasmModule;
  readonly plan: ForestPlan;
  readonly slot: number;
}
export interface GrowBatch {
  readonly first: number;
  readonly last: number;
}

/** Most trees a worker is asked for at a time. */
const batchTrees = 8;

export interface ForestRun {
  /** Worker threads to use; 0 grows on this one. */
  readonly workers: number;
  readonly signal: AbortSignal;
  readonly progress: (share: number) => void;
}

/** Trees 0 .. count - 1, in order, whoever grew them. @throws the signal's reason when aborted, and what a worker died of */
export async function growForest(memory: WasmMemory, plan: ForestPlan, count: number, run: ForestRun): Promise<ArmTree[]> {
  run.signal.throwIfAborted();
  run.progress(0);
  return run.workers === 0 ? growHere(memory, plan, count, run) : growInPool(memory, plan, count, run);
}

async function growHere(memory: WasmMemory, plan: ForestPlan, count: number, { signal, progress }: ForestRun): Promise<ArmTree[]> {
  const job = openForest(memory, plan.layout, 0);
  const trees: ArmTree[] = [];
  let breath = performance.now();
  for (let tree = 0; tree < count; tree++) {
    if (performance.now() - breath > 30) {
      await new Promise(setImmediate);
      breath = performance.now();
    }
    signal.throwIfAborted();
    trees.push(growTreeOf(job, plan, tree));
    progress((tree + 1) / count);
  }
  return trees;
}

async function growInPool(memory: WasmMemory, plan: ForestPlan, count: number, { workers, signal, progress }: ForestRun): Promise<ArmTree[]> {
  const pool = openPool(new URL("./worker.ts", import.meta.url), workers);
  const stop = (): void => void pool.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.all(
      Array.from({ length: workers }, (_, slot) => pool.run(slot, "open", { memory, module: kernelModule(), plan, slot } satisfies OpenForest)),
    );
    const size = Math.max(1, Math.min(batchTrees, Math.floor(count / (4 * workers))));
    const batches: GrowBatch[] = [];
    for (let first = 0; first < count; first += size) batches.push({ first, last: Math.min(count, first + size) });
    const grown = await pool.map<ArmTree[]>("grow", batches, (done) => progress(done / batches.length));
    return grown.flat();
  } catch (reason) {
    signal.throwIfAborted();
    throw reason;
  } finally {
    signal.removeEventListener("abort", stop);
    await pool.close();
  }
}

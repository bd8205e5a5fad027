import { openPool, type Pool } from "../../base/pool.ts";
import type { Rng } from "../../base/rng.ts";
import type { Features } from "../../data/schema.ts";
import { closeMemory, openMemory, type Plan } from "./arena.ts";
import { draftForest, finishForest, type Forest } from "./forest.ts";
import { type GrowLimits, growTree, worthSharing } from "./grow.ts";
import { kernelModule, kernelsOn } from "./kernels.ts";
import { argument, type Job, number, openJob, planJob } from "./layout.ts";
import type { LossName } from "./loss.ts";
import { operate, operation } from "./operations.ts";
import { bare, fillTable, planTable } from "./table.ts";
import { alone, dismiss, lead, type Team } from "./team.ts";
import { unitsFor } from "./units.ts";
import type { WasmMemory } from "../../base/wasm.ts";
import type { Join } from "./worker.ts";

export interface BoostSettings extends GrowLimits {
  readonly loss: LossName;
  readonly tweediePower: number;
  readonly learningRate: number;
  readonly bins: number;
  readonly rowSample: number;
  readonly columnSample: number;
  readonly patience: number;
  readonly monotone: Int8Array;
}

/** Data laid out for boosting, with the threads that will work on it. */
export interface Workshop {
  readonly job: Job;
  readonly team: Team;
  readonly solo: Team;
  readonly settings: BoostSettings;
  readonly signal: AbortSignal;
  close(): Promise<void>;
}

/** What is boosted: n outcomes, weights where rows do not count once each, and arms where the score is told apart by arm. */
export interface Outcomes {
  readonly y: Float64Array;
  readonly weight?: Float64Array;
  readonly arm?: Int32Array;
  readonly arms?: number;
}

/** Rows times columns times rounds, some ten in a nanosecond: below this, starting threads costs more than it saves. */
const worthHelpers = 2e8;

/** Threads to start beside the main one. */
export function helpersFor(x: Features, rounds: number, threads: number): number {
  return x.rows * x.columns.length * rounds < worthHelpers ? 0 : Math.max(0, threads - 1);
}

export function openWorkshop(x: Features, { y, weight, arm, arms = 1 }: Outcomes, settings: BoostSettings, helpers: number, signal: AbortSignal): Workshop {
  const plan: Plan = { bytes: 64 };
  const table = planTable(plan, x, settings.bins);
  const leaves = Math.max(1, Math.min(settings.maxLeaves, Math.floor(x.rows / settings.minRows)));
  const { loss, tweediePower, monotone } = settings;
  const layout = planJob(plan, table, { loss, tweediePower, monotone, arms, weighted: weight !== undefined, leaves: leaves + 1, threads: helpers + 1 });
  const memory = openMemory(plan);
  fillTable(memory, kernelsOn(memory), table, x);
  const job = openJob(memory, layout);
  job.control.fill(0);
  job.written.fill(-1);
  job.y.set(y);
  if (arm !== undefined && arms > 1) job.arm.set(arm);
  if (weight !== undefined) job.weight?.set(weight);
  const work = (which: number, task: number, slot: number): void => operate(job, which, task, slot);
  const solo = alone(work);
  if (helpers === 0) return { job, team: solo, solo, settings, signal, close: async () => closeMemory(memory) };
  const pool = openPool(new URL("./worker.ts", import.meta.url), helpers);
  const { failed, left } = joinAll(pool, memory, job);
  const close = async (): Promise<void> => {
    dismiss(job.control);
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([left, new Promise((resolve) => (timer = setTimeout(resolve, 200)))]);
    clearTimeout(timer);
    await pool.close();
    closeMemory(memory);
  };
  return { job, team: lead(job.control, work, failed), solo, settings, signal, close };
}

function joinAll(pool: Pool, memory: WasmMemory, job: Job): { failed: () => unknown; left: Promise<unknown> } {
  let reason: unknown;
  const joined = Array.from({ length: pool.size }, (_, k) =>
    pool
      .run(k, "join", { memory, module: kernelModule(), layout: { ...job.layout, table: bare(job.layout.table) }, slot: k + 1 } satisfies Join)
      .catch((cause: unknown) => {
        reason ??= cause;
      }),
  );
  return { failed: () => reason, left: Promise.all(joined) };
}

export interface Boosted {
  readonly forest: Forest;
  /** Score before the first tree, by arm. */
  readonly start: readonly number[];
  /** Mean loss of the held-out rows with 0, 1, ... trees; empty where no rows were held out. */
  readonly heldLoss: readonly number[];
}

/**
 * Boosts on `rows` for so many rounds; where rows are held out, stops `patience` rounds after the best and keeps the trees up to it.
 * Rows in neither list take no part.
 */
export async function boost(
  shop: Workshop,
  rows: Int32Array,
  held: Int32Array | undefined,
  rounds: number,
  rng: Rng,
  progress?: (share: number) => void,
): Promise<Boosted> {
  const { job, settings, signal } = shop;
  const start = startingScores(job, rows);
  if (start.length === 1) job.score.fill(start[0]);
  else for (let i = 0; i < job.score.length; i++) job.score[i] = start[job.arm[i]];
  const draft = draftForest(start.length);
  const heldLoss = held === undefined ? [] : [meanLoss(job, held)];
  let best = 0;
  let breath = performance.now();
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    if (performance.now() - breath > 30) {
      await new Promise(setImmediate);
      breath = performance.now();
    }
    await writeRecords(shop, rows.length);
    const [taken, others] = sampleRows(job, rows, held, settings.rowSample, rng, round);
    const columns = sampleColumns(job, settings.columnSample, rng, round);
    const leaves = await growTree(job, draft, taken, columns, settings, shop.team, shop.solo);
    job.numbers[number.scale] = settings.learningRate;
    await phase(shop, operation.addLeaves, leaves, taken * 2);
    job.arguments[argument.others] = others;
    await phase(shop, operation.walk, Math.ceil(others / job.layout.chunk), others * 20);
    progress?.((round + 1) / rounds);
    if (held === undefined) continue;
    heldLoss.push(meanLoss(job, held));
    if (heldLoss[round + 1] < heldLoss[best]) best = round + 1;
    if (round + 1 - best >= settings.patience) break;
  }
  return { forest: finishForest(draft, held === undefined ? undefined : best), start, heldLoss };
}

async function phase(shop: Workshop, which: number, tasks: number, work: number): Promise<void> {
  const others = (work < worthSharing ? shop.solo : shop.team).phase(which, tasks);
  if (others !== undefined) await others;
}

/** Gradients and curvatures of all rows as whole numbers, in units that fit this round. */
async function writeRecords(shop: Workshop, rows: number): Promise<void> {
  const { job } = shop;
  const n = job.layout.table.rows;
  const tasks = Math.ceil(n / job.layout.chunk);
  let [mostG, mostH] = job.loss.most ?? [0, 0];
  if (job.loss.most === undefined || job.weight !== undefined) {
    [mostG, mostH] = [0, 0];
    await phase(shop, operation.peaks, tasks, n * 2);
    for (let task = 0; task < tasks; task++) {
      mostG = Math.max(mostG, job.peaks[2 * task]);
      mostH = Math.max(mostH, job.peaks[2 * task + 1]);
    }
  }
  const units = unitsFor(rows, mostG, mostH);
  job.numbers[number.gUnit] = units.g;
  job.numbers[number.hUnit] = units.h;
  job.numbers[number.countShift] = units.countShift;
  await phase(shop, operation.records, tasks, n * 4);
}

/** Puts the rows the tree is grown on, each with this chance, and those it must be walked for, into the job's lists; returns how many of each. */
function sampleRows(job: Job, rows: Int32Array, held: Int32Array | undefined, share: number, rng: Rng, round: number): [number, number] {
  let others = 0;
  if (held !== undefined) {
    job.others.set(held);
    others = held.length;
  }
  if (share >= 1) {
    job.rows.set(rows);
    return [rows.length, others];
  }
  const stream = rng.split("rows", round);
  let taken = 0;
  for (const i of rows) {
    if (stream.float() < share) job.rows[taken++] = i;
    else job.others[others++] = i;
  }
  return [taken, others];
}

function sampleColumns(job: Job, share: number, rng: Rng, round: number): number {
  const p = job.chosen.length;
  const all = Int32Array.from({ length: p }, (_, j) => j);
  const taken =
    share >= 1
      ? all
      : rng
          .split("columns", round)
          .shuffle(all)
          .slice(0, Math.max(1, Math.round(share * p)))
          .toSorted();
  job.chosen.set(taken);
  return taken.length;
}

/** Score of the best constant, by arm; an arm without rows has that of all. */
function startingScores({ y, weight, arm, layout, loss }: Job, rows: Int32Array): number[] {
  const sum = new Float64Array(layout.arms);
  const total = new Float64Array(layout.arms);
  for (const i of rows) {
    const w = weight === undefined ? 1 : weight[i];
    const k = layout.arms > 1 ? arm[i] : 0;
    sum[k] += w * y[i];
    total[k] += w;
  }
  const all = sum.reduce((a, b) => a + b, 0) / total.reduce((a, b) => a + b, 0);
  return Array.from(sum, (s, k) => loss.start(total[k] > 0 ? s / total[k] : all));
}

function meanLoss({ loss, y, score, weight }: Job, rows: Int32Array): number {
  let sum = 0;
  let total = 0;
  for (const i of rows) {
    const w = weight === undefined ? 1 : weight[i];
    sum += w * loss.value(y[i], score[i]);
    total += w;
  }
  return sum / total;
}

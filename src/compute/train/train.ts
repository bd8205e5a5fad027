import { dataError, oneOf, usageError } from "../../base/errors.ts";
import type { Rng } from "../../base/rng.ts";
import { chooseEngine, type ChosenEngine, type EngineChoice, type EngineReport } from "../engine/choose.ts";
import type { Value } from "../engine/contract.ts";
import { type Init, listWeights, type Weights } from "../weights.ts";
import { at, type OptimiserOptions, optimiser, type Progress } from "./optimiser.ts";
import { type Runner, runner } from "./runner.ts";
import { parts, rowCount, type Source, specOf } from "./source.ts";
import { forgetMoments, restore, type Snapshot, snapshot, startState, type TrainingState, weightsOf } from "./state.ts";
import { type Combine, evaluationPlan, layoutOf, type Loss, trainingPlan } from "./step.ts";

/** Part of the training with the same weights learning. The optimiser starts afresh with each phase. */
export interface Phase {
  /** Passes over the data. */
  readonly epochs: number;
  /** Groups of weights that stay as they are in this phase. Defaults to none. */
  readonly freeze?: readonly string[];
  /** Options of the optimiser that differ in this phase. */
  readonly optimiser?: Pick<OptimiserOptions, "learningRate" | "l2" | "groups" | "clipNorm">;
}

export interface Validation<I extends Init, C extends string> {
  /** The columns of the held-out rows. */
  readonly columns: Readonly<Record<C, Value>>;
  /** What is watched; the training loss, without noise, unless given. */
  readonly loss?: Loss<I, C>;
  /** Evaluations without a new best after which training stops; Infinity only keeps the best. Defaults to 10. */
  readonly patience?: number;
  /** Epochs between evaluations. Defaults to 1. */
  readonly every?: number;
}

export interface TrainOptions<I extends Init, C extends string> {
  readonly init: I;
  readonly source: Source<C>;
  readonly loss: Loss<I, C>;
  /** One phase, or several one after the other. */
  readonly phases: Phase | readonly Phase[];
  readonly optimiser?: OptimiserOptions;
  readonly combine?: Combine;
  /** With it, training stops early in the last phase, and the best weights of that phase are what is returned. */
  readonly validation?: Validation<I, C>;
  /** Weights to start from, instead of drawing them. */
  readonly from?: Weights;
  readonly rng: Rng;
  readonly engine?: EngineChoice | ChosenEngine;
  /** Threads of the engine; the result does not depend on it. Defaults to 1. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly progress?: (share: number, what: string) => void;
  readonly onEpoch?: (point: CurvePoint) => void;
}

/** One epoch of training. */
export interface CurvePoint {
  readonly phase: number;
  readonly epoch: number;
  /** Mean over the epoch's rows of each batch's losses, by name, with `total`. */
  readonly train: Readonly<Record<string, number>>;
  /** The watched losses on held-out rows, in epochs where they were evaluated. */
  readonly validation?: Readonly<Record<string, number>>;
}

export interface Trained {
  readonly weights: Weights;
  readonly curve: readonly CurvePoint[];
  /** Steps of the optimiser over all phases. */
  readonly steps: number;
  readonly stopped: "epochs" | "patience";
  /** Index in `curve` of the epoch the weights are from. */
  readonly best: number;
  readonly engine: EngineReport;
}

// Rows that are evaluated at once: enough to keep two cores busy, few enough for memory.
const evaluationRows = 16384;

/** The one training loop. @throws LiftwiseError (data) when the loss stops being finite */
export async function train<I extends Init, C extends string>(options: TrainOptions<I, C>): Promise<Trained> {
  const chosen = await enginesOf(options.engine);
  const phases = ([] as Phase[]).concat(options.phases);
  checkPhases(phases, options.init);
  const layout = layoutOf(options.init);
  const { moments } = optimiser(options.optimiser ?? {});
  const state = startState(options.init, layout, moments, chosen.engine, options.rng.split("weights"), options.from);
  const judge = options.validation === undefined ? undefined : await judgeOf(options, options.validation, chosen);
  const log: Log = { curve: [], steps: 0, best: -1, stopped: "epochs" };
  try {
    for (const [phase, plan] of phases.entries()) {
      const last = phase === phases.length - 1;
      const stepPlan = trainingPlan(options.init, layout, options.source.columns, options.loss, {
        optimiser: { ...options.optimiser, ...plan.optimiser },
        frozen: plan.freeze ?? [],
        combine: options.combine,
      });
      const stepper = await runner(chosen.engine, stepPlan, layout, { threads: options.threads ?? 1, rows: options.source.batchRows }, stepPlan.optimiser);
      try {
        if (phase > 0) forgetMoments(state);
        await runPhase(options, phases, phase, stepper, state, last ? judge : undefined, log);
      } finally {
        stepper.dispose();
      }
    }
  } finally {
    judge?.dispose();
  }
  const best = log.best < 0 ? log.curve.length - 1 : log.best;
  return { weights: weightsOf(layout, state), curve: log.curve, steps: log.steps, stopped: log.stopped, best, engine: chosen.report };
}

interface Log {
  readonly curve: CurvePoint[];
  steps: number;
  best: number;
  stopped: "epochs" | "patience";
}

async function enginesOf(engine: EngineChoice | ChosenEngine | undefined): Promise<ChosenEngine> {
  return typeof engine === "object" ? engine : chooseEngine(engine);
}

function checkPhases(phases: readonly Phase[], init: Init): void {
  const groups = [...new Set(listWeights(init).map(([, weight]) => weight.group))];
  if (phases.length === 0) throw usageError("phases: give at least one");
  for (const { epochs, freeze = [] } of phases) {
    if (!(Number.isInteger(epochs) && epochs >= 1)) throw usageError(`phases: epochs must be a whole number of at least 1, got ${epochs}`);
    for (const group of freeze)
      if (!groups.includes(group)) throw usageError(`phases: there is no group "${group}" to freeze; the groups are ${oneOf(groups)}`);
    if (groups.every((group) => freeze.includes(group)))
      throw usageError("phases: every group is frozen, so nothing would be learned; leave one out of freeze");
  }
}

async function runPhase<I extends Init, C extends string>(
  options: TrainOptions<I, C>,
  phases: readonly Phase[],
  phase: number,
  stepper: Runner,
  state: TrainingState,
  judge: Judge | undefined,
  log: Log,
): Promise<void> {
  const { source, rng, signal } = options;
  const { epochs } = phases[phase];
  const rate = phases[phase].optimiser?.learningRate ?? options.optimiser?.learningRate ?? 0.001;
  const before = phases.slice(0, phase).reduce((sum, one) => sum + one.epochs, 0);
  const whole = phases.reduce((sum, one) => sum + one.epochs, 0);
  const watch = { least: Number.POSITIVE_INFINITY, kept: undefined as Snapshot | undefined, waited: 0 };
  let step = 0;
  let breath = performance.now();
  for (let epoch = 0; epoch < epochs; epoch++) {
    const stream = rng.split(`phase ${phase}`, epoch);
    const mean = runningMean();
    const report = (part: number): void => options.progress?.((before + epoch + part) / whole, `epoch ${before + epoch + 1} of ${whole}`);
    let k = 0;
    signal?.throwIfAborted();
    report(0);
    for await (const batch of source.batches(before + epoch, stream.split("order"))) {
      const progress: Progress = { step, steps: source.batchCount === undefined ? undefined : source.batchCount * epochs, epoch, epochs };
      signal?.throwIfAborted();
      const losses = await stepper.run(state, batch, progress, at(rate, progress), stream.split("batch", k++));
      checkFinite(losses, before + epoch, k);
      mean.add(losses, batch.rows);
      step++;
      log.steps++;
      // Engines may answer without ever giving way: let timers and aborts through.
      if (performance.now() - breath > 50) {
        await new Promise((resolve) => setImmediate(resolve));
        breath = performance.now();
        report(k / (source.batchCount ?? k + 1));
      }
    }
    if (k === 0) throw dataError("train: the source gave no batch; it has no rows");
    const validation =
      judge !== undefined && ((epoch + 1) % judge.every === 0 || epoch === epochs - 1)
        ? await judge.run(state, { step, steps: undefined, epoch, epochs })
        : undefined;
    const point: CurvePoint = validation === undefined ? { phase, epoch, train: mean.value() } : { phase, epoch, train: mean.value(), validation };
    log.curve.push(point);
    options.onEpoch?.(point);
    if (judge === undefined || validation === undefined) continue;
    if (validation.total < watch.least) {
      Object.assign(watch, { least: validation.total, kept: snapshot(state), waited: 0 });
      log.best = log.curve.length - 1;
    } else if (++watch.waited >= judge.patience) {
      log.stopped = "patience";
      break;
    }
  }
  if (watch.kept !== undefined) restore(state, watch.kept);
}

function checkFinite(losses: Readonly<Record<string, number>>, epoch: number, batch: number): void {
  for (const [name, value] of Object.entries(losses))
    if (!Number.isFinite(value))
      throw dataError(
        `train: loss "${name}" became ${value} in batch ${batch} of epoch ${epoch + 1}; lower the learning rate, set clipNorm, or look for extreme values in the data`,
      );
}

function runningMean(): { add(losses: Readonly<Record<string, number>>, rows: number): void; value(): Record<string, number> } {
  const sums: Record<string, number> = {};
  let count = 0;
  return {
    add: (losses, rows) => {
      count += rows;
      for (const [name, value] of Object.entries(losses)) sums[name] = (sums[name] ?? 0) + value * rows;
    },
    value: () => Object.fromEntries(Object.entries(sums).map(([name, total]) => [name, total / count])),
  };
}

interface Judge {
  readonly patience: number;
  readonly every: number;
  run(state: TrainingState, progress: Progress): Promise<Record<string, number>>;
  dispose(): void;
}

async function judgeOf<I extends Init, C extends string>(options: TrainOptions<I, C>, validation: Validation<I, C>, { engine }: ChosenEngine): Promise<Judge> {
  const { columns, loss = options.loss, patience = 10, every = 1 } = validation;
  if (rowCount(columns) === 0) throw usageError("validation: there are no held-out rows; leave validation out, or hold out some");
  const layout = layoutOf(options.init);
  const evaluator = await runner(
    engine,
    evaluationPlan(options.init, layout, specOf(columns), loss),
    layout,
    { threads: options.threads ?? 1, rows: Math.min(evaluationRows, rowCount(columns)) },
    undefined,
  );
  return {
    patience,
    every,
    run: async (state, progress) => {
      const mean = runningMean();
      for (const part of parts(columns, evaluationRows)) {
        const losses = await evaluator.run(state, part, progress, 0, options.rng);
        mean.add(losses, part.rows);
      }
      return mean.value();
    },
    dispose: () => evaluator.dispose(),
  };
}

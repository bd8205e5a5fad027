import { usageError } from "../../base/errors.ts";
import * as ops from "../ops/index.ts";
import { asTensor, type Operand, type Tensor } from "../tensor.ts";

/** Where training stands, for schedules. */
export interface Progress {
  /** Steps done so far in this phase. */
  readonly step: number;
  /** Steps this phase will take if it is not stopped early; undefined for a stream of unknown length. */
  readonly steps: number | undefined;
  readonly epoch: number;
  readonly epochs: number;
}

/** A number, or one that changes as training goes on. */
export type Schedule = number | ((at: Progress) => number);

export function at(schedule: Schedule, progress: Progress): number {
  return typeof schedule === "number" ? schedule : schedule(progress);
}

function share({ step, steps }: Progress): number {
  if (steps === undefined)
    throw usageError("schedule: the number of steps is not known for this stream; give its batchCount, or a schedule that does not need it");
  return Math.min(1, step / steps);
}

/** Rises in a line from near zero over the first part of the steps, then goes on as `after`. */
export function warmUp(part: number, after: Schedule): Schedule {
  return (progress) => at(after, progress) * Math.min(1, (progress.step + 1) / Math.max(1, part * (progress.steps ?? share(progress))));
}

/** Half a cosine from `from` down to `to` (default 0). */
export function cosine(from: number, to = 0): Schedule {
  return (progress) => to + (from - to) * 0.5 * (1 + Math.cos(Math.PI * share(progress)));
}

/** Multiplied by `factor` every `every` steps, smoothly, or in stairs. */
export function decay(from: number, factor: number, every: number, stairs = false): Schedule {
  return ({ step }) => from * factor ** (stairs ? Math.floor(step / every) : step / every);
}

export interface OptimiserOptions {
  /** `adam` (Kingma2015), `adamw` (Loshchilov2019: decay apart from the gradient), or `sgd` with momentum. Defaults to adam. */
  readonly kind?: "adam" | "adamw" | "sgd";
  /** Defaults to 0.001. */
  readonly learningRate?: Schedule;
  /** Decay of the mean of gradients; the momentum of sgd (there 0 unless given). Defaults to 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Defaults to 0.999. */
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Each step takes this share, times the learning rate, off the weights that decay: adamw only. Defaults to 0.01 there. */
  readonly weightDecay?: number;
  /** Adds l2 * sum(w^2) over the weights that decay, by group or for all, after any clipping. The reported loss is without it. Defaults to 0. */
  readonly l2?: number | Readonly<Record<string, number>>;
  /** The learning rate of a group is this many times the common one. Defaults to 1 each. */
  readonly groups?: Readonly<Record<string, number>>;
  /** Gradients whose common norm is larger are scaled down to it. */
  readonly clipNorm?: number;
}

/** Numbers that change each step and are fed to the graph. */
export interface StepNumbers<N = number> {
  /** What the mean gradient is multiplied by: the learning rate with all that can be settled outside the graph. */
  readonly rate: N;
  /** What keeps the root of the mean square from zero, on the scale it is kept in. */
  readonly epsilon: N;
  /** The learning rate as it is. */
  readonly plainRate: N;
}

export interface Optimiser {
  /** Arrays kept beside the weights: 2 for adam, 1 for momentum, 0 for plain sgd. */
  readonly moments: number;
  /** @param step counted from 1 */
  numbers(learningRate: number, step: number): StepNumbers;
  /** New weights and moments. `scale` is the group's multiple of the rate, `decays` 1 where weight decay applies. */
  update(w: Tensor, moments: readonly Tensor[], g: Tensor, numbers: StepNumbers<Tensor>, scale: Operand, decays: Operand): { w: Tensor; moments: Tensor[] };
  /** The same in place on some rows of a table, outside the graph: `g` holds the gradients of `rows`, one after the other. */
  updateRows(table: RowsToMove, g: Floats, rows: Int32Array, numbers: StepNumbers, scale: number, decays: number): void;
}

type Floats = Float32Array | Float64Array;

export interface RowsToMove {
  readonly w: Floats;
  readonly moments: readonly Floats[];
  /** Numbers in a row. */
  readonly width: number;
}

export function optimiser(options: OptimiserOptions): Optimiser {
  const { kind = "adam", beta2 = 0.999, epsilon = 1e-8 } = options;
  const beta1 = options.beta1 ?? (kind === "sgd" ? 0 : 0.9);
  const weightDecay = options.weightDecay ?? (kind === "adamw" ? 0.01 : 0);
  if (kind === "sgd") {
    return {
      moments: beta1 === 0 ? 0 : 1,
      numbers: (rate) => ({ rate, epsilon: 0, plainRate: rate }),
      update: (w, [velocity], g, { rate }, scale) => {
        const next = velocity === undefined ? g : ops.add(ops.mul(velocity, beta1), g);
        return { w: ops.sub(w, ops.mul(next, ops.mul(rate, scale))), moments: velocity === undefined ? [] : [next] };
      },
      updateRows: ({ w, moments: [velocity], width }, g, rows, { rate }, scale) => {
        for (let i = 0, o = 0; i < rows.length; i++)
          for (let k = rows[i] * width, end = k + width; k < end; k++, o++) {
            const next = velocity === undefined ? g[o] : velocity[k] * beta1 + g[o];
            if (velocity !== undefined) velocity[k] = next;
            w[k] -= next * rate * scale;
          }
      },
    };
  }
  return {
    moments: 2,
    // Kingma2015, algorithm 1, with fewer passes over the weights: m / (1 - beta1) and v / (1 - beta2) are kept, and both bias corrections are
    // drawn into the numbers, so that rate m' / (sqrt(v') + epsilon) is what the paper's last line says.
    numbers: (learningRate, step) => {
      const root = Math.sqrt((1 - beta2) / (1 - beta2 ** step));
      return { rate: (learningRate * (1 - beta1)) / ((1 - beta1 ** step) * root), epsilon: epsilon / root, plainRate: learningRate };
    },
    update: (w, [m, v], g, numbers, scale, decays) => {
      const mean = ops.add(ops.mul(m, beta1), g);
      const square = ops.add(ops.mul(v, beta2), ops.square(g));
      const change = ops.div(ops.mul(mean, numbers.rate), ops.add(ops.sqrt(square), numbers.epsilon));
      const moved = ops.sub(w, ops.mul(change, scale));
      const decayed = (): Tensor => ops.sub(moved, ops.mul(ops.mul(w, ops.mul(numbers.plainRate, weightDecay)), ops.mul(asTensor(scale), decays)));
      return { w: weightDecay === 0 ? moved : decayed(), moments: [mean, square] };
    },
    updateRows: ({ w, moments: [m, v], width }, g, rows, numbers, scale, decays) => {
      const rate = numbers.rate * scale;
      const kept = 1 - numbers.plainRate * weightDecay * scale * decays;
      for (let i = 0, o = 0; i < rows.length; i++)
        for (let k = rows[i] * width, end = k + width; k < end; k++, o++) {
          const mean = m[k] * beta1 + g[o];
          const square = v[k] * beta2 + g[o] * g[o];
          m[k] = mean;
          v[k] = square;
          w[k] = w[k] * kept - (mean * rate) / (Math.sqrt(square) + numbers.epsilon);
        }
    },
  };
}

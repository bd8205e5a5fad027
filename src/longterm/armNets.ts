import { z } from "zod";
import { mean, variance } from "../base/stats/moments.ts";
import type { ArrayState, Json, State } from "../base/state.ts";
import * as c from "../compute/index.ts";
import type { TwoSamples } from "../data/longterm.ts";
import type { Encoder } from "../learn/encode.ts";
import type { Citation, Model } from "../model/contract.ts";
import { historyArms, labelConfig } from "./labels.ts";
import { type EffectFunction, longtermModel } from "./model.ts";
import { type TrainingSettings, trainingSettings, trainNet } from "./neural.ts";
import { stack } from "./overlap.ts";
import { encoderOf, matrixOf, restoredEncoder, sequenceOf, sequenceScales, widthOf } from "./sequence.ts";
import { effectConfig, type EffectConfig } from "./settings.ts";

/** What a net of courses is built for. */
export interface CourseShape {
  readonly features: number;
  readonly steps: number;
  readonly metrics: number;
  readonly arms: number;
}

/** A net that reads features and tells, under each arm, the course and the outcome. */
export interface CourseNet {
  readonly init: c.Init;
  /** Course [rows, steps, metrics] and outcome [rows] under each arm, control first, and a representation [rows, d] to be balanced. */
  apply(weights: c.Tensors, x: c.Tensor, step?: c.Step): { readonly course: c.Tensor[]; readonly outcome: c.Tensor[]; readonly seen: c.Tensor };
}

export interface CourseConfig extends EffectConfig, TrainingSettings {
  readonly labels: "auto" | "logged" | "classified";
  readonly hidden: number;
  readonly balance: number;
}

export interface CourseModel<Id extends string> {
  readonly id: Id;
  readonly summary: string;
  readonly source: readonly Citation[];
  readonly standard: { readonly hidden: number; readonly steps: number; readonly learningRate: number; readonly batch: number; readonly balance: number };
  build(shape: CourseShape, config: CourseConfig): CourseNet;
}

/** LTEE and its like: a net of the whole course and the outcome under each arm, learned from labelled history, whose effect depends on the features alone. */
export function courseModel<const Id extends string>({
  id,
  summary,
  source,
  standard,
  build,
}: CourseModel<Id>): Model<Id, "longterm", z.ZodType<CourseConfig>> {
  return longtermModel({
    id,
    summary,
    source,
    config: z.strictObject({
      ...labelConfig,
      hidden: z.int().min(2).max(1024).default(standard.hidden).describe("Width of the net."),
      balance: z.number().min(0).max(1e6).default(standard.balance).describe("Weight of the Wasserstein distance between the arms' representations."),
      ...trainingSettings({ ...standard, l2: 1e-6 }),
      ...effectConfig,
    }) as unknown as z.ZodType<CourseConfig>,
    quick: { steps: 8, hidden: 4 } as never,
    engine: "net",
    recipe: {
      learn: async (config, samples, shop) => {
        const { history, experiment, arms, grid } = samples;
        const { arm, how } = await historyArms(samples, config.labels, shop);
        const encoder = encoderOf(stack(history.x, experiment.x));
        const shape = { features: widthOf(encoder), steps: grid.steps.length, metrics: grid.metrics.length, arms: arms.length };
        const net = build(shape, config);
        const init = { net: net.init };
        const scale = { centre: mean(history.y), deviation: Math.sqrt(variance(history.y)) || 1 };
        const columns = courseColumns(samples, encoder, arm, scale);
        const engine = await c.chooseEngine(config.engine);
        const shares = arms.map((_, a) => arm.reduce((sum, b) => sum + (b === a ? 1 : 0), 0) / arm.length);
        const loss = (w: c.TensorsOf<typeof init>, b: Readonly<Record<string, c.Tensor>>, step: c.Step): Record<string, c.Tensor> => {
          const { course, outcome, seen } = net.apply(w.net, b.x, step);
          const [fitted, target] = [pick(outcome, b.arm), b.y];
          const steps = c.mean(c.nn.squaredError(pick(course, b.arm), b.s), [1, 2]);
          const factual = c.mean(c.mul(b.w, c.add(c.nn.squaredError(fitted, target), steps)));
          if (config.balance === 0 || arms.length !== 2) return { factual };
          return { factual, balance: c.mul(config.balance, c.nn.wasserstein(seen, c.cast(b.arm, "float"))) };
        };
        const trained = await trainNet(init, columns(shares), loss, config, engine, shop);
        const effects = effectFunction(init, net, encoder, trained.weights, shape, scale, engine, shop.threads);
        const { effect } = await effects.predict(experiment.x);
        const average = effect.map((values) => ({ effect: mean(values), se: Number.NaN }));
        return { effects, average, report: { historyArms: how, engine: engine.report as unknown as Json, steps: trained.steps, stopped: trained.stopped } };
      },
      restore: async (config, _, { json, arrays }) => {
        const { encoder, shape, scale } = json as unknown as { encoder: Json; shape: CourseShape; scale: { centre: number; deviation: number } };
        const net = build(shape, config);
        return effectFunction({ net: net.init }, net, restoredEncoder(encoder), arrays as c.Weights, shape, scale, await c.chooseEngine(config.engine), 1);
      },
    },
  });
}

/** The tensor of the row's own arm out of one an arm. */
function pick(each: readonly c.Tensor[], arm: c.Tensor): c.Tensor {
  return each.reduce((sum, value, a) => {
    const own = c.cast(c.equal(arm, a), "float");
    const shaped = value.shape.length === 1 ? own : c.reshape(own, [-1, 1, 1]);
    const part = c.mul(value, shaped);
    return a === 0 ? part : c.add(sum, part);
  }, each[0]);
}

function courseColumns(
  samples: TwoSamples,
  encoder: Encoder,
  arm: Int32Array,
  { centre, deviation }: { readonly centre: number; readonly deviation: number },
): (shares: readonly number[]) => Record<string, c.Value> {
  const { history, grid, arms } = samples;
  return (shares) => ({
    x: c.rows(matrixOf(encoder, history.x), [widthOf(encoder)]),
    s: c.rows(sequenceOf(history.s, samples, sequenceScales(samples)), [grid.steps.length, grid.metrics.length]),
    y: c.rows(Float32Array.from(history.y, (v) => (v - centre) / deviation)),
    arm: c.rows(arm),
    // Either arm counts the same: t / 2p + (1 - t) / 2(1 - p).
    w: c.rows(Float32Array.from(arm, (a) => 1 / (arms.length * shares[a]))),
  });
}

function effectFunction(
  init: { readonly net: c.Init },
  net: CourseNet,
  encoder: Encoder,
  weights: c.Weights,
  shape: CourseShape,
  scale: { readonly centre: number; readonly deviation: number },
  engine: c.ChosenEngine,
  threads: number,
): EffectFunction {
  let ready: Promise<c.Forward<"x", "mu">> | undefined;
  return {
    predict: async (x) => {
      ready ??= c.forward<{ readonly net: c.Init }, "x", "mu">(
        {
          init,
          weights,
          columns: { x: { shape: [shape.features], dtype: "float" } },
          apply: (w, b) => ({ mu: c.stack(net.apply(w.net as c.Tensors, b.x).outcome, 1) }),
        },
        { engine, threads },
      );
      const { mu } = await (await ready).run({ x: c.rows(matrixOf(encoder, x), [shape.features]) });
      return {
        effect: Array.from({ length: shape.arms - 1 }, (_, k) =>
          Float64Array.from({ length: x.rows }, (__, i) => scale.deviation * (mu.data[i * shape.arms + k + 1] - mu.data[i * shape.arms])),
        ),
      };
    },
    state: (): State => ({ json: { encoder: encoder.state(), shape: { ...shape }, scale: { ...scale } }, arrays: weights as Record<string, ArrayState> }),
    dispose: () => {
      void ready?.then((forward) => forward.dispose());
      ready = undefined;
    },
  };
}

import { z } from "zod";
import { mean, variance } from "../base/stats/moments.ts";
import type { Rng } from "../base/rng.ts";
import type { Json } from "../base/state.ts";
import * as c from "../compute/index.ts";
import type { TwoSamples } from "../data/longterm.ts";
import { drawFolds } from "../learn/crossFit.ts";
import type { Shop } from "./model.ts";
import { encoderOf, matrixOf, widthOf } from "./sequence.ts";
import { stack } from "./overlap.ts";

/** How a net is trained. */
export interface TrainingSettings {
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly l2: number;
  readonly heldOut: number;
  readonly patience: number;
  readonly engine: c.EngineChoice;
}

type Fields<C> = { readonly [K in keyof C]: z.ZodType<C[K], C[K] | undefined> };

/** Fields of the config that every net has, with its own defaults. */
export function trainingSettings(standard: { steps: number; learningRate: number; batch: number; l2?: number }): Fields<TrainingSettings> {
  return {
    steps: z.int().min(1).max(10_000_000).default(standard.steps).describe("Most steps of the optimiser."),
    batch: z.int().min(1).max(1_000_000).default(standard.batch).describe("Rows in a step."),
    learningRate: z
      .number()
      .positive()
      .max(1)
      .default(standard.learningRate)
      .describe("Learning rate of Adam at the start; it falls to a fiftieth along a cosine."),
    l2: z
      .number()
      .min(0)
      .max(10)
      .default(standard.l2 ?? 1e-4)
      .describe("Weight of the squared weights in the loss."),
    heldOut: z.number().min(0).max(0.9).default(0.15).describe("Share of the rows held out to stop early; 0 trains on all rows for all steps."),
    patience: z.int().min(1).default(300).describe("Steps without a better loss on the held-out rows after which training stops."),
    engine: z.enum(c.engineChoices).default("auto").describe("What computes the net; auto takes LIFTWISE_ENGINE, else the first that loads."),
  };
}

/** One training run: columns of all rows, a loss, the weights that did best on rows held out. */
export async function trainNet<I extends c.Init>(
  init: I,
  columns: Readonly<Record<string, c.Value>>,
  loss: (weights: c.TensorsOf<I>, batch: Readonly<Record<string, c.Tensor>>, step: c.Step) => c.Tensor | Readonly<Record<string, c.Tensor>>,
  settings: TrainingSettings,
  engine: c.ChosenEngine,
  shop: { readonly rng: Rng; readonly threads: number; readonly signal: AbortSignal },
  watched?: (weights: c.TensorsOf<I>, batch: Readonly<Record<string, c.Tensor>>, step: c.Step) => c.Tensor,
): Promise<c.Trained> {
  const n = Object.values(columns)[0].shape[0];
  const order = shop.rng.split("held out").permutation(n);
  const out = Math.floor(settings.heldOut * n);
  const taken = (from: number, to: number): Record<string, c.Value> =>
    Object.fromEntries(Object.entries(columns).map(([name, value]) => [name, c.takeRows(value, order.slice(from, to))]));
  const source = c.arrays(taken(out, n), { batch: Math.min(settings.batch, n - out) });
  const perEpoch = source.batchCount ?? 1;
  return c.train({
    init,
    source,
    loss: loss as never,
    optimiser: { learningRate: c.cosine(settings.learningRate, settings.learningRate / 50), l2: settings.l2, clipNorm: 5 },
    phases: { epochs: Math.max(1, Math.round(settings.steps / perEpoch)) },
    validation:
      out === 0
        ? undefined
        : {
            columns: taken(0, out),
            ...(watched === undefined ? {} : { loss: watched as never }),
            patience: Math.max(1, Math.ceil(settings.patience / perEpoch)),
          },
    rng: shop.rng,
    threads: shop.threads,
    signal: shop.signal,
    engine,
  });
}

export interface NeuralSettings extends TrainingSettings {
  readonly hidden: readonly number[];
}

export const neuralSettings: Fields<NeuralSettings> = {
  hidden: z.array(z.int().min(1).max(4096)).min(1).max(8).default([64, 64]).describe("Widths of the dense layers.") as never,
  ...trainingSettings({ steps: 1500, learningRate: 0.003, batch: 256, l2: 1e-3 }),
};

/** E_H[Y | x, s] as a net: at rows of history out of two folds, at rows of the experiment the mean of the two nets. */
export async function neuralIndex(
  config: NeuralSettings,
  samples: TwoSamples,
  shop: Shop,
): Promise<{ readonly history: Float64Array; readonly experiment: Float64Array; readonly engine: Json }> {
  const { history, experiment } = samples;
  const encoder = encoderOf(stack(history.z, experiment.z));
  const width = widthOf(encoder);
  const [zh, ze] = [matrixOf(encoder, history.z), matrixOf(encoder, experiment.z)];
  const [centre, scale] = [mean(history.y), Math.sqrt(variance(history.y)) || 1];
  const y = Float32Array.from(history.y, (v) => (v - centre) / scale);
  const engine = await c.chooseEngine(config.engine);
  const layer = c.nn.mlp(width, [...config.hidden, 1], { activation: "elu", last: "linear" });
  const init = { net: layer.init };
  const apply = (w: c.TensorsOf<typeof init>, z: c.Tensor): c.Tensor => c.squeeze(layer.apply(w.net, z), -1);
  const folds = drawFolds(new Int32Array(history.rows), undefined, 2, shop.rng.split("folds"));
  const out = new Float64Array(history.rows);
  const values = new Float64Array(experiment.rows);
  for (let f = 0; f < 2; f++) {
    const [learn, left] = [0, 1].map((own) => Int32Array.from(history.y.keys()).filter((i) => (folds.of[i] === f) === (own === 1)));
    const all = { z: c.rows(zh, [width]), y: c.rows(y) };
    const columns = { z: c.takeRows(all.z, learn), y: c.takeRows(all.y, learn) };
    const trained = await trainNet(init, columns, (w, b) => c.mean(c.nn.squaredError(apply(w, b.z), b.y)), config, engine, {
      ...shop,
      rng: shop.rng.split("net", f),
    });
    const ready = await c.forward<typeof init, "z", "mu">(
      { init, weights: trained.weights, columns: { z: { shape: [width], dtype: "float" } }, apply: (w, b) => ({ mu: apply(w, b.z) }) },
      { engine, threads: shop.threads },
    );
    try {
      const [mine, theirs] = [await ready.run({ z: c.takeRows(all.z, left) }), await ready.run({ z: c.rows(ze, [width]) })];
      left.forEach((i, k) => {
        out[i] = centre + scale * mine.mu.data[k];
      });
      for (let i = 0; i < values.length; i++) values[i] += (centre + scale * theirs.mu.data[i]) / 2;
    } finally {
      ready.dispose();
    }
    shop.progress(0.1 + 0.4 * (f + 1), `net ${f + 1} of 2`);
  }
  return { history: out, experiment: values, engine: engine.report as unknown as Json };
}

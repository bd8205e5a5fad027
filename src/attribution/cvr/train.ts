import type { Json } from "../../base/state.ts";
import * as c from "../../compute/index.ts";
import type { FitContext } from "../../model/contract.ts";
import type { ClickFields } from "./fields.ts";
import { attentionBlock, auxiliaryName, conversionNet, type Logits } from "./net.ts";
import { auxiliariesOf, type ConversionConfig } from "./settings.ts";
import type { Head, Structure } from "./structure.ts";

/** Column of a batch that holds a head's classes. */
export const labelColumn = (head: Head): string => `label-${head}`;

/** Heads of a model, the main one first; the main mechanism may be among the auxiliary ones too. */
export function headsOf(structure: Structure, config: ConversionConfig): readonly Head[] {
  return [config.main, ...auxiliariesOf(config, structure.auxiliaries).heads];
}

/** The net of a config, on these fields. Embedding tables are updated by the rows a batch names. */
export function netOf(
  structure: Structure,
  config: ConversionConfig,
  fields: ClickFields,
  lazy = true,
): c.Layer<[batch: Readonly<Record<string, c.Tensor>>], Logits> {
  const { heads } = auxiliariesOf(config, structure.auxiliaries);
  return conversionNet(fields, { structure, main: config.main, auxiliaries: heads, width: config.width, lazy, apart: (config.surgery ?? "none") !== "none" });
}

export interface Training {
  readonly structure: Structure;
  readonly config: ConversionConfig;
  readonly fields: ClickFields;
  /** Batches with the columns of the inputs and one label column a head. */
  readonly source: c.Source;
  readonly context: Pick<FitContext, "rng" | "threads" | "signal" | "progress">;
}

/** Trains a conversion net: cross-entropy of the main head plus lambda times that of each auxiliary one, in the order the rows come (MAC2026). */
export async function trainConversion({
  structure,
  config,
  fields,
  source,
  context,
}: Training): Promise<{ readonly trained: c.Trained; readonly engine: c.ChosenEngine; readonly report: Record<string, Json> }> {
  const { heads, lambda } = auxiliariesOf(config, structure.auxiliaries);
  const net = netOf(structure, config, fields);
  const engine = await c.chooseEngine(config.engine);
  const crossEntropy = (logits: c.Tensor, label: c.Tensor): c.Tensor => c.mean(c.nn.softmaxCrossEntropy(logits, label));
  const surgery = config.surgery ?? "none";
  const trained = await c.train({
    init: net.init,
    source,
    loss: (weights, batch) => {
      const logits = net.apply(weights as c.Tensors, batch);
      const losses: Record<string, c.Tensor> = { main: crossEntropy(logits.main, batch[labelColumn(config.main)]) };
      for (const head of heads) losses[auxiliaryName(head)] = c.mul(crossEntropy(logits[auxiliaryName(head)], batch[labelColumn(head)]), lambda);
      return losses;
    },
    combine:
      surgery === "none" || heads.length === 0
        ? undefined
        : surgery === "pcgrad"
          ? c.projectConflicts("main", { block: attentionBlock })
          : c.gradientCosine("main"),
    phases: { epochs: config.epochs },
    optimiser: {
      learningRate: config.warmUp > 0 ? c.warmUp(config.warmUp, config.learningRate) : config.learningRate,
      groups: { embedding: config.embeddingRate },
    },
    rng: context.rng,
    engine,
    threads: context.threads,
    signal: context.signal,
    progress: context.progress,
  });
  const report: Record<string, Json> = {
    engine: engine.report as unknown as Json,
    main: config.main,
    auxiliaries: [...heads],
    lambda,
    surgery,
    steps: trained.steps,
    loss: trained.curve.map(({ train }) => ({ ...train })),
  };
  return { trained, engine, report };
}

/** Probability that the credit is above 0, by head, from learned weights; `cartesian` gives the main mechanism's share of its classes. */
export async function predictor(
  structure: Structure,
  config: ConversionConfig,
  fields: ClickFields,
  columns: Readonly<Record<string, c.ColumnSpec>>,
  weights: c.Weights,
  options: c.ForwardOptions,
): Promise<c.Forward<string, string>> {
  const net = netOf(structure, config, fields, false);
  const heads = headsOf(structure, config);
  const bit = ["last", "first", "linear", "mta"].indexOf(config.main);
  return c.forward<c.Init, string, string>(
    {
      init: net.init,
      weights,
      columns,
      apply: (w, batch) => {
        const logits = net.apply(w as c.Tensors, batch);
        return Object.fromEntries(
          heads.map((head, h) => {
            const shares = c.softmax(logits[h === 0 ? "main" : auxiliaryName(head)]);
            const classes = head === "cartesian" ? 16 : 2;
            const positive = Array.from({ length: classes }, (_, k) => (classes === 2 ? k : (k >> bit) & 1));
            return [`p${h}`, c.sum(c.mul(shares, c.constant(positive, [classes])), 1)];
          }),
        );
      },
    },
    options,
  );
}

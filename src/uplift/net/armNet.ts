import type { z } from "zod";
import type { Json, State } from "../../base/state.ts";
import * as c from "../../compute/index.ts";
import { type Dataset, outcomeKind } from "../../data/dataset.ts";
import type { Features } from "../../data/schema.ts";
import { holdout } from "../../data/split.ts";
import { joinMembers, splitMembers } from "../../learn/bundle.ts";
import type { Citation, FitContext, Fitted, Model, Traits, UpliftPrediction } from "../../model/contract.ts";
import { fitInputs, type Inputs, restoreInputs } from "./inputs.ts";
import { fromScale, outcomeLoss, type OutcomeScale, outcomeScale, toScale } from "./outcome.ts";
import { batchOf, l2Of, type TrainingConfig } from "./settings.ts";

/** What a net is built for. */
export interface About {
  /** Width of the inputs. */
  readonly inputs: number;
  readonly arms: number;
  readonly link: OutcomeScale["link"];
}

/** What was observed of a batch: arm (int), outcome on the net's scale and weight, each [rows]. */
export interface Seen {
  readonly arm: c.Tensor;
  readonly y: c.Tensor;
  readonly w: c.Tensor;
}

/** A net of the outcome under each arm. */
export interface ArmNet {
  readonly init: c.Init;
  /** Outcome under each arm, [rows, arms], on the net's scale, from inputs [rows, inputs]. */
  outcomes(weights: c.Tensors, x: c.Tensor, step?: c.Step): c.Tensor;
  /** What is minimised: a tensor of shape [], or several by name. */
  loss(weights: c.Tensors, x: c.Tensor, seen: Seen, step: c.Step): c.Tensor | Readonly<Record<string, c.Tensor>>;
  /** Further results of one row each, for `describe`. */
  also?(weights: c.Tensors, x: c.Tensor, step?: c.Step): Readonly<Record<string, c.Tensor>>;
}

/** Mean loss of the outcome under the arm that was given: what every such net is watched by while it trains. */
export function factualLoss(outcomes: c.Tensor, { arm, y, w }: Seen, link: OutcomeScale["link"]): c.Tensor {
  return c.weightedMean(outcomeLoss(c.pick(outcomes, arm), y, link), w);
}

export interface ArmNetModel<Id extends string, C extends TrainingConfig> {
  readonly id: Id;
  readonly summary: string;
  readonly source: readonly Citation[];
  readonly config: z.ZodType<C>;
  readonly quick: z.input<z.ZodType<C>>;
  build(config: C, about: About): ArmNet;
  /** Weight of each row in the loss; the data's own weights unless given. */
  rowWeights?(config: C, arm: Int32Array, arms: number, weight?: Float64Array): Float64Array | undefined;
  /** What to report of the rows fitted on: outcomes by arm in units of the outcome, and what `also` gave. */
  describe?(
    config: C,
    scale: OutcomeScale,
    weights: c.Weights,
    outcomes: readonly Float64Array[],
    also: Readonly<Record<string, c.Value>>,
  ): Record<string, Json>;
}

const traits: Traits = {
  needs: ["feature", "treatment", "outcome"],
  sees: ["feature"],
  arms: "many",
  outcomes: ["binary", "count", "continuous"],
  weights: true,
  intervals: false,
  engine: "net",
};

/** A model of the contract from a net of the outcome under each arm: inputs, outcome scale, training with rows held out, prediction, state. */
export function armNetModel<const Id extends string, C extends TrainingConfig>(model: ArmNetModel<Id, C>): Model<Id, "uplift", z.ZodType<C>> {
  const { id, summary, source, config, quick } = model;
  return {
    id,
    task: "uplift",
    summary,
    source,
    traits,
    config,
    quick: quick as never,
    fit: (config, data, context) => fitArmNet(model, config, data, context),
    restore: async (config, state) => fittedArmNet(model, config, learnedFrom(state), {}),
  };
}

/** All that was learned. */
interface Learned {
  readonly inputs: Inputs;
  readonly arms: readonly string[];
  readonly scale: OutcomeScale;
  /** Weights of each member. */
  readonly members: readonly c.Weights[];
}

async function fitArmNet<C extends TrainingConfig>(model: ArmNetModel<string, C>, config: C, data: Dataset, context: FitContext): Promise<Fitted<"uplift">> {
  const { arm, arms } = data.treatment();
  const [x, y, weight] = [data.features(), data.outcome(), data.weight()];
  const inputs = fitInputs(x, { weight });
  const scale = outcomeScale(y, outcomeKind(y), weight);
  const rowWeight = model.rowWeights?.(config, arm, arms.length, weight) ?? weight;
  const columns: Record<string, c.Value> = {
    ...inputs.columns(x),
    arm: c.rows(arm),
    y: c.rows(toScale(y, scale)),
    w: c.rows(rowWeight === undefined ? new Float32Array(arm.length).fill(1) : Float32Array.from(rowWeight)),
  };
  const engine = await c.chooseEngine(config.engine);
  const members: c.Trained[] = [];
  for (let m = 0; m < config.members; m++) {
    const progress = (share: number, what: string): void =>
      context.progress((m + 0.98 * share) / config.members, config.members === 1 ? what : `net ${m + 1} of ${config.members}, ${what}`);
    members.push(
      await trainMember(model, config, data, { inputs, arms, scale, members: [] }, columns, engine, {
        ...context,
        progress,
        rng: context.rng.split("member", m),
      }),
    );
  }
  const learned: Learned = { inputs, arms, scale, members: members.map(({ weights }) => weights) };
  const fitted = fittedArmNet(
    model,
    config,
    learned,
    { engine: engine.report as unknown as Json, ...warningsOf(engine.report), ...trainingReport(members) },
    engine,
    context.threads,
  );
  if (model.describe === undefined) return fitted;
  const { outcomes, also } = await fitted.compute(x);
  return { ...fitted, report: { ...fitted.report, ...model.describe(config, scale, learned.members[0], outcomes, also) } };
}

function trainMember<C extends TrainingConfig>(
  model: ArmNetModel<string, C>,
  config: C,
  data: Dataset,
  learned: Learned,
  columns: Readonly<Record<string, c.Value>>,
  engine: c.ChosenEngine,
  context: FitContext,
): Promise<c.Trained> {
  const { rng } = context;
  const { init, net, inputOf } = assemble(model, config, learned);
  const parts = config.heldOut > 0 ? holdout(data, { test: config.heldOut }, rng.split("held out")) : undefined;
  const taken = (rows: Int32Array): Record<string, c.Value> =>
    Object.fromEntries(Object.entries(columns).map(([name, value]) => [name, c.takeRows(value, rows)]));
  const source = c.arrays(parts === undefined ? columns : taken(parts.train), { batch: batchOf(config, data.rows) });
  const perEpoch = source.batchCount ?? 1;
  return c.train({
    init,
    source,
    loss: (weights, batch, step) => net.loss(weights.net as c.Tensors, inputOf(weights, batch), seenOf(batch), step),
    optimiser: { learningRate: config.learningRate, l2: l2Of(config, parts?.train.length ?? data.rows) },
    phases: { epochs: Math.max(1, Math.round(config.steps / perEpoch)) },
    validation: parts && {
      columns: taken(parts.test),
      loss: (weights, batch, step) => factualLoss(net.outcomes(weights.net as c.Tensors, inputOf(weights, batch), step), seenOf(batch), learned.scale.link),
      patience: Math.max(1, Math.ceil(config.patience / perEpoch)),
    },
    rng,
    engine,
    threads: context.threads,
    signal: context.signal,
    progress: context.progress,
  });
}

const seenOf = ({ arm, y, w }: Readonly<Record<string, c.Tensor>>): Seen => ({ arm, y, w });

/** The net of a config with its input layer. */
function assemble<C extends TrainingConfig>(
  model: ArmNetModel<string, C>,
  config: C,
  { inputs, arms, scale }: Learned,
): {
  init: c.Init;
  net: ArmNet;
  inputOf: (weights: c.Tensors, batch: Readonly<Record<string, c.Tensor>>) => c.Tensor;
} {
  const net = model.build(config, { inputs: inputs.width, arms: arms.length, link: scale.link });
  return { init: { inputs: inputs.layer.init, net: net.init }, net, inputOf: (weights, batch) => inputs.layer.apply(weights.inputs as c.Tensors, batch) };
}

interface Computed {
  /** Outcome under each arm, in its units: arms arrays of n. */
  readonly outcomes: Float64Array[];
  /** Further results of the first member, for all rows. */
  readonly also: Readonly<Record<string, c.Value>>;
}

// Rows encoded and computed in one go: little enough for millions of rows to pass through.
const predictionRows = 16384;

function fittedArmNet<C extends TrainingConfig>(
  model: ArmNetModel<string, C>,
  config: C,
  learned: Learned,
  report: Readonly<Record<string, Json>>,
  engine?: c.ChosenEngine,
  threads = 1,
): Fitted<"uplift"> & { compute(x: Features): Promise<Computed> } {
  const { inputs, arms, scale, members } = learned;
  const { init, net, inputOf } = assemble(model, config, learned);
  const apply: c.Net<c.Init, string, string>["apply"] = (weights, batch, step) => {
    const x = inputOf(weights as c.Tensors, batch);
    return { mu: net.outcomes(weights.net as c.Tensors, x, step), ...net.also?.(weights.net as c.Tensors, x, step) };
  };
  let preparing: Promise<void> | undefined;
  let ready: c.Forward<string, string>[] = [];
  const prepare = async (): Promise<void> => {
    const chosen = engine ?? (await c.chooseEngine(config.engine));
    for (const weights of members)
      ready.push(await c.forward({ init, weights, columns: inputs.spec, apply }, { engine: chosen, threads, batch: predictionRows }));
  };
  const compute = async (x: Features): Promise<Computed> => {
    preparing ??= prepare();
    await preparing;
    const outcomes = arms.map(() => new Float64Array(x.rows));
    const also: Record<string, Float32Array> = {};
    const shapes: Record<string, readonly number[]> = {};
    for (let from = 0; from < x.rows; from += predictionRows) {
      const to = Math.min(x.rows, from + predictionRows);
      const columns = inputs.columns(x, from, to);
      for (const [m, forward] of ready.entries()) {
        const { mu, ...others } = await forward.run(columns);
        outcomes.forEach((values, a) => {
          for (let i = from; i < to; i++) values[i] += fromScale(mu.data[(i - from) * arms.length + a], scale) / members.length;
        });
        if (m > 0) continue;
        for (const [name, { shape, data }] of Object.entries(others)) {
          const width = data.length / (to - from);
          shapes[name] = [x.rows, ...shape.slice(1)];
          (also[name] ??= new Float32Array(x.rows * width)).set(data, from * width);
        }
      }
    }
    return { outcomes, also: Object.fromEntries(Object.entries(also).map(([name, data]) => [name, { shape: shapes[name], data }])) };
  };
  return {
    report,
    compute,
    predict: async (data): Promise<UpliftPrediction> => {
      const { outcomes } = await compute(data.features());
      return { arms: arms.slice(1), effect: outcomes.slice(1).map((mu) => mu.map((value, i) => value - outcomes[0][i])), outcome: outcomes };
    },
    state: async () => stateOf(learned),
    dispose: () => {
      for (const forward of ready) forward.dispose();
      [ready, preparing] = [[], undefined];
    },
  };
}

function stateOf({ inputs, arms, scale, members }: Learned): State {
  return { json: { inputs: inputs.state(), arms, scale: { ...scale }, members: members.length }, arrays: joinMembers(members) };
}

function learnedFrom({ json, arrays }: State): Learned {
  const { inputs, arms, scale, members } = json as unknown as { inputs: Json; arms: string[]; scale: OutcomeScale; members: number };
  return { inputs: restoreInputs(inputs), arms, scale, members: splitMembers(arrays, members) };
}

function warningsOf({ id, skipped }: c.EngineReport): Record<string, Json> {
  return skipped.length === 0 ? {} : { warnings: skipped.map(({ engine, why }) => `engine ${engine} did not load, ${id} was used instead: ${why}`) };
}

/** Loss curves, steps and why training stopped, member by member. */
function trainingReport(members: readonly c.Trained[]): Record<string, Json> {
  return {
    training: members.map(({ steps, stopped, best, curve }) => ({
      steps,
      stopped,
      bestEpoch: best + 1,
      loss: curve.map(({ train }) => train.total),
      ...(curve[0]?.validation === undefined ? {} : { heldOutLoss: curve.map(({ validation }) => validation?.total ?? null) }),
    })),
  };
}

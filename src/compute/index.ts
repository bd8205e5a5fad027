/**
 * Nets: a small language of tensors, one differentiation, one training loop, several engines.
 *
 * **Tensors** are descriptions, not numbers: `matmul(x, w)` adds a node to a graph and checks shapes at once. A shape is known when the graph is
 * built, but for the rows of a batch, which stay open (`x.shape` is `[rows, 25]`), so one graph serves full batches, the tail, validation and prediction.
 * Operations are functions, plain numbers stand for tensors of shape [], and shapes stretch as in numpy. `grad(loss, [w])` gives gradients as
 * tensors of the same language. Conditions and indices are never differentiated; `stopGradient` cuts.
 *
 * **Layers** (`nn`) have `init`, the tree of their weights, and `apply(weights, ...inputs)`. A net is an object of layers:
 *
 * ```ts
 * import * as c from "../../compute/index.ts";
 *
 * const trunk = c.nn.mlp(25, [200, 200, 200], { activation: "elu", dropout: 0.1 });
 * const heads = c.nn.several([0, 1].map(() => c.nn.mlp(200, [100, 100, 1], { last: "linear", group: "heads" })));
 * const city = c.nn.embedding(5000, 8, { lazy: true });          // group "embedding"
 * const init = { trunk: trunk.init, heads: heads.init, city: city.init, scale: c.weight([], { start: c.starts.ones }) };
 *
 * const outcomes = (w: c.TensorsOf<typeof init>, x: c.Tensor, step?: c.Step): c.Tensor[] =>
 *   heads.apply(w.heads, trunk.apply(w.trunk, x, step)).map((mu) => c.squeeze(mu, -1));
 *
 * const columns = { x: c.rows(x, [25]), t: c.rows(t), y: c.rows(y), city: c.rows(codes) };   // Float arrays, Int32Array for indices; [25] is the shape of a row
 * const trained = await c.train({
 *   init,
 *   source: c.arrays(columns, { batch: 512 }),                    // or c.stream(spec, openEpoch) for what does not fit in memory
 *   loss: (w, { x, t, y }, step) => {                             // a tensor of shape [], or several by name: { outcome, balance }
 *     const [mu0, mu1] = outcomes(w, x, step);
 *     return c.mean(c.nn.squaredError(c.add(c.mul(t, mu1), c.mul(c.sub(1, t), mu0)), y));
 *   },
 *   optimiser: { learningRate: c.warmUp(0.05, 0.001), l2: 1e-4, groups: { embedding: 10 }, clipNorm: 5 },
 *   phases: { epochs: 100 },                                      // or [{ epochs: 10, freeze: ["heads"] }, { epochs: 90 }]
 *   validation: { columns: heldOut, patience: 10 },               // early stopping; the best weights come back
 *   rng: context.rng.split("train"), threads: context.threads, signal: context.signal, progress: context.progress, engine: config.engine,
 * });
 * trained.weights; trained.curve; trained.engine;                 // weights by full name ("trunk.0.w"), ready for State arrays; the engine goes into the report
 *
 * const net = { init, weights: trained.weights, columns: c.specOf({ x: columns.x }), apply: (w, { x }, step) => ({ mu: c.stack(outcomes(w, x, step), 1) }) };
 * const model = await c.forward(net, { engine: config.engine, threads });
 * const { mu } = await model.run({ x: c.rows(newX, [25]) });      // { shape: [n, 2], data }
 * model.dispose();                                                // frees the engine's memory
 * const file = c.exportOnnx(net);                                 // the same net for any other runtime
 * ```
 *
 * - Dropout masks, noise and loss weights that change come from `step`: `step.noise("normal", [width])`, `step.scalar(({ step }) => ...)`;
 *   `step.training` is false in validation and prediction. Hand `step` on to layers with dropout.
 * - Several losses: their sum is minimised; `combine` gets the gradients of each by weight name and returns one set (`projectConflicts("main")`
 *   is PCGrad, `gradientCosine("main")` is GCS).
 * - L2 goes to weights with `decay: true` (matrices, not biases), by group or for all, and is not part of the reported loss.
 * - A `lazy` table is read by `gather` only, with a column of the batch as indices (reshaped or sliced at most); each step brings in the rows that the
 *   batch names and moves them alone (lazy Adam), outside the graph.
 * - Everything random comes from `rng`. The result depends on neither the number of threads nor, to about five digits, on the engine.
 * - Errors are one line: shapes that do not fit, a loss that is no longer finite, a group to freeze that does not exist.
 *
 * **Engines**: `onnx` (onnxruntime-node; a whole step is one ONNX graph of opset 18), `onnx-web` (the same graph on WebAssembly), `tfjs` (an optional
 * peer) and `reference` (plain TypeScript in float64). An explicit choice comes before the environment's LIFTWISE_ENGINE, and that before the
 * first that loads; `EngineReport` says which it was, why, and what was skipped. Models never name an engine but hand on the choice.
 */
export * as nn from "./nn/index.ts";
export { grad } from "./gradient.ts";
export { graphOf, type Graph } from "./graph.ts";
export * from "./ops/index.ts";
export { constant, type Dim, type DType, input, type NodeOf, type Operand, type Shape, symbol, type Tensor, times } from "./tensor.ts";
export { chooseEngine, type ChosenEngine, type EngineChoice, engineChoices, type EngineReport } from "./engine/choose.ts";
export { type Engine, type EngineId, engineIds, openPrograms, type Program, type Value } from "./engine/contract.ts";
export { exportOnnx, type Forward, forward, type ForwardOptions, type Net } from "./forward.ts";
export { type Init, type Layer, starts, type Tensors, type TensorsOf, type Weight, weight, type WeightOptions, type Weights } from "./weights.ts";
export { cosine, decay, type OptimiserOptions, type Progress, type Schedule, warmUp } from "./train/optimiser.ts";
export { arrays, type Batch, type ColumnSpec, rows, type Source, specOf, stream, takeRows } from "./train/source.ts";
export type { Combine, Gradients, Loss, Step } from "./train/step.ts";
export { gradientCosine, projectConflicts } from "./train/surgery.ts";
export { type CurvePoint, type Phase, train, type Trained, type TrainOptions, type Validation } from "./train/train.ts";

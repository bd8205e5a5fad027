import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { similarityHistogram } from "../../../src/attribution/cvr/fields.ts";
import { attentionBlock, conversionNet } from "../../../src/attribution/cvr/net.ts";
import { cartesianClass, type Head, type Mechanism, structures } from "../../../src/attribution/cvr/structure.ts";
import {
  add,
  chooseEngine,
  type Combine,
  type EngineChoice,
  grad,
  gradientCosine,
  graphOf,
  input,
  mean,
  mul,
  nn,
  projectConflicts,
  type Tensor,
  type TensorsOf,
  type Init,
} from "../../../src/compute/index.ts";
import { type NumpyArray, readNpz } from "../../../src/data/npz.ts";
import { expectAllClose, expectClose, float32 } from "../../tolerance.ts";
import { ourWeights } from "./officialWeights.ts";

// One forward and backward pass of the official implementation, PyTorch 1.13, float32 (see the README beside the numbers).
const folder = process.env.LIFTWISE_GOLDEN_DIR ?? resolve(import.meta.dirname, "../../../../shared/golden");
const auxiliaries: Head[] = ["first", "mta", "linear"];
const cases = [
  { model: "BASE", id: "cvr-base", auxiliaries: [] },
  { model: "ShareBottom", id: "cvr-shared-bottom", auxiliaries },
  { model: "MMoE", id: "cvr-mmoe", auxiliaries },
  { model: "PLE", id: "cvr-ple", auxiliaries },
  { model: "HoME", id: "cvr-home", auxiliaries },
  { model: "NATAL", id: "natal", auxiliaries: [...auxiliaries, "cartesian" as const] },
  { model: "MoAE", id: "moae", auxiliaries: [...auxiliaries, "cartesian" as const] },
] as const;
const lambda = 0.3;

describe.skipIf(!existsSync(`${folder}/mal`))("the official implementation at the same weights (needs the golden numbers: LIFTWISE_GOLDEN_DIR)", () => {
  for (const { model, id, auxiliaries } of cases) {
    test.each(["reference", "onnx"] as const)(`${model}: outputs, losses and gradients on the %s engine`, async (engine) => {
      const official = await readGolden(model);
      const got = await run(official, id, auxiliaries, engine);
      for (const head of ["last", ...auxiliaries]) expectAllClose(got.probabilities[head], official[`prob/${head}`].values, float32, `probability of ${head}`);
      expectClose(got.losses.main, official["loss/main"].values[0], float32, "main loss");
      expectAllClose(
        auxiliaries.map((head) => got.losses[head]),
        official["loss/aux"].values,
        float32,
        "auxiliary losses",
      );
      expectClose(
        got.losses.main + lambda * auxiliaries.reduce((sum, head) => sum + got.losses[head], 0),
        official["loss/total"].values[0],
        float32,
        "total loss",
      );
      let compared = 0;
      for (const [name, norm] of Object.entries(got.norms)) {
        const want = official[`gnorm/${name}`];
        if (want === undefined) continue;
        compared++;
        expectClose(norm, want.values[0], float32, `gradient norm of ${name}`);
      }
      expect(compared).toBe(Object.keys(official).filter((key) => key.startsWith("gnorm/")).length - idle(model));
    });
  }

  test.each(cases.filter(({ model }) => model === "NATAL" || model === "MoAE"))("$model: PCGrad and GCS", async ({ model, id, auxiliaries }) => {
    const official = await readGolden(model);
    const order = Object.keys(official)
      .filter((key) => key.startsWith("w/"))
      .map((key) => key.slice(2));
    for (const [key, combine] of [
      ["pcgrad_norm", projectConflicts("main", { block: attentionBlock })],
      ["gcsgrad_norm", gradientCosine("main")],
    ] as const) {
      const { norms } = await run(official, id, auxiliaries, "reference", combine);
      expect(order.length).toBe(official[key].values.length);
      order.forEach((name, i) => {
        if (norms[name] !== undefined) expectClose(norms[name], official[key].values[i], float32, `${key} of ${name}`);
      });
    }
  });
});

// HoME's self-gates are a softmax over one expert: their gradient is zero, and we have no such weights.
function idle(model: string): number {
  return model === "HoME" ? 10 : 0;
}

async function readGolden(model: string): Promise<Record<string, NumpyArray>> {
  return readNpz(`${folder}/mal/${model.toLowerCase()}.npz`, (name) => name !== "grad_order");
}

interface Pass {
  readonly probabilities: Readonly<Record<string, ArrayLike<number>>>;
  readonly losses: Readonly<Record<string, number>>;
  /** Gradient norms under the official names. */
  readonly norms: Readonly<Record<string, number>>;
}

async function run(
  official: Readonly<Record<string, NumpyArray>>,
  id: keyof typeof structures,
  auxiliaries: readonly Head[],
  choice: EngineChoice,
  combine?: Combine,
): Promise<Pass> {
  const field = (name: string): { name: string; size: number } => ({ name, size: official[`w/EmbeddingTable.embs_table.${name}.weight`].shape[0] });
  const names = {
    user: [0, 1, 2, 3, 4, 5].map((i) => `user_feat${i}`),
    ad: [...[0, 1, 2, 3, 4, 5].map((i) => `ad_feat${i}`), ...[0, 1, 2, 3].map((i) => `context_feat${i}`)],
  };
  const fields = {
    user: names.user.map(field),
    ad: names.ad.map(field),
    sequences: [0, 1, 2].map((i) => ({ name: `ad_feat${i}_seq`, table: `ad_feat${i}`, length: 20 })),
    similarities: ["mm_feat0_seq", "mm_feat1_seq"],
  };
  const net = conversionNet(fields, { structure: structures[id], main: "last", auxiliaries, width: 16, lazy: false, apart: combine !== undefined });
  const weights = ourWeights(official, cases.find((one) => one.id === id)?.model ?? "", auxiliaries);
  const n = official["label/last"].values.length;
  const feeds: Record<string, { shape: number[]; data: Float64Array | Float32Array | Int32Array }> = {};
  const pick = (key: string, width: number, from: number, count: number): Int32Array | Float64Array =>
    Float64Array.from({ length: n * count }, (_, k) => official[key].values[Math.floor(k / count) * width + from + (k % count)]);
  names.user.forEach((name, i) => {
    feeds[name] = { shape: [n], data: Int32Array.from(pick("user", 6, i, 1)) };
  });
  names.ad.forEach((name, i) => {
    feeds[name] = { shape: [n], data: Int32Array.from(pick("ad", 10, i, 1)) };
  });
  fields.sequences.forEach(({ name }, i) => {
    feeds[name] = { shape: [n, 20], data: Int32Array.from(pick("seq", 60, 20 * i, 20)) };
  });
  fields.similarities.forEach((name, i) => {
    feeds[name] = { shape: [n, 32], data: similarityHistogram(pick("mm", 40, 20 * i, 20), 20) };
  });
  const labels = Object.fromEntries((["last", "first", "linear", "mta"] as const).map((head) => [head, official[`label/${head}`].values])) as Record<
    Mechanism,
    Float64Array
  >;
  const classes: Record<string, Int32Array> = { cartesian: cartesianClass(labels) };
  for (const [head, label] of Object.entries(labels)) classes[head] = Int32Array.from(label, (credit) => (credit > 0 ? 1 : 0));
  for (const head of ["last", ...auxiliaries]) feeds[`label-${head}`] = { shape: [n], data: classes[head] };

  const batch = Object.fromEntries(
    Object.entries(feeds).map(([name, { shape, data }]) => [name, input(name, shape, data instanceof Int32Array ? "int" : "float")]),
  );
  const byName = new Map<string, Tensor>();
  const tree = (init: Init, prefix: string): unknown =>
    Object.fromEntries(
      Object.entries(init).map(([name, entry]) => {
        if (entry.kind !== "weight") return [name, tree(entry as Init, `${prefix}${name}.`)];
        const full = prefix + name;
        const array = weights.get(full)?.array;
        if (array === undefined) throw new Error(`the official weights lack ${full}`);
        feeds[`w.${full}`] = { shape: [...array.shape], data: array.values };
        byName.set(full, input(`w.${full}`, array.shape));
        return [name, byName.get(full)];
      }),
    );
  const logits = net.apply(tree(net.init, "") as TensorsOf<Init>, batch);
  const of = (head: string): Tensor => (head === "last" ? logits.main : logits[`auxiliary-${head}`]);
  const outputs: Record<string, Tensor> = {};
  const losses: Record<string, Tensor> = {};
  for (const head of ["last", ...auxiliaries]) {
    const loss = mean(nn.softmaxCrossEntropy(of(head), batch[`label-${head}`]));
    outputs[`logits/${head}`] = of(head);
    outputs[`loss/${head}`] = loss;
    losses[head === "last" ? "main" : head] = head === "last" ? loss : mul(loss, lambda);
  }
  const list = [...byName.keys()];
  const gradientOf = (loss: Tensor): Record<string, Tensor> => {
    const gradients = grad(
      loss,
      list.map((name) => byName.get(name) as Tensor),
    );
    return Object.fromEntries(list.map((name, i) => [name, gradients[i]]));
  };
  const gradients =
    combine === undefined
      ? gradientOf(Object.values(losses).reduce((a, b) => add(a, b)))
      : combine(Object.fromEntries(Object.entries(losses).map(([name, loss]) => [name, gradientOf(loss)])), losses);
  for (const name of list) outputs[`g/${name}`] = gradients[name];
  const { engine } = await chooseEngine(choice);
  const program = await engine.compile(graphOf(outputs), { threads: 1 });
  const results = await program.run(
    engine.precision === "float64"
      ? Object.fromEntries(
          Object.entries(feeds).map(([k, v]) => [k, { shape: v.shape, data: v.data instanceof Float32Array ? Float64Array.from(v.data) : v.data }]),
        )
      : Object.fromEntries(
          Object.entries(feeds).map(([k, v]) => [k, { shape: v.shape, data: v.data instanceof Float64Array ? Float32Array.from(v.data) : v.data }]),
        ),
  );
  program.dispose();
  const squares: Record<string, number> = {};
  for (const name of list) {
    const from = weights.get(name)?.from ?? name;
    squares[from] = (squares[from] ?? 0) + Float64Array.from(results[`g/${name}`].data).reduce((sum, g) => sum + g * g, 0);
  }
  return {
    probabilities: Object.fromEntries(
      ["last", ...auxiliaries].map((head) => [head, softmaxRows(results[`logits/${head}`].data, head === "cartesian" ? 16 : 2)]),
    ),
    losses: Object.fromEntries(["last", ...auxiliaries].map((head) => [head === "last" ? "main" : head, results[`loss/${head}`].data[0]])),
    norms: Object.fromEntries(Object.entries(squares).map(([name, square]) => [name, Math.sqrt(square)])),
  };
}

function softmaxRows(logits: ArrayLike<number>, classes: number): number[] {
  return Array.from({ length: logits.length }, (_, k) => {
    const row = Math.floor(k / classes) * classes;
    let total = 0;
    for (let c = 0; c < classes; c++) total += Math.exp(logits[row + c]);
    return Math.exp(logits[k]) / total;
  });
}

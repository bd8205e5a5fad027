import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { attribution } from "../../src/attribution/index.ts";
import { Rng } from "../../src/base/rng.ts";
import { openPrograms } from "../../src/compute/index.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { clicksDataset } from "../../src/data/mac/dataset.ts";
import { simulateClicks } from "../../src/data/mac/simulate.ts";
import type { AttributionPrediction, Model } from "../../src/model/contract.ts";
import { type FittedModel, fit } from "../../src/model/fit.ts";
import { loadModel, saveModel } from "../../src/model/save.ts";
import { exact, expectAllClose, float32 } from "../tolerance.ts";

type ConversionModel = Model<string, "attribution">;
const models = attribution as readonly ConversionModel[];
const data = clicksDataset(simulateClicks({ clicks: 300, ads: 100, intercept: -3, seed: 5 }));
// The first steps are enough to tell whether two trainings are the same.
const quick = { batch: 100, epochs: 1, sequenceLength: 5, embeddingRate: 1 };
const quickly = (model: ConversionModel, from: Dataset = data, options: object = {}): Promise<FittedModel<"attribution">> =>
  fit(model, from, { config: quick, seed: 7, threads: 1, ...options });

function expectSame(got: AttributionPrediction, want: AttributionPrediction, rows: ArrayLike<number>, tolerance: number): void {
  expect(got.heads).toEqual(want.heads);
  want.probability.forEach((p, h) =>
    expectAllClose(
      got.probability[h],
      Float64Array.from(rows, (i) => p[i]),
      tolerance,
      want.heads[h],
    ),
  );
}

test("the models are the seven of the benchmark, and the last is MoAE", () => {
  expect(models.map(({ id }) => id)).toEqual(["cvr-base", "cvr-shared-bottom", "cvr-mmoe", "cvr-ple", "cvr-home", "natal", "moae"]);
});

describe.each(models.map((model) => [model.id, model] as const))("%s", (_id, model) => {
  let made: Promise<FittedModel<"attribution">> | undefined;
  const fitted = (): Promise<FittedModel<"attribution">> => (made ??= quickly(model));
  afterAll(async () => (await made)?.dispose());
  const all = Int32Array.from({ length: data.rows }, (_, i) => i);

  test("a probability strictly between 0 and 1 for every row and head, main first", async () => {
    const { heads, main, probability } = await (await fitted()).predict(data);
    expect([heads[0], main]).toEqual(["main", "last"]);
    expect(heads.slice(1)).toEqual(model.id === "cvr-base" ? [] : ["first", "linear", "mta", "cartesian"]);
    for (const p of probability) expect(p.length === data.rows && p.every((v) => v > 0 && v < 1)).toBe(true);
  });

  test("same data, config and seed give the same predictions, whatever the threads and the order of the rows", async () => {
    const order = new Rng(3).permutation(data.rows);
    const again = await quickly(model, data.take(order), { threads: 2 });
    expectSame(await again.predict(data), await (await fitted()).predict(data), all, float32);
    again.dispose();
  });

  test("a row's prediction does not depend on the rows beside it, nor on its labels", async () => {
    const whole = await (await fitted()).predict(data);
    for (const rows of [[0], [17, 3, 250]]) expectSame(await (await fitted()).predict(data.restrict(["feature"]).take(rows)), whole, rows, float32);
  });

  test("a saved and loaded model predicts exactly the same", async () => {
    const folder = await mkdtemp(join(tmpdir(), "liftwise-law-"));
    try {
      await saveModel(await fitted(), folder);
      const loaded = (await loadModel(folder, models)) as FittedModel<"attribution">;
      expectSame(await loaded.predict(data), await (await fitted()).predict(data), all, exact);
      loaded.dispose();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("the report is plain JSON and names the heads", async () => {
    const { report } = await fitted();
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(report.main).toBe("last");
  });
});

describe("what every conversion model refuses or declares", () => {
  const model = models[0];

  test("config out of bounds, an auxiliary named twice, and auxiliaries for the model that has none", async () => {
    await expect(quickly(model, data, { config: { width: 24 } })).rejects.toThrow(/width/);
    await expect(quickly(model, data, { config: { learningRate: 0 } })).rejects.toThrow(/learningRate/);
    await expect(quickly(model, data, { config: { auxiliaries: ["first"] } })).rejects.toThrow(/auxiliaries/);
    await expect(quickly(models[6], data, { config: { auxiliaries: ["first", "first"] } })).rejects.toThrow(/named twice/);
  });

  test("a label that is missing, negative or never positive", async () => {
    await expect(quickly(model, data.withRoles({ labels: ["first"] }))).rejects.toThrow(/no label "last"/);
    const labelled = (value: number): Dataset => data.withColumns([{ kind: "number", name: "last", values: new Float64Array(data.rows).fill(value) }]);
    await expect(quickly(model, labelled(-1))).rejects.toThrow(/credit of at least 0 in every row, and row 1 has -1/);
    await expect(quickly(model, labelled(0))).rejects.toThrow(/nothing to learn/);
  });

  test("a field that is no index, and a sequence that belongs to nothing", async () => {
    const column = (name: string, value: number): Dataset => data.withColumns([{ kind: "number", name, values: new Float64Array(data.rows).fill(value) }]);
    await expect(quickly(model, column("ad_feat3", 1.5))).rejects.toThrow(/"ad_feat3" holds 1.5 where an index is wanted/);
    const odd = data.withColumns(
      [{ kind: "sequence", name: "prices", offsets: Int32Array.from({ length: data.rows + 1 }, (_, i) => i), values: new Float64Array(data.rows).fill(9) }],
      { features: [...data.roles.features, "prices"] },
    );
    await expect(quickly(model, odd)).rejects.toThrow(/taken for similarities/);
  });

  test("unknown indices and longer sequences at prediction are read as unknown and cut, and counted; other lengths and missing values are taken", async () => {
    const fitted = await quickly(model);
    const far = data.number("ad_feat0").map((v, i) => (i < 4 ? 1e6 : i === 4 ? Number.NaN : v));
    const { notes, probability } = await fitted.predict(data.withColumns([{ kind: "number", name: "ad_feat0", values: far }]));
    expect(notes?.join()).toMatch(/^4 indices are beyond the tables/);
    expect(notes?.join()).toMatch(/sequences have more than 5 items/);
    expect(probability[0].every((p) => p > 0 && p < 1)).toBe(true);
    const empty = data.withColumns(
      data.columns.flatMap((column) =>
        column.kind === "sequence" ? [{ ...column, offsets: new Int32Array(data.rows + 1), values: new Float64Array(0) }] : [],
      ),
    );
    const short = await fitted.predict(empty);
    expect(short.notes).toBeUndefined();
    expect(short.probability[0].every((p) => p > 0 && p < 1)).toBe(true);
    fitted.dispose();
  });

  test("a missing column is named, an abort stops the fit, and dispose gives back what the engine holds", async () => {
    await expect(quickly(model, data, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    const before = openPrograms();
    const fitted = await quickly(model);
    await expect(fitted.predict(data.withRoles({ features: ["ad_feat0"] }).restrict(["feature"]))).rejects.toThrow(/no column "user_feat0"/);
    await fitted.predict(data.take([0]));
    fitted.dispose();
    await new Promise(setImmediate);
    expect(openPrograms()).toBe(before);
  });
});

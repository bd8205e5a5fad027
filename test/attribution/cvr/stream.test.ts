import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fitClicks, predictClicks } from "../../../src/attribution/cvr/stream.ts";
import { attribution } from "../../../src/attribution/index.ts";
import { clicksDataset } from "../../../src/data/mac/dataset.ts";
import { clickCount, openClicks } from "../../../src/data/mac/read.ts";
import { simulateClicks } from "../../../src/data/mac/simulate.ts";
import { writeClicks } from "../../../src/data/mac/write.ts";
import type { Model } from "../../../src/model/contract.ts";
import { fit } from "../../../src/model/fit.ts";
import { exact, expectAllClose, float32 } from "../../tolerance.ts";

const simulation = { clicks: 1500, ads: 150, intercept: -3, seed: 4 };
let folder = "";
beforeAll(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "liftwise-stream-")), "clicks");
  await writeClicks(folder, simulation, { files: 3 });
});
afterAll(() => rm(join(folder, ".."), { recursive: true, force: true }));

describe("fitting to click files", () => {
  test("a stream of files gives the model that the same rows in memory give", async () => {
    const clicks = openClicks(folder);
    const rows = await clickCount(clicks.train);
    const { time: _, ...all } = simulateClicks(simulation);
    const data = clicksDataset(all, 0, rows);
    // In memory a table ends with the largest index that occurs; the stream is given the same sizes, so that both draw the same start.
    const largest = (name: string): number =>
      data.columns.reduce(
        (most, column) =>
          column.kind === "category" || column.name.replace(/_seq$/, "") !== name ? most : column.values.reduce((a, v) => Math.max(a, v), most),
        0,
      );
    const vocabulary = Object.fromEntries(Object.keys(clicks.vocabulary).map((name) => [name, largest(name) + 1])) as typeof clicks.vocabulary;
    const config = { batch: rows, embeddingRate: 1, warmUp: 0 };
    const streamed = await fitClicks("cvr-base", { ...clicks, vocabulary }, { config, seed: 3, threads: 1 });
    const model = attribution.find(({ id }) => id === "cvr-base") as Model<string, "attribution">;
    const held = await fit(model, data, { config, seed: 3, threads: 1 });
    expect(streamed.report.positive).toEqual(held.report.positive);
    expectAllClose((await streamed.predict(data)).probability[0], (await held.predict(data)).probability[0], float32, "probabilities");
    streamed.dispose();
    held.dispose();
  });

  test("batches of any size hold every row once, over the ends of files", async () => {
    const clicks = openClicks(folder);
    const rows = await clickCount(clicks.train);
    const small = await fitClicks("cvr-base", clicks, { config: { batch: 333 }, threads: 1 });
    expect(small.report.steps).toBe(Math.ceil(rows / 333));
    expect(small.schema.rows).toBe(rows);
    const whole = await fitClicks("cvr-base", clicks, { config: { batch: 5000 }, threads: 1 });
    expect(small.report.positive).toEqual(whole.report.positive);
    small.dispose();
    whole.dispose();
  });

  test("predictions come in the order of the file, and indices the tables lack are counted", async () => {
    const clicks = openClicks(folder);
    const fitted = await fitClicks("moae", clicks, { config: { batch: 500 }, threads: 1 });
    const { probability, user, heads, notes } = await predictClicks(fitted, clicks.test);
    expect(heads).toEqual(["main", "first", "linear", "mta", "cartesian"]);
    expect(probability.every((p) => p.length === user.length && p.every((v) => v > 0 && v < 1))).toBe(true);
    expect(notes).toEqual([]);
    const again = await predictClicks(fitted, clicks.test);
    expectAllClose(again.probability[0], probability[0], exact, "predicted twice");
    fitted.dispose();
    const narrow = { ...clicks, vocabulary: { ...clicks.vocabulary, ad_feat0: 50 } };
    const poor = await fitClicks("cvr-base", narrow, { config: { batch: 500 }, threads: 1 });
    expect((poor.report.warnings as string[])[0]).toMatch(/^\d+ indices are beyond the tables/);
    poor.dispose();
  });

  test("a model that is no conversion model, and a folder without train files, are refused", async () => {
    await expect(fitClicks("t-learner", openClicks(folder))).rejects.toThrow(/only conversion models/);
    await expect(fitClicks("moae", { ...openClicks(folder), train: [] })).rejects.toThrow(/no train files/);
  });

  test("float32 noise aside, two streams of the same files are the same model", async () => {
    const [a, b] = await Promise.all([1, 2].map((threads) => fitClicks("cvr-base", openClicks(folder), { config: { batch: 700 }, seed: 9, threads })));
    const [p, q] = [await predictClicks(a, openClicks(folder).test), await predictClicks(b, openClicks(folder).test)];
    expectAllClose(p.probability[0], q.probability[0], float32, "probabilities");
    a.dispose();
    b.dispose();
  });
});

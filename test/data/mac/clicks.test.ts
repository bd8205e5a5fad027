import { mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { labelFields, sequenceFields, similarityFields } from "../../../src/data/mac/layout.ts";
import { clickCount, clickRows, openClicks } from "../../../src/data/mac/read.ts";
import { clickChunks, simulateClicks } from "../../../src/data/mac/simulate.ts";
import { writeClicks } from "../../../src/data/mac/write.ts";
import { expectClose, expectWithin, float32, float64 } from "../../tolerance.ts";

const same = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => a.length === b.length && Array.from(a).every((v, i) => v === b[i]);

describe("simulated clicks", () => {
  const clicks = simulateClicks({ clicks: 40_000, ads: 500, seed: 2 });
  const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

  test("each journey that converts gives out one credit under every mechanism, the others none", () => {
    for (const label of labelFields) {
      const credit = new Map<number, number>();
      for (let i = 0; i < clicks.rows; i++) credit.set(clicks.journey[i], (credit.get(clicks.journey[i]) ?? 0) + clicks.credit[label][i]);
      let worst = 0;
      for (let i = 0; i < clicks.rows; i++) worst = Math.max(worst, Math.abs((credit.get(clicks.journey[i]) ?? 0) - clicks.converted[i]));
      // Credits are float32, and a path has at most 16 of them.
      expect(worst).toBeLessThanOrEqual(float32);
    }
  });

  test("first and last stand at the ends of the path, and linear is one over its length", () => {
    for (let i = 1; i < clicks.rows; i++) {
      if (clicks.converted[i] === 0) continue;
      const begins = clicks.journey[i - 1] !== clicks.journey[i];
      const ends = clicks.journey[i + 1] !== clicks.journey[i];
      expect([clicks.credit.first[i], clicks.credit.last[i]]).toEqual([Number(begins), Number(ends)]);
      expect(clicks.credit.linear[i]).toBe(Math.fround(1 / clicks.pathLength[i]));
    }
  });

  test("the chance of buying is calibrated: as many conversions as chances add up to", () => {
    const expected = sum(clicks.chance);
    expectWithin(sum(clicks.credit.last), expected, Math.sqrt(expected), 4, "conversions");
  });

  test("contributions are the chances less what is bought without any click", () => {
    const share = sum(clicks.contribution) / sum(clicks.chance);
    expect(share > 0.7 && share < 1).toBe(true);
    expect(clicks.contribution.every((v) => v >= 0)).toBe(true);
  });

  test("a behaviour sequence holds the user's clicks before this one, newest last", () => {
    for (let i = 1; i < 2000; i++) {
      if (clicks.user[i] !== clicks.user[i - 1]) expect(sum(clicks.sequences.ad_feat0_seq.subarray(i * 20, (i + 1) * 20))).toBe(0);
      else expect(clicks.sequences.ad_feat0_seq[i * 20 + 19]).toBe(clicks.fields.ad_feat0[i - 1]);
    }
  });

  test("users are the same however the rows are cut into chunks", () => {
    let row = 0;
    for (const chunk of clickChunks({ clicks: 9000, ads: 500, seed: 2 }, 2000)) {
      expect(Array.from(chunk.fields.ad_feat0)).toEqual(Array.from(clicks.fields.ad_feat0.subarray(row, row + chunk.rows)));
      row += chunk.rows;
    }
  });
});

describe("the benchmark's layout on disk", () => {
  let folder = "";
  beforeAll(async () => {
    folder = join(await mkdtemp(join(tmpdir(), "liftwise-clicks-")), "clicks");
    await writeClicks(folder, { clicks: 6000, ads: 200, seed: 4 }, { files: 3 });
  });
  afterAll(() => rm(join(folder, ".."), { recursive: true, force: true }));

  test("what is read is what was simulated, row by row in order", async () => {
    const { train, test: held, vocabulary } = openClicks(folder);
    expect([train.length, held.length, vocabulary.ad_feat0]).toEqual([3, 1, 201]);
    const whole = simulateClicks({ clicks: 6000, ads: 200, seed: 4 });
    let row = 0;
    for await (const part of clickRows([...train, ...held])) {
      const to = Math.min(part.rows, whole.rows - row);
      for (const name of ["ad_feat0", "user_feat2", "context_feat3"] as const)
        expect(part.fields[name].subarray(0, to)).toEqual(whole.fields[name].subarray(row, row + to));
      for (const name of sequenceFields)
        expect(same(part.sequences[name].values.subarray(0, 20 * to), whole.sequences[name].subarray(row * 20, (row + to) * 20)), name).toBe(true);
      for (const name of similarityFields)
        expect(same(part.similarities[name].values.subarray(0, 20 * to), whole.similarities[name].subarray(row * 20, (row + to) * 20)), name).toBe(true);
      for (const name of labelFields) expect(part.credit[name].subarray(0, to)).toEqual(whole.credit[name].subarray(row, row + to));
      row += part.rows;
    }
    expectClose(row, await clickCount([...train, ...held]), float64);
  });

  test("a missing train part is named, unless what is there is asked for", async () => {
    await unlink(join(folder, "train", "part-01.parquet"));
    expect(() => openClicks(folder)).toThrow(/train part 1 is missing/);
    expect(openClicks(folder, { partial: true }).train).toHaveLength(2);
  });

  test("an empty or damaged vocabulary, and a folder of another kind, are refused with the file's name", async () => {
    const file = join(folder, "vocab", "ad_feat1.json");
    for (const [text, message] of [
      ["{}", /ad_feat1.json: the vocabulary is empty/],
      ["{", /ad_feat1.json: the vocabulary of ad_feat1 cannot be read/],
      ['{"a":"b"}', /"b" is no index/],
    ] as const) {
      await writeFile(file, text);
      expect(() => openClicks(folder, { partial: true })).toThrow(message);
    }
    expect(() => openClicks(join(folder, "vocab"))).toThrow(/neither train/);
    expect(() => openClicks(join(folder, "nothing"))).toThrow(/no such folder/);
  });
});

import { mkdir, mkdtemp, readFile, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withDuck } from "../../../src/data/duck.ts";
import { adFields, labelFields, sequenceFields, similarityFields, userFields } from "../../../src/data/mac/layout.ts";
import { clickFolderOf } from "../../../src/data/mac/folder.ts";
import { touchColumns } from "../../../src/data/mac/log.ts";
import { describeClicks } from "../../../src/data/mac/describe.ts";
import { clickCount, type ClickRows, clickRows, openClicks } from "../../../src/data/mac/read.ts";
import { clickChunks, simulateClicks } from "../../../src/data/mac/simulate.ts";
import { readTable } from "../../../src/data/read.ts";
import type { NumberColumn } from "../../../src/data/schema.ts";
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

  test("a behaviour sequence holds purchases, newest last: it grows by one ad of the path after a conversion, and only then", () => {
    const sequence = (row: number): number[] => Array.from(clicks.sequences.ad_feat0_seq.subarray(row * 20, (row + 1) * 20));
    for (let i = 1; i < 5000; i++) {
      if (clicks.user[i] !== clicks.user[i - 1]) continue;
      const [before, after] = [sequence(i - 1), sequence(i)];
      if (clicks.credit.last[i - 1] === 0) expect(after).toEqual(before);
      else {
        expect(after.slice(0, 19)).toEqual(before.slice(1));
        const path = Array.from({ length: clicks.pathLength[i - 1] }, (_, k) => clicks.fields.ad_feat0[i - 1 - k]);
        expect(path).toContain(after[19]);
      }
    }
  });

  test("purchases tell tastes: what users click on after is more like what they bought than like what others bought", () => {
    const mean = (of: (row: number) => number, rows: number[]): number => sum(rows.map(of)) / rows.length;
    const bought = Array.from({ length: clicks.rows }, (_, i) => i).filter((i) => clicks.credit.last[i] > 0);
    const likeness = (row: number): number => sum(clicks.similarities.mm_feat0_seq.subarray(row * 20, (row + 1) * 20)) / 20;
    const all = Array.from({ length: clicks.rows }, (_, i) => i);
    expect(mean(likeness, bought)).toBeGreaterThan(mean(likeness, all) + 0.02);
  });

  test("of two clicks with the same effect none counts for more for where it stands: atOnce 1 credits all to the last, less of it less", () => {
    const lastShare = (atOnce: number): number => {
      const one = simulateClicks({ clicks: 20_000, ads: 500, atOnce, seed: 3 });
      let [ends, total] = [0, 0];
      for (let i = 0; i < one.rows; i++) {
        if (one.credit.last[i] > 0 && one.pathLength[i] > 1) ends += one.credit.mta[i];
        if (one.credit.last[i] > 0 && one.pathLength[i] > 1) total++;
      }
      return ends / total;
    };
    expect(lastShare(1)).toBeGreaterThan(0.98);
    expect(lastShare(0.5)).toBeLessThan(0.8);
    expect(() => simulateClicks({ clicks: 100, atOnce: 0, seed: 1 })).toThrow(/atOnce must be above 0/);
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

  test("the touch log holds the same clicks, the last of a path converts, and contributions add up to the true ones", async () => {
    const whole = simulateClicks({ clicks: 6000, ads: 200, seed: 4 });
    const columns = await readTable(join(folder, "touches.parquet"));
    const of = (name: string): Float64Array => (columns.find((column) => column.name === name) as NumberColumn).values;
    expect(columns.map(({ name }) => name)).toEqual(touchColumns.map(([name]) => name));
    expect(Array.from(of("converted").subarray(0, whole.rows))).toEqual(Array.from(whole.credit.last));
    expect(Array.from(of("journey").subarray(0, whole.rows))).toEqual(Array.from(whole.journey));
    expect(same(of("contribution").subarray(0, whole.rows), whole.contribution)).toBe(true);
    expect(Array.from(of("value")).filter((v) => v > 0)).toHaveLength(of("converted").reduce((total, v) => total + v, 0));
  });

  test("counts of a folder: clicks, users and shares of every label", async () => {
    const { parts, vocabulary, notes } = await describeClicks(openClicks(folder));
    const whole = simulateClicks({ clicks: 6000, ads: 200, seed: 4 });
    expect(parts.map(({ part, files }) => [part, files])).toEqual([
      ["train", 3],
      ["test", 1],
    ]);
    expect(parts.reduce((total, { rows }) => total + rows, 0)).toBeGreaterThanOrEqual(6000);
    const credited = parts.reduce((total, { rows, positive }) => total + rows * positive.last, 0);
    expectClose(credited, whole.credit.last.filter((v) => v > 0).length, float64);
    expect([vocabulary.ad_feat0, notes]).toEqual([201, []]);
  });

  test("columns of texts, as in the public files, are looked up in the vocabularies; what is not in them is unknown", async () => {
    const texts = join(folder, "..", "texts");
    await mkdir(join(texts, "vocabs"), { recursive: true });
    const { train } = openClicks(folder);
    const users = new Set<number>();
    for await (const { user } of clickRows(train)) for (const u of user) users.add(u);
    for (const name of [...userFields, ...adFields]) {
      const words = JSON.parse(await readFile(join(folder, "vocab", `${name}.json`), "utf8"));
      // Category 7 is left out of its vocabulary.
      if (name === "ad_feat1") delete words["ad_feat1-7"];
      await writeFile(join(texts, "vocabs", `${name}.json`), JSON.stringify({ ...words, none: 0 }));
    }
    await writeFile(join(texts, "vocabs", "user_id.json"), JSON.stringify(Object.fromEntries([...users].map((u) => [`u${u}`, u]))));
    const word = (name: string, at: string): string => `case when ${at} = 0 then 'none' else '${name}-' || ${at} end`;
    const columns = [
      "'u' || user_id as user_id",
      ...[...userFields, ...adFields].map((name) => `${word(name, name)} as ${name}`),
      ...sequenceFields.map((name) => `list_transform(${name}, lambda v: ${word(name.replace(/_seq$/, ""), "v")}) as ${name}`),
      ...similarityFields,
      ...labelFields,
    ];
    await mkdir(join(texts, "train"));
    await withDuck(async (con) => {
      await con.run(`copy (select ${columns.join(", ")} from read_parquet('${train[0]}')) to '${join(texts, "train", "train-00.parquet")}' (format parquet)`);
    });
    const opened = openClicks(texts);
    const [want, got] = [[] as ClickRows[], [] as ClickRows[]];
    for await (const part of clickRows([train[0]])) want.push(part);
    for await (const part of clickRows(opened.train, undefined, opened.vocabularies)) got.push(part);
    expect(got.map(({ user }) => Array.from(user))).toEqual(want.map(({ user }) => Array.from(user)));
    for (const name of [...userFields, ...adFields])
      for (const [k, part] of got.entries())
        expect(Array.from(part.fields[name])).toEqual(Array.from(want[k].fields[name], (v) => (name === "ad_feat1" && v === 7 ? -1 : v)));
    for (const [k, part] of got.entries()) expect(part.sequences.ad_feat0_seq).toEqual(want[k].sequences.ad_feat0_seq);
    const read = async (): Promise<void> => {
      for await (const part of clickRows(opened.train)) expect(part.rows).toBeGreaterThan(0);
    };
    await expect(read()).rejects.toThrow(/holds texts, which need the folder of vocabularies/);
  });

  test("the public files are found by their name where they are placed, and by their folder; without them the way to get them is told", async () => {
    const given = process.env.LIFTWISE_DATA_DIR;
    const place = join(folder, "..", "placed");
    try {
      process.env.LIFTWISE_DATA_DIR = place;
      expect(() => clickFolderOf("mac")).toThrow(/mac: its vocabularies are not in .*placed.*liftwise data fetch mac/);
      await mkdir(place, { recursive: true });
      await symlink(folder, join(place, "mac"));
      expect(clickFolderOf("mac")).toBe(join(place, "mac"));
      expect(openClicks(clickFolderOf("mac") as string).train.length).toBe(openClicks(folder).train.length);
      expect(clickFolderOf(folder)).toBe(folder);
      expect(clickFolderOf("hillstrom")).toBeUndefined();
      expect([clickFolderOf(place), clickFolderOf(place, true)]).toEqual([undefined, place]);
    } finally {
      if (given === undefined) delete process.env.LIFTWISE_DATA_DIR;
      else process.env.LIFTWISE_DATA_DIR = given;
    }
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

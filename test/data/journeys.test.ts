import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { journeyNotes, readJourneys } from "../../src/data/journeys.ts";
import { Rng } from "../../src/base/rng.ts";

const day = 86_400_000;
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "liftwise-journeys-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

const columns = { user: "user", time: "time", channel: "channel", conversion: "conv" };

describe("journeys of a log", () => {
  test("a broken log: what cannot be used is left out and counted, and every count becomes a sentence", async () => {
    const log = await file(
      "broken.csv",
      `user,time,channel,type,cost,conv,value
a,2025-01-01 10:00:00,search,click,1,0,
a,2025-01-02 10:00:00,feed,view,0.1,0,
a,2025-01-02 10:00:00,feed,view,0.1,0,
a,2025-01-03 10:00:00,,,,1,20
a,2025-01-04 10:00:00,search,click,1,1,5
b,2025-01-01 10:00:00,,,,1,9
b,2025-01-05 10:00:00,email,click,,0,
c,,email,click,0.2,0,
d,2025-01-01 09:00:00,feed,click,1,0,
d,2025-02-20 09:00:00,feed,click,1,0,
d,2025-02-21 09:00:00,,,,1,
e,2025-02-21 09:00:00,,,,0,
`,
    );
    const { journeys, counts } = await readJourneys(log, { ...columns, type: "type", cost: "cost", value: "value" });
    expect(journeys.channels).toEqual(["email", "feed", "search"]);
    expect([...journeys.offsets]).toEqual([0, 2, 3, 4, 5, 6]);
    expect(Array.from(journeys.channel, (c) => journeys.channels[c])).toEqual(["search", "feed", "search", "email", "feed", "feed"]);
    expect([...journeys.conversions]).toEqual([1, 1, 0, 0, 1]);
    expect([...journeys.nulls]).toEqual([0, 0, 1, 1, 0]);
    expect([...journeys.value]).toEqual([20, 5, 0, 0, 0]);
    expect([...(journeys.click ?? [])]).toEqual([1, 0, 1, 1, 1, 1]);
    expect([...(journeys.cost ?? [])]).toEqual([1, 0.1, 1, 0, 1, 1]);
    expect(counts).toEqual({
      rows: 12,
      touches: 6,
      conversions: 4,
      users: 3,
      duplicates: 1,
      missing: 1,
      idle: 1,
      untouched: 1,
      outside: 1,
      valueless: 1,
      costless: 1,
    });
    expect(journeyNotes(counts)).toHaveLength(7);
    expect(journeyNotes({ ...counts, duplicates: 0, missing: 0, idle: 0, untouched: 0, outside: 0, valueless: 0, costless: 0 })).toEqual([]);
  });

  test("a conversion before the first click is credited to no channel", async () => {
    const log = await file("early.csv", "user,time,channel,conv\na,2025-01-01,,1\na,2025-01-02,search,0\n");
    const { journeys, counts } = await readJourneys(log, columns);
    expect([counts.untouched, [...journeys.conversions], [...journeys.nulls]]).toEqual([1, [0], [1]]);
  });

  test("a second file of conversions gives what a column of the log gives", async () => {
    const touches = "a,2025-01-01,x\na,2025-01-03,y\nb,2025-01-01,x\n";
    const apart = await readJourneys(await file("touches.csv", `user,time,channel\n${touches}`), {
      user: "user",
      time: "time",
      channel: "channel",
      value: "value",
      conversions: await file("bought.csv", "user,time,value\na,2025-01-02,7\n"),
    });
    const one = await readJourneys(
      await file("one.csv", "user,time,channel,conv,value\na,2025-01-01,x,0,\na,2025-01-03,y,0,\nb,2025-01-01,x,0,\na,2025-01-02,,1,7\n"),
      { ...columns, value: "value" },
    );
    expect(apart.journeys).toEqual(one.journeys);
  });

  test("equals a slow twin on random logs, whatever the order of the rows", async () => {
    for (let seed = 0; seed < 4; seed++) {
      const rng = new Rng(seed);
      const rows = Array.from({ length: 120 }, (_, i) => ({
        user: `u${rng.int(8)}`,
        time: i * 1_000_003 + rng.int(3) * 20 * day,
        channel: "abc"[rng.int(3)],
        conv: rng.bernoulli(0.15),
      }));
      const text = (list: typeof rows): string => `user,time,channel,conv\n${list.map((r) => `${r.user},${r.time},${r.channel},${r.conv}`).join("\n")}\n`;
      const options = { ...columns, timeUnit: "ms" as const, lookback: 15 };
      const { journeys } = await readJourneys(await file(`random${seed}.csv`, text(rows)), options);
      const order = rng.permutation(rows.length);
      expect((await readJourneys(await file(`shuffled${seed}.csv`, text(Array.from(order, (i) => rows[i]))), options)).journeys).toEqual(journeys);
      const got = Array.from(
        journeys.conversions,
        (c, j) => `${Array.from(journeys.channel.subarray(journeys.offsets[j], journeys.offsets[j + 1]), (k) => journeys.channels[k]).join("")}:${c}`,
      );
      expect(got.sort()).toEqual(slowTwin(rows, 15 * day).sort());
    }
  });

  test("plain numbers need a unit, and a log without touches or conversions says what is missing", async () => {
    const log = await file("numbers.csv", "user,time,channel,conv\na,1,x,0\n");
    await expect(readJourneys(log, columns)).rejects.toThrow(/timeUnit: ms, s or days/);
    await expect(readJourneys(log, { user: "user", time: "time", channel: "channel" })).rejects.toThrow(/say where they are/);
    await expect(readJourneys(log, { ...columns, lookback: 0 })).rejects.toThrow(/longer than 0 days/);
    await expect(readJourneys(log, { ...columns, channel: "chanel" })).rejects.toThrow(/no column "chanel"; did you mean "channel"/);
    await expect(readJourneys(await file("none.csv", "user,time,channel,conv\na,1,,1\n"), { ...columns, timeUnit: "s" })).rejects.toThrow(/no touches/);
  });
});

function slowTwin(rows: readonly { user: string; time: number; channel: string; conv: number }[], window: number): string[] {
  const out: string[] = [];
  for (const user of new Set(rows.map((r) => r.user))) {
    let open: { time: number; channel: string }[] = [];
    // Touches that no conversion claims, cut where the user paused for longer than the window.
    const unclaimed = (list: typeof open): void => {
      let part = "";
      list.forEach((touch, i) => {
        if (i > 0 && touch.time - list[i - 1].time > window) {
          out.push(`${part}:0`);
          part = "";
        }
        part += touch.channel;
      });
      if (part !== "") out.push(`${part}:0`);
    };
    for (const row of rows.filter((r) => r.user === user).sort((a, b) => a.time - b.time)) {
      open.push(row);
      if (row.conv === 0) continue;
      unclaimed(open.filter((touch) => row.time - touch.time > window));
      out.push(
        `${open
          .filter((touch) => row.time - touch.time <= window)
          .map((touch) => touch.channel)
          .join("")}:1`,
      );
      open = [];
    }
    unclaimed(open);
  }
  return out;
}

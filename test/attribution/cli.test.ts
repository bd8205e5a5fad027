import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "liftwise-attribute-"));
  await writeFile(
    join(folder, "log.csv"),
    "user,time,channel,cost,conv,value\na,2025-01-01,search,2,0,\na,2025-01-02,feed,1,1,30\nb,2025-01-01,feed,1,0,\nb,2025-01-01,feed,1,0,\n",
  );
  await writeFile(join(folder, "paths.csv"), "path,yes,no\na > b,3,5\nb,1,9\n");
  await writeFile(join(folder, "truth.csv"), "channel,conversions\nsearch,3\nfeed,1\n");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  const code = await main(words, { out: (text) => void (out += text), err: (text) => void (err += text), live: false });
  return { code, out, err };
}

const log = (): string[] => ["attribute", join(folder, "log.csv"), "--user", "user", "--time", "time", "--channel", "channel", "--conversion", "conv"];

describe("liftwise attribute", () => {
  test("a log: credit, value, CPA, ROAS and distance to the truth under every mechanism asked for; what was left out is told", async () => {
    const { code, out } = await run(
      ...log(),
      "--cost",
      "cost",
      "--value",
      "value",
      "--mechanisms",
      "first,last,linear",
      "--truth",
      join(folder, "truth.csv"),
      "--json",
    );
    expect(code).toBe(0);
    const result = JSON.parse(out);
    expect(result.channels).toEqual(["feed", "search"]);
    expect(result.cost).toEqual([2, 2]);
    expect(result.mechanisms.map((m: { conversions: number[] }) => m.conversions)).toEqual([
      [0, 1],
      [1, 0],
      [0.5, 0.5],
    ]);
    expect(result.mechanisms[2]).toMatchObject({ value: [15, 15], cpa: [4, 4], roas: [7.5, 7.5] });
    expect(result.disagreement[0]).toEqual([0, 1, 0.5]);
    expect(result.truth.distance).toEqual([0.25, 0.75, 0.25]);
    expect(result.notes).toEqual(["1 rows repeat another in every column used: counted once"]);
  });

  test("aggregated paths, a table for people, and a folder with JSON and page", async () => {
    const target = join(folder, "out");
    const { code, out } = await run(
      "attribute",
      join(folder, "paths.csv"),
      "--path",
      "path",
      "--conversions",
      "yes",
      "--nulls",
      "no",
      "--mechanisms",
      "first,markov",
      "--out",
      target,
    );
    expect(code).toBe(0);
    expect(out).toMatch(/conversions\nchannel +touches +first +markov/);
    expect(JSON.parse(await readFile(join(target, "attribution.json"), "utf8")).format).toBe("liftwise-attribution/1");
    const page = await readFile(join(target, "report.html"), "utf8");
    for (const text of ["Conversions by channel", "Disagreement", "4 conversions"]) expect(page).toContain(text);
  });

  test.each([
    [["attribute", "FOLDER/log.csv"], /--user, --time, --channel missing/, 2],
    [["attribute", "FOLDER/log.csv", "--user", "user", "--time", "time", "--channel", "channel"], /--conversion is missing/, 2],
    [["attribute", "FOLDER/paths.csv", "--path", "path"], /--conversions is missing/, 2],
    [["attribute", "FOLDER/paths.csv", "--path", "path", "--conversions", "yes", "--mechanisms", "marcov"], /did you mean "markov"/, 2],
    [["attribute", "FOLDER/paths.csv", "--path", "path", "--conversions", "yes", "--mechanisms", "data-driven"], /every journey converts/, 3],
  ])("%s", async (words, message, exit) => {
    const { code, err } = await run(...words.map((word) => word.replace("FOLDER", folder)));
    expect([code, err]).toEqual([exit, expect.stringMatching(message)]);
  });
});

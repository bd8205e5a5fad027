import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { expectClose, float64 } from "../tolerance.ts";

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

  test("the log of simulated clicks shows the distance of every mechanism to what the touches caused", async () => {
    const clicks = join(folder, "clicks");
    expect((await run("data", "clicks", clicks, "--clicks", "20000", "--files", "2", "--ads", "500")).code).toBe(0);
    const words = ["attribute", join(clicks, "touches.parquet"), "--user", "journey", "--time", "time", "--channel", "channel", "--conversion", "converted"];
    const { code, out } = await run(
      ...words,
      "--contribution",
      "contribution",
      "--value",
      "value",
      "--cost",
      "cost",
      "--mechanisms",
      "first,last,linear",
      "--json",
    );
    expect(code).toBe(0);
    const { truth, mechanisms, conversions } = JSON.parse(out);
    const total = (list: number[]): number => list.reduce((sum, v) => sum + v, 0);
    for (const { conversions: credit } of mechanisms) expectClose(total(credit), conversions, float64);
    // What the touches caused is most of all conversions, and credit is not far from it.
    expect(total(truth.conversions)).toBeGreaterThan(0.6 * conversions);
    for (const distance of truth.distance) expect(distance > 0 && distance < 0.3).toBe(true);
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

describe("conversion models on the command line", () => {
  test("fit --task attribution, evaluate, predict and describe work on a folder of click files, and tell what comes next", async () => {
    const clicks = join(folder, "small");
    await run("data", "clicks", clicks, "--clicks", "6000", "--files", "2", "--ads", "200");
    const [model, page, predictions] = ["model", "model.html", "predictions.csv"].map((name) => join(folder, name));
    const fitted = await run("fit", clicks, "--task", "attribution", "--main", "linear", "--auxiliaries", "last,mta", "--batch", "512", "--out", model);
    expect([fitted.code, fitted.out, fitted.err]).toEqual([
      0,
      expect.stringMatching(/^moae fitted to the linear mechanism on \d+ rows/),
      expect.stringContaining(`evaluate ${clicks}`),
    ]);
    const judged = await run("evaluate", clicks, "--model", model, "--report", page, "--replicates", "20", "--json");
    expect(judged.code).toBe(0);
    const result = JSON.parse(judged.out);
    expect(result).toMatchObject({ model: "moae", main: "linear", report: page });
    expect(result.calibration.map(({ head }: { head: string }) => head)).toEqual(["main (linear)", "last", "mta"]);
    expect(result.paths.map(({ length }: { length: string }) => length)).toEqual(["1", "2-3", "4-6", "7+"]);
    expect(result.metrics.gauc.interval).toHaveLength(2);
    const html = await readFile(page, "utf8");
    for (const text of ["Conversion model", "By length of the path", "Calibration of the main head"]) expect(html).toContain(text);
    expect((await run("predict", model, clicks, "--out", predictions)).code).toBe(0);
    expect((await readFile(predictions, "utf8")).split("\n")[0]).toBe("user_id,conversion,conversion_last,conversion_mta");
    const described = JSON.parse((await run("data", "describe", clicks, "--json")).out);
    expect(described.parts[0]).toMatchObject({ part: "train", files: 2 });
  });

  test("a table of clicks: labels are named, users by --group, and evaluate reads them by their names", async () => {
    const rows = Array.from({ length: 400 }, (_, i) => `u${i % 40},${i % 7},${"abc"[i % 3]},${Number(i % 7 === 1)},${i % 7 === 1 ? 0.5 : 0}`);
    const file = join(folder, "table.csv");
    await writeFile(file, `user_id,ad,place,last,linear\n${rows.join("\n")}\n`);
    const model = join(folder, "table-model");
    const words = [
      "fit",
      file,
      "--task",
      "attribution",
      "--model",
      "natal",
      "--auxiliaries",
      "linear",
      "--group",
      "user_id",
      "--epochs",
      "15",
      "--batch",
      "100",
      "--out",
      model,
    ];
    expect((await run(...words)).err).toMatch(/--labels is missing/);
    const fitted = await run(...words, "--labels", "last,linear");
    expect([fitted.code, fitted.err]).toEqual([0, expect.any(String)]);
    const { metrics } = JSON.parse((await run("evaluate", file, "--model", model, "--replicates", "0", "--json")).out);
    expect(metrics.gauc.value).toBeGreaterThan(0.95);
  });

  test.each([
    [["evaluate", "FOLDER/log.csv", "--outcome", "conv"], /--score is required/, 2],
    [["evaluate", "FOLDER/log.csv", "--model", "FOLDER/model", "--score", "cost"], /--score does not go with --model/, 2],
    [["evaluate", "FOLDER/log.csv", "--model", "FOLDER/model"], /there is no column/, 3],
    [
      ["fit", "FOLDER/log.csv", "--model", "t-learner", "--labels", "conv", "--treatment", "conv", "--outcome", "cost", "--out", "FOLDER/x"],
      /--labels: only models of task attribution/,
      2,
    ],
    [["fit", "FOLDER", "--task", "attribution", "--out", "FOLDER/x"], /holds neither train/, 3],
    [["attribute", "FOLDER/paths.csv", "--path", "path", "--conversions", "yes", "--contribution", "no"], /--contribution is a column of a log of touches/, 2],
  ])("%s", async (words, message, exit) => {
    const { code, err } = await run(...words.map((word) => word.replace("FOLDER", folder)));
    expect([code, err]).toEqual([exit, expect.stringMatching(message)]);
  });
});

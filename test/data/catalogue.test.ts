import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { assemble } from "../../src/data/assemble.ts";
import { assignTreatment } from "../../src/data/assign.ts";
import { catalogue, catalogueEntry, catalogueFolder, catalogueNames, catalogueTable, expand, variantNames } from "../../src/data/catalogue.ts";
import { type Dataset, numberColumn } from "../../src/data/dataset.ts";
import { hashColumns } from "../../src/data/hash.ts";
import { locate, howToGet, verify } from "../../src/data/locate.ts";
import { openDataset, openSource } from "../../src/data/open.ts";
import { readTable } from "../../src/data/read.ts";
import type { NumberColumn, SequenceColumn } from "../../src/data/schema.ts";
import { requireUsable } from "../../src/data/usable.ts";
import { expectClose, expectWithin } from "../tolerance.ts";
import { needsShared, shared } from "./shared.ts";

const folder = mkdtempSync(join(tmpdir(), "liftwise-catalogue-"));
const given = process.env.LIFTWISE_DATA_DIR;
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  if (given === undefined) delete process.env.LIFTWISE_DATA_DIR;
  else process.env.LIFTWISE_DATA_DIR = given;
});

const wanted = [
  "hillstrom",
  "criteo-uplift",
  "ihdp",
  "jobs",
  "lalonde",
  "twins",
  "acic2016",
  "lenta",
  "x5",
  "megafon",
  "information",
  "jobcorps",
  "jtpa",
  "star",
];
const more = ["nhefs", "ihdp-longterm", "surrogate-trials", "attribution-pathdata", "couponsretailer", "completejourney", "criteo-attribution", "mac"];

describe("the catalogue", () => {
  test("holds the data sets it promises, each under the name of its folder", () => {
    expect(catalogueNames()).toEqual([...wanted, ...more].toSorted());
    for (const entry of catalogue()) expect(entry.folder.endsWith(entry.name)).toBe(true);
  });

  test("every file can be had: from an address, or by hand in a way that is told; and checked, but for one whose publisher gives no checksum", () => {
    for (const entry of catalogue()) {
      for (const file of entry.files) {
        expect(file.mirrors.length > 0 || file.byHand !== undefined, file.path).toBe(true);
        const checked = file.sha256 ?? file.md5 ?? file.values;
        expect(checked === undefined, file.path).toBe(["criteo-attribution", "mac"].includes(entry.name));
      }
    }
  });

  test("every variant finds its files, and its roles name no column twice", () => {
    for (const entry of catalogue()) {
      for (const variant of variantNames(entry)) {
        const { files, roles } = catalogueTable(`${entry.name}/${variant}`);
        expect(files.length).toBeGreaterThan(0);
        const parts = [roles.treatment?.column, ...roles.features, ...roles.outcomes, ...(roles.surrogates ?? [])].filter((name) => name !== undefined);
        expect(new Set(parts).size, `${entry.name}/${variant}`).toBe(parts.length);
      }
    }
  });

  test("the card of every data set tells source, licence, every checksum and every caveat of its schema", () => {
    for (const entry of catalogue()) {
      const card = readFileSync(join(entry.folder, "card.md"), "utf8");
      const checksums = entry.files.flatMap((file) => [file.path, file.sha256, file.md5, file.content?.sha256, file.values]).filter((sum) => sum !== undefined);
      for (const part of [entry.title, entry.source, entry.licence.replace(/\.$/, ""), ...checksums, ...entry.caveats, ...entry.pages])
        expect(card, entry.name).toContain(part);
    }
  });

  test("a name or variant that is not there is told with the nearest one", () => {
    expect(() => catalogueEntry("hilstrom")).toThrow(/no data set "hilstrom"; did you mean "hillstrom"\?/);
    expect(() => catalogueTable("lalonde/psd")).toThrow(/no variant "psd"; did you mean "psid"\?/);
    expect(() => catalogueTable("ihdp/26")).toThrow(/ihdp: there is no variant "26"/);
  });

  test("a schema with a misspelt key or a bad checksum is refused by path", () => {
    mkdirSync(join(folder, "toy"), { recursive: true });
    const write = (change: object): void =>
      writeFileSync(
        join(folder, "toy", "schema.json"),
        JSON.stringify({
          name: "toy",
          title: "t",
          kind: "experiment",
          licence: "none",
          source: "us",
          files: [{ path: "toy/a.csv" }],
          variants: [{ name: "all", about: "all" }],
          caveats: ["small"],
          ...change,
        }),
      );
    write({});
    expect(catalogueEntry("toy", folder).files[0].mirrors).toEqual([]);
    write({ licence: undefined, license: "none" });
    expect(() => catalogueEntry("toy", folder)).toThrow(/schema\.json/);
    write({ files: [{ path: "toy/a.csv", sha256: "12" }] });
    expect(() => catalogueEntry("toy", folder)).toThrow(/files\.0\.sha256.*64 hexadecimal digits/);
    writeFileSync(join(folder, "toy", "schema.json"), "{");
    expect(() => catalogueEntry("toy", folder)).toThrow(/not JSON/);
  });

  test("braces stand for a run of numbers", () => {
    expect(expand("x{1..3}")).toEqual(["x1", "x2", "x3"]);
    expect(expand("plain")).toEqual(["plain"]);
  });
});

const hex = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const place = (name: string, bytes: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

describe("a file of the catalogue", () => {
  const csv = "a,b\n1,2\n3,4\n";
  const file = { path: "toy/t.csv.gz", sha256: "0".repeat(64), content: { sha256: "" }, also: [], mirrors: ["https://example.org/t.csv"] };
  const content = { ...file, content: { sha256: "fc3e6fce9cdf1d7b5b7e2a3b3b9f2b1d3d0f8a0f6f0f3b1c2d3e4f5a6b7c8d9e" } };

  test("is known by its bytes, by what it unpacks to, by the values in it, and refused otherwise", async () => {
    const packed = gzipSync(csv);
    const path = place("t.csv.gz", packed);
    expect((await verify({ ...file, sha256: hex(packed) }, path)).by).toBe("file");
    expect((await verify({ ...file, also: [hex(csv)] }, path)).by).toBe("content");
    expect((await verify({ ...content, content: { sha256: hex(csv) } }, path)).by).toBe("content");
    expect((await verify({ ...content, content: { sha256: hex(csv) } }, place("t.csv", csv))).by).toBe("content");
    const values = hashColumns(await readTable(path));
    expect((await verify({ ...file, values }, place("other.csv", '"a";"b"\r\n1,0;2\r\n3;4,00\r\n'))).by).toBe("values");
    await expect(verify({ ...file, values }, place("wrong.csv", "a,b\n1,2\n3,5\n"))).rejects.toThrow(
      /wrong\.csv: the checksum is wrong \(expected sha256 0000.*got sha256 .*delete it and fetch it again/,
    );
    await expect(verify({ ...file, content: { sha256: hex(csv) } }, place("cut.csv.gz", packed.subarray(0, 20)))).rejects.toThrow(/checksum is wrong/);
    const { sha256: _, content: __, ...bare } = file;
    expect((await verify(bare, path)).by).toBe("unchecked");
  });

  test("is looked for in LIFTWISE_DATA_DIR before the cache, packed or not", () => {
    const [first, second] = [join(folder, "first"), join(folder, "second")];
    for (const place of [first, second]) mkdirSync(join(place, "toy"), { recursive: true });
    expect(locate(file, [first, second])).toBeUndefined();
    writeFileSync(join(second, "toy", "t.csv"), csv);
    expect(locate(file, [first, second])).toBe(join(second, "toy", "t.csv"));
    writeFileSync(join(first, "toy", "t.csv.gz"), gzipSync(csv));
    expect(locate(file, [first, second])).toBe(join(first, "toy", "t.csv.gz"));
  });

  test("that is nowhere is asked for by name, with address, place and checksum", async () => {
    process.env.LIFTWISE_DATA_DIR = join(folder, "empty");
    await expect(openDataset("nhefs")).rejects.toThrow(
      /nhefs: the file nhefs\/NHEFS\.csv\.gz is in none of .*empty.*run: liftwise data fetch nhefs; .*download it from https:.*NHEFS\.csv or .*save it as .*empty\/nhefs\/NHEFS\.csv\.gz \(gzipped, or without \.gz if it is not\); sha256 696ee09c.*, sha256 unpacked 2144b9c2/,
    );
    await expect(openDataset("jobcorps")).rejects.toThrow(/run in R: .*causalweight.*save it as/);
    expect(howToGet("toy", file)).toContain("https://example.org/t.csv");
  });
});

const mean = (values: Float64Array): number => values.reduce((sum, v) => sum + v, 0) / values.length;

describe("a treatment drawn where both outcomes are known", () => {
  const n = 20_000;
  const rng = new Rng(5);
  const x = Float64Array.from({ length: n }, () => 60 * rng.float());
  const columns = [
    numberColumn("x", x),
    numberColumn(
      "y0",
      x.map((v) => v),
    ),
    numberColumn(
      "y1",
      x.map((v) => v + 1),
    ),
  ];
  const spec = { potential: ["y0", "y1"], outcome: "y", treatment: "t", covariates: ["x"] } as const;
  const draw = (how: "randomised" | "confounded", seed: number): Record<string, Float64Array> =>
    Object.fromEntries(assignTreatment(columns, { ...spec, how }, new Rng(seed)).map((column) => [column.name, (column as NumberColumn).values]));
  test("shows the outcome of the arm drawn, the same for the same seed and another for another", () => {
    const { t, y, y0, y1 } = draw("randomised", 1);
    expect(y.every((v, i) => v === (t[i] === 1 ? y1[i] : y0[i]))).toBe(true);
    expect(draw("randomised", 1).t).toEqual(t);
    expect(draw("randomised", 2).t).not.toEqual(t);
  });

  test("randomised is a fair coin; confounded is half on average, follows the covariates, and is drawn with the probabilities it tells", () => {
    expectWithin(mean(draw("randomised", 1).t), 0.5, 0.5 / Math.sqrt(n), 4);
    const { t, propensity } = draw("confounded", 1);
    expectClose(mean(propensity), 0.5, 1e-12);
    expectWithin(mean(t.map((v, i) => v - propensity[i])), 0, 0.5 / Math.sqrt(n), 4);
    expect(Math.max(...propensity) - Math.min(...propensity)).toBeGreaterThan(0.03);
    expect(propensity.every((p) => p > 0 && p < 1)).toBe(true);
  });
});

/** Difference in means of an outcome and its standard error (variances apart). */
function difference(data: Dataset, outcome: string, arm: string): [value: number, se: number] {
  const { arm: index, arms } = data.treatment();
  const y = data.outcome(outcome);
  const of = (a: number): { mean: number; square: number } => {
    const values = y.filter((v, i) => index[i] === a && !Number.isNaN(v));
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    return { mean, square: values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1) / values.length };
  };
  const [treated, control] = [of(arms.indexOf(arm)), of(0)];
  return [treated.mean - control.mean, Math.sqrt(treated.square + control.square)];
}

const digits = (text: string): number => 0.5 * 10 ** -(text.split(".")[1]?.length ?? 0);

/** A number as it was printed: equal to the last digit of it. */
function expectPrinted(got: number, printed: string, what: string): void {
  expect(Math.abs(got - Number(printed)), `${what}: got ${got}, printed ${printed}`).toBeLessThanOrEqual(digits(printed) * (1 + 1e-9));
}

// From the manifest that comes with the files: computed there by other means, or published.
const references: readonly [source: string, outcome: string, arm: string, value: string, se?: string][] = [
  ["hillstrom", "visit", "Mens E-Mail", "0.07659", "0.003386"],
  ["hillstrom", "conversion", "Mens E-Mail", "0.006805", "0.000921"],
  ["hillstrom", "spend", "Mens E-Mail", "0.769827", "0.145247"],
  ["hillstrom", "visit", "Womens E-Mail", "0.045233", "0.003234"],
  ["hillstrom", "conversion", "Womens E-Mail", "0.003111", "0.000823"],
  ["hillstrom", "spend", "Womens E-Mail", "0.424412", "0.130333"],
  ["hillstrom/womens", "visit", "Womens E-Mail", "0.045233", "0.003234"],
  ["lalonde", "re78", "1", "1794.342", "670.997"],
  ["lalonde/nsw", "re78", "1", "886.304", "488.205"],
  ["lalonde/psid", "re78", "1", "-15204.777"],
  ["lalonde/psid3", "re78", "1", "1069.850"],
  ["lalonde/cps", "re78", "1", "-8497.516"],
  ["lalonde/cps3", "re78", "1", "-635.026"],
  ["lalonde/women", "re79", "1", "821.49", "307.89"],
  ["jobcorps", "earny4", "1", "16.055", "4.074"],
  ["jobcorps", "earny2", "1", "-2.272", "3.156"],
  ["jtpa", "earnings", "1", "1159.43", "330.47"],
  ["jtpa/men", "earnings", "1", "1116.58", "568.60"],
  ["jtpa/women", "earnings", "1", "1242.56", "358.86"],
  ["star", "gktreadss", "small", "5.815", "1.041"],
  ["star", "gktmathss", "small", "7.732", "1.584"],
  ["star/longterm", "g8treadss", "small", "2.799", "1.740"],
  ["star/longterm", "hsgpaoverall", "small", "0.340", "0.377"],
  ["information", "PURCHASE", "1", "0.008236", "0.007995"],
  ["information/valid", "PURCHASE", "1", "-0.004632", "0.008022"],
  ["nhefs", "wt82_71", "1", "2.5406", "0.4875"],
  ["couponsretailer", "dailyspending", "1", "60.7606"],
];

describe.skipIf(shared === undefined)(`the public files${needsShared}`, () => {
  const opened = new Map<string, Promise<Dataset>>();
  const open = (name: string): Promise<Dataset> => {
    process.env.LIFTWISE_DATA_DIR = shared;
    const data = opened.get(name) ?? openDataset(name);
    opened.set(name, data);
    return data;
  };

  test.each(references)("%s: the effect on %s of %s is the reference %s", async (source, outcome, arm, value, se) => {
    const [got, gotSe] = difference(await open(source), outcome, arm);
    expectPrinted(got, value, "difference");
    if (se !== undefined) expectPrinted(gotSe, se, "standard error");
  });

  test("hillstrom: roles, arms and levels are those of the experiment", async () => {
    const data = await open("hillstrom");
    expect(data.rows).toBe(64000);
    const { arm, arms } = data.treatment();
    expect(arms).toEqual(["No E-Mail", "Mens E-Mail", "Womens E-Mail"]);
    expect([0, 1, 2].map((a) => arm.filter((v) => v === a).length)).toEqual([21306, 21307, 21387]);
    expect(data.roles.features).toEqual(["recency", "history_segment", "history", "mens", "womens", "zip_code", "newbie", "channel"]);
    expect((data.column("channel") as { levels: readonly string[] }).levels).toEqual(["Multichannel", "Phone", "Web"]);
    requireUsable(data);
  });

  test("ihdp and acic2016: the true mean effects are the published ones, replication by replication", async () => {
    const printed: readonly [string, string[]][] = [
      ["ihdp", ["4.0161", "4.0508", "4.0992", "4.2737", "4.1624", "4.004", "3.9905", "3.8537", "10.466", "4.586"]],
      ["acic2016", ["2.128079", "4.679245", "4.751826", "4.795964", "3.352959", "2.927537", "3.948746", "1.521116", "3.799357", "4.223393"]],
    ];
    for (const [name, values] of printed) {
      for (const r of [1, 5, 9, 10]) {
        const data = await open(`${name}/${r}`);
        const effect = data.trueEffect("1") as Float64Array;
        expectPrinted(effect.reduce((sum, v) => sum + v, 0) / data.rows, values[r - 1], `${name}/${r}`);
      }
    }
  });

  test("acic2016: the outcome shown is that of the arm, and text features are categories", async () => {
    const data = await open("acic2016/3");
    const { arm } = data.treatment();
    const [y, y0, y1] = ["y", "y0", "y1"].map((name) => data.number(name));
    expect(y.every((v, i) => v === (arm[i] === 1 ? y1[i] : y0[i]))).toBe(true);
    expect(
      data
        .features()
        .columns.filter((column) => column.kind === "category")
        .map((column) => column.name),
    ).toEqual(["x_2", "x_21", "x_24"]);
    expect([data.rows, data.roles.features.length]).toEqual([4802, 58]);
  });

  test("jobs: 3,212 rows, of which the randomised 722 give the published effect", async () => {
    const data = await open("jobs");
    expect([data.rows, data.roles.features.length]).toEqual([3212, 17]);
    const e = data.number("e");
    const trial = data.take(Array.from(e.keys()).filter((i) => e[i] === 1));
    expect(trial.rows).toBe(722);
    const [value, se] = difference(trial, "yf", "1");
    expectPrinted(value, "0.07794", "difference");
    expectPrinted(se, "0.0330", "standard error");
  });

  test("twins: mortality of both twins as published, curly quotes and all; each seed shows one of them", async () => {
    const data = await open("twins");
    expect(data.rows).toBe(11400);
    const mean = (name: string): number => data.number(name).reduce((sum, v) => sum + v, 0) / data.rows;
    expectPrinted(100 * mean("mortality_lighter"), "17.693", "lighter");
    expectPrinted(100 * mean("mortality_heavier"), "16.079", "heavier");
    expectPrinted((data.trueEffect("1") as Float64Array).reduce((sum, v) => sum + v, 0) / data.rows, "-0.016140", "effect");
    expect(data.roles.features).toHaveLength(30);
    expect(data.features().columns.every((column) => column.kind === "number")).toBe(true);
    expect((await open("twins/2")).treatment().arm).not.toEqual(data.treatment().arm);
    expect(new Set((await open("twins/randomised-1")).number("propensity"))).toEqual(new Set([0.5]));
  });

  test("ihdp-longterm: series and covariates stand side by side, row for row", async () => {
    const [data, short] = [await open("ihdp-longterm/2"), await open("ihdp/2")];
    expect(data.treatment().arm).toEqual(short.treatment().arm);
    expect(data.number("x1")).toEqual(short.number("x1"));
    expect(data.roles.surrogates).toHaveLength(99);
    const [value] = difference(data, "step_100", "1");
    expect(Number.isFinite(value)).toBe(true);
  });

  test("attribution-pathdata: journeys are sequences whose totals are the published ones", async () => {
    const data = await open("attribution-pathdata");
    const path = data.column("path") as SequenceColumn;
    const total = (name: string): number => data.number(name).reduce((sum, v) => sum + v, 0);
    expect([total("total_conversions"), total("total_null"), path.values.length]).toEqual([19785, 68602, 59454]);
    expectPrinted(total("total_conversion_value"), "74802.972", "value");
    expect(Math.max(...path.offsets.subarray(1).map((end, i) => end - path.offsets[i]))).toBe(89);
    expect(path.levels).toEqual(["alpha", "beta", "delta", "epsilon", "eta", "gamma", "iota", "kappa", "lambda", "mi", "theta", "zeta"]);
  });

  test("completejourney: every campaign sent, and every coupon redeemed of it", async () => {
    const data = await open("completejourney");
    expect(data.rows).toBe(6589);
    expect(new Set(data.number("campaign_id")).size).toBe(27);
    expect(data.number("redemptions").reduce((sum, v) => sum + v, 0)).toBe(2102);
  });

  test("every variant of every data set at hand opens with its roles, and says its caveats", async () => {
    process.env.LIFTWISE_DATA_DIR = shared;
    const rows = new Map<string, number>();
    for (const entry of catalogue()) {
      const all = variantNames(entry);
      for (const variant of new Set([all[0], all[all.length - 1]])) {
        const name = `${entry.name}/${variant}`;
        if (catalogueTable(name).files.some((file) => locate(file, [shared as string]) === undefined)) continue;
        const { data, notes, sha256 } = await openSource(name);
        rows.set(name, data.rows);
        expect(notes.slice(0, entry.caveats.length)).toEqual(entry.caveats);
        expect(await sha256()).toMatch(/^[0-9a-f]{64}$/);
        if (variant === all[0]) expect(data.rows, name).toBe(entry.rows);
        if (data.roles.treatment !== undefined) requireUsable(data);
      }
    }
    expect(rows.get("surrogate-trials/colorectal")).toBe(3943);
    expect(rows.get("lalonde/women-psid")).toBe(1248);
    expect(rows.get("nhefs/all")).toBe(1629);
  });

  test("values of a file that each must convert for himself are the ones on record", async () => {
    for (const entry of catalogue()) {
      for (const file of entry.files.filter((candidate) => candidate.values !== undefined)) {
        const path = locate(file, [shared as string]) as string;
        const other = join(folder, "rewritten", file.path.replace(/\.gz$/, ""));
        mkdirSync(join(other, ".."), { recursive: true });
        // Another line end and no last one: other bytes, the same values.
        const bytes = readFileSync(path);
        const text = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
        writeFileSync(other, text.trimEnd().replaceAll(/\r?\n/g, "\r\n"));
        expect((await verify(file, other)).by, file.path).toBe("values");
      }
    }
  });

  test("the folder of a data set names it as well as its name does", async () => {
    const data = await openDataset(join(shared as string, "nhefs"));
    expect([data.name, data.rows]).toEqual(["nhefs", 1566]);
  });

  test("a table is put together from the folders given", async () => {
    const { columns } = await assemble(catalogueTable("jtpa"), [shared as string], (names) => names.slice(0, 2));
    expect(columns.map((column) => column.name)).toEqual(["recid", "radate"]);
  });
});

test("datasets/ holds schemas and cards, and no code", async () => {
  for (const name of catalogueNames()) expect(readdirSync(join(catalogueFolder(), name)).toSorted()).toEqual(["card.md", "schema.json"]);
  expect(existsSync(catalogueFolder())).toBe(true);
});

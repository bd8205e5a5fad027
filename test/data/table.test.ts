import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { withDuck } from "../../src/data/duck.ts";
import { categoryColumn, numberColumn } from "../../src/data/dataset.ts";
import { type DanfoFrame, fromDanfo, toDanfo } from "../../src/data/danfo.ts";
import { hashColumns, hashFile } from "../../src/data/hash.ts";
import { readTable } from "../../src/data/read.ts";
import { fromRows } from "../../src/data/rows.ts";
import type { CategoryColumn, Column, NumberColumn, SequenceColumn } from "../../src/data/schema.ts";
import { atomically, writeTable } from "../../src/data/write.ts";

const folder = mkdtempSync(join(tmpdir(), "liftwise-table-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("fromRows", () => {
  test("numbers, truth values and dates are numbers; texts and long whole numbers categories; lists sequences; absent keys missing", () => {
    const data = fromRows(
      [
        { n: 1.5, b: true, d: new Date(Date.UTC(2020, 0, 1)), s: "x", i: 2n ** 60n, l: ["q", "p"], k: 3n },
        { n: null, s: undefined, l: [] },
        { n: Number.NaN, b: false, s: "a", i: 2n ** 60n + 1n, l: null },
      ],
      { features: ["n"], outcomes: ["b"] },
    );
    const numbers = (name: string): number[] => [...(data.column(name) as NumberColumn).values];
    expect(numbers("n")).toEqual([1.5, Number.NaN, Number.NaN]);
    expect(numbers("b")).toEqual([1, Number.NaN, 0]);
    expect(numbers("d")).toEqual([Date.UTC(2020, 0, 1), Number.NaN, Number.NaN]);
    expect(numbers("k")).toEqual([3, Number.NaN, Number.NaN]);
    expect(data.column("s")).toEqual(categoryColumn("s", ["x", null, "a"]));
    expect((data.column("i") as CategoryColumn).levels).toEqual(["1152921504606846976", "1152921504606846977"]);
    expect(data.column("l")).toEqual({
      kind: "sequence",
      name: "l",
      offsets: new Int32Array([0, 2, 2, 2]),
      values: new Float64Array([1, 0]),
      levels: ["p", "q"],
    });
  });

  test("a column of two kinds is refused with both places", () => {
    expect(() => fromRows([{ x: 1 }, { x: null }, { x: "two" }], { features: [], outcomes: [] })).toThrow(
      /column "x" holds a number in row 1 \(1\) and a text in row 3 \("two"\); make them one kind/,
    );
    expect(() => fromRows([{ l: [1, "a"] }], { features: [], outcomes: [] })).toThrow(/column "l" holds a number in row 1/);
  });

  test("no records make an empty dataset, and a role without a column is named", () => {
    expect(fromRows([], { features: [], outcomes: [] }).rows).toBe(0);
    expect(() => fromRows([{ x: 1 }], { features: ["y"], outcomes: [] })).toThrow(/no column "y"/);
  });
});

// What danfo 1.2 shows of a frame; the real package is held against this in the notebooks folder.
class Frame implements DanfoFrame {
  readonly columns: string[];
  readonly dtypes: string[];
  private readonly data: Record<string, readonly unknown[]>;
  constructor(data: Record<string, readonly unknown[]>, options?: { columns?: string[]; dtypes?: string[] }) {
    this.data = data;
    this.columns = options?.columns ?? Object.keys(data);
    this.dtypes = options?.dtypes ?? this.columns.map((name) => (typeof data[name].find((v) => v !== null) === "string" ? "string" : "float32"));
  }
  column(name: string): { readonly values: unknown } {
    return { values: this.data[name] };
  }
}

describe("danfo frames", () => {
  test("come in by dtype: numbers, truth values, texts that look like numbers, missing values of every sort", () => {
    const frame = new Frame(
      { x: [1, null, Number.NaN], b: [true, false, undefined], s: ["a", 7, null] },
      { columns: ["x", "b", "s"], dtypes: ["float32", "boolean", "string"] },
    );
    const data = fromDanfo(frame, { features: ["s"], outcomes: ["x"] });
    expect(data.columns).toEqual([
      numberColumn("x", [1, Number.NaN, Number.NaN]),
      numberColumn("b", [1, 0, Number.NaN]),
      categoryColumn("s", ["a", "7", null]),
    ]);
  });

  test("go out and come back the same", () => {
    const data = fromRows(
      [
        { x: 0.1, s: "a" },
        { x: null, s: null },
      ],
      { features: ["s"], outcomes: ["x"] },
    );
    const back = fromDanfo(toDanfo(data, Frame), data.roles);
    expect(back.columns).toEqual(data.columns);
  });

  test("what is no frame, and a sequence on its way out, are refused", () => {
    expect(() => fromDanfo({ columns: ["x"] } as unknown as DanfoFrame, { features: [], outcomes: [] })).toThrow(
      /has columns, dtypes and column\(name\); got object/,
    );
    expect(() => toDanfo(fromRows([{ l: [1] }], { features: [], outcomes: [] }), Frame)).toThrow(/column "l": a sequence has no place in a danfo frame/);
  });
});

const at = (path: string, columns: Column[]): Promise<void> => writeTable(join(folder, path), columns);

describe("writeTable", () => {
  const numbers = fc.double({ noDefaultInfinity: true });
  const texts = fc.oneof(
    fc.constant(null),
    fc.string({ minLength: 1, unit: "binary" }).filter((text) => Buffer.from(text).toString() === text && !text.includes("\0")),
  );

  test("what is written as Parquet is read back to the bit, whatever the numbers and texts", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(numbers, texts), { minLength: 1, maxLength: 100 }), async (rows) => {
        const columns = [
          numberColumn(
            "x",
            rows.map(([x]) => x),
          ),
          categoryColumn(
            "s",
            rows.map(([, s]) => s),
          ),
        ];
        const path = join(folder, "p.parquet");
        await writeTable(path, columns);
        expect(await readTable(path)).toEqual(columns);
      }),
      { numRuns: 10 },
    );
  });

  test("levels stand in the order of code points wherever they come from: U+FF01 before an emoji", async () => {
    const column = categoryColumn("s", ["\u{1F600}", "\uFF01", "a"]);
    expect(column.levels).toEqual(["a", "\uFF01", "\u{1F600}"]);
    const path = join(folder, "order.parquet");
    await writeTable(path, [column]);
    expect(await readTable(path)).toEqual([column]);
  });

  test("what is written as CSV is read back to the bit: every digit, quotes, delimiters, line breaks and edge spaces in texts", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(numbers, texts), { minLength: 1, maxLength: 100 }), async (rows) => {
        const columns = [
          numberColumn(
            "x",
            rows.map(([x]) => x),
          ),
          categoryColumn(
            "s",
            rows.map(([, s]) => s),
          ),
        ];
        const path = join(folder, "p.csv");
        await writeTable(path, columns);
        expect(await readTable(path, { text: ["s"] })).toEqual(columns);
      }),
      { numRuns: 10 },
    );
  });

  test("CSV is as a person would write it: whole numbers without a point, missing as nothing, texts quoted where they must be", async () => {
    const path = join(folder, "plain.csv");
    await writeTable(path, [numberColumn("n", [1, Number.NaN, -2.5]), categoryColumn("a, b", ["x", 'say "hi"', null])]);
    expect(readFileSync(path, "utf8")).toBe('n,"a, b"\n1,x\n,"say ""hi"""\n-2.5,\n');
    await writeTable(join(folder, "plain.tsv"), [numberColumn("a", [1]), categoryColumn("b", ["x,y"])]);
    expect(readFileSync(join(folder, "plain.tsv"), "utf8")).toBe("a\tb\n1\tx,y\n");
  });

  test("gzip by extension; many rows in their order; the folder is made", async () => {
    const n = 30_000;
    const column = numberColumn(
      "i",
      Float64Array.from({ length: n }, (_, i) => i),
    );
    for (const name of ["deep/er/many.csv.gz", "many.csv", "many.parquet"]) {
      await writeTable(join(folder, name), [column]);
      expect(await readTable(join(folder, name))).toEqual([column]);
    }
  });

  test("sequences go to Parquet and come back, of numbers and of texts", async () => {
    const data = fromRows(
      [
        { l: [1, null, 3], s: ["b", "a"] },
        { l: [], s: null },
        { l: [2], s: ["b"] },
      ],
      { features: [], outcomes: [] },
    );
    const path = join(folder, "lists.parquet");
    await writeTable(path, data.columns);
    expect((await readTable(path)) as SequenceColumn[]).toEqual(data.columns);
    await expect(writeTable(join(folder, "lists.csv"), data.columns)).rejects.toThrow(/column "l" is a sequence, which CSV has no place for; write \.parquet/);
  });

  test("a name in the columns is a name in the file, whatever it holds", async () => {
    const columns = ['say "x"', "a'b", "select", "ü"].map((name) => numberColumn(name, [1]));
    for (const name of ["names.parquet", "names.csv"]) {
      await writeTable(join(folder, name), columns);
      expect((await readTable(join(folder, name))).map((column) => column.name)).toEqual(columns.map((column) => column.name));
    }
  });

  test("an extension it does not know, no columns, unequal lengths and double names are refused", async () => {
    await expect(at("x.xlsx", [numberColumn("a", [1])])).rejects.toMatchObject({
      kind: "usage",
      message: expect.stringMatching(/written as \.csv, \.csv\.gz, \.tsv or \.parquet/),
    });
    await expect(at("x.csv", [])).rejects.toThrow(/no columns to write/);
    await expect(at("x.csv", [numberColumn("a", [1]), numberColumn("b", [1, 2])])).rejects.toThrow(/column "b" has 2 rows where "a" has 1/);
    await expect(at("x.csv", [numberColumn("a", [1]), numberColumn("a", [2])])).rejects.toThrow(/column "a" appears twice/);
  });

  test("a file appears whole or not at all: a failed write leaves what was there, and nothing beside it", async () => {
    const path = join(folder, "whole", "kept.txt");
    await atomically(path, async (temporary) => writeFileSync(temporary, "old"));
    await expect(
      atomically(path, async (temporary) => {
        writeFileSync(temporary, "half");
        throw new Error("power cut");
      }),
    ).rejects.toThrow("power cut");
    expect(readdirSync(join(folder, "whole"))).toEqual(["kept.txt"]);
    expect(readFileSync(path, "utf8")).toBe("old");
  });
});

function hashOf(...lists: (number | string)[][]): string {
  const rows = lists.map((l) => ({ l }));
  return hashColumns(fromRows(rows, { features: [], outcomes: [] }).columns);
}

describe("hashColumns", () => {
  const base: Column[] = [numberColumn("x", [1, Number.NaN, -0]), categoryColumn("s", ["b", null, "a"])];

  test("is that of the values: the order of levels, unused levels and the sign of zero make no difference", () => {
    const other: Column[] = [
      numberColumn("x", [1, Number.NaN, 0]),
      { kind: "category", name: "s", codes: new Int32Array([0, -1, 2]), levels: ["b", "unused", "a"] },
    ];
    expect(hashColumns(other)).toBe(hashColumns(base));
  });

  test("changes with any value, name, order or kind", () => {
    const [x, s] = base;
    const others: Column[][] = [
      [s, x],
      [numberColumn("x", [1, 2, 0]), s],
      [numberColumn("z", [1, Number.NaN, 0]), s],
      [x, categoryColumn("s", ["b", "a", "a"])],
      [x, categoryColumn("s", ["b", null, "c"])],
      [x],
    ];
    expect(new Set([base, ...others].map(hashColumns)).size).toBe(others.length + 1);
  });

  test("of sequences: where lists end matters, not only what they hold", () => {
    expect(new Set([hashOf([1], [2]), hashOf([1, 2], []), hashOf(["1"], ["2"]), hashOf(["1", "2"], [])]).size).toBe(4);
  });

  test("of more values than fit into one block", () => {
    const n = 10_000;
    const values = Float64Array.from({ length: n }, (_, i) => i);
    const changed = values.slice();
    changed[n - 1] = -1;
    expect(hashColumns([numberColumn("x", values)])).not.toBe(hashColumns([numberColumn("x", changed)]));
    expect(hashColumns([numberColumn("x", values)])).toBe(hashColumns([numberColumn("x", values.slice())]));
  });
});

test("hashFile is the SHA-256 that any tool gives (FIPS 180-2: abc), or the MD5 (RFC 1321), or that of the unpacked bytes", async () => {
  const { gzipSync } = await import("node:zlib");
  const path = join(folder, "abc");
  writeFileSync(path, "abc");
  writeFileSync(`${path}.gz`, gzipSync("abc"));
  const sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  expect(await hashFile(path)).toBe(sha256);
  expect(await hashFile(path, { algorithm: "md5" })).toBe("900150983cd24fb0d6963f7d28e17f72");
  expect(await hashFile(`${path}.gz`, { gunzip: true })).toBe(sha256);
});

test("the engine is closed after use, also after a failure", async () => {
  await expect(withDuck(async (con) => void (await con.run("select nothing from nowhere")))).rejects.toThrow(/nowhere/);
  expect(await withDuck(async (con) => (await con.runAndReadAll("select 1")).getRows().length)).toBe(1);
});

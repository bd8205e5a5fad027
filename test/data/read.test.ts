import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync, gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { withDuck } from "../../src/data/duck.ts";
import { readNpz } from "../../src/data/npz.ts";
import { readTable } from "../../src/data/read.ts";
import type { CategoryColumn, Column, NumberColumn, SequenceColumn } from "../../src/data/schema.ts";

const folder = mkdtempSync(join(tmpdir(), "liftwise-read-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const numbers = (column: Column): number[] => Array.from((column as NumberColumn).values);
const texts = (column: Column): (string | null)[] =>
  Array.from((column as CategoryColumn).codes, (code) => (code < 0 ? null : (column as CategoryColumn).levels[code]));
const kinds = (columns: readonly Column[]): string[] => columns.map((column) => `${column.name}:${column.kind}`);

/** A Parquet file made by the engine itself from a query. */
async function parquet(name: string, query: string): Promise<string> {
  const path = join(folder, name);
  await withDuck(async (con) => void (await con.run(`copy (${query}) to '${path}' (format parquet)`)));
  return path;
}

describe("CSV", () => {
  test("numbers, truth values, dates and texts get their kinds, and empty fields are missing", async () => {
    const path = file("kinds.csv", "n,b,d,t,s\n1.5,true,2020-01-02,2020-01-02 03:04:05.25,x\n,false,,,\n-3,,1970-01-01,1969-12-31 23:59:59,a\n");
    const [n, b, d, t, s] = await readTable(path);
    expect(numbers(n)).toEqual([1.5, Number.NaN, -3]);
    expect(numbers(b)).toEqual([1, 0, Number.NaN]);
    expect(numbers(d)).toEqual([Date.UTC(2020, 0, 2), Number.NaN, 0]);
    expect(numbers(t)).toEqual([Date.UTC(2020, 0, 2, 3, 4, 5, 250), Number.NaN, -1000]);
    expect(texts(s)).toEqual(["x", null, "a"]);
    expect((s as CategoryColumn).levels).toEqual(["a", "x"]);
  });

  test("doubles keep every digit, whatever the machine wrote", async () => {
    const values = [Math.PI, 1 / 3, 5e-324, 1.7976931348623157e308, -0.1, 123456789.12345679, 2 ** 53, -(2 ** 53) + 1];
    const [x] = await readTable(file("digits.csv", `x\n${values.join("\n")}\n`));
    expect(numbers(x)).toEqual(values);
  });

  test("NA and its like are missing among numbers, truth values and dates, and levels among texts", async () => {
    const [a, b, c, d] = await readTable(file("na.csv", "a,b,c,d\n1,NA,NA,NA\nNA,TRUE,2020-01-01,east\n2.5,FALSE,NA,NA\n"));
    expect(numbers(a)).toEqual([1, Number.NaN, 2.5]);
    expect(numbers(b)).toEqual([Number.NaN, 1, 0]);
    expect(numbers(c)).toEqual([Number.NaN, Date.UTC(2020, 0, 1), Number.NaN]);
    expect(texts(d)).toEqual(["NA", "east", "NA"]);
  });

  test("a value far below the sampled rows that contradicts the type is no error: n/a is missing, a text makes a category", async () => {
    const body = Array.from({ length: 30000 }, (_, i) => `${i},${i % 7}`).join("\n");
    const [a, b] = await readTable(file("late.csv", `a,b\n${body}\nn/a,three\n1.5,0\n`));
    expect(numbers(a).slice(-3)).toEqual([29999, Number.NaN, 1.5]);
    expect(b.kind).toBe("category");
    expect(texts(b).slice(-2)).toEqual(["three", "0"]);
  });

  test("identifiers longer than 2^53, up to any length, stay exact as categories; leading zeros too", async () => {
    const [id, long, zip, float] = await readTable(
      file("ids.csv", "id,long,zip,float\n9007199254740993,123456789012345678901234,00123,1e300\n9007199254740994,123456789012345678901235,04567,2\n"),
    );
    expect(texts(id)).toEqual(["9007199254740993", "9007199254740994"]);
    expect(texts(long)).toEqual(["123456789012345678901234", "123456789012345678901235"]);
    expect(texts(zip)).toEqual(["00123", "04567"]);
    expect(numbers(float)).toEqual([1e300, 2]);
    const [late] = await readTable(file("late-ids.csv", `id\n${Array.from({ length: 30000 }, (_, i) => i).join("\n")}\n123456789012345678901\n`));
    expect(texts(late)[30000]).toBe("123456789012345678901");
  });

  test("columns asked for come in the order asked for, and as text where asked for", async () => {
    const path = file("some.csv", "a,b,c\n1,2,3\n4,5,6\n");
    const columns = await readTable(path, { columns: ["c", "a"], text: ["a"] });
    expect(kinds(columns)).toEqual(["c:number", "a:category"]);
    expect(texts(columns[1])).toEqual(["1", "4"]);
    await expect(readTable(path, { columns: ["bb"] })).rejects.toThrow(/no column "bb"; did you mean "b"\?/);
  });

  test("names are taken as they are: quotes straight and curly, upper and lower case, line breaks, byte order mark", async () => {
    const columns = await readTable(file("names.csv", "\ufeff'a',outcome(t=0)’,A,a,\"two\nlines\",“b”\n1,2,3,4,5,6\n"));
    expect(columns.map((column) => column.name)).toEqual(["'a'", "outcome(t=0)’", "A", "a", "two\nlines", "“b”"]);
    expect(columns.flatMap(numbers)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("a column without a name, as row names leave it, is named by its place", async () => {
    expect(kinds(await readTable(file("index.csv", ",x\n0,5\n1,6\n")))).toEqual(["unnamed_1:number", "x:number"]);
  });

  test("a file without header is read with the names given, of any extension", async () => {
    const path = file("bare.txt", "1,2.5\n0,3.5\n");
    expect((await readTable(path, { names: ["t", "y"] })).map(numbers)).toEqual([
      [1, 0],
      [2.5, 3.5],
    ]);
    await expect(readTable(path)).rejects.toThrow(/first line holds only numbers .*no header; add one/);
    await expect(readTable(path, { names: ["t"] })).rejects.toThrow(/1 names were given where the file has 2 columns/);
  });

  test("tabs, bars and semicolons delimit too; with semicolons a comma is the decimal point", async () => {
    expect((await readTable(file("t.tsv", "a\tb\n1,5\tx\n"))).map((column) => column.kind)).toEqual(["category", "category"]);
    expect((await readTable(file("bar.csv", "a|b\n1|2\n"))).flatMap(numbers)).toEqual([1, 2]);
    const [a, b] = await readTable(file("semi.csv", "a;b\n1,5;x,y\n;z\n-2;w\n"));
    expect(numbers(a)).toEqual([1.5, Number.NaN, -2]);
    expect(texts(b)).toEqual(["x,y", "z", "w"]);
  });

  test("quoted fields hold delimiters, quotes and line breaks; Windows line ends make no difference", async () => {
    const [a, b] = await readTable(file("quoted.csv", 'a,b\r\n"x, ""y""",1\r\n"two\r\nlines",2\r\n'));
    expect(texts(a)).toEqual(['x, "y"', "two\r\nlines"]);
    expect(numbers(b)).toEqual([1, 2]);
  });

  test("gzip is told by content: with or without .gz in the name", async () => {
    const zipped = gzipSync("a,b\n1,2\n");
    for (const path of [file("z.csv.gz", zipped), file("z.csv", zipped), file("plain.csv.gz", "a,b\n1,2\n")])
      expect((await readTable(path)).flatMap(numbers)).toEqual([1, 2]);
  });

  test("rows keep their order however many there are", async () => {
    const n = 300_000;
    const [x, s] = await readTable(file("order.csv", `x,s\n${Array.from({ length: n }, (_, i) => `${i},k${i % 1000}`).join("\n")}\n`));
    expect(numbers(x).every((value, i) => value === i)).toBe(true);
    expect(texts(s).every((value, i) => value === `k${i % 1000}`)).toBe(true);
  });

  test("a column of very many texts has its levels in order and each row its own, missing rows among them", async () => {
    const n = 25_000;
    const text = (i: number): string => (i % 100 === 7 ? "" : `k${(i * 7919) % n}`);
    const [s] = await readTable(file("many.csv", `s,x\n${Array.from({ length: n }, (_, i) => `${text(i)},${i}`).join("\n")}\n`));
    expect(texts(s).every((value, i) => (value ?? "") === text(i))).toBe(true);
    const { levels } = s as CategoryColumn;
    expect(levels.length).toBeGreaterThan(20_000);
    expect(levels.every((level, i) => i === 0 || levels[i - 1] < level)).toBe(true);
  });

  test("a path with quotes and pattern characters is a path", async () => {
    expect((await readTable(file("it's [1]*?.csv", "a\n7\n"))).flatMap(numbers)).toEqual([7]);
  });

  test("a column without any value is a number that is missing everywhere", async () => {
    const [a] = await readTable(file("void.csv", "a,b\n,1\n,2\n"));
    expect(numbers(a)).toEqual([Number.NaN, Number.NaN]);
  });
});

describe("Parquet", () => {
  test("every scalar type gets its kind and value, nulls are missing", async () => {
    const path = await parquet(
      "types.parquet",
      `select * from (values (1::TINYINT, 2::UINTEGER, 3::BIGINT, 1.25::FLOAT, 12.34::DECIMAL(10,2), true, date '2020-01-02', timestamp '2020-01-02 00:00:01', timestamptz '2020-01-02 02:00:00+02', time '00:00:01', 'x'),
       (null, null, null, null, null, null, null, null, null, null, null)) t(i, u, b, f, d, l, day, instant, tz, clock, s)`,
    );
    const columns = await readTable(path);
    expect(kinds(columns).filter((kind) => kind.endsWith("category"))).toEqual(["s:category"]);
    expect(columns.slice(0, -1).map((column) => numbers(column)[0])).toEqual([
      1,
      2,
      3,
      1.25,
      12.34,
      1,
      Date.UTC(2020, 0, 2),
      Date.UTC(2020, 0, 2, 0, 0, 1),
      Date.UTC(2020, 0, 2),
      1000,
    ]);
    expect(columns.slice(0, -1).every((column) => Number.isNaN(numbers(column)[1]))).toBe(true);
    expect(texts(columns[10])).toEqual(["x", null]);
  });

  test("whole numbers beyond 2^53 are kept exact as a category; those within are numbers", async () => {
    const [big, small] = await readTable(await parquet("big.parquet", "select 9007199254740993 + i as big, 9007199254740990 + i as small from range(3) r(i)"));
    expect(texts(big)).toEqual(["9007199254740993", "9007199254740994", "9007199254740995"]);
    expect(numbers(small)).toEqual([9007199254740990, 9007199254740991, 9007199254740992]);
  });

  test("lists are sequences: of numbers, of texts with their levels, empty and null alike empty", async () => {
    const [x, s] = await readTable(await parquet("lists.parquet", "select * from (values ([1.5, null, 2], ['b', 'a']), ([], ['b']), (null, null)) t(x, s)"));
    expect([...(x as SequenceColumn).offsets]).toEqual([0, 3, 3, 3]);
    expect([...(x as SequenceColumn).values]).toEqual([1.5, Number.NaN, 2]);
    expect([...(s as SequenceColumn).offsets]).toEqual([0, 2, 3, 3]);
    expect(Array.from((s as SequenceColumn).values, (code) => (s as SequenceColumn).levels?.[code])).toEqual(["b", "a", "b"]);
  });

  test("a text column without any value is a category without levels", async () => {
    const [s] = await readTable(await parquet("no-text.parquet", "select null::VARCHAR as s from range(2)"));
    expect(s).toEqual({ kind: "category", name: "s", codes: new Int32Array([-1, -1]), levels: [] });
  });

  test("a column of nested records is refused by name, and left alone when not asked for", async () => {
    const path = await parquet("nested.parquet", "select {'a': 1} as person, 2 as x");
    await expect(readTable(path)).rejects.toThrow(/column "person" holds nested records/);
    expect((await readTable(path, { columns: ["x"] })).flatMap(numbers)).toEqual([2]);
  });

  test("names that differ in case only are two columns, and the same name twice is an error", async () => {
    // No writer at hand makes such files, so a name is overwritten in the bytes of one.
    const bytes = readFileSync(await parquet("pair.parquet", "select 1 as col_a, 2 as col_b")).toString("latin1");
    const renamed = (name: string): string => file(`${name}.parquet`, Buffer.from(bytes.replaceAll("col_b", name), "latin1"));
    const columns = await readTable(renamed("COL_A"));
    expect(columns.map((column) => [column.name, ...numbers(column)])).toEqual([
      ["col_a", 1],
      ["COL_A", 2],
    ]);
    await expect(readTable(renamed("col_a"))).rejects.toThrow(/column "col_a" appears twice \(columns 1 and 2\); rename/);
  });
});

describe("JSON", () => {
  test("JSON lines and a list of records are the same table; a key that is not there is missing", async () => {
    const rows = ['{"x": 1, "s": "a", "l": [1, 2]}', '{"s": "b", "d": "2020-01-01"}', '{"x": 2.5, "l": []}'];
    const lines = await readTable(file("r.jsonl", rows.join("\n")));
    const list = await readTable(file("r.json", `[${rows.join(",")}]`));
    expect(list).toEqual(lines);
    expect(kinds(lines)).toEqual(["x:number", "s:category", "l:sequence", "d:number"]);
    expect(numbers(lines[0])).toEqual([1, Number.NaN, 2.5]);
    expect(texts(lines[1])).toEqual(["a", "b", null]);
    expect([...(lines[2] as SequenceColumn).offsets]).toEqual([0, 2, 2, 2]);
  });

  test("long identifiers keep their digits, and a column of numbers and texts is text", async () => {
    const [id, mixed] = await readTable(file("ids.json", '[{"id": 123456789012345678901234567890123456789012, "m": 1}, {"id": 12, "m": "k"}]'));
    expect(texts(id)).toEqual(["123456789012345678901234567890123456789012", "12"]);
    expect(texts(mixed)).toEqual(["1", "k"]);
  });

  test("a record below the sampled ones may contradict the types guessed from them", async () => {
    const rows = Array.from({ length: 25000 }, (_, i) => `{"x": ${i}}`);
    const [x] = await readTable(file("late.jsonl", [...rows, '{"x": "many"}'].join("\n")));
    expect(texts(x)[25000]).toBe("many");
  });
});

function npy(descr: string, shape: string, data: Uint8Array, order = "False"): Buffer {
  const dict = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
  const header = dict.padEnd(Math.ceil((dict.length + 11) / 64) * 64 - 11) + "\n";
  const size = Buffer.alloc(2);
  size.writeUInt16LE(header.length);
  return Buffer.concat([Buffer.from("\x93NUMPY\x01\x00", "latin1"), size, Buffer.from(header), data]);
}

function zip(entries: Record<string, Buffer>): Buffer {
  const [local, central]: Buffer[][] = [[], []];
  let at = 0;
  for (const [name, content] of Object.entries(entries)) {
    const packed = deflateRawSync(content);
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50);
    head.writeUInt16LE(8, 8);
    head.writeUInt32LE(packed.length, 18);
    head.writeUInt32LE(content.length, 22);
    head.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(8, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(content.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    local.push(head, Buffer.from(name), packed);
    central.push(entry, Buffer.from(name));
    at += 30 + name.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(Object.keys(entries).length, 10);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...local, ...central, end]);
}

describe("NumPy", () => {
  test("arrays of an archive become columns: one an array, or one a place of the other axes; others stay out", async () => {
    const x = new Float64Array([1, 2, 3, 4, 5, 6]);
    const path = file(
      "a.npz",
      zip({
        "x.npy": npy("<f8", "(3, 2, 1)", new Uint8Array(x.buffer)),
        "t.npy": npy("<i4", "(3, 1)", new Uint8Array(new Int32Array([0, 1, -1]).buffer)),
        "ate.npy": npy("<f4", "(1, 1)", new Uint8Array(new Float32Array([0.5]).buffer)),
      }),
    );
    const columns = await readTable(path);
    expect(Object.fromEntries(columns.map((column) => [column.name, numbers(column)]))).toEqual({ x1: [1, 3, 5], x2: [2, 4, 6], t: [0, 1, -1] });
    expect((await readNpz(path)).ate).toEqual({ shape: [1, 1], values: new Float64Array([0.5]) });
  });

  test("column-major arrays are read by their meaning, not their layout", async () => {
    const path = file("f.npy", npy("<f8", "(2, 3)", new Uint8Array(new Float64Array([1, 4, 2, 5, 3, 6]).buffer), "True"));
    expect([...(await readNpz(path)).x.values]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("texts, long whole numbers and cut arrays are refused by name", async () => {
    await expect(readNpz(file("u.npy", npy("<U3", "(1,)", new Uint8Array(12))))).rejects.toThrow(/array "x" has type 'descr': '<U3'/);
    await expect(readNpz(file("l.npy", npy("<i8", "(1,)", new Uint8Array(new BigInt64Array([2n ** 53n]).buffer))))).rejects.toThrow(/beyond 2\^53/);
    await expect(readNpz(file("c.npy", npy("<f8", "(2,)", new Uint8Array(8))))).rejects.toThrow(/cut short: 8 bytes of 16/);
    await expect(readTable(file("e.npz", zip({ "t.npy": npy("<f8", "(1,)", new Uint8Array(8)) }).subarray(0, 80)))).rejects.toThrow(/archive is cut short/);
  });
});

describe("a file that cannot be read is one line that says which, what, and the way out", () => {
  const body = Array.from({ length: 40000 }, (_, i) => `${i},${i * 3}`).join("\n");
  const whole = gzipSync(`a,b\n${body}\n`);
  const cases: readonly [what: string, path: () => string | Promise<string>, said: RegExp][] = [
    ["missing", () => join(folder, "quotedd.csv"), /quotedd\.csv: there is no such file; did you mean "quoted\.csv"/],
    ["missing folder", () => join(folder, "no", "x.csv"), /no such file, nor a folder/],
    ["a folder", () => folder, /is a folder; name a file in it/],
    ["empty", () => file("empty.csv", ""), /the file is empty/],
    ["duplicated header", () => file("dup.csv", "a,b,a\n1,2,3\n"), /column "a" appears twice in the header \(columns 1 and 3\); rename/],
    ["ragged early", () => file("ragged.csv", "a,b\n1,2\n3\n"), /record 3: 1 fields where the header has 2; correct/],
    ["ragged late", () => file("ragged2.csv", `a,b\n${body}\n1,2,3\n`), /line 40002: 3 fields where the header has 2; correct .*"1,2,3"/],
    ["open quote", () => file("quote.csv", `a,b\n${body}\n"1,2\n`), /line 40002: .*quote/],
    ["open quote in the header", () => file("quote2.csv", `a,"b\n${body.repeat(5)}\n`), /quote left open in the header/],
    ["not UTF-8", () => file("latin.csv", Buffer.from("name,x\nJos\xe9,1\n", "latin1")), /not UTF-8; save the file as UTF-8/],
    ["UTF-16", () => file("wide.csv", Buffer.from("\ufeffa,b\n1,2\n", "utf16le")), /UTF-16; save it as UTF-8/],
    ["gzip cut in half", () => file("cut.csv.gz", whole.subarray(0, whole.length >> 1)), /gzip file is cut short or damaged/],
    ["gzip without its last bytes", () => file("cut2.csv.gz", whole.subarray(0, whole.length - 5)), /gzip file is cut short or damaged/],
    ["not Parquet", () => file("not.parquet", "a,b\n1,2\n"), /not a Parquet file though named so \(it begins with "a,b/],
    [
      "Parquet named CSV",
      async () => file("is.csv", readFileSync(await parquet("p.parquet", "select 1 as a"))),
      /is Parquet, not CSV as its name says; rename it to end in \.parquet/,
    ],
    [
      "Parquet cut short",
      async () => file("half.parquet", readFileSync(await parquet("p2.parquet", "select i from range(9) r(i)")).subarray(0, 60)),
      /Parquet file is cut short/,
    ],
    [
      "Parquet damaged inside",
      async () => {
        const bytes = readFileSync(await parquet("p3.parquet", "select i from range(9) r(i)"));
        return file("rot.parquet", bytes.fill(255, bytes.length - 80, bytes.length - 8));
      },
      /cannot be read as Parquet/,
    ],
    ["Excel", () => file("book.xlsx", "PK\x03\x04 xx [Content_Types].xml"), /is an Excel workbook; save it as CSV or Parquet/],
    ["Excel named CSV", () => file("book.csv", "PK\x03\x04 xx [Content_Types].xml"), /is an Excel workbook, not CSV as its name says/],
    ["JSON cut short", () => file("cut.json", '[{"id":1,"x":'), /cannot be read as JSON .*; is it whole/],
    ["binary", () => file("blob.bin", new Uint8Array([1, 2, 0, 0, 3])), /not a file that can be read; CSV/],
  ];
  test.each(cases)("%s", async (_, path, said) => {
    const error = await readTable(await path()).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error?.name).toBe("LiftwiseError");
    expect(error?.message).toMatch(said);
    expect(error?.message).not.toContain("\n");
    expect((error as { kind?: string }).kind).toBe("data");
  });
});

test("reading leaves nothing behind in the working directory", () => {
  expect(execFileSync("git", ["status", "--short", "--", ".tmp"], { encoding: "utf8" })).toBe("");
});

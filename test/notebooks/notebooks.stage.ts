import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { deflateSync } from "node:zlib";
import { expect, test } from "vitest";
// @ts-expect-error: scripts are plain JavaScript
import { pictureFault } from "../../scripts/picture.mjs";

const root = resolve(import.meta.dirname, "..", "..");
const folder = join(root, "notebooks");
const notebooks = readdirSync(folder).filter((name) => name.endsWith(".ipynb"));
const run = (...words: string[]): Promise<{ stdout: string; stderr: string }> =>
  promisify(execFile)(process.execPath, [join(root, "scripts", "notebooks.mjs"), ...words], { cwd: root });

interface Notebook {
  readonly cells: readonly {
    readonly cell_type: string;
    readonly source: readonly string[];
    readonly outputs?: readonly { readonly data?: Record<string, string> }[];
  }[];
}
const read = (name: string): Notebook => JSON.parse(readFileSync(join(folder, name), "utf8")) as Notebook;

// One at a time: the first run installs the kernel.
test.for(notebooks)("%s runs in a fresh kernel without an error, passes the compiler and shows its pictures", async (name) => {
  const { stdout } = await run(name).catch((error: { stdout: string; stderr: string }) => expect.fail(`${error.stdout}\n${error.stderr}`));
  expect(stdout).toMatch(/^ok {5}.* [1-9]\d* pictures/m);
});

test("a notebook with an error, a wrong type or an empty picture fails", async () => {
  const name = `broken-${process.pid}.ipynb`;
  const cell = (source: string): object => ({ cell_type: "code", execution_count: null, id: "a", metadata: {}, outputs: [], source: [source] });
  const write = (...sources: string[]): void =>
    writeFileSync(join(folder, name), JSON.stringify({ cells: sources.map(cell), metadata: {}, nbformat: 4, nbformat_minor: 5 }));
  try {
    const faults: [string, RegExp][] = [
      ["throw new Error('no luck');", /cell 1 failed: .*no luck/s],
      ["import { metricById } from 'liftwise/metrics';\nconst text: string = metricById('qini');", /error TS2322/],
      ["const nothing = 1;", /shows no picture/],
    ];
    for (const [source, message] of faults) {
      write(source);
      const { stderr } = await run(name).then(
        () => ({ stderr: "it passed" }),
        (error: { stderr: string }) => error,
      );
      expect(stderr, source).toMatch(message);
    }
  } finally {
    rmSync(join(folder, name), { force: true });
  }
});

test("the notebooks carry the pictures of their last run, for readers who only look", () => {
  for (const name of notebooks) {
    const pictures = read(name).cells.flatMap(({ outputs = [] }) => outputs.flatMap(({ data }) => data?.["image/png"] ?? []));
    expect(pictures.length, `${name}: run npm run notebooks -- --write`).toBeGreaterThan(0);
    for (const png of pictures) expect(pictureFault(Buffer.from(png, "base64")), name).toBeUndefined();
  }
});

test("a picture of one colour, a cut one and no picture at all are told from a real one", () => {
  expect(pictureFault(png(80, 80, () => 255))).toContain("the picture is empty");
  expect(pictureFault(png(80, 80, (x) => (x < 40 ? 255 : 0)))).toBeUndefined();
  expect(pictureFault(png(8, 8, (x) => x))).toContain("8 x 8 pixels");
  expect(pictureFault(Buffer.from("<svg/>"))).toContain("no PNG");
  expect(pictureFault(png(80, 80, () => 0).subarray(0, 40))).toContain("cut off");
});

function png(width: number, height: number, shade: (x: number, y: number) => number): Buffer {
  const chunk = (type: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(body.length);
    head.write(type, 4);
    return Buffer.concat([head, body, Buffer.alloc(4)]);
  };
  const header = Buffer.from([0, 0, 0, width, 0, 0, 0, height, 8, 0, 0, 0, 0]);
  const rows = Buffer.from(Array.from({ length: height }, (_, y) => [0, ...Array.from({ length: width }, (_, x) => shade(x, y))]).flat());
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

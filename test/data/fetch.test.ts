import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import type { CatalogueFile } from "../../src/data/catalogue.ts";
import { type FetchOptions, type FetchProgress, fetchDataset, fetchFile } from "../../src/data/fetch.ts";

// Random digits do not pack, so that the file is worth resuming.
const rng = new Rng(3);
const csv = `x\n${Array.from({ length: 40_000 }, () => rng.uint32()).join("\n")}\n`;
const packed = gzipSync(csv);
const hex = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const root = mkdtempSync(join(tmpdir(), "liftwise-fetch-"));
let folder = "";
let server: Server;
let base = "";
let asked: { readonly url: string; readonly range: string | undefined }[] = [];

let cut: (received: number) => void = () => undefined;

/** Serves the file whole or in part, as a server that knows ranges does. */
function serve(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array, cutAt?: number): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const headers = { etag: '"v1"', "accept-ranges": "bytes", "content-length": bytes.length - start };
  if (start >= bytes.length) response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  else {
    if (request.headers.range === undefined) response.writeHead(200, headers);
    else response.writeHead(206, { ...headers, "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` });
    if (cutAt === undefined) response.end(bytes.subarray(start));
    else {
      response.write(bytes.subarray(start, start + cutAt));
      // Cut when the client has what was sent, however slow the machine.
      cut = (received) => received >= Math.min(start + cutAt, bytes.length) && response.destroy();
    }
  }
}

const routes: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  "/good.csv.gz": (request, response) => serve(request, response, packed),
  "/plain.csv": (request, response) => serve(request, response, Buffer.from(csv)),
  "/repacked.csv.gz": (request, response) => serve(request, response, gzipSync(csv, { level: 1 })),
  "/wrong.csv.gz": (request, response) => serve(request, response, gzipSync("x\n1\n")),
  "/breaks.csv.gz": (request, response) => serve(request, response, packed, 60_000),
  "/no-ranges.csv.gz": (_, response) => response.writeHead(200, { "content-length": packed.length }).end(packed),
  "/error": (_, response) => response.writeHead(500).end("oops"),
  "/silent": () => undefined,
  "/moved": (_, response) => response.writeHead(302, { location: "/good.csv.gz" }).end(),
};

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push({ url: request.url ?? "", range: request.headers.range });
    const route = routes[request.url ?? ""];
    if (route === undefined) response.writeHead(404).end("not here");
    else route(request, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(root, { recursive: true, force: true });
});
beforeEach(() => {
  folder = mkdtempSync(join(root, "cache-"));
  asked = [];
  cut = () => undefined;
});

const fileFrom = (...paths: string[]): CatalogueFile => ({
  path: "toy/t.csv.gz",
  sha256: hex(packed),
  content: { sha256: hex(csv) },
  also: [],
  mirrors: paths.map((path) => (path.startsWith("http") ? path : base + path)),
});
const get = (file: CatalogueFile, options: FetchOptions = {}): ReturnType<typeof fetchFile> => fetchFile("toy", file, { folder, patience: 2, ...options });
const left = (): string[] => (existsSync(join(folder, "toy")) ? readdirSync(join(folder, "toy")) : []);

describe("fetch", () => {
  test("puts the file in its place, checked, with nothing left beside it, and tells how far it is", async () => {
    const seen: FetchProgress[] = [];
    const { path, from } = await get(fileFrom("/good.csv.gz"), { progress: (progress) => seen.push(progress) });
    expect([path, from]).toEqual([join(folder, "toy/t.csv.gz"), `${base}/good.csv.gz`]);
    expect(readFileSync(path).equals(packed)).toBe(true);
    expect(left()).toEqual(["t.csv.gz"]);
    expect(seen[0]).toEqual({ file: "toy/t.csv.gz", from: `${base}/good.csv.gz`, received: 0, total: packed.length });
    expect(seen.at(-1)?.received).toBe(packed.length);
    expect(seen.every((progress, i) => i === 0 || progress.received >= seen[i - 1].received)).toBe(true);
  });

  test("asks no one for a file that is there, but checks it", async () => {
    const file = fileFrom("/good.csv.gz");
    await get(file);
    asked = [];
    expect((await get(file)).from).toBeUndefined();
    expect(asked).toEqual([]);
    writeFileSync(join(folder, "toy/t.csv.gz"), packed.subarray(0, 1000));
    await expect(get(file)).rejects.toThrow(/t\.csv\.gz: the checksum is wrong .*delete it and fetch it again/);
  });

  test("goes on where a broken connection stopped, however often it breaks", async () => {
    const { path } = await get(fileFrom("/breaks.csv.gz"), { progress: ({ received }) => cut(received) });
    expect(readFileSync(path).equals(packed)).toBe(true);
    const starts = asked.map((request) => Number(/\d+/.exec(request.range ?? "0")?.[0]));
    expect(starts).toEqual(Array.from({ length: Math.ceil(packed.length / 60_000) }, (_, i) => 60_000 * i));
  });

  test("goes on in a later call after the caller stopped it", async () => {
    const file = fileFrom("/breaks.csv.gz");
    const control = new AbortController();
    const stopped = get(file, { signal: control.signal, progress: ({ received }) => received > 0 && control.abort(new Error("enough")) });
    await expect(stopped).rejects.toThrow("enough");
    expect(left().toSorted()).toEqual(["t.csv.gz.part", "t.csv.gz.part.json"]);
    const have = readFileSync(join(folder, "toy/t.csv.gz.part")).length;
    asked = [];
    await get(file, { progress: ({ received }) => cut(received) });
    expect(have).toBeGreaterThan(0);
    expect(asked[0].range).toBe(`bytes=${have}-`);
    expect(left()).toEqual(["t.csv.gz"]);
  });

  test("a part that is already whole needs no byte more", async () => {
    const file = fileFrom("/good.csv.gz");
    await get(file);
    rmSync(join(folder, "toy/t.csv.gz"));
    writeFileSync(join(folder, "toy/t.csv.gz.part"), packed);
    writeFileSync(join(folder, "toy/t.csv.gz.part.json"), JSON.stringify({ url: file.mirrors[0], tag: '"v1"' }));
    expect(readFileSync((await get(file)).path).equals(packed)).toBe(true);
  });

  test("a part longer than the server's file is thrown away and the file loaded from the start", async () => {
    const file = fileFrom("/good.csv.gz");
    await get(file);
    rmSync(join(folder, "toy/t.csv.gz"));
    writeFileSync(join(folder, "toy/t.csv.gz.part"), Buffer.alloc(packed.length + 5));
    writeFileSync(join(folder, "toy/t.csv.gz.part.json"), JSON.stringify({ url: file.mirrors[0], tag: '"v1"' }));
    expect(readFileSync((await get(file)).path).equals(packed)).toBe(true);
  });

  test("a server that knows no ranges is loaded from the start, and a part of one mirror is not continued from another", async () => {
    const file = fileFrom("/no-ranges.csv.gz");
    await get(fileFrom("/good.csv.gz"));
    rmSync(join(folder, "toy/t.csv.gz"));
    writeFileSync(join(folder, "toy/t.csv.gz.part"), packed.subarray(0, 100));
    writeFileSync(join(folder, "toy/t.csv.gz.part.json"), JSON.stringify({ url: `${base}/good.csv.gz`, tag: null }));
    asked = [];
    expect(readFileSync((await get(file)).path).equals(packed)).toBe(true);
    expect(asked).toEqual([{ url: "/no-ranges.csv.gz", range: undefined }]);
  });

  test("mirrors are tried in order: missing, broken, silent, dead and wrong ones are passed over", async () => {
    const seen = fileFrom("/missing", "/error", "/silent", "http://127.0.0.1:1/t.csv.gz", "/wrong.csv.gz", "/moved");
    const { path, from } = await get(seen, { patience: 0.3 });
    expect(from).toBe(`${base}/moved`);
    expect(readFileSync(path).equals(packed)).toBe(true);
  });

  test("the same content in another packing, or in none, is taken; the name says which", async () => {
    expect((await get(fileFrom("/repacked.csv.gz"))).path).toBe(join(folder, "toy/t.csv.gz"));
    rmSync(join(folder, "toy"), { recursive: true });
    const { path } = await get(fileFrom("/plain.csv"));
    expect(path).toBe(join(folder, "toy/t.csv"));
    expect(readFileSync(path, "utf8")).toBe(csv);
    expect((await get(fileFrom("/plain.csv"))).from).toBeUndefined();
  });

  test("when no mirror helps, the error says what each answered, and how to place the file by hand", async () => {
    const failed = get(fileFrom("/missing", "/wrong.csv.gz", "http://127.0.0.1:1/t.csv.gz"));
    await expect(failed).rejects.toThrow(
      /toy\/t\.csv\.gz: no mirror gave the file \(http:.*\/missing: HTTP 404 Not Found; http:.*\/wrong\.csv\.gz: wrong checksum \(expected sha256 .*\); http:\/\/127\.0\.0\.1:1\/t\.csv\.gz: .*\); to place it by hand, get it on another machine, and save it as .*toy\/t\.csv\.gz.*sha256 /,
    );
    await expect(failed).rejects.toMatchObject({ kind: "data" });
    expect(left()).toEqual([]);
  });

  test("a file without an address is asked for by hand, in words of its own", async () => {
    await expect(get({ ...fileFrom(), byHand: "run in R: write.csv(x)" })).rejects.toThrow(
      /no address gives the file as it is; to place it by hand, run in R: write\.csv\(x\), and save it as/,
    );
    await expect(fetchDataset("jobcorps", { folder })).rejects.toThrow(/jobcorps: jobcorps\/JC\.csv\.gz: no address gives the file as it is; .*run in R/);
  });
});

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fit } from "../../src/model/fit.ts";
import { readTensors, writeTensors } from "../../src/model/safetensors.ts";
import { loadModel, modelFromJson, modelToJson, saveModel } from "../../src/model/save.ts";
import { smallData, toyModel } from "./toy.ts";

let home = "";
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "liftwise-save-"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

async function saved(name: string): Promise<string> {
  const folder = join(home, name);
  await saveModel(await fit(toyModel({ slope: 0.1 }), smallData(), { config: { shift: 1 }, seed: 9 }), folder);
  return folder;
}

test("a saved model comes back whole and predicts the same", async () => {
  const folder = await saved("whole");
  expect((await readdir(folder)).sort()).toEqual(["arrays.safetensors", "model.json"]);
  const model = toyModel({ slope: 0.1 });
  const fitted = await fit(model, smallData(), { config: { shift: 1 }, seed: 9 });
  const loaded = await loadModel(folder, [model]);
  expect(await loaded.predict(smallData())).toEqual(await fitted.predict(smallData()));
  expect({ config: loaded.config, seed: loaded.seed, schema: loaded.schema, report: loaded.report }).toEqual({
    config: fitted.config,
    seed: fitted.seed,
    schema: fitted.schema,
    report: fitted.report,
  });
  expect(await loaded.state()).toEqual(await fitted.state());
});

test("a model is one file of plain JSON where the path ends in .json, and the same value in memory", async () => {
  const file = join(home, "single.json");
  const model = toyModel({ slope: 0.1 });
  const fitted = await fit(model, smallData(), { config: { shift: 1 }, seed: 9 });
  await saveModel(fitted, file);
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual(await modelToJson(fitted));
  for (const loaded of [await loadModel(file, [model]), await modelFromJson(JSON.parse(JSON.stringify(await modelToJson(fitted))), [model])]) {
    expect(await loaded.predict(smallData())).toEqual(await fitted.predict(smallData()));
    expect(await loaded.state()).toEqual(await fitted.state());
  }
});

test("saving again replaces the model and leaves other files alone", async () => {
  const folder = await saved("again");
  await writeFile(join(folder, "notes.txt"), "mine");
  await saveModel(await fit(toyModel(), smallData(), { config: { shift: 3 } }), folder);
  expect((await readdir(folder)).sort()).toEqual(["arrays.safetensors", "model.json", "notes.txt"]);
  expect((await loadModel(folder, [toyModel()])).config).toEqual({ shift: 3 });
});

async function withDescription(name: string, change: (description: Record<string, never>) => unknown): Promise<string> {
  const folder = await saved(name);
  const file = join(folder, "model.json");
  const description = JSON.parse(await readFile(file, "utf8")) as Record<string, never>;
  await writeFile(file, JSON.stringify(change(description)));
  return folder;
}

const broken: readonly (readonly [string, () => Promise<string>, RegExp])[] = [
  [
    "a folder that is not there",
    async () => join(home, "nowhere"),
    /nowhere\/model\.json: there is no such file; a saved model is a folder with model\.json and arrays\.safetensors/,
  ],
  [
    "a description cut short",
    async () => {
      const folder = await saved("cut");
      await writeFile(join(folder, "model.json"), (await readFile(join(folder, "model.json"), "utf8")).slice(0, 100));
      return folder;
    },
    /is not whole JSON/,
  ],
  ["a foreign JSON file", () => withDescription("foreign", () => ({ name: "package" })), /is not a model saved by liftwise/],
  ["null in the place of the description", () => withDescription("null", () => null), /is not a model saved by liftwise/],
  [
    "a later format",
    () => withDescription("later", (d) => ({ ...d, format: "liftwise-model/2" })),
    /has format liftwise-model\/2, and this version reads liftwise-model\/1/,
  ],
  ["an unknown model", () => withDescription("unknown", (d) => ({ ...d, model: "tox" })), /holds a model "tox", which is not known here; did you mean "toy"\?/],
  [
    "a config the model does not take",
    () => withDescription("config", (d) => ({ ...d, config: { shift: -1 } })),
    /"shift" must be at least 0; got -1; .*damaged or of another version/,
  ],
  ["a schema that is none", () => withDescription("schema", (d) => ({ ...d, schema: { columns: 3 } })), /"schema\.columns" must be of type array/],
  [
    "a state the model cannot read",
    () => withDescription("state", (d) => ({ ...d, state: { arms: ["control"] } })),
    /the state of toy cannot be read \(means and arms differ in number\)/,
  ],
  [
    "arrays of another shape than described",
    () => withDescription("shape", (d) => ({ ...d, arrays: { means: { dtype: "F64", shape: [3] } } })),
    /array "means" is not the F64 of shape \[3\] that model\.json describes/,
  ],
  [
    "arrays cut short",
    async () => {
      const folder = await saved("short");
      const file = join(folder, "arrays.safetensors");
      await writeFile(file, (await readFile(file)).subarray(0, -1));
      return folder;
    },
    /arrays\.safetensors: array "means" lies outside the file/,
  ],
  [
    "one flipped bit",
    async () => {
      const folder = await saved("bit");
      const file = join(folder, "arrays.safetensors");
      const bytes = await readFile(file);
      bytes[bytes.length - 3] ^= 1;
      await writeFile(file, bytes);
      return folder;
    },
    /checksum differs/,
  ],
  [
    "a description alone where one file is to hold all",
    async () => join(await saved("alone"), "model.json"),
    /alone\/model\.json: describes a model whose numbers are in arrays\.safetensors beside it; name the folder/,
  ],
  [
    "one flipped bit in one file",
    async () => {
      const file = join(home, "bit.json");
      await saveModel(await fit(toyModel(), smallData(), { config: { shift: 1 } }), file);
      const description = JSON.parse(await readFile(file, "utf8")) as { safetensors: string };
      const bytes = Buffer.from(description.safetensors, "base64");
      bytes[bytes.length - 3] ^= 1;
      await writeFile(file, JSON.stringify({ ...description, safetensors: bytes.toString("base64") }));
      return file;
    },
    /bit\.json: its content is not what/,
  ],
  [
    "no arrays",
    async () => {
      const folder = await saved("lost");
      await rm(join(folder, "arrays.safetensors"));
      return folder;
    },
    /arrays\.safetensors: there is no such file/,
  ],
];
test.each(broken)("%s is a clear error about the data", async (_, make, message) => {
  const folder = await make();
  await expect(loadModel(folder, [toyModel()])).rejects.toThrow(expect.objectContaining({ kind: "data", message: expect.stringMatching(message) }));
});

test("a state that JSON cannot keep is refused when it is saved, not when it is read", async () => {
  const fitted = { ...(await fit(toyModel(), smallData())), state: async () => ({ json: { a: [Number.NaN] }, arrays: {} }) };
  await expect(saveModel(fitted, join(home, "nan"))).rejects.toThrow("state.a.0 holds NaN");
});

test("a folder that cannot be written is a clear error", async () => {
  await writeFile(join(home, "file"), "");
  await expect(saved("file")).rejects.toThrow(/this folder cannot be made .*; choose another/);
});

test("tensors of every type come back exactly, in the layout of the format", () => {
  const arrays = {
    b: { shape: [3], data: Uint8Array.of(1, 2, 255) },
    d: { shape: [2, 1], data: Float64Array.of(Number.NaN, -0) },
    f: { shape: [1], data: Float32Array.of(0.1) },
    i: { shape: [0, 4], data: new Int32Array(0) },
  };
  const bytes = writeTensors(arrays);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  expect(length % 8).toBe(0);
  expect(JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString())).toEqual({
    d: { dtype: "F64", shape: [2, 1], data_offsets: [0, 16] },
    f: { dtype: "F32", shape: [1], data_offsets: [16, 20] },
    i: { dtype: "I32", shape: [0, 4], data_offsets: [20, 20] },
    b: { dtype: "U8", shape: [3], data_offsets: [20, 23] },
  });
  expect(readTensors(bytes, "t")).toEqual(arrays);
  // Whatever the alignment of the bytes in memory.
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  expect(readTensors(shifted.subarray(3), "t")).toEqual(arrays);
  expect(() => writeTensors({ a: { shape: [2], data: new Float64Array(3) } })).toThrow(/shape \[2\]/);
});

function file(header: unknown, body: number): Uint8Array {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = Buffer.alloc(8 + text.length + body);
  bytes.writeBigUInt64LE(BigInt(text.length), 0);
  text.copy(bytes, 8);
  return bytes;
}
test.each([
  [Buffer.alloc(3), /3 bytes are too few/],
  [Buffer.from("PK\u0003\u0004 this is a zip file, not tensors"), /a header of \d+ bytes does not fit/],
  [file("{no", 0), /the header is not JSON/],
  [file("[1]", 0), /the header is not JSON/],
  [file({ a: { dtype: "F64" } }, 8), /the entry of array "a" is incomplete/],
  [file({ a: { dtype: "F16", shape: [1], data_offsets: [0, 2] } }, 2), /of type F16, not one of/],
  [file({ a: { dtype: "F64", shape: [2], data_offsets: [0, 8] } }, 8), /of shape \[2\] has 8 bytes/],
  [file({ a: { dtype: "F64", shape: [1], data_offsets: [8, 16] } }, 8), /lies outside the file/],
  [file({ a: { dtype: "F64", shape: [1], data_offsets: [0, 8] } }, 9), /hold 8 bytes and the file 9/],
])("bytes that are no whole tensor file are refused (%#)", (bytes, message) => {
  expect(() => readTensors(bytes, "t")).toThrow(expect.objectContaining({ kind: "data", message: expect.stringMatching(message) }));
});

import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { dataError, LiftwiseError, suggest } from "../base/errors.ts";
import { parse } from "../base/parse.ts";
import type { Json, State } from "../base/state.ts";
import type { Roles } from "../data/schema.ts";
import type { Fitted, Model, Task } from "./contract.ts";
import { behindFrontDoor, type FittedModel } from "./fit.ts";
import { readTensors, typeName, writeTensors } from "./safetensors.ts";
import type { FittedSchema } from "./schema.ts";
import { liftwiseVersion } from "./version.ts";

const format = "liftwise-model/1";
const modelFile = "model.json";
const arrayFile = "arrays.safetensors";

const json: z.ZodType<Json> = z.json() as z.ZodType<Json>;
const arrays = z.record(z.string(), z.strictObject({ dtype: z.string(), shape: z.array(z.int().min(0)) }));
/** In a single file the content of `arrays.safetensors` stands in the description. */
const inline = z.base64().optional();
const columns = z.array(z.strictObject({ name: z.string(), kind: z.enum(["number", "category", "sequence"]), levels: z.array(z.string()).optional() }));
const names = z.array(z.string());
const numbers = z.array(z.number());
const byArm = z.record(z.string(), z.string());
const lever = z.strictObject({ column: z.string(), levels: names, doses: numbers.optional(), costs: numbers.optional() });
const roles: z.ZodType<Roles> = z.strictObject({
  features: names,
  treatment: z.strictObject({ column: z.string(), control: z.string() }).optional(),
  levers: z.array(lever).optional(),
  sellers: z
    .strictObject({
      category: z.string().optional(),
      seller: z.string().optional(),
      incentives: names,
      planned: z.string().optional(),
      redeemed: z.string().optional(),
      platform: z.string().optional(),
      arm: z.string().optional(),
    })
    .optional(),
  outcomes: names,
  labels: names.optional(),
  surrogates: names.optional(),
  weight: z.string().optional(),
  group: z.string().optional(),
  time: z.string().optional(),
  cost: byArm.optional(),
  propensity: byArm.optional(),
  potential: byArm.optional(),
  effect: byArm.optional(),
});
const schema: z.ZodType<FittedSchema> = z.strictObject({
  columns,
  roles,
  arms: z.array(z.string()).optional(),
  outcome: z.strictObject({ name: z.string(), kind: z.enum(["binary", "count", "continuous"]) }).optional(),
  rows: z.int().min(0),
});

/** The content of `model.json`. */
const savedModel = z.strictObject({
  format: z.literal(format),
  liftwise: z.string(),
  model: z.string(),
  task: z.string(),
  seed: z.int(),
  config: json,
  schema,
  report: z.record(z.string(), json),
  state: json,
  arrays,
  /** Of the arrays. */
  sha256: z.string(),
  safetensors: inline,
});

/**
 * Writes a fitted model as a folder: `model.json` (format, model, config after defaults, seed, schema of the data, report, state) and
 * `arrays.safetensors` (its numbers). Each file is written whole under another name and then renamed; the description comes last and holds
 * the checksum of the arrays, so a folder caught half-way is recognised. Other files in the folder are left alone. A path that ends in `.json` gets both
 * as one file of plain JSON.
 */
export async function saveModel(fitted: FittedModel, target: string): Promise<void> {
  const { description, bytes } = await described(fitted);
  const text = (content: SavedModel): Buffer => Buffer.from(`${JSON.stringify(content, null, 1)}\n`);
  if (isSingleFile(target)) return writeWhole(target, text({ ...description, safetensors: Buffer.from(bytes).toString("base64") }));
  try {
    await mkdir(target, { recursive: true });
  } catch (cause) {
    throw dataError(`${target}: this folder cannot be made (${(cause as Error).message}); choose another`, cause);
  }
  await writeWhole(join(target, arrayFile), bytes);
  await writeWhole(join(target, modelFile), text(description));
}

type SavedModel = z.output<typeof savedModel>;

/** Whether a path names a model in one file of JSON rather than a folder. */
export function isSingleFile(target: string): boolean {
  return target.endsWith(".json");
}

/** A fitted model as plain JSON, to keep in a database or send to a service: what `saveModel` writes to a `.json` file. */
export async function modelToJson(fitted: FittedModel): Promise<Json> {
  const { description, bytes } = await described(fitted);
  return plain({ ...description, safetensors: Buffer.from(bytes).toString("base64") }, "model");
}

/**
 * The model that `modelToJson` wrote, predicting exactly as that one did.
 * @param models the models it may be one of
 * @throws LiftwiseError (data) for what is not whole, not ours, of another format, or of an unknown model
 */
export async function modelFromJson(value: Json, models: readonly Model[]): Promise<FittedModel> {
  const what = "the JSON model";
  return restored(inlined(checkedDescription(what, value), what), what, what, models);
}

async function described(fitted: FittedModel): Promise<{ description: SavedModel; bytes: Uint8Array }> {
  const state = await fitted.state();
  const bytes = writeTensors(state.arrays);
  const description: SavedModel = {
    format,
    liftwise: liftwiseVersion(),
    model: fitted.model.id,
    task: fitted.model.task,
    seed: fitted.seed,
    config: plain(fitted.config, "config"),
    schema: fitted.schema,
    report: plain(fitted.report, "report") as Record<string, Json>,
    state: plain(state.json, "state"),
    arrays: Object.fromEntries(Object.entries(state.arrays).map(([name, { shape, data }]) => [name, { dtype: typeName(data), shape: [...shape] }])),
    sha256: sha256(bytes),
  };
  return { description, bytes };
}

/**
 * The model saved in a folder or a `.json` file, predicting exactly as the one that was saved. Nothing in it is executed.
 * @param models the models it may be one of
 * @throws LiftwiseError (data) for a folder or file that is not whole, not ours, of another format, or of an unknown model
 */
export async function loadModel(target: string, models: readonly Model[]): Promise<FittedModel> {
  const file = isSingleFile(target) ? target : join(target, modelFile);
  const description = readDescription(file, await readOrExplain(file));
  if (isSingleFile(target)) return restored(inlined(description, file), file, file, models);
  const arrayPath = join(target, arrayFile);
  return restored({ description, bytes: await readOrExplain(arrayPath) }, file, arrayPath, models);
}

function inlined(description: SavedModel, file: string): { description: SavedModel; bytes: Uint8Array } {
  const { safetensors } = description;
  if (safetensors === undefined)
    throw dataError(`${file}: describes a model whose numbers are in ${arrayFile} beside it; name the folder, or save the model to a file that ends in .json`);
  return { description, bytes: new Uint8Array(Buffer.from(safetensors, "base64")) };
}

async function restored(
  { description, bytes }: { readonly description: SavedModel; readonly bytes: Uint8Array },
  file: string,
  arrayPath: string,
  models: readonly Model[],
): Promise<FittedModel> {
  const model = models.find(({ id }) => id === description.model);
  if (model === undefined)
    throw dataError(
      `${file}: holds a model "${description.model}", which is not known here; ${suggest(
        description.model,
        models.map(({ id }) => id),
      )}`,
    );
  const config = explained(`${file}: config of ${model.id}`, () => parse(model.config, description.config, `${file}: config`));
  const stored = readTensors(bytes, arrayPath);
  if (sha256(bytes) !== description.sha256)
    throw dataError(
      `${arrayPath}: its content is not what ${modelFile} was written with (checksum differs); the two belong to different models or one is damaged: save the model again`,
    );
  for (const [name, { dtype, shape }] of Object.entries(description.arrays)) {
    const array = stored[name];
    if (array === undefined || typeName(array.data) !== dtype || array.shape.join() !== shape.join())
      throw dataError(`${arrayPath}: array "${name}" is not the ${dtype} of shape [${shape.join(", ")}] that ${modelFile} describes; save the model again`);
  }
  const state: State = { json: description.state, arrays: stored };
  let fitted: Fitted<Task>;
  try {
    fitted = await model.restore(config as never, state);
  } catch (cause) {
    if (cause instanceof LiftwiseError) throw cause;
    throw dataError(
      `${file}: the state of ${model.id} cannot be read (${(cause as Error).message}); it is damaged or of another version of liftwise (${description.liftwise}): fit and save the model again`,
      cause,
    );
  }
  return behindFrontDoor(model, config, description.seed, description.schema, description.report, fitted);
}

function readDescription(file: string, bytes: Uint8Array): SavedModel {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw dataError(`${file}: is not whole JSON (${(cause as Error).message}); the file is damaged or not a saved model`, cause);
  }
  return checkedDescription(file, value);
}

function checkedDescription(file: string, value: unknown): SavedModel {
  const found = (value as { readonly format?: unknown } | null)?.format;
  if (found !== format) {
    const what =
      typeof found === "string" && found.startsWith("liftwise-model/")
        ? `has format ${found}, and this version reads ${format}; load it with the version that wrote it`
        : "is not a model saved by liftwise";
    throw dataError(`${file}: ${what}`);
  }
  return explained(`${file}: the description`, () => parse(savedModel, value, `${file}:`));
}

// What is wrong in a file is a fault of the data, not of the call.
function explained<V>(what: string, read: () => V): V {
  try {
    return read();
  } catch (cause) {
    throw dataError(`${(cause as Error).message}; ${what} is damaged or of another version of liftwise`, cause);
  }
}

async function readOrExplain(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT" || (cause as NodeJS.ErrnoException).code === "ENOTDIR";
    throw dataError(
      missing
        ? `${file}: there is no such file; a saved model is a folder with ${modelFile} and ${arrayFile}`
        : `${file}: cannot be read (${(cause as Error).message})`,
      cause,
    );
  }
}

async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const handle = await open(draft, "wx");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (cause) {
    await rm(draft, { force: true });
    throw dataError(`${file}: cannot be written (${(cause as Error).message}); choose a folder that can`, cause);
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

// JSON has no NaN and no infinity: a state that held one would come back as another.
function plain(value: unknown, path: string): Json {
  if (typeof value === "number" && !Number.isFinite(value)) throw new Error(`${path} holds ${value}, which JSON cannot keep; put such numbers into an array`);
  if (value === undefined || typeof value === "function" || typeof value === "bigint") throw new Error(`${path} holds ${typeof value}, which JSON cannot keep`);
  if (Array.isArray(value)) return value.map((item, i) => plain(item, `${path}.${i}`));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, plain(item, `${path}.${key}`)]])));
  }
  return value as Json;
}

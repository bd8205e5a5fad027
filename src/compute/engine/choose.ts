import { oneOf, usageError } from "../../base/errors.ts";
import { type Engine, type EngineId, engineIds } from "./contract.ts";
import { loadOnnxNode, loadOnnxWeb } from "./onnx/load.ts";
import { reference } from "./reference/engine.ts";
import { loadTfjs, loadTfjsNode } from "./tfjs/load.ts";

/** An engine by name, or `auto`: LIFTWISE_ENGINE where it is set, else the first that loads of onnx, tfjs-node, onnx-web, reference. */
export type EngineChoice = "auto" | EngineId;
export const engineChoices: readonly ["auto", ...typeof engineIds] = ["auto", ...engineIds];

/** Which engine runs and why: plain JSON for a model's report. */
export interface EngineReport {
  readonly id: EngineId;
  readonly version: string;
  readonly reason: string;
  /** What would have come first but did not load, with the way out. */
  readonly skipped: readonly { readonly engine: string; readonly why: string }[];
}

export interface ChosenEngine {
  readonly engine: Engine;
  readonly report: EngineReport;
}

/** A way to an engine; throws when what it runs on is not there. */
export interface Loader {
  readonly name: string;
  readonly load: () => Promise<Engine>;
  /** What to do when it does not load. */
  readonly wayOut?: string;
}

const byId: Readonly<Record<EngineId, () => Promise<Engine>>> = {
  onnx: loadOnnxNode,
  "onnx-web": loadOnnxWeb,
  tfjs: loadTfjs,
  reference: async () => reference,
};

const preferred: readonly Loader[] = [
  {
    name: "onnx",
    load: loadOnnxNode,
    wayOut: "for full speed run npm install onnxruntime-node (offline or behind a proxy with ONNXRUNTIME_NODE_INSTALL=skip in the environment)",
  },
  { name: "tfjs-node", load: loadTfjsNode },
  { name: "onnx-web", load: loadOnnxWeb },
  { name: "reference", load: async () => reference },
];

/**
 * The engine that nets run on: an explicit choice, else the environment's LIFTWISE_ENGINE, else the first that loads.
 * @throws LiftwiseError (usage) when an engine that was asked for by name does not load: there is no silent fallback
 */
export async function chooseEngine(choice: EngineChoice = "auto"): Promise<ChosenEngine> {
  if (choice !== "auto") return byName(choice, "the option engine");
  const asked = process.env.LIFTWISE_ENGINE ?? "auto";
  if (!isChoice(asked)) throw usageError(`LIFTWISE_ENGINE: must be ${oneOf(engineChoices)}, got "${asked}"; correct or unset it`);
  return asked === "auto" ? firstThatLoads(preferred) : byName(asked, "the environment's LIFTWISE_ENGINE");
}

function isChoice(text: string): text is EngineChoice {
  return (engineChoices as readonly string[]).includes(text);
}

async function byName(id: EngineId, by: string): Promise<ChosenEngine> {
  try {
    const engine = await byId[id]();
    return { engine, report: { id, version: engine.version, reason: `asked for by ${by}`, skipped: [] } };
  } catch (error) {
    throw usageError(
      `engine: "${id}", asked for by ${by}, does not load (${firstLine(error)}); install it, or choose another of ${oneOf(engineChoices)}`,
      error,
    );
  }
}

/** The first engine of the list that loads, with why those before it did not. */
export async function firstThatLoads(loaders: readonly Loader[]): Promise<ChosenEngine> {
  const skipped: { engine: string; why: string }[] = [];
  for (const { name, load, wayOut } of loaders) {
    try {
      const engine = await load();
      const reason = skipped.length === 0 ? "the first choice, and it loads" : `fallback: ${skipped.map((one) => one.engine).join(" and ")} did not load`;
      return { engine, report: { id: engine.id, version: engine.version, reason, skipped } };
    } catch (error) {
      skipped.push({ engine: name, why: wayOut === undefined ? firstLine(error) : `${firstLine(error)}; ${wayOut}` });
    }
  }
  throw usageError(`engine: none loads: ${skipped.map((one) => `${one.engine} (${one.why})`).join(", ")}; install onnxruntime-node or onnxruntime-web`);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0];
}

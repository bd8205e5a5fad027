import { createRequire } from "node:module";
import path from "node:path";
import type { Engine } from "../contract.ts";
import { type Tf, tfjsEngine } from "./engine.ts";

// Names in variables: these packages are optional peers, and the compiler need not find them.
const packages = { node: "@tensorflow/tfjs-node", core: "@tensorflow/tfjs-core", wasm: "@tensorflow/tfjs-backend-wasm", cpu: "@tensorflow/tfjs-backend-cpu" };

/** tfjs on libtensorflow. */
export async function loadTfjsNode(): Promise<Engine> {
  // tfjs-node 4.22 calls what Node 23 took away.
  const util = createRequire(import.meta.url)("node:util") as { isNullOrUndefined?: (value: unknown) => boolean };
  util.isNullOrUndefined ??= (value) => value === undefined || value === null;
  const tf = (await import(packages.node)) as Tf;
  return tfjsEngine(tf, `tfjs-node ${tf.version_core} (${tf.getBackend()})`);
}

/** tfjs-node where it is installed, else core with the wasm backend, else core with the cpu backend. */
export async function loadTfjs(): Promise<Engine> {
  const attempts: string[] = [];
  for (const load of [loadTfjsNode, loadWasm, loadCpu]) {
    try {
      return await load();
    } catch (error) {
      attempts.push((error instanceof Error ? error.message : String(error)).split("\n")[0]);
    }
  }
  throw new Error(`neither tfjs-node nor tfjs-core with a wasm or cpu backend is there: ${attempts.join("; ")}`);
}

async function loadWasm(): Promise<Engine> {
  const tf = (await import(packages.core)) as Tf;
  const { setWasmPaths } = (await import(packages.wasm)) as { setWasmPaths: (folder: string) => void };
  setWasmPaths(`${path.dirname(createRequire(import.meta.url).resolve(`${packages.wasm}/package.json`))}/dist/`);
  return onBackend(tf, "wasm");
}

/** tfjs-core on plain JavaScript. */
export async function loadCpu(): Promise<Engine> {
  const tf = (await import(packages.core)) as Tf;
  await import(packages.cpu);
  return onBackend(tf, "cpu");
}

async function onBackend(tf: Tf, backend: string): Promise<Engine> {
  if (!(await tf.setBackend(backend))) throw new Error(`the ${backend} backend of tfjs does not start`);
  await tf.ready();
  return tfjsEngine(tf, `tfjs-core ${tf.version_core} (${backend})`);
}

import { availableParallelism } from "node:os";
import type { Engine } from "../contract.ts";
import { onnxEngine, type Runtime } from "./session.ts";

/** onnxruntime-node, the native build. */
export async function loadOnnxNode(): Promise<Engine> {
  const ort = await import("onnxruntime-node");
  return onnxEngine("onnx", `onnxruntime-node ${ort.env.versions.common}`, ort as Runtime, "cpu", true);
}

/** onnxruntime-web, the WebAssembly build: needs no binary for the platform. */
export async function loadOnnxWeb(): Promise<Engine> {
  const ort = await import("onnxruntime-web");
  ort.env.logLevel = "error";
  // Threads are common to all its sessions and fixed by the first.
  ort.env.wasm.numThreads = Math.min(4, availableParallelism());
  return onnxEngine("onnx-web", `onnxruntime-web ${ort.env.versions.common} (wasm)`, ort as Runtime, "wasm", false);
}

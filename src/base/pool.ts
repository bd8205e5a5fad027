import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parentPort, Worker } from "node:worker_threads";
import { type ErrorKind, LiftwiseError } from "./errors.ts";

/**
 * Worker threads that do tasks by name. A task that throws rejects its promise; a worker that dies rejects everything that was asked of
 * the pool and makes it useless: no task is tried again in silence.
 */
export interface Pool {
  readonly size: number;
  /** Has this worker (0 .. size - 1) do a task after those it was given before. */
  run<T>(worker: number, task: string, input: unknown): Promise<T>;
  /** One task an input, each done by whichever worker is free; answers in the order of the inputs. */
  map<T>(task: string, inputs: readonly unknown[], done?: (finished: number) => void): Promise<T[]>;
  /** Stops every worker at once, whatever it is doing. To be called in `finally`. */
  close(): Promise<void>;
}

interface Request {
  readonly id: number;
  readonly task: string;
  readonly input: unknown;
}

type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly message: string; readonly stack?: string; readonly kind?: ErrorKind };

interface Waiting {
  readonly worker: number;
  readonly task: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * @param module URL of the module that calls `serve`, normally `new URL("./worker.ts", import.meta.url)`
 * @param size threads to start; more than there are cores is allowed
 */
export function openPool(module: URL, size: number): Pool {
  const file = built(module);
  const waiting = new Map<number, Waiting>();
  let next = 0;
  let failure: Error | undefined;
  let closing = false;

  const fail = (reason: Error): void => {
    failure ??= reason;
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  };
  const workers = Array.from({ length: size }, (_, index) => {
    const worker = new Worker(file, { execArgv: [] });
    worker.on("message", (reply: Reply) => {
      const asked = waiting.get(reply.id);
      if (asked === undefined) return;
      waiting.delete(reply.id);
      if ("value" in reply) asked.resolve(reply.value);
      else asked.reject(errorOf(reply));
    });
    const died = (how: string, cause?: unknown): void => {
      if (closing) return;
      const doing = [...waiting.values()].find((asked) => asked.worker === index)?.task;
      fail(
        new Error(
          `worker thread ${index + 1} of ${size} died (${how})${doing === undefined ? "" : ` while doing "${doing}"`}; the job was stopped; it may have run out of memory: try fewer threads`,
          { cause },
        ),
      );
    };
    worker.on("error", (cause) => died(cause instanceof Error ? cause.message : String(cause), cause));
    worker.on("exit", (code) => died(`exit code ${code}`));
    return worker;
  });

  const run = <T>(worker: number, task: string, input: unknown): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (failure !== undefined) return reject(failure);
      const id = next++;
      waiting.set(id, { worker, task, resolve: resolve as (value: unknown) => void, reject });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      workers[worker].postMessage({ id, task, input } satisfies Request);
    });

  const map = async <T>(task: string, inputs: readonly unknown[], done?: (finished: number) => void): Promise<T[]> => {
    const answers: T[] = [];
    let taken = 0;
    let finished = 0;
    const serveOne = async (worker: number): Promise<void> => {
      while (taken < inputs.length) {
        const k = taken++;
        answers[k] = await run<T>(worker, task, inputs[k]);
        done?.(++finished);
      }
    };
    await Promise.all(workers.map((_, worker) => serveOne(worker)));
    return answers;
  };

  const close = async (): Promise<void> => {
    closing = true;
    fail(new Error("the worker pool was closed"));
    await Promise.all(workers.map((worker) => worker.terminate()));
  };
  return { size, run, map, close };
}

/** Called once by a worker's module: what it can do, by name. */
export function serve(tasks: Readonly<Record<string, (input: never) => unknown>>): void {
  const port = parentPort;
  // Imported by the main thread, for its types or by a test: there is nobody to serve.
  if (port === null) return;
  port.on("message", async ({ id, task, input }: Request) => {
    try {
      port.postMessage({ id, value: await tasks[task](input as never) } satisfies Reply);
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      port.postMessage({ id, message: error.message, stack: error.stack, kind: thrown instanceof LiftwiseError ? thrown.kind : undefined } satisfies Reply);
    }
  });
}

function errorOf(reply: { readonly message: string; readonly stack?: string; readonly kind?: ErrorKind }): Error {
  if (reply.kind !== undefined) return new LiftwiseError(reply.kind, reply.message);
  const error = new Error(reply.message);
  if (reply.stack !== undefined) error.stack = reply.stack;
  return error;
}

/** Node 20 runs no TypeScript in workers: from the sources, the built file of the same module is used. */
function built(module: URL): string {
  const path = fileURLToPath(module);
  if (!path.endsWith(".ts")) return path;
  const compiled = path.replace(/^(.*)([\\/])src\2/, "$1$2dist$2").replace(/\.ts$/, ".js");
  if (!existsSync(compiled)) throw new Error(`worker module ${compiled} is not built; run \`npm run build\` first`);
  return compiled;
}

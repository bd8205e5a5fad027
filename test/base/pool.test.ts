import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openPool, type Pool } from "../../src/base/pool.ts";

const module = new URL("./poolWorker.mjs", import.meta.url);
const isBuilt = existsSync(new URL("../../dist/base/pool.js", import.meta.url));

async function withPool<T>(size: number, use: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = openPool(module, size);
  try {
    return await use(pool);
  } finally {
    await pool.close();
  }
}

describe.skipIf(!isBuilt)("worker pool (needs `npm run build`)", () => {
  test("answers come in the order of the inputs, with more workers than cores too", async () => {
    const inputs = Array.from({ length: 20 }, (_, k) => k);
    const counts: number[] = [];
    expect(await withPool(5, (pool) => pool.map<number>("square", inputs, (done) => counts.push(done)))).toEqual(inputs.map((k) => k * k));
    expect(counts).toEqual(inputs.map((k) => k + 1));
  });

  test("an error in a task rejects that task with its own kind and message; the worker goes on", async () => {
    await withPool(1, async (pool) => {
      await expect(pool.run(0, "refuse", "too small")).rejects.toThrow(expect.objectContaining({ kind: "data", message: "too small" }));
      expect(await pool.run(0, "square", 3)).toBe(9);
    });
  });

  test("a worker that dies ends the job with an error that says which and what it did, and later tasks are refused", async () => {
    await withPool(2, async (pool) => {
      const waiting = expect(pool.run(1, "wait", 60_000)).rejects.toThrow(/worker thread 1 of 2 died \(exit code 3\) while doing "die"/);
      await expect(pool.run(0, "die", 3)).rejects.toThrow(/worker thread 1 of 2 died \(exit code 3\) while doing "die"; the job was stopped/);
      await waiting;
      await expect(pool.run(1, "square", 2)).rejects.toThrow(/died/);
    });
  });

  test("closing stops busy workers and rejects what they were doing", async () => {
    const pool = openPool(module, 2);
    const busy = expect(pool.run(0, "spin", 60_000)).rejects.toThrow(/closed/);
    await pool.run(1, "square", 1);
    await pool.close();
    await busy;
  });
});

test("a TypeScript module that is not built is named, with the command that builds it", () => {
  expect(() => openPool(new URL("file:///nowhere/src/base/absent.ts"), 1)).toThrow(/nowhere\/dist\/base\/absent\.js is not built; run `npm run build`/);
});

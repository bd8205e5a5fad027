import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openPool } from "../../../src/base/pool.ts";
import { Rng } from "../../../src/base/rng.ts";
import type { Features } from "../../../src/data/schema.ts";
import { type BoostSettings, boost, openWorkshop } from "../../../src/learn/tree/boost.ts";
import { addPredictions } from "../../../src/learn/tree/forest.ts";
import { control, dismiss, lead } from "../../../src/learn/tree/team.ts";

const isBuilt = existsSync(new URL("../../../dist/learn/tree/worker.js", import.meta.url));

function shared(words: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(4 * words));
}

describe.skipIf(!isBuilt)("threads in step (needs `npm run build`)", () => {
  test("every task of every phase is done exactly once, with more threads than cores and whoever comes late", async () => {
    const pool = openPool(new URL("./teamWorker.mjs", import.meta.url), 4);
    const block = shared(control.words);
    const counts = shared(50);
    const joined = Array.from({ length: 4 }, (_, k) => pool.run(k, "join", { block, counts, slot: k + 1 }));
    const team = lead(
      block,
      (operation, task) => void Atomics.add(counts, task, operation),
      () => undefined,
    );
    try {
      const want = new Int32Array(50);
      const rng = new Rng(1);
      for (let phase = 0; phase < 2000; phase++) {
        const tasks = rng.int(51);
        const operation = 1 + rng.int(5);
        await team.phase(operation, tasks);
        for (let task = 0; task < tasks; task++) want[task] += operation;
        if (phase % 100 === 0) expect(Array.from(counts), `after phase ${phase}`).toEqual(Array.from(want));
      }
      expect(Array.from(counts)).toEqual(Array.from(want));
      dismiss(block);
      await Promise.all(joined);
    } finally {
      await pool.close();
    }
  });

  test("a helper that dies within a task ends the phase with the pool's error, and no thread is left", async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === "Worker" || name === "MessagePort").length;
    const pool = openPool(new URL("./teamWorker.mjs", import.meta.url), 2);
    const block = shared(control.words);
    const counts = shared(10_000);
    let reason: unknown;
    for (const k of [0, 1]) pool.run(k, "join", { block, counts, slot: k + 1, deadly: k === 1 }).catch((cause: unknown) => (reason ??= cause));
    const team = lead(
      block,
      () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1),
      () => reason,
    );
    try {
      await expect(
        (async () => {
          for (;;) await team.phase(1, 200);
        })(),
      ).rejects.toThrow(/worker thread 2 of 2 died \(exit code 5\)/);
    } finally {
      await pool.close();
    }
    expect(process.getActiveResourcesInfo().filter((name) => name === "Worker" || name === "MessagePort").length).toBeLessThanOrEqual(before);
  });

  test("boosting with helpers gives the trees it gives alone", async () => {
    const rng = new Rng(2);
    const n = 30_001;
    const columns = Array.from(
      { length: 6 },
      (_, j) =>
        ({ kind: "number", name: `x${j}`, values: Float64Array.from({ length: n }, () => (rng.bernoulli(0.05) === 1 ? Number.NaN : rng.normal())) }) as const,
    );
    const user = {
      kind: "category",
      name: "user",
      codes: Int32Array.from({ length: n }, () => rng.int(400) - 1),
      levels: Array.from({ length: 399 }, (_, k) => `u${k}`),
    } as const;
    const x: Features = { rows: n, columns: [...columns, user] };
    const y = Float64Array.from({ length: n }, (_, i) => (columns[0].values[i] || 1) + (user.codes[i] % 3) + rng.normal());
    const settings: BoostSettings = {
      loss: "squared",
      tweediePower: 1.5,
      learningRate: 0.1,
      bins: 255,
      rowSample: 0.8,
      columnSample: 0.9,
      patience: 5,
      monotone: new Int8Array(7),
      maxLeaves: 15,
      maxDepth: 9,
      minRows: 5,
      minWeight: 0,
      minGain: 0,
      l1: 0,
      l2: 1,
      categorySmoothing: 5,
      effectL2: 0,
      minArmRows: 0,
    };
    const rows = Int32Array.from({ length: 25_000 }, (_, i) => i);
    const held = Int32Array.from({ length: n - 25_000 }, (_, i) => 25_000 + i);
    const run = async (helpers: number): Promise<unknown> => {
      const shop = openWorkshop(x, { y }, settings, helpers, new AbortController().signal);
      try {
        const boosted = await boost(shop, rows, held, 12, new Rng(3));
        // The scores kept while boosting are those the finished trees predict.
        const again = new Float64Array(n).fill(boosted.start[0]);
        const early = boosted.heldLoss.length - 1 > boosted.forest.roots.length;
        addPredictions(boosted.forest, x, settings.learningRate, again);
        if (!early) expect(Float64Array.from(shop.job.score)).toEqual(again);
        return boosted;
      } finally {
        await shop.close();
      }
    };
    const alone = await run(0);
    for (const helpers of [1, 4]) expect(await run(helpers), `${helpers} helpers`).toEqual(alone);
  });
});

import { afterAll, describe, expect, test } from "vitest";
import type { LeversPrediction } from "../../src/model/contract.ts";
import { type FittedModel, fit } from "../../src/model/fit.ts";
import { levers } from "../../src/uplift/levers/index.ts";
import { expectAllClose, float32 } from "../tolerance.ts";
import { rowsOf } from "../uplift/levers/units.ts";

// The laws of every model of several levers, on settings that are fast: they say nothing about how well it learns.
const data = rowsOf(240, 3);
const other = rowsOf(30, 4);
const cells = Int32Array.from([0, 0, 0, 1, 0, 0, 3, 2, 2, 0, 1, 2, 2, 2, 0]);

describe.each(levers.map((model) => [model.id, model] as const))("%s", (_, model) => {
  const config = model.quick ?? {};
  let fitted: FittedModel<"levers"> | undefined;
  const ready = async (): Promise<FittedModel<"levers">> => (fitted ??= await fit(model, data, { config, seed: 7, threads: 1 }));
  afterAll(() => fitted?.dispose());

  test("responses are finite, for one row as for many, and a subset is predicted as in the whole", async () => {
    const whole = await respond(await ready(), other);
    expect(whole.length).toBe(30 * 5);
    expect(whole.every(Number.isFinite)).toBe(true);
    const few = await respond(await ready(), other.take([4, 17]));
    expectAllClose(few, [...whole.subarray(20, 25), ...whole.subarray(85, 90)], float32);
    const one = await respond(await ready(), other.take([29]));
    expectAllClose(one, whole.subarray(145), float32);
  });

  test("a row's own cell is the same cell of the table", async () => {
    const prediction = await (await ready()).predict(other);
    const own = Int32Array.from({ length: 90 }, (_, k) => cells[3 + (k % 3)]);
    const table = await prediction.response(cells);
    expectAllClose(
      await prediction.responseOfOwn(own),
      Array.from({ length: 30 }, (_, i) => table[i * 5 + 1]),
      float32,
    );
  });

  test("scrambled outcomes change no prediction", async () => {
    const scrambled = other.withColumns([{ kind: "number", name: "y", values: new Float64Array(30).fill(1e6) }]);
    expectAllClose(await respond(await ready(), scrambled), await respond(await ready(), other), 0);
  });

  test("the same seed gives the same model, and a restored one predicts the same", async () => {
    const want = await respond(await ready(), other);
    const again = await fit(model, data, { config, seed: 7, threads: 1 });
    expectAllClose(await respond(again, other), want, 0);
    const restored = await model.restore(again.config as never, await again.state());
    const prediction = (await restored.predict(other.restrict(model.traits.sees))) as LeversPrediction;
    expectAllClose(await prediction.response(cells), want, 0);
    again.dispose();
    restored.dispose();
  });
});

async function respond(fitted: FittedModel<"levers">, rows: typeof data): Promise<Float64Array> {
  return (await fitted.predict(rows)).response(cells);
}

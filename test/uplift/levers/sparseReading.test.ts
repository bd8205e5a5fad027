import { describe, expect, test } from "vitest";
import * as c from "../../../src/compute/index.ts";
import { fit } from "../../../src/model/fit.ts";
import { mdlri } from "../../../src/uplift/levers/mdlri.ts";
import { sparseReading } from "../../../src/uplift/levers/sparseReading.ts";
import { expectAllClose, float32 } from "../../tolerance.ts";
import { rowsOf } from "./units.ts";

/** What the reading and its penalty are for these weights. */
async function readingOf(terms: "line" | "curves" | "products" | "auto", inputs: number, w: readonly number[], x: readonly number[]): Promise<number[][]> {
  const reading = sparseReading(inputs, 1, terms, "main");
  const net = {
    init: reading.init,
    weights: { w: { shape: [w.length, 1], data: Float32Array.from(w) } },
    columns: { x: { shape: [inputs], dtype: "float" as const } },
    apply: (weights: c.Tensors, batch: { readonly x: c.Tensor }) => ({
      y: reading.apply(weights, batch.x),
      penalty: c.add(c.mul(c.take(batch.x, 1, 0), 0), reading.penalty(weights)),
    }),
  };
  const model = await c.forward(net as never, { engine: await c.chooseEngine("reference") });
  const out = (await model.run({ x: { shape: [x.length / inputs, inputs], data: Float32Array.from(x) } } as never)) as unknown as Record<
    string,
    { data: Float32Array }
  >;
  return [[...out.y.data], [...out.penalty.data]];
}

describe("what the baseline of M-DLRI reads directly", () => {
  test("line, squares, cubes and products, by hand", async () => {
    const [line] = await readingOf("line", 2, [2, -1], [3, 5]);
    expectAllClose(line, [1], float32);
    // x1, x2, x1^2, x2^2, (x1^3 - 3 x1) / sqrt 6, (x2^3 - 3 x2) / sqrt 6, x1 x2 at (2, -1): 2, -1, 4, 1, 2 / sqrt 6, 2 / sqrt 6, -2.
    const each = [2, -1, 4, 1, 2 / Math.sqrt(6), 2 / Math.sqrt(6), -2];
    for (const [k, value] of each.entries()) {
      const one = each.map((_, j) => (j === k ? 1 : 0));
      expectAllClose((await readingOf("products", 2, one, [2, -1]))[0], [value], float32);
    }
    expectAllClose((await readingOf("curves", 2, [1, 1, 1, 1, 1, 1], [2, -1]))[0], [6 + 4 / Math.sqrt(6)], float32);
  });

  test("beyond 4 standard deviations only the straight line goes on", async () => {
    const curved = await readingOf("products", 2, [0, 0, 1, 0, 1, 0, 1], [4, 1, 400, 1]);
    expect(curved[0][1]).toBeCloseTo(curved[0][0], 4);
    expectAllClose((await readingOf("products", 2, [1, 0, 0, 0, 0, 0, 0], [400, 1]))[0], [400], float32);
  });

  test("auto leaves products out beyond 40 inputs", () => {
    const width = (inputs: number): number => (sparseReading(inputs, 1, "auto", "main").init as { w: c.Weight }).w.shape[0];
    expect([width(40), width(41)]).toEqual([3 * 40 + 780, 3 * 41]);
  });

  test("the penalty is the sum of log(1 + (w / 0.002)^2)", async () => {
    const [, penalty] = await readingOf("line", 2, [0.002, 0.006], [1, 1]);
    expectAllClose(penalty, [Math.log(2) + Math.log(10)], float32);
  });

  test("a prior that is strong enough leaves nothing of what is read, and a weak one lets the line through", async () => {
    const data = rowsOf(2000, 5);
    const config = { steps: 1500, heldOut: 0, baseline: [], baselineL2: 1000, logging: "none" as const };
    const sizeOf = async (sparseWeight: number): Promise<number> => {
      const fitted = await fit(mdlri, data, { config: { ...config, sparseWeight }, seed: 1, threads: 1 });
      const prediction = await fitted.predict(data);
      const base = await prediction.response(new Int32Array(3));
      const mean = base.reduce((sum, v) => sum + v, 0) / base.length;
      return Math.sqrt(base.reduce((sum, v) => sum + (v - mean) ** 2, 0) / base.length);
    };
    expect(await sizeOf(0.2)).toBeGreaterThan(0.8);
    expect(await sizeOf(1000)).toBeLessThan(0.2);
  });
});

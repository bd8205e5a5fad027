import { describe, expect, test } from "vitest";
import { cellOf, everyCell, leverGrid } from "../../../src/data/levers.ts";
import { bestCells } from "../../../src/evaluate/leverChoice.ts";
import { fit } from "../../../src/model/fit.ts";
import { mdlri } from "../../../src/uplift/levers/mdlri.ts";
import { exact, expectAllClose, float32, float64 } from "../../tolerance.ts";
import { predictionOf, randomMdlri, rowsOf, sizes, spendOf, threeLevers } from "./units.ts";

const grid = leverGrid(threeLevers);
const cells = everyCell(grid);
const at = (...levels: number[]): number => cellOf(sizes, levels);

/** Least and largest mixed second difference over units, pairs of levers and steps. */
function interactions(response: Float64Array, units: number): { least: number; largest: number } {
  let [least, largest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < units; i++) {
    const mu = (levels: readonly number[]): number => response[i * grid.cells + cellOf(sizes, levels)];
    for (let cell = 0; cell < grid.cells; cell++) {
      const low = [...cells.subarray(cell * 3, cell * 3 + 3)];
      for (const [l, k] of [
        [0, 1],
        [0, 2],
        [1, 2],
      ]) {
        if (low[l] + 1 >= sizes[l] || low[k] + 1 >= sizes[k]) continue;
        const up = (...which: number[]): number[] => low.map((level, m) => level + (which.includes(m) ? 1 : 0));
        const mixed = mu(up(l, k)) - mu(up(l)) - mu(up(k)) + mu(low);
        [least, largest] = [Math.min(least, mixed), Math.max(largest, mixed)];
      }
    }
  }
  return { least, largest };
}

describe("M-DLRI with random weights", () => {
  test.each(["ces", "main", "unit"] as const)("hard mode: no level more lowers a response, for 10,000 units and every cell (pots: %s)", async (pots) => {
    for (const seed of [1, 2, 3]) {
      const { state, config } = await randomMdlri({ pots, gates: (["relative", "unit", "common"] as const)[seed - 1], curves: seed }, seed);
      const { prediction, done } = await predictionOf(state, config, rowsOf(10_000, 10 + seed));
      const response = await prediction.response(cells);
      let lowered = 0;
      for (let i = 0; i < prediction.rows; i++) {
        for (let cell = 0; cell < grid.cells; cell++) {
          for (let l = 0, stride = grid.cells; l < 3; l++) {
            stride /= sizes[l];
            if (cells[cell * 3 + l] + 1 < sizes[l] && response[i * grid.cells + cell + stride] < response[i * grid.cells + cell]) lowered++;
          }
        }
      }
      expect(lowered).toBe(0);
      expect(prediction.monotone).toBe(true);
      done();
    }
  });

  test("soft mode is free to lower a response, so the count above can fail", async () => {
    const { state, config } = await randomMdlri({ mode: "soft" }, 4);
    const { prediction, done } = await predictionOf(state, config, rowsOf(200, 3));
    const response = await prediction.response(cells);
    expect(Array.from({ length: 200 }, (_, i) => response[i * grid.cells + at(3, 0, 0)] < response[i * grid.cells]).some(Boolean)).toBe(true);
    expect(prediction.monotone).toBe(false);
    done();
  });

  test("AND ranks alone make synergy only, OR ranks alone substitution only", async () => {
    const scale = 1e-9;
    for (const seed of [1, 2, 3]) {
      const and = await randomMdlri({ orRanks: 0, andRanks: 3, gates: seed === 2 ? "common" : "relative" }, seed);
      const synergy = await predictionOf(and.state, and.config, rowsOf(500, seed));
      const up = interactions(await synergy.prediction.response(cells), 500);
      expect(up.least).toBeGreaterThanOrEqual(-scale);
      expect(up.largest).toBeGreaterThan(1e-3);
      for (const pots of ["ces", "main", "unit"]) {
        const or = await randomMdlri({ andRanks: 0, orRanks: 3, pots }, seed);
        const substitution = await predictionOf(or.state, or.config, rowsOf(500, seed));
        const down = interactions(await substitution.prediction.response(cells), 500);
        expect(down.largest).toBeLessThanOrEqual(scale);
        expect(down.least).toBeLessThan(-1e-3);
        substitution.done();
      }
      synergy.done();
    }
  });

  test("the effect of the baseline cell is exactly zero, asked in any way", async () => {
    const { state, config } = await randomMdlri({}, 6);
    const { prediction, done } = await predictionOf(state, config, rowsOf(300, 4));
    const [table, alone, own] = [
      await prediction.response(cells),
      await prediction.response(new Int32Array(3)),
      await prediction.responseOfOwn(new Int32Array(900)),
    ];
    for (let i = 0; i < 300; i++) {
      expect(table[i * grid.cells] - alone[i]).toBe(exact);
      expect(own[i] - alone[i]).toBe(exact);
    }
    done();
  });

  test("the order of the levers does not matter: weights carried over, responses stay", async () => {
    const order = [2, 0, 1];
    for (const [pots, gates] of [
      ["ces", "relative"],
      ["main", "unit"],
      ["unit", "common"],
    ]) {
      const { state, config } = await randomMdlri({ pots, gates }, 7);
      const arrays = Object.fromEntries(
        Object.entries(state.arrays).map(([name, array]) => {
          if (/\.(andOffset|potShare)$/.test(name)) {
            const width = array.shape[1];
            return [
              name,
              {
                shape: array.shape,
                data: Float64Array.from({ length: array.data.length }, (_, k) => array.data[order[Math.floor(k / width)] * width + (k % width)]),
              },
            ];
          }
          const source = name.replace(
            /^(\d+\.net\.(?:heights|curves|andSteps|andShift|orSteps|orHeight))\.(\d)/,
            (_, head: string, l: string) => `${head}.${order[Number(l)]}`,
          );
          return [name, state.arrays[source]];
        }),
      );
      const json = { ...(state.json as Record<string, never>), levers: order.map((l) => threeLevers[l]) as never };
      const data = rowsOf(100, 8);
      const [one, other] = [await predictionOf(state, config, data), await predictionOf({ json, arrays }, config, data)];
      const moved = Int32Array.from({ length: cells.length }, (_, k) => cells[Math.floor(k / 3) * 3 + order[k % 3]]);
      expectAllClose(await other.prediction.response(moved), await one.prediction.response(cells), float64);
      one.done();
      other.done();
    }
  });

  test("cells one by one are the table: a million cells can be asked without laying them out", async () => {
    const six = Array.from({ length: 6 }, (_, l) => ({ column: `lever${l}`, levels: Array.from({ length: 10 }, (_, k) => String(k)) }));
    const { state, config } = await randomMdlri({}, 9, six);
    const { prediction, done } = await predictionOf(state, config, rowsOf(20, 8, false, six));
    expect(prediction.grid.cells).toBe(1_000_000);
    const few = Int32Array.from({ length: 6 * 20 }, (_, k) => (k * 7) % 10);
    const [table, own] = [await prediction.response(few), await prediction.responseOfOwn(few)];
    for (let i = 0; i < 20; i++) expect(own[i]).toBe(table[i * 20 + i]);
    // Free levers that never lower a response: the best of the million is found at the top, or at its equal.
    const { cells: best, value } = await bestCells(prediction);
    const [top, none] = [await prediction.response(new Int32Array(6).fill(9)), await prediction.response(new Int32Array(6))];
    for (let i = 0; i < 20; i++) expect(value[i]).toBe(top[i] - none[i]);
    expect(best.length).toBe(120);
    done();
  });
});

test("the surface and the graph that learns are one function: the exported ONNX file scores as predict does", async () => {
  const ort = await import("onnxruntime-node");
  for (const config of [
    {},
    { pots: "main", gates: "common" },
    { pots: "unit", gates: "unit" },
    { mode: "soft" },
    { link: "logit" },
    { link: "log" },
    { link: "ziln" },
  ] as const) {
    const settings = { ...(mdlri.quick as object), ...config, steps: 60 };
    const link = "link" in config ? config.link : "identity";
    const data = link === "identity" ? rowsOf(300, 11) : link === "logit" ? rowsOf(300, 11, true) : spendOf(rowsOf(300, 11));
    const fitted = await fit(mdlri, data, { config: settings, seed: 2 });
    const { file, encode } = mdlri.onnx(fitted.config as never, await fitted.state());
    const session = await ort.InferenceSession.create(file);
    const levels = Int32Array.from({ length: 900 }, (_, k) => k % 3);
    const feeds = Object.fromEntries(
      Object.entries(encode(data.features())).map(([name, { shape, data: values }]) => [name, new ort.Tensor("float32", values as Float32Array, [...shape])]),
    );
    const type = "int32";
    const { mu } = await session.run({ ...feeds, levels: new ort.Tensor(type, levels, [300, 3]) });
    const prediction = await fitted.predict(data);
    expectAllClose(await prediction.responseOfOwn(levels), mu.data as Float32Array, float32, "mu");
    fitted.dispose();
  }
});

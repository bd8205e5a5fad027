import { Rng } from "../../../src/base/rng.ts";
import type { State } from "../../../src/base/state.ts";
import { Dataset, numberColumn } from "../../../src/data/dataset.ts";
import type { LeverRole } from "../../../src/data/schema.ts";
import { fit } from "../../../src/model/fit.ts";
import type { LeversPrediction } from "../../../src/model/contract.ts";
import { mdlri } from "../../../src/uplift/levers/mdlri.ts";
import { parse } from "../../../src/base/parse.ts";

export const sizes = [4, 3, 3] as const;

export const threeLevers: readonly LeverRole[] = sizes.map((size, l) => ({ column: `lever${l}`, levels: Array.from({ length: size }, (_, k) => String(k)) }));

/** Rows with four normal features, levels at random and an outcome of the levers. */
export function rowsOf(n: number, seed: number, binary = false, levers: readonly LeverRole[] = threeLevers): Dataset {
  const rng = new Rng(seed);
  const x = ["x1", "x2", "x3", "x4"].map((name) =>
    numberColumn(
      name,
      Float64Array.from({ length: n }, () => rng.normal()),
    ),
  );
  const codes = levers.map(({ levels }) => Int32Array.from({ length: n }, () => rng.int(levels.length)));
  const y = Float64Array.from({ length: n }, (_, i) => {
    const mean = x[0].values[i] + codes.reduce((sum, list, l) => sum + list[i] / (l + 1), 0) + codes[0][i] * codes[1][i] * 0.2;
    return binary ? rng.bernoulli(1 / (1 + Math.exp(-mean + 1))) : mean + rng.normal();
  });
  const columns = levers.map(({ column, levels }, l) => ({ kind: "category" as const, name: column, codes: codes[l], levels }));
  return new Dataset([...x, ...columns, numberColumn("y", y)], { features: x.map(({ name }) => name), levers, outcomes: ["y"] }, "rows");
}

/** The same rows with amounts in place of the outcome: nothing where it is below 1, and its exponential above. */
export function spendOf(data: Dataset): Dataset {
  return data.withColumns([
    numberColumn(
      "y",
      data.outcome().map((y) => (y < 1 ? 0 : Math.exp(y / 2))),
    ),
  ]);
}

/** An M-DLRI whose weights are random numbers, not learned ones. */
export async function randomMdlri(
  config: Readonly<Record<string, unknown>>,
  seed: number,
  levers: readonly LeverRole[] = threeLevers,
): Promise<{ state: State; config: unknown }> {
  const settings = { ...config, steps: 1, baseline: [8], encoder: [6], batch: 64, engine: "reference" };
  const fitted = await fit(mdlri, rowsOf(80, 5, false, levers), { config: settings, seed: 1 });
  const state = await fitted.state();
  fitted.dispose();
  const rng = new Rng(seed);
  const arrays = Object.fromEntries(
    Object.entries(state.arrays).map(([name, { shape, data }]) => [
      name,
      { shape, data: Float64Array.from({ length: data.length }, () => 1.5 * rng.normal()) },
    ]),
  );
  return { state: { json: state.json, arrays }, config: parse(mdlri.config, settings, "test") };
}

/** What a model with this state predicts for rows. */
export async function predictionOf(state: State, config: unknown, data: Dataset): Promise<{ prediction: LeversPrediction; done: () => void }> {
  const fitted = await mdlri.restore(config as never, state);
  return { prediction: await fitted.predict(data), done: () => fitted.dispose() };
}

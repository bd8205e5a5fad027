import { z } from "zod";
import { Rng } from "../../src/base/rng.ts";
import { categoryColumn, Dataset, numberColumn } from "../../src/data/dataset.ts";
import type { Model, Traits } from "../../src/model/contract.ts";

const traits: Traits = {
  needs: ["feature", "treatment", "outcome"],
  sees: ["feature"],
  arms: "many",
  outcomes: ["binary", "count", "continuous"],
  weights: true,
  intervals: false,
  engine: "plain",
};

/** Predicts `factor` times feature x (0.1 more for each further arm, or a factor an arm), whatever it was fitted on; counts its fits. */
export function toyModel(id: string, factor: number | readonly number[], own: Partial<Traits> = {}): Model & { readonly fits: string[][] } {
  const fits: string[][] = [];
  const config = z.strictObject({ shift: z.number().default(0) });
  return {
    id,
    task: "uplift",
    summary: "a toy",
    source: [],
    traits: { ...traits, ...own },
    config,
    fits,
    fit: async (input, data) => {
      const { shift } = input as z.output<typeof config>;
      const arms = data.treatment().arms.slice(1);
      fits.push([...arms]);
      return {
        report: { shift },
        predict: async (held) => ({
          arms,
          effect: arms.map((_, a) => held.number("x").map((x) => (typeof factor === "number" ? factor * x + shift + 0.1 * a : factor[a] * x))),
        }),
        state: async () => ({ json: null, arrays: {} }),
        dispose: () => undefined,
      };
    },
    restore: () => Promise.reject(new Error("not needed")),
  };
}

/** n rows, arms none, a (and b): the effect of a is x, that of b is -x; y is continuous, `bought` says whether it is above 1. */
export function experiment(n: number, arms: readonly string[] = ["none", "a", "b"], seed = 3): Dataset {
  const rng = new Rng(seed);
  const x = Float64Array.from({ length: n }, () => rng.normal());
  const arm = Int32Array.from({ length: n }, () => rng.int(arms.length));
  const sign = [0, 1, -1];
  const y = x.map((v, i) => sign[arm[i]] * v + rng.normal());
  return new Dataset(
    [
      categoryColumn(
        "arm",
        Array.from(arm, (a) => arms[a]),
      ),
      numberColumn("x", x),
      categoryColumn(
        "colour",
        Array.from(x, (v) => (v > 0.8 ? "red" : "blue")),
      ),
      numberColumn("y", y),
      numberColumn(
        "bought",
        y.map((v) => (v > 1 ? 1 : 0)),
      ),
      ...arms.map((name, a) =>
        numberColumn(
          `mu ${name}`,
          x.map((v) => sign[a] * v),
        ),
      ),
    ],
    {
      features: ["x", "colour"],
      treatment: { column: "arm", control: arms[0] },
      outcomes: ["y", "bought"],
      potential: Object.fromEntries(arms.map((name) => [name, `mu ${name}`])),
    },
    "toy",
  );
}

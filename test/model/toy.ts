import { z } from "zod";
import { Dataset, numberColumn, categoryColumn } from "../../src/data/dataset.ts";
import type { Roles } from "../../src/data/schema.ts";
import type { Fitted, Model, Traits } from "../../src/model/contract.ts";

export const plainTraits: Traits = {
  needs: ["feature", "treatment", "outcome"],
  sees: ["feature"],
  arms: "many",
  outcomes: ["binary", "count", "continuous"],
  weights: true,
  intervals: false,
  engine: "plain",
};

const config = z.strictObject({ shift: z.number().min(0).max(10).default(0).describe("Added to every effect.") });
export type ToyModel = Model<string, "uplift", typeof config>;

/** A model made for tests: the difference in weighted means, plus `slope` times the first feature. */
export function toyModel(
  change: { id?: string; traits?: Partial<Traits>; slope?: number; config?: ToyModel["config"]; fit?: ToyModel["fit"]; restore?: ToyModel["restore"] } = {},
): ToyModel {
  const learned = (shift: number, arms: readonly string[], means: Float64Array): Fitted<"uplift"> => ({
    report: { means: [...means] },
    predict: async (data) => {
      const first = data.features().columns[0];
      const x = first?.kind === "number" ? first.values : new Float64Array(data.rows);
      return {
        arms: arms.slice(1),
        effect: arms.slice(1).map((_, a) => x.map((v) => means[a + 1] - means[0] + shift + (change.slope ?? 0) * (Number.isNaN(v) ? 0 : v))),
      };
    },
    state: async () => ({ json: { arms }, arrays: { means: { shape: [means.length], data: means } } }),
    dispose: () => {},
  });
  return {
    id: change.id ?? "toy",
    task: "uplift",
    summary: "Difference in means.",
    source: [],
    traits: { ...plainTraits, ...change.traits },
    config: change.config ?? config,
    fit:
      change.fit ??
      (async ({ shift }, data, context) => {
        context.progress(0, "means");
        context.signal.throwIfAborted();
        const { arm, arms } = data.treatment();
        const y = data.outcome();
        const w = data.weight();
        const sums = new Float64Array(arms.length);
        const totals = new Float64Array(arms.length);
        for (let i = 0; i < y.length; i++) {
          sums[arm[i]] += (w?.[i] ?? 1) * y[i];
          totals[arm[i]] += w?.[i] ?? 1;
        }
        return learned(
          shift,
          arms,
          sums.map((sum, a) => sum / totals[a]),
        );
      }),
    restore:
      change.restore ??
      (async ({ shift }, state) => {
        const { arms } = state.json as { arms: string[] };
        const { means } = state.arrays;
        if (means.data.length !== arms.length) throw new Error("means and arms differ in number");
        return learned(shift, arms, means.data as Float64Array);
      }),
  };
}

/** Six rows: two arms, one number, one category. */
export function smallData(
  change: {
    y?: readonly number[];
    x?: readonly number[];
    arm?: readonly string[];
    roles?: Partial<Roles>;
    extra?: Readonly<Record<string, readonly number[]>>;
  } = {},
): Dataset {
  const columns = [
    numberColumn("x", change.x ?? [1, 2, 3, 4, 5, 6]),
    categoryColumn("city", ["Bonn", "Ulm", "Bonn", null, "Ulm", "Ulm"]),
    categoryColumn("arm", change.arm ?? ["control", "mail", "control", "mail", "control", "mail"]),
    numberColumn("y", change.y ?? [1, 2.5, 1, 3.5, 1, 3]),
    ...Object.entries(change.extra ?? {}).map(([name, values]) => numberColumn(name, values)),
  ];
  return new Dataset(columns, { features: ["x", "city"], treatment: { column: "arm", control: "control" }, outcomes: ["y"], ...change.roles }, "small");
}

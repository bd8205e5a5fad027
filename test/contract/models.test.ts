import { describe, expect, test } from "vitest";
import { z } from "zod";
import { counted } from "../../src/compute/engine/contract.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import type { FitContext, Fitted, UpliftPrediction } from "../../src/model/contract.ts";
import { models } from "../../src/models.ts";
import { type ToyModel, toyModel } from "../model/toy.ts";
import { bench, laws, type UpliftModel } from "./laws.ts";

/** The toy with its fitted half changed: what it was fitted in is handed on. */
function broken(
  change: (fitted: Fitted<"uplift">, context: FitContext, data: Dataset) => Partial<Fitted<"uplift">>,
  more: Parameters<typeof toyModel>[0] = {},
): ToyModel {
  const sound = toyModel(more);
  return {
    ...sound,
    fit: async (config, data, context) => {
      const fitted = await sound.fit(config, data, context);
      return { ...fitted, ...change(fitted, context, data) };
    },
  };
}

/** The toy with each effect changed by a rule of row, first feature and data. */
function shifted(
  rule: (row: number, x: Float64Array, data: Dataset, context: FitContext, fittedOn: Dataset) => number,
  more: Parameters<typeof toyModel>[0] = {},
): ToyModel {
  return broken(
    (fitted, context, fittedOn) => ({
      predict: async (data) => {
        const prediction = await fitted.predict(data);
        const x = data.number("x1");
        return { ...prediction, effect: prediction.effect.map((values) => values.map((v, i) => v + rule(i, x, data, context, fittedOn))) };
      },
    }),
    more,
  );
}

function changed(change: (prediction: UpliftPrediction) => Partial<UpliftPrediction>): ToyModel {
  return broken((fitted) => ({
    predict: async (data) => {
      const prediction = await fitted.predict(data);
      return { ...prediction, ...change(prediction) };
    },
  }));
}

/** For every law models that break it, each in one way. */
const culprits: Readonly<Record<string, readonly ToyModel[]>> = {
  "same data, config and seed give the same predictions, whatever the number of threads": [
    shifted((_, __, ___, { threads }) => threads / 1000),
    shifted(() => Math.random() / 1000),
  ],
  "the order of the rows only permutes: rows predicted, and rows fitted on": [shifted((row) => row / 1e6)],
  "a row's prediction does not depend on the rows beside it, down to one row": [shifted((_, x) => x.reduce((sum, v) => sum + v, 0) / x.length)],
  "what is handed in is not written to": [
    shifted((_, x) => {
      x[0] = 0;
      return 0;
    }),
  ],
  "columns outside what the model says it sees change no prediction, and need not be there": [
    shifted((row, _, data) => data.outcome("y")[row] / 100, { traits: { sees: ["feature", "outcome"] } }),
    shifted((row, _, data) => data.treatment().arm[row] / 100, { traits: { sees: ["feature", "treatment"] } }),
  ],
  "every row gets a finite effect for every kind of outcome: rows with missing values, unknown levels and far-out numbers too": [
    shifted((row, x) => x[row]),
    shifted((row, x) => (Math.abs(x[row]) > 1e6 ? Number.POSITIVE_INFINITY : 0)),
  ],
  "a column that is missing from the data to predict on is named": [toyModel({ traits: { sees: [] } })],
  "weights of one change nothing, and a model without weights refuses them": [
    shifted((_, __, ___, ____, fittedOn) => (fittedOn.weight() === undefined ? 0 : 0.01)),
  ],
  "a constant effect is recovered, and no effect is found where there is none": [shifted(() => 0.7), shifted((row, x) => 3 * x[row])],
  "a saved and loaded model predicts exactly the same, and saves the same again": [
    { ...toyModel(), restore: async (config, state) => toyModel().restore({ shift: config.shift + 1e-9 }, state) },
    broken((fitted) => ({
      state: async () => {
        const { json, arrays } = await fitted.state();
        return { json, arrays: { means: { ...arrays.means, data: Float32Array.from(arrays.means.data) } } };
      },
    })),
  ],
  "dispose gives back all that an engine holds, may be called twice, and is the end of the model": [
    broken(() => {
      counted({ run: async () => ({}), dispose: () => {} });
      return {};
    }),
  ],
  "an abort signal stops the fit: before it starts, and while it runs": [
    {
      ...toyModel(),
      fit: (config, data, context) => toyModel().fit(config, data, { ...context, signal: new AbortController().signal }),
    },
  ],
  "progress is reported, from 0 to 1 and never backwards": [
    toyModel({
      fit: (config, data, context) => {
        context.progress(0.9, "means");
        return toyModel().fit(config, data, context);
      },
    }),
    toyModel({ fit: (config, data, context) => toyModel().fit(config, data, { ...context, progress: () => {} }) }),
  ],
  "a prediction names the treated arms and has a number for each row and arm; intervals hold the effect": [
    changed(({ arms }) => ({ arms: ["control", ...arms] })),
    changed(({ effect }) => ({ effect: effect.slice(1) })),
    changed(({ effect }) => ({ lower: effect, upper: effect, level: 0.9 })),
    {
      ...changed(({ effect }) => ({
        lower: effect.map((values) => values.map((v) => v + 1)),
        upper: effect.map((values) => values.map((v) => v + 2)),
        level: 0.9,
      })),
      traits: { ...toyModel().traits, intervals: true },
    },
  ],
  "the report is plain JSON": [broken(() => ({ report: { loss: Number.NaN } })), broken(() => ({ report: { curve: new Float64Array(2) as never } }))],
  "every bound, choice and unknown key of the config is refused with its path and value, and the config after defaults is its own input": [
    toyModel({ config: z.strictObject({ shift: z.number().min(0).max(10).default(0).catch(0) }) as never }),
    toyModel({ config: z.object({ shift: z.number().min(0).max(10).default(0) }) as never }),
    toyModel({ config: z.strictObject({ shift: z.number().min(0).max(10).default(0).transform(String) }) as never }),
  ],
};

describe("the laws can be broken, and are found to be", () => {
  test("every law has a model that breaks it", () => {
    expect(Object.keys(culprits).sort()).toEqual(laws.map((law) => law.name).sort());
  });
  for (const law of laws) {
    for (const [k, culprit] of culprits[law.name].entries()) {
      test(`${law.name}: culprit ${k + 1}`, async () => {
        expect(law.applies?.(culprit) ?? true).toBe(true);
        await expect(law.check(culprit, bench(culprit))).rejects.toThrow();
      });
    }
  }
});

describe("a sound toy holds to every law", () => {
  const sound = toyModel();
  for (const law of laws.filter((law) => law.applies?.(sound) ?? true)) test(law.name, () => law.check(sound, bench(sound)));
});

for (const model of models.filter((candidate): candidate is UpliftModel => candidate.task === "uplift")) {
  describe(model.id, () => {
    const shared = bench(model);
    for (const law of laws.filter((law) => law.applies?.(model) ?? true)) test(law.name, () => law.check(model, shared));
  });
}

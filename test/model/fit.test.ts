import { expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { categoryColumn, Dataset, numberColumn } from "../../src/data/dataset.ts";
import type { Dataset as Data } from "../../src/data/dataset.ts";
import { fit } from "../../src/model/fit.ts";
import { contentOrder } from "../../src/model/order.ts";
import { sharedRun } from "../../src/model/run.ts";
import { smallData, toyModel } from "./toy.ts";

test("a fit gives effects, the config after defaults, and a report with rows and arms", async () => {
  const fitted = await fit(toyModel(), smallData());
  expect(fitted.config).toEqual({ shift: 0 });
  expect(fitted.seed).toBe(1);
  expect(fitted.report).toEqual({ rows: 6, arms: { control: 3, mail: 3 }, means: [1, 3] });
  expect(await fitted.predict(smallData())).toEqual({ arms: ["mail"], effect: [Float64Array.of(2, 2, 2, 2, 2, 2)] });
});

const cases: readonly (readonly [string, () => Promise<unknown>, "usage" | "data", string])[] = [
  ["a config value out of bounds", () => fit(toyModel(), smallData(), { config: { shift: 11 } }), "usage", 'toy: config "shift" must be at most 10; got 11'],
  ["a misspelt key", () => fit(toyModel(), smallData(), { config: { shft: 1 } }), "usage", 'toy: config has no option "shft"; did you mean "shift"?'],
  ["a seed that is no whole number", () => fit(toyModel(), smallData(), { seed: 0.5 }), "usage", "toy: seed must be a whole number below 2^53; got 0.5"],
  ["no threads", () => fit(toyModel(), smallData(), { threads: 0 }), "usage", "toy: threads must be a whole number of at least 1; got 0"],
  [
    "no treatment",
    () => fit(toyModel(), smallData({ roles: { treatment: undefined } })),
    "data",
    "toy: small has no treatment; this model needs a treatment column, which says who got what: say which one it is",
  ],
  [
    "no features",
    () => fit(toyModel(), smallData({ roles: { features: [] } })),
    "data",
    "toy: small has no feature; this model needs feature columns, which describe the units before treatment: say which one it is",
  ],
  [
    "no outcome",
    () => fit(toyModel(), smallData({ roles: { outcomes: [] } })),
    "data",
    "toy: small has no outcome; this model needs an outcome column, which says what happened: say which one it is",
  ],
  [
    "a feature that is the outcome",
    () => fit(toyModel(), smallData({ roles: { features: ["x", "y"] } })),
    "data",
    'toy: small: column "y" is a feature and an outcome at once; take it out of the features',
  ],
  [
    "a feature that is the treatment",
    () => fit(toyModel(), smallData({ roles: { features: ["arm"] } })),
    "data",
    'toy: small: column "arm" is a feature and the treatment at once; take it out of the features',
  ],
  [
    "three arms for a model of two",
    () => fit(toyModel({ traits: { arms: "two" } }), smallData({ arm: ["control", "mail", "control", "call", "control", "mail"] })),
    "data",
    "toy: compares two arms, and small has 3 (control, call or mail); keep the control and one treated arm, or choose a model for many arms",
  ],
  [
    "an outcome of a kind the model does not take",
    () => fit(toyModel({ traits: { outcomes: ["binary"] } }), smallData()),
    "data",
    'toy: small: column "y" is continuous, and this model takes binary outcomes; choose another outcome or model',
  ],
  [
    "weights for a model without",
    () => fit(toyModel({ traits: { weights: false } }), smallData({ extra: { w: [1, 1, 1, 1, 1, 1] }, roles: { weight: "w" } })),
    "usage",
    'toy: does not use row weights, and small has weight column "w"; leave the weights out or choose another model',
  ],
  [
    "missing outcomes",
    () => fit(toyModel(), smallData({ y: [1, Number.NaN, 1, 3, 1, Number.NaN] })),
    "data",
    'small: column "y": 2 of 6 rows have no outcome; set missingOutcome to "drop" to fit without them, or fill them in',
  ],
  [
    "outcomes all equal",
    () => fit(toyModel(), smallData({ y: [0, 0, 0, 0, 0, 0] })),
    "data",
    'toy: small: column "y" is 0 in every row, so there is no effect to learn; check the outcome, or bring more rows',
  ],
  [
    "an infinite feature",
    () => fit(toyModel(), smallData({ x: [1, 2, Number.POSITIVE_INFINITY, 4, 5, 6] })),
    "data",
    'small: column "x" holds 1 infinite numbers, the first in row 3; replace them, or leave them empty if they are unknown',
  ],
  [
    "an arm without rows",
    () => fit(toyModel(), smallData().take([0, 2, 4])),
    "data",
    'toy: arm "mail" of small has no rows; leave the arm out or bring data for it',
  ],
  [
    "an arm without weight",
    () => fit(toyModel(), smallData({ extra: { w: [1, 0, 1, 0, 1, 0] }, roles: { weight: "w" } })),
    "data",
    'toy: arm "mail" of small has no rows with a weight above 0; leave the arm out or bring data for it',
  ],
  [
    "no weight at all",
    () => fit(toyModel(), smallData({ extra: { w: [0, 0, 0, 0, 0, 0] }, roles: { weight: "w" } })),
    "data",
    'toy: every row of small has weight 0; check column "w"',
  ],
  ["no rows", () => fit(toyModel(), smallData().take([])), "data", "toy: small has no rows"],
];
test.each(cases)("%s is refused in one line with a way out", async (_, attempt, kind, message) => {
  await expect(attempt()).rejects.toThrow(expect.objectContaining({ kind, message }));
});

test("rows without an outcome are dropped when asked for, and counted", async () => {
  const fitted = await fit(toyModel(), smallData({ y: [1, Number.NaN, 1, 3, 1, Number.NaN] }), { missingOutcome: "drop" });
  expect(fitted.report).toEqual({ rows: 4, droppedRows: 2, arms: { control: 3, mail: 1 }, means: [1, 3] });
});

test("the model is shown neither the truth nor columns without a part, and its rows in an order of their own", async () => {
  let seen: Data | undefined;
  const spy = toyModel({
    fit: async (_, data) => {
      seen = data;
      return { report: {}, predict: async () => ({ arms: [], effect: [] }), state: async () => ({ json: null, arrays: {} }), dispose: () => {} };
    },
  });
  const data = smallData({ extra: { tau: [2, 2, 2, 2, 2, 2], id: [1, 2, 3, 4, 5, 6] }, roles: { effect: { mail: "tau" } } });
  await fit(spy, data);
  expect(seen?.names).toEqual(["x", "city", "arm", "y"]);
  expect(seen?.roles.effect).toBeUndefined();
  expect([...(seen?.number("x") ?? [])].sort()).toEqual([1, 2, 3, 4, 5, 6]);
});

test("the order of the rows depends on their content alone: shuffled data comes out the same", () => {
  const rng = new Rng(2);
  const n = 500;
  const data = new Dataset(
    [
      numberColumn(
        "a",
        Array.from({ length: n }, () => rng.int(40)),
      ),
      categoryColumn(
        "c",
        Array.from({ length: n }, () => ["u", "v", null][rng.int(3)]),
      ),
      numberColumn(
        "w",
        Array.from({ length: n }, () => rng.int(3)),
      ),
    ],
    { features: ["a", "c"], outcomes: [], weight: "w" },
  );
  const shuffled = data.take(rng.permutation(n));
  const ordered = (d: Data): unknown => d.take(contentOrder(d.restrict(["feature"]).columns, n, d.weight())).columns;
  expect(ordered(shuffled)).toEqual(ordered(data));
  // Equal weights change nothing.
  expect(contentOrder(data.restrict(["feature"]).columns, n, new Float64Array(n).fill(1))).toEqual(contentOrder(data.restrict(["feature"]).columns, n));
});

test("the order says nothing about any one column", () => {
  const n = 4000;
  const a = Float64Array.from({ length: n }, (_, i) => i);
  const order = contentOrder([numberColumn("a", a)], n);
  const middle = (n - 1) / 2;
  const correlation = order.reduce((sum, row, place) => sum + (row - middle) * (place - middle), 0) / ((n * (n * n - 1)) / 12);
  // A random order's rank correlation has standard error 1 / sqrt(n - 1).
  expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(n - 1));
});

test("prediction asks for the columns fitted on, by name and kind, and for nothing else", async () => {
  const fitted = await fit(toyModel({ slope: 1 }), smallData());
  const bare = new Dataset([categoryColumn("city", ["Ulm", "Bonn"]), numberColumn("x", [10, 20])], { features: [], outcomes: [] }, "new");
  expect(await fitted.predict(bare)).toEqual({ arms: ["mail"], effect: [Float64Array.of(12, 22)] });
  await expect(fitted.predict(new Dataset([numberColumn("X", [1]), categoryColumn("city", ["Ulm"])], { features: [], outcomes: [] }, "new"))).rejects.toThrow(
    'toy: new has no column "x", which the model was fitted on; did you mean "X"?',
  );
  await expect(
    fitted.predict(new Dataset([categoryColumn("x", ["a"]), categoryColumn("city", ["Ulm"])], { features: [], outcomes: [] }, "new")),
  ).rejects.toThrow('toy: new: column "x" is a category where the model was fitted on a number; read it as a number');
  await expect(fitted.predict(new Dataset([numberColumn("x", [1]), numberColumn("city", [3])], { features: [], outcomes: [] }, "new"))).rejects.toThrow(
    'toy: new: column "city" is a number where the model was fitted on a category; read it as text',
  );
  await expect(
    fitted.predict(new Dataset([numberColumn("x", [Number.NEGATIVE_INFINITY]), categoryColumn("city", ["Ulm"])], { features: [], outcomes: [] }, "new")),
  ).rejects.toThrow(/column "x" holds 1 infinite/);
});

test("categories are put into the levels fitted on; unknown ones are missing, and counted in the notes", async () => {
  let codes: readonly number[] = [];
  const spy = toyModel({
    fit: async () => ({
      report: {},
      predict: async (data) => {
        const city = data.column("city");
        codes = city.kind === "category" ? [...city.codes] : [];
        return { arms: [], effect: [] };
      },
      state: async () => ({ json: null, arrays: {} }),
      dispose: () => {},
    }),
  });
  const fitted = await fit(spy, smallData());
  const prediction = await fitted.predict(
    new Dataset([numberColumn("x", [1, 2, 3, 4]), categoryColumn("city", ["Ulm", "Aachen", null, "Bonn"])], { features: [], outcomes: [] }, "new"),
  );
  expect(codes).toEqual([1, -1, -1, 0]);
  expect(prediction.notes).toEqual(['column "city": 1 entries have levels the model was not fitted on ("Aachen") and are taken as missing']);
});

test("a column without a single value is missing, whatever kind it was read as", async () => {
  const fitted = await fit(toyModel({ slope: 1 }), smallData());
  const empty = new Dataset([categoryColumn("x", [null, null]), numberColumn("city", [Number.NaN, Number.NaN])], { features: [], outcomes: [] }, "new");
  expect((await fitted.predict(empty)).effect[0]).toEqual(Float64Array.of(2, 2));
});

test("what one run makes once is made once for equal keys, from a stream that company does not change", async () => {
  const made: string[] = [];
  const drawn: number[] = [];
  const maker = (id: string): ReturnType<typeof toyModel> =>
    toyModel({
      id,
      fit: async (_, __, context) => {
        const value = await context.once?.("nuisance", async (rng) => {
          made.push(id);
          return rng.float();
        });
        drawn.push(value ?? Number.NaN);
        return { report: {}, predict: async () => ({ arms: [], effect: [] }), state: async () => ({ json: null, arrays: {} }), dispose: () => {} };
      },
    });
  const data = smallData();
  const shared = sharedRun();
  await fit(maker("a"), data, { shared });
  await fit(maker("b"), data, { shared });
  await fit(maker("c"), data);
  expect(made).toEqual(["a", "c"]);
  expect(new Set(drawn).size).toBe(1);
  await fit(maker("d"), data, { shared, seed: 2 });
  expect(made).toEqual(["a", "c", "d"]);
});

test("an aborted signal stops before anything is fitted", async () => {
  await expect(fit(toyModel(), smallData(), { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
});

import { expect, test } from "vitest";
import { z } from "zod";
import { parse } from "../../src/base/parse.ts";

const linear = z.strictObject({ id: z.literal("linear"), lambda: z.union([z.literal("auto"), z.number().min(0)]).default("auto") });
const boosting = z.strictObject({ id: z.literal("boosting"), rounds: z.int().min(1).default(100) });
const both = z.discriminatedUnion("id", [linear, boosting]);
const schema = z.strictObject({
  folds: z.int().min(2).max(50).default(5),
  clip: z.number().min(0).lt(0.5).optional(),
  how: z.enum(["auto", "share"]).default("auto"),
  learner: z.union([z.enum(["linear", "boosting"]).transform((id) => both.parse({ id })), both]).prefault("boosting"),
});

test("defaults are filled in, also those of a part named by a word", () => {
  const defaults = { folds: 5, how: "auto", learner: { id: "boosting", rounds: 100 } };
  expect(parse(schema, {}, "m: config")).toEqual(defaults);
  expect(parse(schema, undefined, "m: config")).toEqual(defaults);
  expect(parse(schema, { learner: "linear" }, "m: config")).toEqual({ ...defaults, learner: { id: "linear", lambda: "auto" } });
});

test.each([
  [{ fold: 3 }, 'm: config has no option "fold"; did you mean "folds"?'],
  [{ zzz: 3 }, 'm: config has no option "zzz"; known are folds, clip, how or learner'],
  [{ folds: 1 }, 'm: config "folds" must be at least 2; got 1'],
  [{ folds: 51 }, 'm: config "folds" must be at most 50; got 51'],
  [{ folds: 2.5 }, 'm: config "folds" must be of type whole number; got 2.5'],
  [{ folds: "x" }, 'm: config "folds" must be of type number; got "x"'],
  [{ folds: Number.NaN }, 'm: config "folds" must be of type number; got NaN'],
  [{ clip: 0.5 }, 'm: config "clip" must be less than 0.5; got 0.5'],
  [{ how: "shares" }, 'm: config "how" must be auto or share; got "shares", did you mean "share"?'],
  [{ learner: "lineer" }, 'm: config "learner" must be linear or boosting; got "lineer", did you mean "linear"?'],
  [{ learner: 3 }, 'm: config "learner" must be linear or boosting; got 3'],
  [{ learner: { id: "lineer" } }, 'm: config "learner.id" must be linear or boosting; got "lineer", did you mean "linear"?'],
  [{ learner: { id: "linear", lambda: -1 } }, 'm: config "learner.lambda" must be at least 0; got -1'],
  [{ learner: { id: "linear", lambda: "x" } }, 'm: config "learner.lambda" must be auto or of type number; got "x"'],
  [{ learner: { id: "linear", lamda: 1 } }, 'm: config has no option "learner.lamda"; did you mean "lambda"?'],
  [{ learner: { id: "linear", rounds: 1 } }, 'm: config has no option "learner.rounds"; known are id or lambda'],
  [{ folds: 99, clip: -1 }, 'm: config "folds" must be at most 50; got 99 (and 1 more)'],
  [[], "m: config must be of type object; got []"],
])("%j is refused in one line", (value, message) => {
  expect(() => parse(schema, value, "m: config")).toThrow(expect.objectContaining({ kind: "usage", message }));
});

import { expect, test } from "vitest";
import { z } from "zod";
import { parse } from "../../src/base/parse.ts";
import { bundle, unbundle } from "../../src/learn/bundle.ts";
import { chosen, learnerChoice } from "../../src/learn/choice.ts";
import { learnerById, learners } from "../../src/learn/index.ts";

const schema = z.strictObject({ learner: learnerChoice("linear", "Which learner.") });

test("every family has a regressor and a classifier", () => {
  for (const { id } of learners) for (const kind of ["regressor", "classifier"] as const) expect(learnerById(id, kind)).toMatchObject({ id, kind });
});

test("a name and an object with settings come out as the same full object", () => {
  expect(parse(schema, {}, "m")).toEqual({ learner: { id: "linear", lambda: "auto", maxLevels: 50 } });
  for (const { id } of learners) {
    const full = parse(schema, { learner: id }, "m");
    expect(full.learner.id).toBe(id);
    expect(parse(schema, full, "m")).toEqual(full);
    expect(parse(schema, { learner: { id } }, "m")).toEqual(full);
  }
});

test("the chosen learner gets its own settings, and its key tells settings apart", () => {
  const light = chosen(parse(schema, { learner: { id: "linear", lambda: 0.1 } }, "m").learner, "classifier");
  expect(light).toMatchObject({ learner: { id: "linear", kind: "classifier" }, config: { lambda: 0.1, maxLevels: 50 } });
  expect(light.key).not.toBe(chosen(parse(schema, {}, "m").learner, "classifier").key);
  // The loss is a setting of the regressor alone.
  const boosting = parse(schema, { learner: { id: "boosting", loss: "poisson" } }, "m").learner;
  expect(chosen(boosting, "regressor").config).toMatchObject({ loss: "poisson" });
  expect(chosen(boosting, "classifier").config).not.toHaveProperty("loss");
});

test("an unknown learner is refused with the nearest name", () => {
  expect(() => parse(schema, { learner: "boostin" }, "m")).toThrow(/"learner" must be .*boosting/);
  expect(() => parse(schema, { learner: { id: "linear", lamda: 1 } }, "m")).toThrow('m has no option "learner.lamda"; did you mean "lambda"?');
  expect(() => learnerById("liner", "regressor")).toThrow('there is no regressor "liner"; did you mean "linear"?');
});

test("states go into a bundle and come out as they went in", () => {
  const a = { json: { k: 1 }, arrays: { v: { shape: [2], data: Float64Array.of(1, 2) } } };
  const b = { json: null, arrays: {} };
  const both = bundle({ a, b, nested: bundle({ a }) });
  expect(Object.keys(both.arrays)).toEqual(["a/v", "nested/a/v"]);
  expect(unbundle(both, "a")).toEqual(a);
  expect(unbundle(both, "b")).toEqual(b);
  expect(unbundle(unbundle(both, "nested"), "a")).toEqual(a);
  expect(() => unbundle(both, "c")).toThrow('no part "c"');
});

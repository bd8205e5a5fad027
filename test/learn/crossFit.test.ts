import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { Rng } from "../../src/base/rng.ts";
import { numberColumn } from "../../src/data/dataset.ts";
import type { ChosenLearner } from "../../src/learn/choice.ts";
import type { LearnContext } from "../../src/learn/contract.ts";
import { crossFit, drawFolds } from "../../src/learn/crossFit.ts";

const context: LearnContext = { rng: new Rng(1), threads: 1, signal: new AbortController().signal };

test("folds are equal in size, as a whole and inside every stratum", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 2, max: 7 }),
      fc.integer(),
      (strata, count, seed) => {
        const { of } = drawFolds(Int32Array.from(strata), undefined, count, new Rng(seed));
        const sizes = (rows: readonly number[]): number[] => Array.from({ length: count }, (_, f) => rows.filter((i) => of[i] === f).length);
        for (const stratum of [...new Set(strata), -1]) {
          const inside = sizes([...strata.keys()].filter((i) => stratum === -1 || strata[i] === stratum));
          expect(Math.max(...inside) - Math.min(...inside)).toBeLessThanOrEqual(1);
        }
      },
    ),
  );
});

test("rows of one group share a fold", () => {
  const groups = Int32Array.from({ length: 50 }, (_, i) => i % 11);
  const { of } = drawFolds(new Int32Array(50), groups, 4, new Rng(5));
  for (let i = 0; i < 50; i++) expect(of[i]).toBe(of[i % 11]);
  expect(new Set(of).size).toBe(4);
});

test("equal seeds draw equal folds, others draw others", () => {
  const strata = new Int32Array(100);
  expect(drawFolds(strata, undefined, 5, new Rng(1))).toEqual(drawFolds(strata, undefined, 5, new Rng(1)));
  expect(drawFolds(strata, undefined, 5, new Rng(1))).not.toEqual(drawFolds(strata, undefined, 5, new Rng(2)));
});

/** Predicts the weighted mean of its targets for everyone, and remembers them. */
function meanLearner(seen: number[][]): ChosenLearner {
  return {
    key: "mean",
    config: {},
    learner: {
      id: "mean",
      kind: "regressor",
      summary: "",
      config: z.strictObject({}),
      fit: async (_, __, y, weight) => {
        seen.push([...y]);
        const total = y.reduce((sum, _, i) => sum + (weight?.[i] ?? 1), 0);
        const mean = y.reduce((sum, v, i) => sum + v * (weight?.[i] ?? 1), 0) / total;
        return { predict: async (x) => new Float64Array(x.rows).fill(mean), state: () => ({ json: null, arrays: {} }) };
      },
      restore: async () => {
        throw new Error("not here");
      },
    },
  };
}

test("each row is predicted by a fit that has not seen its fold, and only allowed rows are learned from", async () => {
  const y = Float64Array.of(1, 2, 4, 8, 16, 32);
  const folds = { of: Int32Array.of(0, 0, 0, 1, 1, 1), count: 2 };
  const x = { rows: 6, columns: [numberColumn("x", y)] };
  const seen: number[][] = [];
  const out = await crossFit(meanLearner(seen), x, y, undefined, folds, (i) => i !== 4, context);
  expect(seen).toEqual([
    [8, 32],
    [1, 2, 4],
  ]);
  expect([...out]).toEqual([20, 20, 20, 7 / 3, 7 / 3, 7 / 3]);
  const weighted = await crossFit(meanLearner([]), x, y, Float64Array.of(1, 0, 0, 1, 0, 3), folds, undefined, context);
  expect([...weighted]).toEqual([26, 26, 26, 1, 1, 1]);
});

import { expect } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import type { Metric } from "../../src/metrics/contract.ts";
import { type Columns, experiment } from "../metrics/experiment.ts";
import { rowsOf, type Slow } from "../metrics/slow.ts";
import { exact, expectClose, float64 } from "../tolerance.ts";

/** What every metric must do, by its traits; each law throws when it is broken. */

interface Drawn {
  readonly prediction: Float64Array;
  readonly columns: Columns;
  readonly data: Dataset;
}

interface Wanted {
  readonly ties?: boolean;
  readonly weights?: readonly number[];
  readonly rows?: number;
  readonly arms?: boolean;
}

/** A small experiment that any metric can score: 0/1 outcomes (continuous in every other case where the metric takes them), truth, groups. */
function draw(metric: Metric, seed: number, { ties = true, weights, rows, arms = true }: Wanted = {}): Drawn {
  const rng = new Rng(seed).split("law");
  // A metric of ten bins has no answer on few rows.
  const n = rows ?? (metric.id === "sklift-weighted-average-uplift" ? 60 : 12) + rng.int(24);
  const levels = ties ? 2 + rng.int(6) : n;
  const order = rng.permutation(n);
  // Between 0 and 1 for probabilities; around 0 for effects.
  const shift = metric.id === "log-loss" ? 0 : 0.5;
  const prediction = Float64Array.from({ length: n }, (_, i) => ((ties ? rng.int(levels) : order[i]) + 1) / (levels + 1) - shift);
  const list = (value: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => value(i));
  const t = list((i) => (i < 2 ? i : rng.bernoulli(0.4)));
  const continuous = seed % 2 === 1 && takesNumbers(metric);
  const y = list((i) => (continuous ? Math.round(4 * (rng.normal() + t[i])) / 4 : i < 4 ? (i + (i >> 1)) % 2 : rng.bernoulli(0.3 + 0.3 * t[i])));
  const columns: Columns = {
    y,
    t: arms ? t : undefined,
    weight: weights === undefined ? undefined : list((i) => (i < 4 ? 1 : weights[rng.int(weights.length)])),
    group: list(() => rng.int(3)),
    propensity: arms && seed % 3 === 0 ? [list(() => rng.choice([1, 1, 1]) / 4 + 0.25)] : undefined,
    effect: [list(() => Math.round(8 * rng.normal()) / 8)],
  };
  return { prediction, columns, data: experiment(columns) };
}

const takesNumbers = (metric: Metric): boolean => !["auc", "gauc", "log-loss"].includes(metric.id) && metric.traits.library !== "scikit-uplift";
const usesOutcome = (metric: Metric): boolean => metric.needs.includes("outcome");
const seeds = Array.from({ length: 20 }, (_, i) => i);

export const laws: Readonly<Record<string, (metric: Metric, slow: Slow | undefined) => void>> = {
  "the order of the rows changes nothing (of distinct scores, where tied rows enter one by one)": (metric) => {
    for (const seed of seeds) {
      const { prediction, data } = draw(metric, seed, { ties: metric.traits.ties === "averaged" && metric.traits.weights !== "used", weights: [0, 0.5, 1, 2] });
      const rows = new Rng(seed).permutation(data.rows);
      const moved = metric.score(
        Float64Array.from(rows, (i) => prediction[i]),
        data.take(rows),
      );
      expectClose(moved.value, metric.score(prediction, data).value, float64, `${metric.id}, seed ${seed}`);
    }
  },

  "an increasing transform of the score changes nothing, where the metric reads the order": (metric) => {
    if (metric.traits.reads !== "order") return;
    for (const seed of seeds) {
      const { prediction, data } = draw(metric, seed);
      const { value } = metric.score(prediction, data);
      for (const rise of [(s: number) => 1000 * s - 7, (s: number) => Math.exp(s), (s: number) => s ** 3 + s])
        expectClose(metric.score(prediction.map(rise), data).value, value, exact, `${metric.id}, seed ${seed}`);
    }
  },

  "a constant score is exactly random targeting, and says so": (metric) => {
    const { constant } = metric.traits;
    for (const seed of seeds) {
      const { data } = draw(metric, seed, { weights: [0.5, 1, 2] });
      const score = metric.score(new Float64Array(data.rows).fill(metric.id === "log-loss" ? 0.5 : 3.25), data);
      if (metric.traits.reads === "order") expect(score.notes?.join() ?? "", metric.id).toContain("all scores are equal");
      else expect(Number.isNaN(score.value), metric.id).toBe(false);
      if (constant === undefined) continue;
      const effect = averageEffect(metric, data);
      const want = { zero: 0, half: 0.5, effect, "half the effect": effect / 2 }[constant];
      expectClose(score.value, want, constant === "zero" && metric.traits.library === undefined ? exact : float64, `${metric.id}, seed ${seed}`);
    }
  },

  "a row of weight 2 is the same as two rows, of weight 0 as none; ignored weights change nothing and are noted": (metric) => {
    if (metric.traits.weights === "used") return;
    for (const seed of seeds) {
      const { prediction, columns, data } = draw(metric, seed, { weights: [0, 1, 2, 3] });
      const weight = Array.from(columns.weight as number[]);
      const plain = experiment({ ...columns, weight: undefined });
      const got = metric.score(prediction, data);
      if (metric.traits.weights === "ignored") {
        expectClose(got.value, metric.score(prediction, plain).value, exact, metric.id);
        expect(got.notes?.join() ?? "", metric.id).toContain("weights are not used");
        continue;
      }
      const rows = weight.flatMap((w, i) => Array.from({ length: w }, () => i));
      const repeated = metric.score(
        Float64Array.from(rows, (i) => prediction[i]),
        plain.take(rows),
      );
      expectClose(got.value, repeated.value, float64, `${metric.id}, seed ${seed}`);
    }
  },

  "no score beats the truth when each unit is seen both treated and untreated": (metric) => {
    if (metric.traits.ties !== "averaged") return;
    for (const seed of seeds) {
      const { truth, data } = twins(metric, seed);
      const best = metric.score(truth, data).value;
      if (Number.isNaN(best)) continue;
      const rng = new Rng(seed);
      for (let k = 0; k < 20; k++) {
        const rival = new Float64Array(data.rows);
        for (let i = 0; i < rival.length; i += 2)
          rival[i] = rival[i + 1] = metric.id === "log-loss" ? 0.01 + 0.98 * rng.float() : truth[i] + (1 + rng.int(3)) * rng.normal();
        const { value } = metric.score(rival, data);
        if (metric.better === "higher") expect(value, `${metric.id}, seed ${seed}`).toBeLessThanOrEqual(best + float64);
        else expect(value, `${metric.id}, seed ${seed}`).toBeGreaterThanOrEqual(best - float64);
      }
      if (metric.better === "lower" && metric.id !== "log-loss") expectClose(best, 0, float64, metric.id);
    }
  },

  "equals its slow twin on 200 cases with many ties": (metric, slow) => {
    if (slow === undefined) throw new Error(`${metric.id} has no slow twin`);
    let answered = 0;
    for (let seed = 0; seed < 200; seed++) {
      const { prediction, data } = draw(metric, seed, seed % 4 < 2 ? { weights: metric.traits.weights === "used" ? [0.5, 1, 2] : [0, 0.5, 1, 2, 3] } : {});
      const want = slow(
        metric.traits.weights === "ignored" ? rowsOf(prediction, data).map((row) => ({ ...row, w: 1 })) : knownOrNot(metric, rowsOf(prediction, data)),
      );
      expectClose(metric.score(prediction, data).value, want, float64, `${metric.id}, seed ${seed}`);
      if (!Number.isNaN(want)) answered++;
    }
    expect(answered, metric.id).toBeGreaterThan(50);
  },

  "rows without an outcome are left out, and counted in a note": (metric) => {
    if (!usesOutcome(metric)) return;
    for (const seed of seeds) {
      const { prediction, columns, data } = draw(metric, seed);
      const gone = [5, 7, 8];
      const holes = metric.score(prediction, experiment({ ...columns, y: Array.from(columns.y, (y, i) => (gone.includes(i) ? Number.NaN : y)) }));
      const rows = Array.from(prediction, (_, i) => i).filter((i) => !gone.includes(i));
      expectClose(
        holes.value,
        metric.score(
          Float64Array.from(rows, (i) => prediction[i]),
          data.take(rows),
        ).value,
        float64,
        metric.id,
      );
      expect(holes.notes?.join() ?? "", metric.id).toMatch(/^3 of \d+ rows have no outcome/);
    }
  },

  "data without an answer (no rows, one row, an empty arm, one class) gives a number, or NaN with a note, and no error": (metric) => {
    const { prediction, columns, data } = draw(metric, 4);
    const t = columns.t as number[];
    const scores = (rows: readonly number[]): void => {
      const { value, notes } = metric.score(
        Float64Array.from(rows, (i) => prediction[i]),
        data.take(rows),
      );
      if (!Number.isFinite(value)) expect(notes ?? [], `${metric.id}: NaN without a note`).not.toEqual([]);
      if (metric.needs.includes("treatment") && metric.traits.library !== "causalml") expect(value, metric.id).toBeNaN();
    };
    const all = Array.from(prediction, (_, i) => i);
    scores([]);
    scores([0]);
    scores(all.filter((i) => t[i] === 0));
    scores(all.filter((i) => t[i] === 1));
    for (const y of [0, 1]) {
      const { value, notes } = metric.score(prediction, experiment({ ...columns, y: all.map(() => y) }));
      if (Number.isNaN(value)) expect(notes ?? [], metric.id).not.toEqual([]);
      if (["auc", "gauc"].includes(metric.id)) expect(value).toBeNaN();
      if (["auuc", "qini", "uplift-at-k", "autoc", "rate-qini"].includes(metric.id)) expect(value).toBeCloseTo(0, 12);
    }
  },

  "a score that is not finite is an error that names the first row": (metric) => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const { prediction, data } = draw(metric, 1);
      const broken = prediction.slice();
      broken[3] = broken[6] = bad;
      expect(() => metric.score(broken, data), metric.id).toThrow(/row 4 is (NaN|Infinity), the first of 2/);
    }
  },

  "an option it does not have is an error": (metric) => {
    const { prediction, data } = draw(metric, 1);
    expect(() => metric.score(prediction, data, { replicate: 3 })).toThrow(`metric ${metric.id} has no option "replicate"`);
  },

  "scores and data are left as they were": (metric) => {
    const { prediction, columns, data } = draw(metric, 1);
    const before = prediction.slice();
    metric.score(prediction, data);
    expect(prediction).toEqual(before);
    for (const name of ["y", "g"]) expect(data.number(name)).toEqual(Float64Array.from((name === "y" ? columns.y : columns.group) as number[]));
  },
};

/** Libraries that know no propensities do not see them. */
function knownOrNot(metric: Metric, rows: ReturnType<typeof rowsOf>): ReturnType<typeof rowsOf> {
  return metric.traits.library === "YDF" ? rows.map((row) => ({ ...row, e: undefined })) : rows;
}

function averageEffect(metric: Metric, data: Dataset): number {
  const rows = knownOrNot(metric, rowsOf(new Float64Array(data.rows), data)).map((row) => ({ ...row, w: metric.traits.weights === "ignored" ? 1 : row.w }));
  const mean = (t: number): number => {
    const own = rows.filter((row) => row.t === t).map((row) => ({ y: row.y, u: row.w / (row.e === undefined ? 1 : t === 1 ? row.e : 1 - row.e) }));
    return own.reduce((sum, { y, u }) => sum + u * y, 0) / own.reduce((sum, { u }) => sum + u, 0);
  };
  return mean(1) - mean(0);
}

/** Each unit twice, treated and untreated, without noise: the data are as good as the truth. */
function twins(metric: Metric, seed: number): { readonly truth: Float64Array; readonly data: Dataset } {
  const rng = new Rng(seed).split("twins");
  const n = 60;
  const continuous = seed % 2 === 1 && takesNumbers(metric);
  const y0 = Array.from({ length: n }, () => (continuous ? Math.round(4 * rng.normal()) / 4 : rng.bernoulli(0.4)));
  const y1 = y0.map((y) => (continuous ? y + Math.round(4 * rng.normal()) / 4 : rng.bernoulli(0.5)));
  const row = (value: (unit: number, treated: boolean) => number): number[] => Array.from({ length: 2 * n }, (_, i) => value(i >> 1, i % 2 === 1));
  const tau = row((i) => y1[i] - y0[i]);
  const y = row((i, treated) => (treated ? y1[i] : y0[i]));
  const outcomeScore = !metric.needs.includes("treatment") && usesOutcome(metric);
  return {
    truth: Float64Array.from(outcomeScore ? y : tau),
    data: experiment({
      y,
      t: row((_, treated) => Number(treated)),
      effect: [tau],
      group: row((i) => i % 3),
      propensity: seed % 3 === 0 ? [row(() => 0.5)] : undefined,
    }),
  };
}

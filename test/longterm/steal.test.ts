import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { Dataset, numberColumn } from "../../src/data/dataset.ts";
import { combineSamples, twoSamples } from "../../src/data/longterm.ts";
import { simulate } from "../../src/data/synth/index.ts";
import { experimentRows } from "../../src/longterm/forecast.ts";
import { effectForm, effectsOfForm } from "../../src/longterm/steal/form.ts";
import { fitWide, wideColumns } from "../../src/longterm/steal/outcome.ts";
import { type PseudoPolicy, pseudoPolicy } from "../../src/longterm/steal/pseudoPolicy.ts";
import { type Behaviour, blank } from "../../src/longterm/steal/prototypes.ts";
import { reduced } from "../../src/longterm/steal/reduced.ts";
import { steal } from "../../src/longterm/steal/steal.ts";
import { doublyRobustSurrogate, surrogateIndexLinear } from "../../src/longterm/surrogate.ts";
import type { Model } from "../../src/model/contract.ts";
import { fit } from "../../src/model/fit.ts";
import { expectAllClose, expectWithin, float64 } from "../tolerance.ts";
import { shop } from "./shop.ts";

/** s = 1 + x / 2 + 2 a + noise in two steps, y = s_2 + x + direct a + noise: the effect is 2 + direct for every unit; a third of history is treated and does not say so. */
function simple(seed: number, direct: number, rows = { history: 500, experiment: 400 }): Dataset {
  const rng = new Rng(seed);
  const make = (n: number, shift: number, past: boolean): Dataset => {
    const x = Float64Array.from({ length: n }, () => shift + rng.normal());
    const a = Float64Array.from({ length: n }, () => rng.bernoulli(past ? 1 / 3 : 1 / 2));
    const [one, two] = [0, 1].map(() => x.map((v, i) => 1 + v / 2 + 2 * a[i] + rng.normal()));
    const y = two.map((v, i) => v + x[i] + direct * a[i] + rng.normal());
    const columns = [numberColumn("x", x), numberColumn("s_1", one), numberColumn("s_2", two), ...(past ? [numberColumn("y", y)] : [numberColumn("arm", a)])];
    return new Dataset(columns, { features: [], outcomes: [] }, past ? "history" : "experiment");
  };
  const [past, now] = [make(rows.history, 0, true), make(rows.experiment, 0.3, false)];
  return combineSamples(past, now, { treatment: "arm", outcome: ["y"], surrogates: ["s_1", "s_2"] });
}

async function covered(
  model: Model<string, "longterm">,
  config: object,
  truth: number,
  direct: number,
  seeds: number,
): Promise<{ share: number; bias: number; spread: number; se: number }> {
  const errors: number[] = [];
  const widths: number[] = [];
  let held = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const data = simple(seed, direct);
    const fitted = await fit(model, data, { config, seed: 1, threads: 1 });
    const [{ effect, se, lower, upper }] = (await fitted.predict(experimentRows(data))).average;
    fitted.dispose();
    errors.push(effect - truth);
    widths.push(se);
    if (lower <= truth && truth <= upper) held++;
  }
  const bias = errors.reduce((a, b) => a + b, 0) / seeds;
  const spread = Math.sqrt(errors.reduce((sum, v) => sum + (v - bias) ** 2, 0) / (seeds - 1));
  return { share: held / seeds, bias, spread, se: widths.reduce((a, b) => a + b, 0) / seeds };
}

describe("where their assumption holds, intervals of the average hold the truth about as often as they say", () => {
  test.each([surrogateIndexLinear, doublyRobustSurrogate].map((model) => [model.id, model as Model<string, "longterm">] as const))(
    "%s, surrogacy",
    async (_, model) => {
      const { share, bias, spread, se } = await covered(model, {}, 2, 0, 40);
      expect(share).toBeGreaterThanOrEqual(0.85);
      expectWithin(bias, 0, spread / Math.sqrt(40), 4);
      expect(se / spread).toBeGreaterThan(0.7);
      expect(se / spread).toBeLessThan(1.5);
    },
  );

  test("steal, an effect of 1 beyond the surrogates that a surrogate index misses", async () => {
    const { share, bias, spread, se } = await covered(steal, { members: 0, prototypes: 1, rounds: 12, parts: 8, folds: 2 }, 3, 1, 24);
    expect(share).toBeGreaterThanOrEqual(0.79);
    expectWithin(bias, 0, spread / Math.sqrt(24), 4);
    expect(se / spread).toBeGreaterThan(0.7);
    expect(se / spread).toBeLessThan(1.8);
    const { bias: missed, se: sure } = await covered(surrogateIndexLinear, {}, 3, 1, 10);
    expect(missed).toBeLessThan(-sure);
  });
});

test("history's shares of the arms differ by hidden type, and pseudo labels follow them", async () => {
  // Types lie far apart in the course; of the first four fifths of history were treated, of the second one fifth.
  const rng = new Rng(4);
  const make = (n: number, past: boolean): { table: Dataset; type: Float64Array; a: Float64Array } => {
    const [x, type] = [Float64Array.from({ length: n }, () => rng.normal()), Float64Array.from({ length: n }, () => rng.bernoulli(0.5))];
    const a = type.map((c) => rng.bernoulli(past ? 0.8 - 0.6 * c : 0.5));
    const s = [0, 1].map(() => type.map((c, i) => 8 * c + 1.2 * a[i] + rng.normal()));
    const last = past
      ? numberColumn(
          "y",
          s[1].map((v) => v + rng.normal()),
        )
      : numberColumn("arm", a);
    return {
      table: new Dataset([numberColumn("x", x), numberColumn("s_1", s[0]), numberColumn("s_2", s[1]), last], { features: [], outcomes: [] }, "t"),
      type,
      a,
    };
  };
  const [past, now] = [make(2000, true), make(1500, false)];
  const data = combineSamples(past.table, now.table, { treatment: "arm", control: "0", outcome: ["y"], surrogates: ["s_1", "s_2"] });
  const { label } = await pseudoPolicy(twoSamples(data), { prototypes: 2, rounds: 25, folds: 3, calibrate: true, priorShift: true }, shop(1));
  for (const c of [0, 1]) {
    const rows = Array.from({ length: 2000 }, (_, i) => i).filter((i) => past.type[i] === c);
    const said = rows.reduce((sum, i) => sum + label[2 * i + 1], 0) / rows.length;
    // The share among 1,000 rows is uncertain by 0.013, and so is what the faint courses say of it.
    expectWithin(said, 0.8 - 0.6 * c, 0.025, 3, `type ${c}`);
  }
});

test("courses are reduced to the directions in which arms and prototypes differ", () => {
  const [rows, depth] = [400, 5];
  const rng = new Rng(2);
  const s = Float64Array.from({ length: rows * depth }, () => rng.normal());
  const along = [0.6, 0, 0.8, 0, 0];
  const base: Behaviour = {
    rows,
    history: 200,
    x: new Float64Array(rows).fill(1),
    width: 1,
    s,
    depth,
    arm: new Int32Array(rows).fill(-1),
    arms: 2,
    logChance: new Float64Array(rows * 2),
  };
  const model = { ...blank(base, 1), covariance: Float64Array.from({ length: depth * depth }, (_, k) => (k % (depth + 1) === 0 ? 1 : 0)) };
  along.forEach((v, k) => (model.course[0][depth + k] = 3 * v));
  const out = reduced(base, model, new Float64Array(rows * 2).fill(0.5));
  expect(out.depth).toBe(1);
  const sign = Math.sign(out.s[0] * along.reduce((sum, v, k) => sum + v * s[k], 0));
  expectAllClose(
    Array.from(out.s, (v) => sign * v),
    Array.from({ length: rows }, (_, i) => along.reduce((sum, v, k) => sum + v * s[i * depth + k], 0)),
    float64,
  );
});

test("effects of the form are what the outcome's regression says of a unit whose course moves by the effect on it", () => {
  const [history, experiment, width, depth, arms] = [60, 4, 4, 3, 3];
  const rows = history + experiment;
  const rng = new Rng(5);
  const x = Float64Array.from({ length: rows * width }, (_, k) => (k % width === 0 ? 1 : rng.normal()));
  const s = Float64Array.from({ length: rows * depth }, () => rng.normal());
  const behaviour = { rows, history, x, width, s, depth, arms, arm: new Int32Array(rows), logChance: new Float64Array(rows * arms) };
  const course = [Float64Array.from({ length: arms * width * depth }, () => rng.normal())];
  const joint = Float64Array.from({ length: rows * arms }, () => 0.1 + rng.bernoulli(0.5));
  const policy = {
    behaviour,
    prototypes: 1,
    shape: { rich: true, formed: true },
    joint,
    parameters: { course, kind: new Float64Array(width) },
  } as unknown as PseudoPolicy;
  const past = Int32Array.from({ length: history }, (_, i) => i);
  const now = Int32Array.from({ length: experiment }, (_, i) => history + i);
  const belief = joint.map((v, k) => v / joint.subarray(k - (k % arms), k - (k % arms) + arms).reduce((a, b) => a + b, 0));
  const wide = fitWide(
    wideColumns(policy, belief, past, true),
    Float64Array.from(past, () => rng.normal()),
    new Float64Array(history).fill(1),
  );
  const form = effectForm(policy, wide.coefficients, true);
  const { effect, indirect } = effectsOfForm(form, x.slice(history * width), experiment);
  for (let a = 1; a < arms; a++) {
    const moved = s.slice();
    for (const i of now)
      for (let u = 0; u < width; u++) for (let k = 0; k < depth; k++) moved[i * depth + k] += x[i * width + u] * course[0][(a * width + u) * depth + k];
    const at = { ...policy, behaviour: { ...behaviour, s: moved } };
    const [treated, without, control] = [
      wide.predict(wideColumns(at, belief, now, true, () => a)),
      wide.predict(wideColumns(at, belief, now, true, () => 0)),
      wide.predict(wideColumns(policy, belief, now, true, () => 0)),
    ];
    expectAllClose(
      Array.from(effect[a - 1]),
      Array.from(treated, (v, i) => v - control[i]),
      1e-9,
    );
    expectAllClose(
      Array.from(indirect[a - 1]),
      Array.from(without, (v, i) => v - control[i]),
      1e-9,
    );
  }
});

test("longterm-g7 with levels that stay: given features and day 7 the hidden exposure says nothing of the outcome; with drift it does", () => {
  const slope = (later: "level" | "drift"): { slope: number; se: number } => {
    const data = simulate("longterm-g7", { history: 4000, experiment: 20, zeta: 0, later }, 3);
    const rows = Int32Array.from({ length: 4000 }, (_, i) => i);
    const at = (name: string): Float64Array => Float64Array.from(rows, (i) => data.number(name)[i]);
    const columns = [...Array.from({ length: 10 }, (_, j) => at(`x${j + 1}`)), ...["visits_7", "orders_7", "spend_7"].map(at)];
    const ones = new Float64Array(4000).fill(1);
    const rest = (v: Float64Array): Float64Array =>
      fitWide(columns, v, ones, 1e-9)
        .predict(columns)
        .map((mu, i) => v[i] - mu);
    const [q, y] = [rest(at("latent")), rest(at("y_30"))];
    const square = q.reduce((sum, v) => sum + v * v, 0);
    const b = q.reduce((sum, v, i) => sum + v * y[i], 0) / square;
    return { slope: b, se: Math.sqrt(q.reduce((sum, v, i) => sum + (v * (y[i] - b * v)) ** 2, 0)) / square };
  };
  const [holds, fails] = [slope("level"), slope("drift")];
  expectWithin(holds.slope, 0, holds.se, 4);
  expect(Math.abs(fails.slope) / fails.se).toBeGreaterThan(6);
});

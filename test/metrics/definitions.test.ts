import { describe, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import {
  ateError,
  auc,
  autoc,
  auuc,
  calibrationError,
  gauc,
  logLoss,
  metricById,
  metrics,
  pehe,
  policyValueDr,
  policyValueIps,
  policyValueSnips,
  qini,
  rateQini,
  rootPehe,
  upliftAtK,
} from "../../src/metrics/index.ts";
import { expectClose, expectWithin, float64 } from "../tolerance.ts";
import { experiment } from "./experiment.ts";

const y = [1, 0, 1, 0, 1, 0, 0, 0];
const t = [1, 0, 1, 0, 0, 1, 1, 0];
const score = Float64Array.of(0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2);
const data = experiment({ y, t });

describe("the eight rows by hand", () => {
  test("auuc: heights 1/4, 3/8, 1/2, 5/12, 1/4, 7/48, 1/4 from the second row on give 35/128", () => {
    expectClose(auuc.score(score, data).value, 35 / 128, float64);
  });

  test("auuc normalised by the effect 1/4 is 35/32", () => {
    expectClose(auuc.score(score, data, { normalise: "effect" }).value, 35 / 32, float64);
  });

  test("qini: heights 1/4, 1/2, 1/2, 1/3, 1/4, 1/6, 1/4 give 9/32, less half of 1/4", () => {
    expectClose(qini.score(score, data).value, 5 / 32, float64);
    expectClose(qini.score(score, data, { normalise: "effect" }).value, 5 / 8, float64);
  });

  test("rate-qini: cumulative scores 5, 8, 13, 16, 11, 8, 5, 8 (over 32) give 35/128, less half of 1/4", () => {
    expectClose(rateQini.score(score, data).value, 19 / 128, float64);
  });

  test("autoc: with all rows of one score but the first, the integral has a closed form", () => {
    // Scores of rows: S rises to s1 = 5/32 over 1/8, then straight to 1/4.
    const two = Float64Array.of(1, 0, 0, 0, 0, 0, 0, 0);
    const s1 = 5 / 32;
    const slope = (1 / 4 - s1) / (7 / 8);
    expectClose(autoc.score(two, data).value, s1 + (s1 - slope / 8) * Math.log(8) + slope * (7 / 8) - 1 / 4, float64);
  });

  test("uplift-at-k: the top half has 2 of 2 treated and 0 of 2 control responders", () => {
    expect(upliftAtK.score(score, data, { k: 0.5 }).value).toBe(1);
    // By group: treated 1, 1 of the first two, control 0, 0.
    expect(upliftAtK.score(score, data, { k: 0.5, strategy: "by_group" }).value).toBe(1);
    expect(upliftAtK.score(score, data, { k: 1 }).value).toBe(0.25);
  });

  test("uplift-at-k: a cut inside a tied group takes its share of both arms", () => {
    const tied = Float64Array.of(2, 1, 1, 1, 1, 0, 0, 0);
    // A quarter of the rows: row one, and a quarter of the four tied rows (one treated responder; control 0, 0, 1).
    expectClose(upliftAtK.score(tied, data, { k: 0.25 }).value, (1 + 0.25) / 1.25 - 1 / 3, float64);
  });

  test("policy values of treating the top five: 1/2, 2/3 and 19/32", () => {
    expectClose(policyValueIps.score(score, data, { threshold: 0.45 }).value, 1 / 2, float64);
    expectClose(policyValueSnips.score(score, data, { threshold: 0.45 }).value, 2 / 3, float64);
    expectClose(policyValueDr.score(score, data, { threshold: 0.45 }).value, 19 / 32, float64);
    expectClose(policyValueDr.score(score, data, { share: 5 / 8 }).value, 19 / 32, float64);
  });

  test("policy values: treating everybody is the treated mean, nobody the control mean, and gains are taken off them", () => {
    for (const metric of [policyValueIps, policyValueSnips, policyValueDr]) {
      expectClose(metric.score(score, data).value, 1 / 2, float64);
      expectClose(metric.score(score, data, { threshold: 2 }).value, 1 / 4, float64);
      expectClose(metric.score(score, data, { gain: "nobody" }).value, 1 / 4, float64);
      expectClose(metric.score(score, data, { threshold: 2, gain: "everybody" }).value, -1 / 4, float64);
      expect(() => metric.score(score, data, { share: 0.5, threshold: 0 })).toThrow("give a threshold or a share, not both");
    }
  });

  test("policy values: a share that cuts a tied group treats it with the probability that fills the share", () => {
    const constant = new Float64Array(8);
    expectClose(policyValueIps.score(constant, data, { share: 0.25 }).value, 0.25 * 0.5 + 0.75 * 0.25, float64);
  });

  test("calibration-error: two halves with effects 1 and -1/2 against mean scores 3/4 and 7/20", () => {
    expectClose(calibrationError.score(score, data, { bins: 2 }).value, (1 / 4 + 17 / 20) / 2, float64);
    expectClose(calibrationError.score(score, data, { bins: 2, norm: "l2" }).value, (1 / 16 + (17 / 20) ** 2) / 2, float64);
  });
});

describe("metrics of the truth and of the outcome by hand", () => {
  test("pehe, root-pehe and ate-error: weighted, over the rows of all arms", () => {
    const known = experiment({
      y: [0, 0, 0],
      t: [0, 1, 2],
      arms: ["none", "a", "b"],
      weight: [1, 1, 2],
      effect: [Float64Array.of(1, 2, 3), Float64Array.of(0, 0, 0)],
    });
    const predicted = Float64Array.of(1, 4, 2);
    expectClose(pehe.score(predicted, known, { arm: "a" }).value, (0 + 4 + 2) / 4, float64);
    expectClose(rootPehe.score(predicted, known, { arm: "a" }).value, Math.sqrt(1.5), float64);
    expectClose(ateError.score(predicted, known, { arm: "a" }).value, 0, float64);
    expectClose(ateError.score(predicted, known, { arm: "b" }).value, 9 / 4, float64);
    expect(() => pehe.score(predicted, known)).toThrow("pehe: test data has 2 treated arms (a or b); say by the option arm");
    expect(() => pehe.score(score, data)).toThrow('the true effect of arm "treated" is not known for test data; name its column');
  });

  test("ate-error against the experiment: the mean score over the effect 1/4, with its sign if asked for", () => {
    expectClose(ateError.score(new Float64Array(8), data, { against: "experiment" }).value, 1 / 4, float64);
    expectClose(ateError.score(new Float64Array(8), data, { against: "experiment", signed: true }).value, -1 / 4, float64);
  });

  test("auc: 3 of 15 pairs are the wrong way round; ties count half", () => {
    expectClose(auc.score(score, data).value, 12 / 15, float64);
    expectClose(auc.score(Float64Array.of(1, 1, 0), experiment({ y: [1, 0, 0] })).value, 3 / 4, float64);
    expect(() => auc.score(score, experiment({ y: [...y.slice(1), 2] }))).toThrow('auc: test data: column "y" must hold 0 and 1 only, got 2 in row 8');
  });

  test("gauc: groups of 3 and 2 rows with AUC 1/2 and 1, a third with one class left out", () => {
    const grouped = experiment({ y: [1, 0, 1, 1, 0, 1], group: [1, 1, 1, 2, 2, 3] });
    const s = Float64Array.of(3, 2, 1, 5, 4, 0);
    const got = gauc.score(s, grouped);
    expectClose(got.value, (3 * 0.5 + 2 * 1) / 5, float64);
    expect(got.notes).toEqual(["2 of 3 groups have both outcome classes; the others are left out"]);
    expectClose(gauc.score(s, grouped, { groupWeight: "equal" }).value, 0.75, float64);
    expectClose(gauc.score(s, grouped, { groupWeight: "positives" }).value, (2 * 0.5 + 1) / 3, float64);
    expectClose(gauc.score(s, grouped, { degenerate: "half" }).value, (3 * 0.5 + 2 + 0.5) / 6, float64);
    expect(() => gauc.score(s, grouped, { degenerate: "error" })).toThrow(
      'gauc: group "3" has one outcome class; pass {degenerate: "skip"} to leave such groups out',
    );
  });

  test("log-loss: in nats; a contradicted 0 or 1 is infinite, with a note, unless clipped", () => {
    expectClose(logLoss.score(Float64Array.of(0.8, 0.4), experiment({ y: [1, 0] })).value, -(Math.log(0.8) + Math.log(0.6)) / 2, float64);
    const sure = logLoss.score(Float64Array.of(1, 1), experiment({ y: [1, 0] }));
    expect(sure.value).toBe(Number.POSITIVE_INFINITY);
    expect(sure.notes?.[0]).toContain("the option clip");
    expectClose(logLoss.score(Float64Array.of(1, 1), experiment({ y: [1, 0] }), { clip: 0.1 }).value, -(Math.log(0.9) + Math.log(0.1)) / 2, float64);
    expect(() => logLoss.score(Float64Array.of(0.5, 1.5), experiment({ y: [1, 0] }))).toThrow("log-loss: test data: the score of row 2 is 1.5");
  });
});

describe("known propensities", () => {
  const ranking = [auuc, qini, upliftAtK, autoc, rateQini];

  test("a constant propensity, whatever it is, changes nothing where arms are averaged apart", () => {
    const told = experiment({ y, t, propensity: [y.map(() => 0.2)] });
    for (const metric of ranking) expectClose(metric.score(score, told).value, metric.score(score, data).value, float64, metric.id);
  });

  test("undo an assignment that favours some units, which the share treated does not", () => {
    // Treatment goes mostly to units with a high outcome; the effect is 1 for scores above 0 and nothing else.
    const rng = new Rng(5);
    const n = 4000;
    const s = Float64Array.from({ length: n }, () => rng.normal());
    const x = Array.from(s, () => rng.normal());
    const e = x.map((v) => (v > 0 ? 0.8 : 0.2));
    const arm = e.map((p) => rng.bernoulli(p));
    const outcome = arm.map((a, i) => 2 * Number(x[i] > 0) + (s[i] > 0 ? a : 0));
    const told = experiment({ y: outcome, t: arm, propensity: [e] });
    const untold = experiment({ y: outcome, t: arm });
    // U(q) = q up to 1/2, then 1/2: area 3/8. Arm means differ by two sds of 1 over root(n / 4).
    expectWithin(auuc.score(s, told).value, 3 / 8, 2 / Math.sqrt(n / 4), 3);
    expect(Math.abs(auuc.score(s, untold).value - 3 / 8)).toBeGreaterThan(0.4);
  });
});

describe("metricById", () => {
  test("finds every metric by its id, and ids are distinct", () => {
    for (const metric of metrics) expect(metricById(metric.id)).toBe(metric);
    expect(new Set(metrics.map((metric) => metric.id)).size).toBe(metrics.length);
  });

  test("names the nearest id for one that does not exist", () => {
    expect(() => metricById("quini")).toThrow('there is no metric "quini"; did you mean "qini"?');
    expect(() => metricById("causalml-auc")).toThrow('did you mean "causalml-auuc"?');
  });

  test("options out of bounds are refused with their name, what is allowed and what was got", () => {
    expect(() => upliftAtK.score(score, data, { k: 0 })).toThrow('metric uplift-at-k "k" must be greater than 0; got 0');
    expect(() => upliftAtK.score(score, data, { k: Number.NaN })).toThrow('metric uplift-at-k "k" must be');
    expect(() => metricById("sklift-uplift-at-k").score(score, data, { k: 8 })).toThrow(
      'metric sklift-uplift-at-k "k" must be smaller than the number of rows, 8; got 8',
    );
    expect(() => metricById("sklift-uplift-at-k").score(score, data, { k: 5, strategy: "by_group" })).toThrow("at most the number of treated rows, 4");
    expect(() => metricById("grf-autoc").score(score, data, { q: [0.5, 0.2, 1] })).toThrow("shares must increase and end at 1");
  });
});

import { normalTwoSided } from "../base/stats/normal.ts";
import { mean, variance } from "../base/stats/moments.ts";
import type { TwoSamples } from "../data/longterm.ts";
import type { Features, NumberColumn } from "../data/schema.ts";
import { chosen } from "../learn/choice.ts";
import { crossFit, drawFolds } from "../learn/crossFit.ts";
import type { Shop } from "./model.ts";
import { areaUnder, classify, densityRatio, stack, takeRowsOf } from "./overlap.ts";
import { fitWide } from "./steal/outcome.ts";
import { type PseudoPolicy, pseudoPolicy } from "./steal/pseudoPolicy.ts";

/** How far a finding lets the forecast be believed. */
export type Verdict = "good" | "caution" | "bad";

export interface Diagnostic {
  readonly id: string;
  readonly title: string;
  /** The number the verdict rests on; NaN where there is none. */
  readonly value: number;
  readonly verdict: Verdict;
  /** In plain words: what was found, and what follows. */
  readonly text: string;
}

export interface Diagnosed {
  readonly findings: readonly Diagnostic[];
  /** What each metric adds to the surrogates' R2 in history. */
  readonly metrics: readonly { readonly metric: string; readonly alone: number; readonly added: number }[];
}

/** Everything an analyst should know before believing a forecast, each with a verdict. */
export async function diagnose(samples: TwoSamples, shop: Shop): Promise<Diagnosed> {
  const policy = await pseudoPolicy(samples, { prototypes: 3, rounds: 30, folds: 3, calibrate: true, priorShift: true }, shop);
  const findings: Diagnostic[] = [];
  findings.push(...surrogacy(samples, policy));
  findings.push(...(await comparability(samples, shop)));
  const { metrics, finding } = await explained(samples, shop);
  findings.push(finding);
  if (!samples.history.logged) findings.push(...labelFindings(samples, policy.report));
  return { findings, metrics };
}

/** Does the (pseudo) arm still say something of the outcome once features and surrogates are known? A line with its robust standard error. */
function surrogacy(samples: TwoSamples, { label, report }: PseudoPolicy): Diagnostic[] {
  const { history, arms } = samples;
  const base = columnsOf(history.z);
  return arms.slice(1).map((arm, k) => {
    const q = Float64Array.from({ length: history.rows }, (_, i) => label[i * arms.length + k + 1]);
    const ones = new Float64Array(history.rows).fill(1);
    const rest = residual(base, q, ones);
    const y = residual(base, history.y, ones);
    const square = rest.reduce((sum, v) => sum + v * v, 0);
    const slope = rest.reduce((sum, v, i) => sum + v * y[i], 0) / square;
    const se = Math.sqrt(rest.reduce((sum, v, i) => sum + (v * (y[i] - slope * v)) ** 2, 0)) / square;
    const p = normalTwoSided(slope / se);
    const what = history.logged ? "the logged arm" : "the pseudo label of the policy";
    const size = Math.abs(slope) / Math.sqrt(variance(history.y));
    // Labels that hardly follow the arm find nothing, whether there is something or not.
    const faint = !history.logged && ((report.calibration as unknown as { auc: number }[])[k]?.auc ?? 1) <= 0.65;
    const verdict: Verdict = p >= 0.05 ? (faint ? "caution" : "good") : size < 0.05 ? "caution" : "bad";
    const found =
      p >= 0.05 ? "adds nothing that can be told from chance" : `moves the outcome by ${short(slope)} (${(100 * size).toFixed(0)} % of its standard deviation)`;
    const then =
      verdict === "good"
        ? "The outcome can be read off the surrogates as far as history tells."
        : p >= 0.05
          ? "The labels are too faint for this check to find anything: it says nothing for the surrogates."
          : "Reading the outcome off the surrogates alone is wrong here: use a model with a direct part (steal), and do not trust a surrogate index.";
    return {
      id: arms.length === 2 ? "surrogacy" : `surrogacy ${arm}`,
      title: arms.length === 2 ? "Surrogacy" : `Surrogacy, ${arm}`,
      value: p,
      verdict,
      text: `Given features and surrogates, ${what} ${found} (p ${p < 0.001 ? "below 0.001" : `= ${p.toFixed(3)}`}). ${then}`,
    };
  });
}

function residual(columns: readonly Float64Array[], v: Float64Array, weight: Float64Array): Float64Array {
  const mu = fitWide(columns, v, weight).predict(columns);
  return v.map((value, i) => value - mu[i]);
}

function columnsOf(z: Features): Float64Array[] {
  return z.columns.flatMap((column) => {
    if (column.kind === "number") {
      const known = column.values.filter((v) => !Number.isNaN(v));
      const middle = known.length > 0 ? mean(known) : 0;
      return [column.values.map((v) => (Number.isNaN(v) ? middle : v))];
    }
    if (column.kind !== "category") return [];
    return column.levels.slice(1, 30).map((_, l) => Float64Array.from(column.codes, (code) => (code === l + 1 ? 1 : 0)));
  });
}

async function comparability(samples: TwoSamples, shop: Shop): Promise<Diagnostic[]> {
  const { history, experiment } = samples;
  const x = await densityRatio(samples, "x", 0, shop);
  // Among controls nothing has happened: features and surrogates of history should look the same, given the features.
  const control = Int32Array.from(experiment.arm.keys()).filter((i) => experiment.arm[i] === 0);
  const old = history.logged ? Int32Array.from(history.arm.keys()).filter((i) => history.arm[i] === 0) : Int32Array.from({ length: history.rows }, (_, i) => i);
  const auc = async (of: "x" | "z"): Promise<number> => {
    const both = stack(takeRowsOf(history[of], old), takeRowsOf(experiment[of], control));
    const t = Float64Array.from({ length: both.rows }, (_, i) => (i < old.length ? 0 : 1));
    return areaUnder(await (await classify(both, t, { ...shop, rng: shop.rng.split(`comparable ${of}`) })).predict(both), t);
  };
  const [byX, byZ] = [await auc("x"), await auc("z")];
  const more = byZ - byX;
  const share = x.effective / history.rows;
  return [
    {
      id: "features",
      title: "Units of history and experiment",
      value: x.auc,
      verdict: x.auc < 0.65 ? "good" : x.auc < 0.85 ? "caution" : "bad",
      text: `The features tell a unit of the experiment from one of history with an area under the curve of ${x.auc.toFixed(2)} (0.5: not at all). ${
        x.auc < 0.65
          ? "The samples are alike."
          : x.auc < 0.85
            ? "The samples differ: the answer leans on the part of history that looks like the experiment."
            : "The samples differ a great deal: little of history speaks for this experiment."
      }`,
    },
    {
      id: "courses",
      title: "Short-term courses of history and control",
      value: more,
      verdict: more < 0.1 ? "good" : more < 0.25 ? "caution" : "bad",
      text: `With the surrogates as well, history and the experiment's control group are told apart with ${byZ.toFixed(2)} instead of ${byX.toFixed(2)}. ${
        more < 0.1
          ? "Units with the same features behave alike in both."
          : history.logged
            ? "Untreated units behave differently now than in history: what the surrogates meant then may not hold now."
            : "Part of history behaves unlike the control group: it holds something like the treatment, or the meaning of the surrogates has changed. The data cannot tell which."
      }`,
    },
    {
      id: "effective-rows",
      title: "Rows of history that count",
      value: x.effective,
      verdict: x.effective > 500 && share > 0.2 ? "good" : x.effective > 100 ? "caution" : "bad",
      text: `Weighted to look like the experiment, ${history.rows} rows of history are worth ${Math.round(x.effective)} (${(100 * share).toFixed(0)} %); the largest weight is ${x.largest.toFixed(1)} times the mean.`,
    },
  ];
}

async function explained(samples: TwoSamples, shop: Shop): Promise<{ readonly metrics: Diagnosed["metrics"]; readonly finding: Diagnostic }> {
  const { history, grid } = samples;
  const learner = chosen({ id: "linear" }, "regressor");
  const folds = drawFolds(new Int32Array(history.rows), undefined, 5, shop.rng.split("explained"));
  const spread = variance(history.y);
  const share = async (columns: Features["columns"]): Promise<number> => {
    if (columns.length === 0) return 0;
    const mu = await crossFit(learner, { rows: history.rows, columns }, history.y, undefined, folds, undefined, { ...shop, rng: shop.rng.split("share") });
    return 1 - mu.reduce((sum, v, i) => sum + (history.y[i] - v) ** 2, 0) / history.rows / spread;
  };
  const columnsOfMetric = (m: number): NumberColumn[] => grid.steps.map((_, t) => history.s.columns[grid.place[t * grid.metrics.length + m]] as NumberColumn);
  const [byX, byZ] = [await share(history.x.columns), await share(history.z.columns)];
  const metrics: { metric: string; alone: number; added: number }[] = [];
  const many = grid.metrics.length > 12;
  for (const [m, metric] of grid.metrics.entries()) {
    if (many && m >= 12) break;
    const others = grid.metrics.flatMap((_, k) => (k === m ? [] : columnsOfMetric(k)));
    metrics.push({
      metric,
      alone: (await share([...history.x.columns, ...columnsOfMetric(m)])) - byX,
      added: byZ - (await share([...history.x.columns, ...others])),
    });
  }
  const gain = byZ - byX;
  return {
    metrics,
    finding: {
      id: "surrogate-r2",
      title: "What the surrogates know of the outcome",
      value: gain,
      verdict: gain > 0.3 ? "good" : gain > 0.05 ? "caution" : "bad",
      text: `In history, features and surrogates explain ${percent(byZ)} of the outcome's variance out of fold, features alone ${percent(byX)}. ${
        gain > 0.3
          ? "The surrogates carry much of the outcome."
          : gain > 0.05
            ? "The surrogates carry some of it; most of what will happen is not in the first days."
            : "The surrogates carry next to nothing: a short test of these metrics says little about the outcome."
      }`,
    },
  };
}

function labelFindings({ arms }: TwoSamples, report: Readonly<Record<string, unknown>>): Diagnostic[] {
  const { calibration, confident, historyShares } = report as {
    calibration: { arm: string; intercept: number; slope: number; auc: number; error: number }[];
    confident: number;
    historyShares: Record<string, number>;
  };
  return calibration.map(({ arm, auc, slope, error }) => {
    const verdict: Verdict = auc > 0.8 && error < 0.05 ? "good" : auc > 0.65 && error < 0.1 ? "caution" : "bad";
    return {
      id: arms.length === 2 ? "pseudo-labels" : `pseudo-labels ${arm}`,
      title: arms.length === 2 ? "Pseudo labels of history" : `Pseudo labels of history, ${arm}`,
      value: auc,
      verdict,
      text: `Out of fold, the short-term course tells the arms of the experiment apart with an area under the curve of ${auc.toFixed(2)}; calibrated labels are off by ${percent(error)} on average (slope before calibration ${slope.toFixed(2)}). ${percent(confident)} of history's rows have a label above 90 %, ${percent(historyShares[arm])} behave like "${arm}". ${
        verdict === "good"
          ? "The labels can carry a direct effect."
          : verdict === "caution"
            ? "The labels are faint: the direct part of the effect has a wide margin that no interval shows in full."
            : "The first days hardly show who was treated: nothing can be said of an effect beyond the surrogates."
      } That history's look-alikes have the outcomes the policy would have cannot be checked before late outcomes are there.`,
    };
  });
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const short = (value: number): string => String(Number(value.toPrecision(3)));

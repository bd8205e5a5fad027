import { z } from "zod";
import { usageError } from "../../base/errors.ts";
import type { Json } from "../../base/state.ts";
import { type Choice, type ChosenLearner, chosen, learnerChoice } from "../../learn/choice.ts";
import { crossFit } from "../../learn/crossFit.ts";
import { type Experiment, foldsOf, type Workshop } from "./experiment.ts";

/** Where the probability of each arm comes from. */
export interface PropensityConfig {
  readonly propensity: "auto" | "known" | "share" | "estimate";
  readonly propensityLearner: Choice;
  readonly clipPropensity: number;
}

export const propensityConfig: { readonly [K in keyof PropensityConfig]: z.ZodType<PropensityConfig[K]> } = {
  propensity: z
    .enum(["auto", "known", "share", "estimate"])
    .default("auto")
    .describe(
      "Probability of each arm: known columns, the arm's share of the rows (for experiments with fixed shares), estimated by cross-fitting, or auto: known where given, else estimated.",
    ),
  propensityLearner: learnerChoice("linear", "Learner of the propensity where it is estimated: a name, or an object with id and settings."),
  clipPropensity: z
    .number()
    .min(0)
    .lt(0.5)
    .default(0)
    .describe("Propensities below this, or above one minus this, are moved to it, and counted in the report; 0 leaves all as they are."),
};

export interface Propensities {
  /** Probability of each arm, control first: arms arrays of n. */
  readonly of: readonly Float64Array[];
  readonly report: Readonly<Record<string, Json>>;
}

/** Below this share of units the effect of an arm rests on few rows, and the report says so. */
const thin = 0.01;

/** e_a(x): the probability of each arm for each row, out of fold where it is estimated. */
export async function propensities(config: PropensityConfig, folds: number, experiment: Experiment, shop: Workshop): Promise<Propensities> {
  const how = source(config, experiment);
  const raw =
    how === "known"
      ? (experiment.propensity as readonly Float64Array[])
      : how === "share"
        ? shares(experiment)
        : await estimated(config, folds, experiment, shop);
  let moved = 0;
  const { clipPropensity: least } = config;
  const of = raw.map((e) =>
    e.map((p) => {
      const kept = Math.min(1 - least, Math.max(least, p));
      if (kept !== p) moved++;
      return kept;
    }),
  );
  const overlap = Object.fromEntries(experiment.arms.map((name, a) => [name, range(of[a])]));
  const warnings = experiment.arms
    .filter((name) => overlap[name][0] < thin)
    .map(
      (name) =>
        `the propensity of arm "${name}" falls to ${overlap[name][0].toPrecision(2)}: effects there rest on few rows; compare only where arms overlap, or set clipPropensity`,
    );
  return { of, report: { propensity: how, overlap, ...(least > 0 ? { clippedPropensities: moved } : {}), ...(warnings.length > 0 ? { warnings } : {}) } };
}

function source({ propensity }: PropensityConfig, { propensity: known }: Experiment): "known" | "share" | "estimate" {
  if (propensity === "known" && known === undefined)
    throw usageError('propensity is "known", but the data names no propensity columns; declare them, or choose share or estimate');
  if (propensity === "auto") return known === undefined ? "estimate" : "known";
  return propensity;
}

function range(values: Float64Array): readonly [number, number] {
  let [low, high] = [1, 0];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** The arm's share of all weight, the same for every row. */
export function shares({ arm, arms, weight }: Experiment): Float64Array[] {
  const sums = new Float64Array(arms.length);
  let total = 0;
  for (let i = 0; i < arm.length; i++) {
    const w = weight === undefined ? 1 : weight[i];
    sums[arm[i]] += w;
    total += w;
  }
  return arms.map((_, a) => new Float64Array(arm.length).fill(sums[a] / total));
}

// Begg1984: each treated arm against the control; the odds together give the probabilities of all arms.
async function estimated(config: PropensityConfig, folds: number, experiment: Experiment, shop: Workshop): Promise<Float64Array[]> {
  const classifier = chosen(config.propensityLearner, "classifier");
  const n = experiment.y.length;
  const control = new Float64Array(n).fill(1);
  const odds: Float64Array[] = [];
  for (let a = 1; a < experiment.arms.length; a++) {
    const pair = await pairPropensity(classifier, folds, experiment, a, shop);
    odds.push(pair.map((p) => p / (1 - p)));
    for (let i = 0; i < n; i++) control[i] += odds[a - 1][i];
  }
  for (let i = 0; i < n; i++) control[i] = 1 / control[i];
  return [control, ...odds.map((odd) => odd.map((o, i) => o * control[i]))];
}

/** Out-of-fold probability of arm `a` among the rows of this arm and the control. */
function pairPropensity(classifier: ChosenLearner, folds: number, experiment: Experiment, a: number, shop: Workshop): Promise<Float64Array> {
  return shop.once(`propensity ${a} in ${folds} folds: ${classifier.key}`, async (rng) => {
    const { x, arm, weight } = experiment;
    const t = Float64Array.from(arm, (given) => (given === a ? 1 : 0));
    const inPair = (i: number): boolean => arm[i] === 0 || arm[i] === a;
    return crossFit(classifier, x, t, weight, await foldsOf(experiment, folds, shop), inPair, { ...shop, rng });
  });
}

import { dataError } from "../../base/errors.ts";
import type { OutcomeKind } from "../../data/schema.ts";

/**
 * What makes a split good: a measure of how far the arms of a node lie apart. A split gains the measure of its sides, weighted by their
 * shares, less the measure of the node (Rzepakowski2012, eq. 4); `ddp` compares the sides directly.
 */
export const criterionNames = ["kl", "euclidean", "chi-squared", "cts", "ddp", "squared"] as const;
export type CriterionName = (typeof criterionNames)[number];

/** Distance of the arms' mean outcomes, control first. Several treated arms add up. */
type Distance = (mean: Float64Array) => number;

const distances: Readonly<Record<Exclude<CriterionName, "ddp">, Distance>> = {
  // Rzepakowski2012, eq. 1: sum over the classes of p log(p / q), p of the treated.
  kl: (mean) => overArms(mean, (p, q) => p * Math.log2(p / q) + (1 - p) * Math.log2((1 - p) / (1 - q))),
  // Rzepakowski2012, eq. 2: both classes differ by the same.
  euclidean: (mean) => overArms(mean, (p, q) => 2 * (p - q) * (p - q)),
  // Rzepakowski2012, eq. 3.
  "chi-squared": (mean) => overArms(mean, (p, q) => ((p - q) * (p - q)) / (q * (1 - q))),
  // Zhao2017, eq. 6: the expected outcome when the node is given its best arm.
  cts: (mean) => {
    let most = mean[0];
    for (let a = 1; a < mean.length; a++) if (mean[a] > most) most = mean[a];
    return most;
  },
  // Athey2016, sec. 3.3: squared effects, for outcomes of any kind.
  squared: (mean) => overArms(mean, (m1, m0) => (m1 - m0) * (m1 - m0)),
};

function overArms(mean: Float64Array, distance: (treated: number, control: number) => number): number {
  let sum = 0;
  for (let a = 1; a < mean.length; a++) sum += distance(mean[a], mean[0]);
  return sum;
}

/** Gain of a split from the arms' mean outcomes in the node and on its sides, and the share of weight on the left. */
export type Gain = (node: Float64Array, left: Float64Array, right: Float64Array, leftShare: number) => number;

export function gainOf(name: CriterionName): Gain {
  // Hansotia2002: the difference between the sides' effects.
  if (name === "ddp") return (_, left, right) => differenceOfEffects(left, right);
  const distance = distances[name];
  return (node, left, right, share) => share * distance(left) + (1 - share) * distance(right) - distance(node);
}

function differenceOfEffects(left: Float64Array, right: Float64Array): number {
  let sum = 0;
  for (let a = 1; a < left.length; a++) sum += Math.abs(left[a] - left[0] - (right[a] - right[0]));
  return sum;
}

/** Criteria that read means as probabilities. */
export function isForProbabilities(name: CriterionName): boolean {
  return name === "kl" || name === "euclidean" || name === "chi-squared";
}

/** The criterion to use: `auto` is KL for 0/1 outcomes and squared effects otherwise. @throws LiftwiseError (data) where the outcome does not suit it */
export function criterionFor(name: CriterionName | "auto", kind: OutcomeKind): CriterionName {
  if (name === "auto") return kind === "binary" ? "kl" : "squared";
  if (isForProbabilities(name) && kind !== "binary")
    throw dataError(`uplift trees: criterion "${name}" compares probabilities and the outcome is ${kind}; use squared, cts or ddp`);
  return name;
}

/**
 * Rzepakowski2012, eq. 7 and 8: what the gain is divided by so that tests which split treated and control units differently, or into
 * very uneven sides, are not favoured. Arms against control add up.
 *
 * @param left, right weights of the arms on either side
 */
export function normaliser(name: CriterionName): ((left: Float64Array, right: Float64Array) => number) | undefined {
  if (!isForProbabilities(name)) return undefined;
  const impurity = name === "kl" ? entropy : gini;
  const apart = name === "kl" ? klOfShares : name === "euclidean" ? euclideanOfShares : chiOfShares;
  return (left, right) => {
    const control = left[0] + right[0];
    let sum = 0;
    for (let a = 1; a < left.length; a++) {
      const treated = left[a] + right[a];
      const share = treated / (treated + control);
      const [p, q] = [left[a] / treated, left[0] / control];
      sum += impurity(share) * apart(p, q) + share * impurity(p) + (1 - share) * impurity(q) + 0.5;
    }
    return sum;
  };
}

const term = (p: number): number => (p > 0 ? -p * Math.log2(p) : 0);
const entropy = (p: number): number => term(p) + term(1 - p);
const gini = (p: number): number => 2 * p * (1 - p);
const klOfShares = (p: number, q: number): number => (p > 0 ? p * Math.log2(p / q) : 0) + (p < 1 ? (1 - p) * Math.log2((1 - p) / (1 - q)) : 0);
const euclideanOfShares = (p: number, q: number): number => 2 * (p - q) * (p - q);
const chiOfShares = (p: number, q: number): number => ((p - q) * (p - q)) / (q * (1 - q));

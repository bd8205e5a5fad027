import { type Choice, type ChosenLearner, chosen, fitChosen } from "../../learn/choice.ts";
import type { FittedLearner } from "../../learn/contract.ts";
import { crossFit, rowsWhere, takeFeatures, takeNumbers } from "../../learn/crossFit.ts";
import type { OutcomeKind } from "../../data/schema.ts";
import { type Experiment, foldsOf, type Workshop } from "./experiment.ts";

/** Learner of the expected outcome: a classifier for binary outcomes, a regressor for all others. */
export function outcomeLearnerFor(choice: Choice, kind: OutcomeKind): ChosenLearner {
  return chosen(choice, kind === "binary" ? "classifier" : "regressor");
}

/** mu_a(x) = E[Y | x, arm a], fitted on the rows of the arm, with standard errors where the learner has them and they are asked for. */
export function outcomeOfArm(learner: ChosenLearner, experiment: Experiment, a: number, shop: Workshop): Promise<FittedLearner> {
  return shop.once(`outcome of arm ${a}, all rows: ${learner.key}`, async (rng) => {
    const { x, y, arm, weight, group } = experiment;
    const rows = rowsWhere(arm.length, (i) => arm[i] === a);
    const inference = shop.errors ? { cluster: group && renumbered(rows, group) } : undefined;
    return fitChosen(learner, takeFeatures(x, rows), takeNumbers(y, rows), weight && takeNumbers(weight, rows), { ...shop, rng, inference });
  });
}

/** Groups of these rows, numbered without gaps in order of appearance. */
export function renumbered(rows: Int32Array, group: Int32Array): Int32Array {
  const numbers = new Map<number, number>();
  return rows.map((row) => {
    const known = numbers.get(group[row]) ?? numbers.size;
    numbers.set(group[row], known);
    return known;
  });
}

/** Out-of-fold mu_a(x) for every row, whatever its own arm. */
export function outcomeOfArmOutOfFold(learner: ChosenLearner, folds: number, experiment: Experiment, a: number, shop: Workshop): Promise<Float64Array> {
  return shop.once(`outcome of arm ${a} in ${folds} folds: ${learner.key}`, async (rng) => {
    const { x, y, arm, weight } = experiment;
    return crossFit(learner, x, y, weight, await foldsOf(experiment, folds, shop), (i) => arm[i] === a, { ...shop, rng });
  });
}

/** Out-of-fold m(x) = E[Y | x] among the rows of arm `a` and the control. */
export function outcomeOfPairOutOfFold(learner: ChosenLearner, folds: number, experiment: Experiment, a: number, shop: Workshop): Promise<Float64Array> {
  return shop.once(`outcome of arms 0 and ${a} in ${folds} folds: ${learner.key}`, async (rng) => {
    const { x, y, arm, weight } = experiment;
    return crossFit(learner, x, y, weight, await foldsOf(experiment, folds, shop), (i) => arm[i] === 0 || arm[i] === a, { ...shop, rng });
  });
}
